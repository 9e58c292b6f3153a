"""Is everything in place: each check is a finding, with what to do about it."""

import json
import time
from collections.abc import Callable, Iterator
from dataclasses import asdict, dataclass
from enum import StrEnum
from typing import Any
from urllib.parse import urlsplit

from loginq import __version__
from loginq.client import Trouble, published_keys
from loginq.deploy import bundle
from loginq.deploy.quotas import held, needs, table_needs
from loginq.deploy.stack import Stack, failed_of
from loginq.deploy.states import How
from loginq.service.aws import Aws, ServerClock
from loginq.service.errors import LoginqError, NotFound, Refused
from loginq.service.queue import Queue
from loginq.service.settings import Target
from loginq.service.times import SECOND

DRIFT_SECONDS = 180
SKEW = 2 * SECOND
"""A laptop's clock that is off by more than this, ms, is worth mending: times that a person types would be."""


class Verdict(StrEnum):
    """How a check came out; only `bad` fails the whole."""

    OK = "ok"
    WARN = "warn"
    BAD = "bad"
    UNKNOWN = "unknown"


@dataclass(frozen=True, slots=True)
class Finding:
    """What was looked at, how that is, and what to do about it."""

    what: str
    verdict: Verdict
    says: str
    do: str = ""

    def document(self) -> dict[str, str]:
        """The JSON form."""
        return asdict(self)


@dataclass(frozen=True, slots=True)
class Patient:
    """What is examined."""

    target: Target
    aws: Aws
    queue: Queue
    stack: Stack

    def resource(self, logical_id: str) -> str:
        """The physical id of one resource of the stack. Raises `NotFound`."""
        for each in self.stack.resources():
            if each["LogicalResourceId"] == logical_id:
                return str(each["PhysicalResourceId"])
        raise NotFound(f"The stack has no {logical_id}.", "Deploy again with `loginq deploy`.")


def examine(patient: Patient, sleep: Callable[[float], None] = time.sleep) -> Iterator[Finding]:
    """Every check, one after the other."""
    checks: dict[str, Callable[[], Finding]] = {
        "credentials": lambda: _credentials(patient),
        "stack": lambda: _stack(patient),
        "drift": lambda: _drift(patient, sleep),
        "code": lambda: _code(patient),
        "intake trigger": lambda: _trigger(patient),
        "dead letters": lambda: _dead_letters(patient),
        "alarms": lambda: _alarms(patient),
        "line": lambda: _line(patient),
        "clock": lambda: _clock(patient),
        "API": lambda: _api(patient),
        "functions": lambda: _functions(patient),
    }
    for what, check in checks.items():
        yield _guarded(what, check)


def _guarded(what: str, check: Callable[[], Finding]) -> Finding:
    """What cannot be checked is a finding, too."""
    try:
        return check()
    except Refused as exc:
        return Finding(what, Verdict.UNKNOWN, exc.message, "Ask for that permission, if you want this checked.")
    except LoginqError as exc:
        return Finding(what, Verdict.BAD, exc.message, exc.hint)


def examine_launch(patient: Patient, players: int, within: int) -> Iterator[Finding]:
    """The planned launch against every quota. `within`: in what time they come, ms."""
    for each in held(patient.aws, needs(players, within)):
        source = "your account's quota" if each.known else "the documented default; yours could not be read"
        says = f"{each.need.needed:,}/s needed, {each.allowed:,}/s allowed ({source})"
        if each.need.quota == "Concurrent executions":
            says = says.replace("/s", "")
        yield Finding(
            each.need.name,
            Verdict.OK if each.enough else Verdict.BAD,
            says,
            "" if each.enough else f"{each.need.do} Service Quotas: {each.need.service}, “{each.need.quota}”.",
        )
    yield _guarded("table", lambda: _warm(patient, players, within))
    yield Finding("the line's item", Verdict.OK, "about 1,000 writes/s allowed; batches of tickets need a few dozen")
    yield _guarded("intake visibility", lambda: _visibility(patient))


def _credentials(patient: Patient) -> Finding:
    who = patient.aws.client("sts").get_caller_identity()
    return Finding("credentials", Verdict.OK, f"{who['Arn']} in {patient.target.region}")


