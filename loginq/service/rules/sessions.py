"""What game servers report: who joined the game, who left it."""

import json
from dataclasses import dataclass
from typing import Any, Self

from loginq.service.rules.errors import BadRequest
from loginq.service.rules.times import DAY, from_iso

MOST = 500
"""Events in one report."""


@dataclass(frozen=True, slots=True)
class Event:
    """One thing that happened to one admission, at `at` ms."""

    player: str
    admission: str
    joined: bool
    at: int

    @classmethod
    def parse(cls, given: Any) -> Self:
        """One event of a report. Raises `ValueError` or the like for what is none."""
        if given["event"] not in ("joined", "left"):
            raise ValueError(given["event"])
        texts = given["player"], given["admission"]
        if not all(isinstance(text, str) and 0 < len(text.encode()) <= 128 for text in texts):
            raise ValueError("player and admission must be texts")
        return cls(*texts, given["event"] == "joined", from_iso(given["at"]))


def parse(body: str | None, t: int) -> list[Event | None]:
    """The events of a report, None for one that cannot be understood. Raises `BadRequest` for what is no report."""
    try:
        given = json.loads(body or "")["events"]
    except (ValueError, KeyError, TypeError, RecursionError) as exc:
        raise BadRequest('Send {"events": [{"player", "admission", "event", "at"}, …]}.') from exc
    if not isinstance(given, list) or not 1 <= len(given) <= MOST:
        raise BadRequest(f"Send 1 to {MOST} events at once.")
    events: list[Event | None] = []
    for each in given:
        try:
            event = Event.parse(each)
            events.append(event if event.at <= t + DAY else None)
        except (ValueError, KeyError, TypeError, AttributeError, OverflowError):
            events.append(None)
    return events
