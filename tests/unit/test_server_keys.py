"""Keys of game servers: which one opens, what is kept of it, and how soon a revoked one is refused."""

import json
import statistics
import time
from collections.abc import Callable
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from loginq.service.rules.errors import Conflict, NotFound
from loginq.service.rules.server_keys import GRACE, KNOWN, USED, ServerKey, bearer_of, hash_of, opened
from loginq.service.rules.servers import Server
from loginq.service.store import keys
from loginq.service.store.server_keys import new_key
from tests.memory import InMemory
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
        assert opened(None, key, T) == ""
    assert opened(ServerKey("eu-1", hash_of(right), T), "0" * 64, T) == ""


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
@pytest.mark.parametrize("reads", [True, False], ids=["with its read", "the comparison alone"])
def test_wrong_keys_cost_the_same_time_as_right_ones(world: World, reads: bool) -> None:
    """Medians of 1,000 each, taken in turn."""
    right, there = operator(world.queue).add_server_key("eu-1"), world.queue.server_keys
    wrong, row = new_key(), there.get("eu-1")
    asked: dict[str, Callable[[], object]] = {
        "right": lambda: there.holds("eu-1", right, T) if reads else opened(row, right, T),
        "wrong": lambda: there.holds("eu-1", wrong, T) if reads else opened(row, wrong, T),
    }
    if not reads:  # that a row which is not there takes DynamoDB less is nothing that anybody here can change
        asked["unknown"] = lambda: opened(None, wrong, T)
    took: dict[str, list[int]] = {name: [] for name in asked}
    there.holds("eu-1", right, T)
    for _ in range(1_000):
        for name, ask in asked.items():
            there._known.clear()
            begun = time.perf_counter_ns()
            ask()
            took[name].append(time.perf_counter_ns() - begun)
    medians = {name: statistics.median(each) for name, each in took.items()}
    assert max(medians.values()) <= 1.05 * min(medians.values()), medians
