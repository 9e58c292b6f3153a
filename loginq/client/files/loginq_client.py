"""loginq's queue client for Python 3.10 and newer: asks for a place in line, waits as told, says who may enter.

    from loginq_client import QueueClient, Refused

    client = QueueClient("https://queue.example.com", token=lambda force: my_account.id_token(fresh=force))
    try:
        standing = client.enter(lambda now: print(now.ahead, now.eta_seconds, now.trouble))
        connect_to_game(standing.admission_token)
    except Refused as refusal:
        print(refusal.code, refusal)

`enter` blocks: give it a thread of its own; `cancel`, from any other thread, wakes it. The place in line outlasts a
lost connection, a crash and `cancel`: a new client goes on where the player stood, or gives it up by `leave`.
It signs nobody in: `token` is yours, called with True when the token was refused or is about to end; what it raises
ends `enter`, except a `Trouble`, which is waited out. The token goes to `url` alone, follows no redirect and is never
written anywhere, and this machine's clock is never asked what time it is.
"""

from __future__ import annotations

import base64
import json
import math
import random
import re
import threading
import time
from collections.abc import Callable, Mapping
from contextlib import closing, suppress
from dataclasses import dataclass, replace
from email.utils import parsedate_to_datetime
from http.client import HTTPConnection, HTTPException, HTTPSConnection
from itertools import pairwise
from typing import Any
from urllib.parse import quote, urlsplit

Answer = tuple[int, Mapping[str, str], bytes]
Http = Callable[[str, str, dict[str, str], float], Answer]
"""(method, URL, headers, seconds) -> status, headers, body. It follows no redirects, and raises OSError."""
NOT_OURS, GONE = "something else answered in its place", ("unknown_ticket", "ticket_expired")


@dataclass(frozen=True)
class Standing:
    """How a player stands; None for what nobody knows."""

    state: str = ""
    line_state: str = ""
    position: int | None = None
    ahead: int | None = None
    eta_seconds: int | None = None
    eta_basis: str = ""
    message: str = ""
    pause: float = 0  # seconds until the next question
    trouble: str = ""  # what is wrong at the moment, in words; the place is kept meanwhile
    code: str = ""  # the API's word for that
    admitted: bool = False
    admission_token: str = ""
    ticket: str = ""
    line_url: str = ""


class _Said(Exception):
    def __init__(self, message: str, code: str = "", after: float = 0) -> None:
        super().__init__(message)
        self.code, self.after = code, after


class Refused(_Said):
    """The player may not enter, and asking again does not help. `code` is the API's word for it."""


class Trouble(_Said):
    """Something that passes. `after`: seconds for which the API wants to be left alone."""


class Cancelled(Exception):
    """`cancel` was called."""


