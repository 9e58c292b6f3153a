"""`loginq servers`, and what other screens say of game servers that count: on moto."""

import json
import time
from dataclasses import asdict, replace

import pytest

from loginq.deploy.stack import Stack
from loginq.doctor.checks import Patient
from loginq.doctor.servers import examine
from loginq.service.operations.target import Target
from loginq.service.rules.line import Line
from loginq.service.rules.servers import Server
from loginq.service.rules.settings import COUNTS, Rules
from loginq.service.store import keys
from loginq.service.store.aws import Aws
from loginq.service.store.queue import Queue
from tests.cli.conftest import TARGET, Run, settled

NONE = "No game server has said how many it holds: `loginq guide game-server` has what it sends."


@pytest.fixture
def counting(deployed: Target, queue: Queue) -> Queue:
    """A full game: eu-1 is silent, eu-2 has just spoken, us-1 was empty when it was heard last."""
    rules = {name: value for name, value in asdict(Rules(session_reports=COUNTS)).items() if value is not None}
    queue.table.put({**keys.keyed(keys.rules(queue.name)), **rules})
    queue.lines.read()
    settled(queue, Line(tail=900, reached_to=400, gate=400_000_000, rate=20_000, capacity=400, departed=-20))
    t = time.time_ns() // 1_000_000
    for name, in_game, ago in (("eu-1", 300, 125_000), ("eu-2", 18_442, 0), ("us-1", 0, 90_000)):
        queue.servers.write(Server(name, in_game, t - ago))
    return queue


def test_the_silent_come_first(run: Run, counting: Queue) -> None:
    screen = run("servers", "list")
    assert (screen.code, screen.err) == (0, "")
    first, *rest = screen.out.splitlines()[2:]
    assert first.startswith(" eu-1") and "300   2 min " in first and first.endswith(" ago    silent")
    assert [line.split()[0] for line in rest] == ["us-1", "eu-2"]
    assert "18,442" in rest[1] and "silent" in rest[0] and rest[1].split()[-1] == "above"
    some = json.loads(run("servers", "list", "--limit", "1", "--json").out)
    assert (some["total"], some["session_reports"]) == (3, "counts")
    (item,) = some["items"]
    assert (item["server"], item["in_game"], item["silent"], item["above"]) == ("eu-1", 300, True, True)
    assert run("servers", "list", "--limit", "1").err == "These are the first 1 of 3; see more with --limit."


def test_before_the_first_count_it_says_what_to_send_and_with_events_how_to_take_counts(
    run: Run, deployed: Target, queue: Queue, counting: Queue
) -> None:
    counting.servers.forget(["eu-1", "eu-2", "us-1"])
    assert (run("servers", "list").code, run("servers", "list").err) == (0, NONE)
    queue.table.update(*keys.rules(queue.name), write={"session_reports": "events"})
    screen = run("servers", "list")
    assert (screen.code, screen.out) == (0, "")
    assert screen.err == (
        "This stack takes events: game servers say who joined and who left. `loginq deploy --param "
        "SessionReports=counts` takes counts."
    )


def test_one_is_forgotten_with_its_seats_and_the_audit_knows(run: Run, counting: Queue) -> None:
    refused = run("servers", "forget", "eu-1")
    assert (refused.code, len(counting.servers.every())) == (2, 3)
    asked = refused.err.splitlines()[1]
    assert asked.startswith("This frees the seats of a game server (eu-1: 300, last heard 2 min ")
    assert "500 waiting, about 0 in the intake, 20 in the game, account 123456789012" in asked
    screen = run("servers", "forget", "eu-1", "us-1", "--yes")
    assert (screen.code, screen.err) == (0, f"Target: {TARGET}\n✓ eu-1, us-1: forgotten, with 300 seats.")
    assert counting.lines.read().departed == -18_442
    last = run("servers", "forget", "eu-2", "--yes", "--json")
    assert json.loads(last.out) == {"target": TARGET, "forgotten": ["eu-2"], "left": 0}
    again = run("servers", "forget", "eu-2", "--yes")
    assert (again.code, again.err.splitlines()[1:]) == (
        3, ["Error: There is no game server 'eu-2'.", "`loginq servers list` has them all."],
    )  # fmt: skip
    acts = json.loads(run("queue", "audit", "--what", "forget server", "--json").out)["items"]
    assert [(act["subject"], act["before"]) for act in acts] == [("eu-2", 18_442), ("us-1", 0), ("eu-1", 300)]


