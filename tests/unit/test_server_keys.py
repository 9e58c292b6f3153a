"""Keys of game servers: which one opens, what is kept of it, and how soon a revoked one is refused."""

import json
import statistics
import time
from contextlib import suppress
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from lambdas import http, report_sessions
from loginq.service.rules.errors import Conflict, NotFound, WrongKey
from loginq.service.rules.server_keys import GRACE, KNOWN, NOBODYS, USED, ServerKey, bearer_of, hash_of, opened
from loginq.service.rules.servers import Server
from loginq.service.store import keys
from loginq.service.store.server_keys import new_key
from loginq.service.store.table import Row
from tests.memory import InMemory, Work, error
from tests.world import T, World, operator

TEXT = st.text(max_size=50)


@given(right=TEXT, before=TEXT, presented=TEXT, late=st.integers(-5, 5))
def test_the_key_opens_and_the_one_before_until_its_time_is_over(
    right: str, before: str, presented: str, late: int
) -> None:
    there = ServerKey("eu-1", hash_of(right), T, old_hash=hash_of(before), old_until=T)
    for key in (presented, right, before):
        opens = key == right or (key == before and late < 0)
        assert opened(there, key, T + late) == (hash_of(key) if opens else "")
    assert opened(ServerKey("eu-1", hash_of(right), T), NOBODYS, T) == ""


@pytest.mark.parametrize(
    ("headers", "found"),
    [
        ({"Authorization": "Bearer abc"}, "abc"),
        ({"authorization": "bearer  abc "}, "abc"),
        ({"AUTHORIZATION": "abc"}, ""),
        ({"Authorization": "Basic abc"}, ""),
        ({"Authorization": None, "X": "Bearer abc"}, ""),
        ({"Authorization": ""}, ""),
        ({}, ""),
        (None, ""),
    ],
)
def test_what_stands_behind_bearer(headers: dict[str, Any] | None, found: str) -> None:
    assert bearer_of(headers) == found


def test_what_is_read_of_a_key_is_known_for_five_seconds_and_so_is_that_there_is_none(
    world: World, memory: InMemory
) -> None:
    key, held = operator(world.queue).add_server_key("eu-1"), world.queue.server_keys.holds
    for name in ("eu-1", "eu-2", "no name, and far too long for a row" * 100):
        memory.dynamodb.calls.clear()
        assert [held(name, key, T + ms) for ms in (0, KNOWN - 1, KNOWN)] == [name == "eu-1"] * 3
        assert memory.dynamodb.calls.count("get_item") == 2
        assert held(name, new_key(), T + KNOWN) is False
    operator(world.queue).revoke_server_key("eu-1")
    assert (held("eu-1", key, T + 2 * KNOWN - 1), held("eu-1", key, T + 2 * KNOWN)) == (True, False)
    with pytest.raises(NotFound):
        operator(world.queue).revoke_server_key("eu-1")
    assert not held("", key, T)
    for n in range(1_100):
        assert not held(f"made-up-{n}", key, T)
    assert len(world.queue.server_keys._known) < 1_000


def test_the_last_use_is_one_write_a_minute_and_never_brings_a_revoked_key_back(world: World, memory: InMemory) -> None:
    key, there = operator(world.queue).add_server_key("eu-1"), world.queue.server_keys
    memory.dynamodb.calls.clear()
    for ms in range(0, 2 * USED + 1, 1_000):
        assert there.holds("eu-1", key, T + ms) and not there.holds("eu-1", "wrong", T + ms)
    assert memory.dynamodb.calls.count("update_item") == 3
    assert there.get("eu-1").used_at == T + 2 * USED
    assert there.holds("eu-1", key, T + 4 * USED)
    there.revoke("eu-1")
    there._known["eu-1"] = (T + 6 * USED, ServerKey("eu-1", hash_of(key), T))
    assert there.holds("eu-1", key, T + 6 * USED)  # by what is known
    assert there.read("eu-1") is None


def test_a_use_that_cannot_be_noted_keeps_no_report_out(world: World, memory: InMemory) -> None:
    key, there = operator(world.queue).add_server_key("eu-1"), world.queue.server_keys

    def busy(operation: str, parameters: Row, work: Work) -> Row:
        if operation == "update_item":
            raise error("UpdateItem", "ProvisionedThroughputExceededException")
        return work(**parameters)

    memory.dynamodb.spoil = busy
    assert there.holds("eu-1", key, T) and there.get("eu-1").used_at is None


