"""The whole queue on a virtual clock: the production line, polling rule and valve, with players, Lambdas and outages.

It is where the system is shown to keep its promises, in seconds and without AWS. What AWS does is modelled (an intake
that is drained in batches, warm Lambdas with caches and clocks of their own); what loginq decides is the real code.
A player may stand for a cohort of many who press Login together and are polled as the one in their middle is.
"""

import heapq
from bisect import bisect_right
from collections import Counter
from dataclasses import dataclass, field, replace
from functools import partial
from itertools import count
from random import Random

from loginq.rehearsal.edge import Edge
from loginq.rehearsal.scenario import QUEUED, Change, Played, Scenario, Visitor
from loginq.rehearsal.servers import Servers
from loginq.rehearsal.world import World
from loginq.service.rules import minute, valve
from loginq.service.rules.line import Line
from loginq.service.rules.login import Step, decide, next_poll
from loginq.service.rules.measure import MOST_BUCKETS
from loginq.service.rules.minute import Memory
from loginq.service.rules.outlook import booked, expected, is_off, is_wanted, promise
from loginq.service.rules.polling import renewal_due
from loginq.service.rules.times import MINUTE, SECOND

RETRY = 2 * SECOND, 10 * SECOND
"""A client that meets an error asks again within this span, ms."""


@dataclass(slots=True)
class _Lambda:
    """A warm Lambda: how far its clock is off, and the line it believes."""

    skew: int
    line: Line
    read_at: int


