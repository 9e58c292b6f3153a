"""Game servers say who joined and who left, in any order and as often as they like: each is counted once."""

import itertools
import json
from contextlib import nullcontext

import pytest
from hypothesis import given
from hypothesis import strategies as st

from loginq.service.operations.forgetting import forget
from loginq.service.operations.found import history, players_in
from loginq.service.requests import login
from loginq.service.requests.departures import FOLDED
from loginq.service.requests.minute import settle
from loginq.service.requests.placing import Message, place
from loginq.service.requests.sessions import apply
from loginq.service.rules.claims import KEPT_CLAIMS
from loginq.service.rules.errors import BadRequest, TicketExpired, Unavailable, UnknownTicket, WrongReport
from loginq.service.rules.identity import key_of
from loginq.service.rules.player import COOL_DOWN, State
from loginq.service.rules.servers import Server
from loginq.service.rules.sessions import Event, count_of, events_of, report_of
from loginq.service.rules.settings import COUNTS, EVENTS
from loginq.service.rules.ticket import Ticket
from loginq.service.rules.times import DAY, EARLIEST, MINUTE, SECOND, from_iso, iso
from loginq.service.store.table import Row
from tests.memory import InMemory, Work
from tests.world import T, World, joined, left, operator, rule, someone


@pytest.mark.parametrize("order", list(itertools.permutations(range(4))), ids=str)
def test_any_order_and_repetition_counts_one_departure(world: World, order: tuple[int, ...]) -> None:
    ada = someone()
    admission = world.let_in(ada)
    events = [joined(ada, admission), joined(ada, admission), left(ada, admission), left(ada, admission)]
    words = [apply(world.queue, [events[n]])[0] for n in order]
    assert sorted(words) == ["counted", "counted", "unchanged", "unchanged"]
    assert world.departed() == 1
    assert apply(world.queue, events) == ["unchanged"] * 4
    player = world.player(ada)
    assert player.joined_at == player.left_at == T


def test_what_does_not_fit_changes_nothing(world: World) -> None:
    ada, bob = someone(), someone()
    admission = world.let_in(ada)
    waiting = login.request(world.queue, bob).ticket
    events = [left(ada, "older"), joined(someone(), "x"), left(bob, waiting), left(bob, "x")]
    assert apply(world.queue, events) == ["stale", "unknown", "unknown", "stale"]
    assert world.departed() == 0
    assert login.status(world.queue, ada, admission).admitted


def test_of_what_one_report_says_twice_the_first_counts(world: World) -> None:
    ada, bob = someone(), someone()
    one, two = world.let_in(ada), world.let_in(bob)
    events = [
        left(ada, one, T + 5),
        joined(ada, one, T + 1),
        None,
        left(ada, one, T + 9),
        joined(ada, one, T + 3),
        joined(bob, two, T + 2),
        left(ada, "older", T + 9),
    ]
    words = ["counted", "counted", "invalid", "unchanged", "unchanged", "counted", "stale"]
    assert apply(world.queue, events) == words
    player = world.player(ada)
    assert (player.joined_at, player.left_at, world.departed()) == (T + 1, T + 5, 1)
    assert apply(world.queue, [joined(bob, two, T + 9), left(bob, two, T + 9)]) == ["unchanged", "counted"]
    assert (world.player(bob).joined_at, world.departed()) == (T + 2, 2)


def test_who_changes_while_a_report_is_written_is_looked_at_again(memory: InMemory, world: World) -> None:
    """One of them gives up in that moment: the other departs all the same, and nobody twice."""
    ada, bob = someone(), someone()
    one, two = world.let_in(ada), world.let_in(bob)
    gave_up: list[str] = []

    def meanwhile(operation: str, parameters: Row, work: Work) -> Row:
        if operation == "transact_write_items" and not gave_up:
            gave_up.append(ada.sub)
            login.leave(world.queue, ada)
        return work(**parameters)

    memory.dynamodb.spoil = meanwhile
    assert apply(world.queue, [left(ada, one), left(bob, two)]) == ["unknown", "counted"]
    assert world.departed() == 2


def test_a_report_that_cannot_be_written_may_be_sent_again(memory: InMemory, world: World) -> None:
    ada = someone()
    admission = world.let_in(ada)
    table = world.queue.table
    table.sleep = lambda seconds: None

    def throttled(operation: str, parameters: Row, work: Work) -> Row:
        if operation == "batch_execute_statement":
            return {"Responses": [{"Error": {"Code": "ThrottlingError"}} for _ in parameters["Statements"]]}
        return work(**parameters)

    memory.dynamodb.spoil = throttled
    with pytest.raises(Unavailable, match="1 events could not be written: ThrottlingError"):
        apply(world.queue, [joined(ada, admission), left(ada, admission)])
    memory.dynamodb.spoil = lambda operation, parameters, work: work(**parameters)
    assert apply(world.queue, [joined(ada, admission), left(ada, admission)]) == ["counted", "counted"]
    assert world.departed() == 1


