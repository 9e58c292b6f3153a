"""The line item, users, stats, rosters, load and audit on moto; and the laptop's clock."""

import json
import math
import re
from collections import Counter
from collections.abc import Iterator
from dataclasses import fields, replace
from email.utils import formatdate
from random import Random
from typing import Any

import pytest
from boto3.dynamodb.types import TypeSerializer
from botocore.exceptions import ClientError, EndpointConnectionError, NoCredentialsError, NoRegionError
from hypothesis import given
from hypothesis import strategies as st

from lambdas import (
    get_login_status,
    http,
    metrics,
    process_login_queue,
    put_player_info,
    queue_player_login,
    report_sessions,
    runtime,
    settle_line,
)
from loginq.deploy import template
from loginq.service.operations import crowds
from loginq.service.operations.accounts import Users, generated_password, patiently
from loginq.service.operations.acts import pause, resume, set_rate
from loginq.service.operations.found import find, waiting_players
from loginq.service.operations.stats import snapshot
from loginq.service.operations.target import Target
from loginq.service.requests import crowd as load
from loginq.service.requests.minute import WRAP_UP, settle
from loginq.service.rules.errors import Conflict, Failed, Invalid, LoginqError, NoTarget, NotFound, Refused, Unavailable
from loginq.service.rules.line import MAX_BURST, MAX_MESSAGE, MAX_RATE, MAX_STEPS, MICRO, Line
from loginq.service.rules.minute import ADMITTING, Memory
from loginq.service.rules.settings import Rules
from loginq.service.rules.ticket import Ticket
from loginq.service.rules.times import iso
from loginq.service.store.audit import actions, record
from loginq.service.store.aws import Aws, translated
from loginq.service.store.clock import ServerClock
from loginq.service.store.keys import PER_PARTITION
from loginq.service.store.keys import player as key
from loginq.service.store.line import Lines, from_row, to_row
from loginq.service.store.queue import Queue, connect
from loginq.service.store.rosters import Place
from loginq.service.store.settlement import memory_of, row_of
from loginq.service.store.table import pack, unpack

GOOD = "Correct-Horse-7-Battery"


# Rows


VALUES = st.recursive(
    st.one_of(st.text(), st.booleans(), st.integers(-(10**20), 10**20)), lambda inner: st.lists(inner, max_size=4)
)


@given(st.dictionaries(st.text(min_size=1), VALUES))
def test_a_row_looks_as_boto3_would_write_it(row: dict[str, Any]) -> None:
    theirs = TypeSerializer()
    assert pack(row) == {name: theirs.serialize(value) for name, value in row.items()}
    assert unpack(pack(row)) == row


def test_a_row_without_a_value_and_one_that_cannot_be() -> None:
    assert pack({"a": None, "b": False, "c": (1, "x")}) == {
        "b": {"BOOL": False},
        "c": {"L": [{"N": "1"}, {"S": "x"}]},
    }
    assert unpack({"a": {"NULL": True}, "b": {"N": "7"}}) == {"a": None, "b": 7}
    with pytest.raises(TypeError):
        pack({"a": 1.5})


# The line item


def test_a_line_survives_the_table(queue: Queue, now: list[int]) -> None:
    line = queue.lines.change(
        lambda line, t: replace(line.plan(t, ((t + 1, 5), (t + 2, 6))), capacity=7, message="hello", paused=True)
    )
    assert queue.lines.read() == line
    assert from_row({"PK": "x", "SK": "y", **to_row(line)}) == line


def test_what_a_newer_version_wrote_survives_an_older_ones_write(queue: Queue) -> None:
    queue.lines.change(lambda line, t: line)
    future = {"curve": b"\x00\x01", "doors": [{"at": 1, "open": True}], "share": 7}
    queue.table.update("QUEUE#main", "LINE", write=future)
    queue.lines.change(lambda line, t: line.join(t, 1))
    row = queue.table.get("QUEUE#main", "LINE")
    assert row is not None and row["tail"] == 1
    assert {name: row[name] for name in future} == future
    settled = {"PK": "x", "SK": "y", **row_of(Memory()), **future}
    assert row_of(memory_of(settled)).items() >= future.items()


