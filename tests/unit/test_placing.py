"""Placing on a table in memory: the order of a batch, and a call whose time is over. Crashes: `tests/e2e`."""

import pytest

from loginq.service.requests.placing import Message, place
from loginq.service.rules.player import Identity
from loginq.service.rules.ticket import Ticket
from loginq.service.rules.times import SECOND
from loginq.service.store.queue import connect
from tests.memory import InMemory
from tests.world import World, someone


def positions(world: World, who: list[Identity]) -> list[int | None]:
    return [world.player(each).position for each in who]


def test_a_batch_is_placed_in_the_order_of_its_tickets(world: World) -> None:
    who, batch = [someone() for _ in range(60)], []
    for each in who:
        batch.append(world.message(each))
        world.later(1)
    outcome = place(world.queue, [*batch[30:], *batch[:30]][::-1])
    assert (outcome.placed, outcome.first, outcome.last, outcome.failed) == (60, 1, 60, [])
    assert positions(world, who) == list(range(1, 61))
    roster = {each.position: each.sub for each in world.queue.rosters.places(1, 60)}
    assert roster == {n: each.sub for n, each in enumerate(who, 1)}


@pytest.mark.parametrize("calls", range(9))
def test_what_there_is_no_time_for_is_handed_back(memory: InMemory, world: World, calls: int) -> None:
    """Rows, line, line, line written, roster, three requests for the positions: whichever of them is the last."""
    left = iter([1] * calls)
    hurried = InMemory(lambda: next(left, 0))
    hurried.dynamodb = memory.dynamodb
    who = [someone() for _ in range(60)]
    batch = [world.message(each) for each in who]
    queue = connect(hurried, table="table", sqs_url="url", clock=world.queue.clock, name=world.queue.name, begins=True)
    outcome = place(queue, batch)
    found = dict(zip((message.id for message in batch), positions(world, who), strict=True))
    assert set(outcome.failed) == {id_ for id_, position in found.items() if position is None}
    assert outcome.placed == 60 - len(outcome.failed)
    assert (outcome.failed == []) == (calls == 8)
    again = place(world.queue, batch)
    assert (again.placed, again.duplicates, again.failed) == (len(outcome.failed), outcome.placed, [])


def test_what_cannot_be_placed_says_why(world: World) -> None:
    gone, there = someone(), someone()
    old, good = world.message(gone), world.message(there)
    world.queue.players.delete([gone.sub])
    twice = Message("again", good.body)
    synthetic = Message("cleaned", Ticket("synthetic-x", "y", 0, synthetic=True).body())
    outcome = place(world.queue, [Message("bad", "{"), old, good, twice, synthetic])
    assert (outcome.placed, outcome.duplicates, outcome.stale, outcome.invalid) == (1, 1, 1, 2)
    assert sorted(outcome.failed) == sorted(["bad", old.id])
    world.later(1 * SECOND)
    assert place(world.queue, [good]).duplicates == 1
