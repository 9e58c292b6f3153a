"""A full game that is kept full by counts alone: lost and doubled reports, a game server that is started again."""

from bisect import bisect_right
from collections import Counter, defaultdict
from dataclasses import replace
from random import Random

import pytest

from loginq.service.requests.departures import FOLDED
from loginq.service.rules import minute
from loginq.service.rules.line import Line
from loginq.service.rules.measure import WINDOW, counts, uncounted
from loginq.service.rules.servers import ENTERING, Server, departed
from loginq.service.rules.times import MINUTE, SECOND
from loginq.service.rules.valve import BUCKET, bucket

T = 1_800_000_000_000
CAPACITY, ARRIVALS, LENGTH, SESSION = 200, 3, 30 * MINUTE, 5 * MINUTE
"""Arrivals: a second, for the first ten minutes."""
SERVERS, REPORT, RESTART, DOWN = ("eu-1", "eu-2", "us-1"), 5 * SECOND, T + 15 * MINUTE, 10 * SECOND
POLL, FULL = 10 * SECOND, 5 * MINUTE
"""How late somebody polls, and when the game is full, at the latest: who has entered and is on the way as well counts
twice, so it fills in steps."""
LATE = POLL + ENTERING + BUCKET + 4 * REPORT
"""How long a seat may then stay empty while others wait, ms: until whoever was let in before counts once again, and a
report comes through; that four in a row are lost or old is one chance in thousands."""