def test_who_drops_out_is_in_again_in_one_call_within_the_grace_and_waits_after_it(world: World) -> None:
    ada = someone()
    first = world.let_in(ada)
    apply(world.queue, [joined(ada, first, world.now[0]), left(ada, first, world.now[0])])
    assert world.departed() == 1
    world.later(5 * MINUTE - FOLDED - 1)
    back = login.request(world.queue, ada)
    assert (back.state, back.position) == (State.ADMITTED, 1)
    assert back.ticket != first
    assert world.departed() == 0
    assert apply(world.queue, [left(ada, first, world.now[0])]) == ["stale"]
    assert apply(world.queue, [left(ada, back.ticket, world.now[0])]) == ["counted"]
    world.later(5 * MINUTE)
    after = login.request(world.queue, ada)
    assert after.state is State.QUEUED
    assert world.departed() == 1


def test_who_is_still_in_the_game_is_let_in_again_without_a_second_place(world: World) -> None:
    ada = someone()
    first = world.let_in(ada)
    apply(world.queue, [joined(ada, first, world.now[0])])
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
    apply(world.queue, [left(eve, admission)])
    login.leave(world.queue, eve)
    assert world.departed() == 2


def test_a_full_game_lets_in_as_many_as_leave(world: World) -> None:
    world.queue.lines.change(lambda line, t: line.set_capacity(t, 2))
    who = [someone() for _ in range(4)]
    inside = {each.sub: world.let_in(each) for each in who[:2]}
    third, _ = who[2:]
    ticket, _ = [world.in_line(each) for each in who[2:]]
    world.later(10_000)
    full = login.status(world.queue, third, ticket)
    assert (full.admitted, full.eta) == (False, None)
    apply(world.queue, [left(who[0], inside[who[0].sub])])
    world.later(1_000)
    assert login.status(world.queue, third, ticket).admitted


def test_a_claim_is_kept_until_it_is_counted(world: World) -> None:
    ada = someone()
    world.let_in(ada)
    login.leave(world.queue, ada)
    world.now[0] += COOL_DOWN
    world.let_in(ada)
    player = world.player(ada)
    assert player.has_claimed(1) and player.has_claimed(2) and not player.has_claimed(3)
    assert KEPT_CLAIMS >= 10


def parse(body: str | None, t: int) -> list[Event | None]:
    return events_of(report_of(body, EVENTS), t)


def test_a_provider_s_player_is_reported_by_the_name_that_the_token_has() -> None:
    issuer = "https://accounts.example.com"
    at = {"admission": "a", "event": "left", "at": "2027-01-15T08:00:00Z"}

    def players(*names: object) -> list[str | None]:
        given = report_of(json.dumps({"events": [{**at, "player": name} for name in names]}), EVENTS)
        return [event.player if event else None for event in events_of(given, T, issuer)]

    known = ("ada", "auth0|5f7c", "日" * 255, "x" * 200)
    assert players(*known) == [key_of(issuer, name) for name in known]
    assert players("x" * 256, "", "a\nb", "\ud800", 7, None, ["ada"]) == [None] * 7


@pytest.mark.parametrize(
    "body",
    [None, "", "x", "[]", "{}", '{"events": {}}', '{"events": []}', json.dumps({"events": [{}] * 501}), "[" * 100_000,
     '{"events": [' + '{"at":' * 100_000, '{"events": [{"at": ' + "9" * 5_000 + "}]}", '\ufeff{"events": [{}]}'],
    ids=["none", "empty", "text", "list", "object", "no list", "no events", "501", "deep", "inside", "digits", "BOM"],
)  # fmt: skip
def test_what_is_no_report(body: str | None) -> None:
    with pytest.raises(BadRequest):
        parse(body, T)


@pytest.mark.parametrize(
    "change",
    [{"event": "flew"}, {"player": 1}, {"admission": ""}, {"at": "now"}, {"at": 5}, {"player": "x" * 129},
     {"at": iso(T + 48 * 60 * MINUTE)}, {"player": "\ud800"}, {"admission": "x\udfff"}, {"event": "\ud800"},
     {"at": "\ud800"}, {"at": "0001-01-01T00:00:00Z"}, {"at": "0001-01-01T00:00:00+23:59"},
     {"at": "9999-12-31T23:59:59-23:59"}, {"at": "1601-01-01T00:00:00Z"}, {"at": "1999-12-31T23:59:59Z"},
     {"at": "2026-01-01T00:00:00"}, {"at": "2026-01-01"}, {"at": [[]]}, {"at": None}, {"event": ["left"]},
     {"player": ["p"]}, {"player": "é" * 65}],
    ids=ascii,
)  # fmt: skip
def test_a_bad_event_among_good_ones(change: dict[str, object]) -> None:
    good = {"player": "p", "admission": "a", "event": "left", "at": iso(T)}
    events = parse(json.dumps({"events": [good, {**good, **change}, "x", None]}), T)
    assert events == [Event("p", "a", False, T), None, None, None]


