"""Game servers say who joined and who left, in any order and as often as they like: each is counted once."""

import json
import re
import secrets
from dataclasses import replace
from subprocess import run
from typing import Any

import pytest
import requests
from botocore.auth import SigV4Auth
from botocore.awsrequest import AWSRequest
from botocore.credentials import Credentials

from loginq.service.requests import login
from loginq.service.requests.departures import count
from loginq.service.requests.placing import Message, place
from loginq.service.requests.sessions import apply
from loginq.service.rules.servers import ENTERING, Server
from loginq.service.rules.sessions import Event
from loginq.service.rules.settings import COUNTS
from loginq.service.rules.ticket import Ticket
from loginq.service.rules.times import MINUTE, iso
from loginq.service.rules.valve import BUCKET
from loginq.service.store.rules import write
from tests.documents import GUIDE
from tests.e2e.conftest import PATIENCE, Stack, until
from tests.world import T, World, joined, left, made, operator, rule, someone


@pytest.fixture
def world(stack: Stack) -> World:
    url = stack.aws.client("sqs").create_queue(QueueName=f"by-hand-{secrets.token_hex(4)}")["QueueUrl"]
    return made(stack.aws, stack.target.table, url)


@pytest.mark.drills
@pytest.mark.parametrize("many", [200])
def test_one_report_of_many_players(world: World, many: int) -> None:
    """More than one transaction holds."""
    who = [someone() for _ in range(many)]
    tickets = [login.request(world.queue, each).ticket for each in who]
    place(
        world.queue,
        [Message(each.sub, Ticket(each.sub, ticket, T).body()) for each, ticket in zip(who, tickets, strict=True)],
    )
    for each, ticket in zip(who, tickets, strict=True):
        row = world.queue.players.get(each.sub)
        assert row is not None
        world.queue.players.admit(replace(row, ticket=ticket), T)
    pairs = list(zip(who, tickets, strict=True))
    events: list[Event | None] = [*(joined(*pair) for pair in pairs), *(left(*pair) for pair in pairs), None]
    assert apply(world.queue, events) == ["counted"] * 2 * many + ["invalid"]
    assert world.departed() == many
    assert apply(world.queue, events) == ["unchanged"] * 2 * many + ["invalid"]
    assert world.departed() == many


def test_over_http(stack: Stack) -> None:
    player = stack.player()
    ticket = player.game.login()["ticket"]
    until(lambda: player.game.status(ticket)["login_status"])
    event = {"player": player.sub, "admission": ticket, "event": "left", "at": iso(stack.queue.clock())}
    answer = post(stack, {"events": [event, event, {**event, "admission": "old"}]}, "test", "test")
    assert (answer.status_code, answer.json()) == (200, {"results": ["counted", "unchanged", "stale"]})
    bad = post(stack, {"events": 5}, "test", "test")
    assert (bad.status_code, bad.json()["error"]["code"]) == (400, "bad_request")
    again = player.game.login()
    assert again["state"] == "admitted"
    assert again["admission_token"]


