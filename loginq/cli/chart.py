"""Line charts in the terminal, and the same as SVG: in braille dots where those show, else in plain characters.

Charts above one another have one axis, and take the lines that what matters more leaves them.
"""

from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass, replace
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from rich.console import Console, ConsoleOptions

Point = tuple[float, float]
STYLES = ("cyan", "yellow", "magenta", "green")
_COLOURS = ("#0e7490", "#b45309", "#a21caf", "#15803d")
_MARKS = "*+ox"
_SPARKS = ("▁▂▃▄▅▆▇█", "_.-~=+*#")
_DOTS = ((0x01, 0x02, 0x04, 0x40), (0x08, 0x10, 0x20, 0x80))
"""The bits of a braille character: two columns of four dots."""


@dataclass(frozen=True, slots=True)
class Series:
    """A named line through points in the order of x."""

    name: str
    points: Sequence[Point]

    def at(self, x: float) -> float | None:
        """The value at `x`, between two points on the straight line; None outside of them."""
        for (x0, y0), (x1, y1) in zip(self.points, self.points[1:], strict=False):
            if x0 <= x <= x1:
                return y1 if x1 == x0 else y0 + (y1 - y0) * (x - x0) / (x1 - x0)
        return None


def spark(values: Sequence[float], *, fine: bool) -> str:
    """Values as one letter each, from 0 to the highest of them; `fine`: whether blocks show there."""
    steps, top = _SPARKS[0 if fine else 1], max(values, default=0) or 1
    return "".join(steps[round(value / top * (len(steps) - 1))] for value in values)