@pytest.mark.parametrize(
    ("body", "kind", "says"),
    [
        ({"server": "a", "in_game": 1}, EVENTS, "This stack takes events (SessionReports=events), and nothing else."),
        ({"in_game": 1}, EVENTS, "This stack takes events (SessionReports=events), and nothing else."),
        ({"events": []}, COUNTS, "This stack takes counts (SessionReports=counts), and nothing else."),
        ({"events": [], "in_game": 1}, EVENTS, "This stack takes events (SessionReports=events), and nothing else."),
        ({"events": [], "server": "a", "in_game": 1}, COUNTS, "This stack takes counts"),
        ({"server": "a", "in_game": 1, "map": "x"}, COUNTS, "A count has server, in_game and instance, and not 'map'."),
    ],
    ids=["count", "half a count", "events", "both", "both, counted", "more"],
)  # fmt: skip
def test_a_report_of_another_kind_is_told_which_kind_this_stack_takes(
    body: dict[str, object], kind: str, says: str
) -> None:
    with pytest.raises(WrongReport) as refused:
        count_of(report_of(json.dumps(body), kind), T)
    assert (refused.value.code, refused.value.status) == ("wrong_report", 400)
    assert refused.value.message.startswith(says)
    assert refused.value.hint.startswith('Send {"events"' if kind == EVENTS else 'Send {"server": "eu-1"')


@pytest.mark.parametrize(
    "body",
    ["", "[]", "{}", "5", '"server"', '{"server": "a"}', '{"in_game": 1}', '{"server": "", "in_game": 1}',
     '{"server": "-a", "in_game": 1}', '{"server": "a b", "in_game": 1}', '{"server": "é", "in_game": 1}',
     '{"server": 5, "in_game": 1}', '{"server": "a\\n", "in_game": 1}', json.dumps({"server": "a" * 65, "in_game": 1}),
     '{"server": "a", "in_game": -1}', '{"server": "a", "in_game": 1.0}', '{"server": "a", "in_game": "1"}',
     '{"server": "a", "in_game": true}', '{"server": "a", "in_game": null}', '{"server": "a", "in_game": 1e3}',
     '{"server": "a", "in_game": 1000000000001}', '{"server": "a", "in_game": ' + "9" * 5_000 + "}", "[" * 100_000],
    ids=range(23),
)  # fmt: skip
def test_what_is_no_count(body: str) -> None:
    with pytest.raises(BadRequest):
        count_of(report_of(body, COUNTS), T)


@pytest.mark.parametrize("name", ["eu-1", "10.0.0.1:7777", "pod_5.shard-a", "A" * 64, "0"])
@pytest.mark.parametrize("in_game", [0, 18_442, 1_000_000_000_000])
def test_what_is_a_count(name: str, in_game: int) -> None:
    said = count_of(report_of(json.dumps({"server": name, "in_game": in_game}), COUNTS), T)
    assert said == Server(name, in_game, T)


ANY = st.text(st.characters(), max_size=20)
AT = st.one_of(ANY, st.datetimes(timezones=st.timezones()).map(lambda at: at.isoformat()), st.integers(), st.none())
EVENT = st.fixed_dictionaries({"player": ANY, "admission": ANY, "event": st.sampled_from(["left", "joined"]), "at": AT})


@given(st.lists(EVENT, min_size=1, max_size=3))
def test_what_is_taken_from_a_report_can_be_written_and_read_back(events: list[dict[str, object]]) -> None:
    for event in parse(json.dumps({"events": events}), T):
        if event is not None:
            assert (event.player + event.admission).encode()
            assert from_iso(iso(event.at)) == event.at <= T + DAY


