"""The HTTP edge: who is calling, the player API's answers, and every error as one of them."""

import json
import os
from collections.abc import Callable
from typing import Any

from lambdas.runtime import logged, logger, queue
from loginq.service.errors import LoginError, LoginqError, NotSignedIn, Unavailable
from loginq.service.login import Standing
from loginq.service.players import Identity
from loginq.service.queue import Queue
from loginq.service.times import SECOND

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
                who = _identity(event)
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
            status, body = _answered(lambda: operation(queue()), line)
            return _response(status, body, f"public, max-age={max_age}" if status == 200 else "no-store")

    return handler


def private(operation: Callable[[Queue, Event], dict[str, Any]]) -> Callable[[Event, Any], Event]:
    """A handler for a call that API Gateway lets through by IAM alone."""

    def handler(event: Event, context: Any) -> Event:
        with logged(context) as line:
            caller = (event.get("requestContext") or {}).get("identity") or {}
            line["caller"] = caller.get("userArn")
            return _response(*_answered(lambda: operation(queue(), event), line))

    return handler


def _answered(answer: Callable[[], dict[str, Any]], line: Line) -> tuple[int, dict[str, Any]]:
    """Status and body of what `answer` gives or raises; the log line learns both."""
    try:
        status, body = 200, answer()
    except LoginqError as exc:
        status, body = _error(exc)
        line |= {"code": body["error"]["code"], "reason": f"{type(exc).__name__}: {exc.message}"}
    except Exception:  # noqa: BLE001 - the outermost edge: a player never sees an internal detail
        logger().exception("unexpected")
        status, body = _error(LoginqError(""))
        line["code"] = body["error"]["code"]
    line["status"] = status
    return status, body


def standing_body(standing: Standing) -> dict[str, Any]:
    """The fields that /login and /login/status have in common."""
    return {
        "state": standing.state,
        "line_state": standing.line_state,
        "position": standing.position,
        "ahead": standing.ahead,
        "eta_seconds": None if standing.eta is None else -(-standing.eta // SECOND),
        "poll_after_seconds": standing.poll_after / SECOND,
    }


def _identity(event: Event) -> Identity:
    """The player whose ID token API Gateway has verified."""
    claims = ((event.get("requestContext") or {}).get("authorizer") or {}).get("claims") or {}
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


def _response(status: int, body: dict[str, Any], cache: str = "no-store") -> Event:
    headers = {
        "Content-Type": "application/json",
        "Cache-Control": cache,
        "Strict-Transport-Security": "max-age=63072000",
        "X-Content-Type-Options": "nosniff",
        "Access-Control-Allow-Origin": os.environ.get("CORS_ORIGIN", "*"),
    }
    if status in (429, 503):
        headers |= {"Retry-After": str(RETRY_AFTER), "Access-Control-Expose-Headers": "Retry-After"}
    return {"statusCode": status, "headers": headers, "body": json.dumps(body, separators=(",", ":"))}
