"""A scripted server: plays recorded conversations to a client, one after the other, and compares what it does.

Everything that a client does besides its calls (sleeping, asking for a token, showing, ending) its driver tells this
server, too, at `/__<what>`: so what happens has one order, and time passes as the client sleeps, at once.
"""

import json
import threading
import time
from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import dataclass, field
from email.utils import formatdate
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from typing import Any

Body = Callable[["Talk"], str | bytes | Mapping[str, Any]] | str | bytes | Mapping[str, Any]


@dataclass(frozen=True)
class Ask:
    """One call of the client's, and what it is answered.

    Args:
        token: the name of the token that it brings; None for a call that must bring none.
        fault: `cut` sends half of the body, `nothing` no answer at all, `hang` none in time, `drip` one without an end.
    """

    method: str
    path: str
    token: str | None = "one"
    status: int = 200
    body: Body = ""
    headers: Mapping[str, str] = field(default_factory=dict)
    fault: str = ""


@dataclass(frozen=True)
class Sleep:
    """A pause between `least` and `most` seconds. `reply`: `cancel` has the client cancelled meanwhile."""

    least: float
    most: float
    reply: str = "ok"


@dataclass(frozen=True)
class Token:
    """The client wants an ID token. `name`: which one it gets; `!` for an exception, `?` for trouble."""

    force: bool
    name: str
    minutes: float = 600


@dataclass(frozen=True)
class Show:
    """What the studio is shown next: fields and their text; None for those that must be left out."""

    fields: Mapping[str, str | None]
    reply: str = "ok"


@dataclass(frozen=True)
class Looks:
    """The same call and the same pause, again and again, for between `least` and `most` seconds."""

    ask: Ask
    sleep: Sleep
    least: float
    most: float


@dataclass(frozen=True)
class End:
    """How it ends: a word of the driver's, and what it says."""

    said: str


Step = Ask | Sleep | Token | Show | Looks | End


@dataclass(frozen=True)
class Conversation:
    """Steps in order. `ahead`: how far the server's clock is ahead of this machine's, s. `act`: what is done."""

    name: str
    steps: tuple[Step, ...]
    ahead: int = 0
    act: str = "enter"
    slash: str = ""

    @property
    def timeout(self) -> float:
        """Seconds of one call: few only where one is to fail by it, because a busy machine takes its time."""
        return 0.5 if any(isinstance(step, Ask) and step.fault in ("hang", "drip") for step in self.steps) else 15