def test_the_line_item_stays_under_a_write_unit() -> None:
    """At the largest values that anybody will see: a thousand million players, in the year 2033."""
    most, then = 10**9 - 1, 2 * 10**12
    largest: dict[str, Any] = {
        each.name: then - 1 if each.name.endswith(("_at", "_until", "_before")) else most
        for each in fields(Line)
        if each.type in (int, int | None)
    }
    line = Line(
        **largest
        | {"rate": MAX_RATE, "refund_rate": MAX_RATE - 1, "burst": MAX_BURST, "gate": most * MICRO, "lived": then},
        steps=tuple((then + n, MAX_RATE - 1 - n) for n in range(MAX_STEPS)),
        message="x" * MAX_MESSAGE,
        kid="k" * 16,
        writer="w" * 16,
        paused=True,
        closed=True,
    )
    assert size({"PK": "QUEUE#main", "SK": "LINE", **to_row(line)}) <= 1_024


def size(row: dict[str, Any]) -> int:
    """What DynamoDB counts for a row, bytes.

    https://docs.aws.amazon.com/amazondynamodb/latest/developerguide/CapacityUnitCalculations.html
    """

    def of(value: Any) -> int:
        if isinstance(value, bool):
            return 1
        if isinstance(value, int):
            return (len(str(abs(value))) + 1) // 2 + 1 + (value < 0)
        return len(value.encode()) if isinstance(value, str) else 3 + sum(1 + of(each) for each in value)

    return sum(len(name) + of(value) for name, value in row.items())


def _key() -> dict[str, Any]:
    return {"PK": {"S": "QUEUE#main"}, "SK": {"S": "LINE"}}


def test_writers_who_meet_both_take_effect(queue: Queue, aws: Aws, target: Target, now: list[int]) -> None:
    other = connect(aws, table=target.table, sqs_url=target.sqs_url, rules=Rules(), clock=lambda: now[0])
    queue.lines.change(lambda line, t: line.join(t, 1))
    tries = 0

    def late(line: Any, t: int) -> Any:
        nonlocal tries
        tries += 1
        if tries == 1:
            other.lines.change(lambda line, t: line.join(t, 10))
        return line.join(t, 100)

    assert queue.lines.change(late).tail == 111
    assert tries == 2


def test_a_retry_whose_first_attempt_took_effect_recognises_itself(queue: Queue) -> None:
    queue.lines.change(lambda line, t: line.join(t, 1))
    real = queue.table.dynamodb.put_item

    class Twice:
        """DynamoDB with a botocore that sends the same request again, because the first answer was lost."""

        def __getattr__(self, name: str) -> Any:
            return getattr(queue.table.dynamodb, name)

        def put_item(self, **parameters: Any) -> Any:
            real(**parameters)
            return real(**parameters)

    table = replace_dynamodb(queue, Twice())
    line = Lines(table, "main", queue.clock).change(lambda line, t: line.join(t, 100))
    assert (line.tail, queue.lines.read().tail) == (101, 101)


def test_a_writer_who_waits_reads_again_and_gets_through(queue: Queue, aws: Aws, target: Target) -> None:
    """Somebody writes each time this one is waiting: what was seen before the wait must not be tried after it."""
    other = Lines(queue.table, "main", queue.clock)
    queue.lines.change(lambda line, t: line.join(t, 1))
    tries = 0

    def busy(seconds: float) -> None:
        other.change(lambda line, t: line.join(t, 1))

    def change(line: Any, t: int) -> Any:
        nonlocal tries
        tries += 1
        if tries == 1:
            other.change(lambda line, t: line.join(t, 1))
        return line.join(t, 100)

    table = replace_dynamodb(queue, queue.table.dynamodb)
    table.sleep = busy
    assert Lines(table, "main", queue.clock).change(change).tail == 103
    assert tries == 2


def replace_dynamodb(queue: Queue, dynamodb: Any) -> Any:
    from loginq.service.store.table import Table

    return Table(dynamodb, queue.table.name)


def test_what_the_line_refuses_is_a_clear_error(queue: Queue) -> None:
    with pytest.raises(Invalid, match="Burst 99999999 is not between 0 and 1000000"):
        set_rate(queue, "me", 1_000, 99_999_999)
    with pytest.raises(Invalid, match="rate of 0"):
        set_rate(queue, "me", 0)


def test_without_a_line_there_is_no_target(aws: Aws, target: Target) -> None:
    queue = connect(aws, table=target.table, sqs_url=target.sqs_url, rules=Rules())
    with pytest.raises(NoTarget, match="no line yet"):
        queue.lines.read()


def test_a_cached_line_is_read_again_after_a_second_and_sooner_for_a_newcomer(queue: Queue) -> None:
    queue.lines.change(lambda line, t: line.join(t, 5))
    cached = queue.lines.cached()
    other = Lines(queue.table, "main", queue.clock)
    other.change(lambda line, t: line.join(t, 5))
    assert queue.lines.covering(5) is cached
    assert queue.lines._cache is not None
    queue.lines._cache = (queue.lines._cache[0] - 0.11, cached)
    assert queue.lines.covering(5) is cached
    assert queue.lines.covering(10).tail == 10


