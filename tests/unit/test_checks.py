"""The verdicts of doctor, each by what AWS and the stack say: plain stand-ins, no emulator."""

import io
import json
import re
from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass, field, replace
from types import SimpleNamespace
from typing import Any, cast

import hypothesis
import pytest
from hypothesis import strategies as st

from loginq import __version__
from loginq.client import Trouble
from loginq.deploy import bundle, template
from loginq.deploy.states import State, state_of
from loginq.doctor import ceilings, checks, edge, quotas, readiness
from loginq.doctor.checks import Finding, Patient, Verdict
from loginq.doctor.quotas import LONGEST, PLACED, Crowd
from loginq.service.operations.target import Target
from loginq.service.rules.errors import Failed, LoginqError, NoTarget, NotFound, Refused
from loginq.service.rules.line import Line
from loginq.service.rules.public import document
from loginq.service.rules.settings import Rules
from loginq.service.store.aws import Aws
from loginq.service.store.clock import ServerClock

TARGET = Target("loginq", "eu-west-1", "table", "https://q", "pool", "client", "https://api.example/v1")
OK, WARN, BAD, UNKNOWN = Verdict.OK, Verdict.WARN, Verdict.BAD, Verdict.UNKNOWN
Answers = Mapping[str, Any]


class Says:
    """A client of AWS: what each operation answers, or raises; a list is answered one after the other."""

    def __init__(self, answers: Answers) -> None:
        self._answers = {name: list(each) if isinstance(each, list) else each for name, each in answers.items()}
        self.asked: list[tuple[str, dict[str, Any]]] = []

    def __getattr__(self, operation: str) -> Callable[..., Any]:
        def call(**parameters: Any) -> Any:
            self.asked.append((operation, parameters))
            answer = self._answers[operation]
            if isinstance(answer, list):
                answer = answer.pop(0)
            if isinstance(answer, LoginqError):
                raise answer
            return answer

        return call

    def pages(self, operation: str, **parameters: Any) -> Iterator[Any]:
        yield getattr(self, operation)(**parameters)


@dataclass
class Stack:
    """A stack: what CloudFormation says of it."""

    status: str | None = "UPDATE_COMPLETE"
    of: list[dict[str, str]] = field(default_factory=list)
    said: dict[str, str] = field(default_factory=dict)
    given: dict[str, str] = field(default_factory=dict)
    name: str = "loginq"
    protected: bool = False

    def describe(self) -> dict[str, Any] | None:
        found = {"StackStatus": self.status, "EnableTerminationProtection": self.protected}
        return None if self.status is None else found

    def state(self, found: dict[str, str]) -> State:
        return state_of(found["StackStatus"], self.name, "Table: no")

    def resources(self) -> list[dict[str, str]]:
        return self.of

    def outputs(self) -> dict[str, str]:
        return self.said

    def parameters(self) -> dict[str, str]:
        return self.given


def resource(name: str, kind: str = "AWS::Lambda::Function", status: str = "CREATE_COMPLETE") -> dict[str, str]:
    return {
        "LogicalResourceId": name, "PhysicalResourceId": f"{name}-1", "ResourceType": kind, "ResourceStatus": status,
    }  # fmt: skip


def patient(
    clients: Mapping[str, Answers | Says] | None = None,
    stack: Stack | None = None,
    line: Line | LoginqError | None = None,
    dead: int = 0,
    clock: Any = None,
    target: Target = TARGET,
    endpoint: str | None = None,
    rules: Rules = Rules(),  # noqa: B008 - frozen
) -> Patient:
    said = {name: each if isinstance(each, Says) else Says(each) for name, each in (clients or {}).items()}

    def read() -> Line:
        if isinstance(line, LoginqError):
            raise line
        return line or Line()

    queue = SimpleNamespace(
        lines=SimpleNamespace(read=read), rules=rules, intake=SimpleNamespace(dead_letters=lambda: dead), clock=clock
    )
    aws = SimpleNamespace(client=lambda name: said.get(name, Says({})), endpoint_url=endpoint)
    return Patient(target, cast(Aws, aws), cast(Any, queue), cast(Any, stack or Stack()))


def told(finding: Finding) -> tuple[Verdict, str, str]:
    return finding.verdict, finding.says, finding.do


def test_credentials() -> None:
    found = checks._credentials(patient({"sts": {"get_caller_identity": {"Arn": "arn:aws:iam::1:user/ada"}}}))
    assert told(found) == (OK, "arn:aws:iam::1:user/ada in eu-west-1", "")


MENDED = "See why with `loginq deploy`, which also mends it."
BACK = "loginq is in UPDATE_ROLLBACK_COMPLETE. The last change was taken back: Table: no"


