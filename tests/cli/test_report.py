"""`loginq report`: on a screen, as JSON, as a page; the same numbers as an independent script finds in the history."""

import json
import re
import sys
import time
from dataclasses import replace
from pathlib import Path

import pytest

from loginq.cli.findings import local
from loginq.cli.report import draw
from loginq.service.operations.front_door import FrontDoor
from loginq.service.operations.target import Target
from loginq.service.rules.door import CALLS, FAILED, REFUSED, Door
from loginq.service.rules.report import report_of
from loginq.service.rules.times import HOUR, MINUTE, iso
from loginq.service.store.audit import record
from loginq.service.store.queue import Queue
from tests.cli.conftest import TARGET, Run
from tests.independent import numbers
from tests.launch import acts, launch
from tests.night import Terminal

LENGTH, PLAYERS = 30, 1_200


@pytest.fixture
def begun(queue: Queue, deployed: Target, monkeypatch: pytest.MonkeyPatch) -> int:
    """A launch that ended an hour ago; when it began."""
    counts = {CALLS: 30_000, REFUSED: 4, FAILED: 7, "queue_closed": 5, "blocked": 0, "table": 3, "functions": 0}
    monkeypatch.setattr(
        FrontDoor, "over", lambda _, since, until, t: Door(until, until - since, counts, unread="no sign-ins here")
    )
    t = (int(time.time() * 1_000) - HOUR) // MINUTE * MINUTE - LENGTH * MINUTE
    for minute in launch(t, LENGTH, PLAYERS):
        queue.history.write(minute)
    for act in acts(t):
        record(queue, act)
    return t


