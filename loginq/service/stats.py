"""One snapshot of everything: intake, line, rate, and what a newcomer would wait."""

from dataclasses import asdict, dataclass
from typing import Any

from loginq.service.audit import last_change
from loginq.service.queue import Queue
from loginq.service.rules.act import Action
from loginq.service.rules.line import Line
from loginq.service.rules.measure import Depth
from loginq.service.rules.times import SECOND, iso
from loginq.service.rules.valve import BUCKET, bucket
from loginq.service.settling import Memory, remembered

MOST_BUCKETS = 50
"""How far back the valve is read for the players who are not counted from rows yet, when nobody settles."""
WINDOW = 6
"""Whole buckets, besides the one that has begun, over which the admitted are averaged: the last minute."""


@dataclass(frozen=True, slots=True)
class Counts:
    """Real players, ever since the line was made. At positions that are closed they are counted from their rows, above
    from the valve, which may be a few too many until they are closed."""

    admitted: int
    in_game: int
    no_shows: int
    departed: int


@dataclass(frozen=True, slots=True)
class Snapshot:
    """The queue at the instant `t`."""

    queue: str
    t: int
    intake: Depth
    dead_letters: int
    line: Line
    players: Counts
    buckets: dict[int, int]
    """How many came through in each 10 s: start in ms -> players, newest first; the first has only begun."""
    admitted: int
    """Those of the last whole buckets and the one that has begun: 60 to 70 s."""
    admitted_per_second: float
    eta: int | None
    """What a player who joins now would wait, ms; None while no honest number exists."""
    last_change: Action | None = None
    """What an operator did last to the gate: it explains what came through since."""

    def document(self, target: str) -> dict[str, Any]:
        """The stable JSON form."""
        line, t = self.line, self.t
        return {
            "queue": self.queue,
            "target": target,
            "intake": {
                "visible": self.intake.visible,
                "in_flight": self.intake.in_flight,
                "delayed": self.intake.delayed,
                "dead_letters": self.dead_letters,
            },
            "line": {
                "tail": line.tail,
                "reached": line.reached(t),
                "waiting": line.waiting(t),
                "holes": line.holes,
                "version": line.version,
                "state": line.line_state,
            },
            "rate": {
                "per_second": line.rate_at(t) / 1_000,
                "burst": line.burst,
                "steps": [{"at": iso(at), "per_second": rate / 1_000} for at, rate in line.steps if at > t],
                "capacity": line.capacity,
                "admitted_per_second": round(self.admitted_per_second, 2),
                "gate_per_second": line.passing(t) / 1_000,
            },
            "players": asdict(self.players),
            "eta_seconds": None if self.eta is None else -(-self.eta // SECOND),
            "last_change": None if self.last_change is None else self.last_change.document(),
        }


def snapshot(queue: Queue, buckets: int = WINDOW + 1) -> Snapshot:
    """Read everything once: as many requests at any length of the line.

    Args:
        buckets: how far back to read what came through, at least a minute: 10 s each.
    """
    line = queue.lines.read()
    t = queue.clock()
    depth = queue.intake.depth()
    memory = remembered(queue)
    through = queue.valve.admitted(line, t, max(buckets, _uncounted(memory, t)))
    seen = dict(list(through.items())[:buckets])
    counts = dict(list(through.items())[: WINDOW + 1])
    newcomer = line.join(t, depth.total + 1)
    return Snapshot(
        queue=queue.name,
        t=t,
        intake=depth,
        dead_letters=queue.intake.dead_letters(),
        line=line,
        players=_counts(line, t, memory, through),
        buckets=seen,
        admitted=sum(counts.values()),
        admitted_per_second=sum(counts.values()) * SECOND / (t - min(counts) + 1),
        eta=newcomer.wait(newcomer.tail, t),
        last_change=last_change(queue),
    )


def counts_of(queue: Queue, line: Line, t: int) -> Counts:
    """How many real players were let in, are in the game, never came, and left."""
    memory = remembered(queue)
    return _counts(line, t, memory, queue.valve.admitted(line, t, _uncounted(memory, t)))


def _uncounted(memory: Memory, t: int) -> int:
    """How many buckets, from that of `t` back, hold what `memory` does not know yet."""
    since = max(memory.buckets_to, bucket(t) - (MOST_BUCKETS - 1) * BUCKET)
    return (bucket(t) - since) // BUCKET + 1


def _counts(line: Line, t: int, memory: Memory, through: dict[int, int]) -> Counts:
    """The same from what was read; `through` may reach further back than `memory` asks for."""
    new = sum(list(through.values())[: _uncounted(memory, t)])
    above = max(0, min(memory.admitted + new - line.counted, line.tail - line.counted_to))
    admitted, departed = line.counted + above, line.departed - line.synthetic
    return Counts(admitted, max(0, admitted - departed), line.no_shows, departed)
