"""`deploy` as it can be judged: what is shown before the question, kept, applied, followed, and picked up again."""

import json
from typing import Any

import pytest

from loginq.cli.console import DASH
from loginq.deploy.bundle import Bundle
from loginq.deploy.deployment import Deployment
from loginq.deploy.plan import Crowd
from loginq.service.rules.errors import NoTarget
from tests.cli.conftest import Run, Screen
from tests.unit.scripted import Answer, Scripted, in_turn
from tests.unit.test_artifacts import ACCOUNT, BARE
from tests.unit.test_changes import ARN, TAGGED, by_parameter, change, detail, seen
from tests.unit.test_deployment import account, deployment_of, resources, there
from tests.unit.test_stack import DONE, GONE, ID, MADE, MISSING, OLD, SET, STARTED, change_set, event, page, stacks

BUNDLE = f"loginq/{'a' * 64}.zip"
ALIKE = ["GetJwks", "GetLogin", "GetLoginStatus"]
CHANGES = [
    change("EachMinute", "Events::Rule", *by_parameter("Description", "InitialRate")),
    *(change(name, "Lambda::Function", *by_parameter("Environment", "LogLevel")) for name in ALIKE),
    change("UserPool", "Cognito::UserPool", ARN, replacement="Conditional"),
    change("Method", "ApiGateway::Method", detail("HttpMethod", again="Always"), replacement="True"),
    change("GetJwksRole", "IAM::Role", detail("Policies")),
]


def listed(*changes: dict[str, Any]) -> dict[str, Any]:
    return {**change_set("CREATE_COMPLETE"), "Changes": [{"Type": "Resource", "ResourceChange": c} for c in changes]}


class Played(Deployment):
    """A deployment with a queue that runs, of which only the number of players is asked, and which needs nothing
    beside its stack."""

    there: Crowd | None = Crowd(74_000, 1_200)

    def crowd(self) -> Crowd:
        if self.there is None:
            raise NoTarget("The queue 'main' has no line yet.")
        return self.there

    def _prepare(self) -> None: ...


def updating(monkeypatch: pytest.MonkeyPatch, *changes: dict[str, Any], **answers: Answer) -> tuple[Played, Scripted]:
    """An update of a stack on AWS that has these parameters, with what CloudFormation says it would change."""
    monkeypatch.setattr("loginq.deploy.bundle.build", lambda for_aws: Bundle(b"zip"))
    monkeypatch.setattr("loginq.deploy.bundle.sources_hash", lambda: "hash")
    has = there(InitialRate="20", LogLevel="INFO", CodeKey=BUNDLE, LoginqVersion="0.0.9", CorsOrigin="*")
    done = dict.fromkeys(("DeleteChangeSet", "ExecuteChangeSet", "PutObject"), in_turn({}))
    _, aws = deployment_of(
        {
            **BARE,
            **done,
            "HeadObject": in_turn({}),
            "GetObjectTagging": in_turn({"TagSet": []}),
            "GetAccountSettings": account(1_000),
            "ListStackResources": resources(),
            "DescribeStacks": in_turn(has),
            "CreateChangeSet": in_turn({"Id": SET, "StackId": ID}),
            "DescribeChangeSet": in_turn(listed(*(changes or CHANGES))),
            "DescribeStackEvents": in_turn(page(OLD), page(DONE, MADE, STARTED, OLD)),
            **answers,
        }
    )
    deployment = Played(aws, "loginq", ACCOUNT, "eu-west-1")
    deployment.stack.sleep = lambda seconds: None
    monkeypatch.setattr("loginq.cli.deploy.open_deployment", lambda local: deployment)
    monkeypatch.setattr("loginq.cli.deploy._finish", lambda deployment, plan, applied: {})
    monkeypatch.setattr("loginq.cli.deploy.Deployments.keep", lambda *_: None)
    return deployment, aws


