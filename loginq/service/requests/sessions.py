"""What game servers report: who joined the game, who left it. In any order, as often as they like."""

from collections.abc import Sequence

from loginq.service.requests.departures import count, depart
from loginq.service.requests.minute import promise_anew
from loginq.service.rules.errors import ConditionFailed, Unavailable
from loginq.service.rules.player import Player
from loginq.service.rules.servers import Server
from loginq.service.rules.sessions import Event
from loginq.service.store.leavings import TOGETHER
from loginq.service.store.queue import Queue
from loginq.service.store.table import chunks

_TRIES = 4


def apply(queue: Queue, events: Sequence[Event | None]) -> list[str]:
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
    if left:
        promise_anew(queue)
    return _words(events, rows)


def hold(queue: Queue, server: Server) -> str:
    """Take what a game server counts, as `departures.count` does."""
    word = count(queue, server)
    promise_anew(queue)
    return word


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
