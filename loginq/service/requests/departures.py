"""Who leaves the game, or is back in it, by events or by counts: made known to the line at most once a second."""

from collections.abc import Sequence

from loginq.service.rules.errors import ConditionFailed, Unavailable
from loginq.service.rules.line import Line
from loginq.service.rules.measure import WINDOW, counts, uncounted
from loginq.service.rules.servers import Server, departed
from loginq.service.rules.times import SECOND
from loginq.service.store.queue import Queue
from loginq.service.store.table import Row

FOLDED = 1 * SECOND
"""How old the line's count of the departed may be before whoever reports brings it up to date, ms."""


def depart(queue: Queue, admissions: Sequence[int], rows: Sequence[Row], sign: int = 1) -> None:
    """Count players as left, or as back, and see that the line hears of it: what `Leavings.write` says.

    The line's own count is then at most a second old, or that of the next report or minute.
    """
    if queue.lines.cached().departed_base is None:
        fold(queue)  # before the first count, so that the counters begin at nothing
    queue.leavings.write(admissions, queue.clock(), rows, sign)
    tell(queue)


def tell(queue: Queue) -> None:
    """Fold what is counted by now; where that cannot be, the next fold tells the line."""
    try:
        fold(queue)
    except Unavailable as exc:
        queue.log("fold_failed", reason=exc.message)


def fold(queue: Queue) -> Line:
    """The line with its count of the departed brought up to date, unless that was done less than `FOLDED` ago."""

    def folded(line: Line, t: int) -> Line | None:
        if not _due(queue, line, t):
            return None
        new = _recounted(queue, line, t) if queue.rules.by_counts else line.fold(t, queue.leavings.total())
        if (new.departed, new.departed_base) != (line.departed, line.departed_base):
            return new
        queue.servers.summed_at = t
        return None

    line = queue.lines.cached()
    return queue.lines.change(folded) if _due(queue, line, queue.clock()) else line


def _due(queue: Queue, line: Line, t: int) -> bool:
    if queue.rules.by_counts:
        return t - max(line.folded_at, queue.servers.summed_at) >= FOLDED
    return line.departed_base is None or t - line.folded_at >= FOLDED


def _recounted(queue: Queue, line: Line, t: int) -> Line:
    """The line by what all game servers count; as it is, as long as none has said anything."""
    servers = queue.servers.every()
    if not servers:
        return line
    memory = queue.settlement.read()
    through = queue.valve.admitted(line, t, max(WINDOW + 1, uncounted(memory.buckets_to, t)))
    claimed = counts(line, t, memory.admitted, memory.buckets_to, through).admitted
    return line.recounted(t, departed(line, t, claimed, through, servers))


def count(queue: Queue, server: Server) -> str:
    """Take what a game server counts: `counted`, or `stale` where it has said something newer already."""
    word = "counted" if queue.servers.write(server) else "stale"
    tell(queue)
    return word


def absorb(queue: Queue) -> None:
    """Let the line take over what is a day old, so that the counters stay small; each is tried again a minute later."""
    for count, update in queue.leavings.over(queue.clock()):
        try:
            queue.lines.change(lambda line, t: line.absorb(t, count), also=[update])  # noqa: B023 - called at once
        except ConditionFailed:  # somebody of that day has left just now
            continue