@pytest.mark.parametrize(
    ("stack", "expected"),
    [
        (Stack(), (OK, "loginq is in UPDATE_COMPLETE", "")),
        (Stack(None), (BAD, "there is no stack 'loginq'", "Run `loginq deploy`.")),
        (
            Stack("UPDATE_ROLLBACK_COMPLETE"),
            (WARN, BACK, "What was there before it runs. Mend that and deploy again."),
        ),
        (
            Stack("UPDATE_IN_PROGRESS"),
            (WARN, "loginq is in UPDATE_IN_PROGRESS. It is being changed", "Wait until that is over."),
        ),
        (
            Stack(of=[resource("Table", status="UPDATE_FAILED")]),
            (BAD, "loginq is in UPDATE_COMPLETE. Table is in UPDATE_FAILED", MENDED),
        ),
    ],
)
def test_the_stack(stack: Stack, expected: tuple[Verdict, str, str]) -> None:
    assert told(checks._stack(patient(stack=stack))) == expected


STAGE, TABLE = {"LogicalResourceId": "Stage"}, {"LogicalResourceId": "Table"}


def _drift(
    *statuses: dict[str, str], drifts: tuple[dict[str, Any], ...] = (STAGE, TABLE)
) -> tuple[tuple[Verdict, str, str], list[float]]:
    slept: list[float] = []
    cloudformation = {
        "detect_stack_drift": {"StackDriftDetectionId": "1"},
        "describe_stack_drift_detection_status": list(statuses),
        "describe_stack_resource_drifts": {"StackResourceDrifts": list(drifts)},
    }
    return told(checks._drift(patient({"cloudformation": cloudformation}), slept.append)), slept


def test_drift() -> None:
    busy, done = {"DetectionStatus": "DETECTION_IN_PROGRESS"}, {"DetectionStatus": "DETECTION_COMPLETE"}
    assert _drift(busy, busy, {**done, "StackDriftStatus": "IN_SYNC"}) == (
        (OK, "everything is as it was deployed", ""), [1, 1],
    )  # fmt: skip
    assert _drift({**done, "StackDriftStatus": "DRIFTED"})[0] == (
        WARN, "changed by another hand: Stage, Table", "Undo that by hand: a deploy of the same does not.",
    )  # fmt: skip
    failed = {"DetectionStatus": "DETECTION_FAILED", "DetectionStatusReason": "no right"}
    assert _drift(failed)[0] == (UNKNOWN, "CloudFormation could not tell: no right", "")
    never, slept = _drift(*[busy] * checks.DRIFT_SECONDS)
    assert never == (UNKNOWN, "CloudFormation could not tell: DETECTION_IN_PROGRESS", "")
    assert len(slept) == checks.DRIFT_SECONDS


def _differs(path: str, expected: str, actual: str) -> dict[str, str]:
    return {"PropertyPath": path, "ExpectedValue": expected, "ActualValue": actual, "DifferenceType": "NOT_EQUAL"}


GROWN = _differs("/WarmThroughput/WriteUnitsPerSecond", "4000", "9000")
ARN = "/AccessLogSetting/DestinationArn"


@pytest.mark.parametrize(
    ("drifts", "named"),
    [
        ([{**TABLE, "PropertyDifferences": [GROWN]}], ""),
        ([{**STAGE, "PropertyDifferences": [_differs(ARN, "arn:group", "arn:group:*")]}], ""),
        ([{**STAGE, "PropertyDifferences": [_differs(ARN, "arn:group", "arn:other:*")]}], "Stage"),
        ([{**TABLE, "PropertyDifferences": [GROWN, _differs("/BillingMode", "a", "b")]}, STAGE], "Table, Stage"),
    ],
)
def test_what_aws_changes_itself_is_no_drift(drifts: list[dict[str, Any]], named: str) -> None:
    (verdict, says, _), _ = _drift(
        {"DetectionStatus": "DETECTION_COMPLETE", "StackDriftStatus": "DRIFTED"}, drifts=tuple(drifts)
    )
    assert (verdict, says) == ((WARN, f"changed by another hand: {named}") if named else
                               (OK, "everything is as it was deployed"))  # fmt: skip


def test_code_is_compared_by_its_sources_and_says_so() -> None:
    here = {"LoginqVersion": __version__, "SourcesHash": bundle.sources_hash()}
    deploy = "Run `loginq deploy`."
    same = f"{__version__} is deployed and here, from the same sources and package list (packages not compared)"
    unsaid = f"{__version__} is deployed and here, by a deploy that did not note from which sources"
    for said, expected in (
        (here, (OK, same, "")),
        ({**here, "SourcesHash": "x"}, (WARN, "what is deployed is not what is here", deploy)),
        ({"LoginqVersion": __version__}, (UNKNOWN, unsaid, deploy)),
        ({**here, "LoginqVersion": "0.0.9"}, (WARN, f"0.0.9 is deployed, {__version__} is here", deploy)),
        ({}, (WARN, f"unknown is deployed, {__version__} is here", deploy)),
    ):
        assert told(checks._code(patient(stack=Stack(said=said)))) == expected


