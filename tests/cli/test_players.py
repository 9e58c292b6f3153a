"""`loginq players`: whole screens and exit codes, on moto."""

import csv
import json
from pathlib import Path

from loginq.service.operations.target import Target
from loginq.service.rules.line import Line
from loginq.service.rules.player import Identity
from loginq.service.rules.times import DAY, iso
from loginq.service.store.queue import Queue
from loginq.service.store.rosters import Place
from tests.cli.conftest import TARGET, Run, settled


def test_players(run: Run, deployed: Target, queue: Queue) -> None:
    settled(queue, Line(tail=0, rate=20_000))
    empty = run("players", "list")
    assert (empty.code, empty.err) == (
        0,
        "Nobody is waiting. Put a synthetic crowd in line with `loginq load run --players 300`.",
    )
    settled(queue, Line(tail=3, rate=20_000, paused=True))
    queue.rosters.write([Place(1, "s1", True), Place(2, "s2", False), Place(3, "s3", False)], 0)
    for n in (1, 2, 3):
        row = {"loginTicket": "secret", "queuePosition": n, "username": f"name{n}", "synthetic": n == 1}
        queue.table.update(f"USER#s{n}", f"METADATA#s{n}", write=row)
    assert run("players", "list").out == (
        " position   ahead   ETA   player   synthetic\n"
        " ───────────────────────────────────────────\n"
        "        1       0     –   name1    yes\n"  # noqa: RUF001
        "        2       1     –   name2\n"  # noqa: RUF001
        "        3       2     –   name3"  # noqa: RUF001
    )
    limited = run("players", "list", "--limit", "1", "--json")
    assert [each["position"] for each in json.loads(limited.out)["items"]] == [1]
    assert run("players", "list", "--limit", "1").err == "These are the first 1 of 3; see more with --limit."
    shown = run("players", "show", "s2")
    assert shown.code == 0
    assert "secret" not in shown.out + run("players", "show", "s2", "--json").out
    assert run("players", "show", "nobody").code == 3


def waiting(queue: Queue, *names: str) -> None:
    """Real players in line, in this order, who stay there."""
    settled(queue, Line(tail=len(names), rate=20_000, paused=True))
    queue.rosters.write([Place(n, f"sub-{name}", False) for n, name in enumerate(names, start=1)], 0)
    for n, name in enumerate(names, start=1):
        row = {"loginTicket": f"secret-{name}", "queuePosition": n, "username": name}
        queue.table.update(f"USER#sub-{name}", f"METADATA#sub-{name}", write=row)


def test_players_of_another_state(run: Run, deployed: Target, queue: Queue) -> None:
    waiting(queue, "ada", "bob")
    queue.players.register(Identity("sub-cid", "cid", "cid@example.com"), queue.clock())
    screen = run("players", "list", "--state", "registered")
    assert (screen.code, screen.err) == (0, "This reads the whole table, about 6 items.")
    assert screen.out.splitlines()[2].split() == ["–", "–", "–", "cid"]  # noqa: RUF001
    assert run("players", "list", "--state", "left").err.endswith("Nobody is left.")
    assert [each["username"] for each in json.loads(run("players", "list", "--json").out)["items"]] == ["ada", "bob"]
    assert run("players", "list", "--state", "happy").err.startswith("Error: 'happy' is not a state of a player.")


def test_one_player_whole(run: Run, deployed: Target, queue: Queue) -> None:
    sub = json.loads(run("users", "create", "ada", "--email", "ada@example.com", "--generate", "--json").out)["sub"]
    settled(queue, Line(tail=1, rate=20_000, paused=True))
    placed = {"ticketIssuedAt": iso(queue.clock()), "queuedAt": iso(queue.clock()), "queuePosition": 1}
    queue.table.update(f"USER#{sub}", f"METADATA#{sub}", write={"loginTicket": "secret", **placed})
    run("players", "admit", "ada")
    for name in ("ada", "ada@example.com", sub):
        screen = run("players", "show", name)
        assert screen.code == 0
        said = [" ".join(line.strip("│ ").split()) for line in screen.out.splitlines()[1:-1]]
        assert said[:9] == [
            "account confirmed",
            "e-mail ada@example.com",
            f"sub {sub}",
            "state admitted",
            "blocked no",
            "ticket yes",
            "position 1",
            "ahead –",  # noqa: RUF001
            "ETA –",  # noqa: RUF001
        ]
        assert [line.split(" ", 3)[3] for line in said[9:]] == [
            "registered",
            "create user by user/moto",
            "let in",
            "admit by user/moto",
            "got the ticket",
            "placed at 1",
        ]  # by the clock of this test the ticket is from the future
    shown = json.loads(run("players", "show", "ada", "--json").out)
    assert shown["account"]["status"] == "CONFIRMED"
    assert shown["history"][0]["what"] == "registered"
    nobody = run("players", "show", "nobody")
    assert (nobody.code, nobody.err.splitlines()[0]) == (3, "Error: There is no player 'nobody'.")