class Talk:
    """One conversation under way with one client.

    `fault` is the first thing that went otherwise, "" for none; `past` what happened, for whoever mends the client.
    """

    def __init__(self, conversation: Conversation, url: str) -> None:
        self.conversation, self.url = conversation, url
        self.steps, self.past, self.fault = list(conversation.steps), list[str](), ""
        self.now = time.time() + conversation.ahead
        self.looking_since = self.now
        self.tokens = dict[str, str]()
        self.over = threading.Event()

    def token(self, name: str, minutes: float) -> str:
        """A JWT of that name; a name with a tilde is no JWT."""
        made = name if name.startswith("~") else _jwt({"sub": name, "exp": int(self.now + minutes * 60)})
        return self.tokens.setdefault(name, made)

    def wrong(self, said: str) -> None:
        """The first thing that went wrong is what counts."""
        self.past.append(said)
        self.fault = self.fault or said

    def next(self, kind: type, said: str) -> Any:
        """The step that is due, when it is of that kind; else None, and the conversation has failed."""
        self.past.append(said)
        if self.fault:
            return None
        if self.steps and isinstance(self.steps[0], Looks):
            looks = self.steps[0]
            again = {f"{looks.ask.method} {looks.ask.path}": looks.ask}.get(said, looks.sleep)
            if isinstance(again, kind):
                return again
            self.steps.pop(0)
            if not looks.least <= self.now - self.looking_since <= looks.most:
                self.wrong(f"{said} after {self.now - self.looking_since:.0f} s of {looks}")
        if self.steps and isinstance(self.steps[0], kind):
            step = self.steps.pop(0)
            self.looking_since = self.now
            return step
        self.wrong(f"{said}, where {self.steps[0] if self.steps else 'nothing'} was due")
        return None

    def told(self, what: str, text: str) -> str:
        """The reply to what a driver tells; once a conversation has failed it is cancelled."""
        if what == "show":
            return self._shown(text)
        if what == "end":
            self._ended(text)
            return ""
        if what == "token":
            step = self.next(Token, f"token {text}")
            if step and str(step.force).lower() != text:
                self.wrong(f"token({text}), where {step} was due")
            return (
                "!" if step is None else step.name if step.name in ("!", "?") else self.token(step.name, step.minutes)
            )
        seconds = float(text)
        self.now += seconds
        step = self.next(Sleep, f"sleep {text}")
        if step and not step.least <= seconds <= step.most:
            self.wrong(f"slept {text} s, where {step} was due")
        return "cancel" if self.fault else str(step.reply)

    def _shown(self, text: str) -> str:
        self.past.append("show " + text.replace("\n", " "))
        if self.fault:
            return "cancel"
        if not (self.steps and isinstance(self.steps[0], Show)):
            return "ok"
        step = self.steps.pop(0)
        assert isinstance(step, Show)
        lines, _, message = f"\n{text}".partition("\nmessage=")
        told = dict(line.split("=", 1) for line in lines.splitlines() if line) | (
            {"message": message} if message else {}
        )
        amiss = {name: told.get(name) for name, value in step.fields.items() if not _same(told.get(name), value)}
        if amiss:
            self.wrong(f"showed {amiss}, where {dict(step.fields)} was due")
        return "cancel" if self.fault else step.reply

    def _ended(self, text: str) -> None:
        step = self.next(End, f"end {text}")
        if step and step.said != text.strip():
            self.wrong(f"ended by {text!r}, where {step} was due")
        if not self.fault and self.steps:
            self.wrong(f"it ended, where {self.steps[0]} was due")
        self.over.set()


def _same(told: str | None, due: str | None) -> bool:
    try:
        return told == due or (told is not None and due is not None and float(told) == float(due))
    except ValueError:
        return False


def _jwt(claims: Mapping[str, Any]) -> str:
    from base64 import urlsafe_b64encode

    parts = [urlsafe_b64encode(json.dumps(each).encode()).decode().rstrip("=") for each in ({"alg": "none"}, claims)]
    return ".".join([*parts, "c2lnbmF0dXJl"])


