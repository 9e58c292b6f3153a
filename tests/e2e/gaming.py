"""Game servers with keys that count, and players who go from the queue into one of them: a launch, as tests play it."""

import json
import threading
from collections.abc import Callable, Sequence
from concurrent.futures import Future, ThreadPoolExecutor
from contextlib import ExitStack
from dataclasses import dataclass, field
from typing import Any

import jwt
import requests

from loginq.client import Game, enter
from loginq.service.rules.errors import LoginqError
from tests.conformance.real import Hall
from tests.e2e.conftest import PATIENCE, Stack, until

EACH = 0.5
"""Seconds between two counts of a game server."""


def verifier(api: str, domain: str) -> Callable[[str], str]:
    """What a game server knows of admission tokens: the keys that the API publishes at its domain, and that `iss`."""
    published = requests.get(f"{api}/.well-known/jwks.json", headers={"Host": domain}, timeout=PATIENCE).json()
    keys = jwt.PyJWKSet.from_dict(published)

    def player_of(token: str) -> str:
        key = keys[jwt.get_unverified_header(token)["kid"]].key
        return str(jwt.decode(token, key, ["ES256"], audience="loginq", issuer=f"https://{domain}")["sub"])

    return player_of


@dataclass
class GameServer:
    """One that lets in whoever has an admission token, and says how many it holds, until it is silent."""

    name: str
    url: str
    key: str
    player_of: Callable[[str], str]
    inside: list[str] = field(default_factory=list)
    is_silent: bool = False
    lock: threading.Lock = field(default_factory=threading.Lock)

    def joins(self, token: str) -> bool:
        """Whether somebody with this token comes in, which a silent one lets nobody. Raises for what is no token."""
        player = self.player_of(token)
        with self.lock:
            assert player not in self.inside
            if not self.is_silent:
                self.inside.append(player)
            return not self.is_silent

    def leave(self, many: int) -> None:
        """So many of its players leave."""
        with self.lock:
            assert len(self.inside) >= many
            del self.inside[:many]

    def count(self) -> int:
        """Say how many it holds; the status of the answer, 503 where there is none."""
        body, headers = json.dumps({"in_game": len(self.inside)}), {"Authorization": f"Bearer {self.key}"}
        try:
            return requests.post(self.url, body, headers=headers, timeout=20).status_code
        except requests.Timeout:
            return 503

    def falls_silent(self) -> None:
        """It says its last word, and keeps its players."""
        with self.lock:
            until(lambda: self.count() == 200)
            self.is_silent = True

    def run(self, over: threading.Event) -> None:
        """Count until it is over; what is busy is told again a little later, as the guide says."""
        while not over.wait(EACH):
            with self.lock:
                assert self.is_silent or self.count() in (200, 429, 503)


class Few:
    """The HTTP of all players, of whom few are answered at once: each call under way has functions of its own here, and
    this machine has two cores."""

    def __init__(self, domain: str) -> None:
        self._domain, self._free = domain, threading.BoundedSemaphore(6)

    def request(
        self, method: str, url: str, *, headers: dict[str, str], timeout: Any, **given: Any
    ) -> requests.Response:
        """As `requests` has it."""
        with self._free:
            return requests.request(method, url, headers={**headers, "Host": self._domain}, timeout=timeout, **given)


class Over(Exception):
    """Nobody waits any longer, as the test has ended."""


class Launch:
    """A stack whose game servers count, and whoever plays there.

    Args:
        api, domain: where players ask, and the Host that they name. token: an ID token of a player by name.
    """

    def __init__(
        self, stack: Stack, api: str, domain: str, servers: Sequence[GameServer], token: Callable[[str], str]
    ) -> None:
        self.stack, self.servers = stack, servers
        self.players = list[Future[str]]()
        self.most = 0
        self._api, self._token, self._http = api, token, Few(domain)
        self._over, self._lock, self._ends = threading.Event(), threading.Lock(), ExitStack()
        self._pool = self._ends.enter_context(ThreadPoolExecutor(80))
        runs = [self._pool.submit(server.run, self._over) for server in servers]
        self._ends.callback(lambda: [run.result() for run in runs])

    def close(self) -> None:
        """The end: nobody counts, and nobody waits. Raises what a game server met."""
        self._over.set()
        self._ends.close()

    @property
    def inside(self) -> int:
        """How many are in the game."""
        return sum(len(server.inside) for server in self.servers)

    def come(self, many: int) -> None:
        """So many players press Login, in the reference client, at the domain."""
        before = len(self.players)
        self.players += [self._pool.submit(self._play, f"steam|{before + n}") for n in range(many)]

    def come_by(self, hall: Hall, clients: dict[str, list[str]]) -> None:
        """One more for each client of a studio's: its name, and the command of its driver."""
        for name, words in clients.items():
            hall.send(name, words, lambda _, name=name: self._token(name))  # type: ignore[misc]
            self.players.append(self._pool.submit(self._follow, hall, name))

    def settle(self) -> None:
        """What happens each minute."""
        function = self.stack.deployment.stack.outputs()["SettleLineFunction"]
        answer = self.stack.aws.client("lambda").invoke(FunctionName=function)
        assert "FunctionError" not in answer, answer["Payload"].read()

    def _play(self, player: str) -> str:
        game = Game(self._api, lambda renew=False: self._token(player), self._http)
        return self._joined(player, enter(game, lambda _: None, self._not_yet, self._wait)["admission_token"])

    def _follow(self, hall: Hall, player: str) -> str:
        while player not in hall.ended:
            self._wait(0.1)
        word, _, token = hall.ended[player].partition(" ")
        assert word == "admitted", hall.ended[player]
        return self._joined(player, token)

    def _joined(self, player: str, token: str) -> str:
        """In the game, at the server with the fewest of those that let anybody in; the token that did it."""
        with self._lock:
            fewest = sorted(self.servers, key=lambda server: len(server.inside))
            server = next(server for server in fewest if server.joins(token))
            assert server.inside[-1] == player
            self.most = max(self.most, self.inside)
        return token

    def _not_yet(self, trouble: LoginqError, pause: float) -> None:
        """A player is told of trouble, and asks again."""

    def _wait(self, seconds: float) -> None:
        if self._over.wait(seconds):
            raise Over


def in_the_end(launch: Launch, true: Callable[[], Any]) -> Any:
    """Wait for something, settling meanwhile."""

    def settled() -> Any:
        launch.settle()
        return true()

    return until(settled)
