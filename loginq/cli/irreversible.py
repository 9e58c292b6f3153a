"""What cannot be undone: what goes is said, counted, and where; where a slip would hurt, the stack's name is typed."""

from collections.abc import Callable, Sequence
from dataclasses import dataclass

import typer

from loginq.cli import console
from loginq.cli.options import asks, confirm, stop
from loginq.cli.session import Session
from loginq.service.operations.stats import counts_of


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

    `target`: in words, as `Session.name` has it. `loss` is called only to ask. Without a terminal it refuses unless
    `--yes`; anything but a yes, or the name, ends the command with 1.
    """
    if not asks(yes):
        return
    found = loss()
    kind, *place, stack = target.split()
    where = "account {}, region {}".format(*place) if kind == "aws" else f"emulator {place[0]}"
    console.say(f"{found.what}: {', '.join([*found.counts, where])}.")
    if kind != "aws" and not found.harms:
        confirm("Go on?", yes)
    elif typer.prompt(f"Type {stack} to go on", default="", show_default=False, err=True).strip() != stack:
        stop()


def counted(session: Session) -> tuple[list[str], bool]:
    """How many wait, in line and in the intake, and are in the game, in words; and whether anybody waits."""
    queue = session.queue
    line, t = queue.lines.read(), queue.clock()
    waiting, coming = line.waiting(t), queue.intake.depth().total
    inside = counts_of(queue, line, t).in_game
    words = [f"{waiting:,} waiting", f"about {coming:,} in the intake", f"{inside:,} in the game"]
    return words, bool(waiting or coming)
