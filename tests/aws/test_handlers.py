"""The handlers on moto: the time of a call, what is handed back, what is logged and counted."""

import json
import math
import re
from collections import Counter
from collections.abc import Iterator
from dataclasses import replace
from typing import Any

import pytest

from lambdas import (
    get_line,
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
from loginq.service.operations.target import Target
from loginq.service.requests.counting import AT_A_TIME, WRAP_UP
from loginq.service.requests.minute import settle
from loginq.service.rules.errors import Lost, Unavailable
from loginq.service.rules.identity import LEEWAY
from loginq.service.rules.line import Line
from loginq.service.rules.minute import ADMITTING
from loginq.service.rules.server_keys import hash_of
from loginq.service.rules.settings import COUNTS, Rules
from loginq.service.rules.ticket import Ticket
from loginq.service.rules.times import iso
from loginq.service.store import keys
from loginq.service.store.aws import Aws
from loginq.service.store.queue import Queue, connect
from loginq.service.store.rosters import Place
from loginq.service.store.rules import write
from tests.world import operator

# The time of a call


def test_counting_stops_for_want_of_time_and_the_next_run_goes_on(queue: Queue, now: list[int]) -> None:
    queue.rosters.write([Place(n, f"nobody-{n}", synthetic=False) for n in range(1, 2_501)], now[0])
    queue.lines.change(lambda line, t: replace(line.join(t, 2_500), reached_to=2_500, expired_to=2_500))
    settle(queue)
    for counted, no_shows in ((AT_A_TIME, AT_A_TIME), (2_500, 2_500 - AT_A_TIME)):
        now[0] += ADMITTING
        done = settle(replace(queue, time_left=lambda: WRAP_UP - 1))
        assert (done.counted_to, done.no_shows) == (counted, no_shows)
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
    write(runtime.queue().table, "main", Rules(initial_rate=1_000_000))
    connect(Aws(target.region), table=target.table, sqs_url=target.sqs_url, begins=True).lines.change(Line.renew)
    yield
    runtime.queue.cache_clear()


def delivery(name: str, body: str, received: int = 1, receipt: str = "a-receipt") -> dict[str, Any]:
    """One message, as SQS's event has it."""
    attributes = {"ApproximateReceiveCount": str(received)}
    return {"messageId": name, "body": body, "receiptHandle": receipt, "attributes": attributes}


@pytest.fixture
def shown(called: None, monkeypatch: pytest.MonkeyPatch) -> list[tuple[str, int]]:
    """Which messages the placing function asked to have again, and in how many seconds."""
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
    runtime.queue.cache_clear()
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


def test_a_count_is_answered_by_a_stack_that_takes_counts(called: None, caplog: pytest.LogCaptureFixture) -> None:
    there = runtime.queue()

    def report(body: object) -> tuple[int, Any]:
        answer = report_sessions.handler({"body": json.dumps(body)}, Context(5_000))
        return answer["statusCode"], json.loads(answer["body"])

    count: dict[str, Any] = {"server": "eu-1", "in_game": 3}
    events: dict[str, Any] = {"events": [{}]}
    refused = report(count)
    assert (refused[0], refused[1]["error"]["code"]) == (400, "wrong_report")
    write(there.table, there.name, replace(there.rules, session_reports=COUNTS))
    there.lines.read()
    assert report(count) == (200, {"results": ["counted"]})
    assert [(each.name, each.in_game) for each in there.servers.every()] == [("eu-1", 3)]
    assert there.lines.read().departed == -3
    says = "This stack takes counts (SessionReports=counts), and nothing else."
    send = 'Send {"server": "eu-1", "in_game": 18442} and nothing else.'
    for body in (events, {**count, **events}):
        assert report(body) == (400, {"error": {"code": "wrong_report", "message": f"{says} {send}"}})
    for bad in ({**count, "in_game": -1}, {**count, "server": "eu 1"}, {"server": "eu-1"}):
        status, said = report(bad)
        assert (status, said["error"]["code"]) == (400, "bad_request")
    assert there.lines.read().departed == -3


def test_a_game_server_with_a_key_speaks_for_itself_alone(called: None, caplog: pytest.LogCaptureFixture) -> None:
    there = runtime.queue()
    key = operator(there).add_server_key("eu-1")

    def report(body: object, server: str = "eu-1", sent: str = f"Bearer {key}") -> tuple[int, Any]:
        event = {
            "resource": report_sessions.KEYED,
            "pathParameters": {"server": server},
            "headers": {"authorization": sent},
            "body": json.dumps(body),
        }
        answer = report_sessions.handler(event, Context(5_000))
        return answer["statusCode"], json.loads(answer["body"])

    left = {"player": "nobody", "admission": "a", "event": "left", "at": "2020-01-15T08:00:00Z"}
    assert report({"events": [left]}) == (200, {"results": ["unknown"]})
    write(there.table, there.name, replace(there.rules, session_reports=COUNTS))
    there.lines.read()
    assert report({"in_game": 3}) == report({"server": "eu-1", "in_game": 3}) == (200, {"results": ["counted"]})
    assert report({"server": "eu-2", "in_game": 3})[0] == 400
    assert [(each.name, each.in_game) for each in there.servers.every()] == [("eu-1", 3)]
    refused = {report({}, server, sent)[1]["error"]["message"] for server, sent in strangers(key)}
    assert refused == {"Send the key of this game server, as `Authorization: Bearer …`."}
    assert {vars(record).get("server") for record in caplog.records} == {"eu-1", None}
    assert key not in repr([vars(record) for record in caplog.records])
    stolen = repr([*there.table.scan("#PK > :any", {"any": " "})])
    assert hash_of(key) in stolen and key not in stolen


def strangers(key: str) -> list[tuple[str, str]]:
    """Who reports with what, and may not."""
    wrong = ("", key, "Bearer", "Bearer x", f"Basic {key}", f"Bearer {key}x", f"Bearer {key[:-1]}", "Bearer ä\ud800")
    names = ("eu-2", "", "None", "eu 1", "eu-1 ", "é" * 2_000, "~", "x" * 65)
    return [*(("eu-1", sent) for sent in wrong), *((name, f"Bearer {key}") for name in names)]


def test_a_stranger_costs_one_read_and_nothing_of_what_he_sends_is_looked_at(
    called: None, monkeypatch: pytest.MonkeyPatch
) -> None:
    read: list[str] = []

    def get(pk: str, sk: str, **_: Any) -> None:
        read.append(pk)

    class Spoilt(dict[str, Any]):
        def get(self, name: str, default: Any = None) -> Any:
            assert name != "body"
            return super().get(name, default)

    queue = runtime.queue()
    monkeypatch.setattr(queue.table, "get", get)
    monkeypatch.setattr(queue.lines, "cached", lambda: pytest.fail("the line was read"))
    asked = Spoilt(resource=report_sessions.KEYED, pathParameters={"server": "eu-7"}, headers={}, body="{}")
    said = [report_sessions.handler(asked, Context(5_000)) for _ in range(3)]
    assert {answer["statusCode"] for answer in said} == {401}
    assert read == ["KEY#main"]
    assert report_sessions.handler({"resource": report_sessions.KEYED}, Context(5_000))["statusCode"] == 401


def test_before_the_deployments_end_settling_rests_and_a_login_is_told_to_come_back(
    called: None, caplog: pytest.LogCaptureFixture
) -> None:
    there = runtime.queue()
    there.table.write_all(deletes=[keys.rules(there.name), keys.line(there.name)])
    assert settle_line.handler({}, Context(5_000)) == {"not_ready": "The queue 'main' has no line yet."}
    assert ask("GET", "ada")["statusCode"] == 503
    assert [record.levelname for record in caplog.records] == ["INFO", "ERROR"]


def test_no_function_makes_another_line_where_there_was_one(called: None) -> None:
    """It would give out the positions of those who wait."""
    there = runtime.queue()
    there.lines.change(lambda line, t: line.join(t, 5))
    there.table.write_all(deletes=[keys.line(there.name)])
    runtime.queue.cache_clear()
    assert ask("GET", "ada")["statusCode"] == 503
    with pytest.raises(Lost):
        settle_line.handler({}, Context(5_000))
    assert there.table.get(*keys.line(there.name)) is None


def test_an_access_token_is_no_id_token(called: None) -> None:
    for claims in ({"token_use": "access", "sub": "ada"}, {"token_use": "id"}, {}):
        event = {"httpMethod": "GET", "requestContext": {"authorizer": {"claims": claims}}}
        answer = queue_player_login.handler(event, Context(5_000))
        assert (answer["statusCode"], json.loads(answer["body"])["error"]["code"]) == (401, "unauthorized")


def test_who_has_an_account_elsewhere_is_whom_the_authorizer_names_until_the_token_is_over(
    called: None,
) -> None:
    def asked(exp: int, **more: str) -> tuple[int, Any]:
        said = {"sub": "~key", "subject": "auth0%7C%E6%97%A5", "exp": str(exp), "principalId": "~key", **more}
        event = {"httpMethod": "GET", "requestContext": {"authorizer": said}}
        answer = queue_player_login.handler(event, Context(5_000))
        return answer["statusCode"], json.loads(answer["body"])

    now = runtime.queue().clock() // 1_000
    assert asked(now + 60)[0] == asked(now - LEEWAY + 30)[0] == 200
    row = runtime.queue().players.get("~key")
    assert row and (row.subject, row.username, row.known_as) == ("auth0|日", "auth0|日", "auth0|日")
    status, said = asked(now - LEEWAY - 1)
    assert (status, said["error"]["code"]) == (401, "unauthorized")
    ask("GET", "bob")
    assert "subject" not in (runtime.queue().table.get(*keys.player("bob")) or {"subject": ""})


def test_who_asks_too_often_is_told_when_to_come_back(called: None, monkeypatch: pytest.MonkeyPatch) -> None:
    event: dict[str, Any] = {"requestContext": {"authorizer": {"claims": {"token_use": "id", "sub": "ada"}}}}
    said = [
        queue_player_login.handler({**event, "httpMethod": verb}, Context(5_000)) for verb in ("GET", "DELETE", "GET")
    ]
    assert [answer["statusCode"] for answer in said] == [200, 200, 429]
    assert json.loads(said[2]["body"])["error"]["code"] == "too_many_requests"
    headers = said[2]["headers"]
    assert (headers["Retry-After"], headers["Access-Control-Expose-Headers"]) == ("5", "Date, Retry-After")
    assert "Retry-After" not in said[0]["headers"]


def test_a_page_may_read_how_old_the_public_line_is(called: None) -> None:
    answer = get_line.handler({}, Context(5_000))
    assert (answer["statusCode"], answer["headers"]["Access-Control-Expose-Headers"]) == (200, "Age, Date")


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
    monkeypatch.setenv("POWERTOOLS_METRICS_NAMESPACE", "a-stack")
    runtime.queue().lines.change(lambda line, t: line.set_rate(t, 50_000))  # at that the valve has one shard
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
    there.lines.change(lambda line, t: replace(line.join(t, 1), reached_to=1))
    told = {"queuedAt": iso(there.clock() - 10_000), "etaAt": iso(there.clock() - 1_000)}
    there.table.update(*keys.player("ada"), write={"queuePosition": 1, **told})
    asking = {**event, "queryStringParameters": {"login_ticket": ticket}}
    assert json.loads(get_login_status.handler(asking, Context(5_000))["body"])["login_status"]
    entered = counted(capsys)
    late = entered.pop("EtaLate")  # it is, if this took two seconds
    assert (entered.pop("Admitted"), 1_000 <= entered.pop("EtaError") < 5_000, entered) == (1, True, {})
    assert late in (0, 1)
    there.lines.change(lambda line, t: line.pause(t).join(t, 1))
    get_login_status.handler(asking, Context(0))
    assert counted(capsys) == {"Errors": 1, "kind": "unavailable"}
    settle_line.handler({}, Context(5_000))
    said = counted(capsys)
    assert 1 / 70 - 0.001 <= said.pop("AchievedRate") <= 1 / 60 + 0.001  # one in the last 60 to 70 s
    assert said == {"Waiting": 1, "AskedRate": 0, "Short": 0, "FewClaims": 0, "NoShows": 0}
    with pytest.raises(KeyError):
        process_login_queue.handler({}, Context(5_000))
    assert counted(capsys) == {"Errors": 1, "kind": "KeyError"}


@pytest.mark.parametrize(
    ("line", "found"),
    [
        (
            {"admitted": 1, "eta_error_ms": 0, "eta_late": False, "untold": 0},
            {"Admitted": 1, "EtaError": 0, "EtaLate": 0},
        ),
        (
            {"admitted": 1, "eta_error_ms": 9_000, "eta_late": True, "untold": 0},
            {"Admitted": 1, "EtaError": 9_000, "EtaLate": 1},
        ),
        ({"admitted": 1, "eta_error_ms": None, "eta_late": None, "untold": 1}, {"Admitted": 1, "Untold": 1}),
        ({"admitted": 0}, {}),
    ],
    ids=["told to the millisecond", "let in late", "told nothing", "a poll"],
)
def test_who_was_told_the_truth_counts_as_much_as_who_was_not(
    monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str], line: dict[str, Any], found: dict[str, int]
) -> None:
    monkeypatch.setenv("POWERTOOLS_METRICS_NAMESPACE", "a-stack")
    metrics._metrics.cache_clear()
    metrics.emit(line)
    assert counted(capsys) == found


@pytest.mark.parametrize("moves", metrics._MOTION)
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
    assert alarms == {"Errors", "Short", "FewClaims", "SilentServers"}
    assert {"Placed", "Admitted", "AchievedRate"} <= shown
    assert alarms | shown <= known
