"""What real launches died of, played on the emulator. Each drill says what happened, and what must not happen here.

`pytest -m drills -n 0` runs them: they are in real time.
"""

import json
import threading
import time
from collections import Counter
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from typing import Any

import pytest
import requests

from loginq.cli.session import api_of
from loginq.client import Account, Game
from loginq.rehearsal.scenario import Arrival, Played, Scenario
from loginq.rehearsal.simulation import simulate
from loginq.service.requests import login
from loginq.service.requests.sessions import apply
from loginq.service.rules.line import Line
from loginq.service.rules.player import Identity
from loginq.service.rules.sessions import Event
from loginq.service.rules.settings import Rules
from loginq.service.rules.times import MINUTE, SECOND
from loginq.service.store.audit import actions
from loginq.service.store.clock import system_clock
from loginq.service.store.queue import Queue, connect
from loginq.service.store.rules import write
from tests.e2e.conftest import PASSWORD, Stack, in_process, until
from tests.e2e.drills.faults import Faults
from tests.e2e.drills.test_no_shows import sign_in
from tests.unit.histories import START
from tests.unit.test_simulation import crowd, line_at
from tests.world import operator

pytestmark = pytest.mark.drills

Answers = list[tuple[int, dict[str, Any]]]
PARAMETERS = {"InitialRate": "1000", "IntakeVisibilitySeconds": "30", "MaxReceives": "5"}


def ask(stack: Stack, token: str, ticket: str = "") -> requests.Response:
    path, query = ("/login/status", {"login_ticket": ticket}) if ticket else ("/login", {})
    return stack.get(path, token, **query)


def test_the_front_of_the_line_is_thrown_out(stack: Stack) -> None:
    """At several launches a login server under load dropped the players it was just letting in, in batches, and they
    stood at the end of a line of hours again.

    Here: forty players at the front, and 40 % of all DynamoDB calls of every Lambda fail, half of them after they took
    effect. Each player sees errors, asks again, and enters at the position that he had. Then the game server throws all
    of them out, and each comes straight back.
    """
    tokens = sign_in(stack, 40)
    tickets = [ask(stack, token).json()["ticket"] for token in tokens]
    operator(stack.queue).pause()
    places = [until(lambda: ask(stack, tokens[n], tickets[n]).json()["position"]) for n in range(40)]  # noqa: B023
    operator(stack.queue).resume()
    time.sleep(1.5)
    errors: Counter[int] = Counter()

    def enter(n: int) -> dict[str, Any]:
        deadline = time.monotonic() + 120
        while time.monotonic() < deadline:
            answer = ask(stack, tokens[n], tickets[n])
            if answer.status_code == 200:
                body: dict[str, Any] = answer.json()
                assert body["position"] == places[n], "moved"
                assert body["state"] in ("waiting", "admitted"), "requeued"
                if body["login_status"]:
                    return body
            else:
                assert answer.status_code == 503, answer.text
                errors[answer.status_code] += 1
            again = ask(stack, tokens[n])
            assert again.status_code == 503 or again.json()["ticket"] == tickets[n], "another ticket"
            time.sleep(0.2)
        raise AssertionError("never let in")

    with Faults(stack, 0.4, broken=True) as faults, ThreadPoolExecutor(8) as pool:
        inside = list(pool.map(enter, range(40)))
        assert errors[503] and faults.seen["broken"] and faults.seen["throttled"]
    assert sorted(body["position"] for body in inside) == sorted(places)

    rows = [row for page in stack.queue.players.every() for row in page if row.ticket in tickets]
    left: list[Event | None] = [Event(row.sub, row.ticket or "", False, stack.queue.clock()) for row in rows]
    assert apply(stack.queue, left) == ["counted"] * 40
    for n in range(40):
        back = ask(stack, tokens[n]).json()
        assert (back["state"], back["position"]) == ("admitted", places[n])


def test_the_lost_sticky_session(stack: Stack) -> None:
    """A queue kept its places in the memory of its servers: a reconnect that reached another server was a new place.

    Here the player comes back on a Lambda that was never called before, on another device, and with a refreshed token:
    the same ticket, the same place.
    """
    operator(stack.queue).pause()
    player = stack.player()
    first = player.game.login()
    place = until(lambda: player.game.status(first["ticket"])["position"])

    def same(game: Game) -> bool:
        again = game.login()
        return (again["ticket"], again["position"]) == (first["ticket"], place)

    with Faults(stack):  # nothing fails: every function has been started anew
        assert same(player.game)
    device = Account(api_of(stack.target), player.username)
    device.sign_in(PASSWORD)
    assert same(Game(stack.target.api_url, device.token))
    device.token(renew=True)
    assert same(Game(stack.target.api_url, device.token))
    operator(stack.queue).resume()
    until(lambda: device and player.game.status(first["ticket"])["login_status"])


