"""Waiting times and how true they were, in words for a screen."""

from collections.abc import Mapping
from typing import Any

from loginq.cli import console
from loginq.service.rules.door import Door
from loginq.service.rules.times import SECOND

_BASES = {"departures": ", by who leaves", "counts": ", by the counts of game servers"}


def wait(eta: int | None, basis: str | None) -> str:
    """How long somebody waits, and by what that is told where it is not the rate: `eta_basis`. `eta`: ms."""
    return console.duration(eta) + _BASES.get(basis or "", "")


def facts(scores: Mapping[str, Any]) -> list[tuple[str, str]]:
    """Rows of a panel, from the JSON form of `Scores`: the two samples apart, and how much a promise moved."""
    polls = scores["polls"]
    rows = [("first number", _told(scores["first"])), ("all polls", _told(polls))]
    if polls["moves_per_hour"] is None:
        return rows
    most = console.duration(round(polls["revised_p90_seconds"] * SECOND))
    moved = f"{polls['moves_per_hour']:,.1f} times an hour · 9 in 10 put off {most} at most"
    return [*rows, ("turn moved", moved)]


def _told(score: Mapping[str, Any]) -> str:
    if not score["count"]:
        return "nobody had to wait"
    said = f"told {percent(score['told_share'])}"
    if score["error_share"] is not None:
        said += f" · off by {percent(score['error_share'])} of the wait · late {percent(score['late_share'])}"
    return said


def lately(door: Door) -> str:
    """How true they were for whom was let in lately, as the door has it; empty where nobody was, or none is seen."""
    seen = door.waiting_times or {}
    told, everybody = seen.get("told", 0), seen.get("told", 0) + seen.get("untold", 0)
    if not everybody:
        return ""
    late = f" · late {percent(seen['late'] / told)}" if told else ""
    return f"told {percent(told / everybody)}{late}, of {everybody:,} {door.told_within}"


def percent(share: float) -> str:
    """A share as a number that says 0 or 100 only of none and all: `4.1 %`."""
    value = 100 * share
    if 0 < share < 1:
        value = min(99.9, max(0.1, value))
    return f"{value:,.1f}".removesuffix(".0") + " %"
