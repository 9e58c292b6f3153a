"""Who came in: counters by the valve's shards and buckets, which are also the valve's own memory."""

from random import Random

from loginq.service.rules.errors import ConditionFailed
from loginq.service.rules.line import Line
from loginq.service.rules.times import DAY, SECOND, from_iso
from loginq.service.rules.valve import BUCKET, PER_SHARD, bucket, limit, shards
from loginq.service.store import keys
from loginq.service.store.table import Table

_BY_HAND = "operator"


class Admissions:
    """The counters `ADMITTED#<queue>#<shard>` and `RETURNED#<queue>#<shard>` of one queue."""

    def __init__(self, table: Table, queue: str) -> None:
        self._table, self._queue = table, queue

    def take(self, line: Line, t: int, random: Random) -> bool:
        """Take one admission at `t`; False when the valve is closed for now, which the counter then says, too."""
        try:
            self._table.update(
                *keys.admitted(self._queue, random.randrange(shards(line, t)), bucket(t)),
                add={"count": 1},
                write={"ttl": (t + DAY) // SECOND},
                when="attribute_not_exists(#count) OR #count < :limit",
                values={"limit": limit(line, t)},
            )
        except ConditionFailed as exc:
            if "full" not in exc.row:
                self._table.update(*(exc.row[name] for name in keys.NAMES), write={"full": True})
            return False
        return True

    def take_back(self, rate: int, t: int, random: Random) -> bool:
        """Take one return at `t`; False when as many are back in these 10 s as `rate` allows, players / 1,000 s."""
        spread = max(1, -(-rate // PER_SHARD))
        try:
            self._table.update(
                *keys.returned(self._queue, random.randrange(spread), bucket(t)),
                add={"count": 1},
                write={"ttl": (t + DAY) // SECOND},
                when="attribute_not_exists(#count) OR #count < :limit",
                values={"limit": rate * BUCKET // SECOND // 1_000 // spread + 1},
            )
        except ConditionFailed:
            return False
        return True

    def note(self, t: int, count: int) -> None:
        """Count players whom an operator has let in: apart, so that they close the valve for nobody."""
        key = keys.admitted(self._queue, _BY_HAND, bucket(t))
        self._table.update(*key, add={"count": count}, write={"ttl": (t + DAY) // SECOND})

    def admitted(self, line: Line, t: int, buckets: int = 7) -> dict[int, int]:
        """How many were let in in the last buckets, that of `t` included: start in ms -> players, newest first."""
        return {start: count for start, (count, _) in self.counters(line, t, buckets).items()}

    def counters(self, line: Line, t: int, buckets: int) -> dict[int, tuple[int, bool]]:
        """The last buckets, at most 100: start in ms -> how many were let in, and whether somebody was turned away.

        After a rate was lowered older buckets have more shards than the rate asks for, so shards are read on, in
        blocks, until a whole block is empty.
        """
        if not buckets:
            return {}
        total = {bucket(t) - n * BUCKET: (0, False) for n in range(buckets)}
        shard, block = 0, max(shards(line, t), 100 // buckets - 1)
        by_hand = [keys.admitted(self._queue, _BY_HAND, start) for start in total]
        while True:
            wanted = [keys.admitted(self._queue, s, start) for s in range(shard, shard + block) for start in total]
            wanted, by_hand = wanted + by_hand, []
            rows = self._table.get_all(wanted, consistent=False)
            for (_, start), row in rows.items():
                count, full = total[from_iso(start)]
                total[from_iso(start)] = count + row["count"], full or "full" in row
            shard += block
            if not rows:
                return total
            block = 100 // buckets
