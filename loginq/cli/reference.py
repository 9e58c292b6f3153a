"""The command reference of the README, from the commands themselves: `python -m loginq.cli.reference README.md`."""

import re
import sys
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import typer.main


def commands(command: Any, words: tuple[str, ...] = ("loginq",)) -> Iterator[tuple[tuple[str, ...], Any]]:
    """Every command that does something, with the words that call it."""
    children = getattr(command, "commands", None)
    if children is None:
        yield words, command
        return
    for name, child in children.items():
        yield from commands(child, (*words, name))


def reference() -> str:
    """A Markdown table with a line for each command."""
    from loginq.cli import app

    lines = ["| command | does |", "|---|---|"]
    for words, command in commands(typer.main.get_command(app)):
        usage = " ".join([*words, *(_parameter(each) for each in command.params if each.name != "help")])
        does = re.split(r"\n\n|(?<=\.)\s", (command.help or "").strip())[0].replace("\n", " ").rstrip(".")
        lines.append(f"| `{usage.replace('|', chr(92) + '|')}` | {does} |")
    return "\n".join(lines)


def rewritten(text: str) -> str:
    """A text with the reference between its two marks made anew."""
    return between(text, "commands", reference())


def between(text: str, name: str, made: str) -> str:
    """A text with what stands between the two marks of this name made anew. Raises `ValueError` when it has none."""
    begin, end = f"<!-- {name}: begin -->", f"<!-- {name}: end -->"
    start = text.index(begin) + len(begin)
    return f"{text[:start]}\n{made}\n{text[text.index(end) :]}"


def _parameter(parameter: Any) -> str:
    if parameter.param_type_name == "argument":
        name = parameter.metavar or (parameter.name or "").rstrip("_").upper()
        name = f"{name}..." if parameter.nargs == -1 else name
        return name if parameter.required else f"[{name}]"
    option = max(parameter.opts, key=len)
    shown = (
        option if parameter.is_flag else f"{option} {parameter.metavar or (parameter.name or '').rstrip('_').upper()}"
    )
    return shown if parameter.required else f"[{shown}]"


if __name__ == "__main__":
    readme = Path(sys.argv[1])
    readme.write_text(rewritten(readme.read_text(encoding="utf-8")), encoding="utf-8")
