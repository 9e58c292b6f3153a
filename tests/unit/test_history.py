"""What stays of each minute in which anything moved, and nothing of the others."""

from dataclasses import replace

import pytest

from loginq.service.requests import login
from loginq.service.requests.minute import settle
from loginq.service.requests.placing import place
from loginq.service.rules.history import Minute
from loginq.service.rules.settings import Rules
from loginq.service.rules.times import DAY, MINUTE, SECOND, iso
from loginq.service.store.history import KEPT
from loginq.service.store.table import Row
from tests.memory import InMemory, Work, error
from tests.world import T, World, made, someone

RULES = Rules(initial_rate=2_000, claim_window=2 * MINUTE)


@pytest.fixture
def memory() -> InMemory:
    return InMemory()


@pytest.fixture
def world(memory: InMemory) -> World:
    return made(memory, rules=RULES)


def kept(world: World, since: int = 0) -> list[Minute]:
    return list(world.queue.history.since(since))


def test_a_minute_says_what_the_screens_said(world: World, memory: InMemory) -> None:
    """Three come in a minute, one is let in, and the line is full for the others."""
    settle(world.queue)
    world.later(MINUTE)
    world.queue.lines.change(lambda line, t: line.set_capacity(t, 1))
    world.let_in(someone())
    place(world.queue, [world.message(someone()) for _ in range(2)])
    memory.sqs.visible = 7
    world.later(10 * SECOND)
    settle(world.queue)
    (last,) = kept(world)  # before there was no line yet
    assert last == Minute(
        at=world.now[0], asked=2_000, achieved=16, arrivals=42, tail=3, reached=1,
        in_game=1, departed=0, no_shows=0, holes=0, intake=7, eta=None, synthetic=0, version=3,
    )  # fmt: skip
    document = last.document()
    assert {name for name, value in document.items() if value is None} >= {"counted_to", "waits", "told", "overtaken"}
    assert dict(list(document.items())[:15]) == {
        "at": iso(world.now[0]), "asked_per_second": 2.0, "achieved_per_second": 0.016,
        "arriving_per_second": 0.042, "tail": 3, "reached": 1, "waiting": 2, "in_game": 1, "departed": 0,
        "no_shows": 0, "holes": 0, "intake": 7, "eta_seconds": None, "synthetic": 0, "line_version": 3,
    }  # fmt: skip


def test_what_does_not_move_leaves_nothing_and_what_moves_again_does(world: World, memory: InMemory) -> None:
    settle(world.queue)  # the line was made
    world.let_in(someone())
    for _ in range(60):
        world.later(MINUTE)
        settle(world.queue)
    moved = len(kept(world))
    assert moved <= 6  # until the one who came was counted
    for change in (world.in_line, lambda _: setattr(memory.sqs, "visible", 1)):
        change(someone())
        world.later(MINUTE)
        settle(world.queue)
        moved += 1
        assert len(kept(world)) == moved
        for _ in range(20):
            memory.sqs.visible = 0
            world.later(MINUTE)
            settle(world.queue)
        moved = len(kept(world))


def test_an_act_is_motion(world: World) -> None:
    world.let_in(someone())
    for _ in range(20):
        world.later(MINUTE)
        settle(world.queue)
    before = len(kept(world))
    world.queue.lines.change(lambda line, t: line.pause(t))
    for _ in range(20):
        world.later(MINUTE)
        settle(world.queue)
    since = kept(world)[before:]
    assert {each.asked for each in since} == {0}
    assert len(since) <= 3  # for as long as its lease goes on


def test_a_run_that_comes_again_does_not_spoil_its_minute(world: World) -> None:
    world.now[0] = T // MINUTE * MINUTE
    settle(world.queue)
    world.later(MINUTE)
    for _ in range(6):
        world.in_line(someone())
    settle(world.queue)
    (before,) = kept(world)
    world.later(1 * SECOND)
    settle(world.queue)
    assert kept(world) == [before]


def test_it_goes_after_90_days_and_is_read_from_an_instant_on(world: World, memory: InMemory) -> None:
    for _ in range(3):
        world.in_line(someone())
        settle(world.queue)
        world.later(MINUTE)
    rows = [row for (pk, _), row in memory.dynamodb.rows.items() if pk.startswith("HISTORY#")]
    assert [int(row["ttl"]["N"]) - int(row["at"]["N"]) // SECOND for row in rows] == [90 * 24 * 60 * 60] * 3
    assert 90 * DAY == KEPT
    every = kept(world)
    assert kept(world, every[1].at) == every[1:]
    assert kept(world, every[1].at + 1) == every[2:]
    assert kept(world, every[2].at + 1) == []


def test_a_minute_is_kept_though_sqs_does_not_say_what_waits(world: World, memory: InMemory) -> None:
    def silent(**_: object) -> Row:
        raise error("GetQueueAttributes", "ServiceUnavailable")

    memory.sqs.get_queue_attributes = silent  # type: ignore[method-assign]
    world.in_line(someone())
    said = list[str]()
    settle(replace(world.queue, log=lambda event, **_: said.append(event)))
    assert said == ["intake_unread"]
    assert [each.intake for each in kept(world)] == [None]
    assert kept(world)[0].document()["intake"] is None


def test_what_is_settled_stays_settled_when_the_row_cannot_be_written(world: World, memory: InMemory) -> None:
    def failing(operation: str, parameters: Row, work: Work) -> Row:
        if operation == "put_item" and parameters["Item"]["PK"]["S"].startswith("HISTORY#"):
            raise error("PutItem", "InternalServerError")
        return work(**parameters)

    world.in_line(someone())
    memory.dynamodb.spoil = failing
    with pytest.raises(Exception, match="InternalServerError"):
        settle(world.queue)
    assert world.queue.settlement.read().run_at == world.now[0]
    memory.dynamodb.spoil = lambda operation, parameters, work: work(**parameters)
    world.later(MINUTE)
    settle(world.queue)
    assert [each.at for each in kept(world)] == [world.now[0]]


def test_who_comes_in_while_a_run_reads_is_counted_by_the_next(world: World, memory: InMemory) -> None:
    """Its bucket ends before the run does, but not before it was read."""
    world.let_in(someone())
    settle(world.queue)
    world.now[0] = (world.now[0] // MINUTE + 1) * MINUTE + 8 * SECOND
    world.let_in(someone())
    late = [someone()]

    def slow(operation: str, parameters: Row, work: Work) -> Row:
        answer = work(**parameters)
        if operation == "batch_get_item" and late and "ADMITTED#" in str(parameters):
            place(world.queue, [world.message(who := late.pop())])
            world.now[0] += 900
            ticket = world.player(who).ticket
            assert ticket is not None
            assert login.status(world.queue, who, ticket).admitted
            world.now[0] += 200
        return answer

    memory.dynamodb.spoil = slow
    settle(world.queue)
    assert not late
    world.later(MINUTE)
    settle(world.queue)
    assert kept(world)[-1].in_game == 3