class Scripted:
    """The server: `base` is where drivers begin. Conversations are played in the order in which they were given.

    `pages`: path -> kind and bytes of what a browser needs. `over`: set when all have been played.
    """

    def __init__(self, conversations: Sequence[Conversation]) -> None:
        self.talks, self.over = list[Talk](), threading.Event()
        self._waiting, self._lock = list(conversations), threading.Lock()
        self._server = ThreadingHTTPServer(("127.0.0.1", 0), _handler(self))
        self.base = f"http://127.0.0.1:{self._server.server_address[1]}"
        self.pages = dict[str, tuple[str, bytes]]()

    def serve(self) -> threading.Thread:
        thread = threading.Thread(target=self._server.serve_forever, args=(0.05,), daemon=True)
        thread.start()
        return thread

    def close(self) -> None:
        self._server.shutdown()
        self._server.server_close()

    def faults(self) -> list[str]:
        """What went wrong, by conversation."""
        ended = [
            f"{t.conversation.name}: {t.fault or 'it does not end'}"
            for t in self.talks
            if t.fault or not t.over.is_set()
        ]
        return ended + [f"{each.name}: it was not played" for each in self._waiting]

    def told(self, what: str, text: str) -> str:
        """The reply to a driver."""
        with self._lock:
            if what != "next":
                return self.talks[-1].told(what, text)
            if not self._waiting:
                self.over.set()
                return ""
            due = self._waiting.pop(0)
            talk = Talk(due, f"{self.base}/c{len(self.talks)}")
            self.talks.append(talk)
            return f"{talk.url}{due.slash}\n{due.timeout}\n{due.act}"

    def asked(self, method: str, path: str, headers: Mapping[str, str]) -> tuple[Talk, Ask | None]:
        """The step that a call of a client's is, and None where none was due."""
        number, _, rest = path.removeprefix("/c").partition("/")
        with self._lock:
            talk = self.talks[int(number)] if number.isdigit() else self.talks[-1]
            if talk is not self.talks[-1]:
                talk.wrong(f"{method} {path} after its end")
                return talk, None
            step = talk.next(Ask, f"{method} /{rest}")
            if step is None:
                return talk, None
            due = None if step.token is None else f"Bearer {talk.tokens.get(step.token, '').strip()}"
            same = f"/{rest}".startswith(step.path[:-1]) if step.path.endswith("*") else f"/{rest}" == step.path
            if method != step.method or not same:
                talk.wrong(f"{method} /{rest}, where {step.method} {step.path} was due")
            elif headers.get("Authorization") != due:
                talk.wrong(f"{method} /{rest} brought {headers.get('Authorization')}, where {due} was due")
            return talk, None if talk.fault else step


@contextmanager
def scripted(conversations: Sequence[Conversation]) -> Iterator[Scripted]:
    """A server under way."""
    server = Scripted(conversations)
    thread = server.serve()
    try:
        yield server
    finally:
        server.close()
        thread.join(10)


def _handler(server: Scripted) -> type[BaseHTTPRequestHandler]:
    class Handler(BaseHTTPRequestHandler):
        def log_message(self, *args: Any) -> None:
            """Nobody reads it."""

        def do_POST(self) -> None:
            text = self.rfile.read(int(self.headers.get("Content-Length", 0))).decode()
            self._send(200, {}, server.told(self.path.removeprefix("/__"), text).encode())

        def do_GET(self) -> None:
            if not self.path.startswith("/c"):  # a browser's, for its page
                kind, page = server.pages.get(self.path, ("text/plain", b""))
                self._send(200 if page else 404, {"Content-Type": kind}, page)
                return
            talk, step = server.asked(self.command, self.path, dict(self.headers.items()))
            due = talk.steps[:1]
            if step is None:
                self._send(403, {}, b'{"error": {"code": "failed", "message": "this conversation is over"}}')
                return
            if step.fault == "drip":  # a byte now and then, each of them in time
                self._send(200, {"Content-Length": "1000"}, b"{")
                while not talk.over.wait(0.2) and talk.steps[:1] == due:
                    self.wfile.write(b" ")
                self.close_connection = True
                return
            if step.fault == "hang":
                talk.over.wait(5)
            if step.fault in ("hang", "nothing"):
                self.close_connection = True
                return
            found = step.body(talk) if callable(step.body) else step.body
            body = (
                found if isinstance(found, bytes) else (found if isinstance(found, str) else json.dumps(found)).encode()
            )
            headers = {"Date": formatdate(talk.now, usegmt=True), "Content-Type": "application/json", **step.headers}
            self._send(step.status, {n: v for n, v in headers.items() if v}, body, half=step.fault == "cut")

        do_DELETE = do_GET  # noqa: N815 - named by http.server

        def _send(self, status: int, headers: Mapping[str, str], body: bytes, *, half: bool = False) -> None:
            self.send_response_only(status)
            for name, value in {"Connection": "close", "Content-Length": str(len(body)), **headers}.items():
                self.send_header(name, value)
            self.end_headers()
            self.wfile.write(body[: len(body) // 2] if half else body)

    return Handler