def test_every_change_is_in_the_audit(queue: Queue) -> None:
    pause(queue, "arn:aws:iam::1:user/ada")
    assert not pause(queue, "arn:aws:iam::1:user/ada").changed
    resume(queue, "arn:aws:iam::1:user/ada")
    set_rate(queue, "arn:aws:iam::1:user/bob", 50_000)
    rows = [row for row in queue.table.query("QUEUE#main", start="AUDIT#") if row["SK"].startswith("AUDIT#")]
    said = {(row["who"][-3:], row["what"], row["from"], row["to"]) for row in rows}
    assert said == {
        ("ada", "pause", "open", "paused"),
        ("ada", "pause", "paused", "paused"),
        ("ada", "resume", "paused", "open"),
        ("bob", "rate", "20/s with a burst of 20", "50/s with a burst of 50"),
    }


# Rosters


def test_rosters_are_read_in_order_across_items_partitions_and_holes(queue: Queue) -> None:
    edge = PER_PARTITION
    queue.rosters.write([Place(n, f"s{n}", n % 2 == 0) for n in range(edge - 1_500, edge + 1_500)], 0)
    queue.rosters.write([Place(n, f"s{n}", False) for n in range(edge + 1_600, edge + 1_610)], 0)
    places = list(queue.rosters.places(edge - 100, edge + 1_605))
    expected = [*range(edge - 100, edge + 1_500), *range(edge + 1_600, edge + 1_606)]
    assert [place.position for place in places] == expected
    assert all(place.sub == f"s{place.position}" for place in places)
    assert next(queue.rosters.places(1, edge * 3), None) == Place(edge - 1_500, f"s{edge - 1_500}", True, 0)
    assert list(queue.rosters.places(edge + 1_700, edge + 9_000)) == []
    assert list(queue.rosters.places(5, 4)) == []


# Users


def test_creating_and_deleting_an_account(users: Users, queue: Queue) -> None:
    account = users.create("ada", "ada@example.com", GOOD)
    assert (account.username, account.email) == ("ada", "ada@example.com")
    row = queue.players.get(account.sub)
    assert row is not None and (row.username, row.email) == ("ada", "ada@example.com")
    with pytest.raises(Conflict, match="'ada'"):
        users.create("ada", "other@example.com", GOOD)
    assert [each.username for each in users.list()] == ["ada"]
    assert users.get("ada").status == "CONFIRMED"
    assert find(queue, users, "ada").entry.player.sub == find(queue, users, account.sub).entry.player.sub == account.sub
    assert users.delete("ada").sub == account.sub
    left = queue.players.get(account.sub)
    assert left is not None and left.deleted
    for call in (users.get, users.delete, lambda name: find(queue, users, name)):
        with pytest.raises(NotFound, match="'ada'"):
            call("ada")


@pytest.mark.parametrize(
    ("name", "email", "password", "says"),
    [
        ("", "a@example.com", GOOD, "not a user name"),
        ("a b", "a@example.com", GOOD, "not a user name"),
        ("ada", "nowhere", GOOD, "not an e-mail address"),
        ("ada", "a@example.com", "short", "breaks the pool's policy"),
    ],
)
def test_a_bad_account_leaves_nothing_behind(users: Users, name: str, email: str, password: str, says: str) -> None:
    with pytest.raises(Invalid, match=says):
        users.create(name, email, password)
    assert list(users.list()) == []


def test_a_generated_password_fulfils_the_policy(users: Users) -> None:
    for n in range(20):
        users.create(f"u{n}", f"u{n}@example.com", generated_password())


# Stats and standings


def test_a_snapshot_of_everything(queue: Queue, now: list[int]) -> None:
    queue.lines.change(lambda line, t: line.join(t, 1_200))
    line = queue.lines.read()
    for _ in range(25):
        assert queue.valve.take(line, now[0], queue.random)
    queue.intake._sqs.send_message(QueueUrl=queue.intake.url, MessageBody="x")
    now[0] += 23_000
    document = snapshot(queue).document("a target")
    assert document == {
        "queue": "main",
        "target": "a target",
        "intake": {"visible": 1, "in_flight": 0, "delayed": 0, "dead_letters": 0},
        "line": {"tail": 1_200, "reached": 460, "waiting": 740, "holes": 0, "version": 1, "state": "open"},
        "rate": {
            "per_second": 20.0,
            "burst": 20,
            "steps": [],
            "capacity": None,
            "admitted_per_second": 0.4,
            "gate_per_second": 20.0,
        },
        "players": {"admitted": 25, "in_game": 25, "no_shows": 0, "departed": 0},
        "eta_seconds": 38,
        "last_change": None,
    }
    queue.lines.change(lambda line, t: line.pause(t))
    assert snapshot(queue).document("")["eta_seconds"] is None


