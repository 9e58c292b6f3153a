"""Every command's whole screen and exit code, on moto; what needs Lambdas or a stack is in tests/e2e."""

import json
import socket
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

from loginq import __version__
from loginq.service.line import Line
from loginq.service.queue import Queue
from loginq.service.rosters import Place
from loginq.service.settings import Target
from tests.cli.conftest import Run

TARGET = "aws 123456789012 eu-west-1 loginq"


def settled(queue: Queue, line: Line) -> None:
    """Put a line there that stands still, so that a screen does not depend on the clock."""
    queue.lines.change(lambda _, t: line)


def test_stats(run: Run, deployed: Target, queue: Queue) -> None:
    settled(queue, Line(tail=1_200, opened=460, gate=460_000_000, paused=True, rate=20_000, burst=20, capacity=5_000))
    screen = run("queue", "stats")
    assert (screen.code, screen.err) == (0, "")
    assert screen.out == (
        "╭─ queue main · aws 123456789012 eu-west-1 loginq ──╮\n"
        "│ state           paused                            │\n"
        "│ waiting         740                               │\n"
        "│ reached         460 of 1,200                      │\n"
        "│ rate            20/s, burst 20                    │\n"
        "│ planned         nothing                           │\n"
        "│ capacity        5,000 in the game                 │\n"
        "│ admitted        0 in the last minute, 0.0/s       │\n"
        "│ in the game     0: 0 let in, 0 left               │\n"
        "│ no-shows        0                                 │\n"
        "│ intake          0 visible, 0 in flight, 0 delayed │\n"
        "│ dead letters    0                                 │\n"
        "│ newcomer waits  –                                 │\n"  # noqa: RUF001
        "╰───────────────────────────────────────────────────╯"
    )


def test_stats_as_json(run: Run, deployed: Target, queue: Queue) -> None:
    settled(queue, Line(tail=1_200, opened=460, gate=460_000_000, paused=True, rate=20_000, burst=20))
    screen = run("queue", "stats", "--json")
    assert (screen.code, screen.err) == (0, "")
    assert json.loads(screen.out) == {
        "queue": "main",
        "target": TARGET,
        "intake": {"visible": 0, "in_flight": 0, "delayed": 0, "dead_letters": 0},
        "line": {"tail": 1_200, "reached": 460, "waiting": 740, "version": 1, "state": "paused"},
        "rate": {"per_second": 20.0, "burst": 20, "steps": [], "capacity": None, "admitted_per_second": 0.0},
        "players": {"admitted": 0, "in_game": 0, "no_shows": 0, "departed": 0},
        "eta_seconds": None,
    }


def test_pause_and_resume(run: Run, deployed: Target, queue: Queue) -> None:
    queue.lines.change(lambda line, t: line.join(t, 1))
    for words, said in (
        ("pause", "✓ Paused: nobody is let in; places are kept."),
        ("pause", "✓ It was paused already."),
        ("resume", "✓ Resumed: the line moves on from where it stopped."),
        ("resume", "✓ It was not paused."),
    ):
        screen = run("queue", words)
        assert (screen.code, screen.out, screen.err) == (0, "", f"Target: {TARGET}\n{said}")
    screen = run("queue", "pause", "--json")
    assert json.loads(screen.out) == {"target": TARGET, "state": "paused", "changed": True}


def test_rates(run: Run, deployed: Target, queue: Queue) -> None:
    queue.lines.change(lambda line, t: line.set_rate(t, 20_000))
    screen = run("rate", "set", "3000/min")
    assert screen.err == f"Target: {TARGET}\n✓ The rate is 50/s with a burst of 50 now; it was 20/s with a burst of 20."
    assert run("rate", "set", "50").err == f"Target: {TARGET}\n✓ The rate was 50/s with a burst of 50 already."
    screen = run("rate", "set", "0.5/s", "--burst", "7", "--json")
    assert json.loads(screen.out) == {
        "target": TARGET,
        "rate": {"per_second": 0.5, "burst": 7, "capacity": None},
        "changed": True,
    }
    assert run("rate", "show").out == (
        "╭─ rate · aws 123456789012 eu-west-1 loginq ─╮\n"
        "│ asked     0.5/s                            │\n"
        "│ burst     7 players                        │\n"
        "│ admitted  0 in the last minute, 0.0/s      │\n"
        "╰────────────────────────────────────────────╯"
    )
    assert json.loads(run("rate", "show", "--json").out)["per_second"] == 0.5


