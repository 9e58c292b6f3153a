"""What is counted of those who came in, when their rows are read anyway: waits, what they were told, and order."""

from collections.abc import Sequence
from dataclasses import dataclass, field
from itertools import accumulate

from loginq.service.rules.histogram import Histogram, histogram, merged
from loginq.service.rules.measure import POLL
from loginq.service.rules.scores import is_late

CARRIED = 32
"""How many who were not overtaken yet are remembered: those who came in last, whom somebody of the next batch may still
overtake. In a rush that is a handful, because a batch begins where the gate was a minute after the one before."""


@dataclass(frozen=True, slots=True)
class Came:
    """Who was let in at a position; instants in ms.

    Args:
        issued, placed, admitted: when the ticket was issued, the place taken, the game entered.
        told: when that was to be, by what was told on placing; None where nothing was.
    """

    issued: int
    placed: int
    told: int | None
    admitted: int


@dataclass(frozen=True, slots=True)
class Order:
    """What the next batch has to know of those before it.

    Args:
        latest: when the last of them was let in, ms.
        first: when those were let in whom nobody behind them overtook so far, the last `CARRIED`, ms.
        near: the same of those whom nobody overtook by more than `POLL`.
    """

    latest: int = 0
    first: tuple[int, ...] = ()
    near: tuple[int, ...] = ()


NOBODY = Order()
"""Nobody came in before."""


@dataclass(frozen=True, slots=True)
class Tally:
    """The positions from `start` to `end`, as they were counted; lengths of time in ms, sums over players.

    Args:
        came: real players who were let in at them; of some, who have a newer ticket by now, no wait is known.
        waits, waited, worst: from the ticket to the admission: a histogram, their sum, the longest.
        told: how many were told a time on placing. truth: the sum of what they waited from then on.
        error: the sum of how far off what they were told was. errors: its histogram. late: `scores.is_late`.
        overtaken: how many somebody behind them overtook; of those before them, too, who were not until now.
        passed: those among them whom somebody overtook by more than `POLL`, which is between two polls.
        longest: by how much somebody was overtaken at the most.
        order: for the next batch.
    """

    start: int
    end: int
    came: int
    waited: int = 0
    worst: int = 0
    told: int = 0
    truth: int = 0
    error: int = 0
    late: int = 0
    overtaken: int = 0
    passed: int = 0
    longest: int = 0
    waits: Histogram = ()
    errors: Histogram = ()
    order: Order = field(default=NOBODY, compare=False)


def tallied(came: Sequence[Came], start: int, end: int, claimed: int, order: Order) -> Tally:
    """What there is to say of a batch.

    Args:
        came: those whose times are known, in the order of their positions, which lie from `start` to `end`.
        claimed: how many were let in at these. order: what the batch before left.
    """
    waits = [max(0, each.admitted - each.issued) for each in came]
    told = [(each, each.told) for each in came if each.told is not None]
    errors = [abs(each.admitted - turn) for each, turn in told]
    admitted = [each.admitted for each in came]
    overtaken, first = _behind(admitted, order.first, 0)
    passed, near = _behind(admitted, order.near, POLL)
    return Tally(
        start=start,
        end=end,
        came=claimed,
        waited=sum(waits),
        worst=max(waits, default=0),
        told=len(told),
        truth=sum(max(0, each.admitted - each.placed) for each, _ in told),
        error=sum(errors),
        late=sum(is_late(turn - each.placed, each.admitted - each.placed) for each, turn in told),
        overtaken=overtaken,
        passed=passed,
        longest=max([0, *(gain for _, gain in _gains(admitted, [order.latest]))]),
        waits=histogram(waits),
        errors=histogram(errors),
        order=Order(max([order.latest, *admitted]), first, near),
    )


def _behind(admitted: Sequence[int], before: Sequence[int], by: int) -> tuple[int, tuple[int, ...]]:
    """How many somebody behind them overtook by more than `by` ms, and when those came in who were not so far.

    Args:
        admitted: when a batch came in, in the order of positions. before: the same of some in front of it.
    """
    if not admitted:
        return 0, tuple(before)
    gains = [*_gains(admitted, before), (admitted[-1], 0)]
    left = sorted(at for at, gain in gains if gain <= by)
    return len(gains) - len(left), tuple(left[-CARRIED:])


def _gains(admitted: Sequence[int], before: Sequence[int]) -> list[tuple[int, int]]:
    """(When somebody came in, how much sooner the first of those behind did), of all who have somebody behind them."""
    if not admitted:
        return []
    soonest = list(accumulate(reversed(admitted), min))
    here = zip(admitted[-2::-1], soonest, strict=False)
    return [(at, at - soon) for at, soon in (*here, *((at, soonest[-1]) for at in before))]


def together(tallies: Sequence[Tally]) -> Tally | None:
    """Several as one, in the order of their positions; None of none."""
    if not tallies:
        return None
    summed = ("came", "waited", "told", "truth", "error", "late", "overtaken", "passed")
    sums: dict[str, int] = {name: sum(getattr(each, name) for each in tallies) for name in summed}
    return Tally(
        **sums,
        start=min(each.start for each in tallies),
        end=max(each.end for each in tallies),
        worst=max(each.worst for each in tallies),
        longest=max(each.longest for each in tallies),
        waits=merged(each.waits for each in tallies),
        errors=merged(each.errors for each in tallies),
        order=tallies[-1].order,
    )
