"""A line is reset while late messages, repeated ones and polls of what was forgotten come in."""

from collections import Counter
from contextlib import suppress
from dataclasses import dataclass, field, replace
from random import Random

import pytest

from loginq.service.operations.resetting import let_in_lately, occupants, staying
from loginq.service.requests import login
from loginq.service.requests.minute import settle
from loginq.service.requests.placing import Message, place
from loginq.service.rules.act import PROOF
from loginq.service.rules.errors import Conflict, LoginError, TicketExpired, Unavailable
from loginq.service.rules.minute import ADMITTING
from loginq.service.rules.player import Identity, State
from loginq.service.rules.ticket import Ticket
from loginq.service.rules.times import HOUR, MINUTE, SECOND, iso
from loginq.service.store import keys
from loginq.service.store.audit import actions
from loginq.service.store.queue import Queue, connect
from loginq.service.store.table import Row
from tests.memory import InMemory, Work, error
from tests.world import World, made, operator, rule, someone


def ghosts(world: World, count: int) -> list[Message]:
    """So many synthetic players with their rows, and their tickets as SQS delivers them."""
    tickets = [Ticket(f"synthetic-{world.now[0]}-{n:04}", f"t{n}", world.now[0], synthetic=True) for n in range(count)]
    for each in tickets:
        row: Row = {"loginTicket": each.ticket, "ticketIssuedAt": iso(each.issued_at), "synthetic": True}
        world.queue.table.put({**keys.keyed(keys.player(each.sub)), **row})
    return [Message(each.sub, each.body()) for each in tickets]


def test_a_rehearsal_leaves_nothing(world: World) -> None:
    """Who comes next waited behind nobody; and who was in the game is counted as before."""
    queue = world.queue
    queue.lines.change(lambda line, t: line.set_capacity(t, None).set_rate(t, 1_000))
    inside = someone()
    world.let_in(inside)
    place(queue, ghosts(world, 150))
    world.later(15 * SECOND)
    before = world.counts()
    line = queue.lines.read()
    assert (line.waiting(world.now[0]), line.join(world.now[0], 1).wait(152, world.now[0])) == (134, 135_000)
    done = operator(queue).reset_line()
    assert (done.act.what, done.act.before, done.act.after) == ("reset line", 134, 0)
    assert (done.line.waiting(world.now[0]), done.line.holes) == (0, 150)
    newcomer = someone()
    ticket = world.in_line(newcomer)
    assert login.status(queue, newcomer, ticket).eta == 1_000
    assert world.counts() == before
    assert login.status(queue, newcomer, ticket).admitted
    assert (world.player(newcomer).position, world.counts()) == (152, (2, 2, 0, 0))
    login.leave(queue, inside)
    assert world.counts() == (2, 1, 0, 1)


def test_it_is_refused_while_a_real_player_waits_or_may_still_be_let_in(world: World) -> None:
    queue, who = world.queue, someone()
    place(queue, ghosts(world, 30))
    rule(world, claim_window=10 * SECOND)
    ticket = world.in_line(who)
    found = occupants(queue, queue.lines.read())
    assert (found.ghosts, staying(queue, queue.lines.read(), found)) == (
        30,
        "30 places of nobody stay in front of 1 real players, the first of whom is name at 31: "
        "the line passes them at 1,000/s.",
    )
    with pytest.raises(Conflict, match="1 real players wait in line"):
        operator(queue).reset_line()
    for _ in range(2):
        world.later(11 * SECOND)
        settle(queue)
    with pytest.raises(TicketExpired):
        login.status(queue, who, ticket)
    with pytest.raises(Conflict, match="may still be let in"):  # by a call that has begun
        operator(queue).reset_line()
    world.later(11 * SECOND)
    settle(queue)
    operator(queue).reset_line()
    assert [each.what for each in actions(queue)] == ["reset line"]


