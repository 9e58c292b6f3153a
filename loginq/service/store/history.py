"""The minutes in which anything moved: one row each, `HISTORY#<queue>` / minute."""

from collections.abc import Iterator
from typing import Any

from loginq.service.rules import histogram
from loginq.service.rules.errors import ConditionFailed
from loginq.service.rules.history import NUMBERS, Minute
from loginq.service.rules.tally import NOBODY, Order, Tally
from loginq.service.rules.times import DAY, SECOND
from loginq.service.store import keys
from loginq.service.store.table import Row, Table

KEPT = 90 * DAY
_SUMS = ("start", "end", "came", "waited", "worst", "told", "truth", "error", "late", "overtaken", "passed", "longest")
_HISTOGRAMS = ("waits", "errors")


class History:
    """The minutes of one queue."""

    def __init__(self, table: Table, queue: str) -> None:
        self._table, self._queue = table, queue

    def write(self, minute: Minute) -> bool:
        """Keep it for 90 days; whether this was done. Of two runs in one minute the first stays: the other has seen a
        moment of it."""
        numbers = {name: getattr(minute, name) for name in NUMBERS}
        key = keys.history(self._queue, minute.at)
        counted = row_of(minute.tally) if minute.tally else {}
        row = {**keys.keyed(key), **numbers, **counted, "ttl": (minute.at + KEPT) // SECOND}
        try:
            self._table.put(row, when="attribute_not_exists(#PK)")
        except ConditionFailed:
            return False
        return True

    def since(self, t: int) -> Iterator[Minute]:
        """The minutes from the instant `t`, ms, on, oldest first."""
        partition, start = keys.history(self._queue, t)
        for row in self._table.query(partition, start=start):
            found = _minute(row)
            if found.at >= t:
                yield found

    def newest(self, t: int, page: int | None = None) -> Iterator[Minute]:
        """The minutes that began at the instant `t`, ms, or before, newest first, read `page` at a time."""
        partition, start = keys.history(self._queue, t)
        yield from map(_minute, self._table.query(partition, start=start, reverse=True, page=page))


def row_of(tally: Tally) -> Row:
    """The attributes of a tally, without what the next batch has to know: some 60 bytes, and what histograms take."""
    histograms = {name: histogram.pack(getattr(tally, name)) for name in _HISTOGRAMS}
    return {"counted": [getattr(tally, name) for name in _SUMS], **{k: v for k, v in histograms.items() if v}}


def tally_of(row: Row, order: Order = NOBODY) -> Tally | None:
    """The tally of a row, with what is known of the order; None where nothing was counted."""
    if "counted" not in row:
        return None
    found: dict[str, Any] = dict(zip(_SUMS, row["counted"], strict=False))
    found |= {name: histogram.unpack(row.get(name, b"")) for name in _HISTOGRAMS}
    return Tally(**found, order=order)


def _minute(row: Row) -> Minute:
    numbers: dict[str, Any] = {name: row.get(name) for name in NUMBERS}
    return Minute(**numbers, tally=tally_of(row))