def test_the_intake_trigger() -> None:
    stack = Stack(of=[resource("IntakeTrigger")])
    lambdas = Says({"get_event_source_mapping": [{"State": "Enabled"}, {"State": "Disabled", "UUID": "u"}]})
    one = patient({"lambda": lambdas}, stack)
    assert told(checks._trigger(one)) == (OK, "enabled", "")
    command = "`aws lambda update-event-source-mapping --enabled --uuid u`"
    assert told(checks._trigger(one)) == (BAD, "it is Disabled: nobody is placed", command)
    assert lambdas.asked[0] == ("get_event_source_mapping", {"UUID": "IntakeTrigger-1"})
    with pytest.raises(NotFound, match=r"The stack has no IntakeTrigger\."):
        checks._trigger(patient())


def test_dead_letters() -> None:
    assert told(checks._dead_letters(patient())) == (OK, "none", "")
    assert told(checks._dead_letters(patient(dead=1_234))) == (BAD, "1,234", "`loginq queue dlq` says why each died.")


@pytest.mark.parametrize(
    ("line", "expected"),
    [
        (Line(), (OK, "open", "")),
        (Line(paused=True, closed=True), (WARN, "it is paused", "`loginq queue resume` lets players in.")),
        (Line(closed=True), (WARN, "it is closed to new tickets", "`loginq queue open` opens it.")),
    ],
)
def test_the_line(line: Line, expected: tuple[Verdict, str, str]) -> None:
    assert told(checks._line(patient(line=line))) == expected


@pytest.mark.parametrize(
    ("offset", "says"),
    [(2_000, ""), (-2_000, ""), (2_001, "this machine is 2.0 s behind AWS"),
     (-90_000, "this machine is 90.0 s ahead of AWS")],
)  # fmt: skip
def test_the_clock(offset: int, says: str) -> None:
    clock = ServerClock.__new__(ServerClock)
    clock.offset = offset
    found = checks._clock(patient(clock=clock))
    assert (found.verdict, found.says) == ((WARN, says) if says else (OK, "this machine agrees with AWS"))


def test_the_api_publishes_the_key_that_signs() -> None:
    def answering(answer: Any) -> tuple[Verdict, str, str]:
        def keys(url: str) -> Any:
            if isinstance(answer, Exception):
                raise answer
            return answer

        return told(checks._api(patient(line=Line(kid="k")), keys))

    assert answering({"keys": [{"kid": "j"}, {"kid": "k"}]}) == (OK, "api.example answers", "")
    assert answering({"keys": [{"kid": "j"}]}) == (
        BAD, "it does not publish the key that signs", "Run `loginq deploy`.",
    )  # fmt: skip
    wrong: Any
    for wrong in (Trouble("no network"), {"error": {}}, {"keys": 1}):
        verdict, says, do = answering(wrong)
        assert (verdict, do) == (BAD, "See `loginq logs get_jwks`.")
        assert says.startswith("https://api.example/v1 does not answer: ")


def _invoked(*answers: tuple[Any, dict[str, str]]) -> tuple[Finding, Says]:
    lambdas = Says({"invoke": [{"Payload": io.BytesIO(json.dumps(body).encode()), **more} for body, more in answers]})
    stack = Stack(of=[resource("GetLoginStatus"), resource("QueuePlayerLogin")])
    return checks._functions(patient({"lambda": lambdas}, stack)), lambdas


def test_the_functions_behind_the_api_are_asked_about_nobody() -> None:
    found, lambdas = _invoked(({"statusCode": 404}, {}), ({"statusCode": 404}, {}))
    assert told(found) == (OK, "those behind /login and /login/status answer", "")
    asked = [(given["FunctionName"], json.loads(given["Payload"])["httpMethod"]) for _, given in lambdas.asked]
    assert asked == [("GetLoginStatus-1", "GET"), ("QueuePlayerLogin-1", "DELETE")]


