"""Lists and acts on many: limits, totals, filters, a pager, and what the audit has of it, on moto."""

import json
import sys
from functools import partial
from pathlib import Path
from typing import Any

import pytest

from loginq.cli import console, people, watch
from loginq.cli.lists import paged
from loginq.service.operations.target import Target
from loginq.service.rules.line import Line
from loginq.service.store.audit import actions
from loginq.service.store.queue import Queue
from tests import night
from tests.cli.conftest import TARGET, Run

BOTS = [f"bot{n:02}" for n in range(4)]


@pytest.fixture
def accounts(run: Run, deployed: Target, queue: Queue) -> None:
    rows = "".join(f"{name},{name}@example.com,Correct-Horse-7-Battery\n" for name in ["ada", *BOTS])
    Path("players.csv").write_text(f"username,email,password\n{rows}")
    assert run("users", "import", "players.csv").code == 0
    Path("bots.txt").write_text("\n".join(["# a remark", *BOTS, "nobody", BOTS[0]]))


def asked(run: Run, *words: str) -> Any:
    return json.loads(run(*words, "--json").out)


def test_accounts_have_a_limit_a_total_and_filters(run: Run, accounts: None) -> None:
    some = run("users", "list", "--limit", "3")
    assert (some.code, some.err) == (0, "These are the first 3 of 5; see more with --limit.")
    assert len(some.out.splitlines()) == 5
    bots = asked(run, "users", "list", "--prefix", "bot")
    assert (sorted(each["username"] for each in bots["items"]), bots["total"]) == (BOTS, 4)
    run("users", "disable", "ada")
    assert [each["username"] for each in asked(run, "users", "list", "--status", "disabled")["items"]] == ["ada"]
    cut = run("users", "list", "--limit", "3", "--status", "confirmed")
    assert cut.err == "There may be more than these 3; see more with --limit."
    assert run("users", "list", "--prefix", "x").err == "There is no such account."


