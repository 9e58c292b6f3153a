"""What is longer than a screen: a screen at a time on a terminal, and of lists how many more there are."""

import io
import os
import shlex
import subprocess
import sys
from collections.abc import Callable
from contextlib import suppress

from loginq.cli import console


class _Terminal(io.StringIO):
    """Keeps what would have been drawn on the terminal."""

    def isatty(self) -> bool:
        return True

    @property
    def encoding(self) -> str:  # type: ignore[override]
        """The terminal's."""
        return sys.__stdout__.encoding if sys.__stdout__ else "utf-8"


def paged(draw: Callable[[], object], stream: str = "stdout") -> None:
    """Draw on stdout, or on stderr, and through `PAGER` where that is a terminal with fewer lines than there are."""
    there = console.out() if stream == "stdout" else console.err()
    if not console.is_live(there):
        draw()
        return
    terminal, kept = getattr(sys, stream), _Terminal()
    setattr(sys, stream, kept)
    try:
        draw()
    finally:
        setattr(sys, stream, terminal)
    drawn = kept.getvalue()
    if drawn.count("\n") < there.size.height or not _turned(drawn):
        terminal.write(drawn)


def _turned(drawn: str) -> bool:
    """Whether a pager showed it: that of `PAGER`, empty for none, else `less`."""
    command = shlex.split(os.environ.get("PAGER", "less"))
    if not command:
        return False
    try:
        pager = subprocess.Popen(command, stdin=subprocess.PIPE, env={"LESS": "FRX", **os.environ})
    except OSError:
        return False
    with suppress(BrokenPipeError, KeyboardInterrupt):  # who has seen enough leaves it; Ctrl-C is the pager's
        pager.communicate(drawn.encode())
    while pager.poll() is None:
        with suppress(KeyboardInterrupt):
            pager.wait()
    return True


def say_more(shown: int, total: int | None, rest: str = "") -> None:
    """How many a list leaves out: those that are shown are the first of `total`, None where nobody has counted.

    Args:
        rest: how to come by all of them.
    """
    if total is None:
        console.say(f"There may be more than these {shown:,}; see more with --limit{rest}.")
    elif shown < total:
        console.say(f"These are the first {shown:,} of {total:,}; see more with --limit{rest}.")
