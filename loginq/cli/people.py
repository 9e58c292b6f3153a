"""One act on the people who are named: by arguments, by a file, on stdin."""

from collections.abc import Iterator, Sequence
from functools import partial
from pathlib import Path
from typing import Annotated, Any

import typer

from loginq.cli import console
from loginq.cli.command import Found
from loginq.cli.completion import player_names
from loginq.cli.reading import STDIN, lines_of
from loginq.cli.session import Session
from loginq.service.operations.together import Given, Together, Verb
from loginq.service.rules.errors import Invalid, LoginqError

Names = Annotated[
    list[str] | None,
    typer.Argument(help="User names, e-mail addresses or subs; - for stdin.", autocompletion=player_names),
]
File = Annotated[
    Path | None,
    typer.Option(
        "--file",
        help="A file with a name a line, - for stdin; `# ` begins a remark.",
        dir_okay=False,
    ),
]
SHOWN = 20
"""Names of which each is told on the screen; of more, those that failed."""
_FROM_STDIN = "stdin"


class People:
    """Who is named, each once, and where."""

    def __init__(self, names: Sequence[str] | None, file: Path | None) -> None:
        """Raises `Invalid` when nobody is."""
        given = [line for name in names or [] for line in (lines_of(STDIN) if name == str(STDIN) else [name])]
        given += lines_of(file) if file else []
        if not given:
            raise Invalid("No player is named.", "Give names, --file FILE, or - for stdin.")
        self.names = list(dict.fromkeys(given))
        typed = [name for name in names or [] if name != str(STDIN)]
        from_file = [_FROM_STDIN if file == STDIN else file.name] if file else []
        piped = [_FROM_STDIN] if str(STDIN) in (names or []) else []
        self.source = ", ".join([*from_file, *piped, *([f"{len(typed):,} typed"] if typed else [])])

    @property
    def alone(self) -> str | None:
        """The only one, if there is but one."""
        return self.names[0] if len(self.names) == 1 else None


def every(session: Session, verb: Verb, people: People, doing: str) -> Iterator[Found]:
    """The same for each of these, some at a time, and what became of each.

    Interrupted, it says what was done; the same command again does the rest.
    """
    names, results = people.names, list[dict[str, Any]]()
    act = Together(session.operator, verb, names, people.source)
    try:
        with console.progress(doing, len(names)) as advance:
            for some in act:
                results += [_result(name, outcome) for name, outcome in some]
                advance(len(some))
    except BaseException:
        yield _found(session, act, results, len(names))
        left = len(names) - len(results)
        console.say(f"Stopped: {len(results):,} are done, {left:,} are not. The same command again does the rest.")
        raise
    yield _found(session, act, results, len(names))


def _result(name: str, outcome: str | LoginqError) -> dict[str, Any]:
    told = outcome.message if isinstance(outcome, LoginqError) else outcome
    given = {"password": outcome.password} if isinstance(outcome, Given) else {}
    return {"player": name, "ok": isinstance(outcome, str), "result": told, **given}


def _found(session: Session, act: Together, results: list[dict[str, Any]], asked: int) -> Found:
    document = {
        "target": session.name,
        "act": act.id or None,
        "items": results,
        "total": len(results),
        "left": asked - len(results),
    }
    return Found(document, partial(_draw, act.id, results), ok=all(each["ok"] for each in results))


def _draw(act: str, results: Sequence[dict[str, Any]]) -> None:
    short = len(results) <= SHOWN
    if not short:
        counts = dict[str, int]()
        for each in results:
            said = each["result"] if each["ok"] else "failed"
            counts[said] = counts.get(said, 0) + 1
        console.done(", ".join(f"{count:,} {said}" for said, count in counts.items()) + ".")
    shown = results if short else [each for each in results if not each["ok"]][:SHOWN]
    if shown:
        console.table(["player", "result"], [(each["player"], each["result"]) for each in shown], empty="")
    if not short:
        console.say(f"Who they are: `loginq queue audit --act {act}`.")
