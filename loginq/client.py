"""The player's side: sign up, sign in, ask for a place, ask how it stands. `play` drives it."""

import random
import time
from collections.abc import Callable
from dataclasses import dataclass
from typing import Any, TypeVar

import requests

from loginq.service.errors import Conflict, Failed, Invalid, LoginqError, NotFound, Refused, Unavailable
from loginq.service.settings import Target

TIMEOUT = 15
"""Seconds for one HTTP call."""
REFRESH_BEFORE = 60
"""Seconds before its end that an ID token is refreshed."""
LONGEST_PAUSE = 30


class NotConfirmed(Refused):
    """The account waits for the code that was sent by e-mail."""


class Gone(LoginqError):
    """The ticket no longer counts: 404 or 410."""


class Trouble(LoginqError):
    """Network fault, 429 or 5xx: ask again, after `retry_after` seconds if the server said so."""

    def __init__(self, message: str, retry_after: float | None = None) -> None:
        super().__init__(message)
        self.retry_after = retry_after


class Account:
    """One player's account in the user pool; signed in, it has an ID token that is always fresh."""

    def __init__(self, target: Target, username: str) -> None:
        from botocore import UNSIGNED
        from botocore.config import Config
        from pycognito import Cognito

        self.username = username
        kwargs = {"endpoint_url": target.endpoint_url} if target.endpoint_url else {}
        self._cognito = Cognito(
            target.user_pool_id,
            target.client_id,
            user_pool_region=target.region,
            username=username,
            botocore_config=Config(signature_version=UNSIGNED, connect_timeout=5, read_timeout=15),
            boto3_client_kwargs=kwargs,
        )
        if target.endpoint_url:
            # The emulator's keys are at its own address while its tokens name AWS as their issuer.
            keys = f"{target.endpoint_url}/{target.user_pool_id}/.well-known/jwks.json"
            self._cognito.pool_jwk = _reach(lambda: requests.get(keys, timeout=TIMEOUT).json())
            self._cognito.pool_domain_url = None

    def sign_up(self, password: str, email: str) -> None:
        """Make the account; a code goes to the address. Raises `Conflict` and `Invalid`."""
        self._cognito.set_base_attributes(email=email)
        _cognito(lambda: self._cognito.register(self.username, password))

    def confirm(self, code: str) -> None:
        """Prove the address with the code. Raises `Invalid` for a wrong one."""
        _cognito(lambda: self._cognito.confirm_sign_up(code, self.username))

    def sign_in(self, password: str) -> None:
        """SRP: the password itself is never sent. Raises `Refused`, `NotConfirmed`, `Trouble`."""
        _cognito(lambda: self._cognito.authenticate(password))

    def token(self, *, renew: bool = False) -> str:
        """The ID token, refreshed when it is about to end, or when `renew` says that it was refused."""
        if renew or self._cognito.id_claims["exp"] - time.time() < REFRESH_BEFORE:
            _cognito(self._cognito.renew_access_token)
        return str(self._cognito.id_token)


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
        self.http = self.http or requests.Session()

    def login(self) -> dict[str, Any]:
        """`GET /login`. Raises `Trouble`, `Refused`."""
        return self._ask("GET", "/login")

    def status(self, ticket: str) -> dict[str, Any]:
        """`GET /login/status`. Raises `Gone` when the ticket no longer counts, `Trouble`, `Refused`."""
        return self._ask("GET", "/login/status", login_ticket=ticket)

    def leave(self) -> dict[str, Any]:
        """`DELETE /login`. Raises `Gone` when there is nothing to give up."""
        return self._ask("DELETE", "/login")

    def _ask(self, method: str, path: str, **query: str) -> dict[str, Any]:
        answer = self._send(method, path, query, renew=False)
        if answer.status_code == 401:
            answer = self._send(method, path, query, renew=True)
        if answer.status_code == 200:
            return dict(_reach(answer.json))
        raise _refusal(answer)

    def _send(self, method: str, path: str, query: dict[str, str], *, renew: bool) -> Any:
        headers = {"Authorization": f"Bearer {self.token(renew=renew)}"}
        return _reach(
            lambda: self.http.request(method, self.url + path, params=query, headers=headers, timeout=TIMEOUT)
        )


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


