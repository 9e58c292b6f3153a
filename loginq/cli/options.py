"""What is the same for every command: the options of `loginq` itself, `--json` and `--yes`."""

import sys
from dataclasses import dataclass
from pathlib import Path
from typing import Annotated, Any

import typer


@dataclass(slots=True)
class Options:
    """The options of `loginq` itself: which target, and how much to say."""

    stack: str | None = None
    profile: str | None = None
    region: str | None = None
    debug: bool = False


OPTIONS = Options()

Json = Annotated[bool, typer.Option("--json", help="Print JSON instead.")]
Yes = Annotated[bool, typer.Option("--yes", "-y", help="Do not ask.")]


def group(about: str) -> typer.Typer:
    """A command group."""
    return typer.Typer(help=about, no_args_is_help=True, rich_markup_mode=None, pretty_exceptions_enable=False)


def example(*lines: str) -> dict[str, Any]:
    """Keyword arguments of a command: its examples, shown at the end of its help, each on a line to be copied."""
    return {
        "epilog": "\n".join(("\b", "Example:" if len(lines) == 1 else "Examples:", *(f"  {each}" for each in lines)))
    }


def confirm(question: str, yes: bool) -> None:
    """Ask before going on. Without a terminal, refuse unless `--yes`; a no ends the command with 1."""
    if yes:
        return
    if not sys.stdin.isatty():
        from loginq.service.errors import Invalid

        raise Invalid("This needs a yes, and there is no terminal to ask.", "Give --yes if you mean it.")
    if not typer.confirm(question, err=True):
        typer.echo("Nothing was changed.", err=True)
        raise typer.Exit(1)


def lines_of(file: Path) -> list[str]:
    """The lines of a file, `-` for stdin, without empty ones and comments. Raises `Invalid` when it is no text."""
    return [line.strip() for line in text_of(file).splitlines() if line.strip() and not line.startswith("#")]


def text_of(file: Path) -> str:
    """What is in a file, `-` for stdin. Raises `Invalid` when it is no text."""
    from loginq.service.errors import Invalid

    try:
        return sys.stdin.read() if str(file) == "-" else file.read_text(encoding="utf-8-sig")
    except (OSError, UnicodeDecodeError) as exc:
        raise Invalid(f"{file} cannot be read: {exc}.") from exc


def password(stdin: bool, *, twice: bool) -> str:
    """A password from stdin's first line, or asked for; never from the command line, which others can see."""
    from loginq.service.errors import Invalid

    if stdin:
        text = sys.stdin.readline().rstrip("\r\n")
        if not text:
            raise Invalid("There is no password on stdin.", 'Pipe it in: `printf %s "$PASSWORD" | loginq …`.')
        return text
    if not sys.stdin.isatty():
        raise Invalid("There is no terminal to ask for the password.", "Give --password-stdin.")
    return str(typer.prompt("Password", hide_input=True, confirmation_prompt=twice, err=True))
