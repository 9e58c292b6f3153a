"""The help of every command, as Typer's users know it. Typer's own can draw Markdown and tracebacks, too, and what it
imports for that takes as long as all of rich that is used here."""

import re
from collections.abc import Iterable, Iterator
from typing import Any

from rich import box
from rich.padding import Padding
from rich.panel import Panel
from rich.table import Table
from rich.text import Text

from loginq.cli import console

_BRACKETS = re.compile(r"\s+(\[[^]]+])$")
"""What click says behind a help text: `[default: 10; 1<=x<=500]`."""


def drawn(command: Any, ctx: Any) -> str:
    """The whole screen."""
    out = console.out()
    with out.capture() as screen:
        for part in _parts(command, ctx):
            out.print(part)
        if command.epilog:
            lines = command.epilog.splitlines()
            out.print(console.text(" Example:" if len(lines) == 1 else " Examples:", "bold"))
            for line in lines:
                out.print(console.text(f"   {line}"), soft_wrap=True)
    return screen.get()


def _parts(command: Any, ctx: Any) -> Iterator[Any]:
    usage = " ".join(command.get_usage(ctx).split()).removeprefix("Usage: ")
    yield Padding(console.text("Usage: ", "yellow") + console.text(usage, "bold"), (1, 1))
    first, *more = (" ".join(each.split()) for each in (command.help or "").split("\n\n"))
    for n, paragraph in enumerate((first, *more)):
        yield Padding(console.text(paragraph, "dim" if n else ""), (0, 1, 1, 1))
    parameters = command.get_params(ctx)
    for kind in ("argument", "option"):
        records = [each.get_help_record(ctx) for each in parameters if each.param_type_name == kind]
        yield from _panel(f"{kind.capitalize()}s", [_parameter(*each) for each in records if each])
    yield from _commands(getattr(command, "commands", {}))


def _parameter(names: str, about: str) -> tuple[Text, Text]:
    name, _, kind = names.partition(" <")
    left = console.text(name, "bold cyan") + console.text(f" <{kind}" if kind else "", "yellow")
    found = _BRACKETS.search(about)
    if found is None:
        return left, console.text(about)
    return left, console.text(about[: found.start()]) + console.text(f" {found[1]}", "dim")


def _commands(commands: dict[str, Any]) -> Iterator[Any]:
    """A panel for each task; the names in all of them as wide as the longest."""
    panels: dict[str, list[tuple[Text, Text]]] = {}
    width = max(map(len, commands), default=0)
    for name, each in commands.items():
        row = console.text(f"{name:<{width}}", "bold cyan"), console.text(summary(each))
        panels.setdefault(each.rich_help_panel or "Commands", []).append(row)
    for title, rows in panels.items():
        yield from _panel(title, rows)


def summary(command: Any) -> str:
    """What a command does, in one line: the first paragraph of its help."""
    return " ".join((command.help or "").partition("\n\n")[0].split())


def _panel(title: str, rows: Iterable[tuple[Text, Text]]) -> Iterator[Panel]:
    grid = Table.grid(padding=(0, 2))
    grid.add_column(no_wrap=True)
    grid.add_column(overflow="fold")
    for row in rows:
        grid.add_row(*row)
    if grid.row_count:
        yield Panel(grid, title=console.text(title), title_align="left", box=box.ROUNDED, border_style="dim")
