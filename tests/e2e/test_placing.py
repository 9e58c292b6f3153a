"""At least once, twice at once, and a crash at every call: nobody is moved, nobody is lost, nobody is let in twice."""

import secrets
import time
from collections import Counter
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass, replace
from typing import Any

import pytest

from loginq.service.requests import login
from loginq.service.requests.placing import Message, Outcome, place
from loginq.service.rules.player import COOL_DOWN, Identity, Player, State
from loginq.service.rules.settings import Rules
from loginq.service.rules.ticket import Ticket
from loginq.service.store.aws import Aws, Client
from loginq.service.store.clock import system_clock
from loginq.service.store.queue import Queue, connect
from loginq.service.store.rules import write
from tests.e2e.conftest import Stack, few


class Crash(BaseException):
    """The process is gone between two lines."""


class Saboteur(Aws):
    """Clients that crash at one call, before it is made or after it took effect."""

    def __init__(self, real: Aws, at: int, when: str) -> None:
        self._real, self.left, self.when, self.calls = real, at, when, 0

    def client(self, service: str) -> Any:
        return _Sabotaged(self, self._real.client(service))


@dataclass
class _Sabotaged:
    by: Saboteur
    real: Any

    def __getattr__(self, name: str) -> Callable[..., Any]:
        method = getattr(self.real, name)

        def call(**parameters: Any) -> Any:
            self.by.calls += 1
            self.by.left -= 1
            if self.by.left == 0 and self.by.when == "before":
                raise Crash
            answer = method(**parameters)
            if self.by.left == 0:
                raise Crash
            return answer

        return call


class Hurried(Aws):
    """Clients for which the time is over after so many calls."""

    def __init__(self, real: Aws, calls: int) -> None:
        self._real, self._left = real, calls

    def time_left(self) -> float:
        self._left -= 1
        return self._left + 1

    def client(self, service: str) -> Client:
        return Client(lambda: self._real.client(service)._client, self.time_left)


@pytest.fixture(scope="module")
def url(stack: Stack) -> str:
    """An intake that nothing but the test takes from."""
    return str(stack.aws.client("sqs").create_queue(QueueName="placing-by-hand")["QueueUrl"])


def queue_on(
    stack: Stack, url: str, aws: Aws | None = None, clock: Callable[[], int] = system_clock, name: str = "main"
) -> Queue:
    if name != "main":
        write(stack.queue.table, name, Rules(initial_rate=1_000_000))
    return connect(aws or stack.aws, table=stack.target.table, sqs_url=url, clock=clock, name=name, begins=True)


def newcomers(queue: Queue, n: int) -> list[Identity]:
    return [Identity(f"u-{secrets.token_hex(8)}", "name") for _ in range(n)]


def messages(queue: Queue, who: list[Identity]) -> list[Message]:
    """Their tickets, as SQS would deliver them."""
    found = []
    for each in who:
        login.request(queue, each)
        player = queue.players.get(each.sub)
        assert player is not None and player.ticket and player.issued_at
        found.append(Message(secrets.token_hex(4), Ticket(player.sub, player.ticket, player.issued_at).body()))
    return found


def positions(queue: Queue, who: list[Identity]) -> dict[str, int | None]:
    return {sub: player.position for sub, player in queue.players.get_all([each.sub for each in who]).items()}


def assert_all_have_their_own(queue: Queue, who: list[Identity]) -> None:
    found = positions(queue, who)
    assert len(found) == len(who)
    assert None not in found.values()
    assert len(set(found.values())) == len(who)
    line = queue.lines.read()
    rosters = {place.sub: place.position for place in queue.rosters.places(1, line.tail)}
    assert all(rosters[sub] == position for sub, position in found.items())


@pytest.mark.parametrize("size", [1, 26, pytest.param(260, marks=pytest.mark.drills)])
def test_a_batch_of_any_size_in_the_order_of_the_tickets(stack: Stack, url: str, size: int) -> None:
    queue = queue_on(stack, url)
    who = newcomers(queue, size)
    batch = messages(queue, who)
    outcome = place(queue, batch[::-1])
    assert (outcome.placed, outcome.failed) == (size, [])
    found = positions(queue, who)
    issued = {each.sub: queue.players.get(each.sub).issued_at for each in who}  # type: ignore[union-attr]
    in_line = sorted(who, key=lambda each: found[each.sub] or 0)
    assert [issued[each.sub] for each in in_line] == sorted(issued.values())  # type: ignore[type-var]
    assert_all_have_their_own(queue, who)


