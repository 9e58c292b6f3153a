"""A client behind the public line: whom it asks when, by whose clock, and what it falls back to."""

from collections.abc import Callable
from dataclasses import replace
from random import Random
from typing import Any

import pytest

from loginq.client import Trouble
from loginq.client.looking import Looks, Sights, is_safe
from loginq.service.rules.line import Line
from loginq.service.rules.public import MEETING, document
from loginq.service.rules.times import MINUTE, SECOND

T = 1_800_000_000_000
URL = "https://edge.example/line"
WAITING = {
    "login_ticket": "t", "login_status": False, "state": "waiting", "line_state": "open", "position": 60_000,
    "ahead": 59_999, "eta_seconds": 3_000, "poll_after_seconds": 60.0, "message": "an old one", "line_url": URL,
}  # fmt: skip
LINE = replace(Line(anchored_at=T, alive_at=T, rate=20_000, burst=20), tail=70_000)


class Here:
    """A player's machine, whose clock counts from its start, before a line that is looked at through a cache."""

    def __init__(self, line: Callable[[int], Line] = lambda t: LINE.renew(t), stale: int = 0) -> None:
        self.now, self.line, self.stale = 5_000, line, stale
        self.looks, self.shown, self.slept = 0, list[dict[str, Any]](), list[float]()
        self.looking = Looks(self.shown.append, self.sleep, self.look, lambda: self.now, Random(3))

    @property
    def there(self) -> int:
        """The time of the API."""
        return T + self.now - 5_000

    def sleep(self, seconds: float) -> None:
        self.slept.append(seconds)
        self.now += round(seconds * SECOND)

    def look(self, url: str) -> tuple[dict[str, Any], int]:
        assert url == URL
        self.looks += 1
        at = self.there - self.stale
        return document(self.line(at), at, 4 * MINUTE), 0

    def waited(self, **standing: Any) -> int:
        """For how long it waits before status is asked, ms."""
        before = self.now
        self.looking.until_status({**WAITING, **standing})
        return self.now - before


def test_who_is_near_looks_and_asks_for_status_at_the_turn() -> None:
    here = Here()
    waited = here.waited(position=1_200)
    assert 59 * SECOND <= waited <= 61 * SECOND
    assert 4 <= here.looks <= 8
    assert [each["ahead"] for each in here.shown] == sorted([each["ahead"] for each in here.shown], reverse=True)
    first = here.shown[0]
    assert (first["position"], first["eta_seconds"], first["line_state"]) == (1_200, 60, "open")
    assert "message" not in first and first["poll_after_seconds"] == here.slept[0]


def test_a_cache_in_between_makes_nobody_early_and_hardly_late() -> None:
    waited = Here(stale=900).waited(position=1_200)
    assert 59 * SECOND <= waited <= 62 * SECOND


def test_who_is_far_meets_status_every_ten_minutes() -> None:
    here = Here()
    assert MEETING * 4 // 5 <= here.waited() <= MEETING + MINUTE
    assert 8 <= here.looks <= 13


def test_a_line_that_fails_is_none_and_the_next_wait_tries_it_again() -> None:
    here, broken = Here(), [True]
    look = here.look

    def failing(url: str) -> tuple[dict[str, Any], int]:
        if broken[0]:
            raise Trouble("gone")
        return look(url)

    here.looking._look = failing
    assert here.waited() == 0
    broken[0] = False
    assert here.waited() > MINUTE


@pytest.mark.parametrize("found", [{}, {"at": None}, {"error": {"code": "unavailable"}}])
def test_what_is_no_public_line_is_as_one_that_fails(found: dict[str, Any]) -> None:
    here = Here()
    here.looking._look = lambda url: (found, 0)
    assert here.waited() == 0


def test_a_document_that_is_stuck_in_a_cache_is_not_gone_by() -> None:
    here, stuck = Here(), document(LINE, T, 4 * MINUTE)
    here.looking._look = lambda url: (stuck, 0)
    assert here.waited() <= 2 * MINUTE


@pytest.mark.parametrize(
    "standing", [{"line_url": None}, {"position": None}, {"state": "queued"}, {"line_url": "http://edge.example/line"}]
)
def test_who_has_no_place_or_no_line_to_look_at_polls(standing: dict[str, Any]) -> None:
    here = Here()
    assert here.waited(**standing) == 0 and not here.looks


def test_no_client_is_sent_where_anybody_may_listen() -> None:
    assert is_safe("https://a.example/line") and is_safe("http://127.0.0.1:4566/restapis/a/v1/_user_request_/line")
    assert not any(map(is_safe, ["http://a.example/line", "ftp://a", "", None, 5]))


@pytest.mark.parametrize("url", ["https://[::1", "https://", "https://a:99999/line"])
def test_an_address_that_is_none_ends_no_wait(url: str) -> None:
    Looks(lambda _: None, look=Sights()).until_status({**WAITING, "line_url": url})


def test_one_answer_with_a_wrong_age_spoils_none_that_come_after() -> None:
    here, ages = Here(), [999_999 * SECOND]
    look = here.look
    here.looking._look = lambda url: (look(url)[0], ages.pop() if ages else 0)
    assert here.waited() == 0
    assert here.waited() > MINUTE


def test_a_look_is_sent_nowhere_else_carries_no_token_and_says_how_old_it_is() -> None:
    class Answer:
        status_code, headers = 200, {"Age": "1"}

        def json(self) -> dict[str, Any]:
            return {"at": 1}

    class Http:
        def request(self, method: str, url: str, **given: Any) -> Answer:
            assert (method, url, sorted(given)) == ("GET", URL, ["allow_redirects", "timeout"])
            assert not given["allow_redirects"]  # it would go where nobody has looked whether it is safe
            return Answer()

    assert Sights(Http())(URL) == ({"at": 1}, 1_000)
