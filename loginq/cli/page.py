"""A launch's report as one page: all that it shows is in it, it asks for nothing, runs nothing, and can be printed."""

from html import escape
from pathlib import Path

from loginq import __version__
from loginq.cli import console
from loginq.cli.findings import NOT_KNOWN, Clock, about, acts, charts, findings, percent
from loginq.cli.output import plain
from loginq.cli.plot import Mark, badges, bars, plotted
from loginq.service.rules.errors import Failed, Invalid
from loginq.service.rules.histogram import STARTS
from loginq.service.rules.report import Report

POLICY = "default-src 'none'; style-src 'unsafe-inline'; img-src data:"
"""What a browser lets the page do: nothing but to be looked at."""
STYLE = Path(__file__).with_name("page.css")
_BARS = 40


def check_name(file: Path) -> None:
    """Raise `Invalid` for a file that no browser would take for a page."""
    if file.suffix not in (".html", ".htm"):
        raise Invalid(f"{file.name} is no .html file.", "Name it like launch.html, or use --json.")


def write(file: Path, report: Report, title: str, clock: Clock, span: str) -> None:
    """Write a report. `span`: from when to when, in words. Raises `Failed` when it cannot be written."""
    try:
        file.write_text(page(report, title, clock, span), encoding="utf-8")
    except OSError as exc:
        raise Failed(f"{file} cannot be written: {exc.strerror}.", "Choose another place.") from exc


def page(report: Report, title: str, clock: Clock, span: str) -> str:
    """The whole of it."""
    heading = f"Launch report {title}"
    return "\n".join(
        [
            '<!doctype html><html lang="en"><head><meta charset="utf-8">',
            f'<meta http-equiv="Content-Security-Policy" content="{_escaped(POLICY)}">',
            '<meta name="viewport" content="width=device-width, initial-scale=1">',
            '<link rel="icon" href="data:,">',
            f"<title>{_escaped(heading)}</title><style>{STYLE.read_text(encoding='utf-8')}</style></head><body>",
            f"<header><p>Launch report</p><h1>{_escaped(title)}</h1><p>{_escaped(span)}</p></header><main>",
            _cards(report, clock),
            _over_time(report, clock),
            _waits(report),
            _details(report, clock),
            f"</main><footer>Made by loginq {__version__}. Percentiles of waits are right to 2.5 % or half a second."
            "</footer></body></html>\n",
        ]
    )


def _escaped(text: str) -> str:
    """Foreign text as a page may show it: no tag, and nothing that turns the writing round."""
    return escape(plain(text))


def _cards(report: Report, clock: Clock) -> str:
    """The four numbers that everybody asks for."""
    waits, (line, line_at) = report.waits, report.longest_line
    true = None if report.late is None else 1 - report.late
    told = "" if report.told_share is None else f"told to {percent(report.told_share)} of those who waited"
    cards = [
        (f"{report.got_in:,}", "players got in", f"of {report.came:,} who came"),
        (about(waits["p50"]), "was the usual wait", f"nine of ten: up to {about(waits['p90'])}"),
        (console.DASH if true is None else percent(true), "of waiting times told were kept", told or NOT_KNOWN),
        (f"{line:,}", "in the longest line", f"at {clock(line_at)}"),
    ]
    said = (
        f"<li><b>{_escaped(n)}</b><span>{_escaped(what)}</span><small>{_escaped(of)}</small></li>"
        for n, what, of in cards
    )
    return f'<ul class="cards">{"".join(said)}</ul>'


def _over_time(report: Report, clock: Clock) -> str:
    """The charts, one above the other, and below them what operators did."""
    done = list(acts(report, clock))
    span = report.points[0].at, report.points[-1].at
    shown = badges([Mark(n, act.at, act.what) for n, (act, _, _) in enumerate(done, 1)], span)
    drawn = [plotted(each, span, shown, numbered=not n) for n, each in enumerate(charts(report, clock))]
    rows = "".join(
        f'<li id="act-{n}"><i>{n}</i><time>{_escaped(at)}</time><b>{_escaped(f"{act.what} {act.subject}".strip())}</b>'
        f"<span>{_escaped(what)}</span><small>{_escaped(act.name)}</small></li>"
        for n, (act, at, what) in enumerate(done, 1)
    )
    others = f"<p>Acts on players, not shown here: {report.on_players:,}.</p>" if report.on_players else ""
    listed = f'<h3>What operators did</h3><ol class="acts">{rows}</ol>{others}' if rows or others else ""
    return f"<section><h2>Over time</h2>{''.join(drawn)}{listed}</section>"


def _waits(report: Report) -> str:
    """How long players waited, as bars."""
    if report.tally is None or not report.tally.waits:
        return ""
    first, last = report.tally.waits[0][0], report.tally.waits[-1][0]
    counts, size = dict(report.tally.waits), -(-(last - first + 1) // _BARS)
    several = [
        (about(STARTS[start]), sum(counts.get(each, 0) for each in range(start, start + size)))
        for start in range(first, last + 1, size)
    ]
    return f"<section><h2>How long they waited</h2>{bars('Players by how long they waited', several)}</section>"


def _details(report: Report, clock: Clock) -> str:
    rows = "".join(
        f"<dt>{_escaped(each.name.capitalize())}</dt><dd>{_escaped(each.says)}"
        + (f"<small>{_escaped(each.note)}</small>" if each.note else "")
        + "</dd>"
        for each in findings(report, clock)
    )
    return f"<section><h2>In detail</h2><dl>{rows}</dl></section>"
