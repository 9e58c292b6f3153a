"""The hand beats the plan, and `loginq queue undo`: whole screens and exit codes, on moto."""

import json
import re
import time

from loginq.service.operations.target import Target
from loginq.service.rules.line import Line
from loginq.service.store.queue import Queue
from tests.cli.conftest import TARGET, Run
from tests.world import operator

RAMP = ("rate", "ramp", "50", "500", "--over", "30m", "--at", "2099-01-01T18:00", "--yes")


def test_an_emergency_rate_holds_and_what_it_drops_can_come_back(run: Run, deployed: Target, queue: Queue) -> None:
    queue.lines.change(lambda line, t: line.set_rate(t, 20_000))
    assert run(*RAMP).code == 0
    planned = queue.lines.read().steps
    screen = run("rate", "set", "5", "--yes")
    assert screen.err == (
        f"Target: {TARGET}\n✓ The rate is 5/s with a burst of 5 now; it was 20/s with a burst of 20. "
        "20 planned steps are dropped, the first: 50/s from 2099-01-01 18:00:00 UTC. "
        "`loginq queue undo` puts that back."
    )
    assert queue.lines.read().steps == ()
    screen = run("queue", "undo")
    assert (screen.code, screen.out) == (0, "")
    assert re.fullmatch(
        rf"Target: {TARGET}\nUndo of: rate, 20/s with a burst of 20 → 5/s with a burst of 5, .*, by user/moto\.\n"
        r"✓ Undone: 5/s → 20/s, 50/s from 2099-01-01 18:00:00 UTC, and on in 20 steps, 500/s from .*\. "
        r"The same again does it again\.",
        screen.err,
    )
    line = queue.lines.read()
    assert (line.rate, line.steps) == (20_000, planned)
    assert (
        run("rate", "set", "20")
        .err.splitlines()[1]
        .startswith("✓ The rate stays at 20/s with a burst of 20. 20 planned")
    )


def test_a_plan_that_is_kept_is_in_the_same_sentence(run: Run, deployed: Target, queue: Queue) -> None:
    queue.lines.change(lambda line, t: line.set_rate(t, 20_000))
    run("rate", "set", "80", "--at", "2099-01-01T18:00", "--yes")
    screen = run("rate", "set", "5", "--keep-plan", "--yes")
    assert screen.err.endswith("it was 20/s with a burst of 20. By plan it is 80/s from 2099-01-01 18:00:00 UTC on.")
    run("queue", "pause")
    assert run("queue", "resume").err.endswith("The rate is 5/s, and 80/s from 2099-01-01 18:00:00 UTC on.")
    assert run("rate", "set", "5", "--keep-plan", "--in", "10m").code == 2
    assert run("rate", "set", "--capacity", "5", "--keep-plan").code == 2


def test_each_kind_is_taken_back_and_twice_does_it_again(run: Run, deployed: Target, queue: Queue) -> None:
    queue.lines.change(lambda line, t: line.say(t, "Soon.").set_capacity(t, 9))
    before = queue.lines.read()
    for words in (
        ("queue", "pause"),
        ("queue", "close"),
        ("queue", "message", "Now!"),
        ("rate", "set", "--capacity", "7"),
    ):
        assert run(*words).code == 0
        done = queue.lines.read()
        document = json.loads(run("queue", "undo", "--json").out)
        assert (document["target"], document["changed"]) == (TARGET, True)
        there = queue.lines.read()
        kept = [(each.paused, each.closed, each.message, each.capacity) for each in (before, there)]
        assert kept[0] == kept[1], words
        run("queue", "undo")
        again = queue.lines.read()
        assert (again.paused, again.closed, again.message, again.capacity) == (
            done.paused, done.closed, done.message, done.capacity,
        )  # fmt: skip
        run("queue", "undo")


def test_what_cannot_be_undone_is_named_and_a_change_since_asks(run: Run, deployed: Target, queue: Queue) -> None:
    queue.lines.change(Line.renew)
    screen = run("queue", "undo")
    assert (screen.code, screen.err.splitlines()[1]) == (3, "Error: There is nothing to undo.")
    run("rate", "set", "50")
    run("rate", "set", "--in-game", "3")
    queue.lines.change(lambda line, t: line.set_rate(t, 7_000))  # by an older version, or a script
    screen = run("queue", "undo")
    assert screen.code == 2
    assert "What was done since and cannot be undone, stays: in game." in screen.err
    assert queue.lines.read().rate == 7_000
    assert run("queue", "undo", "--yes").code == 0
    assert queue.lines.read().rate == 20_000


def test_stats_say_since_when_the_rate_is_by_plan(run: Run, deployed: Target, queue: Queue, now: list[int]) -> None:
    now[0] = round(time.time() * 1_000) - 10_000
    operator(queue).plan(lambda line, t: line.plan(t, ((t + 1, 50_000),)))
    now[0] += 1_000
    queue.lines.change(lambda line, t: line.renew(t))
    assert re.search(r"│ rate +50/s by plan since [-0-9: ]+ UTC, burst 20", run("queue", "stats").out)
    assert json.loads(run("rate", "show", "--json").out)["by_plan_since"]


def test_what_the_answer_promises_is_what_is_undone_first(run: Run, deployed: Target, queue: Queue) -> None:
    queue.lines.change(lambda line, t: line.set_rate(t, 20_000))
    run("rate", "set", "80", "--at", "2099-01-01T18:00", "--yes")
    assert "`loginq queue undo` puts that back" in run("rate", "set", "5", "--capacity", "100", "--yes").err
    run("queue", "undo")
    line = queue.lines.read()
    assert (line.rate, len(line.steps), line.capacity) == (20_000, 1, 100)


def test_a_plan_that_came_is_undone_with_its_rate_in_words(
    run: Run, deployed: Target, queue: Queue, now: list[int]
) -> None:
    now[0] = round(time.time() * 1_000) - 10_000
    operator(queue).plan(lambda line, t: line.plan(t, ((t + 1, 50_000),)))
    assert run("queue", "undo").err.endswith("✓ Undone: 50/s → 20/s. The same again does it again.")
    assert queue.lines.read().rate == 20_000


def test_to_undo_what_is_so_already_says_that(run: Run, deployed: Target, queue: Queue) -> None:
    queue.lines.change(Line.renew)
    run("queue", "pause")
    queue.lines.change(Line.resume)  # cut off before the audit
    screen = run("queue", "undo", "--yes")
    assert (screen.code, screen.err.splitlines()[-1]) == (0, "✓ It was moving already.")
