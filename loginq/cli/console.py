"""Everything that is drawn: one look for all commands. Data goes to stdout, progress and questions to stderr."""

import codecs
import json
import os
import sys
from collections.abc import Callable, Iterable, Iterator, Sequence
from contextlib import contextmanager
from enum import StrEnum
from io import TextIOWrapper
from typing import TYPE_CHECKING, Any, TextIO

from loginq.cli.asking import drawing, working
from loginq.cli.output import HIDDEN, Output, folded, plain
from loginq.service.rules.errors import Invalid, LoginqError, NoTarget, NotFound, NotReady, Refused, Unavailable

if TYPE_CHECKING:
    from rich.console import Console
    from rich.text import Text

DASH = "\N{EN DASH}"
"""What stands where there is no value."""
_INSTANTS = ("when", "sent", "created")
"""Columns that stay whole where a table is too wide: the others fold."""


class Mark(StrEnum):
    """How something is, as one coloured sign in a table."""

    OK = "✓"
    WARN = "!"
    BAD = "✗"
    UNKNOWN = "?"


_MARK_STYLES = {Mark.OK: "green", Mark.WARN: "bold yellow", Mark.BAD: "bold red", Mark.UNKNOWN: "dim"}
_EXIT_CODES: dict[type[LoginqError], int] = {Invalid: 2, NoTarget: 3, NotReady: 3, NotFound: 3, Refused: 4}
GUIDED: dict[type[LoginqError], str] = {NoTarget: "operating", NotReady: "operating", Unavailable: "errors"}
"""The page of the guide that says more, where a sentence is not all that there is to say."""


def exit_code(exc: LoginqError) -> int:
    """1 failed, 2 wrong usage, 3 no target or not found, 4 refused."""
    return next((code for kind, code in _EXIT_CODES.items() if isinstance(exc, kind)), 1)


def text(value: object, style: str = "") -> "Text":
    """Foreign text to be drawn; brackets and colons are just that. Everything that is drawn goes through here."""
    from rich.text import Text

    return Text(plain(value), style)


def out() -> "Console":
    """Where data goes."""
    return _console(sys.stdout, "stdout")


def err() -> "Console":
    """Where progress and questions go."""
    return _console(sys.stderr, "stderr")


def _console(stream: TextIO | None, name: str) -> "Console":
    from rich.console import Console

    if stream is not None and not _is_unicode(stream) and isinstance(stream, TextIOWrapper):
        stream.reconfigure(errors="loginq")
    environment = dict(os.environ)
    if environment.get("COLUMNS", "").strip() in ("0", "-1"):  # some shells say so of no terminal: then it says nothing
        del environment["COLUMNS"]
    file: Any = Output(stream, name)
    return Console(file=file, highlight=False, markup=False, emoji=False, _environ=environment)


def is_live(console: "Console") -> bool:
    """Whether something can be drawn over there: on a terminal that is not a dumb one, whatever colours are wished."""
    return console.file.isatty() and not console.is_dumb_terminal


def _is_unicode(stream: TextIO) -> bool:
    return (getattr(stream, "encoding", None) or "").lower().replace("-", "").startswith("utf")


_PLAIN = {"✓": "+", "✗": "x", "·": "-", DASH: "-", "…": "...", "“": '"', "”": '"', "\N{MULTIPLICATION SIGN}": "x"}


def _plain_letters(exc: UnicodeError) -> tuple[str, int]:
    """A codec's error handler: what an output without Unicode shows in place of our few signs."""
    if not isinstance(exc, UnicodeEncodeError):
        raise exc
    return "".join(_PLAIN.get(letter, "?") for letter in exc.object[exc.start : exc.end]), exc.end


codecs.register_error("loginq", _plain_letters)


def fitted(words: str, room: int = 0) -> str:
    """Words in lines as wide as the terminal on stderr, if that is one. `room`: columns that something else needs."""
    return folded(plain(words), err().width - room) if is_live(err()) else plain(words)


def say(text: str) -> None:
    """A line of progress, in which brackets are just brackets."""
    err().print(fitted(text), soft_wrap=True)


def done(what: str) -> None:
    """A line that says what is true now."""
    err().print(text("✓", "green") + text(fitted(f"✓ {what}")[1:]), soft_wrap=True)


def error(exc: LoginqError) -> None:
    """What happened, what to do, and which page says more."""
    err().print(text("Error:", "bold red") + text(fitted(f"Error: {exc.message}")[6:]), soft_wrap=True)
    more = [f"More: `loginq guide {page}`." for kind, page in GUIDED.items() if isinstance(exc, kind)]
    if words := " ".join([exc.hint, *more]).strip():
        say(words)


def document(value: Any) -> None:
    """One JSON document on stdout."""
    stream = sys.stdout
    letters = json.dumps(value, ensure_ascii=stream is None or not _is_unicode(stream))
    output = Output(stream, "stdout")
    output.write(HIDDEN.sub(lambda found: f"\\u{ord(found[0]):04x}", letters) + "\n")
    output.flush()


def table(
    columns: Sequence[str],
    rows: Iterable[Sequence[object]],
    *,
    empty: str,
    numbers: Sequence[str] = (),
    to_stderr: bool = False,
) -> None:
    """A table on stdout, or the sentence `empty` on stderr.

    Args:
        numbers: the columns that are set to the right. to_stderr: for a table that leads to a question.
    """
    every = list(rows)
    if every:
        (err() if to_stderr else out()).print(grid(columns, every, numbers=numbers))
    else:
        say(empty)


