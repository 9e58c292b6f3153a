"""`loginq rate`: whole screens and exit codes, on moto."""

import json
import re
import time
from dataclasses import replace
from typing import Any

import pytest

from loginq.cli import rate
from loginq.cli.session import Session
from loginq.service.operations.target import Target
from loginq.service.rules.errors import Invalid
from loginq.service.rules.gate import MICRO
from loginq.service.rules.line import Line
from loginq.service.rules.minute import Memory
from loginq.service.rules.outlook import promise
from loginq.service.rules.stays import Stays
from loginq.service.rules.times import MINUTE, iso
from loginq.service.store.aws import Aws
from loginq.service.store.line import LineStore
from loginq.service.store.queue import Queue
from loginq.service.store.table import Table
from tests.cli.conftest import TARGET, Run, settled


def test_rates(run: Run, deployed: Target, queue: Queue) -> None:
    queue.lines.change(lambda line, t: line.set_rate(t, 20_000))
    screen = run("rate", "set", "3000/min")
    assert screen.err == f"Target: {TARGET}\n✓ The rate is 50/s with a burst of 50 now; it was 20/s with a burst of 20."
    assert run("rate", "set", "50").err == f"Target: {TARGET}\n✓ The rate was 50/s with a burst of 50 already."
    screen = run("rate", "set", "0.5/s", "--burst", "7", "--json", "--yes")
    assert json.loads(screen.out) == {
        "target": TARGET,
        "rate": {"per_second": 0.5, "burst": 7, "steps": [], "capacity": None},
        "changed": True,
    }
    assert run("rate", "show").out == (
        "╭─ rate · aws 123456789012 eu-west-1 loginq ─╮\n"
        "│ asked     0.5/s                            │\n"
        "│ burst     7 players                        │\n"
        "│ capacity  no limit                         │\n"
        "│ gate      0/s pass                         │\n"
        "│ admitted  0 in the last minute, 0.0/s      │\n"
        "╰────────────────────────────────────────────╯"
    )
    assert json.loads(run("rate", "show", "--json").out)["per_second"] == 0.5


def test_capacity_and_the_number_in_the_game(run: Run, deployed: Target, queue: Queue) -> None:
    queue.lines.change(lambda line, t: line.set_rate(t, 20_000))
    screen = run("rate", "set", "50", "--capacity", "20000")
    assert screen.err.splitlines()[1:] == [
        "✓ The capacity is 20,000 now; it was no limit.",
        "✓ The rate is 50/s with a burst of 50 now; it was 20/s with a burst of 20.",
    ]
    assert queue.lines.read().capacity == 20_000
    assert run("rate", "set", "--capacity", "20000").err.endswith("✓ The capacity was 20,000 already.")
    assert run("rate", "set", "--in-game", "7").err.endswith("✓ The number in the game is 7 now; it was 0.")
    assert queue.lines.read().departed == -7
    assert run("rate", "set", "--capacity", "none").err.endswith("✓ The capacity is no limit now; it was 20,000.")
    for words, says in (
        ((), "There is nothing to set."),
        (("--capacity", "many"), "'many' is not a number of players."),
        (("--burst", "5"), "--burst, --at and --in go with a rate."),
    ):
        screen = run("rate", "set", *words)
        assert (screen.code, screen.err.splitlines()[0]) == (2, f"Error: {says}")


@pytest.mark.parametrize(
    ("rate", "says"),
    [
        ("fast", "Error: 'fast' is not a rate.\nWrite it like 50, 50/s or 3,000/min."),
        ("-5", "Error: '-5' is a negative rate.\nWrite it like 50, 50/s or 3,000/min."),
        ("1e12", "Error: '1e12' is more than 100,000 players a second.\nIs a digit too many?"),
        ("50/week", "Error: '50/week' is not a rate.\nWrite it like 50, 50/s or 3,000/min."),
        ("1/h", "Error: '1/h' is less than one player in 1,000 seconds.\n"),
        ("nan", "Error: 'nan' is not a rate.\n"),
    ],
)
def test_a_bad_rate_is_refused_before_anything_is_asked(run: Run, rate: str, says: str) -> None:
    screen = run("rate", "set", rate)
    assert (screen.code, screen.out) == (2, "")
    assert screen.err.startswith(says.strip())


