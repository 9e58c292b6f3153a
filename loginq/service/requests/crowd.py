"""A synthetic crowd for a rehearsal: players who are marked, and never poll."""

from collections.abc import Iterator
from dataclasses import dataclass
from uuid import NAMESPACE_OID, uuid5

from loginq.service.rules.errors import Invalid, Unavailable
from loginq.service.rules.ticket import Ticket
from loginq.service.rules.times import DAY, SECOND, iso
from loginq.service.store import keys
from loginq.service.store.queue import Queue

MOST = 100_000
"""Synthetic players in one run."""
PER_CALL = 1_000
"""Players that one invocation makes: well within a Lambda's timeout."""
KEPT = 1 * DAY


@dataclass(frozen=True, slots=True)
class Part:
    """Players `start` to `start + count - 1` of the run `run`."""

    run: str
    start: int
    count: int

    def __post_init__(self) -> None:
        if not (self.run.isalnum() and self.run.isascii() and len(self.run) <= 32):
            raise Invalid(f"{self.run!r} is not the name of a run.", "Use up to 32 letters and digits.")
        if not (self.start >= 0 and 1 <= self.count <= PER_CALL and self.start + self.count <= MOST):
            raise Invalid(
                f"Players {self.start} to {self.start + self.count - 1} cannot be made at once.",
                f"A call makes 1 to {PER_CALL:,}, a run at most {MOST:,}.",
            )


def parts(run: str, players: int) -> Iterator[Part]:
    """A run of this many players, in parts. Raises `Invalid` when there are none or too many."""
    if not 1 <= players <= MOST:
        raise Invalid(f"{players} synthetic players cannot be made.", f"Ask for 1 to {MOST:,}.")
    for start in range(0, players, PER_CALL):
        yield Part(run, start, min(PER_CALL, players - start))


def synthetic_sub(run: str, n: int) -> str:
    """Who is the `n`-th of a run, counted from 0."""
    return f"synthetic-{run}-{n:06}"


def generate(queue: Queue, part: Part) -> int:
    """Make the players of a part and send their tickets to the intake; how many.

    Safe to repeat: names and tickets follow from the run, a row that is there is left alone, and a ticket that comes
    twice is placed once. A synthetic ticket can be guessed and is of no use, because no account has such a subject.
    """
    t = queue.clock()
    tickets = []
    for n in range(part.start, part.start + part.count):
        sub = synthetic_sub(part.run, n)
        tickets.append(Ticket(sub, f"synthetic-{uuid5(NAMESPACE_OID, sub)}", t, synthetic=True))
    codes = queue.table.execute_all(
        "INSERT INTO {table} VALUE {{'PK': ?, 'SK': ?, 'username': ?, 'createdAt': ?, 'loginTicket': ?, "
        "'ticketIssuedAt': ?, 'sentAt': ?, 'synthetic': ?, 'ttl': ?}}",
        tickets,
        lambda each: [
            *keys.player(each.sub),
            each.sub,
            iso(t),
            each.ticket,
            iso(t),
            iso(t),
            True,
            (t + KEPT) // SECOND,
        ],
    )
    if failed := [code for code in codes if code not in ("", "DuplicateItem")]:
        raise Unavailable(f"{len(failed)} of {part.count} synthetic players were not made: {failed[0]}.", "Try again.")
    queue.intake.send(tickets)
    return part.count
