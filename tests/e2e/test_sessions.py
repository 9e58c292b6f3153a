"""Game servers say who joined and who left, in any order and as often as they like: each is counted once."""

import itertools
import json
import secrets
from dataclasses import dataclass, replace

import pytest
import requests
from botocore.auth import SigV4Auth
from botocore.awsrequest import AWSRequest
from botocore.credentials import Credentials

from loginq.service import login, operating
from loginq.service.errors import BadRequest, TicketExpired, UnknownTicket
from loginq.service.intake import Ticket
from loginq.service.placing import Message, place
from loginq.service.players import COOL_DOWN, KEPT_CLAIMS, Identity, State
from loginq.service.queue import Queue, connect
from loginq.service.sessions import Event, parse, report
from loginq.service.settings import Rules
from loginq.service.settling import settle
from loginq.service.stats import counts_of
from loginq.service.times import MINUTE, SECOND, iso
from tests.e2e.conftest import Stack, until

T = 1_800_000_000_000


@dataclass
class World:
    """A queue with a line of its own, and its clock."""

    queue: Queue
    now: list[int]

    def later(self, ms: int) -> None:
        self.now[0] += ms
        self.queue.lines._cache = None

    def let_in(self, who: Identity) -> str:
        """Through the line into the game; the admission."""
        ticket = login.request(self.queue, who).ticket
        player = self.queue.players.get(who.sub)
        assert player is not None and player.issued_at is not None
        place(self.queue, [Message("m", Ticket(who.sub, ticket, player.issued_at).body())])
        self.later(1_000)
        assert login.status(self.queue, who, ticket).admitted
        return ticket

    def departed(self) -> int:
        return self.queue.lines.read().departed


@pytest.fixture
def world(stack: Stack) -> World:
    now = [T]
    url = stack.aws.client("sqs").create_queue(QueueName=f"by-hand-{secrets.token_hex(4)}")["QueueUrl"]
    rules = Rules(initial_rate=1_000_000, initial_capacity=100, reports_joined=True)
    name = secrets.token_hex(4)
    return World(
        connect(stack.aws, table=stack.target.table, sqs_url=url, rules=rules, clock=lambda: now[0], name=name), now
    )


def someone() -> Identity:
    return Identity(f"u-{secrets.token_hex(8)}", "name")


def joined(who: Identity, admission: str, at: int = T) -> Event:
    return Event(who.sub, admission, True, at)


def left(who: Identity, admission: str, at: int = T) -> Event:
    return Event(who.sub, admission, False, at)


@pytest.mark.parametrize("order", list(itertools.permutations(range(4))), ids=str)
def test_any_order_and_repetition_counts_one_departure(world: World, order: tuple[int, ...]) -> None:
    ada = someone()
    admission = world.let_in(ada)
    events = [joined(ada, admission), joined(ada, admission), left(ada, admission), left(ada, admission)]
    words = [report(world.queue, [events[n]])[0] for n in order]
    assert sorted(words) == ["counted", "counted", "unchanged", "unchanged"]
    assert world.departed() == 1
    assert report(world.queue, events) == ["unchanged"] * 4
    player = world.queue.players.get(ada.sub)
    assert player is not None and player.joined_at == player.left_at == T


def test_one_report_of_many_players(world: World) -> None:
    who = [someone() for _ in range(200)]
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
    assert report(world.queue, events) == ["counted"] * 400 + ["invalid"]
    assert world.departed() == 200
    assert report(world.queue, events) == ["unchanged"] * 400 + ["invalid"]
    assert world.departed() == 200


def test_what_does_not_fit_changes_nothing(world: World) -> None:
    ada, bob = someone(), someone()
    admission = world.let_in(ada)
    waiting = login.request(world.queue, bob).ticket
    events = [left(ada, "older"), joined(someone(), "x"), left(bob, waiting), left(bob, "x")]
    assert report(world.queue, events) == ["stale", "unknown", "unknown", "stale"]
    assert world.departed() == 0
    assert login.status(world.queue, ada, admission).admitted


def test_who_drops_out_is_in_again_in_one_call_within_the_grace_and_waits_after_it(world: World) -> None:
    ada = someone()
    first = world.let_in(ada)
    report(world.queue, [joined(ada, first, world.now[0]), left(ada, first, world.now[0])])
    assert world.departed() == 1
    world.later(5 * MINUTE - 1)
    back = login.request(world.queue, ada)
    assert (back.state, back.position) == (State.ADMITTED, 1)
    assert back.ticket != first
    assert world.departed() == 0
    assert report(world.queue, [left(ada, first, world.now[0])]) == ["stale"]
    assert report(world.queue, [left(ada, back.ticket, world.now[0])]) == ["counted"]
    world.later(5 * MINUTE)
    after = login.request(world.queue, ada)
    assert after.state is State.QUEUED
    assert world.departed() == 1


def test_who_is_still_in_the_game_is_let_in_again_without_a_second_place(world: World) -> None:
    ada = someone()
    first = world.let_in(ada)
    report(world.queue, [joined(ada, first, world.now[0])])
    world.later(60 * MINUTE)
    with pytest.raises(TicketExpired):
        login.status(world.queue, ada, first)
    again = login.request(world.queue, ada)
    assert again.state is State.ADMITTED
    assert login.status(world.queue, ada, again.ticket).admitted
    assert world.departed() == 0


def test_an_admission_that_ended_unused_frees_its_place_with_the_next_ticket(world: World) -> None:
    ada = someone()
    world.let_in(ada)
    world.later(5 * MINUTE)
    assert login.request(world.queue, ada).state is State.QUEUED
    assert world.departed() == 1
    login.request(world.queue, ada)
    assert world.departed() == 1


