"""What game servers report: who joined the game and who left it, or how many each holds."""

import json
import re
from dataclasses import dataclass
from typing import Any, Self

from loginq.service.rules.errors import BadRequest, WrongReport, quoted
from loginq.service.rules.identity import is_subject, key_of
from loginq.service.rules.numbers import MOST_PLAYERS
from loginq.service.rules.servers import Server
from loginq.service.rules.settings import COUNTS, EVENTS
from loginq.service.rules.times import DAY, from_iso

MOST = 500
"""Events in one report."""
NAME = re.compile("[A-Za-z0-9][A-Za-z0-9._:-]{0,63}")
"""What a game server may be called: a host, a pod, an address with its port."""
_LETTERS = "1 to 64 letters, digits, dots, colons, hyphens or underscores, and begins with a letter or a digit."
NAMED = f"A name has {_LETTERS}"
_FIELDS = {EVENTS: {"events"}, COUNTS: {"server", "in_game", "instance"}}
_SEND = {
    EVENTS: 'Send {"events": [{"player", "admission", "event", "at"}, …]}.',
    COUNTS: 'Send {"server": "eu-1", "in_game": 18442} and nothing else.',
}


@dataclass(frozen=True, slots=True)
class Event:
    """One thing that happened to one admission, at `at` ms."""

    player: str
    admission: str
    joined: bool
    at: int

    @classmethod
    def parse(cls, given: Any, issuer: str = "") -> Self:
        """One event of a report; `issuer`: of the players' accounts, where these are not of the stack's own pool.

        Raises `ValueError` or the like for what is none.
        """
        if given["event"] not in ("joined", "left"):
            raise ValueError(given["event"])
        if issuer and not is_subject(given["player"]):
            raise ValueError(given["player"])
        texts = key_of(issuer, given["player"]), given["admission"]
        if not all(isinstance(text, str) and 0 < len(text.encode()) <= 128 for text in texts):
            raise ValueError("player and admission must be texts")
        return cls(*texts, given["event"] == "joined", from_iso(given["at"]))


def report_of(body: str | None, kind: str) -> dict[str, Any]:
    """What a report says, on a stack that takes this kind. Raises `BadRequest` for what is none, `WrongReport` for one
    of another kind, or of both."""
    try:
        given = json.loads(body or "")
    except (ValueError, RecursionError):
        given = None
    if not isinstance(given, dict) or not any(given.keys() & fields for fields in _FIELDS.values()):
        raise BadRequest(_SEND[kind])
    if any(given.keys() & fields for other, fields in _FIELDS.items() if other != kind):
        raise WrongReport(f"This stack takes {kind} (SessionReports={kind}), and nothing else.", _SEND[kind])
    return given


def events_of(given: dict[str, Any], t: int, issuer: str = "") -> list[Event | None]:
    """The events of a report, None for one that cannot be understood. Raises `BadRequest` for what is no such list.

    `issuer`: as `Event.parse` has it.
    """
    said = given["events"]
    if not isinstance(said, list) or not 1 <= len(said) <= MOST:
        raise BadRequest(f"Send 1 to {MOST} events at once.")
    events: list[Event | None] = []
    for each in said:
        try:
            event = Event.parse(each, issuer)
            events.append(event if event.at <= t + DAY else None)
        except (ValueError, KeyError, TypeError, AttributeError, OverflowError):
            events.append(None)
    return events


def count_of(given: dict[str, Any], t: int, reporter: str = "") -> Server:
    """What a game server says at `t` of how many it holds. Raises `BadRequest` for what cannot be, `WrongReport` for a
    report with more in it.

    `reporter`: whose key it came with; it speaks for itself alone, and need not say who it is.
    """
    if more := sorted(given.keys() - _FIELDS[COUNTS]):
        raise WrongReport(f"A count has server, in_game and instance, and not {quoted(more[0])}.", _SEND[COUNTS])
    name, in_game = given.get("server", reporter), given.get("in_game")
    if reporter and name != reporter:
        raise BadRequest("server is whose key this is, as in the path; or leave it out.")
    if not isinstance(name, str) or not NAME.fullmatch(name):
        raise BadRequest(f"server is its name, which has {_LETTERS}")
    if type(in_game) is not int or not 0 <= in_game <= MOST_PLAYERS:
        raise BadRequest(f"in_game is how many players it holds: a whole number from 0 to {MOST_PLAYERS:,}.")
    instance = given.get("instance", "")
    if instance != "" and (not isinstance(instance, str) or not NAME.fullmatch(instance)):
        raise BadRequest(f"instance is which run of the server this is, and has {_LETTERS}")
    return Server(name, in_game, t, instance)
