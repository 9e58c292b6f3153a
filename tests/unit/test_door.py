"""The front door: what is read of CloudWatch and said of it, what doctor makes of that, and the emulator's meter."""

import asyncio
from collections.abc import Callable, Mapping
from dataclasses import replace
from datetime import UTC, datetime
from types import SimpleNamespace
from typing import Any

import pytest

from loginq.doctor import door as doctors
from loginq.emulator.inside import Inside
from loginq.emulator.meter import Meter
from loginq.service.operations.front_door import FrontDoor
from loginq.service.rules.door import CALLS, EDGE, EDGE_FAILED, FAILED, REFUSALS, REFUSED, Door, silence
from loginq.service.rules.errors import LoginqError, Refused, Unavailable
from loginq.service.rules.history import Minute
from loginq.service.rules.line import Line
from loginq.service.rules.measure import Counts, Depth, Snapshot, arriving
from loginq.service.rules.minute import Memory, arrivals
from loginq.service.rules.times import DAY, HOUR, MINUTE, SECOND
from tests.cli.conftest import door
from tests.launch import launch
from tests.unit.test_checks import BAD, OK, TARGET, UNKNOWN, WARN, Says, Stack, patient, resource, told
from tests.unit.test_guard import API, Inner, ask

T = 1_800_000_000_000
ALARM = resource("ServerErrorsAlarm", "AWS::CloudWatch::Alarm")
PARTS = [resource("QueuePlayerLogin"), resource("GetLoginStatus"), ALARM]


# What is said


def said(**counts: int) -> list[str]:
    return door(T, counts.pop("calls", 1_000), **counts).troubles(T)


@pytest.mark.parametrize(
    ("counts", "says"),
    [
        ({FAILED: 9}, ""),
        ({FAILED: 10}, "10 of 1,000 calls of the API failed (5xx) in the last minute: `loginq logs --level ERROR`"),
        ({FAILED: 500, "queue_closed": 500}, ""),
        ({FAILED: 1, "calls": 1}, "1 of 1 calls"),
        ({REFUSED: 199}, ""),
        (
            {REFUSED: 200},
            "200 of 1,000 calls of the API were refused (4xx) in the last minute: the throttle (RequestsPerSecond), ID "
            "tokens that are not of this game, or a game server's wrong key: `loginq doctor`, `loginq servers list`",
        ),
        ({REFUSED: 9, "calls": 9}, ""),
        ({REFUSED: 600, "blocked": 200, "ticket_expired": 300}, ""),
        ({"functions": 1}, "1 calls of functions were throttled: the account's Lambda concurrency"),
        ({"table": 2}, "2 reads or writes of the table were throttled: WarmReads"),
        ({"sign_ins": 3}, "3 sign-ins were turned away by Cognito: `loginq doctor --players"),
    ],
)
def test_what_needs_attention(counts: dict[str, int], says: str) -> None:
    assert [each[: len(says)] for each in said(**counts)] == ([says] if says else [])


def test_what_could_not_be_seen_is_never_called_quiet() -> None:
    assert replace(door(T), unread="no right").troubles(T) == ["the front door cannot be seen: no right"]
    assert door(T).troubles(T + 31_000) == ["the front door cannot be seen: AWS has not answered for 31 s"]
    assert Door(T, MINUTE, {}, unread="x").words() == "not known"
    assert "4xx not known" in Door(T, MINUTE, {CALLS: 1, FAILED: 0}).words()


def test_old_metrics_say_how_old_they_are() -> None:
    late = replace(door(T, **{FAILED: 40}), window=5 * MINUTE, newest=T - 2 * MINUTE, ringing=("ShortAlarm",))
    assert late.words() == "40 calls in the last 5 min, 0 4xx, 40 5xx (metrics 2 min old)"
    assert "in the last 5 min (metrics 2 min old): `loginq logs" in late.troubles(T)[0]
    assert late.troubles(T)[1:] == ["ShortAlarm rings: `loginq guide alarms` says what to do"]
    assert late.document()["metrics_age_seconds"] == 120


