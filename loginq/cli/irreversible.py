"""What cannot be undone: what goes is said, counted, and where; where a slip would hurt, the stack's name is typed."""

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING

import typer

from loginq.cli import console
from loginq.cli.options import answer, asks, confirm, stop
from loginq.cli.session import Session
from loginq.service.operations.stats import counts_of
from loginq.service.rules.errors import LoginqError

if TYPE_CHECKING:
    from loginq.deploy.deployment import Deployment


@dataclass(frozen=True, slots=True)
class Loss:
    """What a command would take away, or disturb.

    Args:
        what: what it does, in words. counts: how many are hit, in words.
        harms: whether anybody waits whom it hits, or that is not known.
    """

    what: str
    counts: Sequence[str]
    harms: bool


def confirm_loss(target: str, loss: Callable[[], Loss], yes: bool) -> None:
    """Ask before something that cannot be undone: by the stack's name on AWS, or where it harms somebody.

    `target`: in words, as `Session.name` has it. `loss` is not called with `--yes`. Without a terminal it refuses,
    behind what it would have asked about; anything but a yes, or the name, ends the command with 1.
    """
    if yes:
        return
    found = loss()
    kind, *place, stack = target.split()
    where = "account {}, region {}".format(*place) if kind == "aws" else f"emulator {place[0]}"
    said = f"{found.what}: {', '.join([*found.counts, where])}."
    asks(yes, said)
    console.say(said)
    if kind != "aws" and not found.harms:
        confirm("Go on?", yes)
        return
    typed: str = answer(lambda: typer.prompt(f"Type {stack} to go on", default="", show_default=False, err=True))
    if typed.strip() != stack:
        stop()


def confirm_act(session: Session, what: str, yes: bool) -> None:
    """Ask, as `confirm_loss` does, before an act that everybody in this queue may notice, with how many there are."""
    confirm_loss(session.name, lambda: Loss(what, *counted(session)), yes)


def counted(session: Session) -> tuple[list[str], bool]:
    """How many wait, in line and in the intake, and are in the game, in words; and whether anybody waits.

    Where that cannot be read it says so: a queue that is broken can be acted on all the same.
    """
    return _said(lambda: _counts(session))


def counted_in(deployment: "Deployment") -> tuple[list[str], bool]:
    """The same of a deployed stack, with its accounts."""

    def count() -> tuple[list[str], bool]:
        session = Session(deployment.target(), deployment.aws)
        accounts = [] if session.target.provider else [f"about {session.users.about():,} accounts"]
        words, harms = _counts(session)
        return [*accounts, *words], harms

    return _said(count)


def _counts(session: Session) -> tuple[list[str], bool]:
    queue = session.queue
    line, t = queue.lines.read(), queue.clock()
    waiting, coming = line.waiting(t), queue.intake.depth().total
    inside = counts_of(queue, line, t).in_game
    words = [f"{waiting:,} waiting", f"about {coming:,} in the intake", f"{inside:,} in the game"]
    return words, bool(waiting or coming)


def _said(count: Callable[[], tuple[list[str], bool]]) -> tuple[list[str], bool]:
    try:
        return count()
    except LoginqError as exc:
        return [f"who is there could not be counted ({exc.message.removesuffix('.')})"], True