def _stack(patient: Patient) -> Finding:
    found = patient.stack.describe()
    if found is None:
        return Finding("stack", Verdict.BAD, f"there is no stack {patient.stack.name!r}", "Run `loginq deploy`.")
    state, failed = patient.stack.state(found), failed_of(patient.stack.resources())
    said = [f"{patient.stack.name} is in {state.status}", *filter(None, [state.says]), *failed]
    says = ". ".join(each.rstrip(".") for each in said)
    if failed or not state.works:
        return Finding("stack", Verdict.BAD, says, state.do or "See why with `loginq deploy`, which also mends it.")
    return Finding("stack", Verdict.OK if state.how is How.WELL else Verdict.WARN, says, state.do)


def _drift(patient: Patient, sleep: Callable[[float], None]) -> Finding:
    cloudformation = patient.aws.client("cloudformation")
    asked = cloudformation.detect_stack_drift(StackName=patient.stack.name)["StackDriftDetectionId"]
    for _ in range(DRIFT_SECONDS):
        found = cloudformation.describe_stack_drift_detection_status(StackDriftDetectionId=asked)
        if found["DetectionStatus"] != "DETECTION_IN_PROGRESS":
            break
        sleep(1)
    if found["DetectionStatus"] != "DETECTION_COMPLETE":
        why = found.get("DetectionStatusReason", found["DetectionStatus"])
        return Finding("drift", Verdict.UNKNOWN, f"CloudFormation could not tell: {why}")
    if found["StackDriftStatus"] == "IN_SYNC":
        return Finding("drift", Verdict.OK, "everything is as it was deployed")
    drifts = cloudformation.describe_stack_resource_drifts(
        StackName=patient.stack.name, StackResourceDriftStatusFilters=["MODIFIED", "DELETED"]
    )["StackResourceDrifts"]
    names = ", ".join(each["LogicalResourceId"] for each in drifts)
    return Finding(
        "drift", Verdict.WARN, f"changed by another hand: {names}", "Undo that by hand: a deploy of the same does not."
    )


def _code(patient: Patient) -> Finding:
    outputs = patient.stack.outputs()
    version = outputs.get("LoginqVersion", "unknown")
    if version != __version__:
        return Finding("code", Verdict.WARN, f"{version} is deployed, {__version__} is here", "Run `loginq deploy`.")
    if "SourcesHash" not in outputs:
        says = f"{version} is deployed and here, by a deploy that did not note from which sources"
        return Finding("code", Verdict.UNKNOWN, says, "Run `loginq deploy`.")
    if bundle.sources_hash() != outputs["SourcesHash"]:
        return Finding("code", Verdict.WARN, "what is deployed is not what is here", "Run `loginq deploy`.")
    says = f"{version} is deployed and here, from the same sources and package list (packages not compared)"
    return Finding("code", Verdict.OK, says)


def _trigger(patient: Patient) -> Finding:
    mapping = patient.aws.client("lambda").get_event_source_mapping(UUID=patient.resource("IntakeTrigger"))
    if mapping["State"] != "Enabled":
        command = f"aws lambda update-event-source-mapping --enabled --uuid {mapping['UUID']}"
        return Finding("intake trigger", Verdict.BAD, f"it is {mapping['State']}: nobody is placed", f"`{command}`")
    return Finding("intake trigger", Verdict.OK, "enabled")


def _dead_letters(patient: Patient) -> Finding:
    if count := patient.queue.intake.dead_letters():
        return Finding("dead letters", Verdict.BAD, f"{count:,}", "`loginq queue dlq` says why each died.")
    return Finding("dead letters", Verdict.OK, "none")


def _alarms(patient: Patient) -> Finding:
    names = [
        each["PhysicalResourceId"]
        for each in patient.stack.resources()
        if each["ResourceType"] == "AWS::CloudWatch::Alarm"
    ]
    if not names:
        return Finding("alarms", Verdict.WARN, "the stack has none", "Run `loginq deploy`.")
    alarms = patient.aws.client("cloudwatch").describe_alarms(AlarmNames=names)["MetricAlarms"]
    ringing = [each["AlarmName"] for each in alarms if each["StateValue"] == "ALARM"]
    if ringing:
        return Finding("alarms", Verdict.BAD, f"ringing: {', '.join(ringing)}", "See `loginq logs --level ERROR`.")
    return Finding("alarms", Verdict.OK, f"{len(alarms)}, none ringing")


def _line(patient: Patient) -> Finding:
    line = patient.queue.lines.read()
    if line.paused:
        return Finding("line", Verdict.WARN, "it is paused", "`loginq queue resume` lets players in.")
    if line.closed:
        return Finding("line", Verdict.WARN, "it is closed to new tickets", "`loginq queue open` opens it.")
    return Finding("line", Verdict.OK, "open")


