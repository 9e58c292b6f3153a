"""Rosters: who got which positions, one item for each placed batch, so that the line can be read in order."""

from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from typing import Any

from loginq.service.rules.times import DAY, SECOND, from_iso, iso
from loginq.service.store import keys
from loginq.service.store.keys import PER_PARTITION
from loginq.service.store.table import Row, Table

PER_ITEM = 1_000
"""Positions in one item: 1,000 subjects are about 40 KB, a tenth of what an item may hold."""
KEPT = 7 * DAY


@dataclass(frozen=True, slots=True)
class Place:
    """What a roster says of one position. The player's row decides: a crash may have left the row without it."""

    position: int
    sub: str
    synthetic: bool
    at: int | None = None
    """When it was written, ms; None where an older version wrote it."""


class Rosters:
    """The rosters `ROSTER#<queue>#<n>` of one queue."""

    def __init__(self, table: Table, queue: str) -> None:
        self._table, self._queue = table, queue

    def write(self, places: Sequence[Place], t: int) -> None:
        """Write consecutive positions, in items that do not cross a partition."""
        rows: list[Row] = []
        start = 0
        while start < len(places):
            first = places[start].position
            end = start + min(PER_ITEM, PER_PARTITION - first % PER_PARTITION)
            batch = places[start:end]
            rows.append(
                {
                    **keys.keyed(keys.roster(self._queue, first)),
                    "subs": [place.sub for place in batch],
                    "synthetic": "".join("1" if place.synthetic else "0" for place in batch),
                    "at": iso(t),
                    "ttl": (t + KEPT) // SECOND,
                }
            )
            start = end
        self._table.write_all(puts=rows)

    def places(self, first: int, last: int) -> Iterator[Place]:
        """What the rosters say of the positions from `first` to `last`, in order; holes are left out."""
        for place in self._from(first):
            if place.position > last:
                return
            if place.position >= first:
                yield place

    def every(self, at_least: int) -> Iterator[Place]:
        """All places there are rosters of, in order, looked for up to the position `at_least` and on from there."""
        start, found = 0, True
        while found or start <= at_least:
            found = False
            for row in self._query(start):
                found = True
                yield from _places(row)
            start += PER_PARTITION

    def _from(self, position: int) -> Iterator[Place]:
        """Everything from the item that may hold `position` on, until a partition is empty."""
        for row in self._query(position, reverse=True, limit=1):
            yield from _places(row)
        start = position + 1
        while True:
            found = False
            for row in self._query(start):
                found = True
                yield from _places(row)
            if not found and start % PER_PARTITION == 0:
                return
            start = (start // PER_PARTITION + 1) * PER_PARTITION

    def _query(self, position: int, **how: Any) -> Iterator[Row]:
        pk, sk = keys.roster(self._queue, position)
        return self._table.query(pk, start=sk, **how)


def _places(row: Row) -> Iterator[Place]:
    first, at = keys.first_of(row), from_iso(row["at"]) if "at" in row else None
    for n, (sub, synthetic) in enumerate(zip(row["subs"], row["synthetic"], strict=True)):
        yield Place(first + n, sub, synthetic == "1", at)
