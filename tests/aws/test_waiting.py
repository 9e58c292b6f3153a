"""The waiting time of a full game, by the handlers' own calls: what game servers report reaches who waits."""

from dataclasses import replace

import pytest

from loginq.service.requests import login
from loginq.service.requests.minute import settle
from loginq.service.requests.sessions import apply, hold
from loginq.service.rules import stays
from loginq.service.rules.curve import Curve
from loginq.service.rules.player import Identity
from loginq.service.rules.servers import Server
from loginq.service.rules.settings import COUNTS, Rules
from loginq.service.rules.times import MINUTE, SECOND
from tests.memory import InMemory
from tests.world import World, left, made, operator, rule, someone

FULL = Rules(initial_rate=1_000_000, initial_capacity=20, mean_session=30 * MINUTE)


@pytest.fixture
def world(monkeypatch: pytest.MonkeyPatch) -> World:
    monkeypatch.setattr(stays, "FEWEST", 4)
    return made(InMemory(), rules=FULL)


def full(world: World, waiting: int = 5) -> tuple[dict[str, tuple[Identity, str]], list[tuple[Identity, str]]]:
    """A game with twenty in it, and some who wait; both with their tickets."""
    inside = [(who, world.let_in(who)) for who in (someone() for _ in range(20))]
    outside = [(who, world.in_line(who)) for who in (someone() for _ in range(waiting))]
    settle(world.queue)
    return {who.sub: (who, ticket) for who, ticket in inside}, outside


def leave(world: World, inside: dict[str, tuple[Identity, str]], count: int) -> None:
    some = [inside.pop(sub) for sub in list(inside)[:count]]
    assert apply(world.queue, [left(who, ticket, world.now[0]) for who, ticket in some]) == ["counted"] * count


def test_who_waits_for_others_to_leave_is_told_when_once_enough_have_left(world: World) -> None:
    inside, outside = full(world)
    who, ticket = outside[-1]
    told = login.status(world.queue, who, ticket)
    assert (told.eta, told.eta_basis) == (None, None)
    for _ in range(2):
        world.later(MINUTE)
        leave(world, inside, 2)
    world.later(MINUTE)
    settle(world.queue)
    world.later(SECOND)
    later, (who, ticket) = login.status(world.queue, who, ticket), outside[0]
    first = login.status(world.queue, who, ticket)
    assert (first.state.value, first.admitted, later.eta_basis) == ("admitted", True, "departures")
    assert later.eta is not None and later.eta > 10 * SECOND
    before = world.queue.lines.read().curve
    settle(world.queue)  # in the same minute again: nothing is learnt twice
    assert world.queue.settlement.read().stays.departures == 4
    assert before is not None and world.queue.lines.read().curve is not None


def promised(world: World) -> tuple[dict[str, tuple[Identity, str]], list[tuple[Identity, str]], Curve]:
    """A full game before which a hundred wait, and what they were promised twenty seconds ago."""
    inside, outside = full(world, waiting=100)
    for _ in range(2):
        world.later(MINUTE)
        leave(world, inside, 2)
    world.later(MINUTE)
    settle(world.queue)
    curve = world.queue.lines.read().curve
    assert curve is not None
    world.later(20 * SECOND)
    return inside, outside, curve


def test_a_raise_is_told_at_once(world: World) -> None:
    """Not only when the minute is over: nothing that is published waits for it."""
    _, outside, before = promised(world)
    operator(world.queue).set_capacity(50)
    after = world.queue.lines.read().curve
    assert after is not None
    assert (after.at - before.at, after.first) == (20 * SECOND, before.first + 30)
    assert login.status(world.queue, *outside[-1]).eta_basis == "departures"


def test_a_wave_that_leaves_together_is_told_at_once(world: World) -> None:
    inside, *_ = promised(world)
    leave(world, inside, 10)
    curve = world.queue.lines.read().curve
    assert curve is not None and curve.at == world.now[0]


