"""Reads of the line that lag behind it: what a player is told may be old, what is decided may not."""

from collections.abc import Iterator
from types import SimpleNamespace
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from loginq.service.requests import login
from loginq.service.rules.errors import TicketExpired
from loginq.service.rules.line import Line
from loginq.service.rules.login import Standing
from loginq.service.rules.player import Identity
from loginq.service.rules.settings import Rules
from loginq.service.rules.times import MINUTE, SECOND
from loginq.service.store import line as store
from loginq.service.store.line import from_row
from loginq.service.store.queue import connect
from loginq.service.store.table import Row
from loginq.service.store.wire import unpack
from tests.memory import InMemory, Work
from tests.world import World, made, someone

HOUR_OF_LAG = 60 * MINUTE


class Lagging:
    """A Lambda whose eventually consistent reads of the line are `lag` ms old, and whoever else writes it."""

    def __init__(self) -> None:
        memory = InMemory()
        self.there: World = made(memory, rules=Rules(initial_rate=1_000))
        queue = self.there.queue
        self.here = connect(memory, table="table", sqs_url="url", clock=queue.clock, name=queue.name)
        self.lag, self.calls = 0, list[str]()
        self.lines: list[tuple[int, Row]] = []
        memory.dynamodb.spoil = self._answer
        self.change(Line.renew)
        self.players: list[tuple[Identity, str]] = []

    @property
    def now(self) -> int:
        return self.there.now[0]

    def line(self) -> Line:
        """As it is by now."""
        return from_row(unpack(self.lines[-1][1]))

    def lately(self) -> Iterator[Line]:
        """As it was at any time within the last second."""
        for n, (_, row) in enumerate(self.lines):
            if n + 1 == len(self.lines) or self.lines[n + 1][0] >= self.now - SECOND:
                yield from_row(unpack(row))

    def change(self, change: Any) -> None:
        """By somebody else."""
        self.there.queue.lines.change(change)

    def join(self) -> None:
        """One player more, placed by somebody else."""
        who = someone()
        self.players.append((who, self.there.in_line(who)))

    def poll(self, n: int) -> Standing:
        who, ticket = self.players[n % len(self.players)]
        self.calls.clear()
        return login.status(self.here, who, ticket)

    def _answer(self, operation: str, parameters: Row, work: Work) -> Row:
        answer = work(**parameters)
        if operation == "put_item" and parameters["Item"]["SK"]["S"] == "LINE":
            self.lines.append((self.now, parameters["Item"]))
        if operation != "batch_get_item":
            self.calls.append(operation)
            return answer
        ((_, asked),) = parameters["RequestItems"].items()
        self.calls.append("read" if asked["ConsistentRead"] else "glance")
        if not asked["ConsistentRead"]:
            ((table, rows),) = answer["Responses"].items()
            old = [row for at, row in self.lines if at <= self.now - self.lag][-1:]
            answer = {"Responses": {table: old + [row for row in rows if row["SK"]["S"] != "LINE"]}}
        return answer


@pytest.fixture
def lagging(monkeypatch: pytest.MonkeyPatch) -> Lagging:
    found = Lagging()
    monkeypatch.setattr(store, "time", SimpleNamespace(monotonic=lambda: found.now / SECOND))
    return found


