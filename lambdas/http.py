"""The HTTP edge: who is calling, the player API's answers, and every error as one of them."""

import json
import os
import time
from collections import deque
from collections.abc import Callable
from random import Random
from typing import Any
from urllib.parse import unquote

from lambdas.runtime import logged, logger, queue
from loginq.service.rules.errors import ByDesign, LoginError, LoginqError, NotSignedIn, QueueClosed, Unavailable
from loginq.service.rules.identity import LEEWAY
from loginq.service.rules.login import Standing
from loginq.service.rules.player import Identity
from loginq.service.rules.polling import CROWD, come_back_after
from loginq.service.rules.times import MINUTE, SECOND, Clock
from loginq.service.store.queue import Queue

Event = dict[str, Any]
Line = dict[str, Any]
"""What the call's log line says."""
Operation = Callable[[Queue, Identity, Event, Line], dict[str, Any]]
RETRY_AFTER = 5
"""Seconds that a client should leave a struggling queue alone."""


def answers(operation: Operation) -> Callable[[Event, Any], Event]:
    """A handler for API Gateway (Lambda proxy) that answers with what `operation` returns, or with its error."""

    def handler(event: Event, context: Any) -> Event:
        with logged(context) as line:

            def answer() -> dict[str, Any]:
                who = _identity(event, queue().clock)
                line["sub"] = who.sub
                body = operation(queue(), who, event, line)
                line["state"] = body["state"]
                return body

            return _response(*_answered(answer, line))

    return handler


def public(operation: Callable[[Queue], dict[str, Any]], max_age: int) -> Callable[[Event, Any], Event]:
    """A handler for a call that anybody may make, and keep the answer of for `max_age` seconds."""

    def handler(event: Event, context: Any) -> Event:
        with logged(context) as line:
            status, body, pause = _answered(lambda: operation(queue()), line)
            if status != 200:
                return _response(status, body, pause)
            answer = _response(status, body, cache=f"public, max-age={max_age}")
            answer["headers"]["Access-Control-Expose-Headers"] = "Age, Date"  # else no page may read how old it is
            return answer

    return handler


def private(operation: Callable[[Queue, Event, Line], dict[str, Any]]) -> Callable[[Event, Any], Event]:
    """A handler for game servers: API Gateway lets them through by IAM, or `operation` asks for a key of theirs."""

    def handler(event: Event, context: Any) -> Event:
        with logged(context) as line:
            caller = (event.get("requestContext") or {}).get("identity") or {}
            line["caller"] = caller.get("userArn")
            return _response(*_answered(lambda: operation(queue(), event, line), line))

    return handler


def _answered(answer: Callable[[], dict[str, Any]], line: Line) -> tuple[int, dict[str, Any], int]:
    """Status, body and seconds to stay away of what `answer` gives or raises; the log line learns what it was."""
    pause = RETRY_AFTER
    try:
        status, body = 200, answer()
    except LoginqError as exc:
        status, body = _error(exc)
        line |= {"code": body["error"]["code"], "reason": f"{type(exc).__name__}: {exc.message}"}
        if isinstance(exc, ByDesign):
            line["refused"] = exc.metric
        if isinstance(exc, QueueClosed):
            pause = _come_back_after()
    except Exception:  # noqa: BLE001 - the outermost edge: a player never sees an internal detail
        logger().exception("unexpected")
        status, body = _error(LoginqError(""))
        line["code"] = body["error"]["code"]
    line["status"] = status
    return status, body, pause


_turned_away: deque[float] = deque(maxlen=CROWD)
"""When a closed queue sent somebody away from here, by the monotonic clock: as much as a warm Lambda has seen of it."""


def _come_back_after() -> int:
    """In how many seconds to ask a closed queue again. It costs no call, so each Lambda goes by its own share."""
    now = time.monotonic()
    _turned_away.append(now)
    asking = sum(now - at < MINUTE / SECOND for at in _turned_away)
    return -(-come_back_after(asking, Random()) // SECOND)  # noqa: S311 - jitter


def standing_body(standing: Standing) -> dict[str, Any]:
    """The fields that /login and /login/status have in common.

    `line_url`: where whoever has a position may look at the public line instead of polling, where there is one.
    """
    line_url = os.environ.get("LINE_URL")
    return {
        "state": standing.state,
        "line_state": standing.line_state,
        "position": standing.position,
        "ahead": standing.ahead,
        "eta_seconds": None if standing.eta is None else -(-standing.eta // SECOND),
        "eta_basis": standing.eta_basis,
        "poll_after_seconds": standing.poll_after / SECOND,
        **({"line_url": line_url} if line_url and not standing.admitted else {}),
    }


def _identity(event: Event, clock: Clock) -> Identity:
    """The player whose ID token API Gateway has verified, or the authorizer within the last five minutes."""
    said = (event.get("requestContext") or {}).get("authorizer") or {}
    if "claims" not in said and said.get("subject"):
        if clock() // SECOND >= int(said["exp"]) + LEEWAY:
            raise NotSignedIn("Sign in again: the ID token is over.")
        subject = unquote(said["subject"])
        return Identity(said["sub"], subject, subject=subject)
    claims = said.get("claims") or {}
    if claims.get("token_use") != "id" or not claims.get("sub"):
        raise NotSignedIn("Send the ID token, as `Authorization: Bearer …`.")
    return Identity(claims["sub"], claims.get("cognito:username", claims["sub"]), claims.get("email"))


def _error(exc: LoginqError) -> tuple[int, dict[str, Any]]:
    if isinstance(exc, LoginError):
        status, code, message = exc.status, exc.code, f"{exc.message} {exc.hint}".strip()
    elif isinstance(exc, Unavailable):
        status, code, message = 503, "unavailable", "Busy: ask again in a few seconds. Your place is kept."
    else:
        status, code, message = 500, "internal", "Something went wrong on our side. Your place is kept."
    return status, {"error": {"code": code, "message": message}}


def _response(status: int, body: dict[str, Any], pause: int = RETRY_AFTER, cache: str = "no-store") -> Event:
    headers = {
        "Content-Type": "application/json",
        "Cache-Control": cache,
        "Strict-Transport-Security": "max-age=63072000",
        "X-Content-Type-Options": "nosniff",
        "Access-Control-Allow-Origin": os.environ.get("CORS_ORIGIN", "*"),
        "Access-Control-Expose-Headers": "Date",  # by which a page knows when its token ends
    }
    if status in (429, 503):
        headers |= {"Retry-After": str(pause), "Access-Control-Expose-Headers": "Date, Retry-After"}
    return {"statusCode": status, "headers": headers, "body": json.dumps(body, separators=(",", ":"))}
