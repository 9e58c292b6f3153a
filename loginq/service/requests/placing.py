"""A batch of tickets into the line, so that any crash, redelivery or race leaves everyone where they are."""

from collections.abc import Sequence
from dataclasses import dataclass, field

from loginq.service.rules.errors import Invalid, OutOfTime
from loginq.service.rules.player import Player
from loginq.service.rules.ticket import Ticket
from loginq.service.store.queue import Queue
from loginq.service.store.rosters import Place

Tickets = dict[tuple[str, str], tuple[bool, list[str]]]
"""Each (player, ticket): whether it is synthetic, and the ids of all its deliveries."""


@dataclass(frozen=True, slots=True)
class Message:
    """One delivery of the intake."""

    id: str
    body: str


@dataclass(slots=True)
class Outcome:
    """What became of a batch: ids to hand back to SQS, and counts."""

    failed: list[str] = field(default_factory=list)
    placed: int = 0
    duplicates: int = 0
    stale: int = 0
    invalid: int = 0
    first: int | None = None
    last: int | None = None
    intake_age: int | None = None
    """How long the oldest of them had been in the intake, ms."""


def place(queue: Queue, messages: Sequence[Message]) -> Outcome:
    """Give each player whose ticket is in `messages` a place, once.

    Positions are taken from the line first, the roster is written next, the rows last: a crash in between leaves
    holes, and nothing else. When the time of the call is over, what is not placed is handed back. Raises when nothing
    could be done at all; then every message comes again.
    """
    outcome = Outcome()
    tickets = _parsed(messages, outcome)
    try:
        entrants = _entrants(queue, tickets, outcome)
    except OutOfTime:
        outcome.failed = [message.id for message in messages]
        return outcome
    try:
        if entrants:
            _into_line(queue, entrants, tickets, outcome)
    except OutOfTime:
        outcome.failed += [id_ for player in entrants for id_ in tickets[player.sub, player.ticket or ""][1]]
    return outcome


def _into_line(queue: Queue, entrants: Sequence[Player], tickets: Tickets, outcome: Outcome) -> None:
    """Positions from the line, the roster, the rows. Raises `OutOfTime` before the first row is written, or not."""
    oldest = min(player.issued_at or 0 for player in entrants)
    line = queue.lines.change(lambda line, t: line.join(t, len(entrants), max(0, t - oldest)))
    outcome.first, outcome.last = line.tail - len(entrants) + 1, line.tail
    t = queue.clock()
    outcome.intake_age = line.intake_age
    placed = [
        (player, position, None if (wait := line.wait(position, t)) is None else t + wait)
        for player, position in zip(entrants, range(outcome.first, line.tail + 1), strict=True)
    ]
    queue.rosters.write([Place(position, player.sub, player.synthetic) for player, position, _ in placed], t)
    for (player, _, _), code in zip(placed, queue.players.place(placed, t), strict=True):
        if not code:
            outcome.placed += 1
        elif code == "ConditionalCheckFailed":  # another delivery was first, or the player has left
            outcome.duplicates += 1
        else:
            queue.log("position_unwritten", sub=player.sub, reason=code)
            outcome.failed += tickets[player.sub, player.ticket or ""][1]


def _parsed(messages: Sequence[Message], outcome: Outcome) -> Tickets:
    tickets: Tickets = {}
    for message in messages:
        try:
            ticket = Ticket.parse(message.body)
        except Invalid:
            outcome.invalid += 1
            outcome.failed.append(message.id)
            continue
        _, ids = tickets.setdefault((ticket.sub, ticket.ticket), (ticket.synthetic, []))
        outcome.duplicates += bool(ids)
        ids.append(message.id)
    return tickets


def _entrants(queue: Queue, tickets: Tickets, outcome: Outcome) -> list[Player]:
    """The players to place, in the order in which their tickets were issued.

    A ticket that is no longer its player's is dropped, and so is one that has a place. A player whom nobody knows is
    an error that ends among the dead letters, except for a synthetic one: that has been cleaned away.
    """
    rows = queue.players.get_all([sub for sub, _ in tickets]) if tickets else {}
    line = queue.lines.cached() if tickets else None
    entrants: list[Player] = []
    for (sub, text), (synthetic, ids) in tickets.items():
        player = rows.get(sub)
        if player is None and not synthetic:
            outcome.invalid += 1
            outcome.failed += ids
        elif player is None or player.ticket != text or (line is not None and player.is_void(line)):
            outcome.stale += 1
        elif player.position is not None:
            outcome.duplicates += 1
        else:
            entrants.append(player)
    return sorted(entrants, key=lambda player: (player.issued_at or 0, player.sub))
