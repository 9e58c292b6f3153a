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
from loginq.deploy import bundle, limits, quotas, template
from loginq.deploy.quotas import Crowd
from loginq.deploy.stack import Stack, failed_of
from loginq.deploy.states import How
from loginq.service.aws import Aws, ServerClock
from loginq.service.errors import LoginqError, NotFound, Refused
from loginq.service.polling import longest_poll
from loginq.service.queue import Queue
from loginq.service.settings import Rules, Target
from loginq.service.times import SECOND

DRIFT_SECONDS = 180
SKEW = 2 * SECOND
"""A laptop's clock that is off by more than this, ms, is worth mending: times that a person types would be."""
MAILS = 50
"""A day, by Cognito's own sender: https://docs.aws.amazon.com/cognito/latest/developerguide/quotas.html"""
_PLACING = (
    "BatchSize", "BatchWindowSeconds", "PlacingMaxConcurrency", "PlacingReservedConcurrency", "IntakeVisibilitySeconds",
)  # fmt: skip


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
        "alarms": lambda: _alarms(patient),
        "line": lambda: _line(patient),
        "clock": lambda: _clock(patient),
        "API": lambda: _api(patient),
        "functions": lambda: _functions(patient),
    }
    if not patient.is_local:
        checks["concurrency"] = lambda: _concurrency(patient)
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
    try:
        given = patient.parameters()
    except LoginqError as exc:
        yield Finding("launch", Verdict.BAD, exc.message, exc.hint)
        return
    rules = Rules.of_stack(given)
    crowd = Crowd(players, within, longest_poll(rules.lease, rules.claim_window))
    yield from _quotas(patient, crowd, given)
    yield _throttle(crowd, given)
    yield _polls(crowd)
    yield _guarded("table", lambda: _warm(patient, crowd))
    yield _placing(crowd, given)
    yield _guarded("mail", lambda: _mail(patient))
    if not patient.is_local:
        yield _guarded("protection", lambda: _protection(patient))


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
    """What a deploy of these parameters would refuse."""
    clashes = limits.clashes(patient.parameters(), on_aws=not patient.is_local)
    if clashes:
        says, do = (" ".join(getattr(each, name) for each in clashes) for name in ("says", "do"))
        return Finding("parameters", Verdict.WARN, says.removesuffix("."), f"Deploy again. {do}")
    return Finding("parameters", Verdict.OK, "they agree with one another")


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


def _quotas(patient: Patient, crowd: Crowd, given: dict[str, str]) -> Iterator[Finding]:
    placing = 0 if int(given["PlacingReservedConcurrency"]) else int(given["PlacingMaxConcurrency"])
    for each in quotas.held(patient.aws, quotas.needs(crowd, placing)):
        need = each.need
        source = "your account's quota" if each.known else "the documented default; yours could not be read"
        unit = "" if need.service == "lambda" else "/s"
        needed = " ".join(filter(None, (f"{need.needed:,}{unit} needed", need.only_if)))
        yield Finding(
            need.name,
            Verdict.OK if each.enough else Verdict.WARN if need.only_if else Verdict.BAD,
            f"{needed}, {each.allowed:,}{unit} allowed ({source})",
            "" if each.enough else f"{need.do} Service Quotas: {need.service}, “{need.quota}”.",
        )


def _throttle(crowd: Crowd, given: dict[str, str]) -> Finding:
    """The stage's own limits, which count for each method."""
    names = ("RequestsPerSecond", "RequestsBurst")
    needed, there = quotas.throttle_needs(crowd), tuple(int(given[name]) for name in names)
    says = (
        f"{needed[0]:,}/s and {needed[1]:,} at once needed of the busiest call, the stage lets {there[0]:,}/s and "
        f"{there[1]:,} through"
    )
    if needed[0] <= there[0] and needed[1] <= there[1]:
        return Finding("stage throttle", Verdict.OK, says)
    words = _words({name: max(pair) for name, *pair in zip(names, needed, there, strict=True)})
    return Finding("stage throttle", Verdict.BAD, says, f"`loginq deploy {words}`.")


def _polls(crowd: Crowd) -> Finding:
    says = f"who waits long polls each {crowd.longest // SECOND} s at the latest: {crowd.polls:,}/s"
    if crowd.longest >= quotas.LONGEST:
        return Finding("polls", Verdict.OK, says)
    longest = quotas.LONGEST // SECOND
    words = _words({"LeaseSeconds": 2 * longest, "ClaimWindowSeconds": 4 * longest})
    least = Crowd(crowd.players, crowd.within).polls
    return Finding("polls", Verdict.WARN, says, f"`loginq deploy {words}` makes them {least:,}/s.")


