"""How long players stay: the laws that may hold, as hazards by age.

No counts say what the oldest players will do, so what lies beyond the ages seen is told by a mixture of laws, weighted
by how well each explains those who have left and those who have not. A mean is the expected stay; ages are in minutes.
"""

import math
from bisect import bisect_right
from collections.abc import Callable, Iterator, Sequence
from functools import cache
from itertools import pairwise

DAY = 1_440
EDGES = (*map(float, range(8)), *(8 * 1.2**n for n in range(29)), float(DAY))
"""Of the ages: by minutes to 8, then growing by a fifth to a day."""
BINS = len(EDGES) - 1
WIDTHS = tuple(old - young for young, old in pairwise(EDGES))
SHORT, SHORT_SHARES = 8.0, ((0.0, 1.0), (0.15, 0.15), (0.30, 0.09))
"""The mean of short stays; what share of players have one, and how likely that is."""
MEANS = tuple(2 ** (n / 4) for n in range(-8, 9))
"""Of the given mean."""
ALONE = 4.0
"""How much likelier an exponential without short stays is than its shape alone would be: few servers know better."""
Hazards = tuple[float, ...]
Survival = Callable[[float], float]


def _log_normal(mean: float, cv: float) -> Survival:
    sigma = math.sqrt(math.log(1 + cv * cv))
    mu = math.log(mean) - sigma * sigma / 2
    return lambda a: 0.5 * math.erfc((math.log(a) - mu) / (sigma * math.sqrt(2)))


def _weibull(mean: float, shape: float) -> Survival:
    scale = mean / math.gamma(1 + 1 / shape)
    return lambda a: math.exp(-((a / scale) ** shape))


def _erlang(mean: float, stages: float) -> Survival:
    n = int(stages)

    def survival(a: float) -> float:
        x, term, total = a * n / mean, 1.0, 1.0
        for k in range(1, n):
            term *= x / k
            total += term
        return math.exp(-x) * total

    return survival


_SHAPES: tuple[tuple[Callable[[float, float], Survival], float, float], ...] = (
    (_log_normal, 0.5, 0.4), (_log_normal, 0.75, 0.7), (_log_normal, 1.0, 1.0), (_log_normal, 1.5, 1.0),
    (_log_normal, 2.0, 0.5), (_weibull, 0.7, 0.5), (_weibull, 0.85, 1.0), (_weibull, 1.0, 2.0), (_erlang, 2, 0.8),
    (_erlang, 4, 0.4),
)  # fmt: skip
"""A law, its variation or shape, and how likely it is."""


@cache
def bank(mean: float, spread: float) -> tuple[tuple[float, Hazards], ...]:
    """Every law, as (logarithm of how likely it is beforehand, its hazard in each bin).

    Args:
        mean: about how long players stay, minutes. spread: of the logarithm of that, how sure it is.
    """
    return tuple(_laws(mean, spread))


def _laws(mean: float, spread: float) -> Iterator[tuple[float, Hazards]]:
    for factor in MEANS:
        near = -(math.log(factor) ** 2) / (2 * spread * spread)
        for law, form, weight in _SHAPES:
            main = [_kept(law(mean * factor, form), a) for a in EDGES]
            for share, likely in SHORT_SHARES:
                alone = ALONE if law is _weibull and form == 1.0 and not share else 1.0
                kept = [(1 - share) * s + share * math.exp(-a / SHORT) for s, a in zip(main, EDGES, strict=True)]
                yield near + math.log(weight * likely * alone), _hazards(kept)


def _kept(survival: Survival, a: float) -> float:
    return max(survival(a), 1e-300) if a else 1.0


def _hazards(kept: Sequence[float]) -> Hazards:
    """Of a law by which this share stays beyond each edge."""
    return tuple(
        max(math.log(s / max(later, 1e-290)), 0.0) / width if s > 1e-290 else 50.0
        for s, later, width in zip(kept, kept[1:], WIDTHS, strict=False)
    )


def bin_of(age: float) -> int:
    """The bin of an age."""
    return min(BINS - 1, bisect_right(EDGES, age) - 1)
