"""The valve: a second, independent limit on how many are admitted, for whatever the arithmetic cannot know.

Counters of 10 s, spread over shards because one item takes only about 1,000 writes a second. They double as the
display of what really came through.
"""

from loginq.service.rules.gate import MICRO
from loginq.service.rules.line import Line
from loginq.service.rules.times import SECOND

BUCKET = 10 * SECOND
PER_SHARD = 50_000
"""The rate, in thousandths of a player per second, that adds a shard."""


def bucket(t: int) -> int:
    """The start of the bucket that `t` lies in, ms."""
    return t - t % BUCKET


def shards(line: Line, t: int) -> int:
    """Over how many counters the admissions of this bucket are spread: one for each 50 players a second."""
    return max(1, -(-line.moved(bucket(t), bucket(t) + BUCKET) // (PER_SHARD * BUCKET)))


def limit(line: Line, t: int) -> int:
    """How many one shard admits in the bucket of `t`: its part of twice the gate's way and of the burst, + 1."""
    moves = line.moved(bucket(t), bucket(t) + BUCKET)
    return (2 * moves // MICRO + line.burst) // shards(line, t) + 1
