"""Closing and recounting on a virtual clock: every no-show once, the capacity kept, a crash between any two steps.

The world here is rows, rosters and a line in memory. What decides is the production code: the line,
`decide`, the closing and the count. Calls are modelled at their worst: a reader believes a line for a second, and its
admission is written up to five seconds after it has decided.
"""

from bisect import bisect_right
from collections import Counter
from dataclasses import dataclass, field, replace
from random import Random

import pytest
from hypothesis import given
from hypothesis import strategies as st

from loginq.service.requests.minute import settle
from loginq.service.rules.gate import MICRO
from loginq.service.rules.line import Line
from loginq.service.rules.login import Step, decide
from loginq.service.rules.minute import ADMITTING, Memory, countable, counted, expiring, noted
from loginq.service.rules.player import Player
from loginq.service.rules.times import HOUR, MINUTE, SECOND, iso
from loginq.service.store.keys import player as key
from loginq.service.store.queue import Queue
from loginq.service.store.rosters import Place
from tests import world as players
from tests.unit.histories import START, new_line

WINDOW, ADMISSION = 10 * SECOND, 5 * MINUTE


@dataclass
class Row:
    """One player: in the game from `admitted_at` until `left_at`."""

    position: int
    shows: bool
    synthetic: bool = False
    admitted_at: int | None = None
    left_at: int | None = None


