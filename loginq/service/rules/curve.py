"""The waiting time that players are promised while the game is full: when which position is reached.

Positions never change, so what was promised to whom is the curve itself, and no player's row needs to keep it.
"""

from collections.abc import Callable
from dataclasses import dataclass
from itertools import pairwise
from typing import Self

from loginq.service.rules.times import MINUTE, SECOND

POINTS = 12
"""Spaced quadratically: by these a wait is 0.02 % off on average."""
PULL, NEARER, FARTHER, SLACK = 0.15, 0.02, 0.03, 10 * SECOND
"""Each run moves a promise this part of the way toward the forecast, and leaves it at most so much of what remains
before it, so much and `SLACK` behind it."""
FIRST_SHARE, FIRST_MORE = 0.005, 5 * SECOND
"""A promise that nobody had yet is by so much later than the forecast."""
BEYOND, BELIEVED = 2 * MINUTE, 10 * MINUTE
"""How old a curve may be for positions beyond its end, and for all others; each run makes another."""
BASES = ("departures", "counts")
_INSTANT, _POSITION, _SPAN, _POINT = 6, 6, 4, 3
"""Bytes of each number when packed."""
_LATEST = 2 ** (8 * _POINT) - 1
"""Half a year, which stands for never."""


@dataclass(frozen=True, slots=True)
class Curve:
    """The promise, made at `at`, ms.

    Args:
        first, span: from the limit of then on, so many positions. instants: seconds from `at` of each point.
        basis: by what it was told, one of `BASES`.
    """

    at: int
    first: int
    span: int
    instants: tuple[int, ...]
    basis: str = BASES[0]

    def told(self, position: int, t: int) -> int | None:
        """The instant promised to a position, ms, as it stands at `t`; None where there is none (any more)."""
        age, end = t - self.at, self.first + self.span
        if age > (BEYOND if position > end else BELIEVED):
            return None
        n = 1
        while n < POINTS - 1 and position > self._position(n):
            n += 1
        if self.instants[n] >= _LATEST:
            return None
        start, until = self._position(n - 1), self._position(n)
        rise = (self.instants[n] - self.instants[n - 1]) * SECOND
        return self.at + self.instants[n - 1] * SECOND + rise * (max(position, start) - start) // (until - start)

    def _position(self, n: int) -> int:
        return self.first + self.span * n * n // (POINTS - 1) ** 2

    def reached(self, t: int) -> int:
        """Up to which position it promised that `t` would come."""
        since = t - self.at
        for (start, early), (until, late) in pairwise(zip(points(self.first, self.span), self.instants, strict=True)):
            if since < early * SECOND:
                return start
            if since < late * SECOND:
                return start + (until - start) * (since - early * SECOND) // ((late - early) * SECOND)
        return self.first + self.span

    @classmethod
    def promised(
        cls, t: int, first: int, span: int, when: Callable[[int], float], old: Self | None, basis: str
    ) -> Self:
        """What is promised from `t` on: the old promise, moved toward the forecast as little as must be.

        Args:
            first, span: see the class. when: the forecast, position -> the instant at which it is reached, ms.
        """
        instants, before = list[int](), 0
        for position in points(first, span):
            remains = when(position) - t
            said = None if old is None else old._extended(position, t, when)
            if said is None:
                kept = remains * (1 + FIRST_SHARE) + FIRST_MORE
            else:
                pulled = said - t + PULL * (t + remains - said)
                kept = min(max(pulled, remains * (1 - NEARER)), remains * (1 + FARTHER) + SLACK)
            before = max(before, min(_LATEST, round(kept / SECOND)))
            instants.append(before)
        return cls(t, first, span, tuple(instants), basis)

    def _extended(self, position: int, t: int, when: Callable[[int], float]) -> float | None:
        """What was promised, and beyond its end as much later as the forecast has it."""
        end = self.first + self.span
        told = self.told(min(position, end), t)
        return told if told is None or position <= end else told + when(position) - when(end)

    def pack(self) -> bytes:
        """Some 50 bytes, for the line's small item."""
        head = self.at.to_bytes(_INSTANT) + self.first.to_bytes(_POSITION) + self.span.to_bytes(_SPAN)
        return head + bytes([BASES.index(self.basis)]) + b"".join(each.to_bytes(_POINT) for each in self.instants)

    @classmethod
    def unpack(cls, packed: bytes) -> Self:
        """The curve of these bytes. Raises `ValueError` for what is none."""
        sizes = (_INSTANT, _POSITION, _SPAN, 1, *[_POINT] * POINTS)
        if len(packed) != sum(sizes):
            raise ValueError(f"{len(packed)} bytes are no curve")
        numbers, start = list[int](), 0
        for size in sizes:
            numbers.append(int.from_bytes(packed[start : start + size]))
            start += size
        at, first, span, basis, *instants = numbers
        if span < POINTS**2 or basis >= len(BASES):
            raise ValueError("these bytes are no curve")
        return cls(at, first, span, tuple(instants), BASES[basis])


def points(first: int, span: int) -> list[int]:
    """The positions at which a curve is known: the nearer the turn, the closer together."""
    return [first + span * n * n // (POINTS - 1) ** 2 for n in range(POINTS)]
