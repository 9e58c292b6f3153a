"""The file of `loginq players export`: every player's address is in it, and names that players chose themselves."""

import csv
import json
import tempfile
from collections.abc import Iterable, Iterator, Sequence
from contextlib import contextmanager, suppress
from pathlib import Path
from typing import Any, TextIO

from loginq.service.rules.errors import Failed

FORMATS = (".csv", ".jsonl")
_FORMULAS = ("=", "+", "-", "@", "\t", "\r", "\n", "＝", "＋", "－", "＠")  # noqa: RUF001 - the wide ones count, too
"""What a spreadsheet takes for the beginning of a formula: https://owasp.org/www-community/attacks/CSV_Injection"""


def written(file: Path, fields: Sequence[str], pages: Iterable[Sequence[dict[str, Any]]]) -> Iterator[int]:
    """Write the documents of all pages, in the format that the file's ending names; how many, after each page.

    The file is there when all is written, and not before. A .csv is for spreadsheets: it begins with the mark by which
    Excel knows UTF-8, and no cell is a formula. A .jsonl is for programs, and says everything as it is.
    Raises `Failed` when it cannot be written.
    """
    count = 0
    try:
        with _replacing(file, "utf-8-sig" if file.suffix == ".csv" else "utf-8") as out:
            sheet = csv.DictWriter(out, fields)
            if file.suffix == ".csv":
                sheet.writeheader()
            for page in pages:
                if file.suffix == ".csv":
                    sheet.writerows({name: inert(value) for name, value in each.items()} for each in page)
                else:
                    out.writelines(json.dumps(each, ensure_ascii=False) + "\n" for each in page)
                count += len(page)
                yield len(page)
    except OSError as exc:
        raise Failed(f"{file} cannot be written: {exc.strerror}.", "Choose another place.") from exc


def inert(value: Any) -> Any:
    """A cell that no spreadsheet runs: an apostrophe stands before what would begin a formula."""
    return f"'{value}" if isinstance(value, str) and value.startswith(_FORMULAS) else value


@contextmanager
def _replacing(file: Path, encoding: str) -> Iterator[TextIO]:
    """A new file beside this one, for its owner's eyes alone, that takes its place once nothing has failed.

    Its name is random and it is made by `mkstemp`, which follows no link: nobody can have put one there.
    """
    handle, name = tempfile.mkstemp(prefix=f".{file.name}.", suffix=".part", dir=file.parent)
    part = Path(name)
    try:
        with open(handle, "w", newline="", encoding=encoding) as out:  # noqa: PTH123 - it is open already
            yield out
        part.replace(file)
    finally:
        with suppress(OSError):
            part.unlink(missing_ok=True)
