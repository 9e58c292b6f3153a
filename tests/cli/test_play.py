"""The client's patience: what it retries, what it gives up on, what it does about a ticket that is gone."""

import io
import re
from typing import Any

import pytest
import requests
from rich.console import Console

from loginq.cli.play import _Live
from loginq.client import Game, Gone, Trouble, enter, patiently
from loginq.service.rules.errors import Failed, LoginqError, Refused


class Answer:
    def __init__(self, status: int, body: Any, **headers: str) -> None:
        self.status_code, self._body, self.headers = status, body, headers

    def json(self) -> Any:
        if isinstance(self._body, Exception):
            raise self._body
        return self._body


class Http:
    """An API that gives these answers, one a call; an exception is raised."""

    def __init__(self, *answers: Any) -> None:
        self.answers, self.asked = list(answers), list[tuple[str, str, dict[str, str]]]()

    def request(self, method: str, url: str, *, params: dict[str, str], headers: dict[str, str], timeout: int) -> Any:
        self.asked.append((method, url, {**params, "token": headers["Authorization"]}))
        answer = self.answers.pop(0)
        if isinstance(answer, Exception):
            raise answer
        return answer


def game(*answers: Any) -> Game:
    return Game("http://api", lambda renew=False: "new" if renew else "old", Http(*answers))


def error(status: int, code: str, **headers: str) -> Answer:
    return Answer(status, {"error": {"code": code, "message": code}}, **headers)


WAITING = {"login_status": False, "state": "waiting", "poll_after_seconds": 3.0}
INSIDE = {"login_status": True, "state": "admitted", "poll_after_seconds": 1.0}
TICKET = {"ticket": "t1", "state": "queued", "poll_after_seconds": 1.5}


def test_the_way_in_as_the_api_asks_for_it() -> None:
    one = game(Answer(200, TICKET), Answer(200, WAITING), Answer(200, INSIDE))
    slept: list[float] = []
    shown: list[dict[str, Any]] = []
    assert enter(one, shown.append, _no_trouble, slept.append) == INSIDE
    assert slept == [1.5, 3.0]
    assert shown == [TICKET, WAITING]
    assert [query.get("login_ticket") for _, _, query in one.http.asked] == [None, "t1", "t1"]


def test_who_is_still_inside_needs_one_call() -> None:
    inside = {**TICKET, "state": "admitted", "admission_token": "x"}
    assert enter(game(Answer(200, inside)), _no_trouble, _no_trouble, _no_trouble) == inside


def test_faults_are_waited_out_and_retry_after_is_honoured() -> None:
    faults = [
        requests.ConnectionError("gone"),
        error(429, "too_many_requests", **{"Retry-After": "40"}),
        error(503, "unavailable", **{"Retry-After": "5"}),
        Answer(502, ValueError("not JSON")),
        Answer(200, WAITING),
    ]
    told: list[float] = []
    slept: list[float] = []
    one = game(*faults)
    assert patiently(lambda: one.status("t1"), lambda exc, pause: told.append(pause), slept.append) == WAITING
    assert told == slept
    assert slept[1] == 40 and 5 <= slept[2] <= 30 and all(0 < pause <= 40 for pause in slept)


def test_a_refused_token_is_renewed_once() -> None:
    one = game(error(401, "unauthorized"), Answer(200, WAITING))
    assert one.status("t1") == WAITING
    assert [query["token"] for _, _, query in one.http.asked] == ["Bearer old", "Bearer new"]
    with pytest.raises(Refused):
        game(error(401, "unauthorized"), error(401, "unauthorized")).status("t1")


def test_a_ticket_that_is_gone_is_replaced() -> None:
    again = {**TICKET, "ticket": "t2"}
    one = game(Answer(200, TICKET), error(410, "ticket_expired"), Answer(200, again), Answer(200, INSIDE))
    told: list[str] = []
    enter(one, _no_trouble, lambda exc, pause: told.append(exc.message), _no_trouble)
    assert [query.get("login_ticket") for _, _, query in one.http.asked] == [None, "t1", None, "t2"]
    assert len(told) == 1


@pytest.mark.parametrize(
    ("answer", "kind"),
    [
        (error(403, "blocked"), Refused),
        (error(403, "bad_request"), Trouble),
        (error(404, "unknown_ticket"), Gone),
        (error(404, "something"), Failed),
        (error(400, "missing_ticket"), Failed),
        (error(500, "internal"), Trouble),
        (Answer(200, ValueError("not JSON")), Trouble),
    ],
)
def test_what_each_answer_means(answer: Answer, kind: type[LoginqError]) -> None:
    with pytest.raises(kind):
        game(answer).status("t1")


def _no_trouble(*_: Any) -> None: ...


def test_a_players_name_is_no_markup_on_the_live_panel() -> None:
    for name in ("[bold]boss", "[/red]"):
        drawn = Console(file=io.StringIO(), width=80)
        drawn.print(_Live(name)._panel(3))
        assert f"{name} in line" in drawn.file.getvalue()  # type: ignore[attr-defined]


def test_the_live_panel_promises_no_place_at_a_closed_queue() -> None:
    drawn, screen = Console(file=io.StringIO(), width=80), _Live("ada")
    screen.trouble(Trouble("The queue takes nobody new.", 90, "queue_closed"), 90)
    drawn.print(screen._panel(90))
    shown = drawn.file.getvalue()  # type: ignore[attr-defined]
    assert "ada has no place yet" in shown and "there is no place to keep yet" in shown
    assert "asking again in 90 s · Ctrl-C leaves  " in shown and "kept" not in shown


def test_a_message_stands_on_a_line_of_its_own_below_the_bar() -> None:
    drawn = io.StringIO()
    screen, live = Console(file=drawn, width=80, height=24), _Live("ada")
    live.show({"state": "waiting", "position": 9, "ahead": 8, "eta_seconds": 60, "message": "Servers are warming up"})
    screen.print(live._panel(3))
    assert re.search(r"^│ Servers are warming up +│$", drawn.getvalue(), re.MULTILINE)
