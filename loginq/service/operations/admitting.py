"""Letting players in out of turn."""

import secrets
from collections.abc import Sequence
from contextlib import suppress

from loginq.service.requests.login import TICKET_BYTES, TRIES, changing, enter, replaced
from loginq.service.requests.placing import Message, place
from loginq.service.rules.errors import ConditionFailed, LoginqError
from loginq.service.rules.line import Line
from loginq.service.rules.login import blocked, resting
from loginq.service.rules.player import Identity, Player
from loginq.service.rules.ticket import Ticket
from loginq.service.store.queue import Queue
from loginq.service.store.table import attempts


def admit(queue: Queue, everyone: Sequence[Identity]) -> list[LoginqError | None]:
    """Let players in out of turn, by an operator's word: whatever the gate, the valve and the capacity say.

    Who has no place yet gets one at the end of the line, and is let in there. Who is in already stays as he is.
    Returns for each, in order, why it could not be done, or None.
    """
    line = queue.lines.read()
    there = queue.players.get_all([who.sub for who in everyone])
    made = attempts(lambda who: _ticketed(queue, line, who, there.get(who.sub)), everyone)
    placeless = [row for row in made if isinstance(row, Player) and row.position is None and not row.in_game()]
    if placeless:
        tickets = [Ticket(row.sub, row.ticket or "", row.issued_at or 0) for row in placeless]
        place(queue, [Message(ticket.sub, ticket.body()) for ticket in tickets])
    rows = queue.players.get_all([row.sub for row in made if isinstance(row, Player)])

    def let_in(player: Player) -> bool:
        if player.in_game() and player.returning is None:
            return False
        if player.position is None:
            raise changing()
        return enter(queue, player, queue.clock())[1]

    entered = dict(zip(rows, attempts(let_in, rows.values()), strict=True))
    if new := sum(result is True for result in entered.values()):
        queue.valve.note(queue.clock(), new)
        queue.lines.change(lambda line, t: line.renew(t))  # as every operator's change does
    results = [row if isinstance(row, LoginqError) else entered.get(row.sub, changing()) for row in made]
    return [result if isinstance(result, LoginqError) else None for result in results]


def _ticketed(queue: Queue, line: Line, who: Identity, old: Player | None) -> Player:
    """The player with a live ticket: the one that is there, else a new one.

    Args:
        old: how the player was just now; it is read again when that has changed.
    """
    for n in range(TRIES):
        t, old = queue.clock(), queue.players.get(who.sub) if n else old
        if old is not None and old.blocked:
            raise blocked()
        if old is not None and (old.in_game() or old.is_live(line, t, queue.rules.admission)):
            return old
        if old is not None and old.is_resting(t):
            raise resting()
        ticket = secrets.token_urlsafe(TICKET_BYTES)
        with suppress(ConditionFailed):
            changes = queue.players.issuing(who, ticket, t, old, line.counted_to)
            return replaced(queue, old, changes, line, who.sub)
    raise changing()
