"""The minutes in which anything moved: one row each, `HISTORY#<queue>` / minute."""

from collections.abc import Iterator
from contextlib import suppress
from typing import Any

from loginq.service.rules.errors import ConditionFailed
from loginq.service.rules.history import NUMBERS, Minute
from loginq.service.rules.times import DAY, SECOND
from loginq.service.store import keys
from loginq.service.store.table import Row, Table

KEPT = 90 * DAY


class History:
    """The minutes of one queue."""

    def __init__(self, table: Table, queue: str) -> None:
        self._table, self._queue = table, queue

    def write(self, minute: Minute) -> None:
        """Keep it for 90 days. Of two runs in one minute the first stays: the other has seen a moment of it."""
        numbers = {name: getattr(minute, name) for name in NUMBERS}
        key = keys.history(self._queue, minute.at)
        row = {**keys.keyed(key), **numbers, "ttl": (minute.at + KEPT) // SECOND}
        with suppress(ConditionFailed):
            self._table.put(row, when="attribute_not_exists(#PK)")

    def since(self, t: int) -> Iterator[Minute]:
        """The minutes from the instant `t`, ms, on, oldest first."""
        partition, start = keys.history(self._queue, t)
        for row in self._table.query(partition, start=start):
            found = _minute(row)
            if found.at >= t:
                yield found


def _minute(row: Row) -> Minute:
    numbers: dict[str, Any] = {name: row.get(name) for name in NUMBERS}
    return Minute(**numbers)
