"""What is done for the line each minute, without anybody asking."""

from loginq.service.line import Line
from loginq.service.queue import Queue


def settle(queue: Queue) -> bool:
    """Keep the lease alive while the next position is a synthetic player, who never polls; True when it was renewed.

    Real players renew it by polling, so a line whose next player is real is left alone: if nobody polls, nobody could
    come through.
    """
    line = queue.lines.read()
    if line.paused or not _synthetic_is_next(queue, line):
        return False
    before = line.alive_at
    renewed = queue.lines.change(lambda fresh, t: fresh.renew(t) if not fresh.paused else None)
    return renewed.alive_at > before


def _synthetic_is_next(queue: Queue, line: Line) -> bool:
    """Whether the first position that is not reached yet, holes left out, is a synthetic player's."""
    following = line.reached(queue.clock()) + 1
    place = next(queue.rosters.places(following, line.tail), None)
    return place is not None and place.synthetic