def published_keys(target: Target) -> dict[str, Any]:
    """The JWK set of the target's API, which is public. Raises `Trouble`."""
    return dict(_reach(lambda: requests.get(f"{target.api_url}/.well-known/jwks.json", timeout=TIMEOUT).json()))


def _reach(call: Callable[[], Any]) -> Any:
    try:
        return call()
    except (requests.RequestException, ValueError) as exc:
        raise Trouble(f"the server cannot be reached ({type(exc).__name__})") from exc


def _refusal(answer: Any) -> LoginqError:
    status = answer.status_code
    try:
        error = answer.json()["error"]
        code, message = str(error["code"]), str(error["message"])
    except (ValueError, KeyError, TypeError):
        code, message = "", f"HTTP {status}"
    if status in (404, 410) and code in ("unknown_ticket", "ticket_expired"):
        return Gone(message)
    if status == 429 or status >= 500:
        after = answer.headers.get("Retry-After", "")
        return Trouble(message, float(after) if after.isdigit() else None)
    if status in (401, 403):
        return Refused(message)
    return Failed(f"The API answered {status}: {message}")


def _cognito(call: Callable[[], Any]) -> Any:
    """A call of pycognito, its errors turned into ours."""
    from botocore.exceptions import BotoCoreError, ClientError
    from pycognito.exceptions import WarrantException

    from loginq.service.aws import translated

    try:
        return call()
    except ClientError as exc:
        code, said = exc.response["Error"]["Code"], exc.response["Error"].get("Message", "").rstrip(".")
        if code == "UserNotConfirmedException":
            raise NotConfirmed("This account is not confirmed yet.", "Enter the code that was sent by e-mail.") from exc
        if code in ("NotAuthorizedException", "UserNotFoundException"):
            raise Refused("The user name or the password is wrong.", "Check both and try again.") from exc
        ours = translated(exc)
        if isinstance(ours, Conflict):
            raise Conflict("This user name or e-mail address is taken.", "Choose another, or sign in.") from exc
        if isinstance(ours, Unavailable):
            raise Trouble(f"sign-in is busy ({code})") from exc
        if isinstance(ours, Invalid):
            raise Invalid(f"{said}.") from exc
        if isinstance(ours, NotFound):
            raise NotFound(
                f"The user pool or its client is gone: {said}.", "Deploy again, or check COGNITO_USER_CLIENT_ID."
            ) from exc
        raise ours from exc
    except requests.RequestException as exc:
        raise Trouble(f"sign-in cannot be reached ({type(exc).__name__})") from exc
    except BotoCoreError as exc:
        if "ParamValidation" in type(exc).__name__:
            raise Invalid(str(exc)) from exc
        raise Trouble(f"sign-in cannot be reached ({type(exc).__name__})") from exc
    except WarrantException as exc:
        raise Refused(f"Sign-in needs a step that this client does not know: {type(exc).__name__}.") from exc


def enter(
    game: Game,
    show: Callable[[dict[str, Any]], None],
    trouble: Callable[[Trouble, float], None],
    sleep: Callable[[float], None] = time.sleep,
) -> dict[str, Any]:
    """Wait in line until let in, and return the status that says so.

    Args:
        show: told of each standing. trouble: of each fault. sleep: waits, in seconds, as the API asks for.

    A ticket that no longer counts (its time is over, or somebody gave it up) is replaced by a new one.
    """
    while True:
        standing = patiently(game.login, trouble, sleep)
        ticket = standing["ticket"]
        try:
            while not standing.get("login_status") and "admission_token" not in standing:
                show(standing)
                sleep(standing["poll_after_seconds"])
                standing = patiently(lambda: game.status(ticket), trouble, sleep)  # noqa: B023 - called at once
            return standing
        except Gone as exc:
            trouble(Trouble(f"{exc.message} Asking for a new ticket"), 0)
