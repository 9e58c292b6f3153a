"""The line on the emulator follows its rate, keeps its word about the ETA, and stops when it is told to."""

import json
import time

import pytest

from loginq.service.operating import pause, resume
from tests.e2e.conftest import Stack, until

PARAMETERS = {"InitialRate": "20"}


def reached(stack: Stack) -> tuple[float, int]:
    """The clock of the line, s, and how far it has come."""
    line = stack.queue.lines.read()
    t = stack.queue.clock()
    return t / 1_000, line.reached(t)


def test_three_hundred_at_twenty_a_second(stack: Stack) -> None:
    """Acceptance: the rate over any window of a second or more, the ETA, the pause, the resume."""
    player = stack.player()
    stack.crowd(300)
    ticket = player.game.login()["ticket"]
    placed = until(lambda: (s := player.game.status(ticket))["position"] and s, 5)
    due = time.monotonic() + placed["eta_seconds"]
    assert placed["position"] == 301

    until(lambda: reached(stack)[1] >= 25, 5)  # the burst is used up
    seen = []
    for _ in range(40):
        seen.append(reached(stack))
        time.sleep(0.1)
    for n, (start, before) in enumerate(seen):
        for end, after in seen[n:]:
            if end - start >= 1:
                assert abs((after - before) - 20 * (end - start)) <= 1

    stack.queue.lines.change(lambda line, t: line.renew(t))
    paused_for = time.monotonic()
    pause(stack.queue, "test")
    time.sleep(1)
    stopped = reached(stack)[1]
    assert player.game.status(ticket)["line_state"] == "paused"
    time.sleep(1.5)
    assert reached(stack)[1] == stopped
    resumed_at, _ = reached(stack)
    resume(stack.queue, "test")
    due += time.monotonic() - paused_for
    at, now = reached(stack)
    assert now - stopped <= 20 * (at - resumed_at) + 1
    time.sleep(1)
    later, then = reached(stack)
    assert abs((then - now) - 20 * (later - at)) <= 1

    time.sleep(max(0.0, due - time.monotonic() - 2))
    assert not player.game.status(ticket)["login_status"]
    inside = until(lambda: player.game.status(ticket)["login_status"], 4)
    assert inside
    assert abs(time.monotonic() - due) <= 2


def test_a_pause_lets_nobody_in_not_even_who_is_reached(stack: Stack) -> None:
    player = stack.player()
    pause(stack.queue, "test")
    time.sleep(1.1)
    ticket = player.game.login()["ticket"]
    standing = until(lambda: (s := player.game.status(ticket))["position"] and s, 5)
    assert (standing["login_status"], standing["state"], standing["line_state"]) == (False, "waiting", "paused")
    assert 4 <= standing["poll_after_seconds"] <= 30
    resume(stack.queue, "test")
    until(lambda: player.game.status(ticket)["login_status"], 5)


def test_settle_line_keeps_the_lease_for_a_synthetic_crowd_only(stack: Stack) -> None:
    function = stack.deployment.stack.outputs()["SettleLineFunction"]

    def renewed() -> bool:
        answer = stack.aws.client("lambda").invoke(FunctionName=function)
        return bool(json.loads(answer["Payload"].read())["renewed"])

    assert not renewed()
    pause(stack.queue, "test")
    stack.crowd(20)
    assert not renewed()
    stack.queue.lines.change(lambda line, t: line.set_rate(t, 100))
    resume(stack.queue, "test")
    before = stack.queue.lines.read().alive_at
    time.sleep(0.1)
    assert renewed()
    assert stack.queue.lines.read().alive_at > before


@pytest.fixture(autouse=True)
def _running_again(stack: Stack):  # type: ignore[no-untyped-def]
    yield
    resume(stack.queue, "test")
