"""`loginq queue history`: minute by minute, as settling left it."""

from collections.abc import Sequence
from functools import partial
from pathlib import Path
from typing import Annotated

import typer

from loginq.cli import console
from loginq.cli.audit import Limit
from loginq.cli.command import Found, listed
from loginq.cli.export import written
from loginq.cli.lists import say_more
from loginq.cli.options import Yes, confirm
from loginq.cli.session import Session, open_session
from loginq.service.rules.errors import Invalid
from loginq.service.rules.history import COLUMNS, Minute
from loginq.service.rules.times import parse_duration
from loginq.service.store.table import chunks

_TOGETHER = 500
"""Rows of a file between two steps of its progress."""


def history(
    file: Annotated[
        Path | None, typer.Argument(help="Write them here, oldest first: a .csv file.", dir_okay=False)
    ] = None,
    since: Annotated[str, typer.Option(help="How far back: 90s, 10m, 2h, 90d.")] = "24h",
    limit: Limit = 30,
    yes: Yes = False,
) -> Found:
    """Show the minutes in which anything moved; the newest first.

    Each is kept for 90 days. With a file all of them are written, for a spreadsheet.
    """
    back = parse_duration(since)
    if file is not None and file.suffix != ".csv":
        raise Invalid(f"{file.name} is no .csv file.", "Name it like night.csv, or use --json.")
    session = open_session()
    queue = session.queue
    queue.settlement.read()  # its answer's Date sets the clock right, whatever became of the line
    found = list(queue.history.since(queue.clock() - back))
    if file is not None:
        confirm(f"Replace {file}?", yes or not file.exists())
        return _file(session, file, found)
    shown = found[: -limit - 1 : -1]
    items = [each.document() for each in shown]
    return listed(session.name, items, partial(_draw, shown, len(found), since), len(found))


def _file(session: Session, file: Path, found: Sequence[Minute]) -> Found:
    pages = ([each.document() for each in some] for some in chunks(found, _TOGETHER))
    with console.progress("Writing", len(found)) as advance:
        for count in written(file, COLUMNS, pages):
            advance(count)
    document = {"target": session.name, "file": str(file), "minutes": len(found)}
    return Found(document, partial(console.done, f"{len(found):,} minutes are in {file}."))


def _draw(shown: Sequence[Minute], total: int, since: str) -> None:
    numbers = ["waiting", "arriving", "asked", "came in", "in game", "ETA"]
    rows = [
        (
            console.moment(each.at, "%m-%d %H:%M"),
            f"{each.waiting:,}",
            *map(_pace, (each.arrivals, each.asked, each.achieved)),
            f"{each.in_game:,}",
            console.duration(each.eta),
        )
        for each in shown
    ]
    console.table(["when", *numbers], rows, numbers=numbers, empty=f"Nothing has moved in the last {since}.")
    if shown:
        console.say("Arriving, asked, came in: players a second. A file has more: `loginq queue history night.csv`.")
    say_more(len(shown), total)


def _pace(thousandths: int | None) -> str | None:
    return None if thousandths is None else f"{thousandths / 1_000:,.1f}"
