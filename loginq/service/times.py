"""Instants: milliseconds since the epoch in the line and in the code, ISO 8601 UTC in rows that people read."""

import time
from collections.abc import Callable
from datetime import UTC, datetime

Clock = Callable[[], int]
"""Gives the instant in ms since the epoch."""

SECOND = 1_000
MINUTE = 60 * SECOND
HOUR = 60 * MINUTE
DAY = 24 * HOUR


def system_clock() -> int:
    """This machine's clock, which a Lambda may trust."""
    return time.time_ns() // 1_000_000


def iso(t: int) -> str:
    """`t` in ms as `2026-11-24T09:00:00.000Z`."""
    return datetime.fromtimestamp(t // 1_000, UTC).strftime("%Y-%m-%dT%H:%M:%S") + f".{t % 1_000:03}Z"


def from_iso(text: str) -> int:
    """The ms of an ISO 8601 instant; `ValueError` when it is none."""
    moment = datetime.fromisoformat(text)
    if moment.tzinfo is None:
        raise ValueError(f"{text!r} has no time zone")
    whole = int(moment.replace(microsecond=0).timestamp())
    return whole * 1_000 + moment.microsecond // 1_000