def _warm(patient: Patient, crowd: Crowd) -> Finding:
    line = patient.queue.lines.read()
    top = max([line.rate, *(rate for _, rate in line.steps)])
    reads, writes = quotas.table_needs(crowd, top)
    there, known = limits.warmth_of(patient.aws, patient.target.table)
    source = "the table's warm throughput" if known else "the documented default of a new table"
    says = f"{reads:,} reads/s and {writes:,} writes/s needed, {there[0]:,} and {there[1]:,} at once ({source})"
    if reads <= there[0] and writes <= there[1]:
        return Finding("table", Verdict.OK, says)
    words = _words({"WarmReads": max(reads, there[0]), "WarmWrites": max(writes, there[1])})  # never colder
    return Finding("table", Verdict.BAD, says, f"Before the launch: `loginq deploy {words}`; AWS bills the rise once.")


def _placing(crowd: Crowd, given: dict[str, str]) -> Finding:
    """Whether tickets are placed as fast as they come; else they wait in the intake, and none is lost."""
    batch, window, functions = (
        int(given[name]) for name in ("BatchSize", "BatchWindowSeconds", "PlacingMaxConcurrency")
    )
    able = quotas.placed(batch, functions)
    gathered = f", which gather for {window} s" if window else ""
    says = f"{crowd.per_second:,}/s come, {functions} functions place about {able:,}/s in batches of {batch}{gathered}"
    if crowd.per_second > able:
        words, large = _words(_rushing(given)), quotas.placed(quotas.LARGE, quotas.FUNCTIONS)
        if not words:
            return Finding("placing", Verdict.WARN, says, "The others wait in the intake: let them come more slowly.")
        return Finding("placing", Verdict.WARN, says, f"Before the launch: `loginq deploy {words}`: {large:,}/s.")
    if window and crowd.per_second <= quotas.placed(quotas.SMALL, functions):
        words = _words({"BatchSize": quotas.SMALL, "BatchWindowSeconds": 0})
        return Finding(
            "placing", Verdict.OK, says, f"`loginq deploy {words}` is enough, and places who comes alone at once."
        )
    return Finding("placing", Verdict.OK, says)


def _rushing(given: dict[str, str]) -> dict[str, int]:
    """The parameters to change for large batches, those that have to follow included."""
    there = {name: int(given[name]) for name in _PLACING}
    window, reserved = max(there["BatchWindowSeconds"], 1), there["PlacingReservedConcurrency"]
    most = max(there["PlacingMaxConcurrency"], quotas.FUNCTIONS)
    wanted = {
        "BatchSize": max(there["BatchSize"], quotas.LARGE),
        "BatchWindowSeconds": window,
        "PlacingMaxConcurrency": most,
        "PlacingReservedConcurrency": reserved and max(reserved, most),
        "IntakeVisibilitySeconds": max(
            there["IntakeVisibilitySeconds"], limits.visibility(int(given["PlacingTimeoutSeconds"]), window)
        ),
    }
    return {name: value for name, value in wanted.items() if value != there[name]}


def _mail(patient: Patient) -> Finding:
    pool = patient.aws.client("cognito-idp").describe_user_pool(UserPoolId=patient.target.user_pool_id)["UserPool"]
    settings = pool.get("EmailConfiguration", {})
    if settings.get("EmailSendingAccount") == "DEVELOPER":
        return Finding("mail", Verdict.OK, f"SES sends it: {settings.get('From') or settings.get('SourceArn')}")
    says = f"Cognito's own sender sends {MAILS} a day, and each player who signs up needs one"
    return Finding("mail", Verdict.WARN, says, "Let SES send it: `loginq deploy --param SesIdentityArn=ARN`.")


def _protection(patient: Patient) -> Finding:
    if (patient.stack.describe() or {}).get("EnableTerminationProtection"):
        return Finding("protection", Verdict.OK, "nobody can delete the stack before that is lifted")
    says = "whoever deletes the stack takes the API from every client that is out there"
    command = "aws cloudformation update-termination-protection --enable-termination-protection --stack-name"
    return Finding("protection", Verdict.WARN, says, f"`{command} {patient.stack.name}`")


def _words(parameters: dict[str, int]) -> str:
    """Parameters as `deploy` takes them."""
    return " ".join(f"--param {name}={value}" for name, value in parameters.items())
