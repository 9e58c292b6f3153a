"""Numbers as people write them: `200000`, `200,000`, `20k`, `1.5m`."""

import re
from fractions import Fraction

from loginq.service.rules.errors import Invalid, quoted

WHOLE = r"(?:[0-9]{1,3}(?:[,_][0-9]{3}){1,6}|[0-9]{1,20})"
"""What a whole number matches, with its thousands apart or not."""
MOST_PLAYERS = 10**12
"""More than ever play one game at once: what a capacity, and a number of players in the game, may be."""
_THOUSANDS = {"k": 1_000, "m": 1_000_000}


def number(digits: str, thousands: str | None) -> Fraction:
    """What stands there: digits, perhaps with their thousands apart, and perhaps `k` or `m`."""
    return Fraction(digits.replace(",", "").replace("_", "")) * _THOUSANDS.get((thousands or "").lower(), 1)


def parse_count(text: str, most: int, *, least: int = 0) -> int:
    """A number of players from `least` to `most`. Raises `Invalid` for anything else."""
    match = re.fullmatch(rf"\s*([+-]?{WHOLE}(?:\.[0-9]{{1,6}})?)([km])?\s*", text, re.ASCII | re.IGNORECASE)
    found = None if match is None else number(match[1], match[2])
    if found is None or found.denominator != 1:
        raise Invalid(f"{quoted(text)} is not a number of players.", "Write it like 20000, 20,000 or 20k.")
    if not least <= found <= most:
        raise Invalid(f"{quoted(text)} is not between {least:,} and {most:,}.", "Is a digit too many?")
    return int(found)


def parse_capacity(text: str | None) -> int | None:
    """The most players in a game at once; None for `none`, which is no such limit. Raises `Invalid`."""
    if text is None or text == "none":
        return None
    try:
        return parse_count(text, MOST_PLAYERS)
    except Invalid as exc:
        raise Invalid(exc.message, f"{exc.hint} `none` is no limit.") from exc