@dataclass
class World:
    random: Random
    line: Line
    t: int = START
    rows: list[Row] = field(default_factory=list)
    memory: Memory = field(default_factory=Memory)
    seen: list[tuple[int, Line]] = field(default_factory=list)
    calls: list[tuple[int, Row]] = field(default_factory=list)
    """Admissions under way: (when written, for whom)."""
    overrun: int = 0
    returned: int = 0
    counted: Counter[int] = field(default_factory=Counter)

    def write(self, line: Line) -> None:
        self.line = line
        self.seen.append((self.t, line))

    def believed(self) -> Line:
        """Any line of the last second."""
        recent, before = self.since(1 * SECOND)
        return self.random.choice(recent if before is None else [*recent, before])

    def since(self, ms: int) -> tuple[list[Line], Line | None]:
        """The lines of the last `ms`, and the one that they began with."""
        first = bisect_right(self.seen, self.t - ms, key=lambda each: each[0])
        return [line for _, line in self.seen[first:]], self.seen[first - 1][1] if first else None

    def in_game(self) -> int:
        return sum(row.admitted_at is not None and row.left_at is None for row in self.rows if not row.synthetic)

    # What happens

    def pass_time(self, ms: int) -> None:
        end = self.t + ms
        for at, row in sorted((call for call in self.calls if call[0] <= end), key=lambda call: call[0]):
            self.t = at
            if row.admitted_at is None:
                row.admitted_at = at
                self.check_capacity()
        self.calls = [call for call in self.calls if call[0] > end]
        self.t = end

    def check_capacity(self) -> None:
        """Nobody new enters at or above the capacity as it stood since a second before the call began."""
        recent, before = self.since(6_100)
        limits = [line.capacity for line in (recent if before is None else [*recent, before])]
        if None not in limits:
            more = self.in_game() - max(c for c in limits if c is not None) - self.returned
            assert more <= 0 or more <= self.lowered()

    def lowered(self) -> int:
        """Who was let in under a higher capacity stays: what the highest one ever was, less what it may be now."""
        every = [line.capacity for _, line in self.seen if line.capacity is not None]
        unlimited = any(line.capacity is None for _, line in self.seen)
        return 10**9 if unlimited else max(every) - min(every) if every else 0

    def join(self, n: int, share: float, synthetic: bool = False) -> None:
        first = self.line.tail + 1
        self.write(self.line.join(self.t, n))
        for position in range(first, first + n):
            if self.random.random() < 0.05:
                continue  # a crash in placing: a hole
            self.rows.append(Row(position, self.random.random() >= share and not synthetic, synthetic))

    def poll(self) -> None:
        """Everybody who shows up asks; who is reached by what the reader believes is let in, sooner or later.

        Of those who are not reached, the first one asks for all behind him.
        """
        line = self.believed()
        reached = line.reached(self.t)
        if self.line.is_stale(self.t) and not self.line.paused:
            self.write(self.line.renew(self.t))
        for row in self.rows:
            if not row.shows or row.admitted_at is not None:
                continue
            player = Player("", ticket="", issued_at=0, sent_at=0, position=row.position)
            if decide(player, line, self.t, ADMISSION) is Step.ENTER:
                self.calls.append((self.t + self.random.randint(0, 5 * SECOND), row))
            if row.position > reached:
                return

    def leave(self, n: int) -> None:
        inside = [row for row in self.rows if row.admitted_at is not None and row.left_at is None][:n]
        if inside:
            self.write(self.line.leave(self.t, len(inside)))
            for row in inside:
                row.left_at = self.t

    def come_back(self, n: int) -> None:
        outside = [row for row in self.rows if row.left_at is not None][:n]
        if outside:
            self.write(self.line.leave(self.t, -len(outside)))
            self.returned += len(outside)
            for row in outside:
                row.left_at = None

    def settle(self, stop_after: int = 99) -> None:
        """One run of settling; the process is gone after that many steps."""
        memory, to = expiring(self.memory, self.line, self.t, WINDOW)
        if stop_after < 1:
            return
        if to > self.line.expired_to:
            self.write(self.line.expire_to(self.t, to))
        if stop_after < 2:
            return
        memory = noted(memory, self.line, self.t)
        due = countable(memory, self.line, self.t)
        if due > self.line.counted_to:
            memory = self.count(memory, due)
        if stop_after < 3:
            return
        self.memory = replace(memory, run_at=self.t)

    def count(self, memory: Memory, due: int) -> Memory:
        some = [row for row in self.rows if self.line.counted_to < row.position <= due]
        claimed = sum(row.admitted_at is not None for row in some if not row.synthetic)
        synthetic = sum(row.synthetic for row in some)
        for position in range(self.line.counted_to + 1, due + 1):
            self.counted[position] += 1
        no_shows = due - self.line.counted_to - claimed - synthetic
        memory, count = counted(memory, due, no_shows, claimed, synthetic, self.t)
        self.write(count(self.line, self.t))
        return memory

    def fill(self) -> None:
        """Whoever wants in comes until the game is full; places that nobody took are freed on the way.

        Each takes a claim window, so that hundreds of no-shows at a capacity of one take hours: it goes on, is enough.
        """
        self.write(self.line.resume(self.t))
        self.write(self.line.set_rate(self.t, 50_000))
        self.join(200, 0.0)
        idle, before = 0, (0, 0)
        for n in range(2_000):
            self.poll()
            self.pass_time(2 * SECOND)
            self.settle()
            if n > 10 and (self.line.capacity is None or self.in_game() >= self.line.capacity):
                return
            idle, before = (0 if before != (now := (self.line.counted_to, self.in_game())) else idle + 1), now
            assert idle * 2 * SECOND < 2 * (WINDOW + ADMITTING) + MINUTE, "the game does not fill"

    def quiet(self) -> None:
        """Everybody who wants in gets in, and settling runs until there is nothing left to count."""
        self.write(self.line.resume(self.t))
        self.write(self.line.set_capacity(self.t, None))
        self.write(self.line.set_rate(self.t, 500_000))
        for _ in range(400):
            self.poll()
            self.pass_time(2 * SECOND)
            self.settle()
            self.write(self.line.renew(self.t))
            if self.line.counted_to == self.line.tail and not self.calls:
                return