ACTS = {
    "pause": Line.pause,
    "resume": Line.resume,
    "slow": lambda line, t: line.set_rate(t, 100),
    "fast": lambda line, t: line.set_rate(t, 5_000),
    "full": lambda line, t: line.set_capacity(t, line.reached(t)),
    "free": lambda line, t: line.set_capacity(t, None),
    "close": lambda line, t: line.expire_to(t, line.reached(t) // 2),
}
STEPS = st.lists(
    st.tuples(
        st.sampled_from([0, 200, 999, 1_001, 3_000, 40_000]),
        st.sampled_from([0, 300, 5_000, HOUR_OF_LAG]),
        st.sampled_from([*ACTS, "join", "join", "poll", "poll", "poll", "poll"]),
        st.integers(0, 9),
    ),
    min_size=5,
    max_size=40,
)


@given(STEPS)
def test_nobody_is_let_in_or_refused_by_an_old_line(steps: list[tuple[int, int, str, int]]) -> None:
    with pytest.MonkeyPatch.context() as patch:
        world = Lagging()
        patch.setattr(store, "time", SimpleNamespace(monotonic=lambda: world.now / SECOND))
        for _ in range(5):
            world.join()
        positions: dict[int, int | None] = {}
        for wait, world.lag, act, n in steps:
            world.there.later(wait)
            if act in ACTS:
                world.change(ACTS[act])
            elif act == "join":
                world.join()
            else:
                n %= len(world.players)
                try:
                    standing = world.poll(n)
                except TicketExpired:
                    player = world.there.player(world.players[n][0])
                    assert player.admitted_at is not None or (player.position or 0) <= world.line().expired_to
                    continue
                assert positions.setdefault(n, standing.position) == standing.position
                if standing.is_new:
                    position = standing.position or 0
                    assert any(position <= line.reached(world.now) and not line.paused for line in world.lately())


def test_a_pause_holds_within_a_second_however_old_a_glance_is(lagging: Lagging) -> None:
    lagging.change(lambda line, t: line.set_rate(t, 100))
    for _ in range(4):
        lagging.join()
    lagging.poll(3)
    lagging.there.later(2_000)
    lagging.change(lambda line, t: line.set_rate(t, 5_000))
    lagging.there.later(1)
    lagging.change(Line.pause)
    paused_at = lagging.now
    for _ in range(60):
        lagging.there.later(1_001)
        lagging.lag = lagging.now - paused_at + 1  # as it was just before
        assert not any(lagging.poll(n).admitted for n in (3, 2, 1))
    lagging.change(Line.resume)
    lagging.lag = 0
    lagging.there.later(2_000)
    assert all(lagging.poll(n).admitted for n in (3, 2, 1))


def test_a_poll_of_who_waits_reads_the_line_once_a_second_and_not_consistently(lagging: Lagging) -> None:
    for _ in range(9):
        lagging.join()
    lagging.poll(8)
    assert lagging.calls == ["get_item", "read"]  # the first of a cold Lambda
    asked = []
    for wait in (500, 501, 500, 501):
        lagging.there.later(wait)
        lagging.poll(8)
        asked.append([call for call in lagging.calls if call != "get_item"])
    assert asked == [[], ["glance"], [], ["glance"]]


def test_who_is_let_in_costs_a_second_read_only_by_surprise(lagging: Lagging) -> None:
    for _ in range(9):
        lagging.join()
    lagging.poll(8)
    lagging.there.later(1_001)
    assert lagging.poll(0).admitted
    assert lagging.calls == ["get_item", "read", "update_item", "update_item"]
    lagging.there.later(2_001)
    lagging.poll(8)  # of which this Lambda knows the line by a glance
    assert lagging.poll(1).admitted
    assert lagging.calls == ["get_item", "read", "update_item", "update_item"]
    assert lagging.poll(2).admitted
    assert lagging.calls == ["get_item", "update_item", "update_item"]


def test_an_answer_that_is_seen_to_be_old_is_asked_for_again(lagging: Lagging) -> None:
    """There is no line in it, or one that ends before a place that it gave, or an older one than is known here."""
    lagging.join()
    lagging.poll(0)
    for lag in (HOUR_OF_LAG, 1_002):
        lagging.join()
        lagging.there.later(1_001)
        lagging.lag = lag
        assert lagging.poll(len(lagging.players) - 1).ahead is not None
        assert lagging.calls[1:] == ["glance", "read"]
    lagging.there.later(1_001)
    lagging.lag = 2_500
    assert lagging.here.lines.glance() == lagging.line()
    assert lagging.calls[-2:] == ["glance", "read"]
