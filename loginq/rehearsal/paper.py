"""A launch on paper: who comes when, what it looks like from the line's code on a virtual clock, what it would cost."""

import math
from collections.abc import Iterable, Sequence
from dataclasses import dataclass, field
from itertools import pairwise
from random import Random
from typing import Any

from loginq.rehearsal.edge import CACHES
from loginq.rehearsal.events import PLAYED, Events, check_game
from loginq.rehearsal.prices import Bill, estimate
from loginq.rehearsal.scenario import Arrival, Played, Scenario, Visitor
from loginq.rehearsal.simulation import RETRY, simulate
from loginq.rehearsal.stays import Law, Leaving
from loginq.service.rules.errors import Invalid, quoted
from loginq.service.rules.line import MAX_STEPS, Line, burst_for
from loginq.service.rules.measure import percentile
from loginq.service.rules.plan import ramp
from loginq.service.rules.polling import LONGEST, LONGEST_OF_MANY, MANY
from loginq.service.rules.public import MAX_AGE
from loginq.service.rules.scores import Scores
from loginq.service.rules.settings import Rules
from loginq.service.rules.sheets import rows
from loginq.service.rules.times import SECOND

START = 1_800_000_000_000
"""Where the virtual clock begins, ms; any instant would do."""
MOST = 10_000_000
"""Players of one launch; more than play any game at once."""
POLLS = 300_000
"""About how many polls are played one by one; beyond that players stand for cohorts. Some seconds of work."""
FEWEST = 500
"""Cohorts that there are at least, so that percentiles mean something."""
ACTIONS = 2_000_000
"""More than that are not played: it is tried again with larger cohorts."""
SAMPLES = 240
_FRONT_LOADED = 5
"""In a burst the arrivals fall by e with each fifth of the time: two thirds come in its first fifth."""


