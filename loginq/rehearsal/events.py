"""What happens in the middle of a launch, as somebody writes it: `leave 10%@75m`, `pause 5m@30m`."""

import re
from collections.abc import Callable, Iterable
from dataclasses import dataclass, replace
from functools import partial

from loginq.rehearsal.scenario import Change
from loginq.rehearsal.stays import Law, Leaving, Turn, Upheaval, Wave
from loginq.service.rules.errors import Invalid, quoted
from loginq.service.rules.line import Line
from loginq.service.rules.numbers import MOST_PLAYERS, parse_count
from loginq.service.rules.times import DAY, SECOND, parse_duration

PLAYED = 7 * DAY
"""As long as a launch is played, ms."""
_MOST_TIMES = 100
"""Stays that become longer or shorter by more than that are a slip."""
_EVENTS = (
    "Write it like 'leave 10%@75m', 'stays x2@75m', 'capacity 25k@90m', 'pause 5m@30m', 'outage 5m@12m', 'status down"
    " 5m@12m' or 'line down 5m@12m'."
)
_WAYS = "Write it like 'late 60s', 'twice 10%', 'never 1%' or 'back 15%', or several of these with commas."
_SESSION = "Say how long players stay, like --session 45m."
_WEEK = "Write it like 'pause 5m@30m': five minutes, half an hour after the start."


@dataclass(frozen=True, slots=True)
class Events:
    """What happens; instants in ms from the start.

    Args:
        upheavals: of the stays, in order of time. capacities: (when, the most players in the game from then on).
        pauses, outages: (from, until); `status_outages` and `line_outages` are of `/login/status` or `/line` alone.
    """

    upheavals: tuple[Upheaval, ...] = ()
    capacities: tuple[tuple[int, int], ...] = ()
    pauses: tuple[tuple[int, int], ...] = ()
    outages: tuple[tuple[int, int], ...] = ()
    status_outages: tuple[tuple[int, int], ...] = ()
    line_outages: tuple[tuple[int, int], ...] = ()

    @property
    def changes(self) -> tuple[tuple[int, Change], ...]:
        """What the operator does: (when, what becomes of the line). Pauses that overlap are one."""
        ends = [end for _, end in self.pauses if not any(start <= end < other for start, other in self.pauses)]
        return (
            *((start, Line.pause) for start, _ in self.pauses),
            *((end, Line.resume) for end in ends),
            *((at, _capacity(most)) for at, most in self.capacities),
        )


def check_game(players: int, capacity: int | None, session: Law | None, leaving: Leaving, events: Events) -> None:
    """Raise `Invalid` where so many `players` could not all come into a game of that `capacity`, or none leaves it."""
    most = max((places for places in (capacity, *(places for _, places in events.capacities)) if places), default=None)
    if most is not None and session is None:
        raise Invalid("With a capacity, somebody has to leave.", _SESSION)
    if most is not None and leaving.never * players >= most:
        raise Invalid("Those whose leaving is never reported would fill the game for good.", "Say fewer of them.")
    turns = any(isinstance(each, Turn) for each in events.upheavals)
    if session is None and (turns or (leaving != Leaving() and not events.upheavals)):
        raise Invalid("Nobody leaves the game.", _SESSION)
    if session is not None and session.mean < SECOND:
        raise Invalid("Nobody stays in a game for less than a second.", _SESSION)


def parse_events(texts: Iterable[str]) -> Events:
    """Events, each written as WHAT HOW-MUCH@WHEN. Raises `Invalid` for anything else."""
    found = [_event(text) for text in texts]
    return Events(
        upheavals=tuple(sorted((one for each in found for one in each.upheavals), key=lambda one: one.at)),
        capacities=tuple(one for each in found for one in each.capacities),
        pauses=tuple(one for each in found for one in each.pauses),
        outages=tuple(one for each in found for one in each.outages),
        status_outages=tuple(one for each in found for one in each.status_outages),
        line_outages=tuple(one for each in found for one in each.line_outages),
    )


