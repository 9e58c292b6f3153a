"""One snapshot of everything: intake, line, rate, and what a newcomer would wait."""

from dataclasses import dataclass
from typing import Any

from loginq.service.intake import Depth
from loginq.service.line import Line
from loginq.service.queue import Queue
from loginq.service.times import SECOND, iso

WINDOW = 6
"""Whole buckets, besides the one that has begun, over which the admitted are averaged: the last minute."""


@dataclass(frozen=True, slots=True)
class Snapshot:
    """The queue at the instant `t`."""

    queue: str
    t: int
    intake: Depth
    dead_letters: int
    line: Line
    admitted: int
    """Players who came through in the last whole buckets and the one that has begun: 60 to 70 s."""
    admitted_per_second: float
    eta: int | None
    """What a player who joins now would wait, ms; None while no honest number exists."""

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
                "version": line.version,
                "state": line.line_state,
            },
            "rate": {
                "per_second": line.rate_at(t) / 1_000,
                "burst": line.burst,
                "steps": [{"at": iso(at), "per_second": rate / 1_000} for at, rate in line.steps if at > t],
                "capacity": line.capacity,
                "admitted_per_second": round(self.admitted_per_second, 2),
            },
            "eta_seconds": None if self.eta is None else -(-self.eta // SECOND),
        }


def snapshot(queue: Queue) -> Snapshot:
    """Read everything once: as many requests at any length of the line."""
    line = queue.lines.read()
    t = queue.clock()
    depth = queue.intake.depth()
    counts = queue.valve.admitted(line, t, WINDOW + 1)
    newcomer = line.join(t, depth.total + 1)
    arrival = newcomer.eta(newcomer.tail, t)
    return Snapshot(
        queue=queue.name,
        t=t,
        intake=depth,
        dead_letters=queue.intake.dead_letters(),
        line=line,
        admitted=sum(counts.values()),
        admitted_per_second=sum(counts.values()) * SECOND / (t - min(counts) + 1),
        eta=None if arrival is None else max(0, arrival - t),
    )
