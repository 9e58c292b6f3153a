"""The line made anew from rosters and rows, after any history: nobody loses a place, and nothing is given twice."""

from contextlib import suppress
from dataclasses import replace

import pytest
from hypothesis import example, given
from hypothesis import strategies as st

from loginq.service.operations.rebuilding import check, remains
from loginq.service.requests import login
from loginq.service.requests.departures import fold
from loginq.service.requests.minute import settle
from loginq.service.requests.sessions import apply
from loginq.service.rules.errors import Conflict, Lost, MissingTicket, TicketExpired, UnknownTicket
from loginq.service.rules.line import Line
from loginq.service.rules.player import Identity, State
from loginq.service.rules.rebuild import rebuilt
from loginq.service.rules.times import MINUTE
from loginq.service.store import keys
from loginq.service.store.line import LineStore
from loginq.service.store.queue import Queue
from tests.memory import InMemory
from tests.world import World, left, made, operator, someone

OPS = st.lists(
    st.one_of(
        st.tuples(st.just("come"), st.integers(1, 6)),
        st.tuples(st.just("poll"), st.integers(1, 90_000)),
        st.tuples(st.just("leave"), st.integers(0, 9)),
        st.tuples(st.just("give up"), st.integers(0, 9)),
        st.tuples(st.just("again"), st.integers(0, 9)),
        st.tuples(st.just("admit"), st.just(0)),
        st.tuples(st.just("rate"), st.sampled_from((20, 100, 1_000, 5_000))),
        st.tuples(st.just("capacity"), st.integers(0, 12)),
        st.tuples(st.just("settle"), st.integers(1, 5)),
    ),
    max_size=16,
)

EXPIRED = [("come", 1), ("settle", 2), ("come", 1), ("settle", 1), ("come", 1), ("settle", 2)]
"""The first of them never polls, and the others' coming is what keeps the gate moving."""


def play(world: World, ops: list[tuple[str, int]]) -> list[Identity]:
    """A history; everybody who had a part in it."""
    queue, everyone = world.queue, list[Identity]()
    for what, much in ops:
        world.later(1_000)
        who = everyone[much % len(everyone)] if everyone else None
        if what == "come":
            new = [someone() for _ in range(much)]
            everyone += new
            for each in new:
                world.in_line(each)
        elif what == "poll":
            world.later(much)
            for each in everyone:
                _look(world, each)
        elif what == "rate":
            queue.lines.change(lambda line, t: line.set_rate(t, much))  # noqa: B023 - called at once
        elif what == "capacity":
            operator(queue).set_capacity(much)
        elif what == "admit":
            everyone.append(someone())
            login.request(queue, everyone[-1])
            operator(queue).admit([everyone[-1]])
        elif what == "settle":
            for _ in range(much):
                world.later(MINUTE)
                settle(queue)
        elif who is not None:
            _change(world, who, what)
    return everyone


def _look(world: World, who: Identity) -> None:
    with suppress(MissingTicket, TicketExpired, UnknownTicket):
        login.status(world.queue, who, world.player(who).ticket)


def _change(world: World, who: Identity, what: str) -> None:
    player = world.player(who)
    if what == "leave" and player.in_game() and player.ticket:
        apply(world.queue, [left(who, player.ticket, world.now[0])])
    elif what == "give up" and player.ticket:
        login.leave(world.queue, who, by_operator=True)
    elif what == "again" and player.ticket is None:
        world.in_line(who)


def lose(queue: Queue) -> None:
    queue.table.write_all(deletes=[keys.line(queue.name)])
    queue.lines._cache = None
    queue.lines._begins = False


def again(queue: Queue) -> Line:
    there = remains(queue)
    return operator(queue).rebuild(there, rebuilt(there, queue.rules, queue.clock())).line


