"""Rows, the line item, rosters and the audit on moto; errors of AWS, and the laptop's clock."""

from dataclasses import fields, replace
from email.utils import formatdate
from random import Random
from typing import Any

import pytest
from boto3.dynamodb.types import TypeSerializer
from botocore.exceptions import ClientError, EndpointConnectionError, NoCredentialsError, NoRegionError
from hypothesis import given
from hypothesis import strategies as st

from loginq.service.operations.accounts import patiently
from loginq.service.operations.target import Target

# Rows
from loginq.service.rules.act import Action
from loginq.service.rules.curve import POINTS, Curve
from loginq.service.rules.errors import Failed, Invalid, LoginqError, NotFound, NotReady, Refused, Unavailable
from loginq.service.rules.gate import MICRO
from loginq.service.rules.line import MAX_BURST, MAX_MESSAGE, MAX_RATE, MAX_STEPS, MAX_TIME, Line
from loginq.service.rules.minute import Memory
from loginq.service.rules.settings import Rules
from loginq.service.rules.times import iso
from loginq.service.store import keys
from loginq.service.store.audit import actions, record
from loginq.service.store.aws import Aws
from loginq.service.store.clock import ServerClock
from loginq.service.store.failures import translated
from loginq.service.store.keys import PER_PARTITION
from loginq.service.store.line import LineStore, from_row, to_row
from loginq.service.store.queue import Queue, connect
from loginq.service.store.rosters import Place
from loginq.service.store.row_format import FORMAT
from loginq.service.store.rules import write
from loginq.service.store.settlement import memory_of, row_of
from loginq.service.store.wire import pack, unpack
from tests.world import operator

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
    future = {"draw": b"\x00\x01", "doors": [{"at": 1, "open": True}], "share": 7}
    queue.table.update("QUEUE#main", "LINE", write=future)
    queue.lines.change(lambda line, t: line.join(t, 1))
    row = queue.table.get("QUEUE#main", "LINE")
    assert row is not None and row["tail"] == 1
    assert {name: row[name] for name in future} == future
    settled = {"PK": "x", "SK": "y", **row_of(Memory()), **future}
    assert row_of(memory_of(settled)).items() >= future.items()


def test_the_line_and_what_settling_remembers_are_stored_by_the_names_that_every_version_knows() -> None:
    line, memory = Line(reached_to=3, expired_to=2, tail=5), Memory(expiries=((1, 2),))
    assert {name: to_row(line)[name] for name in ("opened", "closed_to", "tail")} == {
        "opened": 3, "closed_to": 2, "tail": 5,
    }  # fmt: skip
    assert row_of(memory)["closings"] == [[1, 2]]
    assert (from_row(to_row(line)).reached_to, memory_of(row_of(memory)).expiries) == (3, ((1, 2),))


@given(st.lists(st.tuples(st.integers(0, MAX_TIME), st.integers(0, MAX_RATE)), max_size=MAX_STEPS))
def test_a_plan_is_stored_packed_and_read_either_way(steps: list[tuple[int, int]]) -> None:
    line = Line(steps=tuple(steps))
    packed, listed = to_row(line), to_row(line, row_format=1)
    assert ("steps" in packed, "plan" in listed) == (False, False)
    assert from_row(packed) == from_row(listed) == line


def test_a_plan_is_packed_once_no_older_function_is_left(queue: Queue, now: list[int]) -> None:
    """Until then one of them may read the row any time."""
    step = (now[0] + 60_000, 7_000)
    queue.lines.change(lambda line, t: line.plan(t, (step,)))
    row = queue.table.get("QUEUE#main", "LINE")
    assert row is not None and (row["steps"], "plan" in row) == ([list(step)], False)
    write(queue.table, queue.name, Rules(), row_format=FORMAT)
    queue.lines.change(lambda line, t: line.renew(t))
    row = queue.table.get("QUEUE#main", "LINE")
    assert row is not None and ("steps" in row, len(row["plan"])) == (False, 10)
    write(queue.table, queue.name, Rules())  # before the next update: it stays
    queue.lines.change(lambda line, t: line.join(t, 1))
    row = queue.table.get("QUEUE#main", "LINE")
    assert row is not None and "plan" in row
    assert queue.lines.read().steps == (step,)


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
        curve=Curve(then, most, most, tuple(range(POINTS))),
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
        if isinstance(value, bytes):
            return len(value)
        return len(value.encode()) if isinstance(value, str) else 3 + sum(1 + of(each) for each in value)

    return sum(len(name) + of(value) for name, value in row.items() if value is not None)


def _key() -> dict[str, Any]:
    return {"PK": {"S": "QUEUE#main"}, "SK": {"S": "LINE"}}


def test_writers_who_meet_both_take_effect(queue: Queue, aws: Aws, target: Target, now: list[int]) -> None:
    other = connect(aws, table=target.table, sqs_url=target.sqs_url, clock=lambda: now[0])
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
    line = LineStore(table, "main", queue.clock).change(lambda line, t: line.join(t, 100))
    assert (line.tail, queue.lines.read().tail) == (101, 101)


