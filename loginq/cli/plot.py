"""Charts on a page: lines as inline SVG that stretch with it, and what is written at them as text that does not."""

import math
import statistics
from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass, replace
from html import escape
from itertools import pairwise

from loginq.cli.chart import Chart, Point, Series
from loginq.cli.console import DASH
from loginq.service.rules.times import DAY, HOUR, MINUTE

COLOURS = ("#0f766e", "#b45309")
_WIDE, _HIGH = 1_000, 240
_STEPS = (*(n * MINUTE for n in (1, 2, 5, 10, 15, 30)), *(n * HOUR for n in (1, 2, 3, 6, 12)), DAY, 2 * DAY, 7 * DAY)
_TICKS = 8
"""Instants that are written below a chart at most; on a telephone every second of them."""
_GAP = 4
_NEAR, _ROWS = 11, 3
"""How far apart badges have to be to stand beside each other, in hundredths of the width; else below, so often."""


@dataclass(frozen=True, slots=True)
class Mark:
    """Something that was done at an instant: its number, when, and what."""

    number: int
    at: int
    what: str


@dataclass(frozen=True, slots=True)
class Badge:
    """Marks from the first to the last that stand together: how far to the right, in hundredths, in which row."""

    first: int
    last: int
    left: float
    row: int
    what: str

    @property
    def words(self) -> str:
        """What stands on it."""
        return str(self.first) if self.first == self.last else f"{self.first}{DASH}{self.last}"


def plotted(chart: Chart, span: tuple[int, int], shown: Sequence[Badge], *, numbered: bool = False) -> str:
    """A chart over this span of time, in ms, with what was done as lines. `numbered`: and their numbers above."""
    top, step = _nice(max((y for one in chart.series for _, y in one.points), default=0))
    levels = [n * step for n in range(round(top / step) + 1)]
    grid = [f'<line x1="0" x2="{_WIDE}" y1="{_up(n, top)}" y2="{_up(n, top)}"/>' for n in levels]
    done = [
        f'<line class="act" x1="{x:.1f}" x2="{x:.1f}" y1="0" y2="{_HIGH}"/>' for x in (10 * each.left for each in shown)
    ]
    pairs = list(zip(chart.series, COLOURS, strict=False))
    names = (
        "".join(f'<i style="--c:{colour}">{escape(one.name)}</i>' for one, colour in pairs) if len(pairs) > 1 else ""
    )
    drawn = "".join(_line(one, colour, span, top, filled=len(pairs) == 1) for one, colour in pairs)
    return _figure(
        f'{escape(chart.title.capitalize())}<span class="names">{names}</span>',
        _numbers(shown) if numbered else "",
        [f'<span style="bottom:{100 * n / top:.1f}%">{escape(chart.y(n))}</span>' for n in levels],
        f'<g class="grid">{"".join(grid)}</g>{drawn}{"".join(done)}',
        _times(chart, span),
        _words(chart),
    )