def test_admissions_of_a_higher_rate_are_still_seen_after_it_was_lowered(queue: Queue, now: list[int]) -> None:
    fast = queue.lines.change(lambda line, t: line.set_rate(t, 5_000_000))
    for _ in range(60):
        queue.valve.take(fast, now[0], queue.random)
    slow = queue.lines.change(lambda line, t: line.set_rate(t, 50_000))
    assert sum(queue.valve.admitted(slow, now[0]).values()) == 60


def test_who_waits_in_order_and_who_has_left_is_left_out(queue: Queue, now: list[int]) -> None:
    queue.lines.change(lambda line, t: line.join(t, 150))
    queue.rosters.write([Place(n, f"s{n}", False) for n in range(1, 151)], now[0])
    for n in (1, 2, 40, 150):
        write = {"loginTicket": "t", "queuePosition": n, "username": f"name{n}"}
        queue.table.update(f"USER#s{n}", f"METADATA#s{n}", write=write)
    now[0] += 1_000
    line = queue.lines.read()
    shown = [(entry.name, entry.ahead, entry.eta) for entry in waiting_players(queue, line, now[0], 10)]
    assert shown == [("name40", 19, 1_000), ("name150", 129, 6_500)]
    assert len(list(waiting_players(queue, line, now[0], 1))) == 1


# Load


@pytest.mark.parametrize(("players", "parts"), [(1, 1), (1_000, 1), (1_001, 2), (100_000, 100)])
def test_a_run_is_made_in_parts(players: int, parts: int) -> None:
    found = list(load.parts("abc", players))
    assert len(found) == parts
    assert sum(part.count for part in found) == players


@pytest.mark.parametrize("players", [0, -1, 100_001])
def test_impossible_runs(players: int) -> None:
    with pytest.raises(Invalid):
        list(load.parts("abc", players))


@pytest.mark.parametrize(("run", "start", "count"), [("a/b", 0, 1), ("abc", -1, 1), ("abc", 0, 1_001), ("", 0, 1)])
def test_impossible_parts(run: str, start: int, count: int) -> None:
    with pytest.raises(Invalid):
        load.Part(run, start, count)


def test_cleaning_takes_away_synthetic_players_only(queue: Queue, users: Users) -> None:
    users.create("ada", "ada@example.com", GOOD)
    for n in range(60):
        queue.table.put({"PK": f"USER#synthetic-{n}", "SK": f"METADATA#synthetic-{n}", "synthetic": True})
    assert sum(crowds.clean(queue)) == 60
    assert sum(crowds.clean(queue)) == 0
    assert find(queue, users, "ada").entry.name == "ada"


# Errors and clocks


@pytest.mark.parametrize(
    ("exc", "kind"),
    [
        (ClientError({"Error": {"Code": "ExpiredTokenException", "Message": "old"}}, "GetItem"), Refused),
        (ClientError({"Error": {"Code": "AccessDeniedException", "Message": "no"}}, "GetItem"), Refused),
        (ClientError({"Error": {"Code": "ThrottlingException", "Message": "slow"}}, "GetItem"), Unavailable),
        (ClientError({"Error": {"Code": "ResourceNotFoundException", "Message": "gone"}}, "GetItem"), NotFound),
        (ClientError({"Error": {"Code": "SomethingNew", "Message": "?"}}, "GetItem"), Failed),
        (NoCredentialsError(), Refused),
        (NoRegionError(), Invalid),
        (EndpointConnectionError(endpoint_url="http://x"), Unavailable),
    ],
)
def test_an_aws_error_becomes_ours_by_its_code(exc: Exception, kind: type[LoginqError]) -> None:
    found = translated(exc)
    assert type(found) is kind
    assert found.message.endswith(".")