def answered(monkeypatch: pytest.MonkeyPatch, run: Run, yes: str, *words: str) -> Screen:
    """A run with somebody at the terminal."""
    monkeypatch.setattr("loginq.cli.options.has_terminal", lambda: True)
    return run("deploy", *words, stdin=yes)


# What is shown


def test_a_rate_that_holds_only_for_a_new_line_is_told_before_the_question(
    run: Run, monkeypatch: pytest.MonkeyPatch
) -> None:
    """It used to be sixteen rows of `Modify … perhaps`, the user pool among them, and not one word of the rate."""
    _, aws = updating(monkeypatch, CHANGES[0], CHANGES[4])
    screen = answered(monkeypatch, run, "n\n", "--param", "InitialRate=500")
    lines = screen.err.splitlines()
    at = next(n for n, line in enumerate(lines) if line.split() == ["InitialRate", "20", "500"])
    assert lines[at - 1].split() == ["parameter", "is", "will", "be"]
    told = " ".join(" ".join(lines[at + 1 : at + 4]).split())
    assert told.startswith("Players admitted per second when the line is first made; afterwards `loginq rate set`")
    assert "Only for a new line: this one keeps its rate." in told
    assert lines.index("Modify  Events::Rule  no        EachMinute") > at
    assert "  Description by parameter InitialRate" in lines
    assert "Also, but only if one of these is replaced: UserPool." in lines
    assert "begin anew" not in screen.err
    assert lines[-2] == "74,000 wait in line and 1,200 are in the game now."
    assert lines[-1].startswith("Apply 2 changes while 74,000 wait in line and 1,200 are in the game? [y/N]:")
    assert (screen.code, len(aws.made("DeleteChangeSet")), aws.made("ExecuteChangeSet")) == (1, 1, [])


def test_who_is_in_the_game_by_another_kind_of_report_is_asked_about(run: Run, monkeypatch: pytest.MonkeyPatch) -> None:
    updating(monkeypatch, CHANGES[0])
    screen = answered(monkeypatch, run, "n\n", "--param", "SessionReports=counts")
    assert "reports of the other kind are refused as wrong_report" in " ".join(screen.err.split())
    asked = "Apply 1 change, and go by the counts of game servers from then on, while 74,000 wait in line and"
    assert asked in " ".join(screen.err.split())


