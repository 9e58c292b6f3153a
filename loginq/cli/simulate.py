"""`loginq simulate`: what would this launch look like."""

from dataclasses import replace
from functools import partial
from pathlib import Path
from typing import Annotated

import typer

from loginq.cli import console, scores
from loginq.cli.chart import Chart, Series
from loginq.cli.command import Found, alone, command
from loginq.cli.options import count
from loginq.cli.page import check_name
from loginq.cli.played import write_played
from loginq.cli.reading import text_of
from loginq.rehearsal.events import Events as Happening
from loginq.rehearsal.events import parse_events, parse_leaving, parse_share
from loginq.rehearsal.paper import Launch, Paper, on_paper, parse_arrivals
from loginq.rehearsal.prices import AS_OF, SOURCE
from loginq.rehearsal.stays import Exponential, Law, Leaving, LogNormal, Mixed, Weibull
from loginq.service.rules.errors import Failed, Invalid, quoted
from loginq.service.rules.numbers import MOST_PLAYERS
from loginq.service.rules.rates import parse_rate, rate_text
from loginq.service.rules.times import parse_duration

app = alone()

Players = Annotated[
    int | None, typer.Option(parser=count(10_000_000, least=1), metavar="N", help="How many press Login: 200k.")
]
Capacity = Annotated[
    int | None,
    typer.Option(parser=count(MOST_PLAYERS, least=1), metavar="N", help="The most players in the game at once."),
]


def _named(page: Path | None) -> Path | None:
    if page is not None:
        check_name(page)
    return page


Page = Annotated[
    Path | None,
    typer.Option("--report", help="Write the launch's report to this .html file.", dir_okay=False, callback=_named),
]


Ramp = Annotated[
    tuple[str, str] | None, typer.Option(metavar="FROM OVER", help="Climb to the rate from this one, in this time.")
]
Cv = Annotated[
    float | None, typer.Option(min=0.01, max=10, help="How stays vary, log-normally: standard deviation over mean.")
]
Shape = Annotated[
    float | None, typer.Option(min=0.2, max=10, help="Or by Weibull's law: below 1, who has stayed long stays on.")
]
Gone = Annotated[str | None, typer.Option(help="Of those who leave: 'late 60s, twice 10%, never 1%, back 15%'.")]
Events = Annotated[
    list[str] | None,
    typer.Option(
        metavar="EVENT",
        help="What happens: 'leave 10%@75m', stays x2, capacity 25k, pause 5m, outage 5m, line down.",
    ),
]


@command(
    app,
    "loginq simulate --players 200000 --arrive 10m --rate 500/s --plot launch.svg",
    "loginq simulate --players 60k --rate 200 --capacity 20k --session 75m",
    "loginq simulate --players 60k --rate 200 --event 'pause 5m@2m'",
)
def simulate(
    rate: Annotated[str, typer.Option(help="The admission rate: 500/s.")],
    players: Players = None,
    arrive: Annotated[str, typer.Option(help="Within what time they come.")] = "10m",
    shape: Annotated[str, typer.Option(help="How: burst, steady, or a CSV file of `seconds,players`.")] = "burst",
    ramp: Ramp = None,
    capacity: Capacity = None,
    session: Annotated[str | None, typer.Option(help="How long they stay in the game, on average.")] = None,
    session_cv: Cv = None,
    session_shape: Shape = None,
    session_short: Annotated[str, typer.Option(help="How many stay 8 min on average instead: 30%.")] = "0%",
    leaving: Gone = None,
    no_show: Annotated[str, typer.Option(help="How many leave before their turn: 20%.")] = "0%",
    outage: Annotated[str | None, typer.Option(help="When nothing works, LENGTH@START: 5m@12m.")] = None,
    event: Events = None,
    edge: Annotated[bool, typer.Option("--edge", help="With Edge=true: who waits looks at the public line.")] = False,
    seed: Annotated[int, typer.Option(help="The same seed gives the same launch.")] = 0,
    plot: Annotated[Path | None, typer.Option(help="Write the chart to this file, as SVG.", dir_okay=False)] = None,
    page: Page = None,
) -> Found:
    """Play a launch on a virtual clock.

    By the real line and the real polling rule. Needs no target.
    """
    launch = replace(
        _arriving(shape, players, arrive, parse_rate(rate)),
        ramp=(parse_rate(ramp[0]), parse_duration(ramp[1])) if ramp else None,
        capacity=capacity,
        session=_stays(session, session_cv, session_shape, parse_share(session_short)),
        leaving=parse_leaving(leaving) if leaving else Leaving(),
        no_show=parse_share(no_show),
        events=_events(event, outage, edge=edge),
        edge=edge,
        seed=seed,
    )
    with console.progress("Playing the launch", None):
        report = on_paper(launch)
    _write(plot, page, launch, report)
    return Found(report.document(), partial(_draw, launch, report, plot, page), is_long=True)