def test_settling_that_is_silent_for_longer_than_its_alarm_waits() -> None:
    assert silence(T, T + 3 * MINUTE) == silence(0, T) == []
    assert "settling has not run for 4 min" in silence(T, T + 4 * MINUTE)[0]


def test_arrivals_a_second() -> None:
    def seen(at: int, tail: int, intake: int) -> Snapshot:
        return Snapshot("main", at, Depth(intake, 0, 0), 0, Line(tail=tail), Counts(0, 0, 0, 0), {}, 0, 0.0, None)

    every = [seen(T, 100, 0), seen(T + 5 * SECOND, 100, 40), seen(T + 12 * SECOND, 150, 10)]
    assert arriving(every, T + 12 * SECOND) == 5.0
    assert arriving(every, T + 5 * SECOND) is None
    assert arrivals(Memory(tail=100, tail_at=T), Line(tail=400), T + 30 * SECOND) == 10.0
    assert arrivals(Memory(run_at=T), Line(tail=400), T + 30 * SECOND) is None  # written by an older version


# What is read


def read(
    results: Any,
    alarms: Any = (),
    *,
    local: bool = False,
    target: Any = TARGET,
    look: Callable[[FrontDoor], Door] = lambda it: it.read(T),
    history: Any = None,
    parts: Any = PARTS,
) -> tuple[Door, Says]:
    """`results`: values by metric's name, or an error; "partial" for one that is not whole."""
    cloudwatch = Says({"describe_alarms": alarms if isinstance(alarms, LoginqError) else {"MetricAlarms": alarms}})

    def answered(**parameters: Any) -> Any:
        cloudwatch.asked.append(("get_metric_data", parameters))
        if isinstance(results, LoginqError):
            raise results
        found = []
        for each in parameters["MetricDataQueries"]:
            value = results.get(each["MetricStat"]["Metric"]["MetricName"], [])
            whole = "PartialData" if value == "partial" else "Complete"
            values = [] if value == "partial" else value
            at = [datetime.fromtimestamp((T - 2 * MINUTE) / 1_000, UTC)] * len(values)
            label = {"Label": each["Label"]} if "Label" in each else {}
            found.append({"Id": each["Id"], "StatusCode": whole, "Values": values, "Timestamps": at, **label})
        return {"MetricDataResults": found}

    cloudwatch.get_metric_data = answered  # type: ignore[attr-defined]
    elsewhere = SimpleNamespace(client=lambda name: cloudwatch)
    aws: Any = SimpleNamespace(client=lambda name: cloudwatch, elsewhere=lambda region: elsewhere)
    place = replace(TARGET, endpoint_url="http://127.0.0.1:1") if local else target
    return look(FrontDoor(aws, place, lambda: parts, history)), cloudwatch


def test_everything_is_read_in_one_call() -> None:
    found, asked = read({CALLS: [30.0, 10.0], FAILED: [2.0], "Throttles": [3.0], "Closed": [1.0], "EtaLate": [4.0]})
    assert [name for name, _ in asked.asked] == ["get_metric_data", "describe_alarms"]
    assert found.counts == {
        CALLS: 40, REFUSED: 0, FAILED: 2, "queue_closed": 1, "blocked": 0, "too_many_requests": 0,
        "ticket_expired": 0, "functions": 6, "table": 0, "sign_ins": 0,
        "told": 4, "late": 4, "untold": 0,
    }  # fmt: skip
    assert (found.failed, found.age, found.window, found.unread) == (1, MINUTE, 5 * MINUTE, "")
    asked_for = [each["MetricStat"] for each in asked.asked[0][1]["MetricDataQueries"]]
    stats = {(each["Metric"]["MetricName"], each["Stat"]) for each in asked_for}
    assert {each for each in stats if each[1] != "Sum"} == {("EtaLate", "SampleCount")} and ("EtaLate", "Sum") in stats
    queries = [each["Metric"] for each in asked_for]
    cognito = [{"Name": "UserPool", "Value": "pool"}, {"Name": "UserPoolClient", "Value": "client"}]
    assert {"Namespace": "AWS/Cognito", "MetricName": "SignInThrottles", "Dimensions": cognito} in queries
    assert queries[0]["Dimensions"] == [{"Name": "ApiName", "Value": "loginq-api"}]


