"""What a player's call finds changed between two of its own: another device, a lost answer, a replica behind."""

from collections.abc import Callable
from dataclasses import replace
from typing import Any

import pytest

from loginq.service.operations.forgetting import forget
from loginq.service.requests import login
from loginq.service.requests.minute import settle
from loginq.service.requests.sessions import apply
from loginq.service.rules.errors import UnknownTicket
from loginq.service.rules.gate import DEFAULT_LEASE
from loginq.service.rules.login import Came
from loginq.service.rules.minute import ADMITTING
from loginq.service.rules.player import COOL_DOWN, State
from loginq.service.rules.times import MINUTE, SECOND
from loginq.service.store.table import Row
from tests.memory import InMemory, Work, error
from tests.world import T, World, left, operator, rule, someone


def before(memory: InMemory, operation: str, mention: str, act: Callable[[], Any]) -> None:
    """Somebody else does something right before the next call that mentions this in its change."""

    def spoil(asked: str, parameters: Row, work: Work) -> Row:
        if asked == operation and mention in parameters.get("UpdateExpression", mention):
            memory.dynamodb.spoil = lambda asked, parameters, work: work(**parameters)
            act()
        return work(**parameters)

    memory.dynamodb.spoil = spoil


# The ticket


def test_nobody_is_told_of_an_unknown_ticket_by_a_replica_that_is_behind(memory: InMemory, world: World) -> None:
    ada = someone()
    ticket = world.in_line(ada)

    def behind(operation: str, parameters: Row, work: Work) -> Row:
        return {} if operation == "get_item" and not parameters["ConsistentRead"] else work(**parameters)

    memory.dynamodb.spoil = behind
    assert login.status(world.queue, ada, ticket).state is State.WAITING


def test_a_login_whose_first_answer_was_lost_sends_its_ticket(memory: InMemory, world: World) -> None:
    """botocore asks again, and the row is there already: it is this call's own, and nobody else will send it."""

    def twice(operation: str, parameters: Row, work: Work) -> Row:
        if operation == "update_item":
            work(**parameters)
        return work(**parameters)

    memory.dynamodb.spoil = twice
    standing = login.request(world.queue, someone())
    assert (standing.state, standing.is_new) == (State.QUEUED, True)
    (body,) = memory.sqs.bodies
    assert standing.ticket in body


def test_of_two_calls_that_send_a_ticket_again_one_does_and_both_answer(memory: InMemory, world: World) -> None:
    ada = someone()
    ticket = login.request(world.queue, ada).ticket
    world.later(61 * SECOND)
    before(memory, "update_item", "#sentAt", lambda: login.status(world.queue, ada, ticket))
    assert login.status(world.queue, ada, ticket).state is State.QUEUED
    assert len(memory.sqs.bodies) == 2


# The way in


@pytest.mark.parametrize(("asked", "late"), [(0, False), (31_000, False), (31_001, True)])
def test_who_comes_in_is_measured_against_what_was_told_on_placing(world: World, asked: int, late: bool) -> None:
    """Of a wait of 290 s a tenth and two seconds are forgiven: 31 s."""
    world.queue.lines.change(lambda line, t: line.set_capacity(t, None).set_rate(t, 1_000).join(t, 289))
    ada = someone()
    ticket = world.in_line(ada)
    assert world.player(ada).eta_at == world.now[0] + 290_000
    for _ in range(5):
        world.later(58_000)
        world.queue.lines.change(lambda line, t: line.renew(t))
    world.later(asked)
    standing = login.status(world.queue, ada, ticket)
    assert (standing.admitted, standing.came) == (True, Came(asked, late))


def test_who_was_told_nothing_is_told_from_who_is_back(world: World) -> None:
    world.queue.lines.change(lambda line, t: line.set_capacity(t, 0))
    ada = someone()
    ticket = world.in_line(ada)
    world.queue.lines.change(lambda line, t: line.set_capacity(t, 1))
    world.later(1_000)
    assert login.status(world.queue, ada, ticket).came == Came(None, None)
    apply(world.queue, [left(ada, ticket, world.now[0])])
    world.queue.lines.change(lambda line, t: line.pause(t))
    back = login.request(world.queue, ada)
    world.queue.lines.change(lambda line, t: line.resume(t))
    world.later(1_000)
    standing = login.status(world.queue, ada, back.ticket)
    assert (standing.is_new, standing.came) == (True, None)


