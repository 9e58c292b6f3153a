"""What one run of settling leaves for the next: the row `SETTLEMENT` of the queue."""

import json
import zlib
from collections.abc import Mapping, Sequence
from dataclasses import asdict, fields, replace
from typing import Any

from loginq.service.rules.cohorts import Cohort
from loginq.service.rules.laws import BINS
from loginq.service.rules.minute import Memory
from loginq.service.rules.stays import Stays
from loginq.service.rules.tally import NOBODY, Order
from loginq.service.store import keys
from loginq.service.store.history import row_of as counted_of
from loginq.service.store.history import tally_of
from loginq.service.store.table import Row, Table

_PAIRS = {"samples": "samples", "expiries": "closings", "counts": "counts"}
"""What is kept of pairs: its name here -> the attribute, whose name every version knows."""
_STAYS = "stays"
"""Packed: some hundreds of small numbers."""
_ORDER, _TALLIES = "order", "tallies"
_NUMBERS = ("full", "admitted", "buckets_to", "run_at", "unused_to", "seen", "tail", "tail_at", "synthetic_to")


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
    known = (*keys.NAMES, *_PAIRS.values(), *_NUMBERS, _ORDER, _TALLIES, _STAYS)
    unknown = {name: value for name, value in row.items() if name not in known}
    tallies = [tally_of(each, _order_of(each.get(_ORDER))) for each in row.get(_TALLIES) or ()]
    return replace(
        Memory(samples, expiries, counts),
        **numbers,
        order=_order_of(row.get(_ORDER)),
        tallies=tuple(filter(None, tallies)),
        stays=_stays_of(row.get(_STAYS)),
        unknown=unknown,
    )


def row_of(memory: Memory) -> Row:
    """Its row, without the keys."""
    return {
        **memory.unknown,
        **{stored: [list(pair) for pair in getattr(memory, name)] for name, stored in _PAIRS.items()},
        **{name: getattr(memory, name) for name in _NUMBERS},
        **({_STAYS: zlib.compress(json.dumps(asdict(memory.stays)).encode())} if memory.stays.booked else {}),
        _ORDER: _row_of_order(memory.order),
        _TALLIES: [{**counted_of(each), _ORDER: _row_of_order(each.order)} for each in memory.tallies] or None,
    }


def _row_of_order(order: Order) -> list[Any] | None:
    """Instants as ms before the latest, which is a third of their digits; None of nobody."""
    ago = ([order.latest - at for at in some] for some in (order.first, order.near))
    return [order.latest, *ago] if order.latest else None


def _order_of(kept: Sequence[Any] | None) -> Order:
    if kept is None:
        return NOBODY
    latest, *ago = kept
    return Order(latest, *(tuple(latest - ms for ms in some) for some in ago))


def _stays_of(packed: bytes | None) -> Stays:
    """What is known of how long players stay; nothing where that is spoilt, or of a version with other ages: then
    waiting times begin anew."""
    try:
        found: dict[str, Any] = json.loads(zlib.decompress(packed)) if packed else {}
        cohorts = tuple(Cohort(*each) for each in found.pop("cohorts", ()))
        known = {field.name for field in fields(Stays)}
        numbers: dict[str, Any] = {
            name: tuple(value) if isinstance(value, list) else value for name, value in found.items() if name in known
        }
        stays = Stays(**numbers, cohorts=cohorts)
    except (AttributeError, TypeError, ValueError, zlib.error):
        return Stays()
    return stays if {len(stays.leaving), len(stays.at_risk), len(stays.hazards) or BINS} == {BINS} else Stays()