class QueueClient:
    """One player's way through the queue at `url`.

    `token` gives the player's ID token; with True a fresh one. `timeout`: seconds of one call. `sleep` waits so many
    seconds, and wakes when `cancel` is called. `ticks`: a clock in ms that only ever rises.
    """

    def __init__(
        self, url: str, token: Callable[[bool], str], http: Http | None = None, timeout: float = 15,
        sleep: Callable[[float], Any] | None = None, ticks: Callable[[], float] = lambda: time.monotonic() * 1000
    ) -> None:  # fmt: skip
        self._url, self._studio, self._timeout = url.rstrip("/"), token, timeout
        self._over = threading.Event()
        self._http, self._sleep, self._ticks = http or _http, sleep or self._over.wait, ticks
        self._token, self._last = "", Standing()
        self._show: Callable[[Standing], Any] = print
        self._ends: float | None = None  # when the token is over, ms
        self._ahead: float | None = None  # how far the server's clock is ahead of ours, ms; and by the public line
        self._line: float | None = None

    def cancel(self) -> None:
        """End `enter` and `leave` with `Cancelled`. The place in line is kept."""
        self._over.set()

    def enter(self, show: Callable[[Standing], Any] = lambda standing: None) -> Standing:
        """Wait until let in; `show` is told of each standing. Raises `Refused`, `Cancelled`, and what `token` does."""
        self._last, self._show = Standing(), show
        while True:
            found = self._patiently("GET", "/login", "ticket", math.inf)
            path = "/login/status?login_ticket=" + quote(found.ticket, safe="", errors="replace")
            try:
                while not found.admitted:
                    self._last = found
                    self._pause(found)
                    self._look_on()
                    found = self._patiently("GET", path, "login_status", math.inf)
                return found
            except Refused as gone:
                if gone.code not in GONE:
                    raise
                self._show(replace(self._last, pause=0, trouble=str(gone), code=gone.code))

    def leave(self) -> None:
        """Give the place up. Raises `Refused`, `Cancelled`, and `Trouble` when three tries were in vain."""
        self._last, self._show = Standing(), lambda standing: None
        self._patiently("DELETE", "/login", "", 3)

    def _patiently(self, method: str, path: str, needs: str, tries: float, attempt: int = 0) -> Standing:
        while True:
            try:
                return self._call(method, path, needs)
            except Trouble as trouble:
                if attempt + 1 >= tries:
                    raise
                pause = max(min(30, 2 ** min(attempt, 5)) * random.uniform(0.5, 1), trouble.after)
                line_state = "closed" if trouble.code == "queue_closed" else self._last.line_state
                said = replace(self._last, line_state=line_state, code=trouble.code, trouble=str(trouble) or NOT_OURS)
                self._pause(replace(said, pause=pause))
                attempt += 1

    def _pause(self, standing: Standing) -> None:
        self._show(standing)
        self._go_on()
        self._sleep(standing.pause)
        self._go_on()

    def _go_on(self) -> None:
        if self._over.is_set():
            raise Cancelled

    def _call(self, method: str, path: str, needs: str) -> Standing:
        status, headers, body = self._send(method, path, self._ends_soon())
        if status == 401:
            status, headers, body = self._send(method, path, True)
        after, found = _retry_after(headers), _document(body)
        said = {} if found is None or status == 200 else found.get("error")
        # Errors of ours are objects; a domain says 403 without one while the stack behind it is changed for another.
        if found is None or not isinstance(said, dict) or 200 < status < 400:
            raise Trouble(f"HTTP {status}" if status >= 500 else NOT_OURS, after=after)
        if status == 200 or (method == "DELETE" and status in (404, 410)):
            try:
                return _standing(found, needs)
            except ValueError as fault:
                raise Trouble(NOT_OURS, after=after) from fault
        code, message = _text(said, "code"), _text(said, "message") or f"HTTP {status}"
        if status == 429 or status >= 500 or (status == 403 and code == "bad_request"):
            raise Trouble(message, code, after)
        raise Refused(message, code or f"http_{status}")

    def _send(self, method: str, path: str, force: bool) -> Answer:
        self._go_on()
        if force or not self._token:
            self._token, self._ends = re.sub("[^!-~]", "", self._studio(force)), None
            with suppress(ValueError, IndexError, RecursionError):
                claims = json.loads(base64.urlsafe_b64decode(self._token.split(".")[1] + "=="))
                self._ends = _number(claims, "exp") * 1000
            self._ends = None if force and self._ends_soon() else self._ends
            self._go_on()
        answer = self._reach(method, self._url + path, {"Authorization": f"Bearer {self._token}"})
        date = _date(answer[1].get("date", ""))
        self._ahead = self._ahead if date is None else date - self._ticks()
        return answer

    def _ends_soon(self) -> bool:
        return self._ends is not None and self._ahead is not None and self._ends - self._ticks() - self._ahead < 60_000

    def _reach(self, method: str, url: str, headers: dict[str, str]) -> Answer:
        got: list[Answer] = []

        def ask() -> None:
            with suppress(OSError, HTTPException, ValueError):  # of what is no address
                got.append(self._http(method, url, {"Accept": "application/json", **headers}, self._timeout))

        (call := threading.Thread(target=ask, daemon=True)).start()
        until = time.monotonic() + self._timeout
        while call.is_alive() and not self._over.is_set() and time.monotonic() < until:
            call.join(0.05)
        self._go_on()
        if not got:
            raise Trouble("the server cannot be reached")
        status, said, body = got[0]
        return status, {name.lower(): value for name, value in said.items()}, body

    def _look_on(self) -> None:
        """Wait by the public line until `/login/status` is to be asked; at once where there is none, or it fails."""
        standing, position = self._last, self._last.position
        if standing.state != "waiting" or position is None or not _is_safe(standing.line_url):
            return
        meeting, due = self._ticks() + random.uniform(480_000, 600_000), False
        while not due and self._ticks() < meeting:
            try:
                status, headers, body = self._reach("GET", standing.line_url, {})
                age = headers.get("age", "")
                kept = int(age) * 1000 if re.fullmatch("[0-9]{1,6}", age) else 0  # an old one has nothing to teach
                view = _View((_document(body) if status == 200 and kept <= 10_000 else None) or {})
            except (Trouble, ValueError):
                return
            ahead = view.at + kept - self._ticks()  # no answer is from the future, so the newest is the nearest
            self._line = ahead if self._line is None else max(self._line, ahead)
            t = self._ticks() + self._line
            pause, due = view.asks(position, t)
            if pause:
                self._last = replace(standing, pause=pause / 1000, **view.said(position, t))
                self._pause(self._last)


