"""What is decided each minute: which positions close, which can be counted, what their count makes of the line.

A reached position stays claimable for the claim window, then it is closed; a while later, when no call can still admit
at it, it is counted from its row. What was never claimed is a no-show, or a hole where a lost race or a crash took it:
both free their place, and the gate gets them back, but only no-shows say something about players. Nothing here is
counted by adding events up, so nothing has to be remembered exactly once but `counted_to`, which stands in the line
itself, beside the counts that follow from it.

These stay several steps, because a run may end between any two of its writes.
"""

from collections import Counter
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field, replace
from typing import Any

from loginq.service.rules.line import Line
from loginq.service.rules.measure import ALARMING, FEW, achieved, asked
from loginq.service.rules.stays import Stays
from loginq.service.rules.tally import NOBODY, Order, Tally
from loginq.service.rules.times import MINUTE, SECOND
from loginq.service.rules.valve import BUCKET, bucket

ADMITTING = 7 * SECOND
"""How long after a closing somebody may still admit below it: a cached line (1 s), a running call (5 s), a bit."""
COUNTED_A_SECOND = 5_000
"""Positions that one run counts in a second, by a function of 1,024 MB, which has 0.58 of a core; so many it looks at
for admissions that nobody used, too. Assumed, with room: `python -m tests.benchmarks counting` measures it."""
COUNTED_A_MINUTE = 36 * COUNTED_A_SECOND
"""Positions that one run counts at the most: 3,000 a second let in, real or not, are counted in time. Its own time ends
it sooner where it is slower, and the next run goes on."""
BEHIND = 2 * MINUTE
"""How old the oldest closing that is not counted may be when a run is over, ms: one run may have failed."""
UNUSED = 1 * MINUTE
"""How long after an admission's end who has not joined by then counts as one who will not, ms."""


@dataclass(frozen=True, slots=True)
class Memory:
    """What one run leaves for the next (row `SETTLEMENT`). If it is lost, windows are only longer.

    Args:
        samples: (the line's lived time less `full`, what was reached then), oldest first.
        expiries: (when it was written, ms, up to where), oldest first.
        full: for how long the valve turned players away, ms: claim windows do not run then.
        admitted: how many were let in: through the valve, and by an operator.
        buckets_to: the buckets before this instant are in `full` and `admitted`, ms.
        run_at: when this was, ms.
        counts: (no-shows, real positions) of the last three counts.
        unused_to: up to where admissions that nobody used have been looked for.
        seen: the version of the line as the run left it.
        tail, tail_at: the line's end at an instant of this run, and that instant, ms: what has arrived since.
        stays: who is in the game, and how long players stay.
        synthetic_to: up to where synthetic players may stand who are not counted yet.
        order: what the next count has to know of those who came in before it.
        tallies: what was counted, or was to be, and is in no minute's row yet.
        unknown: attributes of a newer version, kept as they are.
    """

    samples: tuple[tuple[int, int], ...] = ()
    expiries: tuple[tuple[int, int], ...] = ()
    counts: tuple[tuple[int, int], ...] = ()
    full: int = 0
    admitted: int = 0
    buckets_to: int = 0
    run_at: int = 0
    unused_to: int = 0
    seen: int = 0
    tail: int = 0
    tail_at: int = 0
    synthetic_to: int = 0
    stays: Stays = field(default_factory=Stays)
    order: Order = NOBODY
    tallies: tuple[Tally, ...] = ()
    unknown: Mapping[str, Any] = field(default_factory=dict, hash=False)


@dataclass(frozen=True, slots=True)
class Settled:
    """What one run did."""

    renewed: bool
    expired_to: int
    counted_to: int
    no_shows: int
    holes: int
    few_claims: bool
    unused: int
    waiting: int
    asked_per_second: float
    achieved_per_second: float
    """What came in: `measure.achieved`."""
    short: bool
    """Whether real players wait, may enter, and fewer than half of those come through who are asked for."""
    silent_servers: int | None
    """Game servers that keep seats and have not said for a minute how many they hold; None where none are to."""
    behind_seconds: int
    """How old the oldest closing is that this run did not count though it could have: 0 while counting keeps up."""


def arrivals(memory: Memory, line: Line, t: int) -> float | None:
    """How many players a second got a place since the last run; None where that has not noted the line's end."""
    if not memory.tail_at or t <= memory.tail_at:
        return None
    return max(0, line.tail - memory.tail) * SECOND / (t - memory.tail_at)


def expiring(memory: Memory, line: Line, t: int, window: int) -> tuple[Memory, int]:
    """The memory with what is seen at `t`, and up to where positions expire.

    That is what was reached a claim window ago, by a clock that stands while the line is paused, past its lease, or
    its valve full.
    """
    clock, reached = line.lived_at(t) - memory.full, line.reached(t)
    # Where that clock stands, or nothing more was reached, another sample says nothing: a stack may idle for months.
    known = memory.samples[:-1] if memory.samples and memory.samples[-1][0] == clock else memory.samples
    samples = known if known and known[-1][1] >= reached else (*known, (clock, reached))
    old = [reached for at, reached in samples if at <= clock - window]
    kept = tuple(pair for n, pair in enumerate(samples) if n >= len(old) - 1)
    return replace(memory, samples=kept), max(old, default=0)


def noted(memory: Memory, line: Line, t: int) -> Memory:
    """The memory with the line's expiring, if it is a new one, as of now: later than it was, never earlier."""
    known = max((to for _, to in memory.expiries), default=0)
    if line.expired_to <= max(known, line.counted_to):
        return memory
    return replace(memory, expiries=(*memory.expiries, (t, line.expired_to)))


