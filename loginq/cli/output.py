"""What goes to the terminal as text: harmless whoever wrote it, and with words for an output that takes no more."""

import os
import re
import sys
from collections.abc import Callable
from contextlib import suppress
from errno import EBADF
from typing import Any, TextIO

from loginq.service.rules.errors import Failed

HIDDEN = re.compile(
    "[\x00-\x08\x0b-\x1f\x7f-\x9f\xad\u061c\u180e\u200b\u200e\u200f\u2028-\u202e\u2060-\u206f\ufeff\ufff9-\ufffb\ud800-\udfff]"
)
"""What would move the cursor, turn the writing round or hide in a name: controls (C0 but tab and newline, C1), marks of
direction (Unicode Standard Annex 9), letters without width or meaning, halves of a pair."""


def plain(value: object) -> str:
    """Foreign text as it may be drawn: what a terminal would obey, or nobody would see, as an escape in letters."""
    return HIDDEN.sub(_escaped, str(value))


def _escaped(found: re.Match[str]) -> str:
    code = ord(found[0])
    return f"\\x{code:02x}" if code < 256 else f"\\u{code:04x}"


_PIECES = re.compile(r"(\s*)((?:`[^`]*`|\S)+)")


def folded(text: str, width: int) -> str:
    """Text in lines of at most `width` columns, broken between words, and nowhere within a command in backticks.

    What is longer than a line by itself stays whole: the terminal goes on below, and who copies it has all of it.
    """
    from rich.cells import cell_len

    lines = [""]
    for blanks, piece in _PIECES.findall(text):
        if "\n" in blanks:
            lines += [""] * (blanks.count("\n") - 1) + [blanks.rpartition("\n")[2] + piece]
        elif lines[-1].strip() and cell_len(lines[-1] + blanks + piece) > width:
            lines.append(piece)
        else:
            lines[-1] += blanks + piece
    return "\n".join(lines)


class Output:
    """A stream whose faults have words: a full disk or a closed stdout fails the command, a lost stderr only hushes it.

    A reader who has gone (`| head`) ends the command without a word, as click has it.
    """

    def __init__(self, stream: TextIO | None, name: str) -> None:
        self._stream, self._name = stream, name

    def __getattr__(self, name: str) -> Any:
        return getattr(self._stream, name)

    def isatty(self) -> bool:
        return self._stream is not None and not self._stream.closed and self._stream.isatty()

    def write(self, text: str) -> int:
        return int(self._try(lambda stream: stream.write(text)))

    def flush(self) -> None:
        self._try(lambda stream: stream.flush())

    def _try(self, do: Callable[[TextIO], Any]) -> Any:
        try:
            if self._stream is None:
                raise OSError(EBADF, os.strerror(EBADF))
            return do(self._stream)
        except BrokenPipeError:
            raise
        except OSError as exc:
            if self._name == "stderr":
                return 0
            drop_stdout()
            raise Unwritable(f"Nothing can be written to {self._name}: {exc.strerror}.", _WAS_DONE) from exc


class Unwritable(Failed):
    """What was to be shown could not be written; what was to be done is done."""


_WAS_DONE = "A change that this command makes is made all the same, and in `loginq queue audit`."


def drop_stdout() -> None:
    """What stdout still holds goes nowhere, so that the interpreter does not stumble over it once more at its end."""
    with suppress(OSError, AttributeError, ValueError):
        os.dup2(os.open(os.devnull, os.O_WRONLY), sys.stdout.fileno())
