"""Crowds for a rehearsal, always marked, always removable: synthetic players, who never poll, and real accounts."""

from collections.abc import Iterator
from dataclasses import dataclass
from uuid import NAMESPACE_OID, uuid5

from loginq.service.queue import Queue
from loginq.service.rules.account import NewAccount
from loginq.service.rules.errors import Invalid, LoginqError, Unavailable
from loginq.service.rules.ticket import Ticket
from loginq.service.rules.times import DAY, SECOND, iso
from loginq.service.store.players import key
from loginq.service.table import attempts, chunks
from loginq.service.users import Users

MOST = 100_000
"""Synthetic players in one run."""
PER_CALL = 1_000
"""Players that one invocation makes: well within a Lambda's timeout."""
KEPT = 1 * DAY
MOST_REAL = 5_000
"""Real players in one run: what one process can play."""
_REAL, _DOMAIN = "load-", "@load.invalid"


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


def generate(queue: Queue, part: Part) -> int:
    """Make the players of a part and send their tickets to the intake; how many.

    Safe to repeat: names and tickets follow from the run, a row that is there is left alone, and a ticket that comes
    twice is placed once. A synthetic ticket can be guessed and is of no use, because no account has such a subject.
    """
    t = queue.clock()
    tickets = []
    for n in range(part.start, part.start + part.count):
        sub = f"synthetic-{part.run}-{n:06}"
        tickets.append(Ticket(sub, f"synthetic-{uuid5(NAMESPACE_OID, sub)}", t, synthetic=True))
    codes = queue.table.execute_all(
        "INSERT INTO {table} VALUE {{'PK': ?, 'SK': ?, 'username': ?, 'createdAt': ?, 'loginTicket': ?, "
        "'ticketIssuedAt': ?, 'sentAt': ?, 'synthetic': ?, 'ttl': ?}}",
        tickets,
        lambda each: [*key(each.sub), each.sub, iso(t), each.ticket, iso(t), iso(t), True, (t + KEPT) // SECOND],
    )
    if failed := [code for code in codes if code not in ("", "DuplicateItem")]:
        raise Unavailable(f"{len(failed)} of {part.count} synthetic players were not made: {failed[0]}.", "Try again.")
    queue.intake.send(tickets)
    return part.count


def real_accounts(run: str, players: int, password: str) -> list[NewAccount]:
    """Accounts for a crowd of real players; their addresses, which nobody can have, mark them.

    https://www.rfc-editor.org/rfc/rfc2606 reserves `.invalid`. Raises `Invalid` when there are none or too many.
    """
    if not 1 <= players <= MOST_REAL:
        raise Invalid(f"{players} real players cannot be played from one machine.", f"Ask for 1 to {MOST_REAL:,}.")
    names = [f"{_REAL}{run}-{n:05}" for n in range(players)]
    return [NewAccount(name, name + _DOMAIN, password) for name in names]


def clean_real(users: Users) -> Iterator[int]:
    """Delete the accounts of every crowd of real players, and their rows; how many, some at a time.

    Raises the first error, once as much as possible is deleted.
    """
    marked = [account.username for account in users.starting_with(_REAL) if account.email.endswith(_DOMAIN)]
    errors: list[LoginqError] = []
    for some in chunks(marked, 50):
        done = attempts(users.delete, some)
        errors += [each for each in done if isinstance(each, LoginqError)]
        yield sum(not isinstance(each, LoginqError) for each in done)
    if errors:
        raise errors[0]


def clean(queue: Queue) -> Iterator[int]:
    """Delete every synthetic player, page by page of a scan of the whole table; how many in each page.

    Their positions stay behind as holes.
    """
    for rows in queue.table.scan("#synthetic = :yes", {"yes": True}):
        subs = [row["PK"].removeprefix("USER#") for row in rows]
        queue.players.delete(subs)
        yield len(subs)
