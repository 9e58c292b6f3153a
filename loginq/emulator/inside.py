"""Requests of our own to the emulator, from within its process: past the guard, as an SDK would sign them."""

from collections.abc import Awaitable, Callable
from typing import Any

from loginq.emulator.rule import Headers

App = Callable[[dict[str, Any], Callable[..., Any], Callable[..., Any]], Awaitable[None]]
Answer = tuple[int, Headers, bytes]
"""Status, headers, body."""


class Inside:
    """The emulator `app`, whose address is `host`."""

    def __init__(self, app: App, host: str, region: str) -> None:
        self._app, self._host, self.region = app, host, region

    def scope(
        self, path: str, service: str, headers: dict[str, str] | None = None, method: str = "POST"
    ) -> dict[str, Any]:
        """A request of our own to the emulator, as an SDK would sign it."""
        signed = f"AWS4-HMAC-SHA256 Credential=test/20260101/{self.region}/{service}/aws4_request"
        sent = {"host": self._host, "authorization": signed, **(headers or {})}
        return {
            "type": "http",
            "asgi": {"version": "3.0"},
            "http_version": "1.1",
            "method": method,
            "scheme": "http",
            "path": path,
            "raw_path": path.encode(),
            "query_string": b"",
            "headers": [(name.encode(), value.encode()) for name, value in sent.items()],
        }

    async def ask(self, scope: dict[str, Any], body: bytes) -> Answer:
        """The emulator's answer to one buffered request."""
        status, headers, parts = 500, [], []

        async def receive() -> dict[str, Any]:
            return {"type": "http.request", "body": body, "more_body": False}

        async def send(message: dict[str, Any]) -> None:
            nonlocal status, headers
            if message["type"] == "http.response.start":
                status, headers = message["status"], list(message.get("headers", []))
            else:
                parts.append(message.get("body", b""))

        await self._app(scope, receive, send)
        return status, headers, b"".join(parts)