def test_bots_of_a_file_are_kept_out_by_one_act(run: Run, accounts: None, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(people, "SHOWN", 3)
    screen = run("users", "disable", "--file", "bots.txt")
    head, counted, hint = screen.err.splitlines()
    assert (screen.code, head, counted) == (1, f"Target: {TARGET}", "✓ 4 disabled, 1 failed.")
    assert screen.out.splitlines()[2:] == [" nobody   There is no user 'nobody'."]
    act = hint.removesuffix("`.").rpartition(" ")[2]
    listed = asked(run, "queue", "audit", "--act", act)
    assert (listed["target"], listed["total"], listed["act"]["after"]) == (
        TARGET,
        4,
        {"players": 5, "done": 4, "no_change": 0, "failed": 1},
    )
    assert [(each["username"], each["result"]) for each in listed["items"]] == [(name, "done") for name in BOTS]
    few = run("queue", "audit", "--act", act, "--limit", "2")
    assert few.err.splitlines()[-1] == "These are the first 2 of 4; see more with --limit."
    assert "disable user bots.txt" in run("queue", "audit").out
    assert not asked(run, "users", "show", "bot00")["enabled"]
    again = asked(run, "users", "disable", "--file", "bots.txt")
    assert {each["result"] for each in again["items"] if each["ok"]} == {"was disabled already"}
    back = run("users", "enable", "--file", "-", stdin="bot00\nbot01@example.com\n")
    assert [line.split(None, 1)[1] for line in back.out.splitlines()[2:]] == ["enabled", "enabled"]
    assert run("queue", "audit", "--act", "nothing").code == 3


def test_accounts_of_a_file_are_deleted_and_again_it_goes_on(run: Run, accounts: None) -> None:
    Path("two.txt").write_text("bot00\nbot01\n")
    assert run("users", "delete", "--file", "two.txt").code == 2
    assert [each["result"] for each in asked(run, "users", "delete", "--file", "two.txt", "--yes")["items"]] == [
        "deleted",
        "deleted",
    ]
    again = run("users", "delete", "--file", "two.txt", "bot02", "--yes")
    assert (again.code, [line.split(None, 1)[1] for line in again.out.splitlines()[2:]]) == (
        0,
        ["deleted", "is not there", "is not there"],
    )


def test_each_of_many_gets_a_password_of_its_own(run: Run, accounts: None) -> None:
    assert run("users", "reset-password", "ada", "bot00").code == 2
    assert run("users", "reset-password", "ada", "bot00", "--generate").code == 2
    screen = run("users", "reset-password", "ada", "bot00", "nobody", "--generate", "--yes")
    made = dict(line.split(" ") for line in screen.out.splitlines()[-2:])
    assert (screen.code, list(made), len(set(made.values()))) == (1, ["ada", "bot00"], 2)
    items = asked(run, "users", "reset-password", "ada", "bot00", "--generate", "--yes")["items"]
    assert [len(each["password"]) for each in items] == [20, 20]


def test_what_was_done_when_by_whom_to_whom(run: Run, accounts: None, queue: Queue) -> None:
    queue.lines.change(Line.renew)
    run("queue", "pause")
    run("queue", "note", "EU-2 restarted")
    run("users", "disable", "bot00", "bot01")

    def acts(*words: str) -> list[str]:
        found = asked(run, "queue", "audit", *words)
        assert found["total"] == len(found["items"])
        return [each["what"] for each in found["items"]]

    assert sorted(acts()) == ["disable user", "import users", "note", "pause"]
    assert acts("--what", "user") == ["disable user", "import users"]
    assert acts("--what", "user", "--player", "bot00") == acts("--player", "bot00@example.com") == ["disable user"]
    assert acts("--player", "ada") == []
    assert acts("--who", "MOTO", "--since", "2h") == acts()
    assert acts("--who", "eve") == []
    assert run("queue", "audit", "--who", "eve").err == "Nobody has done such a thing."
    assert run("queue", "audit", "--limit", "2").err == "These are the first 2 of 4; see more with --limit."
    assert "disable user by user/moto" in run("players", "show", "bot01").out
    stats = run("queue", "stats").out
    assert "pause: moving → paused" in stats and "EU-2 restarted" in stats


def test_a_note_is_said_and_read_back(
    run: Run, deployed: Target, queue: Queue, capsys: pytest.CaptureFixture[str]
) -> None:
    made = run("queue", "note", "EU-2 restarted")
    assert (made.code, made.err) == (0, f"Target: {TARGET}\n✓ Noted: EU-2 restarted")
    assert run("queue", "note", " ").code == 2
    console.draw(watch._note(actions(queue)[0]))
    assert capsys.readouterr().out.endswith("UTC, user/moto: EU-2 restarted\n")
    (found,) = asked(run, "queue", "audit", "--what", "note")["items"]
    assert (found["after"], found["before"], found["subject"]) == ("EU-2 restarted", None, "")


def _lines(count: int) -> None:
    console.lines(f"line {n}" for n in range(count))


@pytest.mark.parametrize(
    ("lines", "pager", "kept"),
    [(5, "tee kept", None), (40, "tee kept", 40), (40, "", None), (40, "no-such-pager", None)],
)
def test_a_list_longer_than_the_screen_goes_through_the_pager(
    lines: int, pager: str, kept: int | None, monkeypatch: pytest.MonkeyPatch, capfd: pytest.CaptureFixture[str]
) -> None:
    for name, value in {"PAGER": pager, "TERM": "xterm", "COLUMNS": "80", "LINES": "24"}.items():
        monkeypatch.setenv(name, value)
    monkeypatch.setattr(sys.stdout, "isatty", lambda: True)
    paged(partial(_lines, lines))
    sys.stdout.flush()
    assert capfd.readouterr().out.count("line ") == lines
    assert (Path("kept").read_text().count("line ") if Path("kept").exists() else None) == kept


def test_what_leads_to_a_question_goes_through_the_pager_on_stderr_alone(
    monkeypatch: pytest.MonkeyPatch, capfd: pytest.CaptureFixture[str]
) -> None:
    """A document that follows on stdout is whole."""
    for name, value in {"PAGER": "tee kept", "TERM": "xterm", "COLUMNS": "80", "LINES": "24"}.items():
        monkeypatch.setenv(name, value)
    monkeypatch.setattr(sys.stderr, "isatty", lambda: True)
    paged(lambda: console.say("line\n" * 40), "stderr")
    said = capfd.readouterr()
    assert (said.out, said.err.count("line")) == ("", 40)
    assert Path("kept").read_text().count("line") == 40


def test_what_is_said_of_a_list_stands_below_it(monkeypatch: pytest.MonkeyPatch) -> None:
    def draw() -> None:
        console.lines(["ada"])
        console.say("the first of 2")

    with night.terminal() as screen:
        monkeypatch.setattr("sys.stderr", screen)
        paged(draw)
    assert screen.getvalue() == "ada\nthe first of 2\n"


def test_a_list_in_a_pipe_goes_through_no_pager(
    monkeypatch: pytest.MonkeyPatch, capfd: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.setenv("PAGER", "no-such-pager")
    paged(partial(_lines, 100))
    assert capfd.readouterr().out.count("line ") == 100