def test_the_last_launch_on_a_screen(run: Run, begun: int, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("COLUMNS", "80")
    monkeypatch.setenv("TZ", "UTC")
    time.tzset()
    screen = run("report")
    assert (screen.code, screen.err) == (0, "")
    said = dict(re.findall(r"│ (\w+) +(\S.*?) *│", screen.out))
    assert said["players"].startswith("1,200 came · ") and "109 no-shows (9.1%)" in screen.out
    assert said["when"].startswith(f"{iso(begun)[:16].replace('T', ' ')} to ") and said["when"].endswith(" UTC, 30 min")
    assert said["waits"].startswith("p50 ") and said["told"].startswith("50")
    assert said["refused"] == "5 queue closed"
    assert "2 failed calls · 3 throttled reads or writes" in screen.out
    assert "throttled sign-ins not known: no sign-ins here" in re.sub(r"\s*│\n│ +", " ", screen.out)
    assert re.search(r"│ cost +about 0\.\d\d USD by list prices", screen.out)
    assert all(len(line) <= 80 for line in screen.out.splitlines())
    assert "1 · " + iso(begun + 5 * MINUTE)[11:16] + " · user/ada · rate: 50/s with a burst of 50 → 80/s" in screen.out
    assert "… and 1 more: `loginq report -o launch.html` has all" in screen.out


@pytest.mark.usefixtures("begun")
def test_an_independent_script_finds_the_same_in_the_history(run: Run) -> None:
    assert run("queue", "history", "night.csv", "--since", "3h").code == 0
    found, own = json.loads(run("report", "--json").out), numbers(Path("night.csv"))
    assert found["target"] == TARGET
    assert own["players"]["came"] == PLAYERS and own["wait_seconds"]["known"] > 900 and own["order"]["overtaken"] > 50
    for name, values in own.items():
        assert {key: found[name][key] for key in values} == values, name


def test_a_span_of_it_counts_from_the_minute_before(run: Run, begun: int) -> None:
    whole = json.loads(run("report", "--json").out)
    middle = iso(begun + 20 * MINUTE + 1)
    parts = [json.loads(run("report", "--json", *words).out) for words in (("--until", middle), ("--since", middle))]
    assert [part["minutes"] for part in parts] == [20, 10]
    assert sum(part["players"]["came"] for part in parts) == whole["players"]["came"]
    assert sum(part["order"]["overtaken"] for part in parts) == whole["order"]["overtaken"]
    assert [(len(part["acts"]), part["acts_on_players"]) for part in parts] == [(4, 0), (0, 1)]


@pytest.mark.usefixtures("begun")
def test_a_page_of_its_own(run: Run) -> None:
    made = run("report", "-o", "launch.html")
    assert made.code == 0 and made.err == "✓ The report is in launch.html."
    page = Path("launch.html").read_text()
    assert "&lt;/style&gt;&lt;script&gt;alert" in page
    assert "<script" not in page and not re.search(r"(src|href)=\"(?!#|data:)", page) and "url(" not in page
    assert "default-src &#x27;none&#x27;" in page
    again = run("report", "-o", "launch.html")
    assert again.code == 2 and "Replace launch.html?" in again.err
    assert run("report", "-o", "nowhere/launch.html").code == 1


@pytest.mark.usefixtures("deployed")
def test_of_one_minute_no_chart_is_drawn(run: Run, queue: Queue) -> None:
    queue.history.write(next(launch(int(time.time() * 1_000) - HOUR, 3, 30)))
    screen = run("report")
    assert screen.code == 0 and "launch report" in screen.out and "waiting in line" not in screen.out
    assert run("report", "-o", "short.html").code == 0


@pytest.mark.usefixtures("deployed")
@pytest.mark.parametrize(
    ("words", "code", "says"),
    [
        (["-o", "launch.pdf"], 2, "launch.pdf is no .html file."),
        (["--since", "soon"], 2, "'soon' is not a time."),
        (["--since", "1h", "--until", "2h"], 2, "The span ends before it begins."),
        (["--since", "2999-01-01"], 2, "'2999-01-01' is still to come."),
        (["--since", "100d"], 2, "Minutes are kept for 90 days."),
        (["--since", "80d"], 2, "That is more than 31 days."),
        (["--since", "30m"], 3, "Nothing moved from "),
        (["--until", "20d"], 3, "There is no launch to report on yet."),
    ],
)
def test_spans_that_are_none(run: Run, words: list[str], code: int, says: str) -> None:
    screen = run("report", *words)
    assert (screen.code, screen.err.splitlines()[0].startswith(f"Error: {says}")) == (code, True), screen.err


@pytest.mark.usefixtures("deployed")
def test_a_queue_that_never_moved(run: Run) -> None:
    screen = run("report")
    assert (screen.code, screen.err) == (
        3,
        "Error: There is no launch to report on yet.\nA minute in which anything moves is kept at its end. "
        "`loginq simulate` plays a launch.",
    )  # fmt: skip


@pytest.mark.usefixtures("deployed")
def test_what_is_not_known_is_said(run: Run, queue: Queue, monkeypatch: pytest.MonkeyPatch) -> None:
    """Minutes of a version that counted no waits, and CloudWatch that does not answer."""
    monkeypatch.setattr(FrontDoor, "over", lambda _, since, until, t: Door(until, 0, {}, unread="AWS is silent"))
    for minute in launch(int(time.time() * 1_000) - HOUR, 3, 30):
        queue.history.write(replace(minute, tally=None, synthetic=None, version=None))
    screen = run("report")
    assert screen.code == 0
    assert "waits    not known: nobody's place has been counted yet, a claim window after" in screen.out
    assert re.search(r"refused  not known: AWS is silent", screen.out)
    assert re.search(r"cost +not known", screen.out)


def test_a_launch_on_paper_has_the_same_page(run: Run) -> None:
    words = ("--ramp", "5", "20s", "--outage", "20s@30s", "--no-show", "10%")
    made = run("simulate", "--players", "900", "--arrive", "60s", "--rate", "10", *words, "--report", "paper.html")
    assert made.code == 0 and made.err.endswith("The report is in paper.html.")
    page = Path("paper.html").read_text()
    assert "900 players in 1 min, burst, at 10/s" in page and "on a virtual clock" in page
    assert "900 came · " in page and " 89 no-shows (9.9%)" in page and "Faults" not in page
    assert "nothing works" in page and page.count("<polyline") >= 4
    refused = run("simulate", "--players", "5", "--rate", "10", "--report", "paper.pdf")
    assert refused.code == 2 and refused.err.startswith("Error: paper.pdf is no .html file.")


@pytest.mark.parametrize("length", [2, 40])
def test_all_that_matters_is_on_one_screen(length: int, monkeypatch: pytest.MonkeyPatch) -> None:
    """On a terminal of 80 by 24 charts take what there is left."""
    terminal = Terminal()
    monkeypatch.setattr(sys, "stdout", terminal)
    for name, value in {"COLUMNS": "80", "LINES": "24", "TERM": "xterm-256color"}.items():
        monkeypatch.setenv(name, value)
    door = Door(
        0, 0, {CALLS: 1_203_003, FAILED: 2_112, "queue_closed": 2_100, "table": 2, "functions": 0, "sign_ins": 0}
    )
    found = report_of(list(launch(0, length, 2_000)), actions=acts(0), door=door, dead_letters=3)
    draw(found, "aws 123456789012 ap-northeast-2 loginq", local(found.since, found.until), "last night")
    lines = terminal.getvalue().splitlines()
    assert len(lines) < 24
    assert any("waiting in line" in line for line in lines) and any("user/ada · pause" in line for line in lines)
