"""Rates as people write them: `50`, `50/s`, `3000/min`; inside they are thousandths of a player per second."""

import re
from fractions import Fraction

from loginq.service.rules.errors import Invalid, quoted
from loginq.service.rules.line import MAX_RATE

_UNITS = {"": 1, "s": 1, "sec": 1, "m": 60, "min": 60, "h": 3600, "hour": 3600}
_NUMBER = r"[+-]?\d{1,20}(?:\.\d{1,20})?(?:[eE][+-]?\d{1,3})?"
_EXAMPLES = "Write it like 50, 50/s or 3000/min."


def parse_rate(text: str) -> int:
    """A rate, in thousandths of a player per second, rounded to the nearest; 0 is one.

    Raises `Invalid` for anything that is not a number with an optional unit of time, or out of range.
    """
    match = re.fullmatch(
        r"\s*([+-]?\d{1,20}(?:\.\d{1,20})?(?:[eE][+-]?\d{1,3})?)\s*(?:/\s*([a-z]+))?\s*", text, re.ASCII
    )
    if match is None or (match[2] or "") not in _UNITS:
        raise Invalid(f"{quoted(text)} is not a rate.", _EXAMPLES)
    exact = Fraction(match[1]) * 1_000 / _UNITS[match[2] or ""]
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
