"""What is longer than a screen: a screen at a time on a terminal, and of lists how many more there are."""

import io
import os
import shlex
import subprocess
import sys
from collections.abc import Callable
from contextlib import suppress
from typing import TextIO

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
    """Draw on stdout, or on stderr, and through `PAGER` where that is a terminal with fewer lines than there are.

    What is drawn on the other one comes behind it.
    """
    both = {"stdout": console.out(), "stderr": console.err()}
    if not console.is_live(both[stream]):
        draw()
        return
    terminals = {name: getattr(sys, name) for name, there in both.items() if console.is_live(there)}
    kept = {name: _Terminal() for name in terminals}
    try:
        for name, instead in kept.items():
            setattr(sys, name, instead)
        draw()
    finally:
        for name, terminal in terminals.items():
            setattr(sys, name, terminal)
    drawn = kept.pop(stream).getvalue()
    fits, there = drawn.count("\n") < both[stream].size.height, None if stream == "stdout" else terminals[stream]
    if fits or not _turned(drawn, there):
        terminals[stream].write(drawn)
    for name, instead in kept.items():
        terminals[name].write(instead.getvalue())


def _turned(drawn: str, terminal: TextIO | None) -> bool:
    """Whether a pager showed it, there or on stdout: that of `PAGER`, empty for none, else `less`."""
    command = shlex.split(os.environ.get("PAGER", "less"))
    if not command:
        return False
    try:
        pager = subprocess.Popen(command, stdin=subprocess.PIPE, stdout=terminal, env={"LESS": "FRX", **os.environ})
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