def bars(title: str, counts: Sequence[tuple[str, int]]) -> str:
    """How many of each: (name, count) pairs as bars beside each other; not every name has room."""
    top, most = max((count for _, count in counts), default=0) or 1, len(counts)
    wide = _WIDE / max(1, most)
    drawn = "".join(
        f'<rect x="{n * wide + wide * 0.08:.1f}" width="{wide * 0.84:.1f}" y="{_up(count, top)}" '
        f'height="{_HIGH * count / top:.1f}"><title>{escape(name)}: {count:,}</title></rect>'
        for n, (name, count) in enumerate(counts)
    )
    each = max(1, -(-most // _TICKS))
    said = [
        f'<span class="{_odd(n // each)}" style="left:{100 * (n + 0.5) / most:.1f}%">{escape(name)}</span>'
        for n, (name, _) in enumerate(counts)
        if n % each == 0
    ]
    ys = [f'<span style="bottom:100%">{top:,}</span>', '<span style="bottom:0">0</span>']
    return _figure(escape(title), "", ys, drawn, said, title)


def _figure(caption: str, marks: str, ys: Iterable[str], drawn: str, xs: Iterable[str], words: str) -> str:
    """A plot with what is written at it. `words`: what it shows, for who cannot see it."""
    image = f'viewBox="0 0 {_WIDE} {_HIGH}" preserveAspectRatio="none" role="img" aria-label="{escape(words)}"'
    return (
        f'<figure><figcaption>{caption}</figcaption><div class="plot">{marks}<div class="box">'
        f'<div class="y">{"".join(ys)}</div><svg {image}>{drawn}</svg></div>'
        f'<div class="x">{"".join(xs)}</div></div></figure>'
    )


def _odd(n: int) -> str:
    """What is left out where there is little room."""
    return "odd" if n % 2 else ""


def _up(y: float, top: float) -> str:
    return f"{_HIGH * (1 - y / top):.1f}"


def _nice(most: float) -> tuple[float, float]:
    """The end of an axis that holds `most`, and the step of its numbers: three to five, of 1, 2, 2.5 or 5."""
    if most <= 0:
        return 1, 1
    raw = most / 4
    ten = 10.0 ** math.floor(math.log10(raw))
    step = next(n * ten for n in (1, 2, 2.5, 5, 10) if n * ten >= raw)
    step = max(1, step)
    return max(1, math.ceil(most / step)) * step, step


def badges(marks: Sequence[Mark], span: tuple[int, int]) -> list[Badge]:
    """The marks as badges: each below those that it would hide, and with the one before it where there is no room."""
    (low, high), free, found = span, [0.0], list[Badge]()
    for mark in marks:
        left = 100 * min(1, max(0, (mark.at - low) / max(1, high - low)))
        row = next((n for n, start in enumerate(free) if left >= start), len(free))
        if row < _ROWS:
            free[row : row + 1] = [left + _NEAR]
            found.append(Badge(mark.number, mark.number, left, row, mark.what))
        else:
            found[-1] = replace(found[-1], last=mark.number, what=f"{found[-1].what}, {mark.what}")
            free[found[-1].row] = found[-1].left + 2 * _NEAR
    return found


def _numbers(shown: Sequence[Badge]) -> str:
    said = "".join(
        f'<a href="#act-{each.first}" style="left:{each.left:.2f}%;--row:{each.row}" title="{escape(each.what)}">'
        f"{each.words}</a>"
        for each in shown
    )
    return f'<div class="marks" style="--rows:{1 + max(each.row for each in shown)}">{said}</div>' if said else ""


def _times(chart: Chart, span: tuple[int, int]) -> Iterator[str]:
    """Round instants below the axis."""
    low, high = span
    step = next((each for each in _STEPS if (high - low) / each <= _TICKS), _STEPS[-1])
    for n, at in enumerate(range(-(-low // step) * step, high + 1, step)):
        left = 100 * (at - low) / max(1, high - low)
        yield f'<span class="{_odd(n)}" style="left:{left:.2f}%">{escape(chart.x(at))}</span>'


def _line(one: Series, colour: str, span: tuple[int, int], top: float, *, filled: bool) -> str:
    """A line through points, and the area below it; broken where for long nothing was noted."""
    low, high = span

    def place(point: Point) -> str:
        return f"{_WIDE * (point[0] - low) / max(1, high - low):.1f},{_up(point[1], top)}"

    said = list[str]()
    for piece in _pieces(one.points):
        path = " ".join(map(place, piece))
        first, last = piece[0][0], piece[-1][0]
        area = f'<polygon fill="{colour}" points="{place((first, 0))} {path} {place((last, 0))}"/>' if filled else ""
        said.append(f'{area}<polyline stroke="{colour}" points="{path}"/>')
    return "".join(said)


def _pieces(points: Sequence[Point]) -> list[list[Point]]:
    """The points in pieces without a gap, which is several times as long as is usual between two of them."""
    usual = statistics.median([after - before for (before, _), (after, _) in pairwise(points)] or [0])
    found = list[list[Point]]()
    for point in points:
        if not found or point[0] - found[-1][-1][0] > _GAP * usual:
            found.append([])
        found[-1].append(point)
    return found


def _words(chart: Chart) -> str:
    """What the chart shows, for who cannot see it."""

    def most(one: Series) -> str:
        at, y = max(one.points, key=lambda point: point[1])
        return f"{one.name} up to {chart.y(y)} at {chart.x(at)}"

    return f"{chart.title}: " + ", ".join(most(one) for one in chart.series if one.points)
