"""`.env`: only our own lines are touched, whatever the file looks like; every other byte, and the link, stays."""

from dataclasses import replace
from pathlib import Path

import pytest

from loginq.deploy import envfile
from loginq.service.operations.target import Target
from loginq.service.rules.errors import Failed

QUEUE = ("loginq", "eu-west-1", "t", "https://sqs.eu-west-1.amazonaws.com/1/loginq-Intake-1", "eu-west-1_p", "c")
CLOUD = Target(*QUEUE, "https://api.example/v1", account="111111111111", profile="studio")
LOCAL = Target(*QUEUE, "http://127.0.0.1:1/v1", "http://127.0.0.1:1", "test", "test")


def test_what_was_written_reads_back(tmp_path: Path) -> None:
    file = tmp_path / ".env"
    envfile.write(CLOUD, file)
    assert file.stat().st_mode & 0o777 == 0o600
    assert Target.from_names(envfile.read(file)) == CLOUD
    assert list(tmp_path.iterdir()) == [file]


@pytest.mark.parametrize("end", ["\n", "\r\n"])
@pytest.mark.parametrize("mark", ["", "\ufeff"])
def test_every_other_byte_stays(tmp_path: Path, end: str, mark: str) -> None:
    file = tmp_path / ".env"
    theirs = [
        f"{mark}GAME='awsome'",
        "# mine",
        "",
        "export A=1   # why",
        'B="two\\nlines"',
        "LOGINQ_STACK=old",
        "C = ${A}",
    ]
    file.write_bytes(end.join(theirs).encode())
    envfile.write(CLOUD, file)
    text = file.read_bytes().decode()
    expected = [line if line != "LOGINQ_STACK=old" else "LOGINQ_STACK=loginq" for line in theirs]
    assert text.startswith(end.join(expected) + end)
    assert ("\r" in text) == (end == "\r\n") and text.replace("\r\n", "").count("\r") == 0
    assert envfile.read(file)["GAME"] == "awsome"
    envfile.forget(file)
    left = [line for line in theirs if line != "LOGINQ_STACK=old"]
    assert file.read_bytes().decode() == end.join([*left, f"AWS_PROFILE=studio{end}"])


def test_a_link_stays_one(tmp_path: Path) -> None:
    shared = tmp_path / "shared" / "studio.env"
    shared.parent.mkdir()
    shared.write_text("GAME=awsome\n")
    shared.chmod(0o640)
    link = tmp_path / ".env"
    link.symlink_to(shared)
    envfile.write(CLOUD, link)
    assert link.is_symlink() and "LOGINQ_STACK=loginq" in shared.read_text()
    assert shared.stat().st_mode & 0o777 == 0o640


def test_an_emulators_lines_come_and_go_and_come_again(tmp_path: Path) -> None:
    file = tmp_path / ".env"
    edge = replace(CLOUD, api_url="https://d111.cloudfront.net", sessions_url="https://api.example/v1")
    for target in (LOCAL, LOCAL, edge, CLOUD, LOCAL):
        envfile.write(target, file)
        assert ("LOGINQ_SESSIONS_ENDPOINT" in envfile.read(file)) == (target is edge)
        assert ("AWS_ENDPOINT_URL" in envfile.read(file)) == (target is LOCAL)
        assert ("LOGINQ_ACCOUNT" in envfile.read(file)) == (target in (edge, CLOUD))


@pytest.mark.parametrize("content", [b"GAME=\xff\xfe", None])
def test_what_is_no_text_file_is_said(tmp_path: Path, content: bytes | None) -> None:
    file = tmp_path / ".env"
    file.mkdir() if content is None else file.write_bytes(content)
    for use in (lambda: envfile.read(file), lambda: envfile.write(CLOUD, file)):
        with pytest.raises(Failed, match="cannot be read"):
            use()
