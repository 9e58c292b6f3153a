"""The whole queue on a virtual clock: the production line, polling rule and valve, with players, Lambdas and outages.

It is where the system is shown to keep its promises, in seconds and without AWS. What AWS does is modelled (an intake
that is drained in batches, warm Lambdas with caches and clocks of their own); what loginq decides is the real code.
"""

import heapq
from collections import Counter
from collections.abc import Callable
from dataclasses import dataclass, field
from functools import partial
from itertools import count
from random import Random

from loginq.service import valve
from loginq.service.line import Line
from loginq.service.polling import poll_after, remaining, renewal_due
from loginq.service.times import MINUTE, SECOND

Change = Callable[[Line, int], Line]

CACHE, REFRESH = 1 * SECOND, 100
"""How long a warm Lambda believes its line, and how soon it reads again for a newcomer beyond its tail: ms."""
RETRY = 2 * SECOND, 10 * SECOND
"""A client that meets an error asks again within this span, ms."""


@dataclass(frozen=True, slots=True)
class Arrival:
    """Somebody presses Login at `at` ms; a synthetic player never polls, a silent one goes away once placed."""

    at: int
    synthetic: bool = False
    silent: bool = False


@dataclass(frozen=True, slots=True)
class Scenario:
    """What happens, in ms from the start.

    Args:
        line: at its start. arrivals: who comes. changes: what the operator does, by a right clock.
        outages: (from, until) in which neither API nor placing nor settling works.
        lambdas: how many warm Lambdas answer. skew: how far their clocks may be off, ms, each way.
        lag: the longest time a call takes between reading its line and its clock, ms.
        until: when it ends.
    """

    line: Line
    arrivals: tuple[Arrival, ...]
    until: int
    changes: tuple[tuple[int, Change], ...] = ()
    outages: tuple[tuple[int, int], ...] = ()
    lambdas: int = 8
    skew: int = 0
    lag: int = 0
    claim_window: int = 2 * MINUTE
    batch: int = 500
    seed: int = 0


@dataclass(slots=True)
class Player:
    """What became of one arrival; instants in ms, None for not (yet)."""

    arrival: Arrival
    position: int | None = None
    placed_at: int | None = None
    first_eta: int | None = None
    admitted_at: int | None = None
    polls: int = 0


@dataclass(slots=True)
class Outcome:
    """What was seen: every player, each line after each write with its instant, the valve's counters."""

    players: list[Player]
    lines: list[tuple[int, Line]]
    valve: Counter[tuple[int, int]]
    turned_away: int = 0

    def admitted(self) -> list[Player]:
        """Those who were let in, in the order in which they were."""
        inside = [player for player in self.players if player.admitted_at is not None]
        return sorted(inside, key=lambda player: player.admitted_at or 0)


@dataclass(slots=True)
class _Lambda:
    """A warm Lambda: how far its clock is off, and the line it believes."""

    skew: int
    line: Line
    read_at: int