@pytest.mark.parametrize(
    ("body", "more"),
    [
        ({"statusCode": 500}, {}),
        ({"statusCode": 503}, {}),
        ({"errorMessage": "No module named 'jwt'"}, {"FunctionError": "Unhandled"}),
        ({"statusCode": 404}, {"FunctionError": "Unhandled"}),
        (None, {}),
        ("x", {}),
    ],
)
def test_a_function_that_fails_turns_doctor_red(body: Any, more: dict[str, str]) -> None:
    found, _ = _invoked((body, more))
    status = 503 if body == {"statusCode": 503} else 500
    assert told(found) == (
        BAD, f"get_login_status answers {status}: players cannot get in",
        "`loginq logs get_login_status --level ERROR` says why.",
    )  # fmt: skip
    found, _ = _invoked(({"statusCode": 404}, {}), (body, more))
    assert found.says == f"queue_player_login answers {status}: players cannot get in"


def test_what_cannot_be_checked_is_a_finding_and_nothing_stops_the_rest() -> None:
    everything = patient(
        {
            "sts": {"get_caller_identity": Refused("No such right.", "Ask.")},
            "cloudformation": {"detect_stack_drift": Failed("It is gone.", "Deploy.")},
        },
        line=NoTarget("There is no line.", "Deploy it."),
        target=replace(TARGET, api_url="http://127.0.0.1:1"),
    )
    found = {each.what: each for each in checks.examine(everything, lambda seconds: None)}
    assert list(found) == [
        "credentials", "stack", "drift", "code", "parameters", "intake trigger", "dead letters", "line", "clock",
        "API", "functions", "concurrency",
    ]  # fmt: skip
    assert told(found["credentials"]) == (
        UNKNOWN, "No such right.", "Ask for that permission, if you want this checked.",
    )  # fmt: skip
    assert told(found["drift"]) == (BAD, "It is gone.", "Deploy.")
    assert told(found["line"]) == told(found["clock"]) == (BAD, "There is no line.", "Deploy it.")
    assert told(found["functions"])[:2] == (BAD, "The stack has no GetLoginStatus.")
    assert told(found["parameters"]) == (BAD, "There is no stack 'loginq' here.", "Run `loginq deploy`.")
    assert found["dead letters"].document() == {"what": "dead letters", "verdict": "ok", "says": "none", "do": ""}


# What the stack was given


def given(**parameters: str) -> Stack:
    return Stack(given={"BatchSize": "10", "BatchWindowSeconds": "0", **parameters})


@pytest.mark.parametrize(
    ("parameters", "endpoint", "expected"),
    [
        ({"IntakeVisibilitySeconds": "180"}, None, (OK, "they agree with one another", "")),
        (
            {"IntakeVisibilitySeconds": "179"}, None,
            (
                WARN,
                "IntakeVisibilitySeconds must be at least 180: six times PlacingTimeoutSeconds, plus "
                "BatchWindowSeconds. Otherwise SQS delivers a batch again while it is still being placed",
                "Deploy again. Give --param IntakeVisibilitySeconds=180.",
            ),
        ),
        ({"IntakeVisibilitySeconds": "5"}, "http://127.0.0.1:1", (OK, "they agree with one another", "")),
    ],
)  # fmt: skip
def test_parameters_that_clash_are_told_as_deploy_tells_them(
    parameters: dict[str, str], endpoint: str | None, expected: tuple[Verdict, str, str]
) -> None:
    one = patient(stack=given(PlacingTimeoutSeconds="30", **parameters), endpoint=endpoint)
    assert told(checks._parameters(one)) == expected


def test_rules_that_are_not_those_of_the_parameters_are_named() -> None:
    stack = given(PlacingTimeoutSeconds="30", IntakeVisibilitySeconds="180", LeaseSeconds="61", ReportsJoined="true")
    says = "the functions go by other values: LeaseSeconds, ReportsJoined"
    assert told(checks._parameters(patient(stack=stack))) == (BAD, says, "Run `loginq deploy`.")
    same = replace(Rules(), lease=61_000, reports_joined=True)
    assert told(checks._parameters(patient(stack=stack, rules=same)))[0] is OK


def account(all_: int, unreserved: int) -> dict[str, Answers]:
    limit = {"ConcurrentExecutions": all_, "UnreservedConcurrentExecutions": unreserved}
    return {"lambda": {"get_account_settings": {"AccountLimit": limit}}}


ASK = "Ask AWS for more: Service Quotas, lambda, “Concurrent executions”."


@pytest.mark.parametrize(
    ("clients", "reserved", "expected"),
    [
        (
            account(1_000, 1_000), "0",
            (OK, "1,000 functions at once in this account, 990 of them left beside placing", ""),
        ),
        (
            account(1_000, 900), "100",  # its own reservation is among those that are taken
            (OK, "1,000 functions at once in this account, 900 of them left beside placing", ""),
        ),
        (
            account(10, 10), "0",
            (WARN, "This account runs 10 functions at once. Beside placing that leaves 0, so that polls may fail", ASK),
        ),
        (
            account(50, 50), "0",
            (
                WARN,
                "This account runs 50 functions at once. Beside placing that leaves 40, which answer at most 400 "
                "requests/s",
                ASK,
            ),
        ),
    ],
)  # fmt: skip
def test_the_accounts_concurrency_is_looked_at_without_a_launch(
    clients: dict[str, Answers], reserved: str, expected: tuple[Verdict, str, str]
) -> None:
    one = patient(clients, given(PlacingReservedConcurrency=reserved))
    assert told(checks._concurrency(one)) == expected