def test_a_rate_that_is_far_from_what_is_asks_and_says_what_it_does(run: Run, deployed: Target, queue: Queue) -> None:
    standing(queue)
    for given in ("301", "33/s", "x4", "1e3", "-70%", "5000/s"):
        screen = run("rate", "set", given)
        assert (screen.code, queue.lines.read().rate) == (2, 100_000), given
    assert screen.err.endswith("Error: This needs a yes, and there is no terminal to ask.\nGive --yes if you mean it.")
    for given, made in (("300", 300_000), ("x0.5", 150_000), ("+10%", 165_000), ("2k/min", 33_333)):
        assert run("rate", "set", given, *["--yes"] * (given == "2k/min")).code == 0
        assert queue.lines.read().rate == made
    assert run("rate", "ramp", "33", "500", "--over", "30m").code == 2
    assert run("rate", "set", "500", "--in", "10m").code == 2
    screen = run("rate", "set", "500", "--in", "10m", "--what-if")
    assert (screen.code, screen.err) == (0, "Nothing was changed.")


def test_the_question_says_before_and_after(
    run: Run, deployed: Target, queue: Queue, monkeypatch: pytest.MonkeyPatch
) -> None:
    standing(queue)
    asked: list[str] = []
    monkeypatch.setattr(rate, "confirm", lambda question, yes: asked.append(question))
    run("rate", "set", "5000")
    assert asked == ["5,000/s instead of 100/s; 4,900 wait, and the line is clear in 1 s instead of 49 s. Go on?"]


def test_no_rate_passes_the_stacks_own_limit(run: Run, deployed: Target, queue: Queue) -> None:
    queue.lines.change(lambda line, t: line.set_rate(t, 20_000).set_max_rate(t, 50_000))
    for words in (
        ("set", "51", "--yes"),
        ("set", "51", "--in", "5m", "--yes"),
        ("ramp", "10", "51", "--over", "5m", "--yes"),
        ("set", "x3", "--what-if"),
    ):
        screen = run("rate", *words)
        assert screen.code == 2
        assert "is more than this stack's MaxRate of 50/s." in screen.err
    assert queue.lines.read().rate == 20_000
    assert "│ at most   50/s, the stack's MaxRate" in run("rate", "show").out
    assert run("rate", "set", "unlimited").code == 2  # it asks, though it is no more than twice as much
    screen = run("rate", "set", "unlimited", "--yes")
    assert screen.err.endswith("✓ The rate is 50/s with a burst of 50 now; it was 20/s with a burst of 20.")
    queue.lines.change(lambda line, t: line.set_max_rate(t, 0))
    assert "The rate is 100,000/s" in run("rate", "set", "unlimited", "--yes").err


def test_a_rate_of_nothing(run: Run, deployed: Target, queue: Queue) -> None:
    queue.lines.change(lambda line, t: line.set_rate(t, 20_000))
    screen = run("rate", "set", "0")
    assert screen.code == 2
    assert "Error: A rate of 0 would let nobody in.\nTo stop the line, use" in screen.err
    assert queue.lines.read().rate == 20_000


def standing(queue: Queue, **changes: object) -> None:
    """4,900 wait at 100 a second, and the gate stands still because nobody polls."""
    settled(queue, Line(tail=5_000, gate=100_000_000, reached_to=100, rate=100_000, burst=0, lease=0, **changes))  # type: ignore[arg-type]


