"""Is everything in place: each check is a finding, with what to do about it."""

import json
import time
from collections.abc import Callable, Iterator
from dataclasses import asdict, dataclass, fields
from enum import StrEnum
from typing import Any
from urllib.parse import urlsplit

from loginq import __version__
from loginq.client import Trouble, published_keys
from loginq.deploy import bundle, limits, template
from loginq.deploy.stack import Stack, failed_of
from loginq.deploy.states import How
from loginq.service.operations.target import Target
from loginq.service.rules.errors import LoginqError, NotFound, Refused
from loginq.service.rules.settings import Rules
from loginq.service.rules.times import SECOND
from loginq.service.store.aws import Aws
from loginq.service.store.clock import ServerClock
from loginq.service.store.queue import Queue

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

    def document(self) -> dict[str, Any]:
        """The JSON form."""
        return asdict(self)


@dataclass(frozen=True, slots=True)
class Patient:
    """What is examined."""

    target: Target
    aws: Aws
    queue: Queue
    stack: Stack

    @property
    def is_local(self) -> bool:
        """Whether this is the emulator, which has no account's quotas and keeps no timeout."""
        return self.aws.endpoint_url is not None

    def parameters(self) -> dict[str, str]:
        """Those of the stack, and the defaults of those that it does not know yet. Raises `NotFound` for no stack."""
        given = self.stack.parameters()
        if not given:
            raise NotFound(f"There is no stack {self.stack.name!r} here.", "Run `loginq deploy`.")
        return {**template.load().defaults, **given}

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
        "parameters": lambda: _parameters(patient),
        "intake trigger": lambda: _trigger(patient),
        "dead letters": lambda: _dead_letters(patient),
        "line": lambda: _line(patient),
        "clock": lambda: _clock(patient),
        "API": lambda: _api(patient),
        "functions": lambda: _functions(patient),
    }
    if not patient.is_local:
        checks["concurrency"] = lambda: _concurrency(patient)
    for what, check in checks.items():
        yield guarded(what, check)


def guarded(what: str, check: Callable[[], Finding]) -> Finding:
    """What cannot be checked is a finding, too."""
    try:
        return check()
    except LoginqError as exc:
        return unchecked(what, exc)


def unchecked(what: str, exc: LoginqError) -> Finding:
    """That something could not be checked, and why."""
    if isinstance(exc, Refused):
        return Finding(what, Verdict.UNKNOWN, exc.message, "Ask for that permission, if you want this checked.")
    return Finding(what, Verdict.BAD, exc.message, exc.hint)


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
    drifts = []
    if found["StackDriftStatus"] != "IN_SYNC":
        drifts = cloudformation.describe_stack_resource_drifts(
            StackName=patient.stack.name, StackResourceDriftStatusFilters=["MODIFIED", "DELETED"]
        )["StackResourceDrifts"]
    names = ", ".join(each["LogicalResourceId"] for each in drifts if _by_hand(each))
    if not names:
        return Finding("drift", Verdict.OK, "everything is as it was deployed")
    return Finding(
        "drift", Verdict.WARN, f"changed by another hand: {names}", "Undo that by hand: a deploy of the same does not."
    )


def _by_hand(drift: dict[str, Any]) -> bool:
    """Whether somebody changed a resource, not AWS itself."""
    differences = drift.get("PropertyDifferences", [])
    return not differences or not all(map(_by_aws, differences))


def _by_aws(difference: dict[str, Any]) -> bool:
    """Whether a table has grown warmer with its traffic, or an ARN is only written in another way."""
    path, values = difference["PropertyPath"], (difference["ExpectedValue"], difference["ActualValue"])
    return path.startswith("/WarmThroughput/") or (
        path == "/AccessLogSetting/DestinationArn" and len({value.removesuffix(":*") for value in values}) == 1
    )


def _parameters(patient: Patient) -> Finding:
    """Whether the functions go by them, and what a deploy of them would refuse."""
    given = patient.parameters()
    patient.queue.lines.read()
    wanted, rules = Rules.of_stack(given), patient.queue.rules
    if others := [rule.metadata["parameter"] for rule in fields(Rules) if _differ(rule.name, wanted, rules)]:
        says = f"the functions go by other values: {', '.join(others)}"
        return Finding("parameters", Verdict.BAD, says, "Run `loginq deploy`.")
    clashes = limits.clashes(given, on_aws=not patient.is_local)
    if clashes:
        says, do = (" ".join(getattr(each, name) for each in clashes) for name in ("says", "do"))
        return Finding("parameters", Verdict.WARN, says.removesuffix("."), f"Deploy again. {do}")
    return Finding("parameters", Verdict.OK, "they agree with one another")


def _differ(name: str, one: Rules, other: Rules) -> bool:
    return bool(getattr(one, name) != getattr(other, name))


def _concurrency(patient: Patient) -> Finding:
    given = patient.parameters()
    there = limits.concurrency_of(patient.aws, given)
    if tight := limits.cramped(given, there):
        return Finding("concurrency", Verdict.WARN, tight.says.removesuffix("."), tight.do)
    says = f"{there.all:,} functions at once in this account, {there.left(given):,} of them left beside placing"
    return Finding("concurrency", Verdict.OK, says)


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


def _api(patient: Patient, published: Callable[[str], dict[str, Any]] = published_keys) -> Finding:
    url = patient.stack.outputs().get("ApiEndpoint", patient.target.own_url)  # a domain is a finding of its own
    try:
        keys = [key["kid"] for key in published(url)["keys"]]
    except (Trouble, KeyError, TypeError) as exc:
        return Finding("API", Verdict.BAD, f"{url} does not answer: {exc}", "See `loginq logs get_jwks`.")
    kid = patient.queue.lines.read().kid
    if kid and kid not in keys:
        return Finding("API", Verdict.BAD, "it does not publish the key that signs", "Run `loginq deploy`.")
    return Finding("API", Verdict.OK, f"{urlsplit(url).netloc} answers")


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
            FunctionName=patient.resource(function), Payload=json.dumps(_from_nobody(patient, method))
        )
        said = json.loads(answer["Payload"].read() or b"null")
        status = said.get("statusCode", 500) if isinstance(said, dict) and "FunctionError" not in answer else 500
        if status >= 500:
            says = f"{logs} answers {status}: players cannot get in"
            return Finding("functions", Verdict.BAD, says, f"`loginq logs {logs} --level ERROR` says why.")
    return Finding("functions", Verdict.OK, "those behind /login and /login/status answer")


def _from_nobody(patient: Patient, method: str) -> dict[str, Any]:
    """What API Gateway would pass on for a player whom nobody knows."""
    claims = {"claims": {"sub": "loginq-doctor", "token_use": "id"}}
    guest = {"sub": "loginq-doctor", "subject": "loginq-doctor", "exp": str(2**40)}
    return {
        "httpMethod": method,
        "queryStringParameters": {"login_ticket": "none"},
        "requestContext": {"authorizer": guest if patient.target.provider else claims},
    }
