"""What an operator wants of the rate, now and later: each makes another line of one."""

from collections.abc import Sequence

from loginq.service.rules.errors import Invalid
from loginq.service.rules.gate import Step
from loginq.service.rules.line import MAX_STEPS, Line
from loginq.service.rules.rates import rate_text
from loginq.service.rules.times import SECOND


def setting(line: Line, t: int, rate: int, burst: int | None = None, *, keep_plan: bool = False) -> Line:
    """The line with another rate, by hand: planned steps are dropped unless `keep_plan`, or where they end a rate of 0.

    Raises `Invalid` for 0 that no planned step ends: stopping is what `pause` is for; and for more than the line may.
    """
    _check(line, rate)
    if rate == 0 and not any(planned for at, planned in line.steps if at > t):
        raise Invalid(
            "A rate of 0 would let nobody in.",
            "To stop the line, use `loginq queue pause`; to open later, plan that first: `loginq rate set 80 --at "
            "18:00`.",
        )
    return line.set_rate(t, rate, burst, keep_plan=keep_plan)


def _check(line: Line, rate: int) -> None:
    if line.max_rate and rate > line.max_rate:
        raise Invalid(
            f"{rate_text(rate)} is more than this stack's MaxRate of {rate_text(line.max_rate)}.",
            f"Ask for at most that; `loginq deploy --param MaxRate={rate / 1_000:g}` raises it.",
        )


def planning(line: Line, t: int, steps: Sequence[Step]) -> Line:
    """The line with further planned steps, (instant, rate) in order of time.

    A first one that is not in the future is the rate from now on. Steps that were planned between the first and the
    last go. Raises `Invalid` when there would be too many, and for a rate that is more than the line may.
    """
    for _, rate in steps:
        _check(line, rate)
    first, last = steps[0][0], steps[-1][0]
    if first <= t:
        line, steps = line.set_rate(t, steps[0][1], keep_plan=True), steps[1:]
    kept = [step for step in line.steps if step[0] > t and not first <= step[0] <= last]
    if len(kept) + len(steps) > MAX_STEPS:
        raise Invalid(
            f"{len(kept) + len(steps)} planned steps are too many: a line holds {MAX_STEPS}.",
            "See them with `loginq rate show`; `loginq rate clear` takes them away.",
        )
    return line.plan(t, tuple(sorted([*kept, *steps])))


def ramp(start: int, end: int, at: int, over: int, most: int) -> list[Step]:
    """Steps from the rate `start` at the instant `at` to the rate `end` at `at + over`, even in time and rate.

    At most `most`, none closer than a second. Raises `Invalid` when that is less than two.
    """
    count = min(most, over // SECOND + 1)
    if count < 2:
        raise Invalid(
            "There is no room for a ramp.",
            "Give it at least two seconds; `loginq rate clear` takes planned steps away.",
        )
    return [(at + over * n // (count - 1), start + (end - start) * n // (count - 1)) for n in range(count)]


def ramping(line: Line, t: int, start: int, end: int, at: int | None, over: int) -> Line:
    """The line with a ramp in as many steps as there is room for; `at`: when it begins, None for now."""
    begin = t if at is None else max(at, t)
    kept = [step for step in line.steps if step[0] > t and not begin <= step[0] <= begin + over]
    room = MAX_STEPS - len(kept) + (begin <= t)
    return planning(line, t, ramp(start, end, begin, over, room))


def clearing(line: Line, t: int) -> Line:
    """The line without planned steps; the rate stays as it is at this moment.

    Raises `Invalid` where that is 0, and a planned step would have ended it.
    """
    if not line.rate_at(t) and any(at > t for at, _ in line.steps):
        raise Invalid(
            "Without its plan the line would stay at a rate of 0, and let nobody in.",
            "Set the rate that is to hold, which drops the plan: `loginq rate set 80`.",
        )
    return line.plan(t, ())
