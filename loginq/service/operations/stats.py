"""One snapshot of everything: intake, line, rate, and what a newcomer would wait."""

from loginq.service.rules.line import Line
from loginq.service.rules.measure import WINDOW, Counts, Snapshot, achieved, counts, uncounted
from loginq.service.store.audit import last_change
from loginq.service.store.queue import Queue


def snapshot(queue: Queue, buckets: int = WINDOW + 1) -> Snapshot:
    """Read everything once: as many requests at any length of the line.

    Args:
        buckets: how far back to read what came through, at least a minute: 10 s each.
    """
    line = queue.lines.read()
    t = queue.clock()
    depth = queue.intake.depth()
    memory = queue.settlement.read()
    through = queue.valve.admitted(line, t, max(buckets, uncounted(memory.buckets_to, t)))
    seen = dict(list(through.items())[:buckets])
    newcomer = line.join(t, depth.total + 1)
    return Snapshot(
        queue=queue.name,
        t=t,
        intake=depth,
        dead_letters=queue.intake.dead_letters(),
        line=line,
        players=counts(line, t, memory.admitted, memory.buckets_to, through),
        buckets=seen,
        admitted=sum(list(through.values())[: WINDOW + 1]),
        admitted_per_second=achieved(through, t),
        eta=newcomer.wait(newcomer.tail, t),
        last_change=last_change(queue),
    )


def counts_of(queue: Queue, line: Line, t: int) -> Counts:
    """How many real players were let in, are in the game, never came, and left."""
    memory = queue.settlement.read()
    through = queue.valve.admitted(line, t, uncounted(memory.buckets_to, t))
    return counts(line, t, memory.admitted, memory.buckets_to, through)
