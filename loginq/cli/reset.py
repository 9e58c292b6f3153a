"""`loginq queue reset`: a line in which no real player waits, forgotten."""

from functools import partial

from loginq.cli import console
from loginq.cli.command import Found
from loginq.cli.irreversible import Loss, confirm_loss
from loginq.cli.options import Yes
from loginq.cli.session import Session, open_session
from loginq.service.operations.resetting import check, occupants, staying
from loginq.service.rules.errors import Conflict


def reset(yes: Yes = False) -> Found:
    """Forget a line in which no real player waits.

    It moves on past every place there is: for a rehearsal's crowd. Who is in the game stays, and so do rate, plan,
    capacity, pause and message.
    """
    session = open_session()
    session.announce()
    queue = session.queue
    line = queue.lines.read()
    check(queue, line, occupants(queue, line))
    confirm_loss(session.name, lambda: _loss(session), yes)
    gone = session.operator.reset_line().act.before
    said = told(gone) if gone else "Nobody was in line; tickets in the intake are void."
    return Found({"target": session.name, "forgotten": gone}, partial(console.done, said))


def _loss(session: Session) -> Loss:
    queue = session.queue
    places, coming = queue.lines.read().waiting(queue.clock()), queue.intake.depth().total
    counts = [f"{places:,} places", f"about {coming:,} tickets in the intake, whose players ask anew"]
    return Loss("Forget the line", counts, harms=bool(coming))


def told(places: int) -> str:
    """What is true once so many places are forgotten."""
    return f"{places:,} places of nobody are forgotten; who comes next is first in line."


def forget(session: Session) -> tuple[int, str]:
    """Forget what a rehearsal left in line; how many places, and what stays, in words, because real players wait."""
    queue = session.queue
    line = queue.lines.read()
    if line.counted_to == line.tail:
        return 0, ""
    try:
        return session.operator.reset_line().act.before, ""
    except Conflict as exc:
        line = queue.lines.read()
        found = occupants(queue, line)
        return 0, staying(queue, line, found) if found.real else f"{exc.message} `loginq queue reset` does the rest."
