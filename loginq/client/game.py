"""The player API as a client uses it: ask for a place, ask how it stands, be patient."""

import random
import time
from collections.abc import Callable
from dataclasses import dataclass
from typing import Any, TypeVar

from loginq.client.faults import NOT_OURS, Gone, Trouble
from loginq.client.looking import Look, Looks
from loginq.client.reaching import TIMEOUT, ask, document, reach, retry_after, session_for
from loginq.service.rules.errors import Failed, LoginqError, Refused
from loginq.service.rules.times import Clock
from loginq.service.store.clock import system_clock

LONGEST_PAUSE = 30
_NUMBER = (int, float)


@dataclass(slots=True)
class Game:
    """The player API at `url`, for whoever `token` is.

    Args:
        token: gives the ID token; called with `renew=True` after the API has refused it.
    """

    url: str
    token: Callable[..., str]
    http: Any = None

    def __post_init__(self) -> None:
        self.url = self.url.rstrip("/")
        self.http = self.http or session_for(self.url)

    def login(self) -> dict[str, Any]:
        """`GET /login`. Raises `Trouble`, `Refused`."""
        return document(self._ask("GET", "/login"), ticket=str, poll_after_seconds=_NUMBER)

    def status(self, ticket: str) -> dict[str, Any]:
        """`GET /login/status`. Raises `Gone` when the ticket no longer counts, `Trouble`, `Refused`."""
        answer = self._ask("GET", "/login/status", login_ticket=ticket)
        return document(answer, login_status=bool, poll_after_seconds=_NUMBER)

    def leave(self) -> dict[str, Any]:
        """`DELETE /login`. Raises `Gone` when there is nothing to give up."""
        return document(self._ask("DELETE", "/login"))

    def _ask(self, method: str, path: str, **query: str) -> Any:
        answer = self._send(method, path, query, renew=False)
        if answer.status_code == 401:
            answer = self._send(method, path, query, renew=True)
        if answer.status_code == 200:
            return answer
        raise _refusal(answer)

    def _send(self, method: str, path: str, query: dict[str, str], *, renew: bool) -> Any:
        headers = {"Authorization": f"Bearer {self.token(renew=renew)}"}
        return reach(lambda: self.http.request(method, self.url + path, params=query, headers=headers, timeout=TIMEOUT))


T = TypeVar("T")


def patiently(
    ask: Callable[[], T],
    trouble: Callable[[Trouble, float], None],
    sleep: Callable[[float], None] = time.sleep,
) -> T:
    """The answer of `ask`, asked again for as long as there is `Trouble`; the place in line is kept meanwhile.

    Args:
        trouble: told of each, and of the seconds until the next try.
    """
    attempt = 0
    while True:
        try:
            return ask()
        except Trouble as exc:
            pause = min(LONGEST_PAUSE, 2**attempt) * random.uniform(0.5, 1)  # noqa: S311 - jitter
            pause = max(pause, exc.retry_after or 0)
            trouble(exc, pause)
            sleep(pause)
            attempt += 1


def published(url: str, clock: Clock = system_clock) -> tuple[dict[str, Any], int]:
    """The JWK set of the API at `url`, which is public, and what the time is over there, ms. Raises `Trouble`."""
    http = session_for(url)
    answer, now = ask(lambda: http.get(f"{url.rstrip('/')}/.well-known/jwks.json", timeout=TIMEOUT), clock)
    if answer.status_code != 200:
        raise Trouble(f"the key set is not there: {_refusal(answer).message.rstrip('.')}")
    keys = document(answer, keys=list)
    if not all(isinstance(key, dict) for key in keys["keys"]):
        raise Trouble(NOT_OURS)
    return keys, now


def published_keys(url: str) -> dict[str, Any]:
    """The JWK set of the API at `url` alone. Raises `Trouble`."""
    return published(url)[0]


def _refusal(answer: Any) -> LoginqError:
    status = answer.status_code
    try:
        error = document(answer).get("error")
    except Trouble as exc:
        # All that we and API Gateway refuse is JSON; a page that says 403 or 404 is somebody else's.
        return Trouble(f"HTTP {status}" if status >= 500 else exc.message, retry_after(answer.headers))
    if not isinstance(error, dict) and status in (403, 404):
        # Nor is JSON without an error: a domain says 403 while the stack behind it is changed for another.
        return Trouble(NOT_OURS, retry_after(answer.headers))
    said = error if isinstance(error, dict) else {}
    code, message = str(said.get("code", "")), str(said.get("message", f"HTTP {status}"))
    if status in (404, 410) and code in ("unknown_ticket", "ticket_expired"):
        return Gone(message)
    if status == 429 or status >= 500:
        return Trouble(message, retry_after(answer.headers), code)
    if status == 403 and code == "bad_request":  # API Gateway says so for its firewall, which forgets within minutes
        return Trouble("too many requests come from this network", retry_after(answer.headers))
    if status in (401, 403):
        return Refused(message)
    return Failed(f"The API answered {status}: {message}")


def enter(
    game: Game,
    show: Callable[[dict[str, Any]], None],
    trouble: Callable[[Trouble, float], None],
    sleep: Callable[[float], None] = time.sleep,
    look: Look | None = None,
) -> dict[str, Any]:
    """Wait in line until let in, and return the status that says so.

    Args:
        show: told of each standing. trouble: of each fault. sleep: waits, in seconds, as the API asks for.
        look: how the public line is read, where the API has one.

    A ticket that no longer counts (its time is over, or somebody gave it up) is replaced by a new one.
    """
    looks = Looks(show, sleep, look)
    while True:
        standing = patiently(game.login, trouble, sleep)
        ticket = standing["ticket"]
        try:
            while not standing.get("login_status") and "admission_token" not in standing:
                show(standing)
                sleep(standing["poll_after_seconds"])
                looks.until_status(standing)
                standing = patiently(lambda: game.status(ticket), trouble, sleep)  # noqa: B023 - called at once
            return standing
        except Gone as exc:
            trouble(Trouble(f"{exc.message} Asking for a new ticket"), 0)
