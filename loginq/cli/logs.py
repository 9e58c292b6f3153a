"""`loginq logs`: what the lambdas said."""

from typing import TYPE_CHECKING, Annotated, Any

import typer

from loginq.cli.options import Json, example

if TYPE_CHECKING:
    from loginq.service.operations.logs import Said

HELP: dict[str, Any] = example("loginq logs process_login_queue --since 1h --level ERROR", "loginq logs --follow")


def logs(
    functions: Annotated[list[str] | None, typer.Argument(help="Their names; all of them if left out.")] = None,
    follow: Annotated[bool, typer.Option("--follow", "-f", help="Go on until Ctrl-C.")] = False,
    since: Annotated[str, typer.Option(help="How far back: 90s, 10m, 1h30m.")] = "10m",
    level: Annotated[str, typer.Option(help="The least severe: DEBUG, INFO, WARNING, ERROR.")] = "INFO",
    player: Annotated[str | None, typer.Option(help="Only lines about this user name, e-mail address or sub.")] = None,
    json: Json = False,
) -> None:
    """Show what the lambdas said, in order of time."""
    import time

    from loginq.cli import console
    from loginq.cli.session import open_session
    from loginq.service.operations.found import identity
    from loginq.service.operations.logs import LEVELS
    from loginq.service.rules.errors import Invalid, LoginqError
    from loginq.service.rules.times import parse_duration

    least = level.upper()
    if least not in LEVELS:
        raise Invalid(f"{level!r} is not a level.", f"Give one of {', '.join(LEVELS)}.")
    back = parse_duration(since)
    session = open_session()
    about = identity(session.queue, session.users, player).sub if player else ""
    session.queue.lines.read()  # its answer's Date sets the clock right
    start = session.queue.clock() - back
    named = functions or []
    if follow:
        clock = session.queue.clock
        endless = session.logs.follow(named, since=start, level=least, containing=about, clock=clock, sleep=time.sleep)
        for said in endless:
            if isinstance(said, LoginqError):
                console.say(f"Trouble: {said.message} Trying again.")
            else:
                _show(said, json)
        return
    nothing = True
    for line in session.logs.read(named, since=start, level=least, containing=about):
        nothing = False
        _show(line, json)
    if nothing and not json:
        console.say(f"Nothing was said in the last {console.duration(back)}.")


def _show(said: "Said", json: bool) -> None:
    from loginq.cli import console

    if json:
        console.document(said.document())
    else:
        console.log_line(said.at, said.level, said.function, said.text, said.fields)
