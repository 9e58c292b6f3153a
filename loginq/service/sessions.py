"""What game servers report: who joined the game, who left it. In any order, as often as they like."""

import json
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any, Self

from loginq.service.departures import depart
from loginq.service.leavings import TOGETHER
from loginq.service.players import Player
from loginq.service.queue import Queue
from loginq.service.rules.errors import BadRequest, ConditionFailed, Unavailable
from loginq.service.rules.times import DAY, from_iso
from loginq.service.table import chunks

MOST = 500
"""Events in one report."""
_TRIES = 4


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


def report(queue: Queue, events: Sequence[Event | None]) -> list[str]:
    """Apply a report; for each event `counted`, `unchanged` (known already), `stale` (of an older admission),
    `unknown` (no such player, or never let in) or `invalid`.

    Leaving is written together with its count, so that each is counted exactly once.
    Raises `Unavailable` when rows keep changing; then the whole report may be sent again.
    """
    known = [event for event in events if event is not None]
    rows = queue.players.get_all([event.player for event in known]) if known else {}
    joined = [event for event in known if event.joined and _word(rows.get(event.player), event) == "counted"]
    if joined:
        first = {event.player: event for event in reversed(joined)}
        codes = queue.players.join([(rows[event.player], event.at) for event in first.values()])
        if failed := [code for code in codes if code not in ("", "ConditionalCheckFailed")]:
            raise Unavailable(f"{len(failed)} events could not be written: {failed[0]}.", "Send the report again.")
    left = [event for event in known if not event.joined and _word(rows.get(event.player), event) == "counted"]
    for some in chunks(list({event.player: event for event in reversed(left)}.values()), TOGETHER):
        _leave(queue, some, rows)
    return _words(events, rows)


def _leave(queue: Queue, events: Sequence[Event], rows: dict[str, Player]) -> None:
    """All of these leave in one transaction; who has changed meanwhile is looked at again."""
    for _ in range(_TRIES):
        leaving = [event for event in events if _word(rows.get(event.player), event) == "counted"]
        if not leaving:
            return
        admissions = [rows[event.player].admitted_at or 0 for event in leaving]
        try:
            depart(queue, admissions, [queue.players.leaving(rows[event.player], event.at) for event in leaving])
        except ConditionFailed:
            rows.update(queue.players.get_all([event.player for event in leaving]))
            continue
        return
    raise Unavailable("Too many players change at once.", "Send the report again.")


def _word(player: Player | None, event: Event) -> str:
    """What an event would do to a row."""
    if player is None or player.ticket is None:
        return "unknown"
    if player.ticket != event.admission:
        return "stale"
    if player.admitted_at is None:
        return "unknown"
    seen = player.joined_at if event.joined else player.left_at
    return "counted" if seen is None else "unchanged"


def _words(events: Sequence[Event | None], rows: dict[str, Player]) -> list[str]:
    """What each event did: of several that say the same the first counted."""
    words, seen = [], set()
    for event in events:
        word = "invalid" if event is None else _word(rows.get(event.player), event)
        if event is not None and word == "counted":
            key = event.player, event.joined
            word = "unchanged" if key in seen else word
            seen.add(key)
        words.append(word)
    return words
