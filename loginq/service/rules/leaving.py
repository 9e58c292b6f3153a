"""How fast seats come free where only totals are known: one law of sessions, the exponential one.

Who counts players knows nobody's age, so all that can be learnt is at which rate they leave; that is what the law
without memory has as its only number. Its prior is a session's mean, as the operator gives it, and is worth ten
departures: a gamma prior of the rate, whose mean after D departures in H player-ms is (10 + D) / (10 x mean + H).
https://en.wikipedia.org/wiki/Conjugate_prior
"""

from dataclasses import dataclass, replace
from math import isqrt
from typing import Self

PRIOR = 10
"""How many departures the operator's own number is worth."""
KNOWN = 200
"""Departures before which nothing is unusual."""
AT_ONCE = 5
"""Looks at which far more leave than expected, as when a server dies: they free seats and teach nothing. More of them
are no accident."""


@dataclass(frozen=True, slots=True)
class Leaving:
    """What has been seen so far.

    Args:
        departed: who left. held: for how long seats were held meanwhile, player-ms. odd: looks that taught nothing.
    """

    departed: int = 0
    held: int = 0
    odd: int = 0

    def session(self, mean: int) -> int:
        """How long a session is by all that is known, ms. `mean`: what the operator says, ms."""
        return (PRIOR * mean + self.held) // max(1, PRIOR + self.departed)

    def seen(self, mean: int, departed: int, in_game: int, length: int) -> Self:
        """With a look at `length` ms in which `in_game` players held a seat and `departed` left.

        Negative where counts that came late made it too many before.
        """
        expected = in_game * length // self.session(mean)
        far_more = departed > (3 * expected) // 2 + 5 * isqrt(expected) + 5
        is_odd = far_more and self.departed >= KNOWN and self.odd < AT_ONCE
        return replace(
            self,
            departed=max(0, self.departed + (expected if is_odd else departed)),
            held=self.held + in_game * length,
            odd=self.odd + is_odd,
        )

    def free_after(self, mean: int, seats: int, in_game: int) -> int | None:
        """In how many ms so many seats come free, while whoever leaves is replaced; None of an empty game."""
        return -(-seats * self.session(mean) // in_game) if in_game else None