@dataclass(slots=True)
class _World(World):
    """The queue, too.

    Args:
        came: how many came in, by the start of the valve's bucket, ms: totals, as the valve's counters have them.
        full: the buckets in which the valve turned somebody away.
    """

    lambdas: list[_Lambda] = field(default_factory=list)
    intake: list[Visitor] = field(default_factory=list)
    placed: list[Visitor] = field(default_factory=list)
    starts: list[int] = field(default_factory=list)
    memory: Memory = field(default_factory=Memory)
    came: Counter[int] = field(default_factory=Counter)
    full: set[int] = field(default_factory=set)
    expected: int = 0
    servers: Servers = field(init=False)
    edge: Edge = field(init=False)

    def __post_init__(self) -> None:
        self.servers = Servers(self)
        self.edge = Edge(self, self.poll, self.origin, self.live)

    @property
    def left(self) -> Counter[int]:
        """How many have left, as far as that is reported, by the minute of their admission: totals."""
        return self.servers.left

    # What happens

    def operate(self, change: Change, t: int) -> None:
        self.write(t, change, t)

    def arrive(self, player: Visitor, t: int) -> None:
        if self.down(t):
            self.outcome.in_vain += player.arrival.count
            self.at(t + self.random.randint(*RETRY), partial(self.arrive, player))
            return
        if not self.intake:
            self.at(t + self.scenario.window, self.place)
        self.intake.append(player)
        if not player.arrival.synthetic:
            self.at(t + self.random.randint(1 * SECOND, 2 * SECOND), partial(self.poll, player))

    def place(self, t: int) -> None:
        """One batch of the intake into the line; what does not fit follows at once."""
        if self.down(t):
            self.at(t + 1 * SECOND, self.place)
            return
        taken = cohorts = 0
        while cohorts < len(self.intake) and taken < self.scenario.batch:
            taken += self.intake[cohorts].arrival.count
            cohorts += 1
        batch, self.intake = self.intake[:cohorts], self.intake[cohorts:]
        first, clock = self.line.tail + 1, self.clock(t)
        self.write(t, lambda line, now: line.join(now, taken), clock)
        self.outcome.batches += -(-taken // self.scenario.batch)
        for player in batch:
            player.first, player.placed_at = first, t
            position = first + (player.arrival.count - 1) // 2
            wait = self.line.wait(position, clock)
            player.row = replace(QUEUED, position=position, eta_at=None if wait is None else clock + wait)
            self.placed.append(player)
            self.starts.append(first)
            first += player.arrival.count
            if player.arrival.silent or player.arrival.synthetic:
                self.expected -= 1
        if self.intake:
            self.at(t + 20, self.place)

    def poll(self, player: Visitor, t: int) -> None:
        """One status call, answered by some Lambda; then the next one is due when it said so."""
        scenario = self.scenario
        if player.arrival.silent and player.position is not None:
            return
        if self.down(t) or self.is_in(scenario.status_outages, t):
            self.outcome.in_vain += player.arrival.count
            self.at(t + self.random.randint(*RETRY), partial(self.poll, player))
            return
        player.polls += 1
        warm = self.random.choice(self.lambdas)
        line = self.believed(warm, player.position, t)
        clock = t + self.random.randint(0, scenario.lag) + warm.skew
        step = decide(player.row, line, clock, 0)
        if step is Step.OVER:
            player.expired = True
            self.expected -= 1
            return
        if player.position is not None and (renewed := self.renew(warm, line, clock, t)) is not line:
            line, step = renewed, decide(player.row, renewed, clock, 0)
        if step is Step.ENTER:
            if self.take(line, clock, player.arrival.count):
                self.enter(player, t)
                return
            self.outcome.turned_away += 1
        player.told.add(t, None if player.position is None else line.wait(player.position, clock))
        after = next_poll(player.row, line, clock, scenario.rules.claim_window, self.random)
        self.edge.wait(player, t, after)

    def origin(self, t: int) -> tuple[Line, int]:
        """What the public line is computed from, somewhere: a line, and a clock."""
        warm = self.random.choice(self.lambdas)
        return self.believed(warm, None, t), t + warm.skew

    def live(self, t: int) -> None:
        """A status call of one of many who wait, of which only the sign of life counts."""
        if not self.down(t) and not self.is_in(self.scenario.status_outages, t):
            self.outcome.signs += 1
            warm = self.random.choice(self.lambdas)
            self.renew(warm, self.believed(warm, None, t), t + warm.skew, t)

    def believed(self, warm: _Lambda, position: int | None, t: int) -> Line:
        if not warm.line.will_do(t - warm.read_at, position):
            warm.line, warm.read_at = self.line, t
        return warm.line

    def renew(self, warm: _Lambda, line: Line, clock: int, t: int) -> Line:
        if not renewal_due(line, clock, self.random):
            return line
        if self.line.is_stale(clock):
            self.write(t, Line.renew, clock)
        warm.line, warm.read_at = self.line, t
        return self.line

    def take(self, line: Line, clock: int, count: int) -> bool:
        """Whether the valve lets `count` in, who spread over its shards."""
        shards, limit = valve.shards(line, clock), valve.limit(line, clock)
        chosen = [self.random.randrange(shards) for _ in range(min(count, shards))]
        each = -(-count // len(chosen))
        counters = [(valve.bucket(clock), shard) for shard in chosen]
        if any(self.outcome.valve[counter] >= limit for counter in counters):
            self.full.add(valve.bucket(clock))
            return False
        for counter in counters:
            self.outcome.valve[counter] += each
        self.came[valve.bucket(clock)] += count
        return True

    def enter(self, player: Visitor, t: int) -> None:
        player.admitted_at = t
        self.expected -= 1
        self.servers.enter(player.arrival.count, t)

    def settle(self, t: int) -> None:
        """What `settle_line` does each minute, by the same rules: the lease, the expiring, the count."""
        self.at(t + 1 * MINUTE, self.settle)
        if self.down(t):
            return
        clock = self.clock(t)
        following = self.holder(self.line.reached(clock) + 1)
        if following is not None and following.arrival.synthetic and not self.line.paused:
            self.write(t, Line.renew, clock)
            self.memory = replace(self.memory, synthetic_to=self.line.tail)
        counters = self.counters(clock)
        memory = minute.came_through(self.memory, counters, clock)
        memory, expired_to = minute.expiring(memory, self.line, clock, self.scenario.rules.claim_window)
        if expired_to > self.line.expired_to:
            self.write(t, lambda line, now: line.expire_to(now, expired_to), clock)
        memory = minute.noted(memory, self.line, clock)
        due = minute.countable(memory, self.line, clock)
        if (takes := minute.counting(due, self.line)) > 0:
            self.at(t + takes, partial(self.settled, memory, due, clock))
        else:
            self.settled(memory, due, clock, t)

    def settled(self, memory: Memory, due: int, clock: int, t: int) -> None:
        """The rest of a run that began at `clock`, once it has read the rows up to `due`."""
        if self.down(t):
            return
        now = clock + minute.counting(due, self.line)
        if due > self.line.counted_to:
            memory = self.recount(memory, due, t, now)
        if self.line.counted_to == self.line.tail and not self.came[valve.bucket(clock)]:
            memory = replace(memory, admitted=self.line.counted)
        memory = booked(memory, self.line, self.left, clock)
        if (news := expected(memory, self.line, self.scenario.rules, clock)) is not None:
            self.write(t, lambda line, now: line.expect(now, *news), now)
        self.memory = self.outcome.memory = replace(self.promise(memory, t, now), run_at=clock)
        self.memory = replace(self.memory, tail=self.line.tail, tail_at=clock)
        self.outcome.settled.append((clock, self.line, sum(player.arrival.count for player in self.intake)))

    def promise(self, memory: Memory, t: int, clock: int) -> Memory:
        """What those are told for whom a full game has no place yet."""
        if is_wanted(self.line):
            memory, curve = promise(memory, self.line, self.scenario.rules, clock)
            World.write(self, t, lambda line, now: line.publish(now, curve), clock)
        return memory

    def write(self, t: int, change: Change, clock: int) -> None:
        """Make another line of this one; where that makes much more room, or less, everybody is told at once."""
        World.write(self, t, change, clock)
        if is_off(self.line, clock):
            self.promise(self.memory, t, clock)

    def counters(self, t: int) -> dict[int, tuple[int, bool]]:
        """How many came in, and whether somebody was turned away, since the last run, as far as that is looked up."""
        now = valve.bucket(t)
        back = min(max(now - self.memory.buckets_to, MINUTE), (MOST_BUCKETS - 1) * valve.BUCKET)
        return {start: (self.came[start], start in self.full) for start in range(now - back, now + 1, valve.BUCKET)}

    def recount(self, memory: Memory, due: int, t: int, clock: int) -> Memory:
        """How many of the positions that are closed were claimed; a cohort that is cut in two counts by its parts."""
        first = self.line.counted_to + 1
        claimed = synthetic = 0
        at = max(0, bisect_right(self.starts, first) - 1)
        for player in self.placed[at:]:
            if player.first > due:
                break
            here = min(player.first + player.arrival.count - 1, due) - max(player.first, first) + 1
            synthetic += here * player.arrival.synthetic
            claimed += here * (player.admitted_at is not None)
        no_shows = due - self.line.counted_to - claimed - synthetic
        memory, count = minute.counted(memory, due, no_shows, claimed, synthetic, clock)
        self.write(t, count, clock)
        return memory

    def holder(self, position: int) -> Visitor | None:
        """Who has a position; None for nobody."""
        at = bisect_right(self.starts, position) - 1
        return self.placed[at] if at >= 0 and position <= self.line.tail else None


def simulate(scenario: Scenario, most: int | None = None) -> Played:
    """Play a scenario to its end; the same seed gives the same outcome.

    Args:
        most: arrivals, polls and the like after which it is cut off; None for no such limit.
    """
    random = Random(scenario.seed)  # noqa: S311 - a simulation
    players = [Visitor(arrival) for arrival in scenario.arrivals]
    skews = [random.randint(-scenario.skew, scenario.skew) for _ in range(scenario.lambdas)]
    start = scenario.line.anchored_at
    world = _World(
        scenario,
        random,
        scenario.line,
        Played(players, [(start, scenario.line)], Counter()),
        lambdas=[_Lambda(skew, scenario.line, start) for skew in skews],
        expected=len(players),
    )
    for player in players:
        world.at(start + player.arrival.at, partial(world.arrive, player))
    for at, change in scenario.changes:
        world.at(start + at, partial(world.operate, change))
    world.at(start + 1 * MINUTE, world.settle)
    world.outcome.ended = start
    for played in count():
        if not world.agenda or world.agenda[0][0] > start + scenario.until or (scenario.ends and not world.expected):
            break
        if played == most:
            world.outcome.cut = True
            break
        t, _, action = heapq.heappop(world.agenda)
        action(t)
        world.outcome.ended = t
    return world.outcome
