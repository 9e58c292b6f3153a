"""How true the waiting times of a full game are: `python -m tests.benchmarks.waiting [LAW…]`.

A launch on a virtual clock, by the production line, settling and promise, with one seat for each player; polls are not
played one by one: who waits looks once a minute, and whoever is reached comes within five seconds, or never.
"""

import heapq
import math
import os
import sys
from collections import Counter
from collections.abc import Iterator, Sequence
from concurrent.futures import ProcessPoolExecutor
from dataclasses import dataclass, field, replace
from random import Random
from typing import NamedTuple

from loginq.rehearsal.stays import Exponential, Law, LogNormal, Weibull
from loginq.service.rules import minute
from loginq.service.rules.line import Line
from loginq.service.rules.measure import percentile
from loginq.service.rules.minute import Memory
from loginq.service.rules.outlook import booked, expected, is_off, promise
from loginq.service.rules.scores import is_late
from loginq.service.rules.settings import Rules
from loginq.service.rules.times import MINUTE, SECOND
from loginq.service.rules.valve import bucket

START = 1_800_000_000_000 // MINUTE * MINUTE
COMES = 5 * SECOND
"""Within what time whoever is reached comes."""
EACH = 23
"""One in so many of those who wait is looked at each minute."""


class _LookingIn:
    """Three in ten look in for ten minutes, the others stay: by no law of the bank."""

    mean = 73.0

    def draw(self, random: Random) -> float:
        """The length of one stay, minutes."""
        return random.expovariate(1 / 10) if random.random() < 0.3 else LogNormal(100, 0.8).draw(random)


@dataclass(frozen=True)
class Crowd:
    """A launch: what is known of the game, and what it is really like."""

    law: Law
    """Of the length of stays, in minutes."""
    given: int
    """`MeanSessionMinutes`."""
    event: float = 0
    """The share of those in the game that leaves after `EVENT_AT`."""
    returners: float = 0
    delay: int = MINUTE
    """Within what time a leaving is reported, ms."""
    no_shows: float = 0.1
    capacity: int | None = 20_000


HEADER = (
    "| launch | first number | all polls | five minutes: first | polls | last wait: first | polls | polls after 80 min "
    "| moves an hour | put off | untold | first, worst seed |"
)
"""Error / late in percent: ours, of a rolling rate, of the last wait seen. Then ours alone: the error from five minutes
after the event on, moves over 30 s an hour, by how much nine in ten are put off at the worst, in minutes."""
EVENT_AT = 75 * MINUTE
CROWDS = {"60k": (60_000, 20 * MINUTE), "90k": (90_000, 60 * MINUTE)}
LAWS = {
    "exponential 75 min": Crowd(Exponential(75), 75),
    "log-normal 150 min, cv 1.5": Crowd(LogNormal(150, 1.5), 150),
    "log-normal 75 min, cv 0.5": Crowd(LogNormal(75, 0.5), 75),
    "exponential, 10 % leave at 75 min": Crowd(Exponential(75), 75, event=0.1),
    "Weibull 0.7": Crowd(Weibull(75, 0.7), 75),
    "short and long": Crowd(_LookingIn(), 75),
    "exponential, given twice": Crowd(Exponential(75), 150),
    "exponential, given half": Crowd(Exponential(75), 38),
    "30 % come back": Crowd(Exponential(75), 75, returners=0.3),
    "reports 5 min late": Crowd(Exponential(75), 75, delay=5 * MINUTE),
}
BENIGN = 4


class Seen(NamedTuple):
    """What one player was told at one instant: position, when, for how long, ms."""

    position: int
    at: int
    wait: float


