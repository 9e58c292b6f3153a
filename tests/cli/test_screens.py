"""Every command's whole screen and exit code, on moto; what needs Lambdas or a stack is in tests/e2e."""

import json
import re
import socket
from pathlib import Path
from typing import Any

import pytest
import typer.main

from loginq import __version__
from loginq.cli import CONTENTS, app
from loginq.cli.command import Named
from loginq.cli.help import summary
from loginq.cli.reference import commands
from loginq.service.operations.target import Target
from loginq.service.rules.line import Line
from loginq.service.store.queue import Queue
from tests.cli.conftest import TARGET, Run, settled


def test_cleaning_asks_first(run: Run, deployed: Target, queue: Queue) -> None:
    queue.lines.change(Line.renew)
    assert run("load", "clean").code == 2
    assert run("load", "clean", "--yes").err.splitlines()[-1] == "✓ There were no synthetic players."
    queue.table.put({"PK": "USER#synthetic-1", "SK": "METADATA#synthetic-1", "synthetic": True})
    assert json.loads(run("load", "clean", "--yes", "--json").out) == {
        "target": TARGET,
        "deleted": 1,
        "accounts": 0,
        "forgotten": 0,
        "stays": None,
    }


@pytest.mark.parametrize("players", ["0", "-3", "100001"])
def test_a_crowd_of_an_impossible_size(run: Run, deployed: Target, players: str) -> None:
    screen = run("load", "run", "--players", players)
    assert screen.code == 2
    assert "100000" in screen.err.replace(",", "")


# No target, or none that answers


def test_without_a_target(run: Run) -> None:
    for words in (("queue", "stats"), ("rate", "set", "5"), ("users", "list"), ("players", "list"), ("status",)):
        screen = run(*words)
        assert (screen.code, screen.out) == (3, "")
        assert screen.err.startswith("Error: No target: neither .env nor the environment names one.\n")
        assert "`loginq deploy`" in screen.err


def test_half_a_target_names_what_is_missing(run: Run, deployed: Target, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.delenv("SQS_URL")
    first = run("queue", "stats").err.splitlines()[0]
    assert first.startswith("Error: No target: the environment sets ") and first.endswith(" and not SQS_URL.")


def test_a_dot_env_is_a_target(run: Run, target: Target, queue: Queue) -> None:
    settled(queue, Line(tail=1, paused=True))
    Path(".env").write_text("# mine\n" + "".join(f"{k}={v}\n" for k, v in target.names().items()))
    assert json.loads(run("queue", "stats", "--json").out)["line"]["tail"] == 1


def test_no_credentials(run: Run, deployed: Target, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.delenv("AWS_ACCESS_KEY_ID")
    monkeypatch.delenv("AWS_SECRET_ACCESS_KEY")
    for name in ("AWS_SESSION_TOKEN", "AWS_SECURITY_TOKEN"):
        monkeypatch.delenv(name, raising=False)
    screen = run("queue", "stats")
    assert (screen.code, screen.out) == (4, "")
    assert screen.err.startswith("Error: AWS credentials are missing or cannot be used")
    assert "aws sso login" in screen.err


def test_no_region(run: Run, target: Target) -> None:
    screen = run("--stack", "loginq", "queue", "stats")
    assert (screen.code, screen.err) == (
        2,
        "Error: No AWS region is set.\nSet AWS_DEFAULT_REGION, or give --region or a profile that has one.",
    )


def test_an_emulator_that_is_gone(run: Run, monkeypatch: pytest.MonkeyPatch) -> None:
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        port = probe.getsockname()[1]
    monkeypatch.setenv("AWS_ENDPOINT_URL", f"http://127.0.0.1:{port}")
    monkeypatch.setenv("LOGINQ_STACK", "loginq")
    screen = run("queue", "stats")
    assert (screen.code, screen.err) == (
        3,
        f"Error: The emulator at http://127.0.0.1:{port} does not answer.\n"
        "Start it with `loginq local up`. More: `loginq guide operating`.",
    )


# The frame


def test_version(run: Run) -> None:
    assert run("--version").out == f"loginq {__version__}"


def test_every_command_has_help_with_an_example(run: Run) -> None:
    found = [words for words, _ in commands(typer.main.get_command(app))]
    assert len(found) >= 22
    for words in found:
        screen = run(*words[1:], "--help")
        assert screen.code == 0
        examples = screen.out.partition(" Example")[2].splitlines()[1:]
        assert examples and all(line.startswith("   " + " ".join(words)) for line in examples), words


def test_wrong_usage(run: Run) -> None:
    assert run("rate", "set").code == 2
    assert run("nonsense").code == 2
    assert run("players", "list", "--limit", "0").code == 2


def test_help_fits_80_columns_and_says_each_summary_in_one_line(run: Run, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("COLUMNS", "80")

    def screens(command: Any, words: list[str]) -> None:
        command = command.real if isinstance(command, Named) else command
        out = run(*words, "--help").out
        assert max(map(len, out.splitlines())) <= 80 and "…" not in out, words
        assert f" {summary(command)}\n" in out
        for name, child in getattr(command, "commands", {}).items():
            assert re.search(rf"^│ {name} +{re.escape(summary(child))} +│$", out, re.MULTILINE), name
            screens(child, [*words, name])

    screens(typer.main.get_command(app), [])


def test_the_contents_say_what_each_command_says_of_itself() -> None:
    for name, listed in typer.main.get_command(app).commands.items():  # type: ignore[attr-defined]
        assert summary(listed) == summary(listed.real), name


def test_the_help_of_loginq(run: Run, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("COLUMNS", "80")
    out = run("--help").out
    assert re.findall(r"^╭─ (\w+) ─+╮$", out, re.MULTILINE) == ["Options", *CONTENTS]
    assert out.endswith(" Example:\n   loginq demo")


def test_the_help_of_a_command(run: Run, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("COLUMNS", "60")
    assert (
        run("queue", "peek", "-h").out
        == """
 Usage: loginq queue peek [OPTIONS]

 Look at what sits in the intake, without taking it.

 Each look hides the messages from placing for a moment.

╭─ Options ────────────────────────────────────────────────╮
│ --limit <int range>  How many at most. [default: 10;     │
│                      1<=x<=500]                          │
│ --json               Print JSON instead.                 │
│ -h, --help           Show this message and exit.         │
╰──────────────────────────────────────────────────────────╯
 Example:
   loginq queue peek --limit 20""".strip("\n")
    )
