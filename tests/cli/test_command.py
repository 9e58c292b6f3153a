"""One way to register a command, one place that prints what it returns."""

import json
from collections.abc import Callable, Iterator
from functools import partial
from typing import Any

import typer
from typer.testing import CliRunner, Result

from loginq.cli import console
from loginq.cli.command import Found, command, group, listed

Ask = Callable[..., Result]


def asking(*works: Callable[..., Any]) -> Ask:
    app = group("Some commands.")
    for work in works:
        command(app, f"some {work.__name__}")(work)
    return lambda *words: CliRunner().invoke(app, list(words))


def test_what_is_found_is_a_document_or_a_screen() -> None:
    def one(n: int) -> Found:
        return Found({"n": n}, partial(console.lines, [f"It is {n}."]))

    ask = asking(one)
    assert ask("one", "5").stdout == "It is 5.\n"
    assert ask("one", "5", "--json").stdout == '{"target": null, "n": 5}\n'


def test_a_list_has_a_target_and_a_total() -> None:
    found = listed("aws", [1, 2], lambda: None, 7)
    assert found.document == {"target": "aws", "items": [1, 2], "total": 7}
    assert asking(giving("some", found))("some", "--json").stdout == '{"target": "aws", "items": [1, 2], "total": 7}\n'


def giving(name: str, found: Found) -> Callable[[], Found]:
    def work() -> Found:
        return found

    work.__name__ = name
    return work


def test_what_is_not_well_is_printed_and_ends_with_1() -> None:
    ask = asking(giving("bad", Found({"ok": False}, ok=False)))
    result = ask("bad", "--json")
    assert (result.exit_code, json.loads(result.stdout)) == (1, {"target": None, "ok": False})


def test_what_only_people_are_told_is_no_document() -> None:
    def stream() -> Iterator[Found]:
        yield Found({"n": 1})
        yield Found(None, partial(console.lines, ["That was all."]))

    ask = asking(stream)
    assert ask("stream", "--json").stdout == '{"target": null, "n": 1}\n'
    assert ask("stream").stdout == "That was all.\n"


def test_what_was_done_is_printed_before_an_interrupt_goes_on() -> None:
    def work() -> Iterator[Found]:
        done = 0
        try:
            done += 1
            raise SystemExit(143)
        finally:
            yield Found({"done": done})

    result = asking(work)("work", "--json")
    assert (result.exit_code, result.stdout) == (143, '{"target": null, "done": 1}\n')


def test_a_command_that_asks_is_told_of_json_and_one_that_returns_nothing_has_none() -> None:
    def told(json: bool = False) -> Found:
        return Found({"json": json})

    def mute() -> None:
        typer.echo("drawn")

    ask = asking(told, mute)
    assert ask("mute").stdout == "drawn\n" and ask("mute", "--json").exit_code == 2