def test_export(run: Run, deployed: Target, queue: Queue) -> None:
    waiting(queue, "ada", "bob")
    screen = run("players", "export", "all.csv")
    assert (screen.code, screen.err.splitlines()[-1]) == (0, "✓ 2 players are in all.csv.")
    rows = list(csv.DictReader(Path("all.csv").read_text().splitlines()))
    assert sorted((row["username"], row["state"], row["position"]) for row in rows) == [
        ("ada", "waiting", "1"),
        ("bob", "waiting", "2"),
    ]
    done = run("players", "export", "all.jsonl", "--json")
    assert json.loads(done.out) == {"target": TARGET, "file": "all.jsonl", "players": 2}
    assert "secret" not in Path("all.csv").read_text() + Path("all.jsonl").read_text()
    assert {json.loads(line)["username"] for line in Path("all.jsonl").read_text().splitlines()} == {"ada", "bob"}
    assert run("players", "export", "all.txt").code == 2
    assert run("players", "export", "no/where.csv").code == 1
    assert not list(Path().glob("*.part"))


def test_many_players_from_arguments_a_file_and_stdin(run: Run, deployed: Target, queue: Queue) -> None:
    waiting(queue, "ada", "bob", "cid", "dan")
    Path("vips.txt").write_text("# the sponsors\nsub-bob\n\nsub-ada\n")
    screen = run("players", "admit", "sub-ada", "-", "--file", "vips.txt", stdin="sub-cid\nnobody\n")
    assert screen.code == 1
    assert [line.split(None, 1) for line in screen.out.splitlines()[2:]] == [
        ["sub-ada", "let in"],
        ["sub-cid", "let in"],
        ["nobody", "There is no player 'nobody'."],
        ["sub-bob", "let in"],
    ]
    again = json.loads(run("players", "admit", "--file", "vips.txt", "--json").out)
    assert again["items"] == [
        {"player": "sub-bob", "ok": True, "result": "was in already"},
        {"player": "sub-ada", "ok": True, "result": "was in already"},
    ]
    assert run("players", "admit").err.startswith("Error: No player is named.")
    asked = run("players", "remove", "--file", "vips.txt")
    assert (asked.code, "Give --yes" in asked.err) == (2, True)
    removed = json.loads(run("players", "remove", "--file", "vips.txt", "sub-dan", "--yes", "--json").out)
    assert [each["result"] for each in removed["items"]] == ["removed"] * 3
    reset = json.loads(run("players", "reset", "sub-dan", "--yes", "--json").out)
    assert (reset["items"][0]["result"], reset["left"]) == ("reset", 0)
    audited = json.loads(run("queue", "audit", "--json").out)["items"]
    assert sorted((each["what"], each["subject"]) for each in audited) == [
        ("admit", "vips.txt"),
        ("admit", "vips.txt, stdin, 1 typed"),
        ("remove", "vips.txt, 1 typed"),
        ("reset", "sub-dan"),
    ]


def test_who_is_let_in_out_of_turn_waits_no_more(run: Run, deployed: Target, queue: Queue) -> None:
    waiting(queue, "ada", "bob")
    run("players", "admit", "sub-bob")
    assert [each["username"] for each in json.loads(run("players", "list", "--json").out)["items"]] == ["ada"]


def test_admitting_again_after_the_admission_is_over_changes_nothing(
    run: Run, deployed: Target, queue: Queue, now: list[int]
) -> None:
    """Once it made a new ticket for a player who was in the game, and the game server's `left` came to nothing."""
    waiting(queue, "ada")
    run("players", "admit", "sub-ada")
    long_ago = iso(now[0] - 10 * 365 * DAY)
    queue.table.update("USER#sub-ada", "METADATA#sub-ada", write={"loginProcessedAt": long_ago, "joinedAt": long_ago})
    before = queue.players.get("sub-ada")
    again = json.loads(run("players", "admit", "sub-ada", "--json").out)
    assert again["items"][0]["result"] == "was in already"
    assert queue.players.get("sub-ada") == before


def test_an_export_asks_before_it_replaces_a_file(run: Run, deployed: Target, queue: Queue) -> None:
    waiting(queue, "ada")
    Path("all.csv").write_text("mine")
    asked = run("players", "export", "all.csv")
    assert (asked.code, Path("all.csv").read_text()) == (2, "mine")
    nowhere = run("players", "export", "all.csv/x.csv")
    assert (nowhere.code, "Error: all.csv/x.csv cannot be written" in nowhere.err) == (1, True)
