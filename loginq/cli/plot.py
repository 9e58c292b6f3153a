"""Charts on a page: lines as inline SVG that stretch with it, and what is written at them as text that does not."""

import math
from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass
from html import escape

from loginq.cli.chart import Chart, Point, Series
from loginq.service.rules.times import DAY, HOUR, MINUTE

COLOURS = ("#0f766e", "#b45309")
_WIDE, _HIGH = 1_000, 240
_STEPS = (*(n * MINUTE for n in (1, 2, 5, 10, 15, 30)), *(n * HOUR for n in (1, 2, 3, 6, 12)), DAY, 7 * DAY)
_TICKS = 8
"""Instants that are written below a chart at most; on a telephone every second of them."""
_NEAR, _ROWS = 7, 3
"""How far apart marks have to be to stand beside each other, in hundredths of the width; else below, so often."""


@dataclass(frozen=True, slots=True)
class Mark:
    """Something that was done at an instant: its number, when, and what."""

    number: int
    at: int
    what: str


def plotted(chart: Chart, span: tuple[int, int], marks: Sequence[Mark], *, numbered: bool = False) -> str:
    """A chart over this span of time, in ms, with the marks as lines. `numbered`: and their numbers above."""
    top, step = _nice(max((y for one in chart.series for _, y in one.points), default=0))
    levels = [n * step for n in range(round(top / step) + 1)]
    grid = [f'<line x1="0" x2="{_WIDE}" y1="{_up(n, top)}" y2="{_up(n, top)}"/>' for n in levels]
    done = [f'<line class="act" x1="{x:.1f}" x2="{x:.1f}" y1="0" y2="{_HIGH}"/>' for x in _places(marks, span)]
    pairs = list(zip(chart.series, COLOURS, strict=False))
    names = (
        "".join(f'<i style="--c:{colour}">{escape(one.name)}</i>' for one, colour in pairs) if len(pairs) > 1 else ""
    )
    drawn = "".join(_line(one, colour, span, top, filled=len(pairs) == 1) for one, colour in pairs)
    return _figure(
        f'{escape(chart.title.capitalize())}<span class="names">{names}</span>',
        _badges(marks, span) if numbered else "",
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


def _places(marks: Sequence[Mark], span: tuple[int, int]) -> list[float]:
    low, high = span
    return [_WIDE * min(1, max(0, (mark.at - low) / max(1, high - low))) for mark in marks]


def _badges(marks: Sequence[Mark], span: tuple[int, int]) -> str:
    """The numbers of the marks, each below those that it would hide."""
    ends, said = list[float](), list[str]()
    for mark, x in zip(marks, _places(marks, span), strict=True):
        left = 100 * x / _WIDE
        row = next((n for n, end in enumerate(ends) if left - end >= _NEAR), len(ends))
        row = row if row < _ROWS else ends.index(min(ends))
        ends[row : row + 1] = [left]
        place, what = f"left:{left:.2f}%;--row:{row}", escape(mark.what)
        said.append(f'<a href="#act-{mark.number}" style="{place}" title="{what}">{mark.number}</a>')
    return f'<div class="marks" style="--rows:{len(ends)}">{"".join(said)}</div>' if said else ""


def _times(chart: Chart, span: tuple[int, int]) -> Iterator[str]:
    """Round instants below the axis."""
    low, high = span
    step = next((each for each in _STEPS if (high - low) / each <= _TICKS), _STEPS[-1])
    for n, at in enumerate(range(-(-low // step) * step, high + 1, step)):
        left = 100 * (at - low) / max(1, high - low)
        yield f'<span class="{_odd(n)}" style="left:{left:.2f}%">{escape(chart.x(at))}</span>'


def _line(one: Series, colour: str, span: tuple[int, int], top: float, *, filled: bool) -> str:
    low, high = span

    def place(point: Point) -> str:
        return f"{_WIDE * (point[0] - low) / max(1, high - low):.1f},{_up(point[1], top)}"

    if not one.points:
        return ""
    path = " ".join(map(place, one.points))
    first, last = one.points[0][0], one.points[-1][0]
    area = f'<polygon fill="{colour}" points="{place((first, 0))} {path} {place((last, 0))}"/>' if filled else ""
    return f'{area}<polyline stroke="{colour}" points="{path}"/>'


def _words(chart: Chart) -> str:
    """What the chart shows, for who cannot see it."""

    def most(one: Series) -> str:
        at, y = max(one.points, key=lambda point: point[1])
        return f"{one.name} up to {chart.y(y)} at {chart.x(at)}"

    return f"{chart.title}: " + ", ".join(most(one) for one in chart.series if one.points)
