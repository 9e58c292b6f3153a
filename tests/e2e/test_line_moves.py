"""The line on the emulator follows its rate, keeps its word about the ETA, and stops when it is told to."""

import json
import time
from typing import Any

import pytest

from loginq.service.operations.stats import snapshot
from loginq.service.store import keys
from loginq.service.store.clock import system_clock
from tests.e2e.conftest import Player, Stack, in_process, until
from tests.world import operator


def reached(stack: Stack) -> tuple[float, int]:
    """The clock of the line, s, and how far it has come."""
    line = stack.queue.lines.read()
    t = stack.queue.clock()
    return t / 1_000, line.reached(t)


@pytest.mark.parametrize("many", [80, pytest.param(300, marks=pytest.mark.drills)])
def test_a_crowd_at_twenty_a_second(stack: Stack, many: int) -> None:
    """The rate over any window of a second or more, the ETA, the pause, the resume."""
    player, before = stack.player(), stack.queue.lines.read().tail
    operator(stack.queue).pause()
    stack.crowd(many)
    ticket = player.game.login()["ticket"]
    until(lambda: asked(player, ticket)[1]["position"])
    operator(stack.queue).resume()
    first, placed = until(lambda: (poll := asked(player, ticket))[1]["eta_seconds"] and poll)
    assert placed["position"] > before + many  # a batch that a busy machine delivers twice leaves holes
    due = [at + placed["eta_seconds"] * 1_000 for at in first]

    until(lambda: reached(stack)[1] >= before + 22)  # the burst is used up
    seen = list[tuple[float, int]]()
    while len(seen) < 25 and (not seen or seen[-1][1] < before + many - 20):
        seen.append(reached(stack))
        time.sleep(0.1)
    for n, (start, then) in enumerate(seen):
        for end, now in seen[n:]:
            if end - start >= 1:
                assert abs((now - then) - 20 * (end - start)) <= 1

    stopped = operator(stack.queue).pause().line
    until(lambda: asked(player, ticket)[1]["line_state"] == "paused")
    assert reached(stack)[1] == stopped.reached_to
    resumed = operator(stack.queue).resume().line
    assert resumed.reached_to == stopped.reached_to
    later, then = reached(stack)
    assert abs((then - resumed.reached_to) - 20 * (later - resumed.anchored_at / 1_000)) <= 1
    due = [at + resumed.anchored_at - stopped.anchored_at for at in due]

    def is_let_in_when_it_was_said() -> bool:
        (start, end), standing = asked(player, ticket)
        inside = bool(standing["login_status"])
        assert end >= due[0] - 2_000 if inside else start <= due[1] + 2_000
        return inside

    until(is_let_in_when_it_was_said)  # a poll is what lets in, and on a busy machine one takes its time


def asked(player: Player, ticket: str) -> tuple[tuple[int, int], dict[str, Any]]:
    """A poll: between which two instants, ms, it was answered, and the answer."""
    start = system_clock()
    standing = player.game.status(ticket)
    return (start, system_clock()), standing


def test_a_pause_lets_nobody_in_not_even_who_is_reached(stack: Stack) -> None:
    player = stack.player()
    operator(stack.queue).pause()
    time.sleep(1.1)
    ticket = player.game.login()["ticket"]
    standing = until(lambda: (s := player.game.status(ticket))["position"] and s)
    assert (standing["login_status"], standing["state"], standing["line_state"]) == (False, "waiting", "paused")
    assert 4 <= standing["poll_after_seconds"] <= 30
    operator(stack.queue).resume()
    until(lambda: player.game.status(ticket)["login_status"])


def test_settle_line_keeps_the_lease_for_a_synthetic_crowd_only(stack: Stack) -> None:
    function = stack.deployment.stack.outputs()["SettleLineFunction"]

    def renewed() -> bool:
        answer = stack.aws.client("lambda").invoke(FunctionName=function)
        return bool(json.loads(answer["Payload"].read())["renewed"])

    assert not renewed()
    operator(stack.queue).pause()
    stack.crowd(20)
    assert not renewed()
    stack.queue.lines.change(lambda line, t: line.set_rate(t, 100))
    operator(stack.queue).resume()
    before = stack.queue.lines.read().alive_at
    time.sleep(0.1)
    assert renewed()
    assert stack.queue.lines.read().alive_at > before


@pytest.fixture(autouse=True)
def _running_again(stack: Stack):  # type: ignore[no-untyped-def]
    yield
    operator(stack.queue).resume()


@pytest.mark.drills
@pytest.mark.parametrize("spoilt", [None, "nobody knows"])
def test_a_lost_line_is_made_anew_and_everybody_keeps_the_place(here: Stack, spoilt: str | None) -> None:
    """300 wait, 5 are in the game, and the line's item is gone, or not to be read."""
    stack, queue = here, here.queue
    operator(queue).resume()
    inside = [stack.player() for _ in range(5)]
    for each in inside:
        ticket = each.game.login()["ticket"]
        until(lambda: each.game.status(ticket)["login_status"])  # noqa: B023 - called at once
    operator(queue).pause()
    stack.crowd(300)
    last = stack.player()
    ticket = last.game.login()["ticket"]
    place = until(lambda: last.game.status(ticket)["position"])
    before, (table, key) = snapshot(queue), (queue.table, keys.line(queue.name))
    if spoilt is None:
        table.write_all(deletes=[key])
    else:
        table.update(*key, write={"tail": spoilt})
    until(lambda: stack.get("/login/status", last.account.token(), login_ticket=ticket).status_code == 503)
    code, out, err = in_process("queue", "stats")
    assert code == 1 and "`loginq queue rebuild` makes it anew" in err
    code, out, err = in_process("queue", "rebuild", "--yes", "--json")
    assert code == 0, err
    after = snapshot(queue)
    assert (after.line.tail, after.players.in_game) == (before.line.tail, before.players.in_game)
    assert (after.line.paused, after.line.rate, json.loads(out)["changed"]) == (True, 0, True)
    assert until(lambda: last.game.status(ticket)["position"]) == place
    assert in_process("rate", "set", "20", "--yes")[0] == in_process("queue", "resume")[0] == 0
    start = queue.lines.read().reached_to
    until(lambda: last.game.status(ticket) and reached(stack)[1] >= start + 40)
    assert last.game.status(ticket)["position"] == place
    assert in_process("queue", "rebuild")[0] == 1  # there is nothing to rebuild
