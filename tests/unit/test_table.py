"""What DynamoDB and SQS leave undone, refuse or find changed, on a table in memory."""

from collections.abc import Callable
from random import Random
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from loginq.service.requests.minute import settle
from loginq.service.rules.errors import ConditionFailed, Conflict, NotReady, OutOfTime, Unavailable
from loginq.service.rules.line import Line
from loginq.service.rules.settings import COUNTS, EVENTS, Rules
from loginq.service.rules.ticket import Ticket
from loginq.service.rules.times import SECOND
from loginq.service.rules.valve import limit
from loginq.service.store import keys, rules
from loginq.service.store.aws import Client
from loginq.service.store.failures import translated
from loginq.service.store.intake import Intake
from loginq.service.store.line import LineStore
from loginq.service.store.queue import connect
from loginq.service.store.rosters import Place
from loginq.service.store.table import Row, Table
from tests.memory import PAGE, Dynamodb, InMemory, Work, error
from tests.world import RULES, T, World, someone


@pytest.fixture
def table(memory: InMemory) -> Table:
    return Table(memory.client("dynamodb"), "table", Random(1), sleep=lambda seconds: None)


def half(dynamodb: Dynamodb, slow: str, left: str, of: Callable[[Any], Any], put: Callable[[Any], Any]) -> None:
    """From now on the first half of each batch is done, and the rest handed back as `left`."""

    def spoil(operation: str, parameters: Row, work: Work) -> Row:
        everything = of(parameters["RequestItems"]["table"]) if operation == slow else []
        if len(everything) < 2:
            return work(**parameters)
        now, rest = everything[: len(everything) // 2], everything[len(everything) // 2 :]
        return {**work(RequestItems={"table": put(now)}), left: {"table": put(rest)}}

    dynamodb.spoil = spoil


# Batches


def test_rows_that_were_left_unread_are_asked_for_again(memory: InMemory, table: Table) -> None:
    rows = [(f"p{n}", "s") for n in range(150)]
    table.write_all(puts=[{"PK": pk, "SK": sk, "n": 1} for pk, sk in rows])
    half(memory.dynamodb, "batch_get_item", "UnprocessedKeys", lambda asked: asked["Keys"], lambda keys: {"Keys": keys})
    with pytest.raises(Unavailable, match="left 2 rows unread"):
        table.get_all(rows)
    assert set(table.get_all(rows[:32])) == set(rows[:32])


def test_rows_that_were_left_unwritten_are_written_again(memory: InMemory, table: Table) -> None:
    half(memory.dynamodb, "batch_write_item", "UnprocessedItems", lambda items: items, lambda items: items)
    table.write_all(puts=[{"PK": f"p{n}", "SK": "s"} for n in range(60)])
    assert len(memory.dynamodb.rows) == 60
    table.write_all(deletes=[(f"p{n}", "s") for n in range(59)])
    assert list(memory.dynamodb.rows) == [("p59", "s")]


def test_half_a_request_that_sqs_did_not_take_is_an_error() -> None:
    class Half:
        def send_message_batch(self, QueueUrl: str, Entries: list[Row]) -> Row:  # noqa: N803 - as botocore has it
            return {"Successful": Entries[::2], "Failed": [{"Id": each["Id"]} for each in Entries[1::2]]}

    with pytest.raises(Unavailable, match="SQS did not take 12 of 25 tickets"):
        Intake(Half(), "url").send([Ticket(f"s{n}", "t", T) for n in range(25)])


# Two who write at once


def test_another_rows_condition_is_told_and_not_tried_again(memory: InMemory, world: World) -> None:
    """The player has changed: to try it again would fail again, twelve times, and then as something else."""
    ada = someone()
    world.in_line(ada)
    queue, before = world.queue, world.queue.lines.read()
    gone = queue.players.updating(ada.sub, {"write": {"x": 1}, "when": "attribute_not_exists(#loginTicket)"})
    memory.dynamodb.calls.clear()
    with pytest.raises(ConditionFailed) as failed:
        queue.lines.change(lambda line, t: line.leave(t, 1), also=[gone])
    assert (failed.value.index, failed.value.row["PK"]) == (1, f"USER#{ada.sub}")
    assert memory.dynamodb.calls == ["batch_get_item", "transact_write_items"]
    assert queue.lines.read() == before


def test_of_two_who_make_the_line_one_is_first(table: Table) -> None:
    """Both find none; the second must not write over what the first has made."""
    rules.write(table, "main", RULES)

    def lines() -> LineStore:
        return LineStore(table, "main", lambda: T, begins=True)

    def late(line: Line, t: int) -> Line:
        if not line.version:
            lines().change(lambda line, t: line.join(t, 10))
        return line.join(t, 1)

    assert lines().change(late).tail == 11


@pytest.mark.parametrize(
    ("code", "more"),
    [
        ("TransactionConflictException", {}),
        ("TransactionCanceledException", {"CancellationReasons": [{"Code": "None"}, {"Code": "TransactionConflict"}]}),
    ],
)
def test_two_transactions_that_meet_may_try_again(code: str, more: Row) -> None:
    found = translated(error("TransactWriteItems", code, **more))
    assert isinstance(found, Unavailable | Conflict)


# The time of a call


def test_when_the_time_is_over_no_further_page_is_read(memory: InMemory) -> None:
    left = iter([5, 1, 0])
    table = Table(Client(lambda: memory.dynamodb, lambda: next(left)), "table")
    for n in range(3 * PAGE):
        memory.dynamodb.rows["p", f"{n:03}"] = {"PK": {"S": "p"}, "SK": {"S": f"{n:03}"}}
    with pytest.raises(OutOfTime):
        list(table.query("p"))
    assert memory.dynamodb.calls == ["query", "query"]


# What is there for a while


def test_what_counts_admissions_vanishes_after_a_day_and_rosters_after_a_week(memory: InMemory, world: World) -> None:
    queue = world.queue
    assert queue.valve.take(queue.lines.read(), T + 7, queue.random)
    queue.rosters.write([Place(1, "s", False)], T + 7)
    assert sorted((pk.partition("#")[0], row.get("ttl")) for (pk, _), row in memory.dynamodb.rows.items()) == [
        ("ADMITTED", {"N": "1800086400"}),
        ("QUEUE", None),
        ("ROSTER", {"N": "1800604800"}),
    ]


def test_a_valve_that_turns_somebody_away_says_so_and_holds_the_claim_windows(world: World) -> None:
    queue = world.queue
    line = queue.lines.change(lambda line, t: line.join(t, 30).set_rate(t, 1_000))
    for _ in range(limit(line, T)):
        assert queue.valve.take(line, T, queue.random)
    assert queue.valve.counters(line, T, 1) == {T: (22, False)}
    assert not queue.valve.take(line, T, queue.random)
    assert not queue.valve.take(line, T, queue.random)
    assert queue.valve.counters(line, T, 1) == {T: (22, True)}
    world.later(10 * SECOND)
    settle(queue)
    assert queue.settlement.read().full == 10 * SECOND


# The rules


RULED = st.builds(
    Rules,
    **{name: st.integers(0, 10**12) for name in ("admission", "claim_window", "lease", "reconnect_grace")},
    return_rate=st.integers(0, 10**8),
    session_reports=st.sampled_from([EVENTS, COUNTS]),
    reports_joined=st.booleans(),
    initial_rate=st.integers(0, 10**8),
    initial_capacity=st.none() | st.integers(1, 10**12),
)


@given(RULED, RULED)
def test_rules_are_what_was_written_last_and_what_a_newer_version_wrote_besides_stays(one: Rules, other: Rules) -> None:
    table = Table(InMemory().client("dynamodb"), "table")
    rules.write(table, "main", one)
    table.update(*keys.rules("main"), write={"newer": [1, "x"]})
    rules.write(table, "main", other)
    row = table.get(*keys.rules("main"))
    assert row is not None
    assert (rules.from_row(row), row["newer"]) == (other, [1, "x"])


def test_a_queue_without_rules_is_not_ready_and_one_with_spoilt_ones_says_which(memory: InMemory) -> None:
    queue = connect(memory, table="table", sqs_url="url", clock=lambda: T, begins=True)
    with pytest.raises(NotReady, match="no rules yet"):
        queue.lines.read()
    rules.write(queue.table, queue.name, Rules(initial_rate=7_000))
    assert queue.lines.read().rate == 7_000
    for name, value in {"lease": "60", "reports_joined": 1, "initial_capacity": True}.items():
        rules.write(queue.table, queue.name, Rules())
        queue.table.update(*keys.rules(queue.name), write={name: value})
        with pytest.raises(Unavailable, match=f"{name} is {value!r}"):
            queue.lines.read()


def test_a_stack_of_an_older_version_goes_by_its_parameters_until_it_has_rules(memory: InMemory) -> None:
    asked: list[Rules] = []

    def of_stack() -> Rules:
        asked.append(Rules(admission=7))
        return asked[-1]

    queue = connect(memory, table="table", sqs_url="url", clock=lambda: T, older=of_stack)
    queue.table.put({**keys.keyed(keys.line(queue.name)), "tail": 1})
    assert (queue.rules, queue.rules) == (Rules(admission=7), Rules(admission=7))
    assert len(asked) == 1
    rules.write(queue.table, queue.name, Rules(admission=9))
    queue.lines.read()
    assert queue.rules.admission == 9