def test_what_is_in_the_intake_is_void_and_its_player_asks_anew(world: World) -> None:
    queue, who = world.queue, someone()
    late = world.message(who)
    old = world.player(who).ticket
    world.later(SECOND)
    operator(queue).reset_line()
    assert place(queue, [late]).stale == 1
    with pytest.raises(TicketExpired):
        login.status(queue, who, old)
    world.in_line(who)
    assert place(queue, [late]).stale == 1
    assert (world.player(who).position, world.player(who).ticket == old) == (1, False)


def test_a_batch_that_is_being_placed_is_waited_for(memory: InMemory, world: World) -> None:
    """Its positions are taken, and no roster says yet by whom."""
    queue, who = world.queue, someone()
    message = world.message(who)

    def between(operation: str, parameters: Row, work: Work) -> Row:
        if operation == "batch_write_item":
            memory.dynamodb.spoil = lambda operation, parameters, work: work(**parameters)
            with pytest.raises(Conflict, match="being placed"):
                operator(queue).reset_line()
            world.later(ADMITTING)
            operator(queue).reset_line()
        return work(**parameters)

    memory.dynamodb.spoil = between
    assert place(queue, [message]).placed == 1
    assert world.player(who).state(queue.lines.read()) is State.EXPIRED
    with pytest.raises(TicketExpired):
        login.status(queue, who, world.player(who).ticket)
    ticket = world.in_line(who)
    world.later(SECOND)
    assert login.status(queue, who, ticket).admitted
    assert (world.player(who).position, world.counts()[:2]) == (2, (1, 1))


def test_who_joins_while_it_looks_is_seen(memory: InMemory, world: World) -> None:
    """The rosters are read, then somebody is placed: the line is another version, and is looked at again."""
    queue, who = world.queue, someone()
    place(queue, ghosts(world, 3))

    def between(operation: str, parameters: Row, work: Work) -> Row:
        if operation == "put_item":
            memory.dynamodb.spoil = lambda operation, parameters, work: work(**parameters)
            world.in_line(who)
        return work(**parameters)

    memory.dynamodb.spoil = between
    with pytest.raises(Conflict, match="real players wait"):
        operator(queue).reset_line()
    assert world.player(who).state(queue.lines.read()) is State.WAITING


def test_two_operators_at_once_and_one_who_is_cut_off_count_nobody_twice(memory: InMemory, world: World) -> None:
    queue = world.queue
    world.let_in(someone())
    place(queue, ghosts(world, 30))
    queue.settlement.write(replace(queue.settlement.read(), samples=((0, 1),), counts=((1, 2),)))
    before = world.counts()

    def another_first(operation: str, parameters: Row, work: Work) -> Row:
        if operation == "put_item":
            memory.dynamodb.spoil = cut_off
            with pytest.raises(Unavailable):
                operator(queue).reset_line()
            memory.dynamodb.spoil = lambda operation, parameters, work: work(**parameters)
        return work(**parameters)

    def cut_off(operation: str, parameters: Row, work: Work) -> Row:
        if parameters.get("Item", {}).get("SK") == {"S": "SETTLEMENT"}:
            raise error("PutItem", "InternalServerError")
        return work(**parameters)

    memory.dynamodb.spoil = another_first
    line = operator(queue).reset_line().line
    assert (line.holes, line.counted_to, world.counts()) == (30, 31, before)
    memory_left = queue.settlement.read()
    assert (memory_left.samples, memory_left.counts, memory_left.expiries[0][1]) == ((), (), 31)


def test_who_was_let_in_lately(world: World) -> None:
    world.queue.lines.change(lambda line, t: line.set_rate(t, 1_000))
    assert let_in_lately(world.queue) == 0
    world.let_in(someone())
    world.later(HOUR - MINUTE)
    assert let_in_lately(world.queue) == 1
    world.let_in(someone())
    operator(world.queue).acted(PROOF, after={"let_in": 1})  # one of the two was no real player
    assert let_in_lately(world.queue) == 1
    world.later(2 * MINUTE)
    assert let_in_lately(world.queue) == 0