@dataclass(slots=True)
class _World:
    scenario: Scenario
    random: Random
    line: Line
    outcome: Outcome
    lambdas: list[_Lambda]
    intake: list[Player] = field(default_factory=list)
    by_position: dict[int, Player] = field(default_factory=dict)
    agenda: list[tuple[int, int, Callable[[int], None]]] = field(default_factory=list)
    order: "count[int]" = field(default_factory=count)

    def at(self, t: int, action: Callable[[int], None]) -> None:
        heapq.heappush(self.agenda, (t, next(self.order), action))

    def down(self, t: int) -> bool:
        since = t - self.scenario.line.anchored_at
        return any(start <= since < end for start, end in self.scenario.outages)

    def clock(self, t: int) -> int:
        """A writer's clock, which is off like anybody's."""
        return t + self.random.randint(-self.scenario.skew, self.scenario.skew)

    def write(self, t: int, change: Change, clock: int) -> None:
        self.line = change(self.line, clock)
        self.outcome.lines.append((t, self.line))

    # What happens

    def operate(self, change: Change, t: int) -> None:
        self.write(t, change, t)

    def arrive(self, player: Player, t: int) -> None:
        if self.down(t):
            self.at(t + self.random.randint(*RETRY), partial(self.arrive, player))
            return
        if not self.intake:
            self.at(t + 1 * SECOND, self.place)
        self.intake.append(player)
        if not player.arrival.synthetic:
            self.at(t + self.random.randint(1 * SECOND, 2 * SECOND), partial(self.poll, player))

    def place(self, t: int) -> None:
        """One batch of the intake into the line; what does not fit follows at once."""
        if self.down(t):
            self.at(t + 1 * SECOND, self.place)
            return
        batch, self.intake = self.intake[: self.scenario.batch], self.intake[self.scenario.batch :]
        first, clock = self.line.tail + 1, self.clock(t)
        self.write(t, lambda line, now: line.join(now, len(batch)), clock)
        for player, position in zip(batch, range(first, self.line.tail + 1), strict=True):
            player.position, player.placed_at = position, t
            self.by_position[position] = player
            player.first_eta = self.line.eta(position, clock)
        if self.intake:
            self.at(t + 20, self.place)

    def poll(self, player: Player, t: int) -> None:
        """One status call, answered by some Lambda; then the next one is due when it said so."""
        scenario = self.scenario
        if player.arrival.silent and player.position is not None:
            return
        if self.down(t):
            self.at(t + self.random.randint(*RETRY), partial(self.poll, player))
            return
        player.polls += 1
        warm = self.random.choice(self.lambdas)
        line = self.believed(warm, player.position, t)
        clock = t + self.random.randint(0, scenario.lag) + warm.skew
        wait: int | None = 0
        if player.position is not None:
            line = self.renew(warm, line, clock, t)
            if player.position <= line.reached(clock) and not line.paused:
                if self.take(line, clock):
                    player.admitted_at = t
                    return
                self.outcome.turned_away += 1
            else:
                wait = remaining(line, player.position, clock)
        after = poll_after(wait, line.lease, scenario.claim_window, self.random)
        self.at(t + after, partial(self.poll, player))

    def believed(self, warm: _Lambda, position: int | None, t: int) -> Line:
        age = t - warm.read_at
        if age >= CACHE or (position is not None and position > warm.line.tail and age >= REFRESH):
            warm.line, warm.read_at = self.line, t
        return warm.line

    def renew(self, warm: _Lambda, line: Line, clock: int, t: int) -> Line:
        if not renewal_due(line, clock, self.random):
            return line
        if clock - self.line.alive_at > self.line.lease // 3:
            self.write(t, Line.renew, clock)
        warm.line, warm.read_at = self.line, t
        return self.line

    def take(self, line: Line, clock: int) -> bool:
        shard = self.random.randrange(valve.shards(line, clock))
        counter = (valve.bucket(clock), shard)
        if self.outcome.valve[counter] >= valve.limit(line, clock):
            return False
        self.outcome.valve[counter] += 1
        return True

    def settle(self, t: int) -> None:
        """What `settle_line` does each minute."""
        self.at(t + 1 * MINUTE, self.settle)
        if self.down(t) or self.line.paused:
            return
        clock = self.clock(t)
        following = self.by_position.get(self.line.reached(clock) + 1)
        if following is not None and following.arrival.synthetic:
            self.write(t, Line.renew, clock)


def simulate(scenario: Scenario) -> Outcome:
    """Play a scenario to its end; the same seed gives the same outcome."""
    random = Random(scenario.seed)  # noqa: S311 - a simulation
    players = [Player(arrival) for arrival in scenario.arrivals]
    skews = [random.randint(-scenario.skew, scenario.skew) for _ in range(scenario.lambdas)]
    start = scenario.line.anchored_at
    world = _World(
        scenario,
        random,
        scenario.line,
        Outcome(players, [(start, scenario.line)], Counter()),
        [_Lambda(skew, scenario.line, start) for skew in skews],
    )
    for player in players:
        world.at(start + player.arrival.at, partial(world.arrive, player))
    for at, change in scenario.changes:
        world.at(start + at, partial(world.operate, change))
    world.at(start + 1 * MINUTE, world.settle)
    while world.agenda and world.agenda[0][0] <= start + scenario.until:
        t, _, action = heapq.heappop(world.agenda)
        action(t)
    return world.outcome
