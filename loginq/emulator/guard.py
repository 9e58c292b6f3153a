"""A guard before the emulator: it carries out the rule, and fills gaps: Post Confirmation, API metrics, domains."""

import json
import os
from collections.abc import Callable, Iterable
from typing import Any

from loginq.emulator.confirmation import SOURCES, Confirmation
from loginq.emulator.domains import Domains
from loginq.emulator.inside import App, Inside
from loginq.emulator.meter import Meter, Record
from loginq.emulator.rule import Do, Headers, Rule, Verdict, names_an_operation

_REFUSED = (
    "This emulator answers programs on this machine. A web page may call a deployed API, and sign in from an origin "
    "that `loginq local up --origin URL` lists."
)
_PREFLIGHT = [
    (b"access-control-allow-methods", b"POST"),
    (b"access-control-allow-headers", b"content-type, x-amz-target, x-amz-user-agent"),
    (b"access-control-max-age", b"600"),
]
_POLICY_VIOLATION = 1008
"""A WebSocket is closed with it; RFC 6455, 7.4.1."""


class Guard:
    """An ASGI app in front of `app`, which listens on 127.0.0.1:`port` and lets pages of `origins` sign in.

    Args:
        record: how the metrics of deployed APIs get into CloudWatch.
    """

    def __init__(self, app: App, port: int, region: str, record: Record, origins: Iterable[str] = ()) -> None:
        self._app, self._rule = app, Rule(port, origins)
        inside = Inside(app, f"127.0.0.1:{port}", region)
        self._confirmation, self._meter = Confirmation(inside), Meter(inside, record)
        self._domains = Domains(inside, port)

    async def __call__(self, scope: dict[str, Any], receive: Callable[..., Any], send: Callable[..., Any]) -> None:
        if scope["type"] == "lifespan":
            await self._app(scope, receive, send)
        elif scope["type"] == "http":
            scope = await self._domains.led(scope)
            verdict = self._rule.verdict(scope)
            send = self._meter.metered(scope["path"], send) if verdict.do is not Do.REFUSE else send
            await self._carry_out(verdict, {**scope, "headers": verdict.headers}, receive, send)
        else:
            await receive()
            await send({"type": "websocket.close", "code": _POLICY_VIOLATION})

    async def _carry_out(self, verdict: Verdict, scope: dict[str, Any], receive: Any, send: Any) -> None:
        """`scope` is what the emulator may see of the request."""
        if verdict.do is Do.REFUSE:
            await _say(send, 403, {"message": _REFUSED})
        elif verdict.do is Do.HEALTH:
            await _say(send, 200, {"pid": os.getpid()})
        elif verdict.do is Do.PREFLIGHT:
            await _answer(send, 204, [*_PREFLIGHT, *_readable_by(verdict.origin)], b"")
        elif verdict.do is Do.FORWARD_FORM:
            await self._form(scope, receive, send)
        elif verdict.operation in SOURCES:
            await self._confirm(verdict, scope, receive, send)
        else:
            await self._app(scope, receive, send)

    async def _form(self, scope: dict[str, Any], receive: Any, send: Any) -> None:
        body = await _body(receive)
        if body is None:
            return
        if names_an_operation(body):
            await _say(send, 403, {"message": _REFUSED})
        else:
            await self._app(scope, _replayed(body, receive), send)

    async def _confirm(self, verdict: Verdict, scope: dict[str, Any], receive: Any, send: Any) -> None:
        """Pass the confirmation on; after a success run the pool's trigger, and only then answer."""
        body = await _body(receive)
        if body is None:
            return
        status, headers, said = await self._confirmation.answer(str(verdict.operation), scope, body)
        names = {name.lower() for name, _ in headers}
        readable = [each for each in _readable_by(verdict.origin) if each[0] not in names]
        await _answer(send, status, [*headers, *readable], said)


def _readable_by(origin: bytes | None) -> Headers:
    """The headers by which a browser shows an answer to the page that asked."""
    return [(b"access-control-allow-origin", origin), (b"vary", b"origin")] if origin else []


async def _body(receive: Callable[..., Any]) -> bytes | None:
    """The whole body; None when the client went away before its end."""
    parts = []
    while True:
        message = await receive()
        if message["type"] != "http.request":
            return None
        parts.append(message.get("body", b""))
        if not message.get("more_body"):
            return b"".join(parts)


def _replayed(body: bytes, receive: Callable[..., Any]) -> Callable[..., Any]:
    """`receive` from before the body was read."""
    messages = iter([{"type": "http.request", "body": body, "more_body": False}])

    async def again() -> Any:
        return next(messages, None) or await receive()

    return again


async def _say(send: Any, status: int, body: dict[str, Any]) -> None:
    await _answer(send, status, [(b"content-type", b"application/json")], json.dumps(body).encode())


async def _answer(send: Any, status: int, headers: Headers, body: bytes) -> None:
    await send({"type": "http.response.start", "status": status, "headers": headers})
    await send({"type": "http.response.body", "body": body})
