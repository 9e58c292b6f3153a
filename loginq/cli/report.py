"""`loginq report`: the launch, afterwards, on a screen or as a page of its own."""

from collections.abc import Iterator, Sequence
from dataclasses import dataclass, replace
from functools import partial
from itertools import takewhile
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any

import typer

from loginq.cli import console
from loginq.cli.chart import Chart, Charted
from loginq.cli.command import Found, alone, command
from loginq.cli.findings import Clock, acts, charts, findings, local
from loginq.cli.options import Yes, confirm
from loginq.cli.page import check_name, write
from loginq.cli.session import Session, open_session
from loginq.rehearsal.prices import estimate
from loginq.service.rules.door import Door
from loginq.service.rules.errors import Invalid, LoginqError, NotFound
from loginq.service.rules.history import Minute, last_launch
from loginq.service.rules.report import Report, report_of
from loginq.service.rules.times import DAY, MINUTE, parse_past
from loginq.service.store.audit import latest
from loginq.service.store.history import KEPT

if TYPE_CHECKING:
    from rich.console import Console, ConsoleOptions

app = alone()
LONGEST = 31 * DAY
"""A report is of a month at most: beyond that it is no launch."""
SHOWN = 3
"""Acts on the screen; the page has all."""


@command(app, "loginq report", "loginq report --since 18:00 --until 23:30 -o launch.html")
def report(
    since: Annotated[str, typer.Option(help="From when on: 3h, 18:00, 2026-11-25T18:00.")] = "",
    until: Annotated[str, typer.Option(help="Until when; else until now.")] = "",
    output: Annotated[
        Path | None,
        typer.Option("--output", "-o", help="Write it as a page of its own: an .html file.", dir_okay=False),
    ] = None,
    yes: Yes = False,
) -> Found:
    """Report on a launch, afterwards.

    Without --since on the last one: the last minutes in which players came and anything moved, up to half an hour of
    rest. From the history and the audit; the players are not read.
    """
    if output is not None:
        check_name(output)
    session = open_session()
    found = _reported(session, since, until)
    clock = local(found.since, found.until)
    if output is not None:
        confirm(f"Replace {output}?", yes or not output.exists())
        write(output, found, session.name, clock, _span(found))
    document = {"target": session.name, **found.document()}
    return Found(document, partial(_draw, found, session.name, clock, output), is_long=True)


def _reported(session: Session, since: str, until: str) -> Report:
    queue = session.queue
    queue.settlement.read()  # its answer's Date sets the clock right, whatever became of the line
    t = queue.clock()
    before, minutes = _minutes(session, since, until, t)
    first, last = minutes[0].at - MINUTE, minutes[-1].at
    done = [act for act in latest(queue, since=first, page=None) if act.at <= last]
    door = session.door.over(first, last, t)
    found = report_of(minutes, before, done, door, _dead_letters(session))
    return replace(found, bill=_bill(found, door))


def _dead_letters(session: Session) -> int | None:
    try:
        return session.queue.intake.dead_letters()
    except LoginqError:  # who may not see them, or is not answered, has a report all the same
        return None


def _minutes(session: Session, since: str, until: str, t: int) -> tuple[Minute | None, list[Minute]]:
    """The minutes that are meant, and the last one before them. Raises `Invalid` for no span, `NotFound` of nothing."""
    history, end = session.queue.history, parse_past(until, t) if until else t
    if not since:
        before, minutes = last_launch(each for each in history.newest(end) if each.at <= end)
        if not minutes:
            raise NotFound(
                "There is no launch to report on yet.",
                "A minute in which anything moves is kept at its end. `loginq simulate` plays a launch.",
            )
        return before, minutes
    start = parse_past(since, t)
    if start >= end:
        raise Invalid("The span ends before it begins.", "--since is the earlier one.")
    if start < t - KEPT:
        raise Invalid(f"Minutes are kept for {KEPT // DAY} days.", f"Write --since {KEPT // DAY}d, or less.")
    if end - start > LONGEST:
        raise Invalid(f"That is more than {LONGEST // DAY} days.", "Give --until as well, or less of --since.")
    minutes = list(takewhile(lambda each: each.at <= end, history.since(start)))
    if not minutes:
        said = f"Nothing moved from {console.moment(start)} to {console.moment(end)}."
        raise NotFound(said, "`loginq report` without --since finds the last launch.")
    earlier = history.newest(minutes[0].at - MINUTE, page=1)
    return next(earlier, None), minutes


def _bill(found: Report, door: Door) -> dict[str, Any] | None:
    """An estimate by what was counted; None where nobody knows how many calls there were."""
    calls = found.faults["calls"]
    if calls is None:
        return None
    looks, answered = door.looks or (0, 0)
    return estimate(
        players=found.came,
        polls=max(0, calls - found.came - (looks - answered)),
        looks=looks,
        origin_looks=looks - answered,
        admitted=found.got_in,
        batches=found.writes,  # one write of the line a batch, in a rush
        line_writes=found.writes,
        length=found.until - found.since,
        sessions=bool(found.left),
    ).document()


def _span(found: Report) -> str:
    day = "%Y-%m-%d"
    same = console.moment(found.since, day) == console.moment(found.until, day)
    begins = console.moment(found.since, f"{day} %H:%M").rpartition(" ")[0]
    ends = console.moment(found.until, "%H:%M" if same else f"{day} %H:%M")
    return f"{begins} to {ends}, {console.duration((found.until - found.since) // MINUTE * MINUTE)}"


def _draw(found: Report, name: str, clock: Clock, output: Path | None) -> None:
    draw(found, name, clock, _span(found))
    if output is not None:
        console.done(f"The report is in {output}.")


def draw(found: Report, title: str, clock: Clock, span: str) -> None:
    """The report on stdout: as many charts as there is room for on a terminal, all of them elsewhere.

    Args:
        title: whose launch. clock: how instants are written. span: from when to when, in words.
    """
    facts = [(each.name, each.says) for each in findings(found, clock)]
    panel = console.panel(f"launch report · {title}", [("when", span), *facts])
    shown = charts(found, clock) if len(found.points) > 1 else []
    said = [
        f"{n} · {at} · {act.name} · {act.what} {act.subject}".rstrip() + (f": {what}" if what else "")
        for n, (act, at, what) in enumerate(acts(found, clock), 1)
    ]
    more = [f"… and {len(said) - SHOWN:,} more: `loginq report -o launch.html` has all"] if len(said) > SHOWN else []
    below = console.stacked(_Marks(shown, found), *(console.text(each, "dim") for each in (*said[:SHOWN], *more)))
    height = console.out().size.height - 1 if console.is_live(console.out()) else 48
    console.draw(Charted([panel], shown, below, height))


@dataclass(frozen=True, slots=True)
class _Marks:
    """A line below charts that says where on their axis the first acts were."""

    charts: Sequence[Chart]
    found: Report

    def __rich_console__(self, terminal: "Console", options: "ConsoleOptions") -> Iterator[Any]:
        if not self.found.acts or not self.charts:
            return
        low, high = self.found.points[0].at, self.found.points[-1].at
        margin = max(len(label) for chart in self.charts for label in chart.labels)
        width = max(10, min(options.max_width, 120) - margin - 2)
        row = [" "] * width
        for n, act in enumerate(self.found.acts[:SHOWN], 1):
            across = min(1.0, max(0.0, (act.at - low) / (high - low)))
            row[round(across * (width - 1))] = str(n)
        yield console.text(" " * (margin + 2) + "".join(row), "bold")
