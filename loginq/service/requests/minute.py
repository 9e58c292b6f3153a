"""What is done for the line each minute, without anybody asking: its lease, its expiring, its recount."""

from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import replace

from loginq.service.requests.counting import count, free_unused
from loginq.service.requests.departures import absorb, fold
from loginq.service.requests.keeping import keep, unkept
from loginq.service.rules import outlook
from loginq.service.rules.line import Line
from loginq.service.rules.measure import MOST_BUCKETS, achieved, asked, counts
from loginq.service.rules.minute import (
    Memory,
    Settled,
    are_few,
    behind,
    came_through,
    countable,
    counted,
    expiring,
    is_idle,
    is_short,
    noted,
)
from loginq.service.rules.outlook import booked, expected, is_off, is_wanted, promise
from loginq.service.rules.tally import tallied
from loginq.service.rules.times import HOUR, MINUTE, SECOND
from loginq.service.rules.valve import BUCKET, bucket
from loginq.service.store.queue import Queue


def settle(queue: Queue) -> Settled:
    """One run. Two at once, or a crash between any two lines, count nothing twice and nothing wrong."""
    line = queue.lines.read()
    last = queue.settlement.read()
    line, memory = _renew_for_synthetic(queue, line, last)
    renewed = memory is not last
    looked_at = queue.clock()
    counters = _counters(queue, line, memory, looked_at)
    memory = came_through(memory, counters, looked_at)
    if counters:
        line = _fold(queue, memory)
    line, memory = _expire(queue, line, memory)
    t = queue.clock()
    memory = unkept(queue, line, noted(memory, line, t))
    before = line
    line, memory, few = _count(queue, line, memory, countable(memory, line, t))
    memory, unused = free_unused(queue, memory, line, t)
    if line.counted_to == line.tail and not counters.get(bucket(t), (0, False))[0]:
        memory = replace(memory, admitted=line.counted)  # nobody is in between: the rows say it better
    through = {start: count for start, (count, _) in counters.items()}
    came_in, players = achieved(through, t), counts(line, looked_at, memory.admitted, memory.buckets_to, through)
    if counters or line.version != last.seen:
        line, memory = _learn(queue, line, memory, players.in_game, t)
    memory = replace(memory, run_at=t, seen=line.version, tail=line.tail, tail_at=t)
    keep(queue, t, line, last, memory, players, came_in)
    return Settled(
        renewed=renewed,
        expired_to=line.expired_to,
        counted_to=line.counted_to,
        no_shows=line.no_shows - before.no_shows,
        holes=line.holes - before.holes,
        few_claims=few,
        unused=unused,
        waiting=line.waiting(t),
        asked_per_second=asked(line, t) / 1_000,
        achieved_per_second=round(came_in, 3),
        short=is_short(line, t, through, synthetic=renewed),
        silent_servers=sum(each.is_missed(t) for each in queue.servers.every()) if queue.rules.by_counts else None,
        behind_seconds=behind(memory, line) // SECOND,
    )


def _learn(queue: Queue, line: Line, memory: Memory, in_game: int, t: int) -> tuple[Line, Memory]:
    """Book who left since the last run, and say what that makes of the waiting times."""
    with _estimating(queue):
        if queue.rules.by_counts:
            memory = outlook.counted(memory, line, in_game, t)
        else:
            memory = booked(memory, line, queue.leavings.by_minute(), t)
        if (news := expected(memory, line, queue.rules, t)) is not None:
            line = queue.lines.change(lambda fresh, now: fresh.expect(now, *news))
        line, memory = _promise(queue, line, memory)
    return line, memory


def promise_anew(queue: Queue) -> None:
    """Tell other waiting times at once where so much has changed that nobody should hear the old ones for a minute."""
    with _estimating(queue):
        line = queue.lines.cached()
        if is_off(line, queue.clock()):
            _promise(queue, line, queue.settlement.read())


@contextmanager
def _estimating(queue: Queue) -> Iterator[None]:
    """What is estimated lets nobody in, so whatever fails in it stops neither settling nor a report."""
    try:
        yield
    except Exception as exc:  # noqa: BLE001 - the edge of all that is estimated
        queue.log("waiting_times_failed", reason=f"{type(exc).__name__}: {exc}")


def _promise(queue: Queue, line: Line, memory: Memory) -> tuple[Line, Memory]:
    """Publish when those are reached for whom a full game has no place yet, as far as that is known."""
    memory, curve = promise(memory, line, queue.rules, queue.clock()) if is_wanted(line) else (memory, None)
    if curve == line.curve:
        return line, memory
    return queue.lines.change(lambda fresh, t: fresh.publish(t, curve)), memory


def _renew_for_synthetic(queue: Queue, line: Line, memory: Memory) -> tuple[Line, Memory]:
    """Keep the lease alive while the next position is a synthetic player, who never polls; another memory says so.

    Real players renew it by polling, so a line whose next player is real is left alone: if nobody polls, nobody could
    come through.
    """
    if line.paused or not line.waiting(queue.clock()):
        return line, memory
    place = next(queue.rosters.places(line.reached(queue.clock()) + 1, line.tail), None)
    if place is None or not place.synthetic:
        return line, memory
    queue.lines.change(lambda fresh, t: None if fresh.paused else fresh.renew(t))
    line = queue.lines.read()
    return line, replace(memory, synthetic_to=line.tail)


def _counters(queue: Queue, line: Line, memory: Memory, t: int) -> dict[int, tuple[int, bool]]:
    """The valve's counters since the last run, at least those of a minute; none where nobody can have come in."""
    if is_idle(memory, line):
        return {}
    back = min(max(bucket(t) - memory.buckets_to, MINUTE) // BUCKET, MOST_BUCKETS - 1)
    return queue.valve.counters(line, t, back + 1)


def _fold(queue: Queue, memory: Memory) -> Line:
    """The line with who has left; once an hour it takes over for good what was counted a day ago."""
    line = fold(queue)
    if queue.clock() // HOUR > memory.run_at // HOUR and not queue.rules.by_counts:
        absorb(queue)
    return line


def _expire(queue: Queue, line: Line, memory: Memory) -> tuple[Line, Memory]:
    """Expire the positions whose claim window is over."""
    memory, to = expiring(memory, line, queue.clock(), queue.rules.claim_window)
    if to <= line.expired_to:
        return line, memory
    return queue.lines.change(lambda fresh, t: fresh.expire_to(t, to) if to > fresh.expired_to else None), memory


def _count(queue: Queue, line: Line, memory: Memory, due: int) -> tuple[Line, Memory, bool]:
    """Count the closed positions up to `due` from their rows; the last is whether few of them were claimed."""
    if due <= line.counted_to:
        return line, memory, False
    first = line.counted_to + 1
    found = count(queue, first, due)
    claimed, no_shows = found.claimed, found.no_shows
    memory, change = counted(memory, found.to, no_shows, claimed, found.synthetic, queue.clock(), found.holes)
    tally = tallied(found.came, first, found.to, claimed, memory.order)
    if claimed:  # before the line takes the count
        queue.settlement.write(replace(memory, tallies=(*memory.tallies, tally)))
    mine = False

    def counting(fresh: Line, t: int) -> Line | None:
        nonlocal mine
        mine = fresh.counted_to == first - 1
        return change(fresh, t) if mine else None

    line = queue.lines.change(counting)
    tallies = (*memory.tallies, tally) if claimed and mine else memory.tallies
    return line, replace(memory, tallies=tallies, order=tally.order), are_few(claimed, claimed + no_shows)
