"""What an operator typed on bad nights, typed again as it was, on moto: what went wrong then, and how it ends now."""

import json
import re
from functools import partial

import pytest

from loginq.service.operations.target import Target
from loginq.service.rules.line import Line
from loginq.service.rules.times import MINUTE, SECOND
from loginq.service.store.queue import Queue, connect
from tests.cli.conftest import Run, settled


@pytest.fixture(autouse=True)
def _by_the_same_clock(monkeypatch: pytest.MonkeyPatch, now: list[int]) -> None:
    """The console goes by the tests' clock, which stands."""
    monkeypatch.setattr("loginq.cli.session.connect", partial(connect, clock=lambda: now[0]))


@pytest.fixture
def ramping(run: Run, deployed: Target, queue: Queue, now: list[int]) -> None:
    """Thirty seconds into a ramp from 50/s to 500/s within two minutes."""
    settled(queue, Line(tail=100_000, rate=50_000, burst=50, anchored_at=now[0], alive_at=now[0], lease=10 * MINUTE))
    assert run("rate", "ramp", "50", "500", "--over", "2m", "--yes").code == 0
    now[0] += 30 * SECOND


def rate(run: Run) -> float:
    """That which is asked now."""
    return float(json.loads(run("queue", "stats", "--json").out)["rate"]["per_second"])


def test_an_emergency_rate_in_a_ramp_sticks(run: Run, ramping: None, now: list[int]) -> None:
    """It said 5/s and was 72.5/s a few seconds later, 95/s ten seconds on; stats gave no reason."""
    foreseen = run("rate", "set", "5", "--what-if")
    assert foreseen.err.startswith("Nothing was changed. 15 planned steps would be dropped, the first: 185/s from ")
    screen = run("rate", "set", "5", "--yes")
    assert "✓ The rate is 5/s with a burst of 5 now; it was 162.5/s " in screen.err
    assert " 15 planned steps are dropped, the first: 185/s from " in screen.err
    for seconds in (5, 10, 300):
        now[0] += seconds * SECOND
        assert rate(run) == 5
    assert re.search(r"│ rate +5/s, burst 5 ", run("queue", "stats").out)


def test_a_rate_that_keeps_the_plan_says_so_before_and_after(run: Run, ramping: None, now: list[int]) -> None:
    kept = ("rate", "set", "5", "--keep-plan")
    assert run(*kept, "--what-if").err.startswith("Nothing was changed. By plan it would be 185/s from ")
    assert ". By plan it is 185/s from " in run(*kept, "--yes").err
    now[0] += 5 * SECOND
    assert rate(run) == 5
    now[0] += 5 * SECOND
    assert rate(run) == 185
    assert re.search(r"│ rate +185/s by plan since ", run("queue", "stats").out)


def test_a_plan_is_not_cleared_where_nobody_would_ever_be_let_in(run: Run, deployed: Target, queue: Queue) -> None:
    """It said that the rate stays at 0/s, which `rate set 0` itself refuses."""
    queue.lines.change(lambda line, t: line.set_rate(t, 20_000))
    assert run("rate", "set", "80", "--in", "5m", "--yes").code == 0
    assert run("rate", "set", "0", "--yes").code == 0
    for words in (("rate", "clear"), ("rate", "clear", "--what-if")):
        screen = run(*words)
        assert (screen.code, screen.err.splitlines()[-2]) == (
            2,
            "Error: Without its plan the line would stay at a rate of 0, and let nobody in.",
        )
    assert len(queue.lines.read().steps) == 1
    assert run("rate", "set", "80", "--yes").code == 0
    assert run("rate", "clear").code == 0


def test_a_pause_in_a_ramp_says_at_which_rate_it_ends(run: Run, ramping: None, now: list[int]) -> None:
    """It stopped near 190/s and went on at 387.5/s, saying that it moves on from where it stopped."""
    run("queue", "pause")
    now[0] += 15 * SECOND
    assert run("queue", "resume").err.endswith(
        "✓ Resumed: the line moves on from where it stopped. "
        "The rate is 207.5/s, and 230/s from 2027-01-15 08:00:48 UTC on."
    )
