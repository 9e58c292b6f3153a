"""A rate that is far from the one that is: the slip of a finger as often as an intention, so it is asked about."""

from collections.abc import Sequence

from loginq.cli import console
from loginq.cli.what_if import Foreseen
from loginq.service.rules.forecast import forecast
from loginq.service.rules.gate import Step
from loginq.service.rules.line import Line
from loginq.service.rules.rates import rate_text
from loginq.service.rules.settings import Rules

FAR = 3
"""So many times as high, or as low."""


def far(line: Line, asked: Sequence[Step], rules: Rules) -> Step | None:
    """The first of the steps, (instant, rate), that is far from the rate that would be then; None without one.

    Where that is 0 the step is held against the stack's initial rate.
    """
    for at, rate in asked:
        now = line.rate_at(at) or rules.initial_rate
        if now and (rate > FAR * now or (rate and rate * FAR < now)):
            return at, rate
    return None


def effect(foreseen: Foreseen, step: Step) -> str:
    """What `step` does to the line, beside what is."""
    (at, rate), line, t = step, foreseen.line, foreseen.t
    when = f" from {console.moment(at)}" if at > t else ""
    what = f"{rate_text(rate)}{when} instead of {rate_text(line.rate_at(at))}"
    if not line.waiting(t):
        return f"{what}; nobody waits"
    before, after = (forecast(each, t, foreseen.arriving).clear for each in (line, foreseen.changed))
    clear = f"the line is clear in {console.duration(after)} instead of {console.duration(before)}"
    return f"{what}; {line.waiting(t):,} wait, and {clear}"