def parse_leaving(text: str) -> Leaving:
    """What becomes of those who leave: `late 60s, twice 10%, never 1%, back 15%`. Raises `Invalid` for other words."""
    found, said = Leaving(), set[str]()
    for part in text.split(","):
        word, _, much = part.strip().partition(" ")
        if word not in _LEAVING or not much:
            raise Invalid(f"{quoted(part.strip())} does not say what becomes of those who leave.", _WAYS)
        if word in said:
            raise Invalid(f"{word!r} is said twice.", _WAYS)
        said.add(word)
        found = replace(found, **{word: _LEAVING[word](much.strip())})
    return found


def parse_share(text: str, *, all_of_them: bool = False) -> float:
    """`20%` or `0.2` as 0.2. `all_of_them`: whether that may be 1. Raises `Invalid` for what is no such share."""
    number = text.removesuffix("%").strip()
    try:
        share = float(number) / (100 if text.strip().endswith("%") else 1)
    except ValueError as exc:
        raise Invalid(f"{quoted(text)} is not a share.", "Write it like 20%.") from exc
    if not 0 <= share <= 1 or (share == 1 and not all_of_them):
        raise Invalid(f"{quoted(text)} is not a share of the players.", "Write it like 20%.")
    return share


def _event(text: str) -> Events:
    match = re.fullmatch(r"\s*(\w+)\s+([^@]*[^@\s])\s*@\s*([^@]*[^@\s])\s*", text)
    if match is None:
        raise Invalid(f"{quoted(text)} is not an event.", _EVENTS)
    if match[1] not in _KINDS:
        raise Invalid(f"{quoted(match[1])} is nothing that can happen in a launch.", _EVENTS)
    at = parse_duration(match[3])
    if at >= PLAYED:
        raise Invalid(f"{quoted(text)} comes after the week that is played.", _WEEK)
    return _KINDS[match[1]](match[2], at)


def _turn(text: str, at: int) -> Events:
    match = re.fullmatch(r"x\s*([0-9]{1,6}(?:\.[0-9]{1,6})?)", text)
    factor = 0.0 if match is None else float(match[1])
    if not 1 / _MOST_TIMES <= factor <= _MOST_TIMES:
        raise Invalid(
            f"{quoted(text)} does not say how long stays become.", "Write it like x2 for twice, or x0.5 for half."
        )
    return Events(upheavals=(Turn(at, factor),))


def _span(text: str, at: int) -> tuple[int, int]:
    """(from, until) of what begins at `at` and takes as long as is written."""
    end = at + parse_duration(text)
    if end >= PLAYED:
        raise Invalid(f"{quoted(text)} is longer than what is left of the week that is played.", _WEEK)
    return at, end


def _down(text: str, at: int) -> tuple[int, int]:
    word, _, length = text.partition(" ")
    if word != "down" or not length:
        raise Invalid(f"{quoted(text)} does not say for how long it is down.", "Write it like 'line down 5m@12m'.")
    return _span(length, at)


_LEAVING: dict[str, Callable[[str], float]] = {
    "late": parse_duration,
    "twice": partial(parse_share, all_of_them=True),
    "never": parse_share,
    "back": parse_share,
}
_KINDS: dict[str, Callable[[str, int], Events]] = {
    "leave": lambda text, at: Events(upheavals=(Wave(at, parse_share(text, all_of_them=True)),)),
    "stays": _turn,
    "capacity": lambda text, at: Events(capacities=((at, parse_count(text, MOST_PLAYERS, least=1)),)),
    "pause": lambda text, at: Events(pauses=(_span(text, at),)),
    "outage": lambda text, at: Events(outages=(_span(text, at),)),
    "status": lambda text, at: Events(status_outages=(_down(text, at),)),
    "line": lambda text, at: Events(line_outages=(_down(text, at),)),
}
"""What can happen -> the event, of how much, and when."""


def _capacity(most: int) -> Change:
    return lambda line, t: line.set_capacity(t, most)