def test_few_requests_for_a_large_batch(stack: Stack, url: str) -> None:
    counted = Saboteur(stack.aws, -1, "never")
    queue = queue_on(stack, url)
    batch = messages(queue, newcomers(queue, 110))
    place(queue_on(stack, url, counted), batch)
    assert counted.calls == 2 + 1 + 1 + 1 + 1 + 5  # rows, line (cached), line, line written, roster, positions


@pytest.mark.parametrize("when", ["before", "after"])
@pytest.mark.parametrize("call", few(range(1, 7)))
def test_a_crash_at_any_call_and_then_redelivery(stack: Stack, url: str, call: int, when: str) -> None:
    queue = queue_on(stack, url)
    who = newcomers(queue, 10)
    batch = messages(queue, who)
    with pytest.raises(Crash):
        place(queue_on(stack, url, Saboteur(stack.aws, call, when)), batch)
    then = positions(queue, who)
    assert place(queue, batch).failed == []
    now = positions(queue, who)
    assert all(now[sub] == position for sub, position in then.items() if position is not None)
    assert_all_have_their_own(queue, who)


@pytest.mark.parametrize("calls", few(range(9)))
def test_what_there_is_no_time_for_is_handed_back(stack: Stack, url: str, calls: int) -> None:
    """However long it lasts: everybody is placed or handed back, not both, and comes in the next time."""
    queue = queue_on(stack, url)
    who = newcomers(queue, 60)  # rows, line, line, line written, roster, three requests for the positions
    batch = messages(queue, who)
    outcome = place(queue_on(stack, url, Hurried(stack.aws, calls)), batch)
    found = positions(queue, who)
    assert outcome.placed == sum(position is not None for position in found.values()) == 60 - len(outcome.failed)
    assert (outcome.failed == []) == (calls == 8)
    again = place(queue, [message for message in batch if message.id in outcome.failed])
    assert (again.placed, again.failed) == (len(outcome.failed), [])
    assert_all_have_their_own(queue, who)


def test_every_message_twice_in_two_handlers_at_once(stack: Stack, url: str) -> None:
    queue = queue_on(stack, url)
    who = newcomers(queue, 60)
    batch = messages(queue, who)
    twice = [*batch, *(replace(message, id=message.id + "-again") for message in batch)]
    with ThreadPoolExecutor(4) as pool:
        outcomes = list(pool.map(lambda _: place(queue_on(stack, url), twice), range(4)))
    assert sum(outcome.placed for outcome in outcomes) == 60
    assert not any(outcome.failed for outcome in outcomes)
    first = positions(queue, who)
    assert place(queue, twice) == Outcome(duplicates=120)
    assert positions(queue, who) == first
    found = [position for position in first.values() if position is not None]
    assert len(set(found)) == 60


def test_a_ticket_that_was_given_up_or_replaced_is_dropped(stack: Stack, url: str) -> None:
    queue = queue_on(stack, url)
    gone, again = newcomers(queue, 2)
    old = messages(queue, [gone, again])
    for each in (gone, again):
        login.leave(queue, each)
    later = queue_on(stack, url, clock=lambda: system_clock() + COOL_DOWN)
    new = messages(later, [again])
    outcome = place(queue, [*old, *new])
    assert (outcome.placed, outcome.stale, outcome.failed) == (1, 2, [])
    assert positions(queue, [gone])[gone.sub] is None


def test_leaving_while_being_placed_leaves_a_hole_and_no_place(stack: Stack, url: str) -> None:
    queue = queue_on(stack, url)
    who = newcomers(queue, 1)
    batch = messages(queue, who)

    with pytest.raises(Crash):
        place(queue_on(stack, url, Saboteur(stack.aws, 6, "before")), batch)  # position taken, roster written, row not
    login.leave(queue, who[0])
    assert place(queue, batch).stale == 1
    assert positions(queue, who)[who[0].sub] is None


def test_bad_messages_fail_alone(stack: Stack, url: str) -> None:
    queue = queue_on(stack, url)
    who = newcomers(queue, 2)
    good = messages(queue, who)
    bad = [
        Message("json", "{"),
        Message("list", "[]"),
        Message("null", "null"),
        Message("fields", '{"sub": "x"}'),
        Message("types", '{"sub": 1, "ticket": [], "issued_at": "2026-01-01T00:00:00Z"}'),
        Message("time", '{"sub": "x", "ticket": "y", "issued_at": "yesterday"}'),
        Message("long", Ticket("x" * 1_000, "y", 0).body()),
        Message("unknown", Ticket("nobody", "y", 0).body()),
    ]
    outcome = place(queue, [good[0], *bad, good[1]])
    assert sorted(outcome.failed) == sorted(each.id for each in bad)
    assert outcome.placed == 2
    assert place(queue, [Message("cleaned", Ticket("synthetic-x", "y", 0, synthetic=True).body())]).stale == 1