def test_the_last_one_leaves_the_count_as_it_is(run: Run, counting: Queue) -> None:
    counting.servers.forget(["eu-2", "us-1"])
    before = counting.lines.read().departed
    asked = run("servers", "forget", "eu-1").err.splitlines()[1]
    assert asked.startswith(
        "This lets the last game server go, and the line keeps its count until one says how many it holds (eu-1: 300, "
    )
    screen = run("servers", "forget", "eu-1", "--yes")
    assert screen.err.splitlines()[2] == (
        "No game server is left, so the line keeps its count until one says how many it holds."
    )
    assert counting.lines.read().departed == before


def test_stats_say_who_counts_and_who_is_silent(run: Run, counting: Queue) -> None:
    found = json.loads(run("queue", "stats", "--json").out)
    assert found["servers"] == {
        "heard": 3, "in_game": 18_742, "silent": ["eu-1", "us-1"], "fell": [], "two": [], "above": ["eu-1", "eu-2"],
    }  # fmt: skip
    assert [said for said in found["attention"] if "eu-1" in said] == [
        "eu-1 has not said for 2 min how many it holds, and keeps 300 seats; if it is gone for good: "
        "`loginq servers forget eu-1`",
        "eu-1, eu-2: more players than were ever let in (0); they came past the queue, or it counts wrong",
    ]
    assert "game servers    18,742 counted by 3, 2 of them silent, 2 odd" in run("queue", "stats").out
    counting.servers.forget(["eu-1", "eu-2", "us-1"])
    settled(counting, replace(counting.lines.read(), departed=-5))
    found = json.loads(run("queue", "stats", "--json").out)
    assert found["attention"][0].startswith("no game server has said how many it holds, so no seat comes free")


