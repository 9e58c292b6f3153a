"""What is measured of a queue, as plain values."""

import math
from collections.abc import Mapping, Sequence
from dataclasses import asdict, dataclass
from typing import Any, TypeVar

from loginq.service.rules.act import Action
from loginq.service.rules.line import Line
from loginq.service.rules.servers import Server, summary
from loginq.service.rules.times import SECOND, iso
from loginq.service.rules.valve import BUCKET, bucket

Number = TypeVar("Number", int, float)

WINDOW = 6
"""Whole buckets, besides the one that has begun, over which the admitted are averaged: the last minute."""
MOST_BUCKETS = 50
"""How far back the valve is read for the players who are not counted from rows yet, when nobody settles."""
SHORT, ALARMING = 0.8, 0.5
"""Fewer than this share of the asked rate coming through while players wait is worth a look, and an alarm."""
FEW = 0.2
"""Fewer claims than this share of a hundred positions or more are worth an alarm."""
POLL = 2 * SECOND
"""Between two polls near the front, ms."""


@dataclass(frozen=True, slots=True)
class Depth:
    """About how many messages SQS holds, by its own count."""

    visible: int
    in_flight: int
    delayed: int

    @property
    def total(self) -> int:
        """All of them."""
        return self.visible + self.in_flight + self.delayed


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
    eta_basis: str | None = None
    """By what it is told: `Line.basis`."""
    planned_since: int | None = None
    """Since when the rate is one that was planned, ms; None where an operator's hand set it."""
    last_change: Action | None = None
    """What an operator did last to the gate: it explains what came through since."""
    note: Action | None = None
    """What an operator said last, if that was lately."""
    arriving: float | None = None
    """How many players a second got a place since settling ran last; None where it has not noted the line's end."""
    settled_at: int = 0
    """When settling ran last, ms; where it never did, since when it could have; 0 where that is not known."""
    counting_behind: int = 0
    """By how much counting is behind closing, ms: `minute.behind`."""
    servers: Sequence[Server] | None = None
    """The game servers that were ever heard; None where they report events, and do not count."""

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
                "by_plan_since": None if self.planned_since is None else iso(self.planned_since),
                "max_per_second": line.max_rate / 1_000 or None,
                "capacity": line.capacity,
                "admitted_per_second": round(self.admitted_per_second, 2),
                "arriving_per_second": None if self.arriving is None else round(self.arriving, 2),
                "gate_per_second": line.passing(t) / 1_000,
            },
            "players": asdict(self.players),
            "servers": None if self.servers is None else summary(self.servers, t, self.players.admitted),
            "eta_seconds": None if self.eta is None else -(-self.eta // SECOND),
            "eta_basis": self.eta_basis,
            "settled_at": iso(self.settled_at),
            "counting_behind_seconds": self.counting_behind // SECOND,
            "last_change": None if self.last_change is None else self.last_change.document(),
            "note": None if self.note is None else self.note.document(),
        }


def asked(line: Line, t: int) -> int:
    """How many players the line is to let in at `t`, refunds included, in thousandths a second; 0 while paused."""
    return line.flow_at(t)


def achieved(through: Mapping[int, int], t: int) -> float:
    """How many players a second came in over the last whole minute and what has begun of the next bucket.

    Args:
        through: start of a bucket, ms -> players; what is not in it, nobody came in.
    """
    first = bucket(t) - WINDOW * BUCKET
    return sum(count for start, count in through.items() if first <= start <= t) * SECOND / (t - first)


def arriving(seen: Sequence[Snapshot], t: int) -> float | None:
    """How many players a second came up to `t`, ms: the growth of line and intake over 10 s; None of too short a look.

    Args:
        seen: snapshots in order of time, the last one at `t` or before.
    """
    until = [each for each in seen if each.t <= t]
    before = [each for each in until if each.t <= t - BUCKET]
    if not before:
        return None
    first, last = before[-1], until[-1]
    grown = last.line.tail + last.intake.total - first.line.tail - first.intake.total
    return max(0, grown) * SECOND / (last.t - first.t) if last.t > first.t else None


def percentile(ordered: Sequence[Number], share: float) -> Number | None:
    """The least value that `share` of all do not exceed (nearest rank); None of nothing."""
    return ordered[max(0, math.ceil(len(ordered) * share) - 1)] if ordered else None


def uncounted(buckets_to: int, t: int) -> int:
    """How many buckets, from that of `t` back, hold what was not taken into account before the instant `buckets_to`.

    None where that is later: whoever wrote it has a clock that is ahead.
    """
    since = max(buckets_to, bucket(t) - (MOST_BUCKETS - 1) * BUCKET)
    return max(0, (bucket(t) - since) // BUCKET + 1)


def counts(line: Line, t: int, admitted: int, buckets_to: int, through: Mapping[int, int]) -> Counts:
    """How many real players were let in, are in the game, never came, and left.

    Args:
        admitted: how many came in before the instant `buckets_to`, ms.
        through: start of a bucket, ms -> players, newest first; may reach further back than that.
    """
    new = sum(list(through.values())[: uncounted(buckets_to, t)])
    above = max(0, min(admitted + new - line.counted, line.tail - line.counted_to))
    real, departed = line.counted + above, line.departed - line.synthetic
    return Counts(real, max(0, real - departed), line.no_shows, departed)