def test_capacity_and_the_number_in_the_game(run: Run, deployed: Target, queue: Queue) -> None:
    queue.lines.change(lambda line, t: line.set_rate(t, 20_000))
    screen = run("rate", "set", "50", "--capacity", "20000")
    assert screen.err.splitlines()[1:] == [
        "✓ The rate is 50/s with a burst of 50 now; it was 20/s with a burst of 20.",
        "✓ The capacity is 20,000 now; it was no limit.",
    ]
    assert queue.lines.read().capacity == 20_000
    assert run("rate", "set", "--capacity", "20000").err.endswith("✓ The capacity was 20,000 already.")
    assert run("rate", "set", "--in-game", "7").err.endswith("✓ The number in the game is 7 now; it was 0.")
    assert queue.lines.read().departed == -7
    assert run("rate", "set", "--capacity", "none").err.endswith("✓ The capacity is no limit now; it was 20,000.")
    for words, says in (
        ((), "There is nothing to set."),
        (("--capacity", "many"), "'many' is not a capacity."),
        (("--burst", "5"), "--burst goes with a rate."),
    ):
        screen = run("rate", "set", *words)
        assert (screen.code, screen.err.splitlines()[0]) == (2, f"Error: {says}")


@pytest.mark.parametrize(
    ("rate", "says"),
    [
        ("fast", "Error: 'fast' is not a rate.\nWrite it like 50, 50/s or 3000/min."),
        ("-5", "Error: '-5' is a negative rate.\nWrite it like 50, 50/s or 3000/min."),
        ("1e12", "Error: '1e12' is more than 100,000 players a second.\nIs a digit too many?"),
        ("50/week", "Error: '50/week' is not a rate.\nWrite it like 50, 50/s or 3000/min."),
        ("1/h", "Error: '1/h' is less than one player in 1,000 seconds.\n"),
        ("nan", "Error: 'nan' is not a rate.\n"),
    ],
)
def test_a_bad_rate_is_refused_before_anything_is_asked(run: Run, rate: str, says: str) -> None:
    screen = run("rate", "set", rate)
    assert (screen.code, screen.out) == (2, "")
    assert screen.err.startswith(says.strip())


def test_a_rate_of_nothing(run: Run, deployed: Target, queue: Queue) -> None:
    queue.lines.change(lambda line, t: line.set_rate(t, 20_000))
    screen = run("rate", "set", "0")
    assert screen.code == 2
    assert screen.err.endswith("Error: A rate of 0 would let nobody in.\nTo stop the line, use `loginq queue pause`.")
    assert queue.lines.read().rate == 20_000


def test_accounts(run: Run, deployed: Target, queue: Queue) -> None:
    assert run("users", "list").err == (
        "There are no accounts yet. Create one with `loginq users create NAME --email ADDRESS`."
    )
    created = run("users", "create", "ada", "--email", "ada@example.com", "--generate", "--json")
    account = json.loads(created.out)
    assert (created.code, account["username"], account["email"]) == (0, "ada", "ada@example.com")
    assert len(account["password"]) == 20
    again = run("users", "create", "ada", "--email", "eve@example.com", "--generate")
    assert again.code == 1
    assert again.err == (
        f"Target: {TARGET}\nError: The user name 'ada' or the address 'eve@example.com' is taken.\nChoose another."
    )
    shown = run("users", "show", "ada")
    assert shown.code == 0
    assert shown.out.splitlines()[0].startswith("╭─ account ada ─")
    assert account["sub"] in shown.out
    assert json.loads(run("users", "show", "ada", "--json").out)["sub"] == account["sub"]
    (listed,) = json.loads(run("users", "list", "--json").out)
    assert listed["username"] == "ada"
    assert "ada@example.com" in run("users", "list").out
    refused = run("users", "delete", "ada")
    assert refused.code == 2
    assert refused.err.endswith("Error: This needs a yes, and there is no terminal to ask.\nGive --yes if you mean it.")
    assert run("users", "delete", "ada", "--yes").err == f"Target: {TARGET}\n✓ Deleted ada."
    gone = run("users", "show", "ada")
    assert (gone.code, gone.err) == (3, "Error: There is no user 'ada'.\nSee `loginq users list`.")


def test_a_password_comes_from_stdin_and_must_fulfil_the_policy(run: Run, deployed: Target, queue: Queue) -> None:
    words = ("users", "create", "bob", "--email", "bob@example.com", "--password-stdin")
    weak = run(*words, stdin="short\n")
    assert (weak.code, weak.err.splitlines()[1]) == (2, "Error: The password breaks the pool's policy.")
    assert run(*words, stdin="").err.splitlines()[1] == "Error: There is no password on stdin."
    good = run(*words, stdin="Correct-Horse-7-Battery\n")
    assert (good.code, good.err) == (0, f"Target: {TARGET}\n✓ Created bob.")
    assert "Correct" not in good.out
    both = run(*words, "--generate", stdin="x\n")
    assert (both.code, both.err.splitlines()[0]) == (
        2,
        "Error: --generate and --password-stdin exclude each other.",
    )


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
    assert [each["position"] for each in json.loads(limited.out)] == [1]
    assert run("players", "list", "--limit", "1").err == "These are the first 1 of 3; see more with --limit."
    shown = run("players", "show", "s2")
    assert shown.code == 0
    assert [line.strip("│ ").split()[:2] for line in shown.out.splitlines()[1:4]] == [
        ["state", "waiting"],
        ["position", "2"],
        ["ahead", "1"],
    ]
    assert "secret" not in shown.out + run("players", "show", "s2", "--json").out
    assert run("players", "show", "nobody").code == 3


