"""What an operator may do, on a table in memory."""

from dataclasses import replace
from random import Random

import pytest

from loginq.service.operations.accounts import patiently
from loginq.service.operations.forgetting import forget
from loginq.service.requests import login
from loginq.service.rules import plan
from loginq.service.rules.errors import Blocked, Invalid, NotReady
from loginq.service.rules.player import State
from loginq.service.store import keys
from loginq.service.store.audit import actions
from tests.unit.histories import START, new_line
from tests.world import World, operator, someone


def test_a_rate_of_nothing_needs_a_step_that_is_still_to_come() -> None:
    line = replace(new_line(), steps=((START + 1_000, 5_000),))
    assert plan.setting(line, START + 999, 0).rate == 0
    with pytest.raises(Invalid, match="A rate of 0 would let nobody in"):
        plan.setting(line, START + 1_000, 0)
    with pytest.raises(Invalid, match="A rate of 0 would let nobody in"):
        plan.setting(replace(line, steps=((START + 1_000, 0),)), START, 0)


def test_the_number_in_the_game_is_set_beside_a_synthetic_crowd(world: World) -> None:
    world.queue.lines.change(
        lambda line, t: replace(line.join(t, 30), reached_to=30, gate=30_000_000, expired_to=30).count_to(
            t, 30, 0, 30, 1
        )
    )
    world.let_in(someone())
    assert world.counts() == (1, 1, 0, 0)
    done = operator(world.queue).set_in_game(7)
    assert (done.act.before, done.act.after) == (1, 7)
    assert world.counts()[1] == 7


def test_who_is_reset_is_not_blocked_any_more(world: World) -> None:
    queue, ada = world.queue, someone()
    world.let_in(ada)
    queue.players.block(ada.sub, blocked=True)
    with pytest.raises(Blocked):
        login.request(queue, ada)
    (said,) = operator(queue).reset([ada])
    assert str(said).startswith("reset, no longer blocked")
    player = world.player(ada)
    assert (player.blocked, player.ticket, player.position) == (False, None, None)
    assert login.request(queue, ada).state is State.QUEUED


def test_acts_of_one_instant_are_in_their_order_whatever_the_clocks(world: World) -> None:
    """Laptops' clocks go by seconds of AWS's answers: whoever acts later may be earlier by his clock."""
    me, queue = operator(world.queue), world.queue
    for n in range(40):
        world.now[0] += 300 - 600 * (n % 2)
        (me.pause if n % 2 else me.close)()
        (me.resume if n % 2 else me.open)()
    done = [act.what for act in actions(queue)]
    assert done == ["resume", "pause", "open", "close"] * 20


def test_who_cannot_be_forgotten_whole_is_not_begun_with(world: World) -> None:
    queue, ada = world.queue, someone()
    world.let_in(ada)
    queue.lines.change(lambda line, t: line.set_capacity(t, None))
    queue.table.write_all(deletes=[keys.rules(queue.name)])
    queue.lines.read()
    with pytest.raises(NotReady):
        patiently(lambda: forget(queue, ada), _no_time, Random(1))
    assert not world.player(ada).deleted


def _no_time(seconds: float) -> None:
    raise AssertionError("nobody waits for what a deploy has to write")