class _Answers:
    """A client whose answers carry a `Date`."""

    def __init__(self) -> None:
        self.meta = self.events = self
        self.hooks: dict[str, Any] = {}

    def register(self, event: str, hook: Any) -> None:
        self.hooks[event] = hook

    def answer(self, server_ms: int) -> None:
        context: dict[str, Any] = {}
        self.hooks["before-call.*.*"](context=context)
        date = formatdate(server_ms // 1_000, usegmt=True)
        response = type("R", (), {"headers": {"date": date}})()
        self.hooks["after-call.*.*"](http_response=response, context=context)


@pytest.mark.parametrize(
    ("off", "corrected"),
    [(0, 0), (400, 0), (120_000, -120_000 + 500), (-120_000, 120_000 + 500), (-700, 700 + 500), (1_900, -1_900 + 500)],
)
def test_a_laptop_two_minutes_off_is_set_right_by_the_date_of_the_answer(off: int, corrected: int) -> None:
    true, client = 1_800_000_000_000, _Answers()
    clock = ServerClock(client, lambda: true + off)
    client.answer(true)
    assert clock.offset == corrected
    assert abs(clock() - true) <= 1_000


def test_throttling_is_waited_out_and_then_given_up() -> None:
    slept: list[float] = []
    asked = iter([Unavailable("slow down")] * 3)

    def ask() -> str:
        if (error := next(asked, None)) is not None:
            raise error
        return "done"

    assert patiently(ask, slept.append, Random(1)) == "done"
    assert len(slept) == 3

    def never() -> str:
        raise Unavailable("slow down")

    with pytest.raises(Unavailable):
        patiently(never, slept.append, Random(1))
    assert 20 < sum(slept[3:]) < 60


# The time of a call


def test_counting_stops_for_want_of_time_and_the_next_run_goes_on(queue: Queue, now: list[int]) -> None:
    queue.rosters.write([Place(n, f"nobody-{n}", synthetic=False) for n in range(1, 2_501)], now[0])
    queue.lines.change(lambda line, t: replace(line.join(t, 2_500), opened=2_500, closed_to=2_500))
    settle(queue)
    for counted in (1_000, 2_000, 2_500):
        now[0] += ADMITTING
        done = settle(replace(queue, time_left=lambda: WRAP_UP - 1))
        assert (done.counted_to, done.no_shows) == (counted, min(1_000, counted - (counted - 1) // 1_000 * 1_000))
    assert queue.lines.read().no_shows == 2_500


class Context:
    """What Lambda says of a call that has this many ms to its timeout."""

    aws_request_id = "a-request"

    def __init__(self, left: int) -> None:
        self.left = left

    def get_remaining_time_in_millis(self) -> int:
        return self.left


@pytest.fixture
def called(target: Target, monkeypatch: pytest.MonkeyPatch) -> Iterator[None]:
    """The handlers' environment."""
    monkeypatch.setenv("DYNAMO_TABLE_NAME", target.table)
    monkeypatch.setenv("SQS_URL", target.sqs_url)
    monkeypatch.setenv("AWS_DEFAULT_REGION", target.region)
    budget = runtime.budget
    # A call has all the time in the world, or none: how busy this machine is must not end one.
    monkeypatch.setattr(runtime, "budget", lambda has, **how: (math.inf, 0.0) if has > 1 else budget(has, **how))
    runtime.queue.cache_clear()
    yield
    runtime.queue.cache_clear()


def delivery(name: str, body: str, received: int = 1, receipt: str = "a-receipt") -> dict[str, Any]:
    """One message, as SQS's event has it."""
    attributes = {"ApproximateReceiveCount": str(received)}
    return {"messageId": name, "body": body, "receiptHandle": receipt, "attributes": attributes}


@pytest.fixture
def shown(called: None, monkeypatch: pytest.MonkeyPatch) -> list[tuple[str, int]]:
    """Which messages the placing function asked to have again, and in how many seconds."""
    monkeypatch.setenv("INITIAL_RATE", "1000")
    asked: list[tuple[str, int]] = []

    def note(params: dict[str, Any], **_: Any) -> None:
        asked.extend((each["ReceiptHandle"], each["VisibilityTimeout"]) for each in params["Entries"])

    events = runtime.queue().intake._sqs.meta.events
    events.register("provide-client-params.sqs.ChangeMessageVisibilityBatch", note)
    return asked


def test_what_cannot_be_placed_comes_again_in_seconds(shown: list[tuple[str, int]]) -> None:
    """Those that failed alone; and from the third time on as late as the queue has it."""
    stale = delivery("fine", Ticket("nobody", "t", 0, synthetic=True).body())
    bad = [delivery(f"m-{n}", "nonsense", n % 4 + 1, f"r-{n}") for n in range(40)]
    answer = process_login_queue.handler({"Records": [stale, *bad]}, Context(30_000))
    assert answer == {"batchItemFailures": [{"itemIdentifier": f"m-{n}"} for n in range(40)]}
    assert sorted(receipt for receipt, _ in shown) == sorted(f"r-{n}" for n in range(40) if n % 4 < 2)
    first, second = ({seconds for receipt, seconds in shown if int(receipt[2:]) % 4 == n} for n in (0, 1))
    assert first <= {1, 2} and second <= {4, 5, 6, 7, 8} and len(second) > 1


def test_a_batch_of_which_nothing_could_be_placed_comes_again_in_seconds(
    shown: list[tuple[str, int]], monkeypatch: pytest.MonkeyPatch
) -> None:
    def throttled(*_: Any) -> None:
        raise Unavailable("BatchGetItem: slow down.")

    monkeypatch.setattr(process_login_queue, "place", throttled)
    with pytest.raises(Unavailable, match="slow down"):
        process_login_queue.handler({"Records": [delivery("m-1", "any", receipt="r-1")]}, Context(30_000))
    assert [receipt for receipt, _ in shown] == ["r-1"]


def test_what_cannot_be_handed_back_soon_is_handed_back(
    called: None, monkeypatch: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture
) -> None:
    monkeypatch.setenv("SQS_URL", "https://sqs.eu-west-1.amazonaws.com/123456789012/gone")
    answer = process_login_queue.handler({"Records": [delivery("m-1", "nonsense")]}, Context(30_000))
    assert answer == {"batchItemFailures": [{"itemIdentifier": "m-1"}]}
    assert [note["event"] for record in caplog.records for note in vars(record)["notes"]] == ["handed_back_late"]


def test_a_handler_without_time_begins_nothing_and_says_so(called: None, caplog: pytest.LogCaptureFixture) -> None:
    record = delivery("m-1", Ticket("sub", "ticket", 0).body())
    answer = process_login_queue.handler({"Records": [record]}, Context(0))
    assert answer == {"batchItemFailures": [{"itemIdentifier": "m-1"}]}
    claims = {"token_use": "id", "sub": "sub"}
    event = {"requestContext": {"authorizer": {"claims": claims}}, "queryStringParameters": {"login_ticket": "x"}}
    answer = get_login_status.handler(event, Context(0))
    assert (answer["statusCode"], answer["headers"]["Retry-After"]) == (503, "5")
    assert get_login_status.handler(event, Context(5_000))["statusCode"] == 404
    assert [getattr(record, "out_of_time", False) for record in caplog.records] == [True, True, False]


def test_cognito_gets_its_event_back_and_the_player_a_row(called: None, queue: Queue) -> None:
    event = {
        "triggerSource": "PostConfirmation_ConfirmSignUp",
        "userName": "ada",
        "request": {"userAttributes": {"sub": "sub-ada", "email": "ada@example.com"}},
    }
    assert put_player_info.handler(event, Context(5_000)) is event
    player = queue.players.get("sub-ada")
    assert player is not None
    assert (player.username, player.email, player.ticket) == ("ada", "ada@example.com", None)


def test_a_report_is_answered_event_by_event(called: None) -> None:
    event = {"player": "nobody", "admission": "a", "event": "left", "at": "2020-01-15T08:00:00Z"}
    body = json.dumps({"events": [event, {**event, "event": "flew"}]})
    answer = report_sessions.handler({"body": body}, Context(5_000))
    assert (answer["statusCode"], json.loads(answer["body"])) == (200, {"results": ["unknown", "invalid"]})
    answer = report_sessions.handler({"body": "{}"}, Context(5_000))
    assert (answer["statusCode"], json.loads(answer["body"])["error"]["code"]) == (400, "bad_request")


def test_an_access_token_is_no_id_token(called: None) -> None:
    for claims in ({"token_use": "access", "sub": "ada"}, {"token_use": "id"}, {}):
        event = {"httpMethod": "GET", "requestContext": {"authorizer": {"claims": claims}}}
        answer = queue_player_login.handler(event, Context(5_000))
        assert (answer["statusCode"], json.loads(answer["body"])["error"]["code"]) == (401, "unauthorized")


def test_who_asks_too_often_is_told_when_to_come_back(called: None, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("INITIAL_RATE", "1000")
    event: dict[str, Any] = {"requestContext": {"authorizer": {"claims": {"token_use": "id", "sub": "ada"}}}}
    said = [
        queue_player_login.handler({**event, "httpMethod": verb}, Context(5_000)) for verb in ("GET", "DELETE", "GET")
    ]
    assert [answer["statusCode"] for answer in said] == [200, 200, 429]
    assert json.loads(said[2]["body"])["error"]["code"] == "too_many_requests"
    headers = said[2]["headers"]
    assert (headers["Retry-After"], headers["Access-Control-Expose-Headers"]) == ("5", "Retry-After")
    assert "Retry-After" not in said[0]["headers"]


def ask(verb: str, sub: str) -> dict[str, Any]:
    """The answer to a signed-in player who asks /login."""
    claims = {"token_use": "id", "sub": sub}
    event = {"httpMethod": verb, "requestContext": {"authorizer": {"claims": claims}}}
    return dict(queue_player_login.handler(event, Context(5_000)))


def test_a_refusal_by_design_is_no_failure(
    called: None,
    monkeypatch: pytest.MonkeyPatch,
    capsys: pytest.CaptureFixture[str],
    caplog: pytest.LogCaptureFixture,
) -> None:
    """A queue that is closed for the night rings nobody out of bed, and answers no storm."""
    monkeypatch.setenv("INITIAL_RATE", "1000")
    monkeypatch.setenv("POWERTOOLS_METRICS_NAMESPACE", "a-stack")
    metrics._metrics.cache_clear()
    runtime.queue().players.block("bob", blocked=True)
    assert [ask(verb, "ada")["statusCode"] for verb in ("GET", "DELETE", "GET")] == [200, 200, 429]
    assert ask("GET", "bob")["statusCode"] == 403
    runtime.queue().lines.change(lambda line, t: line.close(t))
    runtime.queue().lines._cache = None
    http._turned_away.clear()
    closed = [ask("GET", f"player-{n}") for n in range(100)]
    assert {(each["statusCode"], json.loads(each["body"])["error"]["code"]) for each in closed} == {
        (503, "queue_closed")
    }
    pauses = [int(each["headers"]["Retry-After"]) for each in closed]
    assert 30 <= pauses[0] <= 46 and all(80 <= pause <= 120 for pause in pauses[80:]) and len(set(pauses)) > 20
    lines = [json.loads(line) for line in capsys.readouterr().out.splitlines()]
    assert [record.levelname for record in caplog.records] == ["INFO"] * 104
    said = [each for line in lines if "_aws" in line for each in line["_aws"]["CloudWatchMetrics"][0]["Metrics"]]
    assert Counter(each["Name"] for each in said) == {"Tickets": 1, "Resting": 1, "Blocked": 1, "Closed": 100}


# What CloudWatch counts


def counted(capsys: pytest.CaptureFixture[str]) -> dict[str, Any]:
    """The metrics that were written since this was asked last: name -> value."""
    lines = [json.loads(line) for line in capsys.readouterr().out.splitlines()]
    found: dict[str, Any] = {}
    for line in (line for line in lines if "_aws" in line):
        (directive,) = line["_aws"]["CloudWatchMetrics"]
        assert directive["Namespace"] == "a-stack"
        found |= {each["Name"]: line[each["Name"]][0] for each in directive["Metrics"]}
        found |= {"kind": line["kind"]} if "kind" in line else {}
    return found


def test_each_call_is_counted(
    called: None, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    for name, value in {"INITIAL_RATE": "1000", "POWERTOOLS_METRICS_NAMESPACE": "a-stack"}.items():
        monkeypatch.setenv(name, value)
    metrics._metrics.cache_clear()
    claims = {"token_use": "id", "sub": "ada"}
    event: dict[str, Any] = {"httpMethod": "GET", "requestContext": {"authorizer": {"claims": claims}}}
    ticket = json.loads(queue_player_login.handler(event, Context(5_000))["body"])["ticket"]
    assert counted(capsys) == {"Tickets": 1}
    queue_player_login.handler(event, Context(5_000))
    assert counted(capsys) == {}
    bad, stale = delivery("m-1", "nonsense"), delivery("m-2", Ticket("ada", "another", 0).body())
    process_login_queue.handler({"Records": [bad, stale]}, Context(5_000))
    assert counted(capsys) == {"Invalid": 1, "Stale": 1, "Unplaced": 1}
    there = runtime.queue()
    there.lines.change(lambda line, t: line.join(t, 1))
    there.table.update(*key("ada"), write={"queuePosition": 1, "etaAt": iso(there.clock() - 1_000)})
    asking = {**event, "queryStringParameters": {"login_ticket": ticket}}
    assert json.loads(get_login_status.handler(asking, Context(5_000))["body"])["login_status"]
    entered = counted(capsys)
    assert (entered.pop("Admitted"), 1_000 <= entered.pop("EtaError") < 5_000, entered) == (1, True, {})
    there.lines.change(lambda line, t: line.pause(t).join(t, 1))
    get_login_status.handler(asking, Context(0))
    assert counted(capsys) == {"Errors": 1, "kind": "unavailable"}
    settle_line.handler({}, Context(5_000))
    said = counted(capsys)
    assert said.pop("AchievedRate") in (0, 0.017)  # one a minute, once the second in which it was let in is over
    assert said == {"Waiting": 1, "AskedRate": 0, "Short": 0, "FewClaims": 0, "NoShows": 0}
    with pytest.raises(KeyError):
        process_login_queue.handler({}, Context(5_000))
    assert counted(capsys) == {"Errors": 1, "kind": "KeyError"}


@pytest.mark.parametrize(
    ("line", "found"),
    [
        ({"admitted": 1, "eta_error_ms": 0, "untold": 0}, {"Admitted": 1, "EtaError": 0}),
        ({"admitted": 1, "eta_error_ms": None, "untold": 1}, {"Admitted": 1, "Untold": 1}),
        ({"admitted": 0, "eta_error_ms": None, "untold": 0}, {}),
    ],
    ids=["told to the millisecond", "told nothing", "a poll"],
)
def test_who_was_told_the_truth_counts_as_much_as_who_was_not(
    monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str], line: dict[str, Any], found: dict[str, int]
) -> None:
    monkeypatch.setenv("POWERTOOLS_METRICS_NAMESPACE", "a-stack")
    metrics._metrics.cache_clear()
    metrics.emit(line)
    assert counted(capsys) == found


@pytest.mark.parametrize("moves", ["waiting", "achieved_per_second", "no_shows", "unused", "few_claims"])
def test_a_minute_in_which_nothing_moves_is_no_metric(moves: str, capsys: pytest.CaptureFixture[str]) -> None:
    idle = {"waiting": 0, "asked_per_second": 20.0, "achieved_per_second": 0.0, "short": False, "no_shows": 0}
    metrics.emit(idle)
    assert capsys.readouterr().out == ""
    metrics.emit({**idle, moves: 1})
    assert '"AskedRate":[20.0]' in capsys.readouterr().out


def test_a_closed_queue_is_no_error_and_trouble_is_one_metric(capsys: pytest.CaptureFixture[str]) -> None:
    metrics.emit({"status": 503, "code": "queue_closed", "refused": "Closed"})
    assert "Errors" not in capsys.readouterr().out
    for line in ({"status": 503, "code": "unavailable"}, {"status": 500, "code": "internal"}, {"error": "KeyError"}):
        metrics.emit(line)
        written = json.loads(capsys.readouterr().out)
        (directive,) = written["_aws"]["CloudWatchMetrics"]
        assert (directive["Dimensions"], written["service"], written["Errors"]) == ([["service"]], "all", [1.0])


def test_alarms_and_dashboard_name_metrics_that_exist() -> None:
    """Of our own, in the namespace that is the stack's name."""
    measured = (*metrics._COUNTED.values(), *metrics._STATES.values(), *metrics._MEASURED.values())
    known = {name for name, _ in measured} | {"Expired", "Errors"}
    resources = template.load().document["Resources"].values()
    alarms = {
        each["Properties"]["MetricName"]
        for each in resources
        if each.get("Properties", {}).get("Namespace") == {"Ref": "AWS::StackName"}
    }
    (board,) = (each for each in resources if each["Type"] == "AWS::CloudWatch::Dashboard")
    text, also = board["Properties"]["DashboardBody"]["Sub"]
    for name, value in {"AWS::StackName": "ours", **dict.fromkeys(also, "")}.items():
        text = text.replace(f"${{{name}}}", value)
    shown, namespace = set(), ""
    for widget in json.loads(re.sub(r"\$\{[\w:.]+\}", "x", text))["widgets"]:
        for words in widget["properties"].get("metrics", []):
            if isinstance(words[0], str):
                namespace = namespace if words[0] == "." else words[0]
                shown |= {words[1]} if namespace == "ours" else set()
    assert alarms == {"Errors", "Short", "FewClaims"}
    assert {"Placed", "Admitted", "AchievedRate"} <= shown
    assert alarms | shown <= known


def test_a_query_for_a_few_rows_reads_a_few(queue: Queue) -> None:
    """`limit` reaches DynamoDB: else the last twenty actions would cost a megabyte's reading."""
    asked: list[dict[str, Any]] = []
    client = queue.table.dynamodb._client
    client.meta.events.register("before-parameter-build.dynamodb.Query", lambda params, **_: asked.append(dict(params)))
    for n in range(5):
        record(queue, "me", f"act {n}", "", "")
    assert len(actions(queue, 2)) == 2
    assert [each["Limit"] for each in asked] == [2]
