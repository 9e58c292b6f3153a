"""The rules of the stack, one row: `QUEUE#<name>` / `RULES`. `deploy` writes it, the line is read with it."""

from dataclasses import asdict, fields

from loginq.service.rules.errors import NotReady, Unavailable
from loginq.service.rules.settings import Rules
from loginq.service.store import keys
from loginq.service.store.table import Row, Table

_HINT = "`loginq deploy` writes them."


def write(table: Table, queue: str, rules: Rules, *, row_format: int | None = None) -> None:
    """Make these the rules from now on; what a newer version wrote besides stays.

    `row_format`: how rows may be written from now on, because no function of a version is left that cannot read it.
    """
    known = {**asdict(rules), **({"row_format": row_format} if row_format else {})}
    there = {name: value for name, value in known.items() if value is not None}
    table.update(*keys.rules(queue), write=there, remove=[name for name in known if name not in there])


def from_row(row: Row | None) -> Rules:
    """The rules of a row. Raises `NotReady` where there is none yet, `Unavailable` for one that is spoilt."""
    if row is None:
        raise NotReady("The queue has no rules yet.", _HINT)
    kinds = {rule.name: type(rule.default) if rule.default is not None else int for rule in fields(Rules)}
    known = {name: row[name] for name in kinds if name in row}
    if wrong := [name for name, value in known.items() if type(value) is not kinds[name]]:
        raise Unavailable(f"The queue's rules cannot be read: {wrong[0]} is {known[wrong[0]]!r}.", _HINT)
    return Rules(**known)


def format_of(row: Row | None) -> int:
    """How rows may be written, by the row of the rules; 1 is what every version reads."""
    return int((row or {}).get("row_format", 1))
