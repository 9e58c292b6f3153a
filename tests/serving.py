"""A little HTTP server on this machine: an API, a proxy or a captive portal, as a test wants it."""

import json
import threading
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from typing import Any

PORTAL = "<html><title>Caf\xe9 Wi-Fi</title>Please log in.</html>".encode("latin-1")


@dataclass
class Reply:
    """One answer; `body` is JSON unless it is bytes, which are HTML."""

    body: Any
    status: int = 200
    headers: dict[str, str] = field(default_factory=dict)


@dataclass
class Server:
    """Where it is, and what it was asked: method, path and headers of each call."""

    url: str
    asked: list[tuple[str, str, dict[str, str]]]


@contextmanager
def serving(answer: Callable[[str, str], Reply]) -> Iterator[Server]:
    """A server that gives `answer(method, path)`. An answer has no `Date` but what its headers say."""
    asked: list[tuple[str, str, dict[str, str]]] = []

    class Handler(BaseHTTPRequestHandler):
        def reply(self) -> None:
            self.rfile.read(int(self.headers.get("Content-Length", 0)))
            asked.append((self.command, self.path, dict(self.headers)))
            reply = answer(self.command, self.path)
            html = isinstance(reply.body, bytes)
            body = reply.body if html else json.dumps(reply.body).encode()
            self.send_response_only(reply.status)
            headers = {"Content-Type": "text/html" if html else "application/json", "Content-Length": str(len(body))}
            for name, value in {**headers, **reply.headers}.items():
                self.send_header(name, value)
            self.end_headers()
            self.wfile.write(body)

        do_GET = do_POST = do_DELETE = reply  # noqa: N815 - the names that http.server calls

        def log_message(self, *_: Any) -> None: ...

    server = ThreadingHTTPServer(("127.0.0.1", 0), Handler)
    threading.Thread(target=server.serve_forever, kwargs={"poll_interval": 0.01}, daemon=True).start()
    try:
        yield Server(f"http://127.0.0.1:{server.server_port}", asked)
    finally:
        server.shutdown()
        server.server_close()