def _arriving(shape: str, players: int | None, arrive: str, rate: int) -> Launch:
    """A launch of which no more is said than who comes when, and the rate."""
    within = parse_duration(arrive)
    if shape not in ("burst", "steady"):
        if players is not None:
            raise Invalid("--players and a file of arrivals exclude each other.", "The file says how many come.")
        arrivals = parse_arrivals(text_of(Path(shape)))
        return Launch(sum(count for _, count in arrivals), rate, within, shape, arrivals)
    if players is None:
        raise Invalid("How many players?", "Give --players, or --shape FILE.csv.")
    return Launch(players, rate, within, shape)


def _write(plot: Path | None, page: Path | None, launch: Launch, report: Paper) -> None:
    if plot is not None:
        _plot(plot, launch, report)
    if page is not None:
        write_played(page, _title(launch), launch, report)


def _plot(file: Path, launch: Launch, report: Paper) -> None:
    try:
        file.write_text(_chart(report).svg(_title(launch)), encoding="utf-8")
    except OSError as exc:
        raise Failed(f"{file} cannot be written: {exc.strerror}.", "Choose another place.") from exc


def _draw(launch: Launch, report: Paper, plot: Path | None, page: Path | None) -> None:
    waits, bill = report.waits, report.bill
    exact = "each player polls by itself" if report.cohort == 1 else f"computed by cohorts of {report.cohort:,}"
    never = " (the line is not clear after a week)" if report.clear is None else ""
    console.facts(
        _title(launch),
        [
            ("let in", f"{report.admitted:,} of {report.players:,}{never}"),
            ("no-shows", f"{report.no_shows:,}"),
            *([("came too late", f"{report.expired:,}")] if report.expired else []),
            ("wait p50 · p90", f"{console.duration(waits['p50'])} · {console.duration(waits['p90'])}"),
            ("wait p99 · worst", f"{console.duration(waits['p99'])} · {console.duration(waits['worst'])}"),
            ("longest line", f"{report.longest_line:,}"),
            ("time to clear", console.duration(report.clear)),
            *scores.facts(report.scores.document()),
            *([("looks", f"{report.looks:,} at the public line")] if report.looks else []),
            ("polls", exact),
        ],
    )
    console.draw(_chart(report))
    rows = [(name, f"{count:,.0f}", f"{bill.dollars[name]:,.2f}") for name, count in bill.counts.items()]
    rows.append(("together", "", f"{bill.total:,.2f}"))
    console.table(["AWS", "count", "USD"], rows, empty="", numbers=["count", "USD"])
    console.say(
        f"Prices of {AS_OF} ({SOURCE}). Not in it: Cognito's monthly users, at most {bill.cognito:,.0f} USD for these "
        "players in the tier LITE, whichever queue they stand in."
    )
    if plot is not None:
        console.done(f"The chart is in {plot}.")
    if page is not None:
        console.done(f"The report is in {page}.")


def _title(launch: Launch) -> str:
    how = f"in {console.duration(launch.arrive)}, {launch.shape}" if not launch.arrivals else f"as in {launch.shape}"
    return f"{launch.players:,} players {how}, at {rate_text(launch.rate)}"


def _chart(report: Paper) -> Chart:
    waiting = Series("waiting", [(at, float(n)) for at, n in report.waiting])
    return Chart([waiting], x=lambda ms: console.duration(round(ms)), y=lambda n: f"{n:,.0f}")


def _stays(session: str | None, cv: float | None, shape: float | None, short: float) -> Law | None:
    """How long players stay in the game; None for ever."""
    if session is None:
        if cv is not None or shape is not None or short:
            raise Invalid("How long do they stay, on average?", "Give --session, like --session 45m.")
        return None
    if cv is not None and shape is not None:
        raise Invalid("--session-cv and --session-shape exclude each other.", "Each names another law.")
    mean = parse_duration(session)
    law = LogNormal(mean, cv) if cv is not None else Weibull(mean, shape) if shape is not None else Exponential(mean)
    return Mixed(law, short) if short else law


def _events(texts: list[str] | None, outage: str | None, *, edge: bool) -> Happening:
    found = parse_events([*(texts or ()), *([] if outage is None else [_outage(outage)])])
    if found.line_outages and not edge:
        raise Invalid("Nobody looks at a public line in this launch.", "Give --edge, too.")
    return found


def _outage(text: str) -> str:
    """The event that `--outage` is short for."""
    length, _, start = map(str.strip, text.partition("@"))
    if not length or not start:
        raise Invalid(f"{quoted(text)} is not an outage.", "Write it like 5m@12m: five minutes, from minute twelve on.")
    return f"outage {text}"
