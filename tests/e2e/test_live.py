"""`doctor --live` on a real stack: it passes, it leaves nothing, and what is broken is named by the step it breaks."""

import json
from collections.abc import Callable, Iterator
from contextlib import AbstractContextManager, ExitStack, contextmanager
from dataclasses import replace
from functools import partial
from pathlib import Path
from typing import Any

import pytest

from loginq.service.operations.stats import counts_of
from loginq.service.rules.act import PROOF, pace, to_undo
from loginq.service.rules.times import from_iso
from loginq.service.store.audit import actions
from tests.e2e.broken import code, named, throttle
from tests.e2e.broken import role as no_right
from tests.e2e.conftest import Stack, in_process, until
from tests.e2e.test_iam import guarded

__all__ = ["guarded"]

Broken = Callable[[Stack], AbstractContextManager[None]]


def proof(tmp_path: Path) -> tuple[int, dict[str, Any], str]:
    """One run: exit code, result, stderr. Other tests' players have come in within the hour: so it takes a yes."""
    code, out, said = in_process("doctor", "--live", "--report", str(tmp_path / "live.json"), "--json", "--yes")
    document = json.loads(out)
    assert document == json.loads((tmp_path / "live.json").read_text())
    return code, document, said


def wrong(document: dict[str, Any]) -> list[str]:
    """The steps that failed, in their order."""
    return [each["step"] for each in document["steps"] + document["put_back"] if each["result"] == "failed"]


def left(stack: Stack) -> dict[str, Any]:
    """All that a proof could leave."""
    queue, aws = stack.queue, stack.aws
    line = queue.lines.read()
    every = stack.deployment.stack
    alarms = [
        each["PhysicalResourceId"] for each in every.resources() if each["ResourceType"] == "AWS::CloudWatch::Alarm"
    ]
    topic = every.outputs()["AlarmTopicArn"]
    return {
        "accounts": [each.username for each in stack.users.starting_with("doctor-")],
        "players": [
            row.sub for page in queue.players.every() for row in page if "doctor" in f"{row.sub}{row.username}"
        ],
        "queues": aws.client("sqs").list_queues(QueueNamePrefix="doctor-").get("QueueUrls", []),
        "listeners": aws.client("sns").list_subscriptions_by_topic(TopicArn=topic)["Subscriptions"],
        "alarms": {
            each["AlarmName"]: each["StateValue"]
            for each in aws.client("cloudwatch").describe_alarms(AlarmNames=alarms)["MetricAlarms"]
        },
        "line": (pace(line), line.capacity, line.paused, line.closed),
        "waiting": line.waiting(queue.clock()),
        "in the game": counts_of(queue, line, queue.clock()).in_game,
        "intake": (queue.intake.depth().total, queue.intake.dead_letters()),
    }


def test_a_stack_that_is_well_is_proved_and_nothing_is_left(here: Stack, tmp_path: Path) -> None:
    here.queue.lines.change(lambda line, t: replace(line, capacity=500, closed=True))
    before = left(here)
    code, document, said = proof(tmp_path)
    assert (code, document["proved"], wrong(document)) == (0, True, []), said
    assert left(here) == before
    steps = {each["step"]: each for each in document["steps"]}
    assert {name for name, each in steps.items() if each["result"] == "not asked"} == {
        "roles", "too many calls", "public line",
    }  # fmt: skip
    assert "at 8/s" in steps["rate"]["says"] and "✓ token: " in said
    done = actions(here.queue, 50)
    assert (done[0].what, done[0].after["let_in"]) == (PROOF, 1)
    act, _ = to_undo(done)
    assert act is None or act.at < from_iso(done[0].after["began"])
    here.queue.lines.change(lambda line, t: replace(line, capacity=None, closed=False))


@contextmanager
def trigger_of_the_pool(stack: Stack) -> Iterator[None]:
    """Nobody makes a row for who has confirmed."""
    cognito, pool = stack.aws.client("cognito-idp"), stack.target.user_pool_id
    before = cognito.describe_user_pool(UserPoolId=pool)["UserPool"]["LambdaConfig"]
    cognito.update_user_pool(UserPoolId=pool, LambdaConfig={})
    try:
        yield
    finally:
        cognito.update_user_pool(UserPoolId=pool, LambdaConfig=before)


@contextmanager
def preflight(stack: Stack) -> Iterator[None]:
    """Only one page may call, and that is not the one that was deployed."""
    gateway = stack.aws.client("apigateway")
    where = {"restApiId": named(stack, "Api"), "resourceId": named(stack, "StatusResource"), "httpMethod": "OPTIONS"}
    before = gateway.get_integration(**where)["integrationResponses"]["204"]["responseParameters"]
    origin = "method.response.header.Access-Control-Allow-Origin"
    gateway.put_integration_response(
        **where, statusCode="204", responseParameters={**before, origin: "'https://old.example'"}
    )
    try:
        yield
    finally:
        gateway.put_integration_response(**where, statusCode="204", responseParameters=before)


