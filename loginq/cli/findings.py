"""What a report says, in words: the same on the terminal and on the page."""

from collections.abc import Callable, Iterator
from dataclasses import dataclass

from loginq.cli import console
from loginq.cli.chart import Chart, Series
from loginq.service.rules.act import Action
from loginq.service.rules.points import Point
from loginq.service.rules.report import Report
from loginq.service.rules.times import DAY, MINUTE

NOT_KNOWN = "not known"
Clock = Callable[[int], str]
"""How an instant, in ms, is written."""


@dataclass(frozen=True, slots=True)
class Finding:
    """One line of the report.

    Args:
        name: what it is about. says: what was found. note: what there is to know of it, for who does not know loginq.
    """

    name: str
    says: str
    note: str = ""


def local(since: int, until: int) -> Clock:
    """The clock of this machine, with the day where the span has more than one."""
    form = "%H:%M" if until - since < DAY else "%m-%d %H:%M"
    return lambda t: console.moment(t, form).rpartition(" ")[0]


def findings(report: Report, clock: Clock) -> list[Finding]:
    """All that is said beside the charts."""
    return [
        Finding(
            "players",
            _players(report),
            "Who came got a place in line; who waited did so for over 10 s. A no-show did not come at their turn; a "
            "hole is a place that nobody had. Synthetic players are left out once their places are counted.",
        ),
        Finding("waits", _waits(report), "From pressing Login to being let in: 50, 90 and 99 of 100 waited no longer."),
        Finding(
            "told",
            _told(report),
            "The waiting time told on getting a place, against the wait from then on. Late is a tenth and 2 s over.",
        ),
        Finding(
            "order",
            _order(report),
            "Overtaken is before whom somebody from behind came in. At the front players ask each 1 to 2 s, so that "
            "up to 2 s mean nothing.",
        ),
        Finding("peaks", _peaks(report, clock)),
        *(_seen_at_the_door(report) if report.door else ()),
        Finding("cost", _cost(report), "An estimate from what was counted, at list prices, without any free tier."),
    ]


def _seen_at_the_door(report: Report) -> tuple[Finding, ...]:
    """What a launch on paper has not."""
    return (
        Finding("refused", _refused(report), "By design: the queue was closed, a player blocked, a ticket too old."),
        Finding("faults", _faults(report), "Failed calls, what AWS throttled, and tickets that could not be placed."),
    )


def charts(report: Report, clock: Clock) -> list[Chart]:
    """The line, asked against achieved, and the game, over one axis of time."""

    def series(name: str, value: Callable[[Point], float | None]) -> Series:
        found = [(float(each.at), value(each)) for each in report.points]
        return Series(name, [(at, n) for at, n in found if n is not None])

    def chart(title: str, unit: str, *every: Series) -> Chart:
        return Chart(every, lambda t: clock(round(t)), lambda n: f"{n:,.0f}{unit}", title=title)

    pace = [series("let in", lambda each: each.achieved), series("asked", lambda each: each.asked)]
    return [
        chart("waiting in line", "", series("waiting", lambda each: each.waiting)),
        chart("players a second", "/s", *pace),
        chart("in the game", "", series("in the game", lambda each: each.in_game)),
    ]


def acts(report: Report, clock: Clock) -> Iterator[tuple[Action, str, str]]:
    """Each act on the line or the stack, when it was, and what it changed."""
    for each in report.acts:
        before, after = each.words(clock)
        yield each, clock(each.at), f"{before} → {after}" if before and after and each.changed else after or before


def percent(share: float) -> str:
    """A share, never 0 % of something nor 100 % of less than all."""
    if share in (0, 1):
        return f"{share:.0%}"
    return f"{share:.1%}" if 0.0005 <= share < 0.9995 else "under 0.1%" if share < 0.5 else "over 99.9%"


def about(ms: int | None) -> str:
    """A waiting time, from ten minutes on to the minute: it is no more exact than that."""
    return console.duration(ms if ms is None or ms < 10 * MINUTE else round(ms / MINUTE) * MINUTE)


def _players(report: Report) -> str:
    missed = f" ({percent(report.no_shows / (report.no_shows + report.got_in))})" if report.no_shows else ""
    said = [f"{report.came:,} came"] + ([] if report.waited is None else [f"{report.waited:,} waited"])
    said += [f"{report.got_in:,} got in", f"{report.no_shows:,} no-shows{missed}"]
    said += [f"{report.holes:,} hole{'s' * (report.holes > 1)}"] if report.holes else []
    said += [f"{report.waiting:,} still wait"] if report.waiting else []
    return " · ".join(said)


def _waits(report: Report) -> str:
    if not report.known:
        return f"{NOT_KNOWN}: nobody's place has been counted yet, a claim window after its turn and while players poll"
    said = " · ".join(f"{name} {about(ms)}" for name, ms in report.waits.items())
    return said if report.known == report.got_in else f"{said} (known of {report.known:,})"


def _told(report: Report) -> str:
    if report.told_share is None:
        return NOT_KNOWN
    said = f"{percent(report.told_share)} were told a time"
    if report.error is not None and report.late is not None:
        said += f", off by {percent(report.error)} of the wait; late: {percent(report.late)}"
    return said


def _order(report: Report) -> str:
    if report.overtaken is None or report.passed is None or report.tally is None:
        return NOT_KNOWN
    said = f"{percent(report.passed)} overtaken by over 2 s, {percent(report.overtaken)} at all"
    said += f", by {console.duration(report.tally.longest)} at most" if report.overtaken else ""
    return said + (f"; {report.by_hand:,} let in by hand" if report.by_hand else "")


def _peaks(report: Report, clock: Clock) -> str:
    (line, line_at), (game, game_at) = report.longest_line, report.most_in_game
    return f"{line:,} in line at {clock(line_at)} · {game:,} in the game at {clock(game_at)}"


def _refused(report: Report) -> str:
    known = {code: count for code, count in report.refused.items() if count is not None}
    if not known:
        return _unknown(report)
    return " · ".join(f"{count:,} {code.replace('_', ' ')}" for code, count in known.items() if count) or "nobody"


_FAULTS = {
    "errors_5xx": "failed calls",
    "throttled_functions": "throttled calls of functions",
    "throttled_table": "throttled reads or writes",
    "throttled_sign_ins": "throttled sign-ins",
    "dead_letters": "dead letters now",
}


def _faults(report: Report) -> str:
    """What there was; what there was none of; and what nobody knows, with the reason."""
    found = {words: report.faults[name] for name, words in _FAULTS.items()}
    said = [f"{count:,} {words}" for words, count in found.items() if count]
    said += [
        f"no {words}" for words, count in found.items() if count == 0 and words in ("failed calls", "dead letters now")
    ]
    missing = [words for words, count in found.items() if count is None]
    said += [f"{', '.join(missing)} {_unknown(report)}"] if missing else []
    calls = report.faults["calls"]
    return " · ".join(said) + (f" · {calls:,} calls" if calls is not None else "")


def _unknown(report: Report) -> str:
    why = report.door.unread if report.door else ""
    return f"{NOT_KNOWN}: {why}" if why else NOT_KNOWN


def _cost(report: Report) -> str:
    if report.bill is None:
        return NOT_KNOWN
    bill = report.bill["bill"]
    dollars = f"about {bill['total_usd']:,.2f}" if bill["total_usd"] else "less than 0.01"
    return f"{dollars} USD by list prices of {bill['prices']}, monthly users apart"
