"""One snapshot of everything: intake, line, rate, and what a newcomer would wait."""

from loginq.service.rules.act import Action, last_note, planned_since
from loginq.service.rules.line import Line
from loginq.service.rules.measure import WINDOW, Counts, Snapshot, achieved, counts, uncounted
from loginq.service.rules.minute import arrivals, behind
from loginq.service.store.audit import latest
from loginq.service.store.queue import Queue

LATELY, LOOKED_AT = 50, 1_000
"""Acts that are read for what explains how the line moves: so many, and on to so many until they explain it."""


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
    done = lately(queue)
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
        eta_basis=newcomer.basis(newcomer.tail, t),
        planned_since=planned_since(done, line, t),
        last_change=next((act for act in done if act.moves_the_gate), None),
        note=last_note(done, t),
        arriving=arrivals(memory, line, t),
        servers=queue.servers.every() if queue.rules.by_counts else None,
        counting_behind=behind(memory, line),
        settled_at=memory.run_at or min([line.anchored_at, *(start for start, count in through.items() if count)]),
    )


def lately(queue: Queue) -> list[Action]:
    """What was done last, newest first: as far back as to who set the rate, and who moved the gate."""
    done, rate, gate = list[Action](), False, False
    for act in latest(queue, LOOKED_AT, page=LATELY):
        done.append(act)
        rate, gate = rate or act.sets_the_rate, gate or act.moves_the_gate
        if rate and gate and len(done) >= LATELY:
            break
    return done


def counts_of(queue: Queue, line: Line, t: int) -> Counts:
    """How many real players were let in, are in the game, never came, and left."""
    memory = queue.settlement.read()
    through = queue.valve.admitted(line, t, uncounted(memory.buckets_to, t))
    return counts(line, t, memory.admitted, memory.buckets_to, through)
