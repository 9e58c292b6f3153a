"""Clients before a real stack: the same drivers, which sleep for as long as they are told."""

import threading
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from subprocess import PIPE, STDOUT, Popen
from typing import Any

Token = Callable[[bool], str]
"""An ID token of a player's; with True a fresh one."""


class Hall:
    """Where players of all languages wait before the API at `url`.

    `shown`: player -> what it was shown, one row of fields each. `ended`: player -> how it ended, as its driver says.
    `pages`: path -> kind and bytes of what a browser needs, of which the page of a player is at `/<player>/`.
    """

    def __init__(self, url: str, timeout: float = 15) -> None:
        self._url, self._timeout = url, timeout
        self._tokens, self._begun = dict[str, Token](), set[str]()
        self.shown, self.ended = dict[str, list[dict[str, str]]](), dict[str, str]()
        self.pages = dict[str, tuple[str, bytes]]()
        self._server = ThreadingHTTPServer(("127.0.0.1", 0), _handler(self))
        self._processes = list[Popen[bytes]]()

    def expect(self, player: str, token: Token) -> str:
        """Where the driver of a player begins."""
        self._tokens[player], self.shown[player] = token, []
        return f"http://127.0.0.1:{self._server.server_address[1]}/{player}"

    def send(self, player: str, words: list[str], token: Token) -> None:
        """Let a player wait; `words`: the command of a client's driver."""
        self._processes.append(Popen([*words, self.expect(player, token)], stdout=PIPE, stderr=STDOUT))

    def wait(self, seconds: float) -> dict[str, str]:
        """How everybody ended. Raises `AssertionError` for who said anything besides, or is not done by then."""
        until = time.monotonic() + seconds
        for process in self._processes:
            out, _ = process.communicate(timeout=max(1, until - time.monotonic()))
            assert (process.returncode, out) == (0, b""), out
        return self.ended

    def told(self, player: str, what: str, text: str) -> str:
        """The reply to a driver."""
        if what == "next":
            first = player not in self._begun
            self._begun.add(player)
            return f"{self._url}\n{self._timeout}\nenter" if first else ""
        if what == "token":
            return self._tokens[player](text == "true")
        if what == "sleep":
            time.sleep(float(text))
        if what == "show":
            lines = text.partition("\nmessage=")[0].splitlines()
            self.shown[player].append(dict(line.split("=", 1) for line in lines if "=" in line))
        if what == "end":
            self.ended[player] = text
        return "ok"

    def serve(self) -> None:
        threading.Thread(target=self._server.serve_forever, args=(0.05,), daemon=True).start()

    def close(self) -> None:
        for process in self._processes:
            process.kill()
            process.wait()
            if process.stdout:
                process.stdout.close()
        self._server.shutdown()
        self._server.server_close()


@contextmanager
def hall(url: str) -> Iterator[Hall]:
    """A hall that is open."""
    made = Hall(url)
    made.serve()
    try:
        yield made
    finally:
        made.close()


def _handler(server: Hall) -> type[BaseHTTPRequestHandler]:
    class Handler(BaseHTTPRequestHandler):
        def log_message(self, *args: Any) -> None:
            """Nobody reads it."""

        def do_GET(self) -> None:
            self._send(*server.pages.get(self.path, ("text/plain", b"")))

        def do_POST(self) -> None:
            text = self.rfile.read(int(self.headers.get("Content-Length", 0))).decode()
            player, _, what = self.path.removeprefix("/").partition("/__")
            self._send("text/plain", server.told(player, what, text).encode())

        def _send(self, kind: str, body: bytes) -> None:
            self.send_response_only(200)
            self.send_header("Connection", "close")  # .NET keeps open what HTTP 1.0 does not
            self.send_header("Content-Type", kind)
            self.send_header("Content-Length", str(len(body)))
            self.end_headers()
            self.wfile.write(body)

    return Handler
