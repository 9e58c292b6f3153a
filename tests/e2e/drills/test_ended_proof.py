"""A proof that is ended on its way, on a stack on which nobody else has played."""

import json
import signal
import subprocess
from pathlib import Path

import pytest

from tests.e2e.conftest import Stack, in_process, until
from tests.e2e.terminal import LOGINQ, environment
from tests.e2e.test_live import alarm, left, proof, wrong

PARAMETERS: dict[str, str] = {}
"""What `stack` is deployed with."""


def begun(stack: Stack, folder: Path, step: str) -> "subprocess.Popen[str]":
    """A proof in a process of its own, which has just done this step."""
    words = [*LOGINQ, "doctor", "--live", "--report", str(folder / "live.json"), "--yes"]
    environ = environment(stack.target.names())
    proving = subprocess.Popen(
        words, env=environ, cwd=folder, text=True, stdout=subprocess.PIPE, stderr=subprocess.PIPE
    )
    assert proving.stderr
    read = proving.stderr.readline
    until(lambda: read().startswith(f"✓ {step}:"))
    return proving


@pytest.mark.drills
@pytest.mark.parametrize("step", ["pause", "resume", "settling"])
@pytest.mark.parametrize(("by", "code"), [(signal.SIGINT, 130), (signal.SIGTERM, 143)])
def test_however_it_is_ended_nothing_is_left(
    here: Stack, tmp_path: Path, by: signal.Signals, code: int, step: str
) -> None:
    before = left(here)
    with alarm(here):  # which is waited for: so the proof is not over before it is ended
        proving = begun(here, tmp_path, step)
        proving.send_signal(by)
        _, said = proving.communicate(timeout=120)
    assert proving.returncode == code, said
    document = json.loads((tmp_path / "live.json").read_text())
    assert not document["proved"] and wrong(document) == []
    assert left(here) == before


@pytest.mark.drills
def test_what_a_killed_one_leaves_is_found(here: Stack, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """The line is set back by hand; the rest goes with the next proof, once nobody can be using it any more."""
    before = left(here)
    proving = begun(here, tmp_path, "place")
    proving.kill()
    proving.communicate()
    code, document, _ = proof(tmp_path)
    assert (code, wrong(document)) == (1, ["alone"])
    assert any("Another proof is under way" in each["says"] for each in document["steps"])
    (dead,) = here.users.starting_with("doctor-")
    for words in (("rate", "set", "20"), ("queue", "resume"), ("players", "remove", dead.username), ("queue", "reset")):
        assert in_process(*words, *(["--yes"] if words[1] != "resume" else []))[0] == 0
    monkeypatch.setattr("loginq.doctor.live.player._AS_LONG", 0)
    code, document, said = proof(tmp_path)
    assert (code, document["proved"]) == (0, True), said
    assert left(here) == before
