"""Rates as people write them: `50`, `50/s`, `3,000/min`, `x2`; inside they are thousandths of a player per second."""

import re
from collections.abc import Callable, Sequence
from fractions import Fraction

from loginq.service.rules.errors import Invalid, quoted
from loginq.service.rules.gate import Step
from loginq.service.rules.line import MAX_RATE
from loginq.service.rules.numbers import WHOLE, number

UNLIMITED = "unlimited"
"""The word for as fast as may be."""
_UNITS = {"": 1, "s": 1, "sec": 1, "m": 60, "min": 60, "h": 3600, "hour": 3600}
_NUMBER = rf"([+-]?{WHOLE}(?:\.[0-9]{{1,20}})?(?:[eE][+-]?[0-9]{{1,3}})?)(k)?"
_FEW = 3
"""Planned steps that are told one by one."""
_EXAMPLES = "Write it like 50, 50/s or 3,000/min."


def parse_rate(text: str) -> int:
    """A rate, in thousandths of a player per second, rounded to the nearest; 0 is one.

    Raises `Invalid` for anything that is not a number with an optional unit of time, or out of range.
    """
    match = re.fullmatch(rf"\s*{_NUMBER}\s*(?:/\s*([a-z]+))?\s*", text, re.ASCII | re.IGNORECASE)
    if match is None or (match[3] or "").lower() not in _UNITS:
        raise Invalid(f"{quoted(text)} is not a rate.", _EXAMPLES)
    return _rate(number(match[1], match[2]) / _UNITS[(match[3] or "").lower()], text)


def rate_from(text: str, now: int, most: int) -> int:
    """A rate that is written as one, or by what it makes of the rate `now`: `+10%`, `x2`. `unlimited` is `most`.

    All in thousandths of a player per second. Raises `Invalid` as `parse_rate` does, and for a part of nothing.
    """
    if text == UNLIMITED:
        return most
    by = _factor(text.strip())
    if by is None:
        return parse_rate(text)
    if not now:
        raise Invalid(f"The rate is 0, and {text} of that is 0, too.", _EXAMPLES)
    return _rate(by * now / 1_000, text)


def _factor(text: str) -> Fraction | None:
    """By what a rate is multiplied; None where it is no such word."""
    if match := re.fullmatch(r"[x×*]\s*([0-9]{1,6}(?:\.[0-9]{1,6})?)", text, re.IGNORECASE):  # noqa: RUF001
        return Fraction(match[1])
    if match := re.fullmatch(r"([+-][0-9]{1,6}(?:\.[0-9]{1,6})?)\s*%", text):
        return 1 + Fraction(match[1]) / 100
    return None


def _rate(exact: Fraction, text: str) -> int:
    """So many players a second, in thousandths, as `text` says."""
    exact *= 1_000
    rate = round(exact)
    if rate < 0:
        raise Invalid(f"{quoted(text)} is a negative rate.", _EXAMPLES)
    if rate > MAX_RATE:
        raise Invalid(f"{quoted(text)} is more than {MAX_RATE // 1_000:,} players a second.", "Is a digit too many?")
    if exact and not rate:
        raise Invalid(
            f"{quoted(text)} is less than one player in 1,000 seconds.", "Use a higher rate, or `loginq queue pause`."
        )
    return rate


def rate_text(rate: int) -> str:
    """A rate as it is shown: `50/s`, `0.5/s`."""
    return f"{rate / 1_000:,.3f}".rstrip("0").rstrip(".") + "/s"


def steps_text(steps: Sequence[Step], moment: Callable[[int], str]) -> list[str]:
    """Planned steps as they are shown, a part each: of many, as a ramp has them, the first, the highest and the last.

    `moment`: how an instant, in ms, is written.
    """
    every = [f"{rate_text(rate)} from {moment(at)}" for at, rate in steps]
    if len(every) <= _FEW:
        return every
    top = peak(steps)
    highest = [] if top is None else [f"at most {rate_text(top[1])} from {moment(top[0])}"]
    return [every[0], f"and on in {len(every)} steps", *highest, every[-1]]


def peak(steps: Sequence[Step]) -> Step | None:
    """The highest of planned steps, where it is neither the first nor the last: what was planned before follows it."""
    top = max(steps, key=lambda step: step[1])
    return None if top[1] in (steps[0][1], steps[-1][1]) else top