@dataclass
class Storm:
    """Random calls of players, deliveries and resets, by two functions whose caches differ."""

    world: World
    functions: list[Queue]
    random: Random
    people: list[Identity] = field(default_factory=lambda: [someone() for _ in range(8)])
    sent: list[Message] = field(default_factory=list)
    tickets: dict[str, list[str]] = field(default_factory=dict)
    admissions: Counter[str] = field(default_factory=Counter)
    resets: int = 0

    def any(self) -> Queue:
        return self.random.choice(self.functions)

    def later(self, ms: int) -> None:
        self.world.later(ms)
        if ms >= SECOND:
            for each in self.functions:
                each.lines._cache = None

    def ask(self) -> None:
        who = self.random.choice(self.people)
        with suppress(LoginError):
            ticket = login.request(self.any(), who).ticket
            player = self.world.player(who)
            self.tickets.setdefault(who.sub, []).append(ticket)
            if player.issued_at is not None:
                self.sent.append(Message(ticket, Ticket(who.sub, ticket, player.issued_at).body()))

    def crowd(self) -> None:
        self.later(1)
        self.sent += ghosts(self.world, self.random.randint(1, 20))

    def deliver(self) -> None:
        if self.sent:
            some = {each.id: each for each in self.random.choices(self.sent, k=10)}
            place(self.any(), list(some.values()))

    def poll(self) -> None:
        who = self.random.choice(self.people)
        for ticket in self.random.sample(self.tickets.get(who.sub, []), k=min(2, len(self.tickets.get(who.sub, [])))):
            with suppress(LoginError):
                self.admissions[ticket] += login.status(self.any(), who, ticket).is_new

    def give_up(self) -> None:
        with suppress(LoginError):
            login.leave(self.any(), self.random.choice(self.people))

    def reset(self) -> None:
        before = self.world.counts()
        tail = self.world.queue.lines.read().tail
        with suppress(Conflict):
            line = operator(self.world.queue).reset_line().line
            self.resets += 1
            assert (self.world.counts(), line.tail) == (before, tail)

    def minute(self) -> None:
        self.later(self.random.choice([1, 100, SECOND, 5 * SECOND]))
        settle(self.world.queue)


@pytest.mark.parametrize("seeds", [range(3), pytest.param(range(3, 100), marks=pytest.mark.drills)])
def test_in_a_storm_nobody_has_two_places_and_whoever_asks_again_gets_in(seeds: range) -> None:
    resets = 0
    for seed in seeds:
        memory = InMemory()
        world = made(memory)
        rule(world, claim_window=10 * SECOND, reports_joined=False)
        world.queue.lines.change(lambda line, t: line.set_rate(t, 10_000))
        storm = Storm(world, [function(memory, world) for _ in range(2)], Random(seed))
        acts = [storm.ask, storm.crowd, *[storm.deliver, storm.poll] * 3, storm.give_up, storm.reset, storm.minute]
        for _ in range(80):
            storm.random.choice(acts)()
        for who in storm.people:
            gets_in(world, who)
        positions = [place.position for place in world.queue.rosters.places(1, 10**6)]
        assert len(positions) == len(set(positions))
        assert all(count <= 1 for count in storm.admissions.values())
        resets += storm.resets
    assert resets > len(seeds)


def function(memory: InMemory, world: World) -> Queue:
    """The queue as another Lambda has it: with a cache of its own."""
    return connect(memory, table="table", sqs_url="url", clock=world.queue.clock, name=world.queue.name)


def gets_in(world: World, who: Identity) -> None:
    """The player does as clients do: asks, polls, asks again when the ticket is over."""
    world.later(11 * SECOND)
    for n in range(300):
        standing = login.request(world.queue, who)
        player = world.player(who)
        if player.state(world.queue.lines.read()) is State.QUEUED and player.issued_at is not None:
            place(world.queue, [Message("again", Ticket(who.sub, standing.ticket, player.issued_at).body())])
        world.later(5 * SECOND)
        if n % 4 == 3:
            settle(world.queue)
        with suppress(TicketExpired):
            if login.status(world.queue, who, standing.ticket).admitted:
                return
    raise AssertionError("the player waits for ever")
