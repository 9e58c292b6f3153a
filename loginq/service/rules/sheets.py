"""CSV as spreadsheets write it: any of three delimiters, empty rows, line ends inside quotes. Pure."""

import csv
import io
import re
from collections.abc import Iterator

from loginq.service.rules.errors import Invalid

_DELIMITERS = ",;\t"
_ENDS = re.compile(r"\r\n|\r|\n")
_SEP = re.compile(r"sep=(.)(?:\r\n|\r|\n|\Z)", re.IGNORECASE)
"""The line by which Excel is told the delimiter."""


def lines(text: str) -> list[str]:
    """The lines of a text; what ends one is LF, CR or both, and none of the rarer signs that `splitlines` knows."""
    return _ENDS.split(text)


def rows(text: str) -> Iterator[tuple[int, list[str]]]:
    """The rows of a sheet that have anything in them, each with the number of the line on which it begins.

    The delimiter is what a line `sep=` says, else the one that the first row has most of: a comma, a semicolon or a
    tab. Raises `Invalid`, naming the line, for what is no CSV.
    """
    said = _SEP.match(text)
    skipped = 1 if said else 0
    text = text[said.end() :] if said else text
    delimiter = said[1] if said and said[1] in _DELIMITERS else _delimiter(text)
    reader = csv.reader(io.StringIO(text, newline=""), delimiter=delimiter, strict=True, skipinitialspace=True)
    while True:
        begins = reader.line_num + 1 + skipped
        try:
            row = next(reader, None)
        except csv.Error as exc:
            raise Invalid(f"Line {begins} is not CSV: {exc}.", "Save the sheet anew as “CSV UTF-8”.") from exc
        if row is None:
            return
        if any(cell.strip() for cell in row):
            yield begins, row


def _delimiter(text: str) -> str:
    """The delimiter of the first line that has anything in it; quoted ones do not count."""
    first = next((line for line in lines(text) if line.strip()), "")
    bare = re.sub(r'"[^"]*"', "", first)
    return max(_DELIMITERS, key=bare.count)