class Game:
    """The line by its own rules, and game servers, a second at a time. `slowest`: to enter after an admission, ms.

    `twice`: which share takes from the valve twice, as two calls at once do, or one that failed behind it.
    """

    def __init__(self, seed: int, slowest: int, twice: float = 0) -> None:
        self.random, self.slowest, self.twice = Random(seed), slowest, twice
        self.line = Line(rate=20_000, burst=20, capacity=CAPACITY, anchored_at=T, alive_at=T)
        self.memory = minute.Memory(buckets_to=bucket(T))
        self.through, self.claimed, self.polled = Counter[int](), set[int](), 0
        self.agenda = defaultdict[int, list[tuple[str, int]]](list)
        self.inside: dict[str, list[int]] = {name: [] for name in SERVERS}
        self.entered: dict[str, list[int]] = {name: [] for name in SERVERS}
        self.freed = list[int]()
        self.heard, self.taken = dict[str, Server](), dict[str, int]()
        self.over = self.explained = self.late = self.pending = 0

    def play(self) -> None:
        for t in range(T, T + LENGTH, SECOND):
            if t < T + 10 * MINUTE:
                self.line = self.line.join(t, ARRIVALS)
            if t == RESTART:
                self.restart(t, SERVERS[0])
            self.admit(t)
            for name in SERVERS:
                staying = [until for until in self.inside[name] if until > t]
                self.freed += [t] * (len(self.inside[name]) - len(staying))
                self.inside[name] = staying
            self.report(t)
            if t % MINUTE == 0:
                self.settle(t)
            self.look(t)

    def restart(self, t: int, name: str) -> None:
        """Who was on it is thrown out, and comes back to the end of the line."""
        self.line = self.line.join(t, len(self.inside[name]))
        self.freed += [t] * len(self.inside[name])
        self.inside[name] = []

    def admit(self, t: int) -> None:
        """Who is reached polls within ten seconds, one in ten never; and enters a game server a while later."""
        for position in range(self.polled + 1, self.line.reached(t) + 1):
            if self.random.random() < 0.9:
                self.agenda[t + self.random.randrange(0, POLL, SECOND)].append(("claim", position))
        self.polled = max(self.polled, self.line.reached(t))
        for what, number in self.agenda.pop(t, []):
            if what == "claim":
                self.claimed.add(number)
                self.through[bucket(t)] += 1 + (self.random.random() < self.twice)
                self.agenda[t + self.random.randrange(SECOND, self.slowest + 1, SECOND)].append(("enter", number))
                continue
            name = self.random.choice(SERVERS)
            self.entered[name].append(t)
            self.inside[name].append(t + SECOND + int(self.random.expovariate(1 / SESSION)))

    def report(self, t: int) -> None:
        """Each five seconds; one in ten is lost, another comes once more a little later, as old as it was."""
        for n, name in enumerate(SERVERS):
            down = name == SERVERS[0] and RESTART <= t < RESTART + DOWN
            if (t + n * SECOND) % REPORT == 0 and not down and self.random.random() >= 0.1:
                self.hear(t, name, len(self.inside[name]), t)
                if self.random.random() < 0.1:
                    self.agenda[-t - self.random.randrange(1, 5) * SECOND].append((name, len(self.inside[name])))
        for name, in_game in self.agenda.pop(-t, []):
            self.hear(t, name, in_game, t - 4 * SECOND)

    def hear(self, t: int, name: str, in_game: int, taken: int) -> None:
        self.heard[name], self.taken[name] = Server(name, in_game, t), taken
        if t - self.line.folded_at >= FOLDED:
            self.fold(t)

    def fold(self, t: int) -> None:
        buckets = max(WINDOW + 1, uncounted(self.memory.buckets_to, t))
        through = {bucket(t) - n * BUCKET: self.through[bucket(t) - n * BUCKET] for n in range(buckets)}
        claimed = counts(self.line, t, self.memory.admitted, self.memory.buckets_to, through).admitted
        self.line = self.line.recounted(t, departed(self.line, t, claimed, through, list(self.heard.values())))
        since = sum(len(self.entered[name]) - bisect_right(self.entered[name], at) for name, at in self.taken.items())
        self.explained = max(self.explained, since)
        if self.twice:
            waited_for = range(self.line.expired_to + 1, self.line.reached(t) + 1)
            self.pending = max(self.pending, sum(position not in self.claimed for position in waited_for))

    def settle(self, t: int) -> None:
        counters = {start: (count, False) for start, count in self.through.items()}
        self.line = self.line.renew(t)
        self.memory = minute.came_through(self.memory, counters, t)
        self.memory, to = minute.expiring(self.memory, self.line, t, 4 * MINUTE)
        self.line = self.line.expire_to(t, to)
        self.memory = minute.noted(self.memory, self.line, t)
        first, due = self.line.counted_to, minute.countable(self.memory, self.line, t)
        if due > first:
            came = sum(position in self.claimed for position in range(first + 1, due + 1))
            self.memory, count = minute.counted(self.memory, due, due - first - came, came, 0, t)
            self.line = count(self.line, t)
            self.freed += [t] * (due - first - came)
        self.memory = replace(self.memory, run_at=t)

    def look(self, t: int) -> None:
        """By how many there are too many, and for how long a seat has been empty while others wait."""
        self.over = max(self.over, sum(map(len, self.inside.values())) - CAPACITY)
        refilled = self.line.reached(t) - CAPACITY
        if t >= T + FULL and self.line.waiting(t) and refilled < len(self.freed):
            assert refilled >= 0
            self.late = max(self.late, t - self.freed[refilled])


@pytest.mark.parametrize("seed", [1, *(pytest.param(seed, marks=pytest.mark.drills) for seed in range(2, 13))])
@pytest.mark.parametrize("slowest", [10 * SECOND, ENTERING], ids=["who enters at once", "who takes a minute"])
def test_a_game_is_full_and_never_fuller_by_counts_alone(seed: int, slowest: int) -> None:
    """No more are too many than entered between a count and the fold that went by it, and no seat stays empty."""
    game = Game(seed, slowest)
    game.play()
    assert game.over <= game.explained
    assert game.late <= LATE
    assert game.line.waiting(T + LENGTH) and sum(map(len, game.inside.values())) > CAPACITY // 2


def test_a_valve_that_has_counted_too_many_lets_in_no_more_than_are_reached_and_may_still_come() -> None:
    """Nobody was let in who was not reached, whatever the counters say: else the game would be twice as full here."""
    game = Game(1, 10 * SECOND, twice=0.3)
    game.play()
    assert 0 < game.over <= game.explained + game.pending < CAPACITY
