"""Game servers say who joined and who left, in any order and as often as they like: each is counted once."""

import json
import secrets
from dataclasses import replace

import pytest
import requests
from botocore.auth import SigV4Auth
from botocore.awsrequest import AWSRequest
from botocore.credentials import Credentials

from loginq.service.requests import login
from loginq.service.requests.placing import Message, place
from loginq.service.requests.sessions import apply
from loginq.service.rules.sessions import Event
from loginq.service.rules.ticket import Ticket
from loginq.service.rules.times import iso
from tests.e2e.conftest import Stack, until
from tests.world import T, World, joined, left, made, someone


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


def test_without_a_signature_it_is_refused(stack: Stack) -> None:
    answer = requests.post(f"{stack.target.api_url}/sessions", json={"events": []}, timeout=20)
    assert answer.status_code == 403
    assert set(answer.json()) == {"error"}


def post(stack: Stack, body: object, key: str, secret: str) -> requests.Response:
    """A signed report."""
    request = AWSRequest("POST", f"{stack.target.api_url}/sessions", data=json.dumps(body))
    SigV4Auth(Credentials(key, secret), "execute-api", "us-east-1").add_auth(request)
    return requests.post(str(request.url), data=request.data, headers=dict(request.headers), timeout=20)