def test_the_stampede_at_the_reopening(deploy: Callable[..., Stack]) -> None:
    """A queue was stopped for twenty minutes, and when it opened again all who had waited came through at once.

    Here 2,000 wait through a pause and poll as they are told; then 100 a second come in, never more, and the polls stay
    as even as before.
    """
    rate, burst = 100, 100
    stack = deploy("stampede", InitialRate=str(rate))
    queue = stack.queue
    operator(queue).pause()
    who = [Identity(f"waiting-{n:04}", "waiting") for n in range(2_000)]
    with ThreadPoolExecutor(16) as pool:
        tickets = list(pool.map(lambda each: login.request(queue, each).ticket, who))
    until(lambda: queue.lines.read().tail >= 2_000)  # a batch that came twice leaves holes
    polls: list[float] = []
    admitted: list[float] = []
    due = [(time.monotonic() + 10 * n / 2_000, n) for n in range(2_000)]
    lock, over = threading.Lock(), threading.Event()

    def poll(queue: Queue) -> None:
        while not over.is_set():
            with lock:
                ready = bool(due) and due[0][0] <= time.monotonic()
                _, n = due.pop(0) if ready else (0.0, -1)
            if n < 0:
                time.sleep(0.005)
                continue
            standing = login.status(queue, who[n], tickets[n])
            with lock:
                polls.append(time.monotonic())
                if standing.admitted:
                    admitted.append(time.monotonic())
                else:
                    due.append((time.monotonic() + standing.poll_after / SECOND, n))
                    due.sort()

    def a_lambda() -> Queue:
        return connect(stack.aws, table=stack.target.table, sqs_url=stack.target.sqs_url)

    threads = [threading.Thread(target=poll, args=(a_lambda(),)) for _ in range(4)]
    for thread in threads:
        thread.start()
    time.sleep(15)
    assert not admitted
    resumed = time.monotonic()
    operator(queue).resume()
    until(lambda: len(admitted) == 2_000)
    over.set()
    for thread in threads:
        thread.join()
    seconds = Counter(int(at - resumed) for at in admitted)
    print(json.dumps({"admitted_in_each_second": [seconds[n] for n in range(max(seconds) + 1)]}))  # noqa: T201
    for start in range(max(seconds) + 1):
        came = sum(at - resumed < start + 1 for at in admitted)
        assert came <= rate * (start + 1) + burst + 1
    before = Counter(int(at - resumed) for at in polls if -10 <= at - resumed < 0)
    after = Counter(int(at - resumed) for at in polls if 0 <= at - resumed < 10)
    assert max(after.values()) <= 2 * max(before.values()) + rate


def test_the_empty_hour(stack: Stack) -> None:
    """A line stood empty for an hour, its rate went on counting, and the next crowd came in all at once.

    Here an hour without anybody, then 2,000 at once: what comes in is the burst and the rate from then on.
    """
    name, rate = "empty-hour", 50
    hour = 3_600 * SECOND

    def queue(later: int) -> Queue:
        return connect(
            stack.aws, table=stack.target.table, sqs_url=stack.target.sqs_url, name=name, begins=True,
            clock=lambda: system_clock() + later,
        )  # fmt: skip

    write(stack.queue.table, name, Rules(initial_rate=rate * SECOND))
    queue(-hour).lines.change(lambda line, t: line.join(t, 1))
    now = queue(0)
    joined = now.lines.change(lambda line, t: line.join(t, 2_000))
    began = joined.anchored_at
    for _ in range(20):
        line, t = now.lines.read(), now.clock()
        assert line.reached(t) - 1 <= joined.burst + rate * (t - began) / SECOND + 1
        time.sleep(0.1)


def test_the_wrong_rate(here: Stack) -> None:
    """Somebody typed one nought too many, and a minute's worth of players was in the game before it was seen.

    Here 500/s instead of 50/s for three seconds, with 5,000 waiting (on the virtual clock ten times that): no more than
    that comes in, the valve included; `queue audit` shows it, and `queue stats` explains it.
    """
    queue = here.queue
    operator(queue).pause()
    here.crowd(5_000)
    assert in_process("rate", "set", "50", "--yes")[0] == 0
    operator(queue).resume()
    began, reached = queue.clock(), queue.lines.read().reached(queue.clock())
    assert in_process("rate", "set", "500", "--yes")[0] == 0
    time.sleep(3)
    assert in_process("rate", "set", "50", "--yes")[0] == 0
    corrected, seconds = queue.lines.read(), (queue.clock() - began) / SECOND  # what the two commands took is in them
    assert 500 * 3 <= corrected.reached_to - reached <= 500 * seconds + 500
    time.sleep(2)
    line, t = queue.lines.read(), queue.clock()
    assert line.reached(t) - corrected.reached_to <= 50 * (t - corrected.anchored_at) / SECOND + corrected.burst + 1
    rates = [each.words() for each in actions(queue, 10) if each.what == "rate"]
    assert rates[0] == ("500/s with a burst of 500", "50/s with a burst of 50")
    _, screen, _ = in_process("queue", "stats")
    assert "last change     rate: 500/s with a burst of 500 → 50/s with a burst of 50" in screen
    assert in_process("queue", "audit")[1].count("rate") >= 3
    operator(queue).pause()
    queue.lines.change(lambda line, t: line.set_rate(t, 1_000_000))
    operator(queue).resume()