@dataclass(frozen=True, slots=True)
class Launch:
    """What is planned; durations in ms, rates in thousandths of a player per second.

    Args:
        players: how many come within `arrive`, as a `burst` or `steady`; or as in `arrivals`, (ms, players) pairs.
        ramp: (rate to begin with, how long it takes to get to `rate`). session: how long players stay in the game.
        leaving: what becomes of those who leave. no_show: the share that leaves before its turn.
        events: what happens in the middle of it.
        batch, window: how many tickets are placed together, and how long they may gather: the stack's parameters.
        edge: whether players wait by the public line, behind CloudFront.
    """

    players: int
    rate: int
    arrive: int = 0
    shape: str = "burst"
    arrivals: tuple[tuple[int, int], ...] = ()
    ramp: tuple[int, int] | None = None
    capacity: int | None = None
    session: Law | None = None
    leaving: Leaving = field(default_factory=Leaving)
    no_show: float = 0
    events: Events = field(default_factory=Events)
    batch: int = 500
    window: int = 1 * SECOND
    edge: bool = False
    seed: int = 0

    def cohort(self) -> int:
        """How many players one simulated player should stand for: 1 as long as there are few enough polls."""
        rate = self.rate if self.ramp is None else (self.rate + self.ramp[0]) // 2
        wait = self.players * 1_000 * SECOND / max(1, rate) / 2
        if self.capacity is not None and self.session is not None:  # who waits for others to leave waits for long
            held = self.session.mean / (1 - self.leaving.back)
            wait = max(wait, self.players * held / self.capacity / 2)
        longest = LONGEST if self.players < MANY else LONGEST_OF_MANY
        polls = 6 + wait / (0.9 * longest) + math.log2(2 + wait / SECOND)
        for start, end in self.events.outages:
            polls += (end - start) / sum(RETRY) * 2
        polls += sum(end - start for start, end in self.events.pauses) / LONGEST
        most = max(FEWEST, min(self.players, round(POLLS / polls)))
        return -(-self.players // most)

    def scenario(self, size: int = 1) -> Scenario:
        """The launch as the simulation plays it, each player standing for `size`."""
        random = Random(self.seed)  # noqa: S311 - a simulation
        first = self.rate if self.ramp is None else self.ramp[0]
        line = Line(anchored_at=START, alive_at=START, rate=first, burst=burst_for(first), capacity=self.capacity)
        if self.ramp is not None:
            line = line.plan(START, tuple(ramp(first, self.rate, START, self.ramp[1], MAX_STEPS + 1)[1:]))
        return Scenario(
            line=line,
            arrivals=tuple(self._arrivals(random, size)),
            until=PLAYED,
            changes=self.events.changes,
            outages=self.events.outages,
            status_outages=self.events.status_outages,
            line_outages=self.events.line_outages,
            session=self.session,
            upheavals=self.events.upheavals,
            leaving=self.leaving,
            rules=Rules(mean_session=0 if self.session is None else round(self.session.mean)),
            batch=self.batch,
            window=self.window,
            edge=self.edge,
            seed=self.seed,
            ends=True,
        )

    def _arrivals(self, random: Random, size: int) -> Iterable[Arrival]:
        gone = 0.0
        for at, count in self._cohorts(random, size):
            gone += self.no_show
            silent, gone = gone >= 1, gone - (gone >= 1)
            yield Arrival(at, silent=silent, count=count)

    def _cohorts(self, random: Random, size: int) -> Iterable[tuple[int, int]]:
        """(when, how many) of each cohort, ms from the start: each at random within its own part of the crowd."""
        if self.arrivals:
            for (start, players), end in zip(self.arrivals, self._ends(), strict=True):
                for done in range(0, players, size):
                    yield random.randint(start, max(start, end - 1)), min(size, players - done)
            return
        for done in range(0, self.players, size):
            share = (done + size * random.random()) / (self.players + size)
            if self.shape != "steady":
                share = -math.log(1 - share * (1 - math.exp(-_FRONT_LOADED))) / _FRONT_LOADED
            yield round(share * self.arrive), min(size, self.players - done)

    def _ends(self) -> list[int]:
        """Where each row of `arrivals` ends: where the next begins; the last is as long as the one before."""
        starts = [at for at, _ in self.arrivals]
        last = starts[-1] - starts[-2] if len(starts) > 1 else SECOND
        return [*starts[1:], starts[-1] + last]


def parse_arrivals(text: str) -> tuple[tuple[int, int], ...]:
    """The rows `seconds,players` of a CSV file, in order of time: so many come from then until the next row.

    Raises `Invalid`, naming the line.
    """
    found: list[tuple[int, int]] = []
    for line, row in rows(text):
        if not found and row[0].strip().lower() == "seconds":
            continue
        try:
            at, players = round(float(row[0]) * SECOND), int(row[1])
        except (ValueError, IndexError, OverflowError) as exc:
            raise Invalid(f"Line {line} is not `seconds,players`: {quoted(','.join(row))}.") from exc
        if players < 0 or at < 0 or (found and at <= found[-1][0]):
            raise Invalid(f"Line {line} is out of order, or negative.", "Each row begins later than the one before.")
        if at >= PLAYED:
            raise Invalid(
                f"Line {line} begins after the week that is played: {quoted(row[0])}.",
                "Give seconds from the start, not a date.",
            )
        found.append((at, players))
    _check_crowd(sum(players for _, players in found))
    return tuple(found)


def _check_crowd(players: int) -> None:
    if not players:
        raise Invalid("The file has no players in it.", "Each line is `seconds,players`.")
    if players > MOST:
        raise Invalid(f"The file has more than {MOST:,} players in it.", "Is a digit too many?")


@dataclass(frozen=True, slots=True)
class Paper:
    """What a launch looked like; durations in ms. The waits are from pressing Login to being let in.

    Args:
        cohort: how many players each simulated one stood for. looks: of all of them, at the public line.
        scores: how true the waiting times were.
        waiting, through: (ms from the start, how many wait; how many come in a second).
        played: all that was seen.
    """

    players: int
    admitted: int
    no_shows: int
    expired: int
    cohort: int
    looks: int
    waits: dict[str, int | None]
    longest_line: int
    clear: int | None
    scores: Scores
    bill: Bill
    waiting: list[tuple[int, int]] = field(repr=False)
    through: list[tuple[int, float]] = field(repr=False)
    played: Played = field(repr=False)

    def document(self) -> dict[str, Any]:
        """The JSON form, in seconds."""

        def seconds(ms: int | None) -> float | None:
            return None if ms is None else ms / SECOND

        return {
            "players": self.players,
            "admitted": self.admitted,
            "no_shows": self.no_shows,
            "expired": self.expired,
            "players_per_cohort": self.cohort,
            "looks": self.looks,
            "wait_seconds": {name: seconds(wait) for name, wait in self.waits.items()},
            "longest_line": self.longest_line,
            "clear_seconds": seconds(self.clear),
            "scores": self.scores.document(),
            **self.bill.document(),
            "waiting": [{"seconds": seconds(at), "players": n} for at, n in self.waiting],
            "admitted_per_second": [{"seconds": seconds(at), "players": round(n, 2)} for at, n in self.through],
        }


def on_paper(launch: Launch) -> Paper:
    """Play a launch. Raises `Invalid` for one that could not end."""
    if launch.capacity == 0 or not launch.rate:
        raise Invalid("Nobody would ever be let in.", "Give a rate and a capacity above 0.")
    if launch.arrive >= PLAYED:
        raise Invalid("Only a week is played, and not everybody would have come.", "Write it like --arrive 10m.")
    check_game(launch.players, launch.capacity, launch.session, launch.leaving, launch.events)
    size = launch.cohort()
    while (outcome := simulate(launch.scenario(size), ACTIONS)).cut and size < launch.players:
        size = min(4 * size, launch.players)
    return _report(launch, outcome, size)


def _report(launch: Launch, outcome: Played, size: int) -> Paper:
    inside = outcome.admitted()
    came = sum(player.arrival.count for player in outcome.players)
    admitted = sum(player.arrival.count for player in inside)
    waits = sorted((player.admitted_at or 0) - START - player.arrival.at for player in inside)
    scores = Scores()
    for player in inside:
        scores.add(player.told, player.admitted_at or 0, player.arrival.count)
    expired = sum(player.arrival.count for player in outcome.players if player.expired)
    ended = max((player.admitted_at or 0 for player in inside), default=START)
    silent = sum(player.arrival.count for player in outcome.players if player.arrival.silent)
    times = [START + (ended - START) * n // SAMPLES for n in range(SAMPLES + 1)]
    return Paper(
        players=came,
        admitted=admitted,
        no_shows=silent,
        expired=expired,
        cohort=size,
        looks=outcome.looks,
        waits={name: percentile(waits, share) for name, share in _SHARES.items()},
        longest_line=max((line.waiting(at) for at, line in outcome.lines), default=0),
        clear=ended - START if admitted + silent + expired == came else None,
        scores=scores,
        bill=_bill(launch, outcome, size, admitted, ended - START),
        waiting=_waiting(outcome, times),
        through=_through(inside, times),
        played=outcome,
    )


def _bill(launch: Launch, outcome: Played, size: int, admitted: int, length: int) -> Bill:
    """What it would cost; a cohort looks seldom, so the caches are taken to ask each second."""
    return estimate(
        players=sum(player.arrival.count for player in outcome.players),
        polls=outcome.polls,
        admitted=admitted,
        batches=outcome.batches,
        line_writes=len(outcome.lines),
        length=length,
        sessions=launch.session is not None,
        looks=outcome.looks,
        origin_looks=outcome.fetches if size == 1 else min(outcome.looks, CACHES * length // MAX_AGE),
    )


_SHARES = {"p50": 0.5, "p90": 0.9, "p99": 0.99, "worst": 1.0}


def _waiting(outcome: Played, times: Sequence[int]) -> list[tuple[int, int]]:
    """How many wait in line at each of these instants."""
    found, n = [], 0
    for t in times:
        while n + 1 < len(outcome.lines) and outcome.lines[n + 1][0] <= t:
            n += 1
        found.append((t - START, outcome.lines[n][1].waiting(t)))
    return found


def _through(inside: Sequence[Visitor], times: Sequence[int]) -> list[tuple[int, float]]:
    """How many came in per second, between each of these instants and the next."""
    found, n = [], 0
    for start, end in pairwise(times):
        count = 0
        while n < len(inside) and (inside[n].admitted_at or 0) <= end:
            count += inside[n].arrival.count
            n += 1
        found.append((end - START, count * SECOND / max(1, end - start)))
    return found
