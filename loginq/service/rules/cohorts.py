"""Who is in the game, by the minutes in which they were let in: what the counters say of each lot of them."""

from collections.abc import Iterable, Iterator, Mapping, Sequence
from typing import NamedTuple

MILLI = 1_000
HELD = 1.0
"""How much younger somebody is than the minute of the admission: half a minute on average, and half a minute more,
because a seat is held until the leaving is reported."""
FINE, OLDEST = 60, 1_440
_BLOCKS = (60, 300), (10, FINE)
"""(Minutes of admission that share a block, once the last of them is so old); who stays for longer than a day is left
out."""


class Cohort(NamedTuple):
    """Who was let in within some minutes and is still in the game.

    Args:
        first, minutes: of which admissions, minutes since the epoch. seats: how many are in the game.
        mean: of their admissions, thousandths of a minute after `first`. left: what the counters held of them.
    """

    first: int
    minutes: int
    seats: int
    mean: int = 0
    left: int = 0

    def age(self, t: float) -> float:
        """How old they are at `t`, minutes since the epoch."""
        return max(0.0, t - HELD - self.first - self.mean / MILLI)


def minutes_there(cohort: Cohort, minute: int, passed: int) -> float:
    """For how many of the minutes that are over each of them was in the game; the newest came in one by one, and hold
    their seats until they are reported."""
    return 0.0 if cohort.first >= minute else passed / 4 if cohort.first == minute - 1 else float(passed)


def told_of(cohorts: Sequence[Cohort], left: Mapping[int, int], minute: int) -> Iterator[Cohort]:
    """The cohorts of which the counters still tell, and new ones for minutes in which only returners came."""
    first = {cohort.first for cohort in cohorts}
    yield from (cohort for cohort in cohorts if minute - cohort.first < OLDEST)
    returned = (n for n, count in sorted(left.items()) if count < 0 and n not in first and minute - n < FINE)
    yield from (Cohort(n, 1, 0) for n in returned)


def gone_of(cohorts: Sequence[Cohort], left: Mapping[int, int]) -> Iterator[int]:
    """How many left each cohort since the counters were read last, negative for who came back: never more than have a
    seat, because who leaves at once may be heard of before the admission; those are left for the next time."""
    for cohort in cohorts:
        now = sum(left.get(cohort.first + n, 0) for n in range(cohort.minutes))
        yield min(cohort.seats, now - cohort.left)


def scaled(cohorts: Iterable[Cohort], seats: int, known: int) -> Iterator[Cohort]:
    """With so many `seats` in place of all that are `known`."""
    total = 0
    for cohort in cohorts:
        before, total = total, total + cohort.seats
        yield cohort._replace(seats=total * seats // known - before * seats // known)


def merged(cohorts: Iterable[Cohort], minute: int) -> tuple[Cohort, ...]:
    """In blocks that grow with age, so that a day of them stays small."""
    found: dict[int, Cohort] = {}
    for cohort in sorted(cohorts):
        wide = next((wide for wide, age in _BLOCKS if _end(cohort.first, wide) <= minute - age), cohort.minutes)
        first = cohort.first // wide * wide
        block = found.get(first, Cohort(first, wide, 0))
        seats = block.seats + cohort.seats
        moment = block.mean * block.seats + ((cohort.first - first) * MILLI + cohort.mean) * cohort.seats
        found[first] = Cohort(first, wide, seats, moment // seats if seats else 0, block.left + cohort.left)
    return tuple(found.values())


def _end(first: int, wide: int) -> int:
    """Where the block of this width ends: what is in it merges all at once, since it is counted together."""
    return first // wide * wide + wide