def test_a_renewal_that_fails_fails_no_poll(memory: InMemory, world: World) -> None:
    noted: list[str] = []
    queue = replace(world.queue, log=lambda event, **_: noted.append(event))
    ada = someone()
    queue.lines.change(lambda line, t: line.set_capacity(t, 0))
    ticket = world.in_line(ada)
    world.later(DEFAULT_LEASE // 2 + SECOND)

    def throttled(operation: str, parameters: Row, work: Work) -> Row:
        if operation == "put_item":
            raise error("PutItem", "ThrottlingException")
        return work(**parameters)

    memory.dynamodb.spoil = throttled
    assert login.status(queue, ada, ticket).state is State.WAITING
    assert noted == ["renewal_failed"]


def test_who_was_let_in_with_another_ticket_is_not_told_so_with_this_one(memory: InMemory, world: World) -> None:
    """The tab that was forgotten polls just as the player has given up, come anew and got in elsewhere."""
    ada = someone()
    ticket = world.in_line(ada)
    world.later(1 * SECOND)

    def come_anew() -> None:
        login.leave(world.queue, ada, by_operator=True)
        world.let_in(ada)

    before(memory, "update_item", "#loginProcessedAt = ", come_anew)
    with pytest.raises(UnknownTicket):
        login.status(world.queue, ada, ticket)
    assert world.player(ada).in_game()


def test_who_is_let_in_by_an_operator_is_among_those_who_came_through(world: World) -> None:
    queue, ada = world.queue, someone()
    assert operator(queue).admit([ada]) == ["let in"]
    assert sum(queue.valve.admitted(queue.lines.read(), T).values()) == 1
    world.later(1 * SECOND)
    assert operator(queue).admit([ada]) == ["was in already"]
    assert world.counts() == (1, 1, 0, 0)


# The way out


@pytest.mark.parametrize(
    ("capacity", "reports", "departed"), [(100, False, 1), (None, True, 1), (100, True, 1), (None, False, 0)]
)
def test_who_never_came_into_the_game_departs_with_the_next_ticket_where_anybody_counts(
    world: World, capacity: int | None, reports: bool, departed: int
) -> None:
    rule(world, reports_joined=reports)
    ada = someone()
    world.queue.lines.change(lambda line, t: line.set_capacity(t, capacity))
    world.let_in(ada)
    world.later(5 * MINUTE)
    assert login.request(world.queue, ada).state is State.QUEUED
    assert world.departed() == departed


def test_a_departure_that_comes_between_is_not_counted_twice(memory: InMemory, world: World) -> None:
    """The player takes a new ticket, and in that moment the game server reports the old one's end."""
    ada = someone()
    admission = world.let_in(ada)
    at = world.now[0]
    world.later(5 * MINUTE)
    before(memory, "transact_write_items", "", lambda: apply(world.queue, [left(ada, admission, at)]))
    assert login.request(world.queue, ada).state is State.QUEUED
    assert world.departed() == 1


def test_every_claim_is_kept_until_it_is_counted(world: World) -> None:
    ada = someone()
    for position in (1, 2, 3):
        world.let_in(ada)
        assert world.player(ada).position == position
        login.leave(world.queue, ada)
        world.later(COOL_DOWN)
    assert world.player(ada).claimed == (1, 2, 3)
    world.queue.lines.change(lambda line, t: replace(line.anchored(t), expired_to=3, counted_to=2))
    world.let_in(ada)
    login.leave(world.queue, ada)
    assert world.player(ada).claimed == (3, 4)


def test_who_is_forgotten_leaves_the_claims_that_are_not_counted_and_no_name(world: World) -> None:
    """They would be taken for no-shows, and the capacity be exceeded by them."""
    queue, ada = world.queue, someone()
    world.let_in(ada)
    forget(queue, ada)
    rest = world.player(ada)
    assert (rest.claimed, rest.username, rest.ticket) == ((1,), None, None)
    queue.lines.change(lambda line, t: line.expire_to(t, 1))
    for _ in range(2):
        settle(queue)
        world.later(ADMITTING)
    assert (queue.lines.read().counted_to, world.counts()) == (1, (1, 0, 0, 1))
    forget(queue, ada)
    rest = world.player(ada)
    assert (rest.claimed, rest.deleted, rest.blocked) == ((1,), True, True)
