"""`--json`: the documents of the commands that no other test here prints; `run` holds them against the guide."""

import json
from collections.abc import Iterator
from functools import partial

import pytest

from loginq.emulator import Emulator, Running
from loginq.service.operations.logs import Logs, Said
from loginq.service.operations.operator import Operator
from loginq.service.operations.target import Target, in_words
from loginq.service.rules.errors import Failed
from loginq.service.rules.line import Line
from loginq.service.store.queue import Queue, connect
from tests.cli.conftest import TARGET, Run


@pytest.fixture(autouse=True)
def _by_the_same_clock(monkeypatch: pytest.MonkeyPatch, now: list[int]) -> None:
    """The console goes by the tests' clock, which stands."""
    monkeypatch.setattr("loginq.cli.session.connect", partial(connect, clock=lambda: now[0]))


def documents(run: Run, *words: str) -> list[dict[str, object]]:
    screen = run(*words, "--json")
    found = [json.loads(line) for line in screen.out.splitlines()]
    assert screen.code == 0 and found, (words, screen.err)
    return found


def test_on_a_line(run: Run, deployed: Target, queue: Queue, monkeypatch: pytest.MonkeyPatch) -> None:
    queue.lines.change(Line.renew)
    run("users", "create", "ada", "--email", "ada@example.com", "--generate")
    monkeypatch.setattr("loginq.cli.load.send", lambda session, players: "0a1b2c3d")
    monkeypatch.setattr("loginq.cli.session.Session.keys", None)
    monkeypatch.setattr(Operator, "issue_token", lambda *_: ("eyJ", 0))
    for words in (
        "queue resume",
        "queue open",
        "queue dlq",
        "queue note hello",
        "rate ramp 10 20 --over 10m",
        "rate clear",
        "users confirm ada",
        "users enable ada",
        "load run --players 3",
        "token issue ada --yes",
    ):
        screen = run(*words.split(), "--json")
        assert screen.out, (words, screen.err)
        (document,) = (json.loads(line) for line in screen.out.splitlines())
        assert document["target"] == TARGET, words


def test_of_streams_each_document_is_whole(
    run: Run, deployed: Target, queue: Queue, monkeypatch: pytest.MonkeyPatch
) -> None:
    def over(seconds: float) -> None:
        raise Failed("That was all.")

    said = Said(0, "put_player_info", "INFO", "Registered", {"player": "sub"})
    monkeypatch.setattr("loginq.cli.session.Session.logs", Scripted(said))
    monkeypatch.setattr("loginq.cli.watch.time.sleep", over)
    queue.lines.change(Line.renew)
    for words in (("logs",), ("queue", "watch")):
        screen = run(*words, "--json")
        assert [json.loads(line)["target"] for line in screen.out.splitlines()] == [TARGET], words


class Scripted(Logs):
    def __init__(self, *said: Said) -> None:
        self._said = said

    def read(self, *_: object, **__: object) -> Iterator[Said]:
        return iter(self._said)


class Here(Emulator):
    """One that does what it is told without a process."""

    def up(self, *_: object) -> Running:
        return Running(1, 4566)

    def down(self) -> bool:
        return True


def test_of_the_emulator_its_folder_is_the_target(run: Run, monkeypatch: pytest.MonkeyPatch) -> None:
    emulator = Here()
    monkeypatch.setattr("loginq.cli.local.Emulator", lambda: emulator)
    for words in ("up", "down", "status", "logs", "reset --yes"):
        (document,) = documents(run, "local", *words.split())
        assert document["target"] == f"emulator in {emulator.folder}", words


@pytest.mark.parametrize(
    ("known", "words"),
    [
        (("eu", "eu-west-1", None, "123456789012"), "aws 123456789012 eu-west-1 eu"),
        (("eu", "eu-west-1"), "aws eu-west-1 eu"),
        (("eu", None), "aws eu"),
        (("eu", "us-east-1", "http://127.0.0.1:4566", "000000000000"), "emulator 127.0.0.1:4566 eu"),
    ],
)
def test_a_target_in_words(known: tuple[str, ...], words: str) -> None:
    assert in_words(*known) == words
