"""`loginq logs`: what the lambdas said."""

import json
import time
from collections.abc import Iterator, Mapping
from functools import partial
from typing import Annotated, Any

import typer

from loginq.cli import console
from loginq.cli.command import Found, alone, command
from loginq.cli.session import open_session
from loginq.service.operations.found import identity
from loginq.service.operations.logs import LEVELS, Said
from loginq.service.rules.errors import Invalid, LoginqError
from loginq.service.rules.times import parse_duration

app = alone()


@command(app, "loginq logs process_login_queue --since 1h --level ERROR", "loginq logs --follow")
def logs(
    functions: Annotated[list[str] | None, typer.Argument(help="Their names; all of them if left out.")] = None,
    follow: Annotated[bool, typer.Option("--follow", "-f", help="Go on until Ctrl-C.")] = False,
    since: Annotated[str, typer.Option(help="How far back: 90s, 10m, 1h30m.")] = "10m",
    level: Annotated[str, typer.Option(help="The least severe: DEBUG, INFO, WARNING, ERROR.")] = "INFO",
    player: Annotated[str | None, typer.Option(help="Only lines about this user name, e-mail address or sub.")] = None,
) -> Iterator[Found]:
    """Show what the lambdas said, in order of time."""
    least = level.upper()
    if least not in LEVELS:
        raise Invalid(f"{level!r} is not a level.", f"Give one of {', '.join(LEVELS)}.")
    back = parse_duration(since)
    session = open_session()
    about = identity(session.queue, session.users, player).sub if player else ""
    session.queue.lines.read()  # its answer's Date sets the clock right
    start, clock, named = session.queue.clock() - back, session.queue.clock, functions or []
    if follow:
        endless = session.logs.follow(named, since=start, level=least, containing=about, clock=clock, sleep=time.sleep)
        yield from (_found(session.name, said) for said in endless)
        return
    nothing = True
    for said in session.logs.read(named, since=start, level=least, containing=about):
        nothing = False
        yield _found(session.name, said)
    if nothing:
        yield Found(None, partial(console.say, f"Nothing was said in the last {console.duration(back)}."))


def _found(target: str, said: Said | LoginqError) -> Found:
    """A line of the log; an error of the reading is said at once, whoever reads."""
    if isinstance(said, LoginqError):
        console.say(f"Trouble: {said.message} Trying again.")
        return Found(None)
    line = partial(draw_line, said.at, said.level, said.function, said.text, said.fields)
    return Found({"target": target, **said.document()}, line)


_LEVEL_STYLES = {"WARNING": "yellow", "ERROR": "bold red", "CRITICAL": "bold red"}


def draw_line(at: int, level: str, name: str, said: str, fields: Mapping[str, Any]) -> None:
    """One line of a log on stdout, its fields behind it."""
    more = " ".join(f"{key}={_value(value)}" for key, value in fields.items() if value is not None)
    parts = [
        console.text(f"{console.moment(at)} ", "dim"),
        console.text(f"{level:<8} ", _LEVEL_STYLES.get(level, "")),
        console.text(f"{name} ", "cyan"),
        console.text(f"{said} "),
        console.text(more, "dim"),
    ]
    out = console.out()
    out.print(*parts, sep="", soft_wrap=not console.is_live(out))


def _value(value: Any) -> str:
    return value if isinstance(value, str) else json.dumps(value, ensure_ascii=False)