def test_a_planned_step(run: Run, deployed: Target, queue: Queue) -> None:
    standing(queue)
    screen = run("rate", "set", "80", "--at", "2099-01-01T18:00")
    assert (screen.code, screen.err) == (
        0,
        f"Target: {TARGET}\n✓ The rate is 100/s until 2099-01-01 18:00:00 UTC, then 80/s.",
    )
    assert run("rate", "set", "80", "--at", "2099-01-01T18:00").err.endswith("✓ That was planned already.")
    run("rate", "set", "3000/min", "--at", "2099-01-02T18:00")
    shown = run("rate", "show")
    assert shown.out.splitlines()[1:8] == [
        "│ asked     100/s                             │",
        "│ burst     0 players                         │",
        "│ capacity  no limit                          │",
        "│ gate      0/s pass                          │",
        "│ admitted  0 in the last minute, 0.0/s       │",
        "│ planned   80/s from 2099-01-01 18:00:00 UTC │",
        "│ then      50/s from 2099-01-02 18:00:00 UTC │",
    ]
    assert shown.out.splitlines()[9].startswith("100/s ┤")
    steps = json.loads(run("rate", "show", "--json").out)["steps"]
    assert [step["per_second"] for step in steps] == [80.0, 50.0]
    assert steps[0]["at"] == "2099-01-01T18:00:00.000Z"
    cleared = run("rate", "clear")
    assert cleared.err.endswith("✓ Nothing is planned any more; the rate stays at 100/s.")
    assert queue.lines.read().steps == ()


def test_a_step_in_a_while(run: Run, deployed: Target, queue: Queue) -> None:
    standing(queue)
    before = queue.lines.read()
    made = json.loads(run("rate", "set", "80", "--in", "10m", "--json").out)
    (step,) = queue.lines.read().steps
    assert (made["changed"], step[1], before.steps) == (True, 80_000, ())


def test_a_time_is_told_by_the_clock_of_aws(aws: Aws, target: Target, queue: Queue, now: list[int]) -> None:
    """The laptop is far behind, and is so until the first answer: 18:00 there is not 18:00 where the line is."""
    asked = False

    def clock() -> int:
        return now[0] if asked else 0

    class Answers:
        def batch_get_item(self, **parameters: Any) -> Any:
            nonlocal asked
            asked = True
            return queue.table.dynamodb.batch_get_item(**parameters)

    standing(queue)
    session = Session(target, aws)
    session.queue = replace(queue, clock=clock, lines=LineStore(Table(Answers(), target.table), "main", clock))
    assert rate._moment(session, None, "10m") == now[0] + 600_000
    asked = False
    assert rate._moment(session, iso(now[0] + 1), None) == now[0] + 1
    asked = False
    with pytest.raises(Invalid, match="is past"):
        rate._moment(session, iso(now[0]), None)


def test_steps_that_are_past_are_the_rate_and_no_plan(run: Run, deployed: Target, queue: Queue) -> None:
    standing(queue, steps=((1_000, 70_000), (2_000, 80_000), (4_070_908_800_000, 90_000)))
    assert run("rate", "show").out.splitlines()[1:8] == [
        "│ asked     80/s                              │",
        "│ burst     0 players                         │",
        "│ capacity  no limit                          │",
        "│ gate      0/s pass                          │",
        "│ admitted  0 in the last minute, 0.0/s       │",
        "│ planned   90/s from 2099-01-01 00:00:00 UTC │",
        "╰─────────────────────────────────────────────╯",
    ]
    assert json.loads(run("rate", "show", "--json").out)["steps"] == [
        {"at": "2099-01-01T00:00:00.000Z", "per_second": 90.0}
    ]


def test_an_opening_time(run: Run, deployed: Target, queue: Queue) -> None:
    """Nobody until the evening: first the plan, then a rate of nothing until then."""
    standing(queue)
    assert run("rate", "set", "0").code == 2
    assert run("rate", "set", "80", "--at", "2099-01-01T18:00").code == 0
    assert run("rate", "set", "0").code == 0
    assert queue.lines.read().rate == 0


