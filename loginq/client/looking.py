"""Waiting by the public line, where the API names one: looks cost nobody anything, and only who is next asks."""

import time
from collections.abc import Callable
from random import Random
from typing import Any
from urllib.parse import urlsplit

from loginq.client.faults import Trouble
from loginq.client.reaching import TIMEOUT, age, document, is_loopback, reach, session_for
from loginq.service.rules.errors import Invalid
from loginq.service.rules.player import State
from loginq.service.rules.public import BELIEVED, MEETING, View
from loginq.service.rules.times import SECOND, Clock

Look = Callable[[str], tuple[dict[str, Any], int]]
"""Gives the document at a URL, and for how long a cache on the way has kept it, ms. Raises `Trouble`."""


def _monotonic() -> int:
    return time.monotonic_ns() // 1_000_000


class Looks:
    """The looks of one player at the public line.

    Args:
        show: told of the standing after each look. sleep: waits, in seconds.
        look: how a document is got. clock: this machine's own, ms, of which only differences count.
    """

    def __init__(
        self,
        show: Callable[[dict[str, Any]], None],
        sleep: Callable[[float], None] = time.sleep,
        look: Look | None = None,
        clock: Clock = _monotonic,
        chance: Random | None = None,
    ) -> None:
        self._show, self._sleep, self._clock = show, sleep, clock
        self._look, self._chance = look or Sights(), chance or Random()  # noqa: S311 - jitter
        self._ahead: int | None = None

    def until_status(self, standing: dict[str, Any]) -> None:
        """Wait until `/login/status` is to be asked: at once where the API names no public line, or that fails."""
        url, position = standing.get("line_url"), standing.get("position")
        if not url or position is None or standing.get("state") != State.WAITING or not is_safe(url):
            return
        met, due = self._clock() + self._chance.randint(MEETING * 4 // 5, MEETING), False
        while not due and self._clock() < met:
            try:
                found, kept = self._look(url)
                view = View.of(found)
            except (Trouble, Invalid, ValueError):
                return
            if kept > BELIEVED:  # too old anyhow; where a cache is wrong about it, nothing is to be learned from that
                return
            t = self._now(view, kept)
            pause, due = view.asks(position, t, self._chance)
            if pause:
                said = {name: value for name, value in standing.items() if name != "message"}
                self._show({**said, **view.standing(position, t), "poll_after_seconds": pause / SECOND})
                self._sleep(pause / SECOND)

    def _now(self, view: View, kept: int) -> int:
        """The time by the API's clock, ms: no answer is from the future, so the newest of them is the nearest."""
        here = self._clock()
        ahead = view.at + kept - here
        self._ahead = ahead if self._ahead is None else max(self._ahead, ahead)
        return here + self._ahead


class Sights:
    """Gets public lines by HTTP: without the player's token, which is nobody's business there."""

    def __init__(self, http: Any = None) -> None:
        self._http = http

    def __call__(self, url: str) -> tuple[dict[str, Any], int]:
        """The document at `url`, and for how long a cache has kept it, ms. Raises `Trouble`."""
        self._http = self._http or session_for(url)
        answer = reach(lambda: self._http.request("GET", url, timeout=TIMEOUT, allow_redirects=False))
        if answer.status_code != 200:
            raise Trouble(f"the public line answers {answer.status_code}")
        return document(answer), age(answer.headers)


def is_safe(url: Any) -> bool:
    """Whether this is an address that a client may be sent to: nobody on the way can read or change what it says."""
    try:
        return isinstance(url, str) and (urlsplit(url).scheme == "https" or is_loopback(url))
    except ValueError:
        return False