def _clock(patient: Patient) -> Finding:
    patient.queue.lines.read()
    clock: Any = patient.queue.clock
    offset = clock.offset if isinstance(clock, ServerClock) else 0
    if abs(offset) > SKEW:
        says = f"this machine is {abs(offset) / SECOND:.1f} s {'behind' if offset > 0 else 'ahead of'} AWS"
        return Finding("clock", Verdict.WARN, says, "Let NTP set it. Until then loginq goes by the clock of AWS.")
    return Finding("clock", Verdict.OK, "this machine agrees with AWS")


def _api(patient: Patient, published: Callable[[Target], dict[str, Any]] = published_keys) -> Finding:
    try:
        keys = [key["kid"] for key in published(patient.target)["keys"]]
    except (Trouble, KeyError, TypeError) as exc:
        return Finding(
            "API", Verdict.BAD, f"{patient.target.api_url} does not answer: {exc}", "See `loginq logs get_jwks`."
        )
    kid = patient.queue.lines.read().kid
    if kid and kid not in keys:
        return Finding("API", Verdict.BAD, "it does not publish the key that signs", "Run `loginq deploy`.")
    return Finding("API", Verdict.OK, f"{urlsplit(patient.target.api_url).netloc} answers")


def _functions(patient: Patient) -> Finding:
    """Ask the player API's two functions about a player who does not exist: that reads, and changes nothing.

    They are called without API Gateway, which would want an account. Every function starts as they do: what one of them
    refuses of its environment, its code or its role, all refuse.
    """
    for function, logs, method in (
        ("GetLoginStatus", "get_login_status", "GET"),
        ("QueuePlayerLogin", "queue_player_login", "DELETE"),
    ):
        answer = patient.aws.client("lambda").invoke(
            FunctionName=patient.resource(function), Payload=json.dumps(_from_nobody(method))
        )
        said = json.loads(answer["Payload"].read() or b"null")
        status = said.get("statusCode", 500) if isinstance(said, dict) and "FunctionError" not in answer else 500
        if status >= 500:
            says = f"{logs} answers {status}: players cannot get in"
            return Finding("functions", Verdict.BAD, says, f"`loginq logs {logs} --level ERROR` says why.")
    return Finding("functions", Verdict.OK, "those behind /login and /login/status answer")


def _from_nobody(method: str) -> dict[str, Any]:
    """What API Gateway would pass on for a player whom nobody knows."""
    return {
        "httpMethod": method,
        "queryStringParameters": {"login_ticket": "none"},
        "requestContext": {"authorizer": {"claims": {"sub": "loginq-doctor", "token_use": "id"}}},
    }


def _warm(patient: Patient, players: int, within: int) -> Finding:
    line = patient.queue.lines.read()
    top = max([line.rate, *(rate for _, rate in line.steps)])
    reads, writes = table_needs(players, within, top)
    table = patient.aws.client("dynamodb").describe_table(TableName=patient.target.table)["Table"]
    warm = table.get("WarmThroughput", {})
    known = bool(warm.get("WriteUnitsPerSecond"))
    there = (warm.get("ReadUnitsPerSecond") or 12_000), (warm.get("WriteUnitsPerSecond") or 4_000)
    source = "the table's warm throughput" if known else "the documented default of a new table"
    says = f"{reads:,} reads/s and {writes:,} writes/s needed, {there[0]:,} and {there[1]:,} at once ({source})"
    if reads <= there[0] and writes <= there[1]:
        return Finding("table", Verdict.OK, says)
    warmer = max(reads, there[0]), max(writes, there[1])  # AWS never makes a table colder
    command = f"loginq deploy --param WarmReads={warmer[0]} --param WarmWrites={warmer[1]}"
    return Finding("table", Verdict.BAD, says, f"Before the launch: `{command}`.")


def _visibility(patient: Patient) -> Finding:
    given = patient.stack.parameters()
    if not {"PlacingTimeoutSeconds", "IntakeVisibilitySeconds"} <= set(given):
        return Finding("intake visibility", Verdict.UNKNOWN, "the stack does not say", "Run `loginq deploy`.")
    timeout, hidden = int(given["PlacingTimeoutSeconds"]), int(given["IntakeVisibilitySeconds"])
    says = f"a taken ticket is hidden for {hidden} s, placing may take {timeout} s"
    if hidden < 6 * timeout:
        do = f"`loginq deploy --param IntakeVisibilitySeconds={6 * timeout}`"
        return Finding("intake visibility", Verdict.WARN, f"{says}: AWS wants six times that", do)
    return Finding("intake visibility", Verdict.OK, says)