def test_a_game_server_with_a_key_and_without(stack: Stack, monkeypatch: pytest.MonkeyPatch) -> None:
    """It says who left, or counts, as the guide has it; who has no key of its own is refused, and soon who had one."""
    queue, act = stack.queue, operator(stack.queue)
    eu, us = act.add_server_key("eu-1"), act.add_server_key("us-1")

    def said(server: str, key: str) -> tuple[int, Any]:
        left = {"player": "nobody", "admission": "a", "event": "left", "at": iso(queue.clock())}
        answer = requests.post(
            f"{stack.target.api_url}/sessions/{server}",
            json.dumps({"events": [left]}), headers={"Authorization": f"Bearer {key}"}, timeout=PATIENCE,
        )  # fmt: skip
        return answer.status_code, answer.json()

    assert said("us-1", us) == (200, {"results": ["unknown"]})
    strangers = [said(*who) for who in (("eu-1", us), ("eu-1", ""), ("eu-2", eu), ("eu%201", eu))]
    assert [status for status, _ in strangers] == [401] * 4
    assert all(body == strangers[0][1] and set(body["error"]) == {"code", "message"} for _, body in strangers)
    act.revoke_server_key("us-1")
    queue.lines.read()
    write(queue.table, queue.name, replace(queue.rules, session_reports=COUNTS))
    monkeypatch.setenv("LOGINQ_SESSIONS_ENDPOINT", stack.target.own_url)
    monkeypatch.setenv("LOGINQ_KEY", eu)
    page = (GUIDE / "game-server.md").read_text(encoding="utf-8")
    (curl,) = re.findall(r"^curl -sS .*", page, re.MULTILINE)
    names: dict[str, Any] = {}
    exec(next(each for each in re.findall(r"```python\n(.*?)```", page, re.DOTALL) if "LOGINQ_KEY" in each), names)  # noqa: S102
    try:
        done = until(lambda: not (ran := run(["bash", "-c", curl], capture_output=True, text=True)).returncode and ran)
        assert json.loads(done.stdout) == {"results": ["counted"]}
        assert names["report"]({"server": "eu-1", "in_game": 7}) == ["counted"]
        assert [(each.name, each.in_game) for each in queue.servers.every()] == [("eu-1", 7)]
        used = queue.server_keys.get("eu-1").used_at
        assert used is not None and abs(queue.clock() - used) < 10 * MINUTE
    finally:
        stack.deployment.start_line()
        act.revoke_server_key("eu-1")
    until(lambda: said("us-1", us)[0] == 401)


@pytest.mark.drills
def test_counts_over_http_until_a_deploy_takes_events_again(stack: Stack) -> None:
    queue, count = stack.queue, {"server": "eu-1", "in_game": 7}
    refused = post(stack, count, "test", "test")
    assert (refused.status_code, refused.json()["error"]["code"]) == (400, "wrong_report")
    queue.lines.read()
    write(queue.table, queue.name, replace(queue.rules, session_reports=COUNTS))
    try:
        answer = until(lambda: (said := post(stack, count, "test", "test")).status_code == 200 and said)
        assert answer.json() == {"results": ["counted"]}
        until(lambda: post(stack, count, "test", "test") and queue.lines.read().departed_base is None)
        refused = post(stack, {"events": []}, "test", "test")
        assert (refused.status_code, refused.json()["error"]["code"]) == (400, "wrong_report")
        assert [(each.name, each.in_game) for each in queue.servers.every()] == [("eu-1", 7)]
    finally:
        stack.deployment.start_line()
    assert (queue.servers.every(), queue.lines.read().departed_base) == ([], None)
    until(lambda: post(stack, {"events": [{}]}, "test", "test").status_code == 200)


def test_a_full_game_by_counts_alone(world: World) -> None:
    """By the rules of the functions, and the rows of the emulator, a minute at a time."""
    queue = world.queue
    rule(world, session_reports=COUNTS)
    queue.lines.change(lambda line, t: line.set_capacity(t, 2))
    for _ in range(2):
        world.let_in(someone())
    third = someone()
    ticket = world.in_line(third)
    for holds, enters in ((2, False), (1, True)):
        world.later(ENTERING + BUCKET)
        assert count(queue, Server("eu-1", holds, world.now[0])) == "counted"
        world.later(2_000)
        assert login.status(queue, third, ticket).admitted is enters
    assert world.counts() == (3, 2, 0, 1)


def test_without_a_signature_it_is_refused(stack: Stack) -> None:
    answer = requests.post(f"{stack.target.api_url}/sessions", json={"events": []}, timeout=PATIENCE)
    assert answer.status_code == 403
    assert set(answer.json()) == {"error"}


def post(stack: Stack, body: object, key: str, secret: str) -> requests.Response:
    """A signed report."""
    request = AWSRequest("POST", f"{stack.target.api_url}/sessions", data=json.dumps(body))
    SigV4Auth(Credentials(key, secret), "execute-api", "us-east-1").add_auth(request)
    return requests.post(str(request.url), data=request.data, headers=dict(request.headers), timeout=PATIENCE)