def test_what_is_broken_is_named_all_of_it_in_one_run(here: Stack, tmp_path: Path) -> None:
    """Two breakages at once; each by itself, and eight more, are drills."""
    before = left(here)
    with ExitStack() as broken:
        broken.enter_context(trigger_of_the_pool(here))
        broken.enter_context(preflight(here))
        code, document, said = proof(tmp_path)
    assert (code, document["proved"], wrong(document)) == (1, False, ["CORS", "sign-up"])
    steps = {each["step"]: each for each in document["steps"]}
    assert steps["sign-in"]["says"] == "needs: sign-up" and steps["alarms"]["result"] == "ok"
    assert "`loginq logs put_player_info --level ERROR`" in said
    assert left(here) == before


@contextmanager
def trigger_of_the_intake(stack: Stack) -> Iterator[None]:
    """Nobody is placed."""
    lambdas, trigger = stack.aws.client("lambda"), named(stack, "IntakeTrigger")
    lambdas.update_event_source_mapping(UUID=trigger, Enabled=False)
    try:
        yield
    finally:
        lambdas.update_event_source_mapping(UUID=trigger, Enabled=True)


@contextmanager
def open_to_all(stack: Stack, resource: str, method: str) -> Iterator[None]:
    """API Gateway asks nobody who it is."""
    gateway = stack.aws.client("apigateway")
    where = {"restApiId": named(stack, "Api"), "resourceId": named(stack, resource), "httpMethod": method}
    before = gateway.get_method(**where)["authorizationType"]
    for value in ("NONE", before):
        gateway.update_method(
            **where, patchOperations=[{"op": "replace", "path": "/authorizationType", "value": value}]
        )
        if value == "NONE":
            yield


@contextmanager
def issuer(stack: Stack) -> Iterator[None]:
    """Tokens name another API than the one that is asked."""
    lambdas, function = stack.aws.client("lambda"), named(stack, "GetLoginStatus")
    variables = lambdas.get_function_configuration(FunctionName=function)["Environment"]["Variables"]
    other = {"Variables": {**variables, "ISSUER": "https://old.example"}}
    lambdas.update_function_configuration(FunctionName=function, Environment=other)
    try:
        yield
    finally:
        lambdas.update_function_configuration(FunctionName=function, Environment={"Variables": variables})


@contextmanager
def role(stack: Stack) -> Iterator[None]:
    """A function runs under another one's role."""
    lambdas, function = stack.aws.client("lambda"), named(stack, "SettleLine")
    before = lambdas.get_function_configuration(FunctionName=function)["Role"]
    other = lambdas.get_function_configuration(FunctionName=named(stack, "GetJwks"))["Role"]
    lambdas.update_function_configuration(FunctionName=function, Role=other)
    try:
        yield
    finally:
        lambdas.update_function_configuration(FunctionName=function, Role=before)


@contextmanager
def alarm(stack: Stack) -> Iterator[None]:
    """It rings, and tells nobody."""
    cloudwatch, name = stack.aws.client("cloudwatch"), named(stack, "SettleErrorsAlarm")
    cloudwatch.disable_alarm_actions(AlarmNames=[name])
    try:
        yield
    finally:
        cloudwatch.enable_alarm_actions(AlarmNames=[name])


BREAKAGES: dict[str, tuple[Broken, str]] = {
    "the pool's trigger": (trigger_of_the_pool, "sign-up"),
    "the preflight": (preflight, "CORS"),
    "the stage's throttle": (throttle, "throttle"),
    "the signature of /sessions": (partial(open_to_all, resource="SessionsResource", method="POST"), "strangers"),
    "the authorizer of /login": (partial(open_to_all, resource="LoginResource", method="GET"), "ticket"),
    "a role": (role, "roles"),
    "the key set": (partial(code, function="GetJwks"), "keys"),
    "the intake's trigger": (trigger_of_the_intake, "crowd"),
    "/login": (code, "ticket"),
    "/login/status": (partial(code, function="GetLoginStatus"), "place"),
    "the issuer": (issuer, "token"),
    "/sessions": (partial(code, function="ReportSessions"), "sessions"),
    "settling": (partial(code, function="SettleLine"), "settling"),
    "an alarm": (alarm, "alarms"),
}
"""What is broken -> how, and the first step that fails by it."""


@pytest.mark.drills
@pytest.mark.parametrize("what", BREAKAGES)
def test_each_breakage_is_named_by_the_step_that_it_breaks(here: Stack, tmp_path: Path, what: str) -> None:
    broken, step = BREAKAGES[what]
    before = left(here)
    with broken(here):
        code, document, _ = proof(tmp_path)
    assert (code, wrong(document)[:1]) == (1, [step])
    until(lambda: left(here) == before)  # a ticket that is nobody's any more is dropped once somebody places again


@pytest.mark.drills
def test_where_policies_are_enforced_each_role_is_shown_to_be_enough(
    guarded: Stack, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    for name, value in guarded.target.names().items():
        monkeypatch.setenv(name, value)
    with no_right(guarded):
        code, document, _ = proof(tmp_path)
    assert (code, wrong(document)) == (1, ["ticket"])
    code, document, said = proof(tmp_path)
    assert (code, document["proved"]) == (0, True), said
    assert {each["step"]: each["result"] for each in document["steps"]}["roles"] == "ok"
