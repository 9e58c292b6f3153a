"""The row of a minute, and what was counted in it: in one row, whatever a run dies of.

A count stands in the line, and what is told of it beside that: so it is noted in `SETTLEMENT` before the line takes
the count, and no more once a row has it. A run that finds such a note knows by the line whether it was counted, and by
the rows of those minutes whether one has it. Only where two runs count at once, and one of them dies, can it be lost.
"""

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import replace

from loginq.service.rules.errors import LoginqError
from loginq.service.rules.history import is_in_motion, minute
from loginq.service.rules.line import Line
from loginq.service.rules.measure import Counts
from loginq.service.rules.minute import Memory, arrivals
from loginq.service.rules.player import Player
from loginq.service.rules.tally import Came, together
from loginq.service.rules.times import MINUTE
from loginq.service.store.queue import Queue
from loginq.service.store.rosters import Place

BACK = 10 * MINUTE
"""How far before the last whole run a row may have what a run noted that died: a run takes a minute at the most."""


def came(places: Sequence[Place], rows: Mapping[str, Player], apart: int) -> Iterator[Came]:
    """Those of these places who came in by the ticket that was placed there, in order: of others no wait is known.

    A ticket that is newer than the place by more than `apart` ms is that of a player who came back.
    """
    for place in places:
        player = None if place.synthetic else rows.get(place.sub)
        if player is None or player.position != place.position or player.admitted_at is None:
            continue
        if (
            player.issued_at is not None
            and player.queued_at is not None
            and player.issued_at <= player.queued_at + apart
        ):
            yield Came(player.issued_at, player.queued_at, player.eta_at, player.admitted_at)


def unkept(queue: Queue, line: Line, memory: Memory) -> Memory:
    """The memory with those tallies that the line has counted and no row has: of a run that died, or came again."""
    if not memory.tallies:
        return memory
    counted = [each for each in memory.tallies if each.end <= line.counted_to]
    rows = [row.tally for row in queue.history.since(memory.run_at - BACK) if row.tally] if counted else []
    missing = [each for each in counted if not any(row.start <= each.start and each.end <= row.end for row in rows)]
    order = max(counted, key=lambda each: each.end).order if counted else memory.order
    return replace(memory, tallies=tuple(missing), order=order)


def keep(queue: Queue, t: int, line: Line, last: Memory, memory: Memory, players: Counts, came_in: float) -> None:
    """Leave a row of this minute, if anything moved, and the memory for the next run, whatever becomes of the row.

    Args:
        last: what the run before left. memory: what this one does. came_in: players a second.
    """
    try:
        if _is_kept(queue, t, line, last, memory, players, came_in):
            memory = replace(memory, tallies=())
    finally:
        queue.settlement.write(memory)


def _is_kept(queue: Queue, t: int, line: Line, last: Memory, memory: Memory, players: Counts, came_in: float) -> bool:
    """Whether there is a row with the tallies of the memory now."""
    try:
        intake = queue.intake.depth().total
    except LoginqError as exc:  # what was settled is settled, and the minute is known but for this
        queue.log("intake_unread", reason=exc.message)
        intake = None
    if not memory.tallies and not is_in_motion(last, line, intake):
        return False
    row = minute(line, t, players, came_in, arrivals(last, line, t), intake)
    return queue.history.write(replace(row, tally=together(memory.tallies)))