def test_giving_up_counts_in_the_game_and_nowhere_else(world: World) -> None:
    ada, bob, eve = someone(), someone(), someone()
    login.request(world.queue, ada)
    login.leave(world.queue, ada)
    assert world.departed() == 0
    world.let_in(bob)
    login.leave(world.queue, bob)
    assert world.departed() == 1
    with pytest.raises(UnknownTicket):
        login.leave(world.queue, bob)
    admission = world.let_in(eve)
    report(world.queue, [left(eve, admission)])
    login.leave(world.queue, eve)
    assert world.departed() == 2


def test_a_full_game_lets_in_as_many_as_leave(world: World) -> None:
    world.queue.lines.change(lambda line, t: line.set_capacity(t, 2))
    who = [someone() for _ in range(4)]
    inside = {each.sub: world.let_in(each) for each in who[:2]}
    waiting = {each.sub: login.request(world.queue, each).ticket for each in who[2:]}
    place(world.queue, [Message(sub, Ticket(sub, ticket, T).body()) for sub, ticket in waiting.items()])
    world.later(10_000)
    third = sorted(who[2:], key=lambda each: world.queue.players.get(each.sub).position or 0)[0]  # type: ignore[union-attr]
    full = login.status(world.queue, third, waiting[third.sub])
    assert (full.admitted, full.eta) == (False, None)
    report(world.queue, [left(who[0], inside[who[0].sub])])
    world.later(1_000)
    assert login.status(world.queue, third, waiting[third.sub]).admitted


def test_a_claim_is_kept_until_it_is_counted(world: World) -> None:
    ada = someone()
    world.let_in(ada)
    login.leave(world.queue, ada)
    world.now[0] += COOL_DOWN
    world.let_in(ada)
    player = world.queue.players.get(ada.sub)
    assert player is not None
    assert player.has_claimed(1) and player.has_claimed(2) and not player.has_claimed(3)
    assert KEPT_CLAIMS >= 10


def settle_all(world: World) -> None:
    """Run settling until everything that was reached is closed and counted; the line is kept alive meanwhile."""
    for _ in range(40):
        world.queue.lines.change(lambda line, t: line.renew(t))
        settle(world.queue)
        world.later(30 * SECOND)


def counts(world: World) -> tuple[int, int, int, int]:
    """(let in, in the game, no-shows, left), as `queue stats` shows them."""
    found = counts_of(world.queue, world.queue.lines.read(), world.now[0])
    return found.admitted, found.in_game, found.no_shows, found.departed


def test_what_each_thing_does_to_the_counts(world: World) -> None:
    """The table of the README, line by line."""
    queue, players = world.queue, [someone() for _ in range(12)]
    ada, bob, eve, dan, joe, kim, pam, ron, sam, tim, una, vic = players

    world.let_in(ada)  # let in
    assert counts(world) == (1, 1, 0, 0)
    first = world.let_in(bob)
    report(queue, [joined(bob, first, world.now[0]), left(bob, first, world.now[0])])  # left
    assert counts(world) == (2, 1, 0, 1)
    login.request(queue, bob)  # returned
    assert counts(world) == (2, 2, 0, 0)

    operating.admit(queue, "me", [eve])  # players admit, of somebody without a place
    assert operating.admit(queue, "me", [eve]) == ["was in already"]
    assert counts(world)[1] == 3
    operating.remove(queue, "me", [eve])  # players remove, in the game
    assert operating.remove(queue, "me", [eve]) == ["had no place"]
    assert counts(world)[1] == 2
    world.let_in(dan)
    operating.reset(queue, "me", [dan])  # players reset, in the game
    assert counts(world)[1] == 2

    world.let_in(joe)
    login.leave(queue, joe)  # DELETE /login in the game
    login.request(queue, kim)
    login.leave(queue, kim)  # DELETE /login with a ticket that is not placed
    assert counts(world)[1] == 2

    world.let_in(pam)
    login.forget(queue, pam)  # account deleted, in the game
    assert counts(world)[1] == 2

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
    admitted, in_game, no_shows, departed = counts(world)
    assert (admitted, no_shows) == (line.tail - 2, 2)
    assert in_game == 1 == admitted - departed
    assert vic.sub and queue.players.get(pam.sub) is not None
    operating.set_in_game(queue, "me", 5)  # rate set --in-game
    assert counts(world)[1] == 5


@pytest.mark.parametrize(
    "body",
    [None, "", "x", "[]", "{}", '{"events": {}}', '{"events": []}', json.dumps({"events": [{}] * 501})],
    ids=["none", "empty", "text", "list", "object", "no list", "no events", "501"],
)
def test_what_is_no_report(body: str | None) -> None:
    with pytest.raises(BadRequest):
        parse(body, T)


@pytest.mark.parametrize(
    "change",
    [{"event": "flew"}, {"player": 1}, {"admission": ""}, {"at": "now"}, {"at": 5}, {"player": "x" * 129},
     {"at": iso(T + 48 * 60 * MINUTE)}],
    ids=str,
)  # fmt: skip
def test_a_bad_event_among_good_ones(change: dict[str, object]) -> None:
    good = {"player": "p", "admission": "a", "event": "left", "at": iso(T)}
    events = parse(json.dumps({"events": [good, {**good, **change}, "x", None]}), T)
    assert events == [Event("p", "a", False, T), None, None, None]


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