def test_an_emulator_has_no_account() -> None:
    no = Refused("no")
    clients = {"sts": {"get_caller_identity": no}, "cloudformation": {"detect_stack_drift": no}}
    api = replace(TARGET, api_url="http://127.0.0.1:1")
    local = patient(clients, target=api, endpoint="http://127.0.0.1:1")
    assert "concurrency" not in {each.what for each in checks.examine(local, lambda seconds: None)}
    (lambdas,) = quotas.held(local.aws, [each for each in quotas.needs(Crowd(5, 1_000)) if each.service == "lambda"])
    assert (lambdas.allowed, lambdas.known) == (1_000, False)


# The launch that is planned


def _launch(
    stack: Mapping[str, str] | None = None,
    own: list[dict[str, Any]] | None = None,
    unreserved: int | None = None,
    pool: dict[str, Any] | None = None,
    players: int = 200_000,
    within: int = 600_000,
) -> dict[str, Finding]:
    table = {"Table": {"WarmThroughput": {"ReadUnitsPerSecond": 12_000, "WriteUnitsPerSecond": 4_000}}}
    clients: dict[str, Answers] = {
        "service-quotas": {"list_service_quotas": {"Quotas": own} if own else Refused("No.")},
        "dynamodb": {"describe_table": table},
        "cognito-idp": {"describe_user_pool": {"UserPool": pool or {}}},
        "lambda": {"get_account_settings": Refused("No.")},
        **(account(1_000, unreserved) if unreserved else {}),
    }
    one = patient(clients, given(**(stack or {})), line=Line(rate=50_000))
    return {each.what: each for each in readiness.examine_launch(one, players, within)}


POLLS = Crowd(200_000, 600_000).polls


def test_a_launch_against_the_documented_defaults() -> None:
    found = _launch()
    assert {what: each.verdict for what, each in found.items()} == {
        "sign-ins": BAD, "sign-ups": WARN, "API requests": OK, "Lambdas at once": OK, "polls": OK,
        "table": OK, "placing": OK, "counting": OK, "ceiling": OK, "mail": WARN, "protection": WARN,
    }  # fmt: skip
    default = "the documented default; yours could not be read"
    assert told(found["sign-ins"]) == (
        BAD,
        f"334/s needed, 120/s allowed ({default})",
        "Ask for more, and let players sign in before the doors open: ID tokens last `IdTokenHours`. "
        "Service Quotas: cognito-idp, “Rate of UserAuthentication requests”.",
    )
    assert told(found["sign-ups"]) == (
        WARN,
        f"668/s needed if nobody has an account yet, 50/s allowed ({default})",
        "Ask for more, and let players make their accounts before the doors open. "
        "Service Quotas: cognito-idp, “Rate of UserCreation requests”.",
    )
    assert found["Lambdas at once"].says == f"{10 + -(-(334 + POLLS) // 10):,} needed, 1,000 allowed ({default})"


def test_a_launch_against_the_accounts_own_quotas() -> None:
    own = [
        {"QuotaName": "Rate of UserAuthentication requests", "Value": 400.0},
        {"QuotaName": "Rate of UserCreation requests", "Value": 700.0},
        {"QuotaName": "Throttle rate", "Value": 2_500.0},
        {"QuotaName": "Concurrent executions", "Value": 5_000.0},
    ]
    found = _launch(own=own, unreserved=100)
    assert told(found["sign-ins"]) == (OK, "334/s needed, 400/s allowed (your account's quota)", "")
    assert found["sign-ups"].verdict is OK
    assert (found["API requests"].verdict, found["Lambdas at once"].verdict) == (BAD, BAD)
    assert "100 allowed (your account's quota)" in found["Lambdas at once"].says  # what is reserved serves no polls


def test_what_is_reserved_for_placing_is_not_asked_of_the_rest() -> None:
    with_, without = (_launch({"PlacingReservedConcurrency": n}, unreserved=900) for n in ("0", "10"))
    needed = [int(each["Lambdas at once"].says.split()[0].replace(",", "")) for each in (with_, without)]
    assert needed[0] - needed[1] == 10


