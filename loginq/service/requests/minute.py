"""What is done for the line each minute, without anybody asking: its lease, its expiring, its recount."""

from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from dataclasses import replace

from loginq.service.requests.departures import absorb, depart, fold
from loginq.service.requests.keeping import came, keep, unkept
from loginq.service.rules import outlook
from loginq.service.rules.errors import ConditionFailed
from loginq.service.rules.line import Line
from loginq.service.rules.measure import MOST_BUCKETS, achieved, asked, counts
from loginq.service.rules.minute import (
    UNUSED,
    Memory,
    Settled,
    are_few,
    came_through,
    countable,
    counted,
    expiring,
    is_idle,
    is_short,
    looked,
    noted,
    unused_due,
)
from loginq.service.rules.outlook import booked, expected, is_off, is_wanted, promise
from loginq.service.rules.player import Player
from loginq.service.rules.tally import Came, tallied
from loginq.service.rules.times import HOUR, MINUTE, SECOND
from loginq.service.rules.valve import BUCKET, bucket
from loginq.service.store.leavings import TOGETHER
from loginq.service.store.queue import Queue
from loginq.service.store.rosters import Place
from loginq.service.store.table import chunks

APART = 1 * SECOND
"""How far the clocks of two functions may be apart, ms: far less than the cool-down before a newer ticket."""
AT_A_TIME = 1_000
"""Positions looked at together."""
WRAP_UP = 15
"""Seconds that are left for writing down what was counted, when counting stops for want of time."""


def settle(queue: Queue) -> Settled:
    """One run. Two at once, or a crash between any two lines, count nothing twice and nothing wrong."""
    line = queue.lines.read()
    memory = last = queue.settlement.read()
    renewed = _renew_for_synthetic(queue, line)
    line = queue.lines.read() if renewed else line
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
    memory, unused = _free_unused(queue, memory, line, t)
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
    claimed = synthetic = no_shows = 0
    known = list[Came]()
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
        known += came(some, rows, APART)
    holes = due - line.counted_to - claimed - synthetic - no_shows
    memory, count = counted(memory, due, no_shows, claimed, synthetic, queue.clock(), holes)
    tally = tallied(known, first, due, claimed, memory.order)
    if claimed:  # before the line takes the count
        queue.settlement.write(replace(memory, tallies=(*memory.tallies, tally)))
    mine = False

    def change(fresh: Line, t: int) -> Line | None:
        nonlocal mine
        mine = fresh.counted_to == first - 1
        return count(fresh, t) if mine else None

    line = queue.lines.change(change)
    tallies = (*memory.tallies, tally) if claimed and mine else memory.tallies
    return line, replace(memory, tallies=tallies, order=tally.order), are_few(claimed, claimed + no_shows)


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
    if queue.rules.by_counts or not queue.rules.reports_joined:
        return looked(memory, line, line.counted_to), 0
    due = unused_due(memory, line, t, queue.rules.admission)
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
    return looked(memory, line, due), unused


def _is_unused(player: Player, place: Place, queue: Queue, t: int) -> bool:
    over = (player.admitted_at or 0) + queue.rules.admission + UNUSED
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