OPS = st.one_of(
    st.tuples(st.just("join"), st.integers(1, 80), st.sampled_from([0.0, 0.3, 1.0])),
    st.tuples(st.just("synthetic"), st.integers(1, 30)),
    st.tuples(st.just("poll")),
    st.tuples(st.just("poll")),
    st.tuples(st.just("leave"), st.integers(1, 20)),
    st.tuples(st.just("come_back"), st.integers(1, 5)),
    st.tuples(st.just("settle"), st.sampled_from([99, 99, 99, 0, 1, 2])),
    st.tuples(st.just("settle"), st.just(99)),
    st.tuples(st.just("rate"), st.integers(1_000, 60_000)),
    st.tuples(st.just("pause")),
    st.tuples(st.just("resume")),
    st.tuples(st.just("silence"), st.integers(1, 10 * MINUTE)),
)


def play(world: World, ops: list[tuple[object, ...]], waits: list[int]) -> None:
    for op, wait in zip(ops, waits, strict=False):
        world.pass_time(wait)
        name, *words = op
        if name == "join":
            world.join(*words)  # type: ignore[arg-type]
        elif name == "synthetic":
            world.join(words[0], 1.0, synthetic=True)  # type: ignore[arg-type]
        elif name == "rate":
            world.write(world.line.set_rate(world.t, words[0]))  # type: ignore[arg-type]
        elif name == "pause":
            world.write(world.line.pause(world.t))
        elif name == "resume":
            world.write(world.line.resume(world.t))
        elif name == "silence":
            world.pass_time(words[0])  # type: ignore[arg-type]
        else:
            getattr(world, str(name))(*words)


@pytest.fixture
def due() -> World:
    """Ten who show up, all of them reached, nobody has asked yet."""
    world = World(Random(1), replace(new_line(), lease=HOUR))
    world.join(10, 0.0)
    world.pass_time(10 * SECOND)
    assert world.line.reached(world.t) == 10
    return world


def test_a_paused_world_admits_nobody_and_a_moving_one_does(due: World) -> None:
    due.write(due.line.pause(due.t))
    due.pass_time(2 * SECOND)
    due.poll()
    assert not due.calls
    due.write(due.line.resume(due.t))
    due.pass_time(2 * SECOND)
    due.poll()
    assert due.calls


def test_who_comes_after_the_position_has_expired_is_not_let_in(due: World) -> None:
    due.write(due.line.expire_to(due.t, 9))
    due.pass_time(2 * SECOND)
    due.poll()
    assert [row.position for _, row in due.calls] == [row.position for row in due.rows if row.position > 9]


@given(
    st.lists(OPS, min_size=5, max_size=60),
    st.lists(st.integers(0, 8_000), min_size=60, max_size=60),
    st.one_of(st.none(), st.integers(1, 60)),
    st.integers(0, 2**32),
)
def test_every_no_show_is_counted_once_and_the_capacity_is_kept(
    ops: list[tuple[object, ...]], waits: list[int], capacity: int | None, seed: int
) -> None:
    world = World(Random(seed), replace(new_line(), lease=5 * SECOND).set_capacity(START, capacity))
    world.seen.append((START, world.line))
    play(world, ops, waits)
    world.fill()
    world.quiet()
    assert set(world.counted) == set(range(1, world.line.tail + 1))
    assert set(world.counted.values()) <= {1}
    real = [row for row in world.rows if not row.synthetic]
    claimed = sum(row.admitted_at is not None for row in real)
    synthetic = sum(row.synthetic for row in world.rows)
    line = world.line
    assert (line.counted, line.synthetic) == (claimed, synthetic)
    assert line.no_shows == line.tail - claimed - synthetic
    assert line.counted - (line.departed - line.synthetic) == world.in_game()


@given(st.lists(OPS, min_size=5, max_size=60), st.lists(st.integers(0, 8_000), min_size=60, max_size=60), st.integers())
def test_a_refund_is_never_more_than_the_rate_again_nor_than_what_was_missed(
    ops: list[tuple[object, ...]], waits: list[int], seed: int
) -> None:
    world = World(Random(seed), replace(new_line(), lease=5 * SECOND))
    world.seen.append((START, world.line))
    play(world, ops, waits)
    for (start, line), (end, _) in zip(world.seen, world.seen[1:], strict=False):
        asked = replace(line, refund_rate=0).moved(start, end)
        assert line.moved(start, end) <= 2 * asked
    missed = world.line.no_shows
    last_at, last = world.seen[-1]
    given_back = sum(
        line.moved(a, b) - replace(line, refund_rate=0).moved(a, b)
        for (a, line), (b, _) in zip(world.seen, world.seen[1:], strict=False)
        if b <= line.alive_at + line.lease
    )
    still = last.refund_rate * max(0, last.refund_until - last_at)
    assert still <= missed * MICRO + last.refund_rate
    assert given_back <= (missed + 1) * MICRO * 2


