"""What is wrong and what to do about it: sentences fold between words, commands stand on lines of their own.

A sentence of ours has its commands in backticks: "3 dead letters: `loginq queue dlq` says why". What stands behind a
command becomes a remark, as a shell has it, so that the whole line can be pasted.
"""

import re
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

from loginq.cli import console

if TYPE_CHECKING:
    from rich.console import Console, ConsoleOptions

_COMMAND = re.compile(r"`((?:loginq|aws) [^`]+)`")
_LEADS = ("Run", "See")
_JOINT = re.compile(r"(^|[ ,;])(and|or)$")
"""Words that say nothing once the commands stand below each other."""
_BELOW = " " * 4
"""How far what is to be done stands in."""


@dataclass(frozen=True, slots=True)
class Command:
    """A command that never folds, its remark behind it where there is room, else below."""

    words: str
    remark: str

    def __rich_console__(self, console_: "Console", options: "ConsoleOptions") -> Iterator[Any]:
        line = console.text(_BELOW) + console.text(self.words, "bold")
        remark = console.text(f"# {self.remark}" if self.remark else "", "dim")
        fits = len(line) + 2 + len(remark) <= options.max_width
        if remark and fits:
            line += console.text("  ") + remark
        line.no_wrap, line.overflow = True, "ignore"
        yield line
        if remark and not fits:
            yield _indented(_BELOW, remark)


def advice(mark: console.Mark, sentences: Sequence[str], name: str = "") -> Any:
    """One thing that needs attention, to be drawn: the first sentence beside `mark`, what is to be done below it.

    Args:
        name: what the first sentence is about, if it does not say so itself; else it is in red.
    """
    first, *below = [part for each in sentences for part in _parts(each)] or [("", None)]
    said = first[0].rstrip(":;,")
    head = console.text(f"{name}: ", "bold") + console.text(said) if name else console.text(said, "bold red")
    return console.stacked(_indented(console.cell(mark) + console.text(" "), head), *(_below(*each) for each in below))


def attend(sentences: Sequence[str]) -> None:
    """What needs attention, on stdout."""
    for each in sentences:
        draw(advice(console.Mark.WARN, [each]))


def draw(*drawn: Any) -> None:
    """Draw on stdout, commands as long as they are."""
    for each in drawn:
        console.out().print(each, crop=False)


def _parts(sentence: str) -> Iterator[tuple[str, str | None]]:
    """The sentence in its order: prose with None, a command with its remark."""
    before, *rest = _COMMAND.split(sentence)
    if (prose := before.rstrip(" (")) not in ("", *_LEADS):
        yield prose, None
    for command, behind in zip(rest[::2], rest[1::2], strict=True):
        said = _JOINT.sub("", behind.strip(" ,;:.()")).rstrip(" ,;")
        begins_anew = behind.startswith(". ")
        yield command, "" if begins_anew else said
        if begins_anew and said:
            yield said, None


def _below(words: str, remark: str | None) -> Any:
    return _indented(_BELOW, console.text(words)) if remark is None else Command(words, remark)


def _indented(lead: Any, line: Any) -> Any:
    """A line behind its lead, below which it goes on where it folds."""
    from rich.table import Table

    drawn = Table.grid()
    drawn.add_column(no_wrap=True)
    drawn.add_column(overflow="fold")
    drawn.add_row(lead, line)
    return drawn