def test_a_ramp(run: Run, deployed: Target, queue: Queue) -> None:
    standing(queue)
    screen = run("rate", "ramp", "50", "500", "--over", "30m", "--at", "2099-01-01T18:00", "--yes")
    assert screen.err.endswith(
        "✓ The rate is 100/s until 2099-01-01 18:00:00 UTC, then 50/s, "
        "and on in 20 steps to 500/s at 2099-01-01 18:30:00 UTC."
    )
    line = queue.lines.read()
    assert [rate for _, rate in line.steps][::19] == [50_000, 500_000]
    assert run("rate", "ramp", "50", "500", "--over", "30m", "--at", "2099-01-02T18:00", "--yes").code == 2
    assert run("rate", "ramp", "10", "20", "--over", "30m", "--at", "2099-01-01T18:00", "--yes").code == 0
    assert len(queue.lines.read().steps) == 20
    run("rate", "clear")
    assert run("rate", "ramp", "50", "500", "--over", "30m", "--yes").code == 0
    line = queue.lines.read()
    assert (line.rate, len(line.steps), line.steps[-1][1]) == (50_000, 20, 500_000)


@pytest.mark.parametrize(
    ("words", "says"),
    [
        (("set", "80", "--at", "2001-01-01T18:00"), "'2001-01-01T18:00' is past."),
        (("set", "80", "--at", "teatime"), "'teatime' is not a time."),
        (("set", "80", "--in", "soon"), "'soon' is not a length of time."),
        (("set", "80", "--in", "5m", "--at", "18:00"), "--at and --in exclude each other."),
        (("set", "--in", "5m"), "--burst, --at and --in go with a rate."),
        (("set", "80", "--in", "5m", "--burst", "3"), "--burst cannot be planned."),
        (("ramp", "50", "500", "--over", "0s"), "There is no room for a ramp."),
        (("ramp", "50", "lots", "--over", "5m"), "'lots' is not a rate."),
        (("set", "--in-game", "5", "--what-if"), "--in-game corrects a number; there is nothing to foresee."),
    ],
)
def test_a_bad_plan(run: Run, deployed: Target, queue: Queue, words: tuple[str, ...], says: str) -> None:
    standing(queue)
    screen = run("rate", *words)
    assert (screen.code, screen.out) == (2, "")
    assert f"Error: {says}" in screen.err
    assert queue.lines.read().version == 1


WHAT_IF = """\
 4,900 waiting                           as it is                   what if
 ──────────────────────────────────────────────────────────────────────────
 time to clear the line                      49 s                      25 s
 last player in           DATE                      DATE
 wait left, p50                              25 s                      13 s
 wait left, p90                              45 s                      23 s
 wait left, p99                              49 s                      25 s
 newcomer waits                              50 s                      25 s

4,900 ┤++++***
"""


def test_what_if(run: Run, deployed: Target, queue: Queue) -> None:
    standing(queue)
    screen = run("rate", "set", "200", "--what-if")
    assert (screen.code, screen.err) == (0, "Nothing was changed.")
    dated = re.sub(r"\d{4}-\d\d-\d\d \d\d:\d\d:\d\d UTC", "DATE                   ", screen.out)
    shown = [line.rstrip() for line in dated.splitlines()[:10]]
    assert [line.replace("  ", " ") for line in shown[:9]] == [
        line.rstrip().replace("  ", " ") for line in WHAT_IF.splitlines()[:9]
    ]
    assert dated.splitlines()[-1] == "* as it is   + what if"
    assert queue.lines.read().rate == 100_000
    seen = json.loads(run("rate", "set", "200", "--what-if", "--json").out)
    assert (seen["before"]["clear_seconds"], seen["after"]["clear_seconds"]) == (49.0, 24.5)
    assert seen["before"]["last_in_at"].endswith("Z")


def test_what_if_there_is_no_honest_number(run: Run, deployed: Target, queue: Queue) -> None:
    standing(queue)
    full = run("rate", "set", "--capacity", "1000", "--what-if")
    assert full.err == (
        "Nothing was changed. The game is full before the line is clear: the rest waits for players to leave."
    )
    assert queue.lines.read().capacity is None
    assert "49 s" in run("rate", "clear", "--what-if").out
    assert "What" not in run("rate", "ramp", "100", "300", "--over", "20s", "--what-if").err
    standing(queue, paused=True)
    assert "The line is paused" in run("rate", "set", "200", "--what-if").err


