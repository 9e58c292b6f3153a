"""A crowd in the game that gets older, and a line that goes on: what a forecast is played with, in minutes."""

import math
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Self

from loginq.service.rules.laws import DAY, bin_of
from loginq.service.rules.stays import Stays

HALVES = 2
"""The grid of ages has two points a minute."""


def survival_of(hazard: Sequence[float]) -> list[float]:
    """The share that stays until each age of the grid, to two days; who stays for a day is taken to stay."""
    found, total = [1.0], 0.0
    for n in range(HALVES * DAY):
        total += hazard[_BINS[n]] / HALVES
        found.append(math.exp(-total))
    return found + found[-1:] * (HALVES * DAY)


_BINS = [bin_of(n / HALVES) for n in range(HALVES * DAY)]


@dataclass(slots=True)
class Crowd:
    """Those in the game, as the forecast goes on: (age now, in grid points; how many there would be at age 0)."""

    survival: list[float]
    old: list[tuple[int, float]]
    new: list[tuple[int, float]]
    there: float
    lately: float = 0.0

    @classmethod
    def of(cls, stays: Stays, t: float, survival: list[float]) -> Self:
        """Those who are in it at `t`, minutes since the epoch."""
        at, there = dict[int, float](), 0.0
        for cohort in stays.cohorts:
            age = min(cohort.age(t), DAY - 1) * HALVES
            n, between = int(age), age - int(age)
            if (kept := survival[n] * (1 - between) + survival[n + 1] * between) > 1e-200:
                at[n] = at.get(n, 0.0) + cohort.seats * (1 - between) / kept
                at[n + 1] = at.get(n + 1, 0.0) + cohort.seats * between / kept
                there += cohort.seats
        return cls(survival, list(at.items()), [], there)

    def leave(self, now: int, step: int) -> float:
        """How many leave in the `step` minutes from `now` on."""
        survival, then = self.survival, HALVES * (now + step)
        there = sum([n * survival[age + then] for age, n in self.old])
        there += sum([n * survival[then - since] for since, n in self.new])
        self.lately, self.there = max(0.0, self.there - there), there
        return self.lately

    def enter(self, now: int, step: int, count: float, returning: float) -> float:
        """So many came in the `step` minutes before `now`, and `returning` of those who left; how many left again."""
        count += returning * self.lately
        half = HALVES * step // 2
        self.new.append((HALVES * now - half, count))
        stay = count * self.survival[half]
        self.there += stay
        return count - stay


class Walk:
    """Positions over time, linear in between; asked for later and later instants."""

    def __init__(self, points: list[tuple[float, float]]) -> None:
        self._points, self._n = points, 1

    def go(self, t: float, position: float) -> None:
        """It comes to `position` at `t`."""
        self._points.append((t, position))

    def at(self, t: float) -> float:
        """Where it is at `t`."""
        points = self._points
        while self._n < len(points) - 1 and points[self._n][0] < t:
            self._n += 1
        (since, start), (until, end) = points[self._n - 1], points[self._n]
        return start + (end - start) * min(1.0, max(0.0, (t - since) / (until - since))) if until > since else end
