"""What is left of a queue whose line is lost or spoilt."""

from collections.abc import Callable, Iterator
from contextlib import suppress

from loginq.service.rules.errors import Conflict, Lost
from loginq.service.rules.line import Line
from loginq.service.rules.measure import uncounted
from loginq.service.rules.player import Player
from loginq.service.rules.rebuild import Positions, Remains
from loginq.service.store.audit import actions
from loginq.service.store.line import HEALTHY
from loginq.service.store.queue import Queue

BEYOND = 10**12
"""No position is that high."""
ACTS = 1_000
"""Among which what an operator set last is looked for."""


def check(queue: Queue) -> None:
    """Raises `Conflict` where the line can be read and is no older than what is written of it."""
    with suppress(Lost):
        line = queue.lines.read()
        if next(queue.rosters.places(line.tail + 1, BEYOND), None) is None:
            raise Conflict(HEALTHY, "There is nothing to rebuild.")


def remains(queue: Queue, read: Callable[[int], None] = lambda _: None) -> Remains:
    """Read all of it: the whole table is read and paid for.

    Args:
        read: is told of each page how many players were on it.
    """

    def players() -> Iterator[Player]:
        for some in queue.players.every():
            read(len(some))
            yield from some

    positions, memory, t = Positions.of(players()), queue.settlement.read(), queue.clock()
    places = list(queue.rosters.every(positions.last))
    through = queue.valve.admitted(Line(rate=queue.rules.initial_rate), t, uncounted(memory.buckets_to, t))
    return Remains(
        positions=positions,
        tail=max((place.position for place in places), default=0),
        synthetic=[place.position for place in places if place.synthetic],
        memory=memory,
        admitted=memory.admitted + sum(through.values()),
        leavings=queue.leavings.total(),
        done=actions(queue, ACTS),
    )
