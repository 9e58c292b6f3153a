"""What is counted of those who came in gets into one row, wherever a run dies and however often it comes."""

from collections.abc import Callable
from dataclasses import replace

import pytest

from loginq.service.operations.admitting import admit
from loginq.service.requests import login
from loginq.service.requests.minute import settle
from loginq.service.rules.histogram import size
from loginq.service.rules.settings import Rules
from loginq.service.rules.tally import Tally
from loginq.service.rules.times import MINUTE, SECOND, iso
from loginq.service.store import keys
from loginq.service.store.table import Row
from tests.memory import InMemory, Work, error
from tests.world import World, made, someone

RULES = Rules(initial_rate=100_000, claim_window=30 * SECOND)
FAILS = "InternalServerError"


@pytest.fixture
def memory() -> InMemory:
    return InMemory()


@pytest.fixture
def world(memory: InMemory) -> World:
    """Three came in, two seconds after they asked, and their places are about to be counted."""
    world = made(memory, rules=RULES)
    settle(world.queue)
    tickets = [(who := someone(), world.in_line(who)) for _ in range(3)]
    world.later(2 * SECOND)
    for who, ticket in tickets:
        assert login.status(world.queue, who, ticket).admitted
    run_on(world, 2)
    assert not tallies(world)
    world.later(MINUTE)
    return world


def tallies(world: World) -> list[Tally]:
    return [row.tally for row in world.queue.history.since(0) if row.tally]


def run_on(world: World, runs: int = 3) -> None:
    for _ in range(runs):
        world.later(MINUTE)
        settle(world.queue)


def check(world: World) -> None:
    """All three are counted once, in one row."""
    (found,) = tallies(world)
    assert (found.start, found.end, found.came, size(found.waits)) == (1, 3, 3, 3)
    assert (found.waited, found.worst, found.told, found.late, found.overtaken) == (6_000, 2_000, 3, 0, 0)
    memory = world.queue.settlement.read()
    assert not memory.tallies and memory.order.first == (memory.order.latest,) * 3


def test_who_came_in_is_counted_with_the_positions(world: World) -> None:
    settle(world.queue)
    check(world)
    run_on(world)
    check(world)


def fails_at(world: World, memory: InMemory, what: Callable[[str, str], bool]) -> None:
    """One run, in which the first write that `what` says fails: the operation, and the row's SK."""
    due = [True]

    def spoil(operation: str, parameters: Row, work: Work) -> Row:
        sk = parameters.get("Item", {}).get("SK", {}).get("S", "")
        if due and what(operation, sk):
            due.clear()
            raise error("PutItem", FAILS)
        return work(**parameters)

    memory.dynamodb.spoil = spoil
    with pytest.raises(Exception, match=FAILS):
        settle(world.queue)
    assert not due
    memory.dynamodb.spoil = lambda operation, parameters, work: work(**parameters)


@pytest.mark.parametrize("at", ["SETTLEMENT", "LINE", "20"])
def test_a_run_that_dies_at_any_write_loses_nothing(world: World, memory: InMemory, at: str) -> None:
    """Before the count is noted, before the line takes it, before its row is written."""
    fails_at(world, memory, lambda operation, sk: operation == "put_item" and sk.startswith(at))
    run_on(world)
    check(world)


def test_a_run_that_dies_after_its_row_counts_nothing_twice(world: World, memory: InMemory) -> None:
    seen = list[str]()

    def after_the_row(operation: str, sk: str) -> bool:
        seen.append(sk)
        return sk == "SETTLEMENT" and any(each.startswith("20") for each in seen)

    fails_at(world, memory, after_the_row)
    assert len(tallies(world)) == 1 and world.queue.settlement.read().tallies
    run_on(world)
    check(world)


def test_a_count_whose_minute_has_a_row_already_is_in_the_next(world: World) -> None:
    """A run that came again was first in this minute."""
    world.now[0] = world.now[0] // MINUTE * MINUTE + MINUTE
    world.queue.history.write(replace(next(iter(world.queue.history.since(0))), at=world.now[0]))
    settle(world.queue)
    assert not tallies(world)
    assert [each.end for each in world.queue.settlement.read().tallies] == [3]
    run_on(world)
    check(world)


def test_two_runs_at_once_count_once(world: World, memory: InMemory) -> None:
    """The other one counts the same while this one reads the rows, and is done when this one comes to the line."""
    nested = [True]

    def spoil(operation: str, parameters: Row, work: Work) -> Row:
        answer = work(**parameters)
        if nested and operation == "batch_get_item" and "USER#" in str(parameters):
            nested.clear()
            settle(world.queue)
        return answer

    memory.dynamodb.spoil = spoil
    settle(world.queue)
    assert not nested
    run_on(world)
    check(world)


def test_who_came_back_has_no_wait_of_this_place(world: World) -> None:
    """The row of one of three has the ticket of the return by now, which is as old as that."""
    who = next(iter(world.queue.rosters.places(1, 1))).sub
    row = world.queue.players.get(who)
    assert row is not None and row.ticket
    t = iso(world.now[0])
    world.queue.table.update(*keys.player(who), write={"ticketIssuedAt": t, "loginProcessedAt": t})
    settle(world.queue)
    (found,) = tallies(world)
    assert (found.came, size(found.waits), found.told) == (3, 2, 2)


def test_who_is_let_in_by_hand_overtakes(memory: InMemory) -> None:
    world = made(memory, rules=RULES)
    settle(world.queue)
    early, late = someone(), someone()
    ticket = world.in_line(early)
    assert admit(world.queue, [late]) == [None]
    world.later(4 * SECOND)
    assert login.status(world.queue, early, ticket).admitted
    run_on(world, 5)
    (found,) = tallies(world)
    assert (found.overtaken, found.passed, found.longest) == (1, 1, 4_000)
