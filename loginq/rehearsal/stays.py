"""How long players stay in the game: laws that lengths are drawn from, and what becomes of a stay when much changes.

Lengths are in ms, instants in ms from the start of the launch.
"""

import math
from dataclasses import dataclass
from random import Random
from typing import Protocol

from loginq.service.rules.times import MINUTE

SHORT = 8 * MINUTE
"""How long short stays are on average: a look around, a crash, the wrong server."""


class Law(Protocol):
    """What lengths of stay are drawn from."""

    @property
    def mean(self) -> float:
        """How long a stay is on average."""
        ...

    def draw(self, random: Random) -> float:
        """The length of one stay."""
        ...


@dataclass(frozen=True, slots=True)
class Exponential:
    """Who has stayed long leaves as readily as who has just come."""

    mean: float

    def draw(self, random: Random) -> float:
        """The length of one stay."""
        return random.expovariate(1 / self.mean)


@dataclass(frozen=True, slots=True)
class LogNormal:
    """Most stay for some while, a few for very long. `cv`: the standard deviation, as a multiple of the mean."""

    mean: float
    cv: float

    def draw(self, random: Random) -> float:
        """The length of one stay. The logarithm's variance is ln(1 + cv²), and its mean ln(mean) less half of that."""
        variance = math.log(1 + self.cv**2)
        return random.lognormvariate(math.log(self.mean) - variance / 2, math.sqrt(variance))


@dataclass(frozen=True, slots=True)
class Weibull:
    """With a `shape` below 1 the longer somebody has stayed the less ready to leave; above 1 the readier; 1 is even."""

    mean: float
    shape: float

    def draw(self, random: Random) -> float:
        """The length of one stay. The mean of a Weibull law is its scale times gamma(1 + 1/shape)."""
        return random.weibullvariate(self.mean / math.gamma(1 + 1 / self.shape), self.shape)


@dataclass(frozen=True, slots=True)
class Mixed:
    """A `share` of stays is short, `SHORT` on average; the others are as `others` says."""

    others: Law
    share: float

    @property
    def mean(self) -> float:
        """How long a stay is on average, short ones included."""
        return self.share * SHORT + (1 - self.share) * self.others.mean

    def draw(self, random: Random) -> float:
        """The length of one stay."""
        return random.expovariate(1 / SHORT) if random.random() < self.share else self.others.draw(random)


@dataclass(frozen=True, slots=True)
class Wave:
    """A `share` of those who are in the game at `at` leaves together, at that instant."""

    at: int
    share: float

    @property
    def words(self) -> str:
        """What happens, in short."""
        return f"{self.share:.0%} leave together"

    def end(self, since: int, end: float, random: Random) -> float:
        """When a stay since `since` ends that would end at `end`."""
        return self.at if since < self.at < end and random.random() < self.share else end


@dataclass(frozen=True, slots=True)
class Turn:
    """From `at` on stays are `factor` times as long: those that begin then, and what remains of those under way."""

    at: int
    factor: float

    @property
    def words(self) -> str:
        """What happens, in short."""
        return f"stays x{self.factor:g}"

    def end(self, since: int, end: float, random: Random) -> float:
        """When a stay since `since` ends that would end at `end`."""
        start = max(since, self.at)
        return start + (end - start) * self.factor if end > start else end


Upheaval = Wave | Turn


@dataclass(frozen=True, slots=True)
class Leaving:
    """What becomes of those who leave the game: three shares of them, and how late they are reported.

    Args:
        late: each report comes up to so many ms late, all delays as likely. twice: reported again, by another delay.
        never: not reported at all. back: comes back within the grace, once that is reported.
    """

    late: float = 0
    twice: float = 0
    never: float = 0
    back: float = 0