@pytest.mark.parametrize("heard", ["in game", "counted", "forgotten"])
def test_what_operators_and_counting_servers_say_is_told_at_once(world: World, heard: str) -> None:
    if heard != "in game":
        rule(world, session_reports=COUNTS)
    full(world, waiting=100)
    servers = [Server(f"eu-{n}", 10, 0) for n in range(2)]
    for n in range(4 * (heard != "in game")):
        world.later(MINUTE)
        for server in servers:
            hold(world.queue, replace(server, in_game=10 - n, at=world.now[0]))
        settle(world.queue)
    line = world.queue.lines.read()
    at = world.now[0]
    world.queue.lines.change(lambda line, t: line.publish(t, Curve(t, line.room, 600, tuple(range(0, 1_200, 100)))))
    world.later(20 * SECOND)
    if heard == "in game":
        operator(world.queue).set_in_game(0)
    elif heard == "counted":
        hold(world.queue, replace(servers[0], in_game=0, at=world.now[0]))
    else:
        operator(world.queue).forget_servers(world.queue.servers.every()[:1])
    after = world.queue.lines.read()
    assert after.room > line.room
    assert after.curve is None or (after.curve.at, after.curve.first) == (at + 20 * SECOND, after.room)


def test_who_is_back_within_the_grace_holds_a_seat_since_then(world: World) -> None:
    inside, _ = full(world)
    who, _ = next(iter(inside.values()))
    world.later(3 * MINUTE)
    leave(world, inside, 1)
    world.later(MINUTE)
    assert login.request(world.queue, who).admitted
    counted = world.queue.leavings.by_minute()
    assert counted[world.now[0] // MINUTE] == -1
    assert sum(counted.values()) == 0


def test_an_idle_queue_learns_nothing_and_asks_for_nothing(world: World) -> None:
    rule(world, mean_session=0)
    world.let_in(someone())
    for _ in range(20):
        world.later(MINUTE)
        settle(world.queue)
    booked = world.queue.settlement.read().stays.booked
    world.later(MINUTE)
    settle(world.queue)
    assert world.queue.settlement.read().stays.booked == booked


def test_a_stack_with_players_in_the_game_of_whom_nothing_is_known_promises_nothing_until_most_are_known(
    world: World,
) -> None:
    """An older version let them in: that the others leave so rarely would be told as a wait far too long."""
    old, outside = full(world, waiting=100)
    memory = world.queue.settlement.read()
    world.queue.settlement.write(replace(memory, stays=stays.Stays()))  # as that left it
    new = dict[str, tuple[Identity, str]]()

    def replaced(inside: dict[str, tuple[Identity, str]]) -> bool:
        world.later(MINUTE)
        leave(world, inside, 1)
        world.later(SECOND)
        who, ticket = outside.pop(0)
        assert login.status(world.queue, who, ticket).admitted
        new[who.sub] = who, ticket
        world.later(10 * SECOND)
        settle(world.queue)
        assert world.queue.settlement.read().stays.unknown == len(old)
        return world.queue.lines.read().curve is not None

    assert [replaced(old) for _ in range(15)] + [replaced(new) for _ in range(5)] == [False] * 20
    assert replaced(old)


def test_those_who_are_gone_by_an_operators_word_leave_no_more(world: World) -> None:
    full(world)
    operator(world.queue).set_in_game(10)
    world.later(MINUTE)
    settle(world.queue)
    assert sum(cohort.seats for cohort in world.queue.settlement.read().stays.cohorts) == 10


@pytest.mark.parametrize("broken", ["promise", "booked"])
def test_what_fails_in_an_estimate_stops_neither_settling_nor_a_report(
    world: World, monkeypatch: pytest.MonkeyPatch, broken: str
) -> None:
    inside, _ = full(world)
    said = list[str]()
    world.queue = replace(world.queue, log=lambda event, **details: said.append(event))
    monkeypatch.setattr(f"loginq.service.requests.minute.{broken}", lambda *given: 1 // 0)
    monkeypatch.setattr("loginq.service.requests.minute.is_off", lambda *given: True)
    world.later(MINUTE)
    leave(world, inside, 1)
    settle(world.queue)
    memory = world.queue.settlement.read()
    assert (memory.run_at, memory.tail, world.queue.lines.read().departed) == (world.now[0], 25, 1)
    assert "waiting_times_failed" in said
