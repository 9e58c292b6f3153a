"""Game servers say who joined and who left, in any order and as often as they like: each is counted once."""

import json
import secrets
from dataclasses import replace

import pytest
import requests
from botocore.auth import SigV4Auth
from botocore.awsrequest import AWSRequest
from botocore.credentials import Credentials

from loginq.service import login, operating
from loginq.service.intake import Ticket
from loginq.service.placing import Message, place
from loginq.service.sessions import Event, report
from loginq.service.settling import settle
from loginq.service.times import SECOND, iso
from tests.e2e.conftest import Stack, until
from tests.world import T, World, joined, left, made, someone


@pytest.fixture
def world(stack: Stack) -> World:
    url = stack.aws.client("sqs").create_queue(QueueName=f"by-hand-{secrets.token_hex(4)}")["QueueUrl"]
    return made(stack.aws, stack.target.table, url)


@pytest.mark.parametrize("many", [100, pytest.param(200, marks=pytest.mark.drills)])
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
    assert report(world.queue, events) == ["counted"] * 2 * many + ["invalid"]
    assert world.departed() == many
    assert report(world.queue, events) == ["unchanged"] * 2 * many + ["invalid"]
    assert world.departed() == many


def settle_all(world: World) -> None:
    """Run settling until everything that was reached is closed and counted; the line is kept alive meanwhile."""
    for _ in range(40):
        world.queue.lines.change(lambda line, t: line.renew(t))
        settle(world.queue)
        world.later(30 * SECOND)


def test_what_each_thing_does_to_the_counts(world: World) -> None:
    """The table of the README, line by line."""
    queue, players = world.queue, [someone() for _ in range(12)]
    ada, bob, eve, dan, joe, kim, pam, ron, sam, tim, una, vic = players

    world.let_in(ada)  # let in
    assert world.counts() == (1, 1, 0, 0)
    first = world.let_in(bob)
    report(queue, [joined(bob, first, world.now[0]), left(bob, first, world.now[0])])  # left
    assert world.counts() == (2, 1, 0, 1)
    login.request(queue, bob)  # returned
    assert world.counts() == (2, 2, 0, 0)

    operating.admit(queue, "me", [eve])  # players admit, of somebody without a place
    assert operating.admit(queue, "me", [eve]) == ["was in already"]
    assert world.counts()[1] == 3
    operating.remove(queue, "me", [eve])  # players remove, in the game
    assert operating.remove(queue, "me", [eve]) == ["had no place"]
    assert world.counts()[1] == 2
    world.let_in(dan)
    operating.reset(queue, "me", [dan])  # players reset, in the game
    assert world.counts()[1] == 2

    world.let_in(joe)
    login.leave(queue, joe)  # DELETE /login in the game
    login.request(queue, kim)
    login.leave(queue, kim)  # DELETE /login with a ticket that is not placed
    assert world.counts()[1] == 2

    world.let_in(pam)
    login.forget(queue, pam)  # account deleted, in the game
    assert world.counts()[1] == 2

    for each in (ron, sam):
        ticket = login.request(queue, each).ticket
        issued = queue.players.get(each.sub)
        assert issued is not None and issued.issued_at is not None
        place(queue, [Message("m", Ticket(each.sub, ticket, issued.issued_at).body())])
    login.leave(queue, ron)  # DELETE /login in line: the place is a no-show once it is closed
    queue.players.delete([sam.sub])  # the row is gone: the same
    world.later(1_000)

    world.let_in(tim)  # and never joins: the token expires unused
    unused = world.let_in(una)
    report(queue, [joined(una, unused, world.now[0])])
    settle_all(world)
    line = queue.lines.read()
    assert line.counted_to == line.tail
    # ada, tim and bob's return were never joined; una is in the game.
    admitted, in_game, no_shows, departed = world.counts()
    assert (admitted, no_shows) == (line.tail - 2, 2)
    assert in_game == 1 == admitted - departed
    assert vic.sub and queue.players.get(pam.sub) is not None
    operating.set_in_game(queue, "me", 5)  # rate set --in-game
    assert world.counts()[1] == 5


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
