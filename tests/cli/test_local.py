"""`loginq local` where there is no emulator that could answer: what it says, and what it leaves alone."""

import json
from pathlib import Path

import pytest

from loginq.emulator import Emulator
from tests.cli.conftest import Run
from tests.unit.test_emulator import process

COMMANDS = ("up", "down", "status", "status --json", "reset --yes", "logs")


@pytest.mark.parametrize("command", COMMANDS)
def test_a_folder_that_is_gone(tmp_path: Path, monkeypatch: pytest.MonkeyPatch, run: Run, command: str) -> None:
    run("local", "status")  # Typer imports at its first call, which a worker of pytest, a `python -c`, cannot in there
    gone = tmp_path / "gone"
    gone.mkdir()
    monkeypatch.chdir(gone)
    gone.rmdir()
    screen = run("local", *command.split())
    assert (screen.code, screen.out, screen.err) == (
        1,
        "",
        "Error: The folder that you are in is gone.\ncd to another one.",
    )


def test_status_of_one_that_lives_and_does_not_answer(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, run: Run
) -> None:
    monkeypatch.chdir(tmp_path)
    folder = tmp_path / ".loginq"
    with process(Emulator()) as sleeper:
        assert json.loads(run("local", "status", "--json").out) == {
            "target": f"emulator in {folder}",
            "running": False,
            "lives": True,
            "died": False,
            "folder": str(folder),
        }
        assert f"not answering: process {sleeper.pid} lives" in run("local", "status").out
        up = run("local", "up")
        assert (up.code, up.err) == (
            1,
            f"Error: The emulator in {folder} (process {sleeper.pid}) lives but does not answer.\n"
            "Wait a moment if it is busy, or stop it with `loginq local down`.",
        )
    assert json.loads(run("local", "status", "--json").out)["died"] is True
    assert "its process ended without" in run("local", "status").out


def test_an_origin_that_is_none(tmp_path: Path, monkeypatch: pytest.MonkeyPatch, run: Run) -> None:
    monkeypatch.chdir(tmp_path)
    screen = run("local", "up", "--origin", "http://localhost:3000", "--origin", "https://game.example/")
    assert (screen.code, screen.out, screen.err) == (
        2,
        "",
        "Error: 'https://game.example/' is not the origin of a web page.\n"
        "Give http://HOST[:PORT] or https://HOST[:PORT] with nothing behind it, for example http://localhost:3000.",
    )
