"""`loginq completion`, and what the shell completes besides commands: names of players and stacks.

Completing never fails and never waits long.

Players choose their names, and shells run what is completed for them: typer's script for zsh evaluates what it is
given, that for bash neither quotes it nor keeps it from being taken for a pattern. So a name is offered only when it
means nothing to any shell; the others are typed by hand, in quotes.
"""

import re
import threading
from collections.abc import Callable, Iterable
from contextlib import suppress
from enum import StrEnum
from functools import partial
from itertools import islice
from typing import Annotated

import typer
from typer.completion import get_completion_script  # type: ignore[attr-defined]

from loginq.cli import console
from loginq.cli.command import Found, alone, command

app = alone()

MOST = 20
SECONDS = 1.0
"""How long all of it may take: an operator whose TAB hangs types no further."""
_INERT = re.compile(r"[\w.@+,][\w.@+=,-]*")
"""Letters of any script and a few signs; no dash or equals sign in front, which would be an option, or zsh's."""


class Shell(StrEnum):
    """Those that the script is there for."""

    BASH = "bash"
    ZSH = "zsh"
    FISH = "fish"


@command(
    app,
    "loginq completion bash > ~/.local/share/bash-completion/completions/loginq",
    "loginq completion zsh > ~/.zfunc/_loginq",
    "loginq completion fish > ~/.config/fish/completions/loginq.fish",
)
def completion(shell: Annotated[Shell, typer.Argument(help="Which.")]) -> Found:
    """Print what makes a shell complete what is typed here.

    It works in shells that are started after that; zsh looks into the folders of its `fpath`.
    """
    script = get_completion_script(prog_name="loginq", complete_var="_LOGINQ_COMPLETE", shell=shell)
    return Found({"shell": shell, "script": script}, partial(console.lines, [script]))


def player_names(incomplete: str) -> list[str]:
    """User names that begin so."""

    def asked() -> Iterable[str]:
        from loginq.cli.session import Session, connection, resolved, target_of

        found = resolved(quietly=True)
        aws = connection(found, patience=(1, SECONDS), read_timeout=SECONDS)
        users = Session(target_of(found, aws), aws).users
        return (account.username for account in users.starting_with(incomplete))

    return offered(asked, incomplete)


def stack_names(incomplete: str) -> list[str]:
    """Stacks of ours that begin so."""

    def asked() -> Iterable[str]:
        from loginq.cli.session import connection, resolved
        from loginq.deploy.tags import stacks_of_ours

        aws = connection(resolved(may_be_new=True, quietly=True), patience=(1, SECONDS), read_timeout=SECONDS)
        return stacks_of_ours(aws)

    return offered(asked, incomplete)


def offered(ask: Callable[[], Iterable[str]], incomplete: str) -> list[str]:
    """Of the names that `ask` gives the first few that begin so and are inert in every shell; nothing when it fails,
    or takes longer than `SECONDS`."""
    found: list[str] = []

    def look() -> None:
        with suppress(Exception):  # an error in the middle of typing helps nobody
            inert = (name for name in ask() if _INERT.fullmatch(name) and name.startswith(incomplete))
            found.extend(islice(inert, MOST))

    looking = threading.Thread(target=look, daemon=True)
    looking.start()
    looking.join(SECONDS)
    return [] if looking.is_alive() else found