def over(results: Any, since: int = T - HOUR) -> tuple[Door, Says]:
    return read(results, look=lambda it: it.over(since, T, T))


def test_a_launch_is_read_from_its_beginning_on() -> None:
    found, asked = over({CALLS: [30.0, 10.0], FAILED: [2.0]})
    assert (found.counts[CALLS], found.counts["table"], found.window, found.unread) == (40, 0, HOUR, "")
    ((name, parameters),) = asked.asked
    assert (name, parameters["StartTime"].timestamp()) == ("get_metric_data", (T - HOUR) / 1_000)


@pytest.mark.parametrize(
    ("results", "since", "says"),
    [
        ({}, T - HOUR, "CloudWatch counted no call in that time"),
        ({CALLS: [1.0]}, T - 16 * DAY, "CloudWatch keeps counts by the minute for 15 days"),
        (
            Refused("GetMetricData: no right."),
            T - HOUR,
            "AWS has not answered for the metrics (GetMetricData: no right)",
        ),
    ],
)
def test_of_a_launch_nothing_is_taken_for_none(results: Any, since: int, says: str) -> None:
    found, _ = over(results, since)
    assert (found.counts, found.unread) == ({}, says)


def test_of_a_launch_what_has_no_whole_answer_is_left_out() -> None:
    found, _ = over({CALLS: [1.0], FAILED: "partial"})
    assert FAILED not in found.counts and found.counts[CALLS] == 1
    assert found.unread == "AWS has not answered for 5XXError"


def test_a_metric_without_a_whole_answer_is_never_taken_for_nothing() -> None:
    found, _ = read({CALLS: [1.0], FAILED: "partial"})
    assert FAILED not in found.counts and found.unread == "AWS has not answered for 5XXError"
    assert found.document()["errors_5xx"] is None
    found, _ = read(Refused("GetMetricData: no right."), Unavailable("DescribeAlarms: busy."))
    assert found.counts == {} and found.ringing is None
    assert found.unread == (
        "AWS has not answered for the metrics (GetMetricData: no right); "
        "AWS has not answered for the alarms (DescribeAlarms: busy)"
    )


def test_an_alarm_is_called_as_in_the_template() -> None:
    assert read({}, [{"AlarmName": "ServerErrorsAlarm-1"}])[0].ringing == ("ServerErrorsAlarm",)


def test_an_emulator_is_not_asked_for_what_it_does_not_count() -> None:
    found, _ = read({CALLS: [5.0]}, local=True)
    assert found.window == MINUTE and not {"table", "sign_ins", "told"} & set(found.counts)
    assert found.document()["waiting_times"] is None
    assert found.document()["throttled"] == {"functions": 0, "table": None, "sign_ins": None}


def test_how_true_waiting_times_were_is_read_from_an_emulators_history() -> None:
    minutes, since = list(launch(T - 3 * MINUTE, 3, 30)), list[int]()

    class Kept:
        def since(self, t: int) -> list[Minute]:
            since.append(t)
            return [*minutes, replace(minutes[0], tally=None)]

    found, _ = read({CALLS: [5.0]}, local=True, history=Kept())
    tallies = [each.tally for each in minutes if each.tally]
    right, came = sum(each.told for each in tallies), sum(each.came for each in tallies)
    assert found.waiting_times == {"told": right, "late": sum(each.late for each in tallies), "untold": came - right}
    assert (since, found.told_within, right > 0) == ([T - 5 * MINUTE], "counted within the last 5 min", True)
    silent = SimpleNamespace(since=lambda t: unavailable())
    found, _ = read({CALLS: [5.0]}, local=True, history=silent)
    assert found.waiting_times is None and found.unread == "AWS has not answered for the history (no answer)"
    assert read({CALLS: [5.0]}, history=silent)[0].unread == ""


EDGE_PARTS = [
    *PARTS, resource("GetLine"), resource("ReportSessions"), resource("Edge", "AWS::CloudFront::Distribution"),
]  # fmt: skip