def countable(memory: Memory, line: Line, t: int) -> int:
    """Up to where nobody can admit any more, so that rows say who came."""
    due = max((to for at, to in memory.expiries if at <= t - ADMITTING), default=0)
    return min(due, line.counted_to + COUNTED_A_MINUTE)


def counting(due: int, line: Line) -> int:
    """How long it takes to count the line's closed positions up to `due`, ms."""
    return max(0, due - line.counted_to) * SECOND // COUNTED_A_SECOND


def behind(memory: Memory, line: Line) -> int:
    """How old, ms, the oldest closing was at the last run that is not all counted; 0 where counting keeps up.

    A closing is counted by the run after the one that made it.
    """
    waiting = [at for at, to in memory.expiries if to > line.counted_to]
    return max(0, memory.run_at - min(waiting)) if waiting else 0


def falls_behind(behind: int, line: Line) -> list[str]:
    """What to say where counting is `behind` by so much, ms."""
    if behind < BEHIND:
        return []
    return [
        f"no-shows' places come back late: counting is {behind // MINUTE} min behind, "
        f"{line.expired_to - line.counted_to:,} positions: a run counts {COUNTED_A_MINUTE:,}, "
        "so a lower rate lets it catch up; `loginq logs settle_line` says whether its runs are cut short"
    ]


def counted(
    memory: Memory, due: int, no_shows: int, claimed: int, synthetic: int, t: int, holes: int = 0
) -> tuple[Memory, Callable[[Line, int], Line]]:
    """The memory with one more count, and what that count makes of the line.

    The share of no-shows is that of the last three counts, holes left out; the gate gets both back over as long as
    passed since the run before.
    """
    real = claimed + no_shows
    counts = (*memory.counts, (no_shows, real))[-3:] if real else memory.counts
    within = max(1 * SECOND, min(t - memory.run_at, 10 * 60 * SECOND))
    return replace(memory, counts=counts), lambda line, now: line.count_to(
        now, due, no_shows, synthetic, within, holes=holes, share=share(counts)
    )


def share(counts: Sequence[tuple[int, int]]) -> int:
    """How many of a thousand real positions were no-shows, by (no-shows, real positions) of some counts."""
    return 1_000 * sum(missed for missed, _ in counts) // max(1, sum(real for _, real in counts))


def is_idle(memory: Memory, line: Line) -> bool:
    """Whether nobody can have come in since the last run, so that nothing needs reading.

    That is an empty line all of which is counted, now as well as a run ago; and one that nobody has written since a run
    at which its lease was long over, because whoever polls it writes it. So it costs nothing to leave a queue idle.
    """
    over = line.alive_at + line.lease + BUCKET
    counted_whole = memory.admitted == line.counted and line.tail == line.counted_to
    return counted_whole or (memory.seen == line.version and memory.run_at >= over)


def forgotten(memory: Memory, line: Line, t: int) -> Memory:
    """The memory of a line that was reset at `t`: one closing, of all there was, stands for those before it.

    By that it is still noticed who was let in and never joined the game.
    """
    stays = memory.stays.forgotten(line.tail - line.synthetic)
    return replace(memory, samples=(), expiries=((t, line.tail),), counts=(), stays=stays)


def came_through(memory: Memory, counters: Mapping[int, tuple[int, bool]], t: int) -> Memory:
    """The memory with the buckets that ended since the last run: who came in, and when the valve was full.

    `counters`: start of a bucket, ms -> how many came in, and whether somebody was turned away.
    """
    ended = {start: each for start, each in counters.items() if memory.buckets_to <= start < bucket(t)}
    by_minute = Counter[int]()
    for start, (count, _) in ended.items():
        by_minute[start // MINUTE] += count
    return replace(
        memory,
        full=memory.full + sum(BUCKET for _, full in ended.values() if full),
        admitted=memory.admitted + by_minute.total(),
        buckets_to=max(bucket(t), min(memory.buckets_to, bucket(t) + BUCKET)),  # a clock may be a bit behind
        stays=memory.stays.admitted(by_minute),
    )


def unused_due(memory: Memory, line: Line, t: int, admission: int) -> int:
    """Up to where admissions are over for so long that who has not joined the game by then never will."""
    old = [to for at, to in memory.expiries if at <= t - ADMITTING - admission - UNUSED]
    return max(memory.unused_to, min(max(old, default=0), line.counted_to, memory.unused_to + COUNTED_A_MINUTE))


def looked(memory: Memory, line: Line, due: int) -> Memory:
    """The memory when unused admissions have been looked for up to `due`: expiries that nothing waits for go."""
    kept = tuple(pair for pair in memory.expiries if pair[1] > due or pair[1] > line.counted_to)
    return replace(memory, unused_to=max(memory.unused_to, due), expiries=kept)


def are_few(claimed: int, real: int) -> bool:
    """Whether suspiciously few of so many counted real positions were claimed."""
    return real >= 100 and claimed < FEW * real


def is_short(line: Line, t: int, through: Mapping[int, int], *, synthetic: bool) -> bool:
    """Whether real players wait, may enter, and far fewer of those come through who are asked for.

    `synthetic`: whether the next one is a synthetic player, who never comes through.
    """
    may_enter = bool(line.waiting(t)) and not synthetic and line.reached(t) < line.limit
    return may_enter and achieved(through, t) < ALARMING * asked(line, t) / 1_000
