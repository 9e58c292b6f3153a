"""A swarm of real players: Locust plays them, each with the reference client. A process of its own, `load run --real`
starts it, because gevent has to patch the standard library before anything else is imported.

In on stdin, one JSON document: `{"api", "usernames", "password", "arrive_seconds"}`. Out on stdout: one a second,
and the last one with `"over": true`.
"""

import gevent.monkey

gevent.monkey.patch_all()

import json  # noqa: E402
import sys  # noqa: E402
import time  # noqa: E402
from collections import Counter, deque  # noqa: E402
from typing import Any  # noqa: E402
from urllib.parse import urlsplit  # noqa: E402

import gevent  # noqa: E402
import requests  # noqa: E402
from gevent.event import Event  # noqa: E402
from locust import HttpUser, task  # noqa: E402
from locust.env import Environment  # noqa: E402
from locust.exception import StopUser  # noqa: E402

from loginq.client import Account, Api, Game, Sights, Trouble, enter, session_for  # noqa: E402
from loginq.service.rules.measure import percentile  # noqa: E402
from loginq.service.rules.player import State  # noqa: E402
from loginq.service.rules.scores import Scores, Told  # noqa: E402
from loginq.service.rules.times import SECOND  # noqa: E402

PERCENTILES = (0.5, 0.95, 0.99)


class Swarm:
    """What is known of the players, besides Locust's own statistics; waits in seconds."""

    def __init__(self, order: dict[str, Any]) -> None:
        self.api = Api(**order["api"])
        self.password: str = order["password"]
        self.usernames = deque(order["usernames"])
        self.players = len(self.usernames)
        self.over = 0
        self.waits: list[float] = []
        self.scores = Scores()
        self.admitted_at: list[float] = []
        self.troubles: Counter[str] = Counter()
        self.finished = Event()

    def document(self, environment: Environment) -> dict[str, Any]:
        """Everything so far."""
        calls = {}
        for (name, method), entry in environment.stats.entries.items():
            shares = {f"p{round(100 * p)}": entry.get_response_time_percentile(p) for p in PERCENTILES}
            calls[f"{method} {name}"] = {
                "count": entry.num_requests, "failures": entry.num_failures, **shares, "max": entry.max_response_time
            }  # fmt: skip
        return {
            "players": self.players,
            "done": self.over,
            "admitted": len(self.waits),
            "calls_ms": calls,
            "wait_seconds": {f"p{round(100 * p)}": _share(self.waits, p) for p in (*PERCENTILES, 1.0)},
            "scores": self.scores.document(),
            "admitted_at": [round(at, 3) for at in sorted(self.admitted_at)],
            "troubles": dict(self.troubles),
        }


def _now() -> int:
    return round(time.monotonic() * SECOND)


def _share(values: list[float], share: float) -> float | None:
    found = percentile(sorted(values), share)
    return None if found is None else round(found, 3)


class _Http:
    """Locust's HTTP session as `Game` wants it: a call that never arrived raises."""

    def __init__(self, session: Any) -> None:
        self._session = session

    def request(self, method: str, url: str, **given: Any) -> Any:
        path = urlsplit(url).path
        name = path[path.rindex("/login") :] if "/login" in path else path[path.rindex("/") :]
        answer = self._session.request(method, url, name=name, **given)
        if not answer.status_code:
            raise requests.ConnectionError(str(getattr(answer, "error", "no answer")))
        return answer


def _signed_in(swarm: Swarm, environment: Any, username: str) -> Account:
    """SRP, tried until it works; each attempt is one of Locust's requests."""
    while True:
        started, error = time.monotonic(), None
        try:
            account = Account(swarm.api, username)
            account.sign_in(swarm.password)
        except Trouble as exc:
            error = exc
        environment.events.request.fire(
            request_type="SRP",
            name="sign-in",
            response_time=1_000 * (time.monotonic() - started),
            response_length=0,
            exception=error,
        )
        if error is None:
            return account
        swarm.troubles[error.message] += 1
        gevent.sleep(error.retry_after or 2)


def players_of(swarm: Swarm) -> type[HttpUser]:
    """The Locust user that plays one of the swarm's players, from signing in to entering."""

    class Player(HttpUser):
        host = swarm.api.url

        @task
        def play(self) -> None:
            """Play once, then stand by: for a user that stops while others arrive, Locust would start another."""
            try:
                self._play(swarm.usernames.popleft())
            except Exception as exc:  # noqa: BLE001 - whatever it is, the next player must not be played in its place
                swarm.troubles[f"{type(exc).__name__}: {exc}"] += 1
            finally:
                swarm.over += 1
            swarm.finished.wait()
            raise StopUser

        def _play(self, username: str) -> None:
            account = _signed_in(swarm, self.environment, username)
            asked, told = _now(), Told()

            def show(standing: dict[str, Any]) -> None:
                eta = standing.get("eta_seconds")
                if standing.get("state") != State.QUEUED or "login_ticket" in standing:  # else it is a new ticket's
                    told.add(_now(), None if eta is None else eta * SECOND)

            def trouble(exc: Trouble, pause: float) -> None:
                swarm.troubles[exc.message] += 1

            http = _Http(session_for(swarm.api.url, self.client))
            enter(Game(swarm.api.url, account.token, http), show, trouble, look=Sights(http))
            now = _now()
            swarm.waits.append((now - asked) / SECOND)
            swarm.admitted_at.append(time.time())
            swarm.scores.add(told, now)

    return Player


def main() -> None:
    """Play the swarm that stdin describes."""
    order = json.load(sys.stdin)
    swarm = Swarm(order)
    environment = Environment(user_classes=[players_of(swarm)])
    runner = environment.create_local_runner()
    runner.start(swarm.players, spawn_rate=max(0.1, swarm.players / max(0.001, order["arrive_seconds"])))
    try:
        while swarm.over < swarm.players:
            gevent.sleep(1)
            print(json.dumps(swarm.document(environment)), flush=True)  # noqa: T201 - this is its output
    except KeyboardInterrupt:
        pass
    print(json.dumps({**swarm.document(environment), "over": True}), flush=True)  # noqa: T201
    swarm.finished.set()
    runner.quit()


if __name__ == "__main__":
    main()