def test_who_shuts_out_every_account_types_the_stacks_name(run: Run, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("loginq.cli.deploy.counted_in", lambda deployment: (["about 812 accounts", "7 waiting"], True))
    monkeypatch.setattr("loginq.deploy.provider.fetch", lambda url: pytest.fail(url))
    monkeypatch.setattr("loginq.deploy.deployment.provider.check", lambda *_: None)
    given = ("--param", "IdentityIssuer=https://a.example.com", "--param", "IdentityAudience=game")
    for typed, applied in (("y\n", 0), ("loginq\n", 1)):
        _, aws = updating(monkeypatch, CHANGES[0])
        screen = answered(monkeypatch, run, typed, *given)
        said = " ".join(screen.err.split())
        assert (
            "Let in players of https://a.example.com alone, and no more of the user pool, and keep the user pool"
            in said
        )
        assert "about 812 accounts, 7 waiting, account 123456789012, region eu-west-1. Type loginq to go on" in said
        assert len(aws.made("ExecuteChangeSet")) == applied
    updating(monkeypatch, CHANGES[0])
    assert "only its players get in" in " ".join(run("deploy", *given, "--yes").err.split())


def test_a_long_plan_is_read_from_its_top_where_somebody_is_asked(run: Run, monkeypatch: pytest.MonkeyPatch) -> None:
    turned = list[str]()
    monkeypatch.setattr("loginq.cli.plan.paged", lambda draw, stream: turned.append(stream))
    updating(monkeypatch)
    answered(monkeypatch, run, "n\n")
    assert turned == ["stderr"]
    updating(monkeypatch)
    assert "EachMinute" in run("deploy", "--yes").err and turned == ["stderr"]


def test_what_changes_alike_is_one_the_gravest_first_and_access_apart(
    run: Run, monkeypatch: pytest.MonkeyPatch
) -> None:
    updating(monkeypatch)
    monkeypatch.setenv("COLUMNS", "80")
    lines = run("deploy", "--dry-run", "--param", "LogLevel=DEBUG").err.splitlines()
    at = next(n for n, line in enumerate(lines) if line.startswith("action"))
    assert lines[at : at + 10] == [
        "action  type                replaced  resources",
        "Modify  ApiGateway::Method  yes       Method",
        "  HttpMethod by the template (replaces it)",
        "Modify  Events::Rule        no        EachMinute",
        "  Description by parameter InitialRate",
        "Modify  Lambda::Function    no        GetJwks, GetLogin, GetLoginStatus",
        "  Environment by parameter LogLevel",
        "3 functions begin anew: first calls take a second longer, places stay.",
        "",
        "action  type       replaced  who may do what",
    ]
    assert max(map(len, lines[at:])) <= 80
    assert "Modify  IAM::Role  no        GetJwksRole" in lines


def test_an_edge_is_said_to_take_minutes(run: Run, monkeypatch: pytest.MonkeyPatch) -> None:
    updating(monkeypatch, change("Distribution", "CloudFront::Distribution", detail("DistributionConfig")))
    said = " ".join(run("deploy", "--dry-run", "--param", "Edge=true").err.split())
    assert "CloudFront takes some minutes to make, change or take away the edge; players are served meanwhile." in said
    assert "Taken away, its address is gone for good" in said


def test_the_same_as_data(run: Run, monkeypatch: pytest.MonkeyPatch) -> None:
    updating(monkeypatch)
    told = json.loads(run("deploy", "--dry-run", "--param", "InitialRate=500", "--tag", "team=a", "--json").out)
    rate = told["parameters"][0]
    assert (rate["name"], rate["before"], rate["after"]) == ("InitialRate", "20", "500")
    assert "new line" in rate["effect"]
    assert told["resources"][0] == {
        "action": "Modify",
        "resource": "EachMinute",
        "type": "AWS::Events::Rule",
        "replaced": "no",
        "access": False,
        "reasons": [{"what": "Description", "by": "parameter", "cause": "InitialRate", "recreates": ""}],
    }
    assert [each["resource"] for each in told["resources"] if each["access"]] == ["GetJwksRole"]
    assert told["tags"] == [{"key": "team", "before": None, "after": "a"}]
    assert (told["waiting"], told["in_game"], told["changes"], told["applied"]) == (74_000, 1_200, 7, False)
    assert (told["plan"], told["triggers"], told["ringing"]) == ("loginq-1", [], [])


def test_what_only_gets_other_tags_is_one_line(run: Run, monkeypatch: pytest.MonkeyPatch) -> None:
    tagged = [change(name, "SQS::Queue", TAGGED) for name in ("Intake", "DeadLetters")]
    updating(monkeypatch, CHANGES[0], *tagged, change("UserPool", "Cognito::UserPool", TAGGED, ARN))
    lines = run("deploy", "--dry-run", "--tag", "team=a").err.splitlines()
    assert "At 2 more resources only the tags change." in lines
    assert "Also, but only if one of these is replaced: UserPool." in lines
    assert not [line for line in lines if "Intake" in line]


def test_a_crowd_that_cannot_be_seen_is_told(run: Run, monkeypatch: pytest.MonkeyPatch) -> None:
    deployment, _ = updating(monkeypatch)
    deployment.there = None
    screen = run("deploy", "--dry-run")
    assert "How many players wait could not be seen: The queue 'main' has no line yet." in screen.err.splitlines()
    assert screen.code == 0


def test_whoever_ends_it_before_the_question_leaves_no_change_set(run: Run, monkeypatch: pytest.MonkeyPatch) -> None:
    def ended(*_: object) -> None:
        raise KeyboardInterrupt

    _, aws = updating(monkeypatch)
    monkeypatch.setattr("loginq.cli.deploy.crowd_of", ended)
    assert run("deploy", "--dry-run").code == 130
    assert len(aws.made("DeleteChangeSet")) == 1


# Kept and applied


def test_a_dry_run_keeps_its_plan_and_says_how_it_is_applied(run: Run, monkeypatch: pytest.MonkeyPatch) -> None:
    _, aws = updating(monkeypatch)
    screen = run("deploy", "--dry-run")
    assert screen.err.splitlines()[-3:] == [
        "✓ Nothing was changed: this was a dry run.",
        "As long as nobody deploys anything else, this applies exactly it:",
        "  loginq deploy --apply loginq-1",
    ]
    assert not aws.made("DeleteChangeSet")


def kept(*changes: dict[str, Any], **more: Any) -> dict[str, Any]:
    """A change set as it is found again."""
    parameters = [{"ParameterKey": "LogLevel", "ParameterValue": "DEBUG"}, {"ParameterKey": "CorsOrigin"}]
    found = {"ChangeSetId": SET, "StackId": ID, "ExecutionStatus": "AVAILABLE", "Parameters": parameters}
    return {**listed(*changes), **found, "Tags": [{"Key": "team", "Value": "a"}], **more}


def test_what_is_hidden_is_not_said_to_change_by_a_plan_that_was_kept(
    run: Run, monkeypatch: pytest.MonkeyPatch
) -> None:
    """CloudFormation masks what is there, be it nothing, and an emulator does not mask what is to be."""
    plan = kept(*CHANGES)
    plan["Parameters"] = [*plan["Parameters"], {"ParameterKey": "AlarmUrl", "ParameterValue": ""}]
    before = there(InitialRate="20", LogLevel="INFO", CodeKey=BUNDLE, AlarmUrl="****")
    updating(monkeypatch, DescribeChangeSet=in_turn(plan), DescribeStacks=in_turn(before))
    said = answered(monkeypatch, run, "n\n", "--apply", "loginq-1").err
    assert "InitialRate" in said and "AlarmUrl" not in said


def test_what_was_kept_is_shown_again_and_applied(run: Run, monkeypatch: pytest.MonkeyPatch) -> None:
    _, aws = updating(monkeypatch, DescribeChangeSet=in_turn(kept(*CHANGES)))
    screen = answered(monkeypatch, run, "y\n", "--apply", "loginq-1")
    rows = [line.split() for line in screen.err.splitlines()]
    assert ["LogLevel", "INFO", "DEBUG"] in rows and ["team", DASH, "a"] in rows
    assert (screen.code, screen.err.splitlines()[-2]) == (0, "✓ The stack 'loginq' is updated.")
    assert aws.made("ExecuteChangeSet") == [{"ChangeSetName": SET, "StackName": "loginq"}]
    assert not aws.made("CreateChangeSet", "PutObject")


def test_a_no_keeps_what_a_dry_run_kept(run: Run, monkeypatch: pytest.MonkeyPatch) -> None:
    _, aws = updating(monkeypatch, DescribeChangeSet=in_turn(kept(*CHANGES)))
    assert answered(monkeypatch, run, "n\n", "--apply", "loginq-1").code == 1
    assert not aws.made("DeleteChangeSet", "ExecuteChangeSet")


OBSOLETE = "Error: The plan loginq-1 can no longer be applied: it is"


@pytest.mark.parametrize(
    ("found", "code", "says"),
    [
        (GONE, 3, "Error: The stack 'loginq' has no plan loginq-1."),
        (kept(StackId=ID.replace("loginq", "other")), 3, "Error: The stack 'loginq' has no plan loginq-1."),
        (kept(ExecutionStatus="OBSOLETE"), 1, f"{OBSOLETE} OBSOLETE."),
        (kept(ExecutionStatus="EXECUTE_IN_PROGRESS"), 1, f"{OBSOLETE} EXECUTE_IN_PROGRESS."),
        (kept(Status="FAILED", ExecutionStatus="UNAVAILABLE"), 1, f"{OBSOLETE} FAILED."),
    ],
)
def test_what_cannot_be_applied_any_more_is_not(
    run: Run, monkeypatch: pytest.MonkeyPatch, found: Any, code: int, says: str
) -> None:
    _, aws = updating(monkeypatch, DescribeChangeSet=in_turn(found))
    screen = run("deploy", "--apply", "loginq-1", "--yes")
    assert (screen.code, screen.err.splitlines()[0]) == (code, says)
    assert "loginq deploy --dry-run" in screen.err and not aws.made("ExecuteChangeSet")


def test_a_plan_is_named_and_takes_nothing_beside_it(run: Run) -> None:
    """No name is not no plan: in a script it is a variable that somebody forgot to set."""
    beside = (["--param", "LogLevel=INFO"], ["--tag", "a=b"], ["--dry-run"], ["--no-triggers"])
    for words in (["--apply", ""], *(["--apply", "loginq-1", *each] for each in beside)):
        screen = run("deploy", "--yes", *words)
        assert (screen.code, screen.err.splitlines()[0]) == (
            2,
            "Error: --apply takes an ID that a dry run printed, and nothing beside it.",
        )


# Alarms that take it back


def watched(*names: str, ringing: tuple[str, ...] = ()) -> dict[str, Answer]:
    answers = seen(*names, ringing=ringing)._answers
    return {name: answers[name] for name in ("ListStackResources", "DescribeAlarms")}


def test_alarms_take_an_update_back_and_one_that_rings_is_asked_about(
    run: Run, monkeypatch: pytest.MonkeyPatch
) -> None:
    alarms = watched("ServerErrorsAlarm", "DeadLettersAlarm", ringing=("DeadLettersAlarm",))
    deployment, aws = updating(monkeypatch, **alarms)
    deployment.there = Crowd(0, 0)
    screen = answered(monkeypatch, run, "n\n")
    assert screen.err.splitlines()[-4:-1] == [
        "CloudFormation takes this back if one of these rings, also in the 5 min after: ServerErrors.",
        "DeadLetters rings already: it cannot take this back.",
        "0 wait in line and 0 are in the game now.",
    ]
    assert "Apply 7 changes while DeadLetters rings? [y/N]" in screen.err
    (asked,) = aws.made("CreateChangeSet")
    assert asked["RollbackConfiguration"] == {
        "RollbackTriggers": [{"Arn": "arn:ServerErrorsAlarm", "Type": "AWS::CloudWatch::Alarm"}],
        "MonitoringTimeInMinutes": 5,
    }


def test_no_alarm_takes_it_back_where_none_is_wanted(run: Run, monkeypatch: pytest.MonkeyPatch) -> None:
    _, aws = updating(monkeypatch, **watched("ServerErrorsAlarm"))
    screen = run("deploy", "--dry-run", "--no-triggers")
    assert "No alarm takes this back." in screen.err.splitlines()
    (asked,) = aws.made("CreateChangeSet")
    assert asked["RollbackConfiguration"] == {"RollbackTriggers": [], "MonitoringTimeInMinutes": 0}
    assert not aws.made("DescribeAlarms")


def test_a_kept_plan_whose_alarm_has_begun_to_ring_says_what_then_happens(
    run: Run, monkeypatch: pytest.MonkeyPatch
) -> None:
    trigger = {"Arn": "arn:DeadLettersAlarm", "Type": "AWS::CloudWatch::Alarm"}
    plan = kept(*CHANGES, RollbackConfiguration={"RollbackTriggers": [trigger], "MonitoringTimeInMinutes": 5})
    alarms = watched("DeadLettersAlarm", ringing=("DeadLettersAlarm",))
    updating(monkeypatch, DescribeChangeSet=in_turn(plan), **alarms)
    said = answered(monkeypatch, run, "n\n", "--apply", "loginq-1").err.splitlines()
    assert "DeadLetters rings already: this will be taken back at once; plan it anew without it." in said


# Following it, and picking it up


def test_without_a_terminal_each_event_is_a_line(run: Run, monkeypatch: pytest.MonkeyPatch) -> None:
    updating(monkeypatch)
    said = run("deploy", "--yes").err.splitlines()
    assert said[-5:-1] == [
        "UPDATE_IN_PROGRESS  loginq (CloudFormation::Stack)",
        "UPDATE_COMPLETE  Table (DynamoDB::Table)",
        "UPDATE_COMPLETE  loginq (CloudFormation::Stack)",
        "✓ The stack 'loginq' is updated.",
    ]


def test_it_is_never_mute_for_long(run: Run, monkeypatch: pytest.MonkeyPatch) -> None:
    """While alarms are watched there is no event for five minutes."""
    silent = [page(OLD), *[page(STARTED, OLD)] * 65, page(DONE, STARTED, OLD)]
    updating(monkeypatch, **watched("ServerErrorsAlarm"), DescribeStackEvents=in_turn(*silent))
    said = [line for line in run("deploy", "--yes").err.splitlines() if line.startswith("Updating: ")]
    also = "CloudFormation goes on (at the end its alarms are watched for 5 min)."
    assert said == [f"Updating: nothing new for 30 s; {also}", f"Updating: nothing new for 1 min; {also}"]


@pytest.mark.parametrize(
    ("begun", "by", "code"),
    [(True, KeyboardInterrupt(), 130), (True, SystemExit(143), 143), (False, SystemExit(129), 129)],
)
def test_who_ends_it_is_told_what_goes_on_and_how_to_pick_it_up(
    run: Run, monkeypatch: pytest.MonkeyPatch, begun: bool, by: BaseException, code: int
) -> None:
    def ended(seconds: float) -> None:
        raise by

    events = [page(OLD), page(STARTED, OLD) if begun else page(OLD)]
    deployment, aws = updating(monkeypatch, DescribeStackEvents=in_turn(*events))
    deployment.stack.sleep = ended
    screen = run("deploy", "--yes")
    assert screen.code == code
    unknown = [
        "Whether CloudFormation has begun with the change of 'loginq' is not known; if so, it goes on.",
        "If it has not, the same command again, with its parameters, begins it.",
    ]
    known = ["CloudFormation goes on with the change of 'loginq': only the command was ended."]
    assert screen.err.splitlines()[-3 if begun else -4 :] == [
        *(known if begun else unknown),
        "`loginq deploy` picks it up: it follows that to its end, and does what comes after.",
        "`loginq status` says how it is.",
    ]
    assert aws.made("ExecuteChangeSet") and not aws.made("DeleteChangeSet")


NONE = change_set("FAILED", reason="The submitted information didn't contain changes.")


def test_a_deploy_picks_up_what_goes_on_and_does_what_comes_after(run: Run, monkeypatch: pytest.MonkeyPatch) -> None:
    busy, done = stacks("UPDATE_IN_PROGRESS"), there(CorsOrigin="*")
    events = [page(MADE, STARTED, OLD), page(DONE, MADE, STARTED, OLD)]
    before = event(0, "Api", "UPDATE_FAILED", "An older story.")
    history = [page(MADE, STARTED, OLD, before), *(page(*each["StackEvents"], before) for each in events)]
    _, aws = updating(
        monkeypatch,
        DescribeStacks=in_turn(*[busy] * 3, done),
        DescribeStackEvents=in_turn(*history),
        DescribeChangeSet=in_turn(NONE),
    )
    screen = run("deploy", "--yes")
    said = [line for line in screen.err.splitlines() if not line.startswith(("Bundl", "Found", "Asking"))]
    assert (screen.code, said) == (
        0,
        [
            "The stack 'loginq' is being changed: UPDATE_IN_PROGRESS. It is followed to its end first.",
            "UPDATE_IN_PROGRESS  loginq (CloudFormation::Stack)",
            "UPDATE_COMPLETE  Table (DynamoDB::Table)",
            "UPDATE_COMPLETE  loginq (CloudFormation::Stack)",
            "✓ That change is through.",
            "✓ No changes: what is deployed is what is here.",
            "✓ Written to .env:",
        ],
    )
    assert not aws.made("ExecuteChangeSet")


def test_what_is_picked_up_and_fails_ends_there(run: Run, monkeypatch: pytest.MonkeyPatch) -> None:
    back = [event(8, "loginq", "UPDATE_ROLLBACK_COMPLETE"), event(7, "loginq", "UPDATE_ROLLBACK_IN_PROGRESS")]
    history = page(*back, event(6, "Table", "UPDATE_FAILED", "Too warm."), STARTED, OLD)
    _, aws = updating(
        monkeypatch,
        DescribeStacks=in_turn(*[stacks("UPDATE_ROLLBACK_IN_PROGRESS")] * 2, stacks("UPDATE_ROLLBACK_COMPLETE")),
        DescribeStackEvents=in_turn(history),
    )
    screen = run("deploy", "--yes")
    said = "Error: Table (AWS::DynamoDB::Table): Too warm. The stack is in UPDATE_ROLLBACK_COMPLETE."
    assert (screen.code, screen.err.splitlines()[-2]) == (1, said)
    assert not aws.made("CreateChangeSet")


@pytest.mark.parametrize(
    ("status", "words"), [("UPDATE_IN_PROGRESS", ["--dry-run"]), ("DELETE_IN_PROGRESS", ["--yes"])]
)
def test_a_dry_run_waits_for_nobody_and_a_deploy_for_no_deletion(
    run: Run, monkeypatch: pytest.MonkeyPatch, status: str, words: list[str]
) -> None:
    updating(monkeypatch, DescribeStacks=in_turn(stacks(status)))
    screen = run("deploy", *words)
    assert (screen.code, screen.err.splitlines()[0]) == (1, f"Error: The stack 'loginq' is being changed: {status}.")


def test_a_new_stacks_plan_is_not_kept(run: Run, monkeypatch: pytest.MonkeyPatch) -> None:
    made = change("Table", "DynamoDB::Table", action="Add")
    _, aws = updating(monkeypatch, made, DescribeStacks=in_turn(MISSING))
    screen = run("deploy", "--dry-run", "--param", "LeaseSeconds=60", "--param", "ClaimWindowSeconds=120")
    assert screen.err.splitlines()[-2:] == [
        "✓ Nothing was changed: this was a dry run.",
        "The plan of a new stack is not kept: `loginq deploy` makes it again.",
    ]
    rows = [line.split() for line in screen.err.splitlines()]
    assert ["parameter", "default", "will", "be"] in rows and ["LeaseSeconds", "120", "60"] in rows
    assert len(aws.made("DeleteChangeSet")) == 1
    (asked,) = aws.made("CreateChangeSet")
    assert "RollbackConfiguration" not in asked


def test_the_record_that_somebody_else_has_to_make_is_printed_and_in_the_document(
    run: Run, monkeypatch: pytest.MonkeyPatch
) -> None:
    has = there(DomainName="queue.example.com", CertificateArn="arn:aws:acm:eu-west-1:123456789012:certificate/0a")
    has["Stacks"][0]["Outputs"] = [{"OutputKey": "DomainTarget", "OutputValue": "d-1.example"}]
    for zone, record in (("", "queue.example.com CNAME d-1.example"), ("Z1", None)):
        with_zone = {"ParameterKey": "HostedZoneId", "ParameterValue": zone}
        has["Stacks"][0]["Parameters"] = [*has["Stacks"][0]["Parameters"], with_zone]
        updating(monkeypatch, DescribeStacks=in_turn(has), DescribeChangeSet=in_turn(NONE))
        screen = run("deploy", "--yes")
        last = "Clients find it there once this record is made (an alias, where the domain is a zone's own name):"
        assert (screen.err.splitlines()[-2:] == [last, f"  {record}"]) == (record is not None)
        assert json.loads(run("deploy", "--yes", "--json").out).get("record") == record