@pytest.mark.parametrize("when", ["before", "after"])
@pytest.mark.parametrize("call", few(range(1, 4)))
def test_a_crash_at_any_call_of_login_loses_no_ticket(stack: Stack, url: str, call: int, when: str) -> None:
    now, name = system_clock(), f"login-{call}-{when}"
    queue = queue_on(stack, url, clock=lambda: now, name=name)
    (who,) = newcomers(queue, 1)
    with pytest.raises(Crash):
        login.request(queue_on(stack, url, Saboteur(stack.aws, call, when), lambda: now, name), who)
    before = queue.players.get(who.sub)
    ticket = login.request(queue, who).ticket
    if before is not None and before.ticket is not None:
        assert ticket == before.ticket
    now += 61_000
    login.status(queue, who, ticket)  # what was never sent, or seems so, is sent again
    place(queue, [Message(secrets.token_hex(4), body) for body in taken(stack, url)])
    assert_all_have_their_own(queue, [who])


def taken(stack: Stack, url: str) -> list[str]:
    """Everything in the intake, taken."""
    sqs, bodies = stack.aws.client("sqs"), []
    while found := sqs.receive_message(QueueUrl=url, MaxNumberOfMessages=10).get("Messages"):
        for message in found:
            bodies.append(message["Body"])
            sqs.delete_message(QueueUrl=url, ReceiptHandle=message["ReceiptHandle"])
    return bodies


@pytest.mark.parametrize("when", ["before", "after"])
@pytest.mark.parametrize("call", few(range(1, 5)))
def test_a_crash_at_any_call_of_status_lets_in_once(stack: Stack, url: str, call: int, when: str) -> None:
    name = f"status-{call}-{when}"
    queue = queue_on(stack, url, name=name)
    (who,) = newcomers(queue, 1)
    place(queue, messages(queue, [who]))
    player = queue.players.get(who.sub)
    assert player is not None and player.ticket
    time.sleep(0.05)
    with pytest.raises(Crash):
        login.status(queue_on(stack, url, Saboteur(stack.aws, call, when), name=name), who, player.ticket)
    between = queue.players.get(who.sub)
    standing = login.status(queue, who, player.ticket)
    assert standing.state is State.ADMITTED
    after = queue.players.get(who.sub)
    assert after is not None and after.admitted_at is not None
    if between is not None and between.admitted_at is not None:
        assert after.admitted_at == between.admitted_at


def test_polling_from_many_places_at_once_admits_once(stack: Stack, url: str) -> None:
    queue = queue_on(stack, url, name="polling")
    who = newcomers(queue, 5)
    place(queue, messages(queue, who))
    time.sleep(0.05)
    rows = queue.players.get_all([each.sub for each in who])

    def poll(n: int) -> tuple[str, int | None]:
        each = who[n % 5]
        one = queue_on(stack, url, name="polling")
        login.status(one, each, rows[each.sub].ticket)
        row: Player | None = one.players.get(each.sub)
        return each.sub, row.admitted_at if row else None

    with ThreadPoolExecutor(8) as pool:
        seen = set(pool.map(poll, range(40)))
    assert Counter(sub for sub, _ in seen) == Counter(each.sub for each in who)
    assert all(admitted for _, admitted in seen)


@pytest.mark.parametrize("capacity", [None, 1_000])
def test_a_players_way_costs_no_call_too_many(stack: Stack, url: str, capacity: int | None) -> None:
    """Warm, with a capacity or without: a ticket is a write and a message, a poll a read, letting in two writes."""
    name = f"calls-{capacity}"
    counted = Saboteur(stack.aws, -1, "never")
    queue = queue_on(stack, url, counted, name=name)
    if capacity is not None:
        queue.lines.change(lambda line, t: line.set_capacity(t, capacity))
    ada, bob = newcomers(queue, 2)
    queue.lines.read()

    def calls(call: Callable[[], object]) -> int:
        queue.lines._cache = (time.monotonic(), *queue.lines._cache[1:]) if queue.lines._cache else None
        before = counted.calls
        call()
        return counted.calls - before

    assert calls(lambda: login.request(queue, ada)) == 2
    assert calls(lambda: login.request(queue, ada)) == 1
    batch = messages(queue, [ada, bob])
    place(queue, batch)
    queue.lines.change(lambda line, t: line.pause(t))
    ticket = queue.players.get(ada.sub).ticket  # type: ignore[union-attr]
    assert calls(lambda: login.status(queue, ada, ticket)) == 1
    queue.lines.change(lambda line, t: line.resume(t))
    time.sleep(0.05)
    assert calls(lambda: login.status(queue, ada, ticket)) == 3
    assert calls(lambda: login.status(queue, ada, ticket)) == 1