def grid(columns: Sequence[str], rows: Iterable[Sequence[object]], *, numbers: Sequence[str] = ()) -> Any:
    """A table to be drawn. `numbers`: the columns that are set to the right."""
    from rich import box
    from rich.table import Table

    drawn = Table(box=box.SIMPLE_HEAD, pad_edge=False, header_style="bold")
    for column in columns:
        side: Any = "right" if column in numbers else "left"
        drawn.add_column(text(column), justify=side, overflow="fold", no_wrap=column in _INSTANTS)
    for row in rows:
        drawn.add_row(*(cell(each) for each in row))
    return drawn


def entries(columns: Sequence[str], rows: Iterable[tuple[Sequence[object], str]]) -> Any:
    """A table to be drawn, each row with a text below it; the last column has the room that is left."""
    from rich.padding import Padding
    from rich.table import Table

    every = [([str(DASH if cell is None else cell) for cell in cells], below) for cells, below in rows]
    widths = [min(28, max(map(len, column))) for column in zip(columns, *(cells for cells, _ in every), strict=True)]

    def row(cells: Sequence[str], style: str) -> Any:
        drawn = Table.grid(padding=(0, 2))
        for width in widths[:-1]:
            drawn.add_column(width=width, overflow="fold")
        drawn.add_column(overflow="fold")
        drawn.add_row(*(text(cell, "" if n else style) for n, cell in enumerate(cells)))
        return drawn

    below = ((row(cells, "bold cyan"), Padding(text(says, "dim"), (0, 0, 0, 2))) for cells, says in every)
    return stacked(row(columns, "bold"), *(part for both in below for part in both))


def cell(value: object) -> "Text":
    """A value as it stands in a table, a mark in its colour."""
    if isinstance(value, Mark):
        return text(value, _MARK_STYLES[value])
    return text(DASH if value is None else value)


def facts(title: str, pairs: Iterable[tuple[str, object]]) -> None:
    """A panel of names and values on stdout."""
    out().print(panel(title, pairs))


def panel(title: str, pairs: Iterable[tuple[str, object]]) -> Any:
    """A panel of names and values to be drawn."""
    from rich import box
    from rich.panel import Panel
    from rich.table import Table

    facts = Table.grid(padding=(0, 2))
    facts.add_column(style="dim", no_wrap=True)
    facts.add_column(overflow="fold")
    for name, value in pairs:
        facts.add_row(text(name), cell(value))
    return Panel(facts, title=text(title), title_align="left", box=box.ROUNDED, expand=False, padding=(0, 1))


def stacked(*parts: Any) -> Any:
    """Several drawings below each other, as one."""
    from rich.console import Group

    return Group(*parts)


@contextmanager
def live() -> Iterator[Callable[[Any], None]]:
    """A drawing on stderr that is replaced by each next one and gone at the end; nothing without a terminal."""
    from rich.live import Live

    if not is_live(err()):
        yield lambda drawing: None
        return
    with drawing(), Live(console=err(), transient=True, auto_refresh=False) as screen:
        yield lambda drawing: screen.update(drawing, refresh=True)


def columns(pairs: Sequence[tuple[str, str]]) -> Any:
    """Names and values in as many columns as fit: always as many on one terminal, so that nothing jumps about."""
    from rich.columns import Columns

    cells = [text(f"{name} ", "dim") + text(value, "bold") for name, value in pairs]
    return Columns(cells, width=38, expand=False)


def lines(texts: Iterable[str]) -> None:
    """Lines on stdout as they are, however wide the terminal: for what people copy."""
    for each in texts:
        out().print(plain(each), soft_wrap=True)


def markdown(source: str) -> None:
    """A page of Markdown on stdout, drawn."""
    from rich.markdown import Markdown

    out().print(Markdown(source, hyperlinks=False))


def draw(*renderables: Any) -> None:
    """Anything else that rich draws, on stdout: a chart."""
    out().print(*renderables, sep="\n")


@contextmanager
def progress(what: str, total: int | None) -> Iterator[Any]:
    """A bar on stderr if that is a terminal; yields a function to advance it and, if wanted, name what it is at."""
    if not is_live(err()):
        with working(what):
            yield lambda by=1, at=None: None
        return
    from rich.progress import BarColumn, MofNCompleteColumn, Progress, SpinnerColumn, TextColumn, TimeElapsedColumn

    columns = (SpinnerColumn(), TextColumn("{task.description}", markup=False), BarColumn(), MofNCompleteColumn())
    with drawing(), Progress(*columns, TimeElapsedColumn(), console=err(), transient=True) as bar:
        task = bar.add_task(plain(what), total=total)

        def advance(by: int = 1, at: str | None = None) -> None:
            bar.update(task, advance=by, description=what if at is None else plain(f"{what}: {at}"))

        yield advance


def duration(ms: int | None) -> str:
    """A waiting time as people say it: `12 s`, `3 min 20 s`, `1 h 5 min`; a dash for none."""
    if ms is None:
        return DASH
    seconds = -(-ms // 1_000)
    if seconds < 60:
        return f"{seconds} s"
    minutes, seconds = divmod(seconds, 60)
    if minutes < 60:
        return f"{minutes} min {seconds} s" if seconds else f"{minutes} min"
    return f"{minutes // 60} h {minutes % 60} min"


def moment(t: int | None, form: str = "%Y-%m-%d %H:%M:%S") -> str:
    """An instant in the operator's own zone, as it is there at that instant, with its name; a dash for none."""
    from datetime import datetime

    if t is None:
        return DASH
    try:
        return datetime.fromtimestamp(t / 1_000).astimezone().strftime(f"{form} %Z")
    except (OverflowError, ValueError, OSError):  # before the year 1 or after 9999, there or here
        return f"instant {t:,} ms"
