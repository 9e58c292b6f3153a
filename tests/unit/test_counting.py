"""Counting in parts: whatever fails, is late, or runs twice, each position is counted once, as what it was."""

from collections import Counter
from contextlib import suppress
from dataclasses import replace
from itertools import pairwise
from random import Random
from unittest.mock import patch

import pytest
from hypothesis import given
from hypothesis import strategies as st

from loginq.rehearsal.scenario import Arrival, Scenario
from loginq.rehearsal.simulation import simulate
from loginq.service.requests import counting
from loginq.service.requests.counting import WRAP_UP
from loginq.service.requests.minute import settle
from loginq.service.rules.errors import LoginqError
from loginq.service.rules.line import Line
from loginq.service.rules.times import MINUTE, SECOND, iso
from loginq.service.store import keys
from loginq.service.store.rosters import Place
from loginq.service.store.table import Row
from tests.memory import Dynamodb, InMemory, Work, error
from tests.world import RULES, T, World, made

NO_SHOWS, HOLES, CLAIMED = ("waiting", "gave up", "deleted"), ("raced", "nobody"), ("joined", "unused", "earlier")
KINDS = (*NO_SHOWS, *HOLES, *CLAIMED, "synthetic")


def crowd(world: World, kinds: list[str]) -> None:
    """As many positions that are closed, of which this became."""
    queue, t = world.queue, world.now[0]
    places = [Place(n, f"p-{n}", kind == "synthetic") for n, kind in enumerate(kinds, 1) if kind != "nobody"]
    for place in places:  # one roster each, so that holes may lie between them
        queue.rosters.write([place], t)
    ticket = {"loginTicket": "t", "ticketIssuedAt": iso(t - SECOND)}
    inside = {**ticket, "queuedAt": iso(t), "loginProcessedAt": iso(t + SECOND)}
    rows: dict[str, Row] = {
        "waiting": ticket,
        "gave up": {},
        "raced": ticket,
        "joined": {**inside, "joinedAt": iso(t + MINUTE)},
        "unused": inside,
        "earlier": {"loginTicket": "u", "ticketIssuedAt": iso(t + MINUTE)},
    }
    puts = [
        {
            **keys.keyed(keys.player(f"p-{n}")),
            **rows[kind],
            **({"claimed": [n]} if kind == "earlier" else {}),
            **({"queuePosition": n} if kind in ("waiting", "joined", "unused") else {}),
        }
        for n, kind in enumerate(kinds, 1)
        if kind in rows
    ]
    queue.table.write_all(puts=puts)
    n = len(kinds)
    queue.lines.change(lambda line, now: replace(line.join(now, n), reached_to=n, expired_to=n))


def spoil(world: World, dynamodb: Dynamodb, random: Random, trouble: float) -> None:
    """From now on calls fail by chance, before they took effect or after, what is read eventually consistently is a
    while old, and now and then another run is through first."""
    other = [False]

    def spoilt(operation: str, parameters: Row, work: Work) -> Row:
        if operation == "put_item" and not other[0] and random.random() < trouble / 4:
            other[0] = True
            with suppress(LoginqError):
                settle(world.queue)
            other[0] = False
        if random.random() < trouble / 4:
            raise error(operation, "ThrottlingException")
        answer = work(**parameters)
        if random.random() < trouble / 8:
            raise error(operation, "InternalServerError")
        if operation == "batch_get_item" and not parameters["RequestItems"]["table"]["ConsistentRead"]:
            found: list[Row] = answer["Responses"]["table"]
            answer["Responses"]["table"] = [older(row) for row in found if random.random() > trouble]
        return answer

    def older(row: Row) -> Row:
        if not row["PK"]["S"].startswith("USER#") or random.random() > trouble:
            return row
        return {name: value for name, value in row.items() if name not in ("loginProcessedAt", "joinedAt", "claimed")}

    dynamodb.spoil = spoilt


@given(st.lists(st.sampled_from(KINDS), min_size=1, max_size=24), st.integers(), st.sampled_from([0.0, 0.2, 0.6]))
def test_each_position_is_counted_once_as_what_it_was(kinds: list[str], seed: int, trouble: float) -> None:
    aws, random = InMemory(), Random(seed)
    world = made(aws, rules=replace(RULES, initial_rate=20_000))  # one shard: a run within a run must not need threads
    world.queue.table.sleep = lambda _: None
    crowd(world, kinds)
    with patch.object(counting, "AT_A_TIME", random.randint(1, 8)):
        spoil(world, aws.dynamodb, random, trouble)
        for _ in range(12):
            world.later(random.choice([5 * SECOND, MINUTE]))
            hurried = replace(world.queue, time_left=lambda: random.choice([WRAP_UP - 1, WRAP_UP + 1]))
            before = counted_to(world, aws)
            with suppress(LoginqError):
                settle(hurried)
            assert counted_to(world, aws) >= before
        spoil(world, aws.dynamodb, random, 0)
        for _ in range(12):
            world.later(MINUTE)
            settle(world.queue)
    line, of = world.queue.lines.read(), Counter(kinds)
    assert (line.counted_to, world.queue.settlement.read().unused_to) == (len(kinds), len(kinds))
    assert line.no_shows == sum(of[kind] for kind in NO_SHOWS)
    assert line.holes == sum(of[kind] for kind in HOLES)
    assert (line.counted, line.synthetic) == (sum(of[kind] for kind in CLAIMED), of["synthetic"])
    assert world.departed() - line.synthetic == of["unused"]


def counted_to(world: World, aws: InMemory) -> int:
    """What the line's row says."""
    return int(aws.dynamodb.rows[keys.line(world.queue.name)]["counted_to"]["N"])


# On the virtual clock, in the time that counting takes


def rush(rate: int, silent: int) -> list[int]:
    """So many a second are let in for ten minutes, of whom so many in ten never come; somebody polls all the while.

    Gives how old each closing was when the last of it was counted, ms.
    """
    size, total = 1_000, rate * 600
    some = [Arrival(n * 200 * SECOND // 1_000, silent=n % 10 < silent, count=size) for n in range(total // size)]
    alive = [Arrival(n * 10 * SECOND) for n in range(120)]
    line = Line(rate=rate * 1_000, burst=rate, anchored_at=T, alive_at=T)
    played = simulate(Scenario(line, (*some, *alive), until=25 * MINUTE, lambdas=2, batch=5 * size))
    closed, counted = list[tuple[int, int]](), list[int]()
    for (_, before), (t, after) in pairwise(played.lines):
        if after.expired_to > before.expired_to:
            closed.append((t, after.expired_to))
        counted += [t - at for at, to in closed if before.counted_to < to <= after.counted_to]
    assert after.counted_to >= total
    return counted


@pytest.mark.parametrize("silent", [0, 3])
def test_two_thousand_a_second_are_counted_within_two_minutes_of_their_closing(silent: int) -> None:
    counted = rush(2_000, silent)
    assert len(counted) > 8
    assert max(counted) <= 2 * MINUTE


def test_more_than_a_run_can_count_falls_behind() -> None:
    assert max(rush(5_000, 0)) > 5 * MINUTE
