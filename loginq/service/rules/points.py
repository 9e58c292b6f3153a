"""Minutes over time, as few of them as a chart can show."""

from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from typing import Any

from loginq.service.rules.history import Minute
from loginq.service.rules.times import iso

POINTS = 240
"""Of a chart: more than that nobody sees."""


@dataclass(frozen=True, slots=True)
class Point:
    """Some minutes as one: the longest line and the most in the game, and what was usual of the others.

    Args:
        at: the last of them, ms. asked, achieved, arriving: players a second; None where that is not known.
    """

    at: int
    waiting: int
    in_game: int
    asked: float
    achieved: float
    arriving: float | None

    def document(self) -> dict[str, Any]:
        """The JSON form."""
        return {
            "at": iso(self.at),
            "waiting": self.waiting,
            "in_game": self.in_game,
            "asked_per_second": self.asked,
            "achieved_per_second": self.achieved,
            "arriving_per_second": self.arriving,
        }


def points(minutes: Sequence[Minute]) -> Iterator[Point]:
    """The minutes as at most `POINTS`, each of as many."""
    size = -(-len(minutes) // POINTS)
    for start in range(0, len(minutes), size):
        some = minutes[start : start + size]
        arriving = [each.arrivals for each in some if each.arrivals is not None]
        yield Point(
            at=some[-1].at,
            waiting=max(each.waiting for each in some),
            in_game=max(each.in_game for each in some),
            asked=_mean([each.asked for each in some]),
            achieved=_mean([each.achieved for each in some]),
            arriving=_mean(arriving) if arriving else None,
        )


def _mean(thousandths: Sequence[int]) -> float:
    return round(sum(thousandths) / len(thousandths) / 1_000, 3)