@dataclass
class World:
    """One launch."""

    crowd: Crowd
    players: int
    within: int
    seed: int
    rate: int = 200
    rules: Rules = field(default_factory=Rules)
    positions: list[int] = field(default_factory=lambda: [0])
    reached_at: list[int] = field(default_factory=lambda: [0])
    came: list[bool] = field(default_factory=lambda: [False])
    firsts: dict[str, dict[int, Seen]] = field(default_factory=dict)
    polls: dict[str, list[Seen]] = field(default_factory=dict)
    told_from: int | None = None
    untold: int = 0

    def __post_init__(self) -> None:
        self.random = Random(self.seed)
        self.rules = replace(self.rules, mean_session=self.crowd.given * MINUTE)
        self.line = Line(
            anchored_at=START, alive_at=START, rate=self.rate * 1_000, burst=self.rate, capacity=self.crowd.capacity
        )
        self.memory = Memory(buckets_to=START)
        self.due = iter([*(START + at for at in _arrivals(self.players, self.within, self.random)), None])
        self.next = next(self.due)
        self.entering: list[tuple[int, int]] = []
        self.leaving: list[tuple[int, int, int]] = []
        self.coming_back: list[int] = []
        self.left, self.through = Counter[int](), Counter[int]()
        self.gone = self.reached = 0
        self.limits: list[tuple[int, int]] = []
        self.moves: list[float] = []
        self.promised: dict[int, float] = {}
        self.upward: dict[int, float] = {}
        self.lowest: dict[int, float] = {}
        self.known = set[int]()

    def play(self) -> None:
        """To the end: everybody is reached."""
        t = START
        while self.next is not None or self.line.waiting(t):
            t += SECOND
            self.line = self.line.renew(t) if t - self.line.alive_at > 30 * SECOND else self.line
            self.join(t)
            self.enter(t)
            self.leave(t)
            if not t % MINUTE:
                self.settle(t)
            elif is_off(self.line, t):
                self.publish(t)

    def join(self, t: int) -> None:
        count = 0
        while self.next is not None and self.next <= t:
            self.next, count = next(self.due), count + 1
        if not count:
            return
        first = self.line.tail + 1
        self.line = self.line.join(t, count)
        self.positions += [t] * count
        self.reached_at += [0] * count
        self.came += [False] * count
        if self.crowd.capacity is None or self.told_from is not None:
            for position in range(max(first, self.line.limit * bool(self.crowd.capacity) + 1), self.line.tail + 1):
                self.look(position, t, polls=False)

    def enter(self, t: int) -> None:
        reached = self.line.reached(t)
        for position in range(self.reached + 1, reached + 1):
            self.reached_at[position] = t
            if self.random.random() >= self.crowd.no_shows:
                heapq.heappush(self.entering, (t + self.random.randint(0, COMES), position))
        self.reached = reached
        while self.entering and self.entering[0][0] <= t:
            at, position = heapq.heappop(self.entering)
            self.came[position] = True
            self.through[bucket(at)] += 1
            self.stay(at, position)

    def stay(self, at: int, position: int) -> None:
        until = at + round(self.crowd.law.draw(self.random) * MINUTE)
        report = until + self.random.randint(0, self.crowd.delay)
        heapq.heappush(self.leaving, (report, at // MINUTE, until))

    def leave(self, t: int) -> None:
        if self.crowd.event and t == START + EVENT_AT:
            inside = [n for n, (_, _, until) in enumerate(self.leaving) if until > t]
            for n in self.random.sample(inside, round(len(inside) * self.crowd.event)):
                self.leaving[n] = (t + self.random.randint(0, self.crowd.delay), self.leaving[n][1], t)
            heapq.heapify(self.leaving)
        gone = 0
        while self.leaving and self.leaving[0][0] <= t:
            at, admitted, _ = heapq.heappop(self.leaving)
            self.left[admitted] += 1
            gone += 1
            if self.random.random() < self.crowd.returners:
                heapq.heappush(self.coming_back, at + self.random.randint(0, self.rules.reconnect_grace))
        while self.coming_back and self.coming_back[0] <= t:
            at = heapq.heappop(self.coming_back)
            self.left[at // MINUTE] -= 1
            gone -= 1
            self.stay(at, 0)
        if gone:
            self.gone += gone
            self.line = self.line.leave(t, gone)

    def settle(self, t: int) -> None:
        counters = {at: (n, False) for at, n in self.through.items() if at < bucket(t)}
        for at in counters:
            del self.through[at]
        memory, to = minute.expiring(self.memory, self.line, t, self.rules.claim_window)
        memory = minute.came_through(memory, counters, t)
        self.line = self.line.expire_to(t, to) if to > self.line.expired_to else self.line
        memory = minute.noted(memory, self.line, t)
        due = minute.countable(memory, self.line, t)
        if due > self.line.counted_to:
            claimed = sum(self.came[self.line.counted_to + 1 : due + 1])
            memory, count = minute.counted(memory, due, due - self.line.counted_to - claimed, claimed, 0, t)
            self.line = count(self.line, t)
        self.memory = booked(memory, self.line, self.left, t)
        if (news := expected(self.memory, self.line, self.rules, t)) is not None:
            self.line = self.line.expect(t, *news)
        self.limits.append((t, self.line.limit))
        self.publish(t)
        self.memory = replace(self.memory, run_at=t, tail=self.line.tail, tail_at=t)
        self.watch(t)

    def publish(self, t: int) -> None:
        self.memory, curve = promise(self.memory, self.line, self.rules, t)
        self.line = self.line.publish(t, curve)

    def watch(self, t: int) -> None:
        if self.line.curve is not None and self.told_from is None:
            self.told_from = t
        if self.told_from is None and self.crowd.capacity is not None:
            return
        for position in range(max(self.line.limit * bool(self.crowd.capacity), self.reached) + 1, self.line.tail + 1):
            if not position % EACH or position not in self.known:
                self.look(position, t, polls=not position % EACH)

    def look(self, position: int, t: int, *, polls: bool) -> None:
        """What one of those who wait is told now, by whom."""
        for name, wait in (("ours", self.line.wait(position, t)), *self.others(position, t)):
            if wait is None:
                self.untold += name == "ours"
                continue
            self.known.add(position)
            self.firsts.setdefault(name, {}).setdefault(position, Seen(position, t, wait))
            if polls:
                self.polls.setdefault(name, []).append(Seen(position, t, wait))
                if name == "ours":
                    self.revise(position, t + wait)

    def revise(self, position: int, instant: float) -> None:
        if (old := self.promised.get(position)) is not None:
            self.moves.append(abs(instant - old))
        self.promised[position] = instant
        lowest = self.lowest[position] = min(instant, self.lowest.get(position, instant))
        self.upward[position] = max(self.upward.get(position, 0.0), instant - lowest)

    def others(self, position: int, t: int) -> Iterator[tuple[str, float | None]]:
        """What others would tell: by how fast places came free in five minutes, and the last wait that was seen."""
        if self.told_from is None or len(self.limits) < 6 or self.crowd.capacity is None:
            return
        (since, few), (until, many) = self.limits[-6], self.limits[-1]
        if many > few:
            yield "five minutes", (position - self.line.limit) * (until - since) / (many - few)
        if self.reached:
            yield "last wait", float(self.reached_at[self.reached] - self.positions[self.reached])

    def sample(self, seen: Sequence[Seen], since: int = 0) -> list[tuple[float, float]]:
        """(told, true) of who was reached, seconds."""
        return [
            (each.wait / SECOND, (self.reached_at[each.position] - each.at) / SECOND)
            for each in seen
            if self.reached_at[each.position] and each.at >= START + since
        ]


def _arrivals(players: int, within: int, random: Random) -> list[int]:
    shares = [(n + random.random()) / (players + 1) for n in range(players)]
    return [round(-math.log(1 - share * (1 - math.exp(-5))) / 5 * within) for share in shares]


@dataclass
class Result:
    """Of one launch: by estimator, (told, true) of first numbers and of all polls."""

    first: dict[str, list[tuple[float, float]]]
    polls: dict[str, list[tuple[float, float]]]
    after: list[tuple[float, float]]
    moves: int
    hours: float
    upward: list[float]
    untold: int
    told_from: float


def played(law: str, crowd: str, seed: int) -> Result:
    """One launch."""
    world = World(LAWS[law], *CROWDS[crowd], seed)
    world.play()
    return Result(
        {name: world.sample(list(seen.values())) for name, seen in world.firsts.items()},
        {name: world.sample(seen) for name, seen in world.polls.items()},
        world.sample(world.polls["ours"], EVENT_AT + 5 * MINUTE),
        sum(move > 30 * SECOND for move in world.moves),
        len(world.moves) / 60,
        list(world.upward.values()),
        world.untold,
        ((world.told_from or START) - START) / MINUTE,
    )


def score(sample: Sequence[tuple[float, float]]) -> tuple[float, float]:
    """(mean |error| over the mean wait, share that came late), in percent."""
    error = sum(abs(told - true) for told, true in sample)
    late = sum(is_late(round(told * SECOND), round(true * SECOND)) for told, true in sample)
    return 100 * error / max(1e-9, sum(true for _, true in sample)), 100 * late / max(1, len(sample))


def main(names: list[str], seeds: int = 5) -> None:
    """The table: error / late in percent, pooled over the seeds."""
    laws = [law for law in LAWS if not names or any(name in law for name in names)]
    cells = [(law, crowd) for law in laws for crowd in CROWDS]
    print(HEADER, "|---" * HEADER.count(" | ") + "|---|", sep="\n", flush=True)  # noqa: T201
    with ProcessPoolExecutor(os.cpu_count()) as pool:
        jobs = {cell: [pool.submit(played, *cell, seed) for seed in range(1, seeds + 1)] for cell in cells}
        for (law, crowd), futures in jobs.items():
            results = [future.result() for future in futures]
            row = [f"{law}, {crowd}"]
            for name in ("ours", "five minutes", "last wait"):
                for part in ("first", "polls"):
                    error, late = score([pair for each in results for pair in getattr(each, part).get(name, [])])
                    row.append(f"{error:.1f} / {late:.1f}")
            error, _ = score([pair for each in results for pair in each.after])
            moves = sum(each.moves for each in results) / sum(each.hours for each in results)
            upward = (percentile(sorted(one for each in results for one in each.upward), 0.9) or 0) / MINUTE
            untold = sum(each.untold for each in results)
            worst = max(score(each.first["ours"]) for each in results)
            row += [f"{error:.1f}", f"{moves:.1f}", f"{upward:.1f}", str(untold), f"{worst[0]:.1f} / {worst[1]:.1f}"]
            print("| " + " | ".join(row) + " |", flush=True)  # noqa: T201


if __name__ == "__main__":
    main([each for each in sys.argv[1:] if not each.isdigit()], *[int(each) for each in sys.argv[1:] if each.isdigit()])
