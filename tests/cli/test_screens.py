"""Every command's whole screen and exit code, on moto; what needs Lambdas or a stack is in tests/e2e."""

import json
import socket
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

from loginq import __version__
from loginq.service.operations.target import Target
from loginq.service.rules.line import Line
from loginq.service.store.queue import Queue
from tests.cli.conftest import TARGET, Run, settled


def test_cleaning_asks_first(run: Run, deployed: Target, queue: Queue) -> None:
    assert run("load", "clean").code == 2
    assert run("load", "clean", "--yes").err.splitlines()[-1] == "✓ There were no synthetic players."
    queue.table.put({"PK": "USER#synthetic-1", "SK": "METADATA#synthetic-1", "synthetic": True})
    assert json.loads(run("load", "clean", "--yes", "--json").out) == {"target": TARGET, "deleted": 1, "accounts": 0}


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
    import typer.main

    from loginq.cli import app

    def leaves(command: Any, words: list[str]) -> Iterator[list[str]]:
        for name, child in getattr(command, "commands", {}).items():
            yield from leaves(child, [*words, name])
        if not hasattr(command, "commands"):
            yield words

    found = list(leaves(typer.main.get_command(app), []))
    assert len(found) >= 22
    for words in found:
        screen = run(*words, "--help")
        assert screen.code == 0
        examples = screen.out.partition("Example")[2].splitlines()[1:]
        assert any(line.strip().startswith(" ".join(["loginq", *words])) for line in examples), words


def test_wrong_usage(run: Run) -> None:
    assert run("rate", "set").code == 2
    assert run("nonsense").code == 2
    assert run("players", "list", "--limit", "0").code == 2


@pytest.mark.parametrize("group", ["", "local", "users", "queue", "players", "rate", "load", "keys", "token"])
def test_a_list_of_commands_is_not_cut_off(run: Run, monkeypatch: pytest.MonkeyPatch, group: str) -> None:
    monkeypatch.setenv("COLUMNS", "80")
    listed = run(*group.split(), "--help").out.partition("Commands:")[2]
    assert listed and [line for line in listed.splitlines() if line.endswith("...")] == []