@example([("come", 2), ("give up", 1)])  # the last place is in a roster alone
@example(EXPIRED)
@example([*EXPIRED, ("settle", 2)])  # and counted
@example([("rate", 20), ("come", 2), ("admit", 0), ("come", 2)])  # who is let in out of turn says nothing of the gate
@given(OPS)
def test_everybody_has_the_same_place_and_nothing_is_given_twice(ops: list[tuple[str, int]]) -> None:
    world = made(InMemory())
    everyone = play(world, ops)
    queue = world.queue
    world.later(1_000)
    fold(queue)
    lost, t = queue.lines.read(), world.now[0]
    lose(queue)
    with pytest.raises(Lost):
        queue.lines.read()
    line = again(queue)
    rows = [world.player(who) for who in everyone]
    assert line.tail == lost.tail
    assert (line.paused, line.rate, line.capacity) == (True, 0, lost.capacity)
    assert line.void_before == 0 and line.version > lost.version
    for row in rows:
        if row.state(lost) is State.WAITING and row.position is not None and row.position > lost.reached(t):
            assert (row.state(line), row.position > line.reached(t)) == (State.WAITING, True)
        if row.state(lost) is State.EXPIRED and (row.position or 0) <= lost.counted_to:
            assert row.state(line) is State.EXPIRED  # its place is somebody else's
    inside = sum(row.in_game() for row in rows)
    assert world.counts()[1] == inside
    taken, were = (each.occupied(t) - each.reached(t) for each in (line, lost))
    assert 0 <= were - taken <= lost.expired_to - lost.counted_to  # what had expired is counted with it
    _goes_on(world, everyone, lost, line)


def _goes_on(world: World, everyone: list[Identity], lost: Line, line: Line) -> None:
    """At a rate again, all who wait get in once there is room, in their turn, and who comes is behind them."""
    queue = world.queue
    newcomer = someone()
    world.in_line(newcomer)
    assert world.player(newcomer).position == lost.tail + 1
    operator(queue).set_capacity(1_000)
    operator(queue).set_rate(1_000_000)
    operator(queue).resume()
    waiting = [who for who in [*everyone, newcomer] if world.player(who).state(line) is State.WAITING]
    world.later(30_000)
    for who in waiting:
        for _ in range(20):
            if login.status(queue, who, world.player(who).ticket).admitted:
                break
            world.later(1_000)
        assert world.player(who).in_game(), who
    assert world.counts()[1] == sum(world.player(who).in_game() for who in [*everyone, newcomer])


def test_a_line_that_can_be_read_is_left_alone() -> None:
    world = made(InMemory())
    world.in_line(someone())
    with pytest.raises(Conflict, match="can be read"):
        check(world.queue)
    there = rebuilt(remains(world.queue), world.queue.rules, world.now[0])
    with pytest.raises(Conflict, match="can be read"):
        world.queue.lines.remake(there)


@pytest.mark.parametrize(
    "spoilt", [{"tail": "x"}, {"tail": None}, {"paused": 1}, {"rate": 1.0}, {"plan": b"123"}, {"tail": 0}]
)
def test_a_spoilt_line_is_said_and_made_anew(spoilt: dict[str, object]) -> None:
    """Also one that looks well, as of a day before anybody stood in it."""
    world = made(InMemory())
    who = someone()
    world.in_line(who)
    row = world.queue.table.get(*keys.line(world.queue.name))
    assert row is not None
    row = {name: value for name, value in {**row, **spoilt}.items() if value is not None}
    row = {**row, "rate": str(row["rate"])} if isinstance(row["rate"], float) else row
    world.queue.table.put(row)
    world.queue.lines._cache = None
    check(world.queue)
    again(world.queue)
    assert (world.queue.lines.read().tail, world.player(who).position) == (1, 1)


def test_a_function_never_begins_a_line_anew() -> None:
    world = made(InMemory())
    world.in_line(someone())
    lose(world.queue)
    functions = LineStore(world.queue.table, world.queue.name, world.queue.clock)
    with pytest.raises(Lost, match="has lost its line"):
        functions.change(Line.renew)
    assert replace(rebuilt(remains(world.queue), world.queue.rules, 5), anchored_at=0).tail == 1
