"""Positions at which a player was let in, until they are counted."""

from loginq.service.rules.errors import TooManyTickets
from loginq.service.rules.player import Player

KEPT_CLAIMS = 50
"""Earlier positions that a row holds at most; each is let go once it is counted, a claim window and a minute later."""


def kept_claims(old: Player | None, counted_to: int) -> tuple[int, ...] | None:
    """The positions at which a player was let in before and that are not counted yet, to be kept beside a new ticket.

    None where the last ticket let nobody in, and what was kept stays as it is. Raises `TooManyTickets` rather than
    forget one: it would be counted as a no-show, and the capacity be exceeded.
    """
    if old is None or old.admitted_at is None or old.position is None:
        return None
    kept = [position for position in (*old.claimed, old.position) if position > counted_to]
    if len(kept) > KEPT_CLAIMS:
        raise TooManyTickets("Too many tickets in too short a time.", "Try again in a few minutes.")
    return tuple(kept)