def test_what_if_the_places_of_a_full_game_were_more_or_fewer(run: Run, deployed: Target, queue: Queue) -> None:
    """Told by the promise that the next run of settling would make by what is known of who leaves."""
    t = int(time.time() * 1_000)
    now = t // MINUTE
    stays = Stays().admitted({now - 60: 1_200})
    for minute in range(20):
        stays = stays.book(now - 19 + minute, {now - 60: 10 * (minute + 1)})
    memory = Memory(stays=stays, tail=3_000, tail_at=t)
    line = Line(anchored_at=t, alive_at=t, rate=200_000, burst=200, capacity=1_000, departed=200).join(t, 3_000)
    line = replace(line, gate=1_200 * MICRO, reached_to=1_200)
    settled(queue, replace(line, curve=promise(memory, line, queue.rules, t)[1]))
    queue.settlement.write(memory)

    def foreseen(*words: str) -> tuple[float, float]:
        seen = json.loads(run("rate", "set", *words, "--what-if", "--json").out)
        return seen["before"]["p90_seconds"], seen["after"]["p90_seconds"]

    before, more = foreseen("--capacity", "1400")
    _, fewer = foreseen("--capacity", "900")
    assert more < before < fewer
    faster = foreseen("300")[1]
    assert faster == pytest.approx(before, rel=0.05)
    assert foreseen("--capacity", "none")[1] < 20
    screen = run("rate", "set", "--capacity", "1400", "--what-if")
    assert (screen.code, screen.err) == (0, "Nothing was changed.")
    assert queue.lines.read().capacity == 1_000
    queue.settlement.write(Memory())
    assert foreseen("--capacity", "1400")[1] is None


def test_a_time_beyond_reason_is_refused_before_it_is_written(run: Run, deployed: Target, queue: Queue) -> None:
    """Once it made a plan that no command could show or clear."""
    standing(queue)
    screen = run("rate", "set", "50", "--in", "999999999d")
    assert (screen.code, screen.err) == (2, "Error: '999999999d' is more than a year.\nIs a digit too many?")
    assert run("rate", "show").code == 0
    with pytest.raises(ValueError, match="time"):
        queue.lines.read().plan(0, ((10**15, 5),))


def test_of_two_changes_both_are_made_or_none(run: Run, deployed: Target, queue: Queue) -> None:
    standing(queue)
    screen = run("rate", "set", "80", "--capacity", "99999999999999")
    assert (screen.code, queue.lines.read().rate) == (2, 100_000)


def test_the_number_in_the_game_in_the_audit(run: Run, deployed: Target, queue: Queue) -> None:
    standing(queue)
    assert run("rate", "set", "--in-game", "40").code == 0
    assert run("rate", "set", "--in-game", "7").err.endswith("The number in the game is 7 now; it was 40.")
    (newest, _) = json.loads(run("queue", "audit", "--json").out)["items"]
    assert (newest["what"], newest["before"], newest["after"]) == ("in game", 40, 7)


def test_a_ramp_before_a_later_step_names_its_peak(run: Run, deployed: Target, queue: Queue) -> None:
    """The last step is not the highest: what was planned after the ramp stays."""
    standing(queue)
    assert run("rate", "set", "80", "--at", "2099-01-01T19:00", "--yes").code == 0
    made = run("rate", "ramp", "50", "500", "--over", "30m", "--at", "2099-01-01T18:00", "--yes")
    assert made.err.endswith(
        "then 50/s, and on in 20 steps, at most 500/s from 2099-01-01 18:30:00 UTC, to 80/s at 2099-01-01 19:00:00 UTC."
    )
    for screen in (run("rate", "show"), run("queue", "stats")):
        assert "at most 500/s from 2099-01-01 18:30:00 UTC" in " ".join(screen.out.replace("│", " ").split())