def test_a_writer_who_waits_reads_again_and_gets_through(queue: Queue, aws: Aws, target: Target) -> None:
    """Somebody writes each time this one is waiting: what was seen before the wait must not be tried after it."""
    other = LineStore(queue.table, "main", queue.clock)
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
    assert LineStore(table, "main", queue.clock).change(change).tail == 103
    assert tries == 2


def replace_dynamodb(queue: Queue, dynamodb: Any) -> Any:
    from loginq.service.store.table import Table

    return Table(dynamodb, queue.table.name)


def test_what_the_line_refuses_is_a_clear_error(queue: Queue) -> None:
    with pytest.raises(Invalid, match="Burst 99999999 is not between 0 and 1000000"):
        operator(queue).set_rate(1_000, 99_999_999)
    with pytest.raises(Invalid, match="rate of 0"):
        operator(queue).set_rate(0)


def test_without_a_line_there_is_no_target(aws: Aws, target: Target) -> None:
    queue = connect(aws, table=target.table, sqs_url=target.sqs_url)
    with pytest.raises(NotReady, match="no line yet"):
        queue.lines.read()


def test_a_cached_line_is_read_again_after_a_second_and_sooner_for_a_newcomer(queue: Queue) -> None:
    queue.lines.change(lambda line, t: line.join(t, 5))
    cached = queue.lines.cached()
    other = LineStore(queue.table, "main", queue.clock)
    other.change(lambda line, t: line.join(t, 5))
    assert queue.lines.cached(5) is cached
    assert queue.lines._cache is not None
    queue.lines._cache = (queue.lines._cache[0] - 0.11, cached, True)
    assert queue.lines.cached(5) is cached
    assert queue.lines.cached(10).tail == 10


def test_every_change_is_in_the_audit_as_values_and_in_words(queue: Queue, now: list[int]) -> None:
    me = operator(queue)
    done = me.pause()
    assert not me.pause().act.changed
    me.resume()
    me.set_rate(50_000)
    me.plan(lambda line, t: line.plan(t, ((t + 60_000, 80_000),)))
    me.set_capacity(200)
    me.say("Soon.")
    assert done.act == Action(now[0], "me", "pause", "", "moving", "paused")
    steps = [[now[0] + 60_000, 80_000]]
    fifty = {"rate": 50_000, "burst": 50, "steps": []}
    found = sorted(actions(queue), key=lambda each: (each.what, str(each.before)))
    assert [(each.what, each.before, each.after) for each in found] == [
        ("capacity", None, 200),
        ("message", None, "Soon."),
        ("pause", "moving", "paused"),
        ("pause", "paused", "paused"),
        ("plan", fifty, {**fifty, "steps": steps}),
        ("rate", {"rate": 20_000, "burst": 20, "steps": []}, fifty),
        ("resume", "paused", "moving"),
    ]
    assert [each.words() for each in found if each.what in ("rate", "plan", "capacity", "message")] == [
        ("no limit", "200"),
        ("", "Soon."),
        ("50/s", "50/s, 80/s from 2027-01-15T08:01:00.000Z"),
        ("20/s with a burst of 20", "50/s with a burst of 50"),
    ]


def test_what_an_older_version_wrote_into_the_audit_is_read_and_it_reads_ours(queue: Queue, now: list[int]) -> None:
    """It had words for values, and whom it was done to where others have what was before."""
    for n, (what, before, after) in enumerate(
        [("rate", "20/s with a burst of 20", "5/s with a burst of 5"), ("remove", "a-sub", "registered")]
    ):
        row = {"at": iso(now[0] + n), "who": "me", "what": what, "from": before, "to": after}
        queue.table.put({**keys.keyed(keys.audit(queue.name, now[0] + n, "x")), **row})
    removed, rate = actions(queue)
    assert (removed.subject, removed.before, removed.after) == ("a-sub", None, "registered")
    assert removed.concerns("a-sub") and rate.words() == ("20/s with a burst of 20", "5/s with a burst of 5")
    operator(queue).set_capacity(None)
    (row,) = queue.table.query(keys.queue(queue.name), start=keys.AUDIT_END, reverse=True, limit=1)
    assert {"at", "who", "what", "from", "to"} <= set(row)


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


def test_a_query_for_a_few_rows_reads_a_few(queue: Queue) -> None:
    """`limit` reaches DynamoDB: else the last twenty actions would cost a megabyte's reading."""
    asked: list[dict[str, Any]] = []
    client = queue.table.dynamodb._client
    client.meta.events.register("before-parameter-build.dynamodb.Query", lambda params, **_: asked.append(dict(params)))
    for n in range(5):
        record(queue, Action(queue.clock() + n, "me", f"act {n}"))
    assert len(actions(queue, 2)) == 2
    assert [each["Limit"] for each in asked] == [2]


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
