"""What people hand in: files, stdin, passwords, names, tokens, arguments. Bytes become text here and nowhere else."""

import codecs
import sys
import unicodedata
from collections.abc import Iterable
from pathlib import Path

import typer

from loginq.service.rules.errors import Invalid
from loginq.service.rules.sheets import lines

STDIN = Path("-")


def has_terminal() -> bool:
    """Whether there is somebody to ask; a closed stdin (`<&-`) is nobody."""
    return sys.stdin is not None and not sys.stdin.closed and sys.stdin.isatty()


def text_of(file: Path) -> str:
    """What is in a file, `-` for stdin. Raises `Invalid` when it cannot be read, or is no text."""
    if file == STDIN:
        return _text(_stdin(), "stdin")
    try:
        return _text(file.read_bytes(), str(file))
    except OSError as exc:
        raise Invalid(f"{file} cannot be read: {exc.strerror}.") from exc


def lines_of(file: Path) -> list[str]:
    """The lines of a file, `-` for stdin, without empty ones and comments. Raises `Invalid` when it is no text.

    A comment is `#` and a blank, or `#` alone: no name has a blank in it, and `#ace` is one.
    """
    found = (line.strip() for line in lines(text_of(file)))
    return [line for line in found if line and line != "#" and not line.startswith(("# ", "#\t"))]


def first_line(what: str) -> str:
    """The first line of stdin, "" for none. `what`: what it is. Raises `Invalid` when it is no text."""
    return lines(_text(_stdin(first_line=True), what))[0]


def typed(question: str, *, hidden: bool = False, twice: bool = False) -> str:
    """What is typed at the terminal. Raises `Invalid` when that is no text."""
    said = str(typer.prompt(question, hide_input=hidden, confirmation_prompt=twice, err=True))
    check_arguments([said])
    return unicodedata.normalize("NFC", said)


def check_arguments(words: Iterable[object]) -> None:
    """Raises `Invalid` for a word that is no text: bytes that are no UTF-8 come in as lone surrogates."""
    for word in words:
        if isinstance(word, str) and any("\ud800" <= letter <= "\udfff" for letter in word):
            raise Invalid(f"{word!r} is no UTF-8 text.", "Give it in UTF-8.")


def _stdin(*, first_line: bool = False) -> bytes:
    """All of stdin, or its first line; nothing where it is closed."""
    if sys.stdin is None or sys.stdin.closed:
        return b""
    try:
        if not first_line:
            return sys.stdin.buffer.read()
        line = sys.stdin.buffer.readline()
        return line + sys.stdin.buffer.read() if line.startswith(_UTF_16) else line
    except OSError as exc:  # a folder, or open for writing alone
        raise Invalid(f"stdin cannot be read: {exc.strerror or exc}.") from exc


_UTF_16 = (codecs.BOM_UTF16_LE, codecs.BOM_UTF16_BE)


def _text(raw: bytes, where: str) -> str:
    """Bytes as text in UTF-8, or in UTF-16 where a byte order mark says so; the mark is no part of it, nor is what
    differs only in how a letter is put together (NFC).
    """
    try:
        text = raw.decode("utf-16" if raw.startswith(_UTF_16) else "utf-8-sig")
    except UnicodeDecodeError as exc:
        line = exc.object[: exc.start].count(b"\n") + 1
        raise Invalid(f"{where} is no UTF-8 text: see line {line:,}.", "Save it as UTF-8, or “CSV UTF-8”.") from exc
    return unicodedata.normalize("NFC", text)
