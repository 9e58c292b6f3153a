"""The report of a launch that was played on a virtual clock: the same page as that of a real one."""

from collections.abc import Iterator
from pathlib import Path
from typing import Any

from loginq.cli import console
from loginq.cli.page import check_name, write_launch
from loginq.rehearsal.minutes import minutes
from loginq.rehearsal.paper import START, Launch, Paper
from loginq.service.rules.act import Action, pace

WHO = "the plan"


def write_played(file: Path, title: str, launch: Launch, paper: Paper) -> None:
    """Write its page, with instants as how long after the beginning they were. Raises `Failed` when it cannot be."""
    check_name(file)

    def clock(t: int) -> str:
        return console.duration(max(0, t - START))

    done = [act for act in _acts(launch) if act.at <= paper.played.ended]
    write_launch(file, list(minutes(paper.played)), done, paper.bill.document(), title, clock)


def _acts(launch: Launch) -> Iterator[Action]:
    """What was planned to happen."""
    yield Action(START, WHO, "plan" if launch.ramp else "rate", after=pace(launch.scenario(launch.players).line))
    events, marks = launch.events, list[tuple[int, str, Any]]()
    for start, end in events.outages:
        marks += [(start, "outage", "nothing works"), (end, "outage", "all works again")]
    for start, end in events.pauses:
        marks += [(start, "pause", None), (end, "resume", None)]
    marks += [(at, "capacity", most) for at, most in events.capacities]
    marks += [(each.at, "players", each.words) for each in events.upheavals]
    yield from (
        Action(START + at, WHO, kind, after=after) for at, kind, after in sorted(marks, key=lambda mark: mark[0])
    )