def test_the_region_hiccup(deploy: Callable[..., Stack]) -> None:
    """A database throttled everything for a minute; logins failed with nothing said, the queue forgot who was in it,
    and somebody had to restart the services by hand.

    Here DynamoDB refuses every call of every Lambda for 60 s: each answer is a 503 that says when to come back, the
    tickets that are in the intake stay there, everybody waiting keeps the place, and all goes on by itself.
    """
    stack = deploy("hiccup", **PARAMETERS)
    queue = stack.queue
    waiting, late = sign_in(stack, 20), sign_in(stack, 5)
    operator(queue).pause()
    tickets = [ask(stack, token).json()["ticket"] for token in waiting]
    places = [until(lambda: ask(stack, waiting[n], tickets[n]).json()["position"]) for n in range(20)]  # noqa: B023
    operator(queue).resume()
    queue.lines.change(lambda line, t: line.set_rate(t, 1_000))
    with Faults(stack) as faults:
        faults.share = 1.0
        login.request(queue, Identity("in-the-intake", "somebody"))  # its message waits out the hiccup
        until_ = time.monotonic() + 60
        seen: Counter[int] = Counter()
        while time.monotonic() < until_:
            for token, ticket in [*zip(waiting[:3], tickets[:3], strict=True), (late[0], "")]:
                answer = ask(stack, token, ticket)
                seen[answer.status_code] += 1
                assert answer.status_code == 503, answer.text
                assert int(answer.headers["Retry-After"]) >= 1
                assert answer.json()["error"] == {
                    "code": "unavailable",
                    "message": "Busy: ask again in a few seconds. Your place is kept.",
                }
        faults.share = 0.0
        for n, place in enumerate(places):
            assert ask(stack, waiting[n], tickets[n]).json()["position"] == place
        new = ask(stack, late[0]).json()["ticket"]
        until(lambda: ask(stack, late[0], new).json()["position"])
        until(lambda: (row := queue.players.get("in-the-intake")) and row.position)
        done = [until(lambda: ask(stack, waiting[n], tickets[n]).json()["login_status"]) for n in range(20)]  # noqa: B023
        assert all(done)
    print(json.dumps({"answers": seen, "throttled": faults.seen["throttled"]}))  # noqa: T201
    assert queue.intake.dead_letters() == 0


# The same at full size, on the virtual clock


def entered(outcome: Played, after: int) -> Counter[int]:
    """How many came in within each second after `after` ms from the start."""
    return Counter(((player.admitted_at or 0) - START - after) // SECOND for player in outcome.admitted())


def test_the_stampede_of_twenty_thousand() -> None:
    """Paused for twenty minutes with 20,000 waiting: then 500 a second, and at most the burst more."""
    stop, go = 2 * SECOND, 20 * MINUTE
    line = line_at(500_000)
    outcome = simulate(
        Scenario(
            line, crowd(20_000, 1_000), changes=((stop, Line.pause), (go, Line.resume)), until=go + 90 * SECOND,
            lambdas=20,
        )
    )  # fmt: skip
    seconds, before = entered(outcome, go), sum(entered(outcome, go)[n] for n in range(-1_200, 0))
    assert sum(seconds.values()) == 20_000
    assert before <= 500 * 3 + line.burst + 1
    for n in range(60):
        assert sum(seconds[k] for k in range(n + 1)) <= 500 * (n + 1) + line.burst + 1


def test_the_empty_hour_of_ten_thousand() -> None:
    """An hour without anybody, then 10,000 at once: nothing was banked."""
    line, hour = line_at(50_000), 60 * MINUTE
    outcome = simulate(Scenario(line, tuple(Arrival(hour) for _ in range(10_000)), until=hour + 5 * MINUTE))
    seconds = entered(outcome, min(player.placed_at or 0 for player in outcome.players) - START)
    assert sum(seconds.values()) == 10_000
    for n in range(120):
        assert sum(seconds[k] for k in range(n + 1)) <= 50 * (n + 1) + line.burst + 1


def test_the_wrong_rate_of_twenty_thousand() -> None:
    """5,000/s for 500/s, for three seconds (and the second that a Lambda believes its line), with 20,000 waiting."""
    wrong, right = 5 * SECOND, 8 * SECOND
    changes = ((wrong, lambda line, t: line.set_rate(t, 5_000_000)), (right, lambda line, t: line.set_rate(t, 500_000)))
    outcome = simulate(Scenario(line_at(500_000), crowd(20_000, 1_000), changes=changes, until=2 * MINUTE))
    seconds = entered(outcome, 0)
    assert sum(seconds.values()) == 20_000
    by = {n: sum(seconds[k] for k in range(n + 1)) for n in range(20)}
    assert by[9] <= 500 * 6 + 500 + 5_000 * 4 + 1
    later = outcome.lines[-1][1]
    assert later.rate == 500_000 and later.reached(START + 10 * SECOND) <= 20_000
    corrected = next(line for at, line in outcome.lines if at >= START + right)
    assert 5_000 * 3 <= corrected.reached_to <= 500 * 8 + 500 + 5_000 * 3 + 1