@dataclass(frozen=True, slots=True)
class Chart:
    """Some series over one x axis, from 0 upwards.

    Args:
        x, y: how values are written at the axes. height: rows of the plot.
        title: stands above it, the series' names behind it. span: from where to where x goes, if not over the points.
        margin: columns before the plot, at least. has_axis: whether x is written below it.
    """

    series: Sequence[Series]
    x: Callable[[float], str]
    y: Callable[[float], str]
    height: int = 8
    title: str = ""
    span: tuple[float, float] | None = None
    margin: int = 0
    has_axis: bool = True

    @property
    def _span(self) -> tuple[float, float]:
        if self.span is not None:
            return self.span
        every = [x for one in self.series for x, _ in one.points]
        return (min(every), max(every)) if every else (0, 0)

    @property
    def labels(self) -> list[str]:
        """What is written at the y axis."""
        return [self.y(self._top), self.y(0)]

    @property
    def _top(self) -> float:
        return max((y for one in self.series for _, y in one.points), default=0) or 1

    def __rich_console__(self, console: "Console", options: "ConsoleOptions") -> Iterator[Any]:
        """Drawn as wide as there is room, in colours and dots if the terminal has them."""
        from rich.text import Text

        low, high = self._span
        coloured = console.color_system is not None and not console.no_color
        fine = options.encoding.startswith("utf") and (coloured or len(self.series) == 1)
        labels = self.labels
        margin = max(self.margin, *map(len, labels))
        names = Text("   ").join(
            Text(f"{'━━' if fine else mark} {one.name}", style)
            for one, style, mark in zip(self.series, STYLES, _MARKS, strict=False)
        )
        if self.title:
            yield Text(self.title, "bold") + Text("   ") + names if len(self.series) > 1 else Text(self.title, "bold")
        width = max(10, min(options.max_width, 120) - margin - 2)
        if high == low:
            return
        rows = self._dots(width) if fine else self._marks(width)
        for n, row in enumerate(rows):
            label = labels[0] if n == 0 else labels[1] if n == self.height - 1 else ""
            edge = "┤" if options.encoding.startswith("utf") else "|"
            yield Text.assemble((f"{label:>{margin}} {edge}", "dim"), *row)
        if self.has_axis:
            left, right = self.x(low), self.x(high)
            yield Text(" " * (margin + 2) + left + right.rjust(width - len(left)), "dim")
        if len(self.series) > 1 and not self.title:
            yield names

    def _heights(self, one: Series, columns: int, rows: int) -> Iterator[tuple[int, int, int]]:
        """For each column the lowest and the highest of `rows` that the line touches in it."""
        low, high = self._span
        before: int | None = None
        for column in range(columns):
            value = one.at(low + (high - low) * column / max(1, columns - 1))
            if value is None:
                before = None
                continue
            row = min(rows - 1, max(0, round(value / self._top * (rows - 1))))
            yield column, min(row, row if before is None else before), max(row, row if before is None else before)
            before = row

    def _dots(self, width: int) -> Iterator[list[tuple[str, str]]]:
        bits = [[0] * width for _ in range(self.height)]
        styles = [[""] * width for _ in range(self.height)]
        for one, style in zip(self.series, STYLES, strict=False):
            for column, low, high in self._heights(one, 2 * width, 4 * self.height):
                for dot in range(low, high + 1):
                    row, upward = self.height - 1 - dot // 4, dot % 4
                    bits[row][column // 2] |= _DOTS[column % 2][3 - upward]
                    styles[row][column // 2] = style
        for line, row_styles in zip(bits, styles, strict=True):
            yield [(chr(0x2800 + bit) if bit else " ", style) for bit, style in zip(line, row_styles, strict=True)]

    def _marks(self, width: int) -> Iterator[list[tuple[str, str]]]:
        cells = [[" "] * width for _ in range(self.height)]
        for one, mark in zip(self.series, _MARKS, strict=False):
            for column, low, high in self._heights(one, width, self.height):
                for row in range(low, high + 1):
                    cells[self.height - 1 - row][column] = mark
        for line in cells:
            yield [(cell, "") for cell in line]

    def svg(self, title: str, width: int = 800, height: int = 320) -> str:
        """The same as an SVG document of this size in pixels."""
        from xml.sax.saxutils import escape

        low, high = self._span
        left, top, right, bottom = 70, 40, width - 20, height - 50

        def place(x: float, y: float) -> str:
            across = 0 if high == low else (x - low) / (high - low)
            return f"{left + across * (right - left):.1f},{bottom - y / self._top * (bottom - top):.1f}"

        parts = [
            f'<svg xmlns="http://www.w3.org/2000/svg" width="{width}" height="{height}" font-family="sans-serif" '
            f'font-size="12"><rect width="100%" height="100%" fill="white"/>'
            f'<text x="{left}" y="22" font-size="15">{escape(title)}</text>'
            f'<path d="M{left},{top}V{bottom}H{right}" fill="none" stroke="#999"/>'
        ]
        for share in (0, 0.25, 0.5, 0.75, 1):
            across, up = left + share * (right - left), bottom - share * (bottom - top)
            x, y = escape(self.x(low + share * (high - low))), escape(self.y(share * self._top))
            parts.append(f'<text x="{across:.1f}" y="{bottom + 18}" text-anchor="middle">{x}</text>')
            parts.append(f'<text x="{left - 8}" y="{up + 4:.1f}" text-anchor="end">{y}</text>')
        for n, (one, colour) in enumerate(zip(self.series, _COLOURS, strict=False)):
            path = " ".join(place(x, y) for x, y in one.points)
            parts.append(f'<polyline points="{path}" fill="none" stroke="{colour}" stroke-width="2"/>')
            parts.append(f'<text x="{left + n * 180}" y="{height - 8}" fill="{colour}">{escape(one.name)}</text>')
        return "\n".join([*parts, "</svg>\n"])


LEAST, MOST = 2, 12
"""Rows of a chart that still says something, and beyond which it says no more."""


@dataclass(frozen=True, slots=True)
class Charted:
    """A screen of so many lines: what must be seen, and below it as many charts as there is room for, over one axis."""

    above: Sequence[Any]
    charts: Sequence[Chart]
    below: Any
    height: int

    def __rich_console__(self, console: "Console", options: "ConsoleOptions") -> Iterator[Any]:
        """Charts as high as fits, the first of them alone where there is no room for more."""
        used = sum(len(console.render_lines(part, options, pad=False)) for part in (*self.above, self.below))
        yield from self.above
        for many in range(len(self.charts), 0, -1):
            rows = (self.height - used - many - 1) // many
            if rows >= LEAST:
                yield from _aligned([replace(each, height=min(rows, MOST)) for each in self.charts[:many]])
                break
        yield self.below


def _aligned(charts: Sequence[Chart]) -> Iterator[Chart]:
    """The charts over one axis, which is written below the last: an instant is at the same place in each."""
    every = [x for chart in charts for one in chart.series for x, _ in one.points]
    span = (min(every), max(every)) if every else None
    margin = max(len(label) for chart in charts for label in chart.labels)
    for each in charts:
        yield replace(each, span=span, margin=margin, has_axis=each is charts[-1])
