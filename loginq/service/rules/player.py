"""What a player is to the queue: the state that a row and the line mean together, and what follows from it."""

from dataclasses import dataclass
from enum import StrEnum

from loginq.service.rules.line import Line
from loginq.service.rules.times import SECOND

COOL_DOWN = 10 * SECOND
"""How long after giving a ticket up there is no new one, ms: a loop of both burns six positions a minute at most."""


class State(StrEnum):
    """What a player is to the queue; computed, never stored."""

    REGISTERED = "registered"
    QUEUED = "queued"
    WAITING = "waiting"
    ADMITTED = "admitted"
    LEFT = "left"
    EXPIRED = "expired"


@dataclass(frozen=True, slots=True)
class Identity:
    """Who an ID token says is calling."""

    sub: str
    """By which the table knows the player: the `sub` of the token where that is a safe key."""
    username: str
    email: str | None = None
    subject: str | None = None
    """The `sub` itself, where another provider's accounts are the players'."""


@dataclass(frozen=True, slots=True)
class Player:
    """One player row; instants in ms since the epoch."""

    sub: str
    username: str | None = None
    email: str | None = None
    subject: str | None = None
    """What another provider calls the player, where that is no key."""
    created_at: int | None = None
    ticket: str | None = None
    issued_at: int | None = None
    sent_at: int | None = None
    position: int | None = None
    queued_at: int | None = None
    eta_at: int | None = None
    """When the player was to be let in, as far as that could be told on placing."""
    admitted_at: int | None = None
    joined_at: int | None = None
    left_at: int | None = None
    gave_up_at: int | None = None
    """When the player gave the last ticket up; None where that is no reason to wait."""
    blocked: bool = False
    synthetic: bool = False
    returning: int | None = None
    """Until when, by the line's lived time, the ticket of a player who was in the game lets in without a wait, ms."""
    claimed: tuple[int, ...] = ()
    """Positions of earlier admissions, until they are counted."""
    deleted: bool = False
    """Whether the account is gone, and the row is kept for a while to keep its tokens out; nobody is shown it."""

    @property
    def known_as(self) -> str:
        """The player's `sub`, as tokens and reports carry it."""
        return self.subject or self.sub

    def state(self, line: Line) -> State:
        """The state that the row and the line mean together: the one place where it is decided."""
        if self.ticket is None:
            return State.REGISTERED
        if self.returning is not None:
            return State.WAITING if line.lived <= self.returning else State.EXPIRED
        if self.admitted_at is not None:
            return State.ADMITTED if self.left_at is None else State.LEFT
        if self.position is None:
            return State.REGISTERED if self.is_void(line) else State.QUEUED
        return State.EXPIRED if self.position <= line.expired_to else State.WAITING

    def is_void(self, line: Line) -> bool:
        """Whether a purge of the intake took this ticket with it."""
        return self.position is None and (self.issued_at or 0) < line.void_before

    def in_game(self) -> bool:
        """Whether this player counts as in the game: let in, and not known to have left.

        So does one who is on the way back before anybody said that he had left.
        """
        return self.admitted_at is not None and self.left_at is None

    def has_claimed(self, position: int) -> bool:
        """Whether this player was let in at this position, now or earlier."""
        return position in self.claimed or (self.position == position and self.admitted_at is not None)

    def may_return(self, t: int, grace: int) -> bool:
        """Whether the player is let straight in again: still in the game, or left it less than `grace` ms ago."""
        if self.left_at is not None:
            return t < self.left_at + grace
        return self.in_game() and self.joined_at is not None

    def is_resting(self, t: int) -> bool:
        """Whether the player gave a ticket up a moment ago: a loop of that must not burn positions."""
        return self.ticket is None and self.gave_up_at is not None and t < self.gave_up_at + COOL_DOWN

    def is_live(self, line: Line, t: int, admission: int) -> bool:
        """Whether the ticket still counts: in line, or admitted less than `admission` ms ago."""
        state = self.state(line)
        if state is State.ADMITTED:
            return t < (self.admitted_at or 0) + admission
        return state in (State.QUEUED, State.WAITING)