def test_a_pause_and_an_outage_freeze_the_claim_windows() -> None:
    line = replace(new_line(), lease=5 * SECOND).join(START, 100).renew(START + 4_000)
    memory, to = expiring(Memory(), line, START + 5_000, WINDOW)
    assert to == 0
    reached = line.reached(START + 5_000)
    paused = line.pause(START + 5_000)
    memory, to = expiring(memory, paused, START + 60 * MINUTE, WINDOW)
    assert to == 0
    back = paused.resume(START + 60 * MINUTE)
    memory, to = expiring(memory, back, START + 60 * MINUTE + 4_900, WINDOW)
    assert to == 0
    # Nobody polls: it lives for one lease, and then its clock stands.
    memory, to = expiring(memory, back, START + 120 * MINUTE, WINDOW)
    assert to == 0
    assert back.lived_at(START + 300 * MINUTE) == 10_000
    woken = back.renew(START + 300 * MINUTE)
    _, to = expiring(memory, woken, START + 300 * MINUTE + 5_000, WINDOW)
    assert to == reached


def test_a_full_valve_freezes_them_too() -> None:
    line = replace(new_line(), lease=60 * MINUTE).join(START, 1_000)
    memory, _ = expiring(Memory(), line, START + 5_000, WINDOW)
    full, to = expiring(replace(memory, full=10 * SECOND), line, START + 16_000, WINDOW)
    assert to == 0
    _, to = expiring(full, line, START + 25_000, WINDOW)
    assert to == line.reached(START + 5_000)


def test_nothing_is_counted_while_a_call_may_still_admit() -> None:
    line = new_line().join(START, 100).renew(START + 3_000).expire_to(START + 3_000, 40)
    memory = noted(Memory(), line, START + 3_000)
    assert countable(memory, line, START + 3_000 + ADMITTING - 1) == 0
    assert countable(memory, line, START + 3_000 + ADMITTING) == 40
    assert noted(memory, line, START + 99_000) == memory


@pytest.mark.parametrize("share", [0.3])
def test_those_who_never_come_are_made_up_for(share: float) -> None:
    """30 % never claim: from half a minute on as many really enter as were asked for, within a tenth."""
    world = World(Random(1), replace(new_line(10_000), lease=5 * SECOND))
    world.seen.append((START, world.line))
    world.join(2_250, share)
    for second in range(150):
        world.poll()
        if second % 5 == 0:
            world.settle()
        world.pass_time(1 * SECOND)
    times = [(row.admitted_at or 0) - START for row in world.rows if row.admitted_at is not None]
    for start in (30, 60, 80):
        entered = sum(start * SECOND <= t < (start + 60) * SECOND for t in times)
        assert abs(entered / 60 - 10) <= 1


def test_the_capacity_is_reached_behind_as_many_no_shows_and_kept() -> None:
    world = World(Random(1), replace(new_line(), lease=5 * SECOND).set_capacity(START, 100))
    world.seen.append((START, world.line))
    world.join(100, 1.0)
    world.join(400, 0.0)
    for second in range(180):
        world.poll()
        if second % 5 == 0:
            world.settle()
        world.pass_time(1 * SECOND)
    assert world.in_game() == 100
    world.leave(10)
    for second in range(60):
        world.poll()
        if second % 5 == 0:
            world.settle()
        world.pass_time(1 * SECOND)
        assert second < 8 or world.in_game() >= 98  # a reader's second, calls of up to five, and the holes
    assert world.in_game() == 100


