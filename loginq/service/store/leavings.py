"""Who has left the game, counted beside the line, by the minute of the admission.

The line is one item, and every poll and every batch needs it: a transaction on it for each report would be refused as
soon as a few dozen game servers report each second. So leavings are added to one of several counters, in the
transaction that marks the players' rows, and the line takes over their sum at most once a second.
"""

from collections import Counter
from collections.abc import Iterator, Sequence

from loginq.service.rules.errors import Raced, Unavailable
from loginq.service.rules.times import DAY, HOUR, MINUTE
from loginq.service.store import keys
from loginq.service.store.table import Row, Table, back_off

SHARDS = 16
TOGETHER = 90
"""Players in one transaction, which holds at most 100 writes."""
TRIES = 12
_FINE = 2 * HOUR
"""Older admissions share a counter for ten minutes."""


class Leavings:
    """The counters `LEFT#<queue>#<shard>` of one queue: an attribute for each minute of admission."""

    def __init__(self, table: Table, queue: str) -> None:
        self._table, self._queue = table, queue

    def write(self, admissions: Sequence[int], t: int, rows: Sequence[Row], sign: int = 1) -> None:
        """Count players as left in the transaction that says so in their rows.

        Args:
            admissions: when each was let in, ms. rows: updates of other rows, at most `TOGETHER`. sign: -1 for those
                who are back.

        Raises `ConditionFailed` (`index` from 1 on) when one of the rows is not as it was, `Unavailable` when others
        keep having them in hand.
        """
        add = {name: sign * count for name, count in Counter(_minute(at, t) for at in admissions).items()}
        for attempt in range(TRIES):
            shard = self._table.random.randrange(SHARDS)  # another each time
            try:
                self._table.transact([self._table.updating(*keys.left(self._queue, shard), add=add), *rows])
            except Raced:
                self._table.sleep(back_off(attempt, self._table.random))
                continue
            return
        raise Unavailable("Too many players change at once.", "Try again in a moment.")

    def total(self) -> int:
        """What all counters hold together, read consistently."""
        return sum(sum(counts.values()) for _, counts in self._counters())

    def by_minute(self) -> dict[int, int]:
        """What they hold by the minute of the admission, since the epoch, or the first of ten; read consistently."""
        found = Counter[int]()
        for _, counts in self._counters():
            for name, count in counts.items():
                found[_start(name) // MINUTE] += count
        return found

    def over(self, t: int) -> Iterator[tuple[int, Row]]:
        """What of each counter is of admissions a day ago and more, for the line to take over for good: how many, and
        the update that takes just these away."""
        for shard, counts in self._counters():
            old = {name: count for name, count in counts.items() if _start(name) <= t - DAY}
            if old:
                when = " AND ".join(f"#{name} = :{name}" for name in old)
                update = self._table.updating(*keys.left(self._queue, shard), remove=tuple(old), when=when, values=old)
                yield sum(old.values()), update

    def _counters(self) -> Iterator[tuple[int, dict[str, int]]]:
        shards = {keys.left(self._queue, shard): shard for shard in range(SHARDS)}
        for key, row in self._table.get_all(list(shards)).items():
            yield shards[key], {name: count for name, count in row.items() if name not in keys.NAMES}


def _minute(admitted_at: int, t: int) -> str:
    """The attribute that counts admissions of this instant."""
    if admitted_at > t - _FINE:
        return f"m{admitted_at // MINUTE}"
    return f"t{admitted_at // (10 * MINUTE)}"


def _start(name: str) -> int:
    """When the minutes of an attribute begin, ms."""
    return int(name[1:]) * (MINUTE if name[0] == "m" else 10 * MINUTE)
