"""A launch on paper against the same launch on the emulator: in real time, so nothing else may keep the machine busy.

`pytest -m drills -n 0` runs it.
"""

import json
import threading
import time
from concurrent.futures import ThreadPoolExecutor
from dataclasses import replace
from statistics import median

import pytest

from loginq.client import Game, enter
from loginq.rehearsal.paper import Launch, on_paper
from loginq.service.rules.times import SECOND
from tests.e2e.conftest import Player, Stack, in_process, until

pytestmark = pytest.mark.drills

PARAMETERS: dict[str, str] = {}
"""A stack of its own: nobody else's crowd is in line."""


def warm(stack: Stack, players: list[Player]) -> None:
    """Start as many functions as the launch will need at once: on paper none has to start first, and on a laptop that
    takes longer than the whole launch.
    """
    first = stack.player()
    enter(Game(stack.target.api_url, first.account.token), lambda standing: None, lambda exc, pause: None)

    def ask(player: Player) -> None:
        token = player.account.token()
        stack.get("/login", token, "DELETE")
        stack.get("/login/status", token, login_ticket="none")

    with ThreadPoolExecutor(len(players)) as pool:
        for _ in range(3):
            list(pool.map(ask, players))


@pytest.mark.realtime
def test_a_simulation_and_the_emulator_agree(stack: Stack) -> None:
    """40 real players within 5 s at 2 a second: the same launch, once with everything real, once on paper."""
    launch = Launch(players=40, rate=2_000, arrive=5 * SECOND, shape="steady", batch=10, window=0)
    arrivals = [arrival.at / SECOND for arrival in launch.scenario().arrivals]
    queue = stack.queue
    with ThreadPoolExecutor(8) as pool:
        players = list(pool.map(lambda _: stack.player(), arrivals))
    warm(stack, players)
    queue.lines.change(lambda line, t: line.set_rate(t, launch.rate))
    longest, over, waits = [0], threading.Event(), [0.0] * len(players)

    def watch() -> None:
        while not over.is_set():
            longest.append(queue.lines.read().waiting(queue.clock()))
            time.sleep(0.1)

    began = time.monotonic() + 1

    def play(n: int) -> None:
        time.sleep(max(0.0, began + arrivals[n] - time.monotonic()))
        game = Game(stack.target.api_url, players[n].account.token)
        enter(game, lambda standing: None, lambda exc, pause: None)
        waits[n] = time.monotonic() - began - arrivals[n]

    watching = threading.Thread(target=watch)
    watching.start()
    with ThreadPoolExecutor(len(players)) as pool:
        list(pool.map(play, range(len(players))))
    over.set()
    watching.join()
    paper = [on_paper(replace(launch, seed=seed)) for seed in range(20)]
    foretold = median((report.waits["p50"] or 0) / SECOND for report in paper)
    assert median(waits) == pytest.approx(foretold, rel=0.05)
    assert max(longest) == pytest.approx(median(report.longest_line for report in paper), rel=0.05)


def test_what_if_foresees_the_drain_that_then_happens(here: Stack) -> None:
    queue = here.queue
    assert in_process("queue", "pause")[0] == 0
    here.crowd(5_000)
    assert in_process("queue", "resume")[0] == 0
    code, out, _ = in_process("rate", "set", "500", "--what-if", "--json")
    foreseen = json.loads(out)["after"]
    assert (code, foreseen["waiting"] > 4_800) == (0, True)
    before = queue.lines.read()
    assert in_process("rate", "set", "500", "--yes")[0] == 0
    changed_at = queue.lines.read().anchored_at
    waiting = before.waiting(changed_at)
    seen: list[tuple[int, int]] = []

    def drained() -> bool:
        line = queue.lines.read()
        t = queue.clock()
        seen.append((t, line.waiting(t)))
        return seen[-1][1] == 0

    until(drained)
    foretold = foreseen["clear_seconds"] * waiting / foreseen["waiting"]  # some were let in between the two commands
    waited, clear = ((at - changed_at) / SECOND for at, _ in seen[-2:])  # it came in between, however late we looked
    assert waited - 0.02 * foretold <= foretold <= clear + 0.02 * foretold
    for at, left in seen[:-1]:
        share = (at - changed_at) / SECOND / foretold
        assert left == pytest.approx(waiting * (1 - share), abs=0.02 * waiting)