def test_doctor_says_who_does_not_count(run: Run, counting: Queue, target: Target, aws: Aws) -> None:
    now = replace(counting, clock=lambda: time.time_ns() // 1_000_000)
    patient = Patient(target, aws, now, Stack(aws, "loginq"))

    def found() -> list[tuple[str, str]]:
        return [(each.verdict.value, each.says) for each in examine(patient)]

    (verdict, says), above = found()
    assert (verdict, says.partition(" for ")[0]) == ("warn", "eu-1 has not said")
    assert above == (
        "warn", "eu-1, eu-2: more players than were ever let in (0); they came past the queue, or it counts wrong",
    )  # fmt: skip
    counting.servers.forget(["eu-1"])
    t = counting.clock()
    for n, (name, in_game) in enumerate([("eu-2", 0), ("eu-3", 0), ("eu-3", 0), ("eu-3", 0)]):
        counting.servers.write(Server(name, in_game, t + n, "ab"[n % 2]))
    (_, two), (_, fell) = sorted(found(), reverse=True)
    assert two.startswith("two game servers report as eu-3") and fell.startswith("eu-2 fell from 18,442 players")
    counting.servers.forget(["eu-2", "eu-3"])
    assert found() == [("ok", "1 count 0 players")]
    counting.servers.forget(["us-1"])
    assert found() == [("warn", "none has said how many it holds")]
    counting.table.update(*keys.rules(counting.name), write={"session_reports": "events"})
    counting.lines.read()
    assert found() == []


def test_nobody_corrects_by_hand_what_servers_count(run: Run, counting: Queue) -> None:
    screen = run("rate", "set", "--in-game", "5", "--yes")
    assert (screen.code, counting.lines.read().departed) == (1, -20)
    assert "The game servers count who is in the game (SessionReports=counts), and nobody else does." in screen.err


def test_a_key_is_shown_once_and_only_its_use_afterwards(run: Run, deployed: Target, counting: Queue) -> None:
    made = run("servers", "add", "eu-2")
    key = made.out
    assert (made.code, len(key)) == (0, 43)
    assert made.err.splitlines() == [
        f"Target: {TARGET}",
        "✓ eu-2 has a key.",
        "It is not kept, and not shown again. The server sends it as `Authorization: Bearer KEY`:",
        f"{deployed.own_url}/sessions/eu-2",
    ]
    refused = run("servers", "add", "eu-2")
    assert (refused.code, refused.err.splitlines()[1:]) == (
        1, ["Error: 'eu-2' has a key already.", "`loginq servers rotate eu-2`"],
    )  # fmt: skip
    assert run("servers", "add", "eu 2").code == 2
    new = json.loads(run("servers", "add", "eu-9", "--json").out)
    assert (new["server"], new["url"][-14:], len(new["key"]), new["old"]) == ("eu-9", "/sessions/eu-9", 43, None)
    assert counting.server_keys.holds("eu-2", key, time.time_ns() // 1_000_000)
    found = json.loads(run("servers", "list", "--json").out)["items"]
    keyed = {item["server"]: item["key"] for item in found}
    assert [item["in_game"] for item in found] == [300, 0, 18_442, None]
    assert keyed["eu-1"] is None and set(keyed["eu-2"]) == {"since", "last_used", "old"}
    assert keyed["eu-2"]["last_used"] and keyed["eu-9"]["last_used"] is None
    screen = run("servers", "list").out.splitlines()
    assert screen[0].split() == ["server", "in", "the", "game", "last", "heard", "key", "since", "key", "used"]
    assert screen[-1].split()[0] == "eu-9" and screen[-1].split()[-1] == "never"
    assert "0 s ago" in screen[-2] or "1 s ago" in screen[-2]
    assert max(map(len, screen)) <= 80
    assert not [each for each in (key, new["key"]) if each in "".join([*screen, json.dumps(found)])]


def test_a_key_follows_another_and_both_are_good_for_a_day(run: Run, counting: Queue) -> None:
    first, t = run("servers", "add", "eu-2").out, time.time_ns() // 1_000_000
    refused = run("servers", "rotate", "eu-2")
    assert (refused.code, refused.err.splitlines()[1].partition(":")[0]) == (
        2, "Make another key for eu-2. The key of today stays good for a day",
    )  # fmt: skip
    made = run("servers", "rotate", "eu-2", "--yes")
    assert made.err.splitlines()[1].startswith("✓ eu-2 has another key. The one before is good until 20")
    assert run("servers", "list").err.startswith("eu-2: the key before is good until 20")
    assert run("servers", "list").err.endswith("never used since.")
    keys_ = counting.server_keys
    assert keys_.holds("eu-2", first, t) and keys_.holds("eu-2", made.out, t)
    again = run("servers", "rotate", "eu-2", "--now")
    assert "The key of today is good no more, and the one before it ends now: 500 waiting" in again.err
    refused = run("servers", "revoke", "eu-2", "--old")
    assert "Refuse from now on what eu-2 reports with the key before its own: 500 waiting" in refused.err
    ended = run("servers", "revoke", "eu-2", "--old", "--yes")
    assert (ended.code, ended.err.splitlines()[1:]) == (0, ["✓ eu-2 has one key, and none before it."])
    keys_._known.clear()
    assert [keys_.holds("eu-2", key, t) for key in (first, made.out)] == [False, True]
    again = run("servers", "revoke", "eu-2", "--old", "--yes")
    assert (again.code, again.err.splitlines()[1]) == (3, "Error: 'eu-2' has no key before its own.")
    last = json.loads(run("servers", "rotate", "eu-2", "--now", "--yes", "--json").out)
    keys_._known.clear()
    assert [keys_.holds("eu-2", key, t) for key in (first, made.out, last["key"])] == [False, False, True]
    gone = run("servers", "revoke", "eu-2", "--yes")
    assert (gone.code, gone.err.splitlines()[1:]) == (0, ["✓ eu-2 has no key any more."])
    for command in ("rotate", "revoke"):
        missing = run("servers", command, "eu-2", "--yes")
        assert (missing.code, missing.err.splitlines()[1]) == (3, "Error: 'eu-2' has no key.")
    audit = run("queue", "audit", "--json").out
    acts = [(act["what"], act["subject"]) for act in json.loads(audit)["items"]]
    assert acts == [(f"{what} server key", "eu-2") for what in ("revoke", "rotate", "revoke", "rotate", "add")]
    assert not [key for key in (first, made.out, last["key"]) if key in audit]


def test_with_events_a_server_is_listed_by_its_key(run: Run, deployed: Target, queue: Queue) -> None:
    run("servers", "add", "eu-1")
    screen = run("servers", "list")
    assert (screen.code, screen.err) == (0, "")
    assert screen.out.splitlines()[2].split()[0] == "eu-1" and "silent" not in screen.out


def test_two_under_one_name_and_one_that_fell_are_said_in_list_and_stats(run: Run, counting: Queue) -> None:
    t = time.time_ns() // 1_000_000
    words = [("eu-2", 18_442, "a"), ("eu-2", 18_000, "b"), ("eu-2", 18_442, "a"), ("eu-3", 50, ""), ("eu-3", 0, "")]
    for n, (name, in_game, instance) in enumerate(words):
        counting.servers.write(Server(name, in_game, t + n, instance))
    screen = {line.split()[0]: line for line in run("servers", "list").out.splitlines()[2:]}
    assert screen["eu-2"].endswith(" two use it") and screen["eu-3"].endswith(" fell")
    items = {item["server"]: item for item in json.loads(run("servers", "list", "--json").out)["items"]}
    assert [(items[name]["two"], bool(items[name]["fell"])) for name in ("eu-1", "eu-2", "eu-3")] == [
        (False, False), (True, False), (False, True),
    ]  # fmt: skip
    assert items["eu-3"]["fell"]["from"] == 50
    said = "\n".join(json.loads(run("queue", "stats", "--json").out)["attention"])
    assert "two game servers report as eu-2, or it starts again and again" in said
    assert "eu-3 fell from 50 players at once" in said
