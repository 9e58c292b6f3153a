"""What is done for the line each minute, without anybody asking: its lease, its closing, its recount.

A reached position stays claimable for the claim window, then it is closed; a while later, when no call can still admit
at it, it is counted from its row. What was never claimed is a no-show, or a hole where a lost race or a crash took it:
both free their place, and the gate gets them back, but only no-shows say something about players. Nothing here is
counted by adding events up, so nothing has to be remembered exactly once but `counted_to`, which stands in the line
itself, beside the counts that follow from it.
"""

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field, replace
from typing import Any, Self

from loginq.service.departures import absorb, depart, fold
from loginq.service.leavings import TOGETHER
from loginq.service.queue import Queue
from loginq.service.rosters import Place
from loginq.service.rules.errors import ConditionFailed
from loginq.service.rules.line import Line
from loginq.service.rules.player import Player
from loginq.service.rules.times import HOUR, MINUTE, SECOND
from loginq.service.rules.valve import BUCKET, bucket
from loginq.service.table import Row, chunks

ADMITTING = 7 * SECOND
"""How long after a closing somebody may still admit below it: a cached line (1 s), a running call (5 s), a bit."""
AT_ONCE, AT_A_TIME = 50_000, 1_000
"""Positions counted in one run, and looked at together."""
APART = 1 * SECOND
"""How far the clocks of two functions may be apart, ms: far less than the cool-down before a newer ticket."""
FEW = 0.2
"""Fewer claims than this share of a hundred positions or more are worth an alarm."""
SHORT = 0.5
"""Fewer than this share of the asked rate coming through while real players wait is worth an alarm."""
WRAP_UP = 15
"""Seconds that are left for writing down what was counted, when counting stops for want of time."""
_BUCKETS = 50


_PAIRS = ("samples", "closings", "counts")
_NUMBERS = ("full", "admitted", "buckets_to", "run_at", "unused_to", "seen")


@dataclass(frozen=True, slots=True)
class Memory:
    """What one run leaves for the next (row `SETTLEMENT`). If it is lost, windows are only longer.

    Args:
        samples: (the line's lived time less `full`, what was reached then), oldest first.
        closings: (when it was written, ms, up to where), oldest first.
        full: for how long the valve turned players away, ms: claim windows do not run then.
        admitted: how many were let in: through the valve, and by an operator.
        buckets_to: the buckets before this instant are in `full` and `admitted`, ms.
        run_at: when this was, ms.
        counts: (no-shows, real positions) of the last three counts.
        unused_to: up to where admissions that nobody used have been looked for.
        seen: the version of the line as the run left it.
        unknown: attributes of a newer version, kept as they are.
    """

    samples: tuple[tuple[int, int], ...] = ()
    closings: tuple[tuple[int, int], ...] = ()
    counts: tuple[tuple[int, int], ...] = ()
    full: int = 0
    admitted: int = 0
    buckets_to: int = 0
    run_at: int = 0
    unused_to: int = 0
    seen: int = 0
    unknown: Mapping[str, Any] = field(default_factory=dict, hash=False)

    @classmethod
    def from_row(cls, row: Row) -> Self:
        """The memory of a row."""
        samples, closings, counts = (tuple((a, b) for a, b in row.get(name, ())) for name in _PAIRS)
        numbers = {name: row[name] for name in _NUMBERS if name in row}
        unknown = {name: value for name, value in row.items() if name not in ("PK", "SK", *_PAIRS, *_NUMBERS)}
        return replace(cls(samples, closings, counts), **numbers, unknown=unknown)

    def to_row(self) -> Row:
        """Without its keys."""
        return {
            **self.unknown,
            **{name: [list(pair) for pair in getattr(self, name)] for name in _PAIRS},
            **{name: getattr(self, name) for name in _NUMBERS},
        }


@dataclass(frozen=True, slots=True)
class Settled:
    """What one run did."""

    renewed: bool
    closed_to: int
    counted_to: int
    no_shows: int
    holes: int
    few_claims: bool
    unused: int
    waiting: int
    asked_per_second: float
    achieved_per_second: float
    """What came through the valve in the last whole minute."""
    short: bool
    """Whether real players wait, may enter, and fewer than half of those come through who are asked for."""