class _View:
    """One look at the public line; instants and durations in ms by the server's clock. Raises `ValueError`."""

    def __init__(self, found: dict[str, Any]) -> None:
        names = ("at", "reached", "tail", "rate_per_second", "longest_poll_seconds", "call_status")
        numbers = [_number(found, name) for name in names]
        self.at, self.reached, self.tail, self.rate, longest, self.call_status = numbers
        curve = found.get("curve")
        self.curve = [(_number(p, 0) * 1000, _number(p, 1)) for p in (curve if isinstance(curve, list) else [None])]
        if any(until < since or end <= start for (since, start), (until, end) in pairwise([(0, -1), *self.curve])):
            raise ValueError("this is no public line: its curve does not rise")
        self.longest = min(60, max(1, longest)) * 1000
        self.line_state, self.message = _text(found, "line_state"), _text(found, "message")

    def wait(self, position: int, t: float) -> float | None:
        """How long after `t` a position may enter; None where nobody knows."""
        if self.line_state == "paused":
            return None
        if position <= self.reached:
            return 0
        end = self.curve[-1][1] if self.curve else 0
        known = position <= end or end >= self.tail > self.reached  # who came after this look waits as long as the last
        by_position = [(position, since) for since, position in self.curve]
        return max(0, self.at + _between(by_position, position) - t) if known else None

    def reached_at(self, t: float) -> float:
        return max(self.reached, math.floor(_between(self.curve, t - self.at)))

    def said(self, position: int, t: float) -> dict[str, Any]:
        wait, ahead = self.wait(position, t), int(max(0, position - self.reached_at(t) - 1))
        eta = None if wait is None else math.ceil(max(0, wait - 100) / 1000)
        return {"line_state": self.line_state, "ahead": ahead, "eta_seconds": eta, "message": self.message}

    def asks(self, position: int, t: float) -> tuple[float, bool]:  # in how many ms, and whether that is for status
        if t - self.at > 10_000:
            return 0, True
        left = self.wait(position, t)
        if left is not None and left <= 4000:
            return left + random.uniform(0, 500), True
        if random.random() < self.call_status:  # a sign of life, of a few
            return 0, True
        if left is None and position > self.tail:
            left = 4000
        elif left is None and self.rate > 0:
            left = max(20_000, (position - self.reached_at(t)) * 1000 / self.rate)
        near = self.longest if left is None else min(left / 2, left / 5 + 12_000)
        return min(self.longest, near) * random.uniform(0.8, 1), False  # so that a crowd never asks in step


def _between(points: list[tuple[float, float]], x: float) -> float:
    for (low, start), (high, end) in pairwise(points):
        if x < high:
            return start + (end - start) * max(0, x - low) / (high - low or 1)  # 0 where both are at once
    return points[-1][1] if points else 0


def _number(found: Any, name: Any) -> float:
    try:
        given = found[name]
    except (LookupError, TypeError) as fault:
        raise ValueError(f"without {name}") from fault
    if isinstance(given, bool) or not isinstance(given, (int, float)) or not abs(given) <= 1e300:
        raise ValueError(f"{name} is no number")
    return float(given)


def _count(found: dict[str, Any], name: str) -> int | None:
    with suppress(ValueError):
        return int(given) if 0 <= (given := _number(found, name)) < 2**53 else None
    return None


def _text(found: dict[str, Any], name: str) -> str:
    given = found.get(name)
    return given if isinstance(given, str) else ""


def _standing(found: dict[str, Any], needs: str) -> Standing:
    """That of an answer, which has to have `needs`. Raises `ValueError`."""
    if not needs:
        return Standing()
    if not isinstance(found.get(needs), str if needs == "ticket" else bool):
        raise ValueError(f"without {needs}")
    told: dict[str, Any] = {name: _count(found, name) for name in ("position", "ahead", "eta_seconds")}
    names = ("state", "line_state", "eta_basis", "message", "admission_token", "ticket", "line_url")
    told |= {name: _text(found, name) for name in names}
    admitted = found.get("login_status") is True or bool(told["admission_token"])
    pause = 0 if admitted else min(300, max(0.5, _number(found, "poll_after_seconds")))
    return Standing(**told, admitted=admitted, pause=pause)


def _document(body: bytes) -> dict[str, Any] | None:
    with suppress(ValueError, RecursionError):
        found = json.loads(body.decode("utf-8-sig"))
        return found if isinstance(found, dict) else None
    return None


def _date(text: str) -> float | None:
    with suppress(TypeError, ValueError, IndexError, OverflowError):
        return parsedate_to_datetime(text).timestamp() * 1000
    return None


def _retry_after(headers: Mapping[str, str]) -> float:
    """The seconds that `Retry-After` says (RFC 9110, 10.2.3); 0 for nothing that can be understood."""
    said = headers.get("retry-after", "").strip()
    until, now = _date(said), _date(headers.get("date", ""))
    seconds = float(said) if re.fullmatch("[0-9]{1,15}", said) else (until - now) / 1000 if until and now else 0
    return min(3600, max(0, seconds))


def _is_safe(url: str) -> bool:  # nobody on the way can read or change what this address says
    loopback = r"http://(localhost|127(\.[0-9]{1,3}){3}|\[::1\])(:[0-9]+)?(/|$)"
    return re.match(f"https://|{loopback}", url) is not None


def _http(method: str, url: str, headers: dict[str, str], timeout: float) -> Answer:
    address = urlsplit(url)
    kind = HTTPSConnection if address.scheme == "https" else HTTPConnection
    with closing(kind(address.netloc, timeout=timeout)) as connection:
        connection.request(method, address._replace(scheme="", netloc="").geturl() or "/", headers=headers)
        answer = connection.getresponse()
        return answer.status, dict(answer.getheaders()), answer.read(1 << 20)
