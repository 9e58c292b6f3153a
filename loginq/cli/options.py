"""What is the same for every command: the options of `loginq` itself, `--json` and `--yes`."""

from collections.abc import Callable
from dataclasses import dataclass
from typing import Annotated, Any, NoReturn, TypeVar

import typer

from loginq.cli import console
from loginq.cli.output import plain
from loginq.cli.reading import first_line, has_terminal, typed
from loginq.service.rules.errors import Invalid
from loginq.service.rules.numbers import parse_count

T = TypeVar("T")


@dataclass(slots=True)
class Options:
    """The options of `loginq` itself: which target, and how much to say."""

    stack: str | None = None
    profile: str | None = None
    region: str | None = None
    debug: bool = False


OPTIONS = Options()

_UNCHANGED = "Nothing was changed."
_ANSWERS = len(" [y/N]: ")
"""What typer puts behind a question, in columns."""

Json = Annotated[bool, typer.Option("--json", help="Print JSON instead.")]
Yes = Annotated[bool, typer.Option("--yes", "-y", help="Do not ask.")]


def count(most: int, *, least: int = 0) -> Any:
    """The parser of an option that is a number of players, as people write it: 20000, 20,000, 20k."""

    def number_of_players(text: str) -> int:
        return parse_count(text, most, least=least)

    return number_of_players


def confirm(question: str, yes: bool) -> None:
    """Ask before going on. Without a terminal, refuse unless `--yes`; a no ends the command with 1."""
    if asks(yes, question) and not answer(lambda: typer.confirm(console.fitted(question, _ANSWERS), err=True)):
        stop()


def answer(ask: Callable[[], T]) -> T:
    """What somebody answers before anything is done; Ctrl-C is an answer as well."""
    try:
        return ask()
    except typer.Abort:
        typer.echo(f"\n{_UNCHANGED}", err=True)
        raise


def asks(yes: bool, question: str = "") -> bool:
    """Whether there is something to ask. Raises `Invalid` where that is so and nobody is there to answer, behind the
    `question` that stays open."""
    if not yes and not has_terminal():
        if question:
            typer.echo(plain(question), err=True)
        raise Invalid("This needs a yes, and there is no terminal to ask.", "Give --yes if you mean it.")
    return not yes


def stop() -> NoReturn:
    """End the command, because the answer was no."""
    typer.echo(_UNCHANGED, err=True)
    raise typer.Exit(1)


def password(stdin: bool, *, twice: bool) -> str:
    """A password from stdin's first line, or asked for; never from the command line, which others can see."""
    if stdin:
        text = first_line("The password on stdin")
        if not text:
            raise Invalid("There is no password on stdin.", 'Pipe it in: `printf %s "$PASSWORD" | loginq …`.')
        return text
    if not has_terminal():
        raise Invalid("There is no terminal to ask for the password.", "Give --password-stdin.")
    return typed("Password", hidden=True, twice=twice)
