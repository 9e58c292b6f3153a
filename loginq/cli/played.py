"""The report of a launch that was played on a virtual clock: the same page as that of a real one."""

from collections.abc import Iterator
from dataclasses import replace
from pathlib import Path
from typing import Any

from loginq.cli import console
from loginq.cli.page import write
from loginq.rehearsal.minutes import minutes
from loginq.rehearsal.paper import START, Launch, Paper
from loginq.service.rules.act import Action, pace
from loginq.service.rules.report import Report, report_of
from loginq.service.rules.times import MINUTE

WHO = "the plan"


def since_start(t: int) -> str:
    """How an instant of a played launch is written: as how long after its beginning it was."""
    return console.duration(max(0, t - START))


def reported(launch: Launch, paper: Paper) -> Report:
    """What there is to report of it."""
    done = [act for act in _acts(launch) if act.at <= paper.played.ended]
    return replace(report_of(list(minutes(paper.played)), actions=done), bill=paper.bill.document())


def span_of(report: Report) -> str:
    """From when to when it was, in words."""
    return f"on a virtual clock, {console.duration((report.until - report.since) // MINUTE * MINUTE)}"


def write_played(file: Path, title: str, launch: Launch, paper: Paper) -> None:
    """Write its page. Raises `Failed` when it cannot be."""
    found = reported(launch, paper)
    write(file, found, title, since_start, span_of(found))


def _acts(launch: Launch) -> Iterator[Action]:
    """What was planned to happen."""
    yield Action(START, WHO, "plan" if launch.ramp else "rate", after=pace(launch.scenario(launch.players).line))
    events, marks = launch.events, list[tuple[int, str, Any]]()
    for start, end in events.outages:
        marks += [(start, "outage", "nothing works"), (end, "outage", "all works again")]
    for start, end in events.status_outages:
        marks += [(start, "outage", "/login/status is down"), (end, "outage", "/login/status works again")]
    for start, end in events.line_outages:
        marks += [(start, "outage", "/line is down"), (end, "outage", "/line works again")]
    for start, end in events.pauses:
        marks += [(start, "pause", None), (end, "resume", None)]
    marks += [(at, "capacity", most) for at, most in events.capacities]
    marks += [(each.at, "players", each.words) for each in events.upheavals]
    yield from (
        Action(START + at, WHO, kind, after=after) for at, kind, after in sorted(marks, key=lambda mark: mark[0])
    )