def test_what_share_of_looks_the_edge_answered() -> None:
    asked = {CALLS: [1_000.0], "Invocations": [100.0], "Requests": [10_800.0], "5xxErrorRate": [0.5]}
    found, cloudwatch = read(asked, parts=EDGE_PARTS)
    assert found.looks == (10_000, 9_900)  # 1,000 calls: 100 looks, 100 reports past the edge, 800 of who logs in
    assert found.document()["edge"] == {"looks": 10_000, "answered": 9_900, "share": 0.99, "errors_5xx": 54}
    assert found.edge_words() == "10,000 looks in the last 5 min, 99.0 % answered by it"
    (*_, edge), _ = ([each for name, each in cloudwatch.asked if name == "get_metric_data"], None)
    (requests, rate) = (each["MetricStat"] for each in edge["MetricDataQueries"])
    assert (requests["Stat"], rate["Stat"]) == ("Sum", "Average")
    assert requests["Metric"] == {
        "Namespace": "AWS/CloudFront", "MetricName": "Requests",
        "Dimensions": [{"Name": "DistributionId", "Value": "Edge-1"}, {"Name": "Region", "Value": "Global"}],
    }  # fmt: skip
    partial, _ = read({**asked, "Requests": "partial"}, parts=EDGE_PARTS)
    assert partial.document()["edge"] is None and partial.unread == "AWS has not answered for edge requests"
    for without in (read(asked)[0], read(asked, local=True, parts=EDGE_PARTS)[0]):
        assert (without.document()["edge"], without.edge_words(), without.faults()) == (None, "", [])


def test_an_edge_that_fails_or_keeps_nothing_needs_attention() -> None:
    few = {EDGE: 800, EDGE_FAILED: 0, "line calls": 0, "reports": 200}
    assert said(**few) == []
    assert door(T, 1_000, **few).edge_words() == "0 looks in the last minute"
    assert said(**{**few, EDGE_FAILED: 8})[0].startswith(
        "8 of 800 requests failed at the edge (5xx) in the last minute"
    )
    assert said(**{**few, EDGE_FAILED: 8, FAILED: 8}) == []  # the API itself failed, at less than one in a hundred
    busy = {EDGE: 4_000, EDGE_FAILED: 0, "reports": 0, "calls": 2_000}
    assert said(**busy, **{"line calls": 1_200}) == []
    assert said(**busy, **{"line calls": 1_201})[0].startswith("the edge answers 62% of")


def unavailable() -> Any:
    raise Unavailable("no answer")


# Doctor


def test_alarms() -> None:
    assert told(doctors._alarms(patient())) == (WARN, "the stack has none", "Run `loginq deploy`.")
    quiet, loud = {"AlarmName": "One-1", "StateValue": "OK"}, {"AlarmName": "Two-1", "StateValue": "ALARM"}
    answers = [{"MetricAlarms": [quiet, {**loud, "StateValue": "INSUFFICIENT_DATA"}]}, {"MetricAlarms": [quiet, loud]}]
    one = patient({"cloudwatch": {"describe_alarms": answers}}, Stack(of=[ALARM]))
    assert told(doctors._alarms(one)) == (OK, "2, none ringing", "")
    assert told(doctors._alarms(one)) == (BAD, "ringing: Two-1", "`loginq guide alarms` says what to do.")


@pytest.mark.parametrize(
    ("there", "endpoint", "expected"),
    [
        ([("arn:1", "ops@example.com")], None, (OK, "1 confirmed")),
        ([("arn:1", "a@example.com"), ("PendingConfirmation", "ops@example.com")], None,
         (BAD, "not confirmed yet: ops@example.com")),
        ([("PendingConfirmation", "https://pager.example.com/secret")], None,
         (BAD, "not confirmed yet: pager.example.com")),
        ([], None, (WARN, "the alarms are told to nobody")),
        ([], "http://127.0.0.1:1", (OK, "none, and an emulator sends no mail")),
    ],
)  # fmt: skip
def test_somebody_hears_the_alarms(
    there: list[tuple[str, str]], endpoint: str | None, expected: tuple[Any, str]
) -> None:
    subscriptions = [{"SubscriptionArn": arn, "Endpoint": each} for arn, each in there]
    sns = {"list_subscriptions_by_topic": {"Subscriptions": subscriptions}}
    found = doctors._listener(patient({"sns": sns}, Stack(said={"AlarmTopicArn": "arn"}), endpoint=endpoint))
    assert (found.verdict, found.says) == expected