def test_the_stages_own_throttle_counts_each_method() -> None:
    exact = {"RequestsPerSecond": str(POLLS), "RequestsBurst": str(-(-POLLS // 2))}
    assert told(_launch(exact)["stage throttle"])[::2] == (OK, "")
    for name in exact:
        found = _launch({**exact, name: str(int(exact[name]) - 1)})["stage throttle"]
        words = " ".join(f"--param {each}={value}" for each, value in exact.items())
        assert (found.verdict, found.do) == (BAD, f"`loginq deploy {words}`.")
    rush = _launch(exact, within=10_000)["stage throttle"]
    assert rush.says.startswith("20,000/s and 10,000 at once needed of the busiest call")


def test_a_stack_whose_rules_make_players_poll_often_is_told_what_that_costs() -> None:
    found = _launch({"LeaseSeconds": "20", "ClaimWindowSeconds": "100"})["polls"]
    longest = LONGEST // 1_000
    assert told(found) == (
        WARN,
        "who waits long polls each 10 s at the latest: 22,223/s",
        f"`loginq deploy --param LeaseSeconds={2 * longest} --param ClaimWindowSeconds={4 * longest}` makes them "
        f"{POLLS:,}/s.",
    )


def test_which_limit_breaks_first_and_what_an_edge_would_change() -> None:
    found = _launch(players=1_000_000)["ceiling"]
    assert told(found) == (
        BAD,
        "breaks first: Lambdas at once, 9,900 requests/s, at 444,000 waiting; then API requests, at 449,000, "
        "reads of the table, at 929,000, reads of the line, at 1,430,000",
        "Ask for more; a new account may have far less than the default. Service Quotas: lambda, “Concurrent "
        "executions”. `loginq deploy --param Edge=true` makes it 4,440,000.",
    )
    with_edge = _launch({"Edge": "true"}, players=1_000_000)
    assert (
        told(with_edge["ceiling"])[::2] == (OK, "")
        and "at 4,440,000 waiting; then API requests" in with_edge["ceiling"].says
    )
    assert with_edge["polls"].says == (
        "who waits long looks each 60 s at the latest, 18,519/s at the edge, and polls each 10 min: 1,852/s"
    )
    document = found.document()
    assert document["limits"][0] == {
        "what": "Lambdas at once", "allowed_per_second": 9_900, "of": "requests", "waiting": 444_582,
    }  # fmt: skip
    assert [each["waiting"] for each in with_edge["ceiling"].document()["limits"]] == [
        each["waiting"] for each in document["with_edge"]
    ]
    throttled = _launch({"RequestsPerSecond": "2000", "RequestsBurst": "1000"})["ceiling"]
    assert (throttled.verdict, throttled.do.split(".")[0]) == (
        BAD, "`loginq deploy --param RequestsPerSecond=0 --param RequestsBurst=0`",
    )  # fmt: skip


def _limits(found: Finding) -> tuple[ceilings.Limit, ...]:
    assert isinstance(found, readiness.Ceiling)
    return found.limits


def test_where_players_are_a_provider_s_its_authorizer_takes_of_the_lambdas_too() -> None:
    foreign = {"IdentityIssuer": "https://a.example.com", "IdentityAudience": "game"}
    (with_pool, *_), (without, *_) = (_limits(_launch(each, players=1_000)["ceiling"]) for each in ({}, foreign))
    assert (with_pool.name, without.name) == ("Lambdas at once", "Lambdas at once")
    assert without.each == pytest.approx(with_pool.each + 1 / quotas.VERDICT)
    assert without.taken == 2 * with_pool.taken
    for given in (foreign, {**foreign, "Edge": "true"}):  # what is said of the quota and of the ceiling is the same
        most = _limits(_launch(given, players=1_000, within=10**9)["ceiling"])[0].waiting
        for players, verdict in ((round(most * 0.99), OK), (round(most * 1.01), BAD)):
            found = _launch(given, players=players, within=10**9)
            assert (found["ceiling"].verdict, found["Lambdas at once"].verdict) == (verdict, verdict)
    assert _limits(_launch({**foreign, "Edge": "true"})["ceiling"])[0].each == pytest.approx(2 / 540)


@hypothesis.given(
    longest=st.integers(10_000, 60_000), has_edge=st.booleans(), newcomers=st.integers(0, 500), has_pool=st.booleans()
)
def test_a_limit_bears_as_many_as_it_says_and_not_one_more(
    longest: int, has_edge: bool, newcomers: int, has_pool: bool
) -> None:
    of = ceilings.asking(longest, edge=has_edge, has_pool=has_pool)
    found = ceilings.limits(of, ceilings.Allowed(throttle=8_000), newcomers)
    assert [each.waiting for each in found] == sorted(each.waiting for each in found)
    for each in found:
        assert each.taken + each.each * each.waiting <= each.allowed * (1 + 1e-9)
        assert each.taken + each.each * (each.waiting + 1) > each.allowed * (1 - 1e-9)
    assert {"CloudFront requests"} <= {each.name for each in found} or not has_edge


def test_more_are_let_in_than_are_counted_in_time() -> None:
    top = 1_000 * (ceilings.COUNTED + 1)
    assert readiness._counting(patient(line=Line(rate=top - 1_000))).verdict is OK
    found = readiness._counting(patient(line=Line(rate=1, steps=((1, top),))))
    assert told(found)[0] is WARN and f"{ceilings.COUNTED:,}/s counted in time" in found.says


def test_who_sends_the_mail() -> None:
    found = _launch()["mail"]
    assert told(found) == (
        WARN,
        "Cognito's own sender sends 50 a day, and each player who signs up needs one",
        "Let SES send it: `loginq deploy --param SesIdentityArn=ARN`.",
    )
    ses = {"EmailConfiguration": {"EmailSendingAccount": "DEVELOPER", "From": "Studio <no-reply@studio.example>"}}
    assert told(_launch(pool=ses)["mail"]) == (OK, "SES sends it: Studio <no-reply@studio.example>", "")


def test_a_stack_that_anybody_may_delete_is_no_state_for_a_launch() -> None:
    assert told(readiness._protection(patient(stack=Stack(protected=True)))) == (
        OK, "nobody can delete the stack before that is lifted", "",
    )  # fmt: skip
    assert told(readiness._protection(patient())) == (
        WARN,
        "whoever deletes the stack takes the API from every client that is out there",
        "`aws cloudformation update-termination-protection --enable-termination-protection --stack-name loginq`",
    )


SMALL, LARGE = PLACED[10], PLACED[500]
RUSH = "--param BatchSize=500 --param BatchWindowSeconds=1"


@pytest.mark.parametrize(
    ("per_second", "stack", "verdict", "do"),
    [
        (SMALL, {}, OK, ""),
        (SMALL + 1, {}, WARN, f"Before the launch: `loginq deploy {RUSH}`: {LARGE:,}/s."),
        (SMALL // 2, {"PlacingMaxConcurrency": "5"}, OK, ""),
        (
            SMALL // 2 + 1, {"PlacingMaxConcurrency": "5", "PlacingReservedConcurrency": "5"}, WARN,
            f"Before the launch: `loginq deploy {RUSH} --param PlacingMaxConcurrency=10 "
            f"--param PlacingReservedConcurrency=10`: {LARGE:,}/s.",
        ),
        (
            SMALL + 1, {"IntakeVisibilitySeconds": "180"}, WARN,
            f"Before the launch: `loginq deploy {RUSH} --param IntakeVisibilitySeconds=181`: {LARGE:,}/s.",
        ),
        (LARGE, {"BatchSize": "500", "BatchWindowSeconds": "1"}, OK, ""),
        (
            LARGE + 1, {"BatchSize": "500", "BatchWindowSeconds": "1"}, WARN,
            "The others wait in the intake: let them come more slowly.",
        ),
        (
            SMALL, {"BatchSize": "500", "BatchWindowSeconds": "1"}, OK,
            "`loginq deploy --param BatchSize=10 --param BatchWindowSeconds=0` is enough, and places who comes alone "
            "at once.",
        ),
        (SMALL // 10, {"BatchSize": "1"}, OK, ""),
        (SMALL // 10 + 1, {"BatchSize": "1"}, WARN, f"Before the launch: `loginq deploy {RUSH}`: {LARGE:,}/s."),
    ],
)  # fmt: skip
def test_whether_the_default_places_them_or_large_batches_are_needed(
    per_second: int, stack: dict[str, str], verdict: Verdict, do: str
) -> None:
    found = _launch(stack, players=600 * per_second)["placing"]
    assert (found.verdict, found.do) == (verdict, do)
    assert found.says.startswith(f"{per_second:,}/s come, {stack.get('PlacingMaxConcurrency', 10)} functions place ")
    deployed = given(**stack).given | dict(re.findall(r"--param (\w+)=(\d+)", do))
    template.load().checked(deployed, on_aws=True)


def test_a_launch_of_no_stack() -> None:
    (found,) = readiness.examine_launch(patient(), 10, 10_000)
    assert told(found) == (BAD, "There is no stack 'loginq' here.", "Run `loginq deploy`.")


def test_a_table_that_is_too_cold_says_what_to_give_and_that_it_can_be_given() -> None:
    def warm(table: dict[str, Any], line: Line) -> Finding:
        clients = {"dynamodb": {"describe_table": {"Table": table}}}
        return readiness._warm(patient(clients, line=line), Crowd(200_000, 600_000, 30_000))

    assert told(warm({}, Line(rate=50_000))) == (
        OK,
        "4,138 reads/s and 868 writes/s needed, 12,000 and 4,000 at once (the documented default of a new table)",
        "",
    )
    planned = Line(rate=50_000, steps=((1, 3_000_000),))
    found = warm({"WarmThroughput": {"ReadUnitsPerSecond": 15_000, "WriteUnitsPerSecond": 4_000}}, planned)
    assert (found.verdict, found.do) == (
        BAD,
        "Before the launch: `loginq deploy --param WarmReads=15000 --param WarmWrites=6768`; AWS bills the rise once.",
    )
    template.load().checked({"WarmReads": "15000", "WarmWrites": "6768"}, on_aws=True)


# The public line, and the edge before it


class Web:
    """What a URL that ends so answers; a list is answered one after the other."""

    def __init__(self, **answers: Any) -> None:
        self._answers = answers

    def request(self, method: str, url: str, **_: Any) -> Any:
        answer = self._answers[url.rpartition("/")[2]]
        return answer.pop(0) if isinstance(answer, list) else answer


def answered(status: int = 200, at: int = 0, more: Mapping[str, str] | None = None) -> Any:
    headers = {"Cache-Control": "public, max-age=1" if status == 200 else "no-store", **(more or {})}
    return SimpleNamespace(status_code=status, headers=headers, json=lambda: document(Line(), at, 240_000))


EDGE_URL = "https://d1.cloudfront.net"
NOTHING = [answered(403), answered(403)]


def edged(web: Web, spread: Mapping[str, Any] | None = None, **parameters: str) -> dict[str, Finding]:
    said = {"LineUrl": f"{EDGE_URL}/line", "RestEndpoint": EDGE_URL}
    found = {"Id": "E1", "DomainName": "d1", "Status": "Deployed", "DistributionConfig": {"Enabled": True}}
    clients = {"cloudfront": {"get_distribution": {"Distribution": {**found, **(spread or {})}}}}
    of = [resource("Distribution", "AWS::CloudFront::Distribution")]
    stack = Stack(of=of, said=said, given={"Edge": "true", **parameters})
    return {each.what: each for each in edge.examine(patient(clients, stack, clock=lambda: 15_000), web)}


def test_where_a_stack_has_neither_public_line_nor_edge_nothing_is_asked() -> None:
    for stack in (Stack(), Stack(said={"RestEndpoint": EDGE_URL}, given={"InitialRate": "20"})):
        assert list(edge.examine(patient(stack=stack), Web())) == []
    assert list(edged(Web(line=answered(at=15_000)), Edge="false")) == ["public line"]


def test_an_edge_that_is_well() -> None:
    found = edged(Web(line=answered(at=14_000), nothing=[*NOTHING]))
    assert {what: each.verdict for what, each in found.items()} == {
        "public line": OK, "edge": OK, "errors at the edge": OK,
    }  # fmt: skip


@pytest.mark.parametrize(
    ("line", "says"),
    [
        (answered(503), f"{EDGE_URL}/line answers 503."),
        (
            answered(200, 15_000, {"Cache-Control": "no-store"}),
            f"No cache may keep what {EDGE_URL}/line answers: no-store.",
        ),
        (answered(200, 15_000, {"Set-Cookie": "a=b"}), "No cache may keep"),
        (answered(at=4_000), f"{EDGE_URL}/line shows the line of 11 s ago: players ask for themselves"),
        (SimpleNamespace(**{**vars(answered()), "json": dict}), f"What {EDGE_URL}/line answers is no public line."),
    ],
)
def test_a_public_line_that_no_player_could_use(line: Any, says: str) -> None:
    found = edged(Web(line=line, nothing=[*NOTHING]))["public line"]
    assert found.verdict is BAD and found.says.startswith(says) and found.do


@pytest.mark.parametrize(
    ("spread", "nothing", "what", "verdict"),
    [
        ({"Status": "InProgress"}, NOTHING, "edge", WARN),
        ({"DistributionConfig": {"Enabled": False}}, NOTHING, "edge", BAD),
        ({}, [answered(403), answered(403, more={"Age": "3"})], "errors at the edge", BAD),
        ({}, [answered(200), answered(403)], "errors at the edge", BAD),
    ],
)
def test_an_edge_that_is_not(spread: dict[str, Any], nothing: list[Any], what: str, verdict: Verdict) -> None:
    found = edged(Web(line=answered(at=15_000), nothing=[*nothing]), spread)
    assert [each.what for each in found.values() if each.verdict is not OK] == [what]
    assert found[what].verdict is verdict and found[what].do