def settle(queue: Queue) -> Settled:
    """One run. Two at once, or a crash between any two lines, count nothing twice and nothing wrong."""
    line = queue.lines.read()
    memory = remembered(queue)
    renewed = _renew_for_synthetic(queue, line)
    line = queue.lines.read() if renewed else line
    counters = _counters(queue, line, memory)
    memory = _through_the_valve(memory, counters, queue.clock())
    if counters:
        line = fold(queue)
        if queue.clock() // HOUR > memory.run_at // HOUR:
            absorb(queue)
    memory, closed_to = closing(memory, line, queue.clock(), queue.rules.claim_window)
    if closed_to > line.closed_to:
        line = queue.lines.change(
            lambda fresh, t: fresh.close_to(t, closed_to) if closed_to > fresh.closed_to else None
        )
    t = queue.clock()
    memory = closed(memory, line, t)
    due = countable(memory, line, t)
    before = line
    few = False
    if due > line.counted_to:
        line, memory, few = _count(queue, line, memory, due)
    memory, unused = _free_unused(queue, memory, line, t)
    if line.counted_to == line.tail and not counters.get(bucket(t), (0, False))[0]:
        memory = replace(memory, admitted=line.counted)  # nobody is in between: the rows say it better
    queue.table.put(
        {**dict(zip(("PK", "SK"), _key(queue), strict=True)), **replace(memory, run_at=t, seen=line.version).to_row()}
    )
    asked = line.flow_at(t) / SECOND
    whole = range(bucket(t) - MINUTE, bucket(t), BUCKET)
    achieved = sum(counters[start][0] for start in whole if start in counters) * SECOND / MINUTE
    waiting = line.waiting(t)
    may_enter = bool(waiting) and not renewed and line.reached(t) < line.limit
    return Settled(
        renewed=renewed,
        closed_to=line.closed_to,
        counted_to=line.counted_to,
        no_shows=line.no_shows - before.no_shows,
        holes=line.holes - before.holes,
        few_claims=few,
        unused=unused,
        waiting=waiting,
        asked_per_second=asked,
        achieved_per_second=round(achieved, 3),
        short=may_enter and achieved < SHORT * asked,
    )


# What is decided, pure


def closing(memory: Memory, line: Line, t: int, window: int) -> tuple[Memory, int]:
    """The memory with what is seen at `t`, and up to where positions can be closed.

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


def closed(memory: Memory, line: Line, t: int) -> Memory:
    """The memory with the line's closing, if it is a new one, as of now: later than it was, never earlier."""
    known = max((to for _, to in memory.closings), default=0)
    if line.closed_to <= max(known, line.counted_to):
        return memory
    return replace(memory, closings=(*memory.closings, (t, line.closed_to)))


def countable(memory: Memory, line: Line, t: int) -> int:
    """Up to where nobody can admit any more, so that rows say who came."""
    due = max((to for at, to in memory.closings if at <= t - ADMITTING), default=0)
    return min(due, line.counted_to + AT_ONCE)


def counted(
    memory: Memory, due: int, no_shows: int, claimed: int, synthetic: int, t: int, holes: int = 0
) -> tuple[Memory, Callable[[Line, int], Line]]:
    """The memory with one more count, and what that count makes of the line.

    The share of no-shows is that of the last three counts, holes left out; the gate gets both back over as long as
    passed since the run before.
    """
    real = claimed + no_shows
    counts = (*memory.counts, (no_shows, real))[-3:] if real else memory.counts
    share = 1_000 * sum(missed for missed, _ in counts) // max(1, sum(all_ for _, all_ in counts))
    within = max(1 * SECOND, min(t - memory.run_at, 10 * 60 * SECOND))
    return replace(memory, counts=counts), lambda line, now: line.count_to(
        now, due, no_shows, synthetic, within, holes=holes, share=share
    )


# What is done


def remembered(queue: Queue) -> Memory:
    """What the last run left."""
    return Memory.from_row(queue.table.get(*_key(queue)) or {})


def _key(queue: Queue) -> tuple[str, str]:
    return f"QUEUE#{queue.name}", "SETTLEMENT"


def _renew_for_synthetic(queue: Queue, line: Line) -> bool:
    """Keep the lease alive while the next position is a synthetic player, who never polls.

    Real players renew it by polling, so a line whose next player is real is left alone: if nobody polls, nobody could
    come through.
    """
    if line.paused or not line.waiting(queue.clock()):
        return False
    place = next(queue.rosters.places(line.reached(queue.clock()) + 1, line.tail), None)
    if place is None or not place.synthetic:
        return False
    queue.lines.change(lambda fresh, t: None if fresh.paused else fresh.renew(t))
    return True