# What one run says, on a table in memory


def reached(queue: Queue, positions: int, claimed: int = 0, synthetic: int = 0) -> None:
    """So many positions that are closed and not counted yet: first those that were claimed, last the synthetic ones."""
    subs = [Place(n, f"s{n}", n > positions - synthetic) for n in range(1, positions + 1)]
    queue.rosters.write(subs, queue.clock())
    for n in range(1, claimed + 1):
        write = {"loginTicket": "t", "queuePosition": n, "loginProcessedAt": iso(queue.clock())}
        queue.table.update(*key(f"s{n}"), write=write)
    queue.lines.change(lambda line, t: replace(line.join(t, positions), reached_to=positions, expired_to=positions))


@pytest.mark.parametrize(
    ("positions", "claimed", "synthetic", "few"),
    [(99, 0, 0, False), (100, 0, 0, True), (100, 19, 0, True), (100, 20, 0, False), (150, 0, 51, False)],
)
def test_few_claims_are_an_alarm_from_a_hundred_real_positions_on(
    world: players.World, positions: int, claimed: int, synthetic: int, few: bool
) -> None:
    reached(world.queue, positions, claimed, synthetic)
    assert not settle(world.queue).few_claims
    world.later(ADMITTING)
    done = settle(world.queue)
    assert (done.counted_to, done.few_claims) == (positions, few)
    world.later(ADMITTING)
    assert not settle(world.queue).few_claims


@pytest.mark.parametrize(("first", "short"), [("synthetic", False), ("real", True)])
def test_it_is_short_only_while_real_players_wait(world: players.World, first: str, short: bool) -> None:
    """A synthetic player never comes through the valve: a crowd of them in front is no reason for an alarm."""
    queue = world.queue
    queue.lines.change(lambda line, t: line.set_capacity(t, None).set_rate(t, 20_000).join(t, 5_000))
    queue.rosters.write([Place(n, f"s{n}", first == "synthetic") for n in range(1, 5_001)], world.now[0])
    world.later(30 * SECOND)
    done = settle(queue)
    assert (done.waiting, done.asked_per_second, done.achieved_per_second) == (4_400, 20.0, 0.0)
    assert (done.renewed, done.short) == (not short, short)


def test_it_is_not_short_when_nobody_may_enter_or_enough_do(world: players.World) -> None:
    queue = world.queue
    line = queue.lines.change(lambda line, t: line.set_capacity(t, 5).set_rate(t, 20_000).join(t, 5_000))
    world.later(30 * SECOND)
    assert not settle(queue).short
    line = queue.lines.change(lambda line, t: line.set_capacity(t, None).set_rate(t, 1_000))
    for bucket in range(6):
        for _ in range(5):
            assert queue.valve.take(line, world.now[0] + bucket * 10 * SECOND, queue.random)
    world.later(60 * SECOND)
    done = settle(queue)
    assert (done.asked_per_second, done.achieved_per_second, done.short) == (1.0, 0.5, False)


def test_the_bucket_that_has_only_begun_is_counted_once(world: players.World) -> None:
    """Settling runs in the middle of ten seconds, and again in the next: five came through, not ten."""
    queue = world.queue
    line = queue.lines.change(lambda line, t: line.join(t, 80))
    for _ in range(5):
        assert queue.valve.take(line, world.now[0], queue.random)
    for seconds in (1, 3, 7, 2):
        world.later(seconds * SECOND)
        settle(queue)
        assert world.counts() == (5, 5, 0, 0)


def test_the_share_of_no_shows_is_that_of_the_last_three_counts() -> None:
    """One odd minute does not decide what everybody is told to wait."""
    memory, shares = Memory(), []
    for no_shows, claimed in ((30, 70), (0, 100), (60, 240), (0, 0), (100, 0)):
        memory, change = counted(memory, 0, no_shows, claimed, synthetic=0, t=START)
        shares.append(change(new_line(), START).no_show_share)
    assert shares == [300, 150, 180, 180, 320]
