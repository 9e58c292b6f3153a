"""How a player stands, and what one call does about it: the Lambdas, the simulation and the tests ask here."""

from dataclasses import dataclass
from enum import Enum, auto
from random import Random

from loginq.service.rules.errors import Blocked, TooManyTickets
from loginq.service.rules.line import Line
from loginq.service.rules.player import Player, State
from loginq.service.rules.polling import poll_after, remaining, resend_due
from loginq.service.rules.scores import is_late
from loginq.service.rules.times import SECOND

RETURN_POLL = 10 * SECOND
"""What the wait of a returner counts as."""


class Step(Enum):
    """What a call for a ticket does."""

    WAIT = auto()
    SEND = auto()
    """It sends the ticket to the intake again."""
    ENTER = auto()
    """It lets the player in, if the valve does."""
    RETURN = auto()
    """It lets in who was in the game before, if returners are not coming too fast."""
    PASS = auto()
    """The player is in."""
    OVER = auto()
    """The ticket's time is over."""


def decide(player: Player, line: Line, t: int, admission: int) -> Step:
    """What a call at `t` does for the player of this row. `admission`: how long one lasts, ms."""
    state = player.state(line)
    if state is State.QUEUED:
        due = resend_due(player.sent_at, player.issued_at or 0, line.intake_age, t)
        return Step.SEND if due else Step.WAIT
    if state is State.WAITING and line.paused:
        return Step.WAIT
    if state is State.WAITING and player.returning is not None:
        return Step.RETURN
    if state is State.WAITING:
        return Step.ENTER if (player.position or 0) <= line.reached(t) else Step.WAIT
    return Step.PASS if player.is_live(line, t, admission) else Step.OVER


def next_poll(player: Player, line: Line, t: int, claim_window: int, random: Random) -> int:
    """In how many ms the player of this row is to ask again. `claim_window` in ms."""
    state, wait = player.state(line), None
    if state is State.WAITING and player.returning is None and player.position is not None:
        wait = remaining(line, player.position, t)
    elif state is State.WAITING:
        wait = RETURN_POLL
    elif state is State.QUEUED:
        wait = line.intake_age
    elif state is State.ADMITTED:
        wait = 0
    return poll_after(wait, line.lease, claim_window, line.waiting(t), random)


@dataclass(frozen=True, slots=True)
class Came:
    """How a player came in, against what it was told on placing; None where that was nothing.

    Args:
        later: by how much later than told, ms. late: whether that is more than the scores forgive.
    """

    later: int | None
    late: bool | None


@dataclass(frozen=True, slots=True)
class Standing:
    """How one ticket stands at one instant. Durations in ms; None where there is no (honest) number."""

    ticket: str
    state: State
    line_state: str
    position: int | None
    ahead: int | None
    eta: int | None
    poll_after: int
    message: str
    before_game: int
    """Everybody still waiting in the line; the intake not counted."""
    token: str | None = None
    """The admission token of a player who is let in."""
    is_new: bool = False
    """Whether this very call made the ticket, or let the player in."""
    eta_basis: str | None = None
    """By what the waiting time is told: `Line.basis`."""
    came: Came | None = None
    """From the call that let the player in, from the line: who is back in the game waited for no turn."""

    @property
    def admitted(self) -> bool:
        """Whether the player may enter."""
        return self.state is State.ADMITTED


def standing(player: Player, line: Line, t: int, claim_window: int, random: Random) -> Standing:
    """How the player of this row stands at `t`, without a token. `claim_window` in ms."""
    state = player.state(line)
    position = None if player.returning is not None else player.position
    eta = ahead = basis = None
    if state is State.WAITING and position is not None:
        eta, ahead, basis = line.wait(position, t), line.ahead(position, t), line.basis(position, t)
    return Standing(
        ticket=player.ticket or "",
        state=state,
        line_state=line.line_state,
        position=position,
        ahead=ahead,
        eta=eta,
        poll_after=next_poll(player, line, t, claim_window, random),
        message=line.message,
        before_game=line.waiting(t),
        eta_basis=basis,
    )


def came(player: Player) -> Came:
    """How true the waiting time was that this player, who has been let in, was told on placing."""
    if player.eta_at is None:
        return Came(None, None)
    placed, admitted = player.queued_at or 0, player.admitted_at or 0
    return Came(admitted - player.eta_at, is_late(player.eta_at - placed, admitted - placed))


def resting() -> TooManyTickets:
    """Why somebody who has just given a ticket up gets no other."""
    return TooManyTickets("A ticket has just been given up.", "Ask again in a few seconds.")


def blocked() -> Blocked:
    """Why a blocked player gets nowhere."""
    return Blocked("This player may not log in.")