def test_the_door_of_a_patient(monkeypatch: pytest.MonkeyPatch) -> None:
    one = patient(clock=lambda: T)
    for seen, expected in (
        (door(T), (OK, "40 calls in the last minute, 0 4xx, 0 5xx", "")),
        (door(T, **{FAILED: 40}), (BAD, "40 of 40 calls of the API failed (5xx) in the last minute",
                                   "`loginq logs --level ERROR` and `loginq doctor` say why")),
        (Door(T, MINUTE, {}, unread="no right"), (UNKNOWN, "the front door cannot be seen: no right", "")),
    ):  # fmt: skip
        monkeypatch.setattr(FrontDoor, "read", lambda _, t, seen=seen: seen)
        assert told(doctors._door(one)) == expected


def test_settling_of_a_patient() -> None:
    one = patient(clock=lambda: T)
    made = {"CreationTime": datetime.fromtimestamp((T - 10 * MINUTE) / 1_000, UTC)}
    stack: Any = one.stack
    stack.describe = lambda: made
    queue: Any = one.queue
    for run_at, verdict in ((T - MINUTE, OK), (T - 4 * MINUTE, BAD), (0, BAD)):
        queue.settlement = SimpleNamespace(read=lambda run_at=run_at: Memory(run_at=run_at))
        assert doctors._settling(one).verdict is verdict

    late = Memory(run_at=T, expiries=((T - 5 * MINUTE, 40), (T, 90)))
    queue.settlement = SimpleNamespace(read=lambda: late)
    for counted_to, verdict in ((10, BAD), (40, OK)):
        line = Line(expired_to=90, counted_to=counted_to)
        queue.lines = SimpleNamespace(cached=lambda line=line: line)
        assert doctors._settling(one).verdict is verdict

    def gone() -> Memory:
        raise Unavailable("GetItem: busy.")

    queue.settlement = SimpleNamespace(read=gone)
    assert told(doctors._settling(one))[:2] == (BAD, "the table cannot be read (GetItem: busy): `loginq doctor`")


# The emulator's meter


def test_the_guard_counts_the_answers_of_an_api_and_of_nothing_else() -> None:
    closed = {"error": {"code": "queue_closed"}}
    inner = Inner({f"{API}/login": (503, {}, closed), "/restapis/a1b2c3d4e5": (200, {}, {"name": "loginq-api"})})
    counted = dict[tuple[str, ...], int]()

    def record(namespace: str, name: str, value: int, dimensions: Mapping[str, str]) -> None:
        counted[namespace, name, *dimensions.values()] = value

    meter = Meter(Inside(inner, "127.0.0.1:4566", "us-east-1"), record)

    async def calls() -> None:
        for path in (f"{API}/login", f"{API}/login", f"{API}/other", "/2015-03-31/functions"):
            scope = {"type": "http", "path": path, "headers": []}
            await inner(scope, _nothing, meter.metered(path, _ignored))
        await meter.put()

    asyncio.run(calls())
    assert counted == {
        ("AWS/ApiGateway", CALLS, "loginq-api"): 3,
        ("AWS/ApiGateway", REFUSED, "loginq-api"): 0,
        ("AWS/ApiGateway", FAILED, "loginq-api"): 2,
        ("loginq", *REFUSALS["queue_closed"]): 2,
    }


async def _nothing() -> dict[str, Any]:
    return {"type": "http.request"}


async def _ignored(message: dict[str, Any]) -> None: ...


@pytest.mark.parametrize("body", [b"", b"no json", b"[]", b'{"error": "text"}', b'{"error": {"code": 7}}'])
def test_an_answer_that_is_none_of_ours_passes_the_guard_unchanged(body: bytes) -> None:
    inner = Inner({f"{API}/login": (502, {}, body.decode())})
    assert ask(inner, "GET", f"{API}/login").status == 502