def _counters(queue: Queue, line: Line, memory: Memory) -> dict[int, tuple[int, bool]]:
    """The valve's counters since the last run, at least those of a minute; none where nobody can have come through.

    That is an empty line all of which is counted, now as well as a run ago; and one that nobody has written since a run
    at which its lease was long over, because whoever polls it writes it. So it costs nothing to leave a queue idle.
    """
    over = line.alive_at + line.lease + BUCKET
    if memory.admitted == line.counted and line.tail == line.counted_to:
        return {}
    if memory.seen == line.version and memory.run_at >= over:
        return {}
    t = queue.clock()
    back = min(max(bucket(t) - memory.buckets_to, MINUTE) // BUCKET, _BUCKETS - 1)
    return queue.valve.counters(line, t, back + 1)


def _through_the_valve(memory: Memory, counters: dict[int, tuple[int, bool]], t: int) -> Memory:
    """The memory with the buckets that ended since the last run: who came through, and when the valve was full."""
    ended = [each for start, each in counters.items() if memory.buckets_to <= start < bucket(t)]
    return replace(
        memory,
        full=memory.full + sum(BUCKET for _, full in ended if full),
        admitted=memory.admitted + sum(count for count, _ in ended),
        buckets_to=bucket(t),
    )


def _count(queue: Queue, line: Line, memory: Memory, due: int) -> tuple[Line, Memory, bool]:
    """Count the closed positions up to `due` from their rows; the last is whether few of them were claimed."""
    first = line.counted_to + 1
    claimed = synthetic = no_shows = 0
    places = list(queue.rosters.places(first, due))
    for start in range(0, len(places), AT_A_TIME):
        if start and queue.time_left() < WRAP_UP:  # the next run goes on from here
            due = places[start - 1].position
            break
        some = places[start : start + AT_A_TIME]
        rows = queue.players.get_all([place.sub for place in some if not place.synthetic])
        synthetic += sum(place.synthetic for place in some)
        claims = [_claimed(place, rows) for place in some if not place.synthetic]
        claimed += claims.count(True)
        no_shows += claims.count(False)
    holes = due - line.counted_to - claimed - synthetic - no_shows
    memory, count = counted(memory, due, no_shows, claimed, synthetic, queue.clock(), holes)
    real = claimed + no_shows
    few = real >= 100 and claimed < FEW * real
    return queue.lines.change(lambda fresh, t: count(fresh, t) if fresh.counted_to == first - 1 else None), memory, few


def _claimed(place: Place, rows: dict[str, Player]) -> bool | None:
    """Whether the player was let in at this position; None for a hole.

    That is one whose player still bears the ticket that was placed there, and has another position or none: somebody
    else's delivery was first, or the writer crashed. Any other ticket, or none, says that the player gave up.
    """
    player = rows.get(place.sub)
    if player is not None and player.has_claimed(place.position):
        return True
    if player is None or player.ticket is None or player.position == place.position:
        return False
    return None if place.at is not None and (player.issued_at or 0) <= place.at + APART else False


def _free_unused(queue: Queue, memory: Memory, line: Line, t: int) -> tuple[Memory, int]:
    """Count as departed who was let in and did not join the game until 60 s after the admission's end, once.

    Only where game servers say who joined. Leaving is written as of the admission, so that no grace follows it.
    """
    if not queue.rules.reports_joined:
        waiting = tuple(pair for pair in memory.closings if pair[1] > line.counted_to)
        return replace(memory, closings=waiting), 0
    old = [to for at, to in memory.closings if at <= t - ADMITTING - queue.rules.admission - 60 * SECOND]
    due = min(max(old, default=0), line.counted_to, memory.unused_to + AT_ONCE)
    unused = 0
    places = list(queue.rosters.places(memory.unused_to + 1, due)) if due > memory.unused_to else []
    for start in range(0, len(places), AT_A_TIME):
        if start and queue.time_left() < WRAP_UP:
            due = places[start - 1].position
            break
        some = places[start : start + AT_A_TIME]
        rows = queue.players.get_all([place.sub for place in some if not place.synthetic])
        idle = [player for place in some if (player := rows.get(place.sub)) and _is_unused(player, place, queue, t)]
        for few in chunks(idle, TOGETHER):
            unused += _leave(queue, few)
    kept = tuple(pair for pair in memory.closings if pair[1] > due or pair[1] > line.counted_to)
    return replace(memory, unused_to=max(memory.unused_to, due), closings=kept), unused


def _is_unused(player: Player, place: Place, queue: Queue, t: int) -> bool:
    over = (player.admitted_at or 0) + queue.rules.admission + 60 * SECOND
    return player.position == place.position and player.in_game() and player.joined_at is None and t >= over


def _leave(queue: Queue, players: Sequence[Player]) -> int:
    """All of them leave in one transaction; if one of them has joined meanwhile, the next run looks again."""
    admissions = [player.admitted_at or 0 for player in players]
    also = [queue.players.leaving(player, player.admitted_at or 0, unless_joined=True) for player in players]
    try:
        depart(queue, admissions, also)
    except ConditionFailed:
        return sum(_leave(queue, [player]) for player in players) if len(players) > 1 else 0
    return len(also)
