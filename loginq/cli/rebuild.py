"""`loginq queue rebuild`: the line made anew, when its item is lost or spoilt."""

import time
from dataclasses import replace
from functools import partial

from loginq.cli import console
from loginq.cli.command import Found
from loginq.cli.options import Yes, confirm
from loginq.cli.rate import WhatIf
from loginq.cli.session import Session, open_session
from loginq.service.operations.rebuilding import check, remains
from loginq.service.rules.line import Line
from loginq.service.rules.rebuild import Remains, rebuilt


def rebuild(what_if: WhatIf = False, yes: Yes = False) -> Found:
    """Make a lost or spoilt line anew, from players and rosters.

    Everybody keeps the place, and as many are in the game as before. It begins paused, at rate 0.
    """
    session = open_session()
    check(session.queue)
    if not what_if:
        session.announce()
        _wait(session)
    there, line = _found(session)
    console.say(_said(line))
    document = {"target": session.name, "tail": line.tail, "reached": line.reached_to, "waiting": _waiting(line)}
    if what_if:
        return Found({**document, "changed": False}, partial(console.say, "Nothing was changed."))
    confirm("Make the line so?", yes)
    session.operator.rebuild(there, line)
    said = f"The line is there again: {_waiting(line):,} wait, at the places that they had. It is paused at rate 0."
    return Found({**document, "changed": True}, partial(_draw, said))


def _wait(session: Session) -> None:
    """Until no call runs that took positions from the line before it was lost: their rosters are written by then."""
    seconds = int(session.stack.parameters()["PlacingTimeoutSeconds"])
    with console.progress("Waiting for calls that are still running", seconds) as advance:
        for _ in range(seconds):
            time.sleep(1)
            advance(1)


def _found(session: Session) -> tuple[Remains, Line]:
    queue = session.queue
    with console.progress("Reading players", None) as advance:
        there = remains(queue, advance)
    return there, replace(rebuilt(there, queue.rules, queue.clock()), kid=session.keys.read().active["kid"])


def _waiting(line: Line) -> int:
    return line.tail - line.reached_to


def _said(line: Line) -> str:
    """What the line will be."""
    limit = "no limit" if line.capacity is None else f"a capacity of {line.capacity:,}"
    return (
        f"{line.tail:,} places, the first {line.reached_to:,} of them reached; {_waiting(line):,} wait. "
        f"{line.occupied(line.anchored_at):,} places in the game are taken or held, with {limit}."
    )


def _draw(said: str) -> None:
    console.done(said)
    console.say("Next: `loginq queue stats`, `loginq rate set 20`, then `loginq queue resume`.")