@pytest.mark.parametrize("text", ["1-01-01T00:00:00.000Z", "0001-01-01T00:00:00.000Z", "1601-01-01T00:00:00.000Z"])
@pytest.mark.parametrize("gone", [True, False], ids=["who has left", "who is in the game"])
def test_a_row_with_an_instant_that_cannot_be_is_read_as_long_ago(
    memory: InMemory, world: World, gone: bool, text: str
) -> None:
    """As a version before this one wrote it, from the zero time of a game server's language."""
    queue, ada = world.queue, someone()
    admission = world.let_in(ada)
    apply(queue, [joined(ada, admission), *([left(ada, admission)] if gone else [])])
    row = next(row for (pk, _), row in memory.dynamodb.rows.items() if pk == f"USER#{ada.sub}")
    row |= {name: {"S": text} for name in ("joinedAt", "leftAt") if name in row}

    player = world.player(ada)
    assert (player.joined_at, player.left_at) == (EARLIEST, EARLIEST if gone else None)
    with pytest.raises(TicketExpired) if gone else nullcontext():
        assert login.status(queue, ada, admission).admitted
    (page,) = players_in(queue, queue.lines.read(), world.now[0], tuple(State))
    assert page[0].document()["joined_at"] == "2000-01-01T00:00:00.000Z"
    assert (EARLIEST, "joined the game") in history(player, [])
    assert apply(queue, [joined(ada, admission), left(ada, admission)]) == [
        "unchanged",
        "unchanged" if gone else "counted",
    ]
    row |= {name: {"S": text} for name in ("joinedAt", "leftAt") if name in row}

    fresh = login.request(queue, ada)
    assert (fresh.state, world.departed()) == (State.QUEUED, 1)
    row |= {"loginTicket": {"S": admission}, "loginProcessedAt": {"S": iso(T)}, "leftAt": {"S": text}}
    assert operator(queue).remove([ada]) == ["removed"]
    assert world.player(ada).ticket is None


def settle_all(world: World) -> None:
    """Run settling until everything that was reached is closed and counted; the line is kept alive meanwhile."""
    for _ in range(40):
        world.queue.lines.change(lambda line, t: line.renew(t))
        settle(world.queue)
        world.later(30 * SECOND)


def test_who_was_in_before_game_servers_said_who_joined_is_not_taken_for_unused(world: World) -> None:
    """`ReportsJoined` is turned on while players are in the game, of whom nobody will ever say that they joined."""
    ada = someone()
    world.let_in(ada)
    rule(world, reports_joined=False)
    settle_all(world)
    assert world.queue.lines.read().counted_to == 1
    rule(world, reports_joined=True)
    settle_all(world)
    assert (world.player(ada).left_at, world.departed()) == (None, 0)


def test_what_each_thing_does_to_the_counts(world: World) -> None:
    """The table of the guide, line by line."""
    queue, players = world.queue, [someone() for _ in range(12)]
    ada, bob, eve, dan, joe, kim, pam, ron, sam, tim, una, vic = players

    world.let_in(ada)  # let in
    assert world.counts() == (1, 1, 0, 0)
    first = world.let_in(bob)
    apply(queue, [joined(bob, first, world.now[0]), left(bob, first, world.now[0])])  # left
    assert world.counts() == (2, 1, 0, 1)
    login.request(queue, bob)  # returned
    assert world.counts() == (2, 2, 0, 0)

    operator(queue).admit([eve])  # players admit, of somebody without a place
    assert operator(queue).admit([eve]) == ["was in already"]
    assert world.counts()[1] == 3
    operator(queue).remove([eve])  # players remove, in the game
    assert operator(queue).remove([eve]) == ["had no place"]
    assert world.counts()[1] == 2
    world.let_in(dan)
    operator(queue).reset([dan])  # players reset, in the game
    assert world.counts()[1] == 2

    world.let_in(joe)
    login.leave(queue, joe)  # DELETE /login in the game
    login.request(queue, kim)
    login.leave(queue, kim)  # DELETE /login with a ticket that is not placed
    assert world.counts()[1] == 2

    world.let_in(pam)
    forget(queue, pam)  # account deleted, in the game
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
    apply(queue, [joined(una, unused, world.now[0])])
    settle_all(world)
    line = queue.lines.read()
    assert line.counted_to == line.tail
    # ada, tim and bob's return were never joined; una is in the game.
    admitted, in_game, no_shows, departed = world.counts()
    assert (admitted, no_shows) == (line.tail - 2, 2)
    assert in_game == 1 == admitted - departed
    assert vic.sub and queue.players.get(pam.sub) is not None
    operator(queue).set_in_game(5)  # rate set --in-game
    assert world.counts()[1] == 5


@pytest.mark.parametrize("instance", ["a b", "", "x" * 65, 5, None, "é"])
def test_an_instance_is_a_name_or_nothing(instance: object) -> None:
    given = {"server": "a", "in_game": 1, "instance": instance}
    if instance == "":
        assert count_of(given, T).instance == ""
    else:
        with pytest.raises(BadRequest, match="instance is which run"):
            count_of(given, T)
    assert count_of({**given, "instance": "pod-7:1"}, T).instance == "pod-7:1"


@pytest.mark.parametrize(("server", "instance"), [("_eu", "1"), ("eu", "_1"), ("-eu", "1"), ("eu", ".1")])
def test_whoever_is_refused_for_the_first_letter_of_a_name_is_told_so(server: str, instance: str) -> None:
    with pytest.raises(BadRequest, match="hyphens or underscores, and begins with a letter or a digit"):
        count_of({"server": server, "instance": instance, "in_game": 1}, T)