def test_both_keys_are_good_while_one_follows_the_other(world: World, memory: InMemory) -> None:
    act, there = operator(world.queue), world.queue.server_keys
    first = act.add_server_key("eu-1")
    with pytest.raises(Conflict):
        act.add_server_key("eu-1")
    assert there.holds("eu-1", first, T)
    second, made = act.rotate_server_key(there.get("eu-1"))
    at = T + KNOWN
    assert there.holds("eu-1", first, at) and there.holds("eu-1", second, at)
    assert there.get("eu-1").document(at) == {
        "since": made.document(T)["since"],
        "last_used": made.document(at)["since"].replace("00.000Z", "05.000Z"),
        "old": {"until": made.document(T)["old"]["until"], "last_used": made.document(T)["since"]},
    }
    assert there.holds("eu-1", first, at + USED) and there.get("eu-1").old_used_at == at + USED
    assert not there.holds("eu-1", first, T + GRACE)
    with pytest.raises(Conflict):
        act.rotate_server_key(made)  # a use is no change, another key is
        act.rotate_server_key(made)
    now, _ = act.rotate_server_key(there.get("eu-1"), now=True)
    at += 2 * GRACE
    assert [there.holds("eu-1", key, at) for key in (first, second, now)] == [False, False, True]
    assert there.get("eu-1").document(at)["old"] is None
    whole = json.dumps([*memory.dynamodb.rows.values()])
    assert hash_of(now) in whole  # a stolen table, with its audit
    assert not [key for key in (first, second, now) if key in whole or len(key) < 43]


def test_counts_and_who_is_forgotten_leave_the_key_alone(world: World) -> None:
    """Also an older function, which writes the row of a count as a whole."""
    queue, row = world.queue, keys.count(world.queue.name, "eu-1")
    key = operator(queue).add_server_key("eu-1")
    assert queue.servers.every() == []
    queue.servers.write(Server("eu-1", 5, T))
    queue.table.put({**keys.keyed(row), "count": 7, "at": "2031-01-01T00:00:00.000Z"})
    queue.servers.forget(["eu-1"])
    assert queue.server_keys.holds("eu-1", key, T)
    assert [each.server for each in queue.server_keys.every()] == ["eu-1"]


@pytest.mark.drills
@pytest.mark.realtime
def test_the_time_a_call_takes_says_nothing_of_a_key_nor_of_who_has_one(
    world: World, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Medians of 1,000 each, in turn, against the first: the whole call for whoever is refused; its check, also for who
    has the right key; and the comparison alone, ten at once, as one is hardly longer than a tick of the clock."""
    monkeypatch.setattr(http, "queue", lambda: world.queue)
    act, there = operator(world.queue), world.queue.server_keys
    right, gone, wrong = act.add_server_key("eu-1"), act.add_server_key("eu-2"), new_key()
    act.revoke_server_key("eu-2")
    asked = {"right": ("eu-1", right), "wrong": ("eu-1", wrong), "unknown": ("eu-3", wrong), "revoked": ("eu-2", gone)}
    assert [there.holds(*who, T) for who in asked.values()] == [True, False, False, False]
    events = {
        name: {"resource": report_sessions.KEYED, "pathParameters": {"server": who[0]}, "headers": bearer(who[1])}
        for name, who in asked.items()
    }
    rows = {name: there._cached(who[0], T) for name, who in asked.items()}

    def check(name: str) -> None:
        with suppress(WrongKey):
            report_sessions._reporter(world.queue, events[name], T)

    def compare(name: str) -> None:
        for _ in range(10):
            opened(rows[name], asked[name][1], T)

    def call(name: str) -> None:
        report_sessions.handler(events[name], None)

    for work, names in ((call, [*asked][1:]), (check, [*asked]), (compare, [*asked])):
        took: dict[str, list[int]] = {name: [] for name in names}
        for _ in range(1_000):
            for name in names:
                there._known.clear()
                begun = time.perf_counter_ns()
                work(name)
                took[name].append(time.perf_counter_ns() - begun)
        medians = {name: statistics.median(each) for name, each in took.items()}
        assert all(abs(each / medians[names[0]] - 1) <= 0.05 for each in medians.values()), (work.__name__, medians)


def bearer(key: str) -> dict[str, str]:
    return {"Authorization": f"Bearer {key}"}
