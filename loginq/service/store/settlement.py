"""What one run of settling leaves for the next: the row `SETTLEMENT` of the queue."""

from collections.abc import Mapping
from dataclasses import replace
from typing import Any

from loginq.service.rules.minute import Memory
from loginq.service.store import keys
from loginq.service.store.table import Row, Table

_PAIRS = {"samples": "samples", "expiries": "closings", "counts": "counts"}
"""What is kept of pairs: its name here -> the attribute, whose name every version knows."""
_NUMBERS = ("full", "admitted", "buckets_to", "run_at", "unused_to", "seen", "tail", "tail_at")


class Settlement:
    """The row of one queue."""

    def __init__(self, table: Table, queue: str) -> None:
        self._table, self._key = table, keys.settlement(queue)

    def read(self) -> Memory:
        """What the last run left."""
        return memory_of(self._table.get(*self._key) or {})

    def write(self, memory: Memory) -> None:
        """Leave this for the next run."""
        self._table.put({**keys.keyed(self._key), **row_of(memory)})


def memory_of(row: Mapping[str, Any]) -> Memory:
    """The memory of a row; what a newer version wrote is kept as it is."""
    samples, expiries, counts = (tuple((a, b) for a, b in row.get(name, ())) for name in _PAIRS.values())
    numbers = {name: row[name] for name in _NUMBERS if name in row}
    unknown = {name: value for name, value in row.items() if name not in (*keys.NAMES, *_PAIRS.values(), *_NUMBERS)}
    return replace(Memory(samples, expiries, counts), **numbers, unknown=unknown)


def row_of(memory: Memory) -> Row:
    """Its row, without the keys."""
    return {
        **memory.unknown,
        **{stored: [list(pair) for pair in getattr(memory, name)] for name, stored in _PAIRS.items()},
        **{name: getattr(memory, name) for name in _NUMBERS},
    }