def test_cleaning_asks_first(run: Run, deployed: Target, queue: Queue) -> None:
    assert run("load", "clean").code == 2
    assert run("load", "clean", "--yes").err.splitlines()[-1] == "✓ There were no synthetic players."
    queue.table.put({"PK": "USER#synthetic-1", "SK": "METADATA#synthetic-1", "synthetic": True})
    assert json.loads(run("load", "clean", "--yes", "--json").out) == {"target": TARGET, "deleted": 1}


@pytest.mark.parametrize("players", ["0", "-3", "100001"])
def test_a_crowd_of_an_impossible_size(run: Run, deployed: Target, players: str) -> None:
    screen = run("load", "run", "--players", players)
    assert (screen.code, screen.err.splitlines()[-1]) == (2, "Ask for 1 to 100,000.")


# No target, or none that answers


def test_without_a_target(run: Run) -> None:
    for words in (("queue", "stats"), ("rate", "set", "5"), ("users", "list"), ("players", "list"), ("status",)):
        screen = run(*words)
        assert (screen.code, screen.out) == (3, "")
        assert screen.err.startswith("Error: No target: neither .env nor the environment names one.\n")
        assert "`loginq deploy`" in screen.err


def test_half_a_target_names_what_is_missing(run: Run, deployed: Target, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.delenv("SQS_URL")
    assert run("queue", "stats").err.splitlines()[0] == "Error: No target: SQS_URL not set, here or in .env."


def test_a_dot_env_is_a_target(run: Run, target: Target, queue: Queue) -> None:
    settled(queue, Line(tail=1, paused=True))
    Path(".env").write_text("# mine\n" + "".join(f"{k}={v}\n" for k, v in target.names().items()))
    assert json.loads(run("queue", "stats", "--json").out)["line"]["tail"] == 1


def test_no_credentials(run: Run, deployed: Target, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.delenv("AWS_ACCESS_KEY_ID")
    monkeypatch.delenv("AWS_SECRET_ACCESS_KEY")
    for name in ("AWS_SESSION_TOKEN", "AWS_SECURITY_TOKEN"):
        monkeypatch.delenv(name, raising=False)
    screen = run("queue", "stats")
    assert (screen.code, screen.out) == (4, "")
    assert screen.err.startswith("Error: AWS credentials are missing or cannot be used")
    assert "aws sso login" in screen.err


def test_no_region(run: Run, target: Target) -> None:
    screen = run("--stack", "loginq", "queue", "stats")
    assert (screen.code, screen.err) == (
        2,
        "Error: No AWS region is set.\nSet AWS_DEFAULT_REGION, or give a profile that has a region.",
    )


def test_an_emulator_that_is_gone(run: Run, monkeypatch: pytest.MonkeyPatch) -> None:
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        port = probe.getsockname()[1]
    monkeypatch.setenv("AWS_ENDPOINT_URL", f"http://127.0.0.1:{port}")
    screen = run("queue", "stats")
    assert (screen.code, screen.err) == (
        3,
        f"Error: The emulator at http://127.0.0.1:{port} does not answer.\nStart it with `loginq local up`.",
    )


# The frame


def test_version(run: Run) -> None:
    assert run("--version").out == f"loginq {__version__}"


def test_every_command_has_help_with_an_example(run: Run) -> None:
    import typer.main

    from loginq.cli import app

    def leaves(command: Any, words: list[str]) -> Iterator[list[str]]:
        for name, child in getattr(command, "commands", {}).items():
            yield from leaves(child, [*words, name])
        if not hasattr(command, "commands"):
            yield words

    found = list(leaves(typer.main.get_command(app), []))
    assert len(found) >= 22
    for words in found:
        screen = run(*words, "--help")
        assert screen.code == 0
        assert "Example: loginq " + " ".join(words) in screen.out, words


def test_wrong_usage(run: Run) -> None:
    assert run("rate", "set").code == 2
    assert run("nonsense").code == 2
    assert run("players", "list", "--limit", "0").code == 2
