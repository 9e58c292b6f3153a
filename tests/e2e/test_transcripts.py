"""Sessions at the terminal, word for word: each of `transcripts` is run again, and every screen must be as it says.

What differs each time (dates, ids, ports) stands there as one word in angle brackets. `WRITE_TRANSCRIPTS=1 pytest
tests/e2e/test_transcripts.py` writes them anew; read the difference before you keep it.
"""

import json
import os
import re
import shlex
from pathlib import Path

import pytest
from typer.testing import CliRunner

from loginq.cli import app
from loginq.emulator import Emulator
from tests.cli.conftest import clean
from tests.e2e.conftest import free_port, in_process, until

TRANSCRIPTS = sorted(Path(__file__).with_name("transcripts").glob("*.txt"))
_VARIES = [
    (r"127\.0\.0\.1:\d+", "<address>"),
    (r"/restapis/\w+/", "/restapis/<api>/"),
    (r"\d{4}-\d\d-\d\d \d\d:\d\d:\d\d", "<date>"),
    (r"\d{4}-\d\d-\d\dT[\d:.]+Z", "<instant>"),
    (r"[0-9a-f]{8}-[0-9a-f]{4}-[0-9a-f]{4}-[0-9a-f]{4}-[0-9a-f]{12}", "<uuid>"),
    (r"us-east-1_\w{9}", "<pool>"),
    (r"(COGNITO_USER_CLIENT_ID=|UserClientId=|UserClient +)\w+", r"\1<client>"),
    (r"(loginq-(?:Intake|Table)-)\w+", r"\1<suffix>"),
    (r"bundle [0-9a-f]+… \([\d,]+ KB\)", "bundle <hash> (<size>)"),
    (r"(bundle +)[0-9a-f]{12}", r"\1<hash>"),
    (r"process \d+", "process <pid>"),
    (r"(reached +)(\d+) of \2\b", r"\1<all> of <all>"),
    (r"(?m)^demo-\d+: .*\n", ""),
    (r"demo-\d+", "<demo>"),
    (r"(newcomer waits +)\d+ s", r"\1<soon>"),
    (r"\d+ s ago", "<soon> ago"),
    (r"about \d+ in the intake", "about <some> in the intake"),
    (r"\(run [0-9a-f]{8}\)", "(run <run>)"),
    (r"synthetic-[0-9a-f]{8}", "synthetic-<run>"),
    (r"[\w-]{43}", "<key>"),
    (r"\d+(\.\d+)? ms", "<ms>"),
    (r" 0\.[1-9]\d*/s| \d{1,2}\.\d/s", " <rate>/s"),
    (r"(arriving|front door)(:? +)(?:not known|\d[^│]*?(?:ago|5xx)).*", r"\1\2<seen>"),
    (r"(?m)\s*│$", " │"),
    (r"─{3,}", "───"),
    (r" {3,}", "   "),
]


def told(text: str, folder: Path) -> str:
    """A screen without what differs each time."""
    text = clean(text).replace(str(folder), "<folder>")
    for pattern, word in _VARIES:
        text = re.sub(pattern, word, text)
    return text


@pytest.mark.parametrize(
    "transcript",
    [pytest.param(path, marks=pytest.mark.drills if path.stem != "demo" else (), id=path.stem) for path in TRANSCRIPTS],
)
def test_a_session(transcript: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("PORT", str(free_port()))
    monkeypatch.setattr("loginq.cli.demo.CROWD", 30)
    written = transcript.read_text(encoding="utf-8")
    try:
        replayed = "".join(_replayed(line, tmp_path) for line in written.splitlines() if line.startswith(("$ ", "# ")))
    finally:
        Emulator(tmp_path / ".loginq").down()
    if os.environ.get("WRITE_TRANSCRIPTS"):
        transcript.write_text(replayed, encoding="utf-8")
    assert replayed == written


def _nothing_is_on_its_way() -> bool:
    """Whether what was sent is in line: placing takes its time, and a screen would show how much."""
    code, out, _ = in_process("queue", "stats", "--json")
    return code != 0 or not any(json.loads(out)["intake"][where] for where in ("visible", "in_flight", "delayed"))


def _replayed(line: str, folder: Path) -> str:
    """One line of the transcript with what it prints: stdout, then stderr behind `! `, then the exit code if not 0."""
    if line.startswith("# "):
        return f"\n{line}\n"
    command, _, stdin = line.removeprefix("$ loginq ").partition(" <<< ")
    words = [os.path.expandvars(word) for word in shlex.split(command)]
    if words[:2] == ["queue", "stats"]:
        until(_nothing_is_on_its_way)
    result = CliRunner().invoke(app, words, input=f"{stdin}\n" if stdin else None, prog_name="loginq")
    if result.exception is not None and not isinstance(result.exception, SystemExit):
        raise result.exception
    out, err = told(result.stdout, folder), told(result.stderr, folder)
    said = f"{out}\n" * bool(out) + "".join(f"! {row}".rstrip() + "\n" for row in err.splitlines())
    return f"\n{line}\n{said}" + f"[{result.exit_code}]\n" * (result.exit_code != 0)
