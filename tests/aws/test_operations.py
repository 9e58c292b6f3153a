"""What an operator looks at and does on moto: accounts, the snapshot, who waits, synthetic crowds."""

import pytest

from loginq.service.operations import crowds
from loginq.service.operations.accounts import Users, generated_password
from loginq.service.operations.found import find, waiting_players
from loginq.service.operations.stats import snapshot
from loginq.service.requests import crowd as load
from loginq.service.rules.errors import Conflict, Invalid, NotFound
from loginq.service.store.queue import Queue
from loginq.service.store.rosters import Place

GOOD = "Correct-Horse-7-Battery"


# Users


def test_creating_and_deleting_an_account(users: Users, queue: Queue) -> None:
    account = users.create("ada", "ada@example.com", GOOD)
    assert (account.username, account.email) == ("ada", "ada@example.com")
    row = queue.players.get(account.sub)
    assert row is not None and (row.username, row.email) == ("ada", "ada@example.com")
    with pytest.raises(Conflict, match="'ada'"):
        users.create("ada", "other@example.com", GOOD)
    assert [each.username for each in users.list()] == ["ada"]
    assert users.get("ada").status == "CONFIRMED"
    assert find(queue, users, "ada").seen.player.sub == find(queue, users, account.sub).seen.player.sub == account.sub
    assert users.delete("ada").sub == account.sub
    left = queue.players.get(account.sub)
    assert left is not None and left.deleted
    for call in (users.get, users.delete, lambda name: find(queue, users, name)):
        with pytest.raises(NotFound, match="'ada'"):
            call("ada")


@pytest.mark.parametrize(
    ("name", "email", "password", "says"),
    [
        ("", "a@example.com", GOOD, "not a user name"),
        ("a b", "a@example.com", GOOD, "not a user name"),
        ("ada", "nowhere", GOOD, "not an e-mail address"),
        ("ada", "a@example.com", "short", "breaks the pool's policy"),
    ],
)
def test_a_bad_account_leaves_nothing_behind(users: Users, name: str, email: str, password: str, says: str) -> None:
    with pytest.raises(Invalid, match=says):
        users.create(name, email, password)
    assert list(users.list()) == []


def test_a_generated_password_fulfils_the_policy(users: Users) -> None:
    for n in range(20):
        users.create(f"u{n}", f"u{n}@example.com", generated_password())


# Stats and standings


def test_a_snapshot_of_everything(queue: Queue, now: list[int]) -> None:
    queue.lines.change(lambda line, t: line.join(t, 1_200))
    line = queue.lines.read()
    for _ in range(25):
        assert queue.valve.take(line, now[0], queue.random)
    queue.intake._sqs.send_message(QueueUrl=queue.intake.url, MessageBody="x")
    now[0] += 23_000
    document = snapshot(queue).document("a target")
    assert document == {
        "queue": "main",
        "target": "a target",
        "intake": {"visible": 1, "in_flight": 0, "delayed": 0, "dead_letters": 0},
        "line": {"tail": 1_200, "reached": 460, "waiting": 740, "holes": 0, "version": 1, "state": "open"},
        "rate": {
            "per_second": 20.0,
            "burst": 20,
            "steps": [],
            "by_plan_since": None,
            "max_per_second": None,
            "arriving_per_second": None,
            "capacity": None,
            "admitted_per_second": 0.4,
            "gate_per_second": 20.0,
        },
        "servers": None,
        "players": {"admitted": 25, "in_game": 25, "no_shows": 0, "departed": 0},
        "eta_seconds": 38,
        "eta_basis": "rate",
        "settled_at": "2027-01-15T08:00:00.000Z",
        "counting_behind_seconds": 0,
        "last_change": None,
        "note": None,
    }
    queue.lines.change(lambda line, t: line.pause(t))
    assert snapshot(queue).document("")["eta_seconds"] is None


def test_admissions_of_a_higher_rate_are_still_seen_after_it_was_lowered(queue: Queue, now: list[int]) -> None:
    fast = queue.lines.change(lambda line, t: line.set_rate(t, 5_000_000))
    for _ in range(60):
        queue.valve.take(fast, now[0], queue.random)
    slow = queue.lines.change(lambda line, t: line.set_rate(t, 50_000))
    assert sum(queue.valve.admitted(slow, now[0]).values()) == 60


def test_who_waits_in_order_and_who_has_left_is_left_out(queue: Queue, now: list[int]) -> None:
    queue.lines.change(lambda line, t: line.join(t, 150))
    queue.rosters.write([Place(n, f"s{n}", False) for n in range(1, 151)], now[0])
    for n in (1, 2, 40, 150):
        write = {"loginTicket": "t", "queuePosition": n, "username": f"name{n}"}
        queue.table.update(f"USER#s{n}", f"METADATA#s{n}", write=write)
    now[0] += 1_000
    line = queue.lines.read()
    shown = [(seen.name, seen.ahead, seen.eta) for seen in waiting_players(queue, line, now[0], 10)]
    assert shown == [("name40", 19, 1_000), ("name150", 129, 6_500)]
    assert len(list(waiting_players(queue, line, now[0], 1))) == 1


# Load


@pytest.mark.parametrize(("players", "parts"), [(1, 1), (1_000, 1), (1_001, 2), (100_000, 100)])
def test_a_run_is_made_in_parts(players: int, parts: int) -> None:
    found = list(load.parts("abc", players))
    assert len(found) == parts
    assert sum(part.count for part in found) == players


@pytest.mark.parametrize("players", [0, -1, 100_001])
def test_impossible_runs(players: int) -> None:
    with pytest.raises(Invalid):
        list(load.parts("abc", players))


@pytest.mark.parametrize(("run", "start", "count"), [("a/b", 0, 1), ("abc", -1, 1), ("abc", 0, 1_001), ("", 0, 1)])
def test_impossible_parts(run: str, start: int, count: int) -> None:
    with pytest.raises(Invalid):
        load.Part(run, start, count)


def test_cleaning_takes_away_synthetic_players_only(queue: Queue, users: Users) -> None:
    users.create("ada", "ada@example.com", GOOD)
    for n in range(60):
        queue.table.put({"PK": f"USER#synthetic-{n}", "SK": f"METADATA#synthetic-{n}", "synthetic": True})
    assert sum(crowds.clean(queue)) == 60
    assert sum(crowds.clean(queue)) == 0
    assert find(queue, users, "ada").seen.name == "ada"
