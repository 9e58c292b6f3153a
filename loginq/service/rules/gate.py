"""The gate of a line: who may enter now is arithmetic on one small state and the clock.

Units, all integers, so that the arithmetic is exact:

* instants and durations are milliseconds (instants since the epoch);
* a rate is in thousandths of a player per second;
* the gate is in micro-positions, one position being 1,000,000, because rate x milliseconds gives just those.

Every method is pure: it takes the instant as an argument.
"""

from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field, replace
from typing import Any, Self

MICRO = 1_000_000
"""Micro-positions in one position."""
DEFAULT_LEASE = 120_000
KEPT, KEPT_FOR_A_NEWCOMER = 1_000, 100
"""How long whoever has read a line goes by it, and for a position beyond its tail: ms."""

Step = tuple[int, int]
"""(instant, the rate from then on)."""


@dataclass(frozen=True, slots=True)
class Gate:
    """The exact state of one waiting line, and what a reader asks of it.

    Positions are counted from 1. `gate` is where the line had come to at `anchored_at`; everything later follows
    from `rate`, `steps` and `refund_rate` until `alive_at + lease`.
    """

    tail: int = 0
    reached_to: int = 0
    gate: int = 0
    anchored_at: int = 0
    alive_at: int = 0
    rate: int = 0
    max_rate: int = 0
    """What the rate never passes, whoever asked for more, and whatever was planned before; 0 for no such limit."""
    steps: tuple[Step, ...] = ()
    refund_rate: int = 0
    refund_until: int = 0
    burst: int = 1
    lease: int = DEFAULT_LEASE
    paused: bool = False
    closed: bool = False
    capacity: int | None = None
    departed: int = 0
    """`departed_base` and what the counters of the leavings held at `folded_at`."""
    departed_base: int | None = 0
    """What of `departed` is in no counter; None where game servers count, or a version that knows no counters wrote."""
    folded_at: int = 0
    no_shows: int = 0
    holes: int = 0
    """Counted positions that were nobody's: a lost race or a crash took them."""
    expired_to: int = 0
    void_before: int = 0
    intake_age: int = 0
    message: str = ""
    kid: str = ""
    """The signing key that is active."""
    lived: int = 0
    """For how long, up to `anchored_at`, the gate could move: neither paused nor past its lease; ms."""
    counted_to: int = 0
    """Up to where the closed positions have been counted."""
    synthetic: int = 0
    """How many of those counted were synthetic; they are in `departed`, too."""
    version: int = 0
    writer: str = ""
    unknown: Mapping[str, Any] = field(default_factory=dict, hash=False)
    """Attributes of a newer version, kept as they are: during a deploy older functions write this item, too."""

    @property
    def line_state(self) -> str:
        """`paused`, else `closed` (no new tickets, but the line moves), else `open`."""
        return "paused" if self.paused else "closed" if self.closed else "open"

    def is_stale(self, t: int) -> bool:
        """Whether the last sign of life is older than a third of the lease, so that the next one is due."""
        return t - self.alive_at > self.lease // 3

    def will_do(self, age: float, position: int | None) -> bool:
        """Whether this line, read `age` ms ago, is good enough for who has this position, or none yet."""
        return age < (KEPT_FOR_A_NEWCOMER if position is not None and position > self.tail else KEPT)

    @property
    def limit(self) -> int:
        """The last position that may be let in at all, however far the gate is."""
        return self.tail if self.capacity is None else min(self.tail, self.room)

    @property
    def room(self) -> int:
        """Up to which position the game has a place, whether or not anybody stands there; no capacity is none."""
        return (self.capacity or 0) + self.departed + self.no_shows + self.holes

    def occupied(self, t: int) -> int:
        """How many places in the game are taken, or held for who was reached and may still come."""
        return self.reached(t) - self.departed - self.no_shows - self.holes

    def rate_at(self, t: int) -> int:
        """The asked rate at instant `t`, planned steps included, in thousandths of a player per second."""
        rate = self.rate
        for at, planned in self.steps:
            if at > t:
                break
            rate = planned
        return min(rate, self.max_rate) if self.max_rate else rate

    def flow_at(self, t: int) -> int:
        """How fast the gate moves at `t`, in micro-positions per ms: the rate and the refund, 0 while paused.

        A refund is never more than the rate again, so it is nothing at rate 0.
        """
        if self.paused:
            return 0
        rate = self.rate_at(t)
        return rate + (min(self.refund_rate, rate) if t < self.refund_until else 0)

    def passing(self, t: int) -> int:
        """How fast players pass the gate at `t`, in thousandths of a player per second, real and synthetic ones alike.

        0 where nobody waits or none may pass: paused, at the limit, or nobody alive.
        """
        moves = self.waiting(t) and self.reached(t) < self.limit and self._seen(t) < self.alive_at + self.lease
        return self.flow_at(self._seen(t)) if moves else 0

    def moved(self, start: int, end: int) -> int:
        """How far the gate moves between two instants while somebody is alive: the integral of the flow.

        In micro-positions; 0 when `end` is not after `start`.
        """
        if not self.steps and self.refund_until <= start:  # by far the most often, and simulations ask a million times
            return self.flow_at(start) * max(0, end - start)
        total = 0
        for piece_start, piece_end, flow in self._pieces(start):
            if piece_start >= end:
                break
            total += flow * ((end if piece_end is None else min(end, piece_end)) - piece_start)
        return total

    def run(self, t: int) -> int:
        """Where the gate is at `t`, in micro-positions, if nothing held it back but the lease."""
        return self.gate + self.moved(self.anchored_at, min(self._seen(t), self.alive_at + self.lease))

    def lived_at(self, t: int) -> int:
        """For how long until `t` the gate could move, ms: the clock by which claim windows are measured."""
        return self.lived + self._live_end(t) - self.anchored_at

    def reached(self, t: int) -> int:
        """The highest position that may enter at `t`."""
        return max(self.reached_to, min(self.limit, self.run(t) // MICRO))

    def waiting(self, t: int) -> int:
        """How many positions are not reached yet."""
        return self.tail - self.reached(t)

    def ahead(self, position: int, t: int) -> int:
        """How many waiting positions are in front of this one; 0 at the front and for those who are reached."""
        return max(0, position - self.reached(t) - 1)

    def eta(self, position: int, t: int) -> int | None:
        """The instant, not before `t`, at which `position` is reached if nobody changes anything and players poll.

        None while no honest number exists: paused, a rate of 0 after the last step, or no place under the limit.
        """
        now = self._seen(t)
        if self.paused:
            return None
        if position <= self.reached(t):
            return now
        return None if position > self.limit else self.passes(position, t)

    def passes(self, position: int, t: int) -> int | None:
        """The instant, not before `t`, at which the gate comes to `position` if the game had room; None for never."""
        now = self._seen(t)
        if self.paused:
            return None
        # As whoever renews the lease will settle it; only a refund that could not be given makes that another line.
        line = self if self._live_end(t) == now else self.anchored(t)
        missing = max(0, position * MICRO - self._cut(t))
        for start, end, flow in line._pieces(now):
            if flow and (end is None or missing <= flow * (end - start)):
                return start + -(-missing // flow)
            if end is not None:
                missing -= flow * (end - start)
        return None

    @property
    def counted(self) -> int:
        """How many real players were let in at the positions that are counted."""
        return self.counted_to - self.no_shows - self.holes - self.synthetic

    def anchored(self, t: int) -> Self:
        """The same line anchored at `t`, which every write does first.

        What was let in is fixed, steps that are past become the rate, and the gate is cut to `burst` beyond what it
        may let in: an empty or a full line banks no admissions for the next crowd. A refund that could not be given,
        because the line was paused or nobody was alive, is kept.
        """
        now, live_end = self._seen(t), self._live_end(t)
        return replace(
            self,
            reached_to=self.reached(t),
            gate=self._cut(t),
            anchored_at=now,
            rate=self.rate_at(now),
            steps=tuple(step for step in self.steps if step[0] > now),
            lived=self.lived_at(t),
            refund_until=now + self.refund_until - live_end if self.refund_until > live_end else 0,
        )

    # Within

    def _seen(self, t: int) -> int:
        """A clock that is behind the anchor sees the anchor."""
        return max(t, self.anchored_at)

    def _live_end(self, t: int) -> int:
        """Until when, from the anchor to `t`, the gate could move."""
        end = self.anchored_at if self.paused else min(self._seen(t), self.alive_at + self.lease)
        return max(self.anchored_at, end)

    def _cut(self, t: int) -> int:
        """Where the gate is at `t`, cut to what it may let in and the burst; no burst while paused or at rate 0."""
        ahead = 0 if self.paused or not self.rate_at(self._seen(t)) else self.burst
        return min(self.run(t), (max(self.reached(t), self.limit) + ahead) * MICRO)

    def _pieces(self, start: int) -> Iterator[tuple[int, int | None, int]]:
        """The spans of constant flow from `start` on: (from, until, micro-positions per ms); the last has no end."""
        edges = {step[0] for step in self.steps if step[0] > start}
        if self.refund_until > start:
            edges.add(self.refund_until)
        for edge in sorted(edges):
            yield start, edge, self.flow_at(start)
            start = edge
        yield start, None, self.flow_at(start)
