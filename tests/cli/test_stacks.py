"""`deploy`, `destroy` and `status` as an operator sees them, on scripted AWS: in states that no emulator makes."""

import json
from collections.abc import Iterator
from itertools import islice
from typing import Any

import pytest

from loginq.cli.console import DASH
from loginq.cli.session import Session
from loginq.deploy.deployment import Deployment, Plan
from loginq.deploy.stack import Stack, StackEvent
from loginq.doctor.checks import Patient, examine
from loginq.service.operations.target import Target
from tests.cli.conftest import Run, door
from tests.unit.scripted import Answer, Refusal, Scripted, in_turn
from tests.unit.test_artifacts import ACCOUNT
from tests.unit.test_deployment import (
    LEFT,
    POLICY,
    account,
    deployment_of,
    planning,
    removing,
    resource,
    resources,
    there,
)
from tests.unit.test_stack import MISSING, change_set, event, page, stacks

BUCKET = f"loginq-artifacts-{ACCOUNT}-eu-west-1"


def deploying(monkeypatch: pytest.MonkeyPatch, deployment: Deployment) -> None:
    for command in ("deploy", "destroy"):
        monkeypatch.setattr(f"loginq.cli.{command}.open_deployment", lambda local: deployment)


def test_a_dry_run_over_a_failed_creation_says_what_a_deploy_would_do(
    run: Run, monkeypatch: pytest.MonkeyPatch
) -> None:
    deployment, _ = deployment_of(
        {
            "DescribeStacks": in_turn(stacks("ROLLBACK_COMPLETE")),
            "DescribeStackEvents": in_turn(LEFT),
            "ListStackResources": resources(),
            "HeadBucket": in_turn(Refusal("404", status=404)),
            "GetAccountSettings": account(1_000),
        }
    )
    deploying(monkeypatch, deployment)
    screen = run("deploy", "--dry-run")
    said = [line for line in screen.err.splitlines() if not line.startswith((" ", "Checking"))]
    assert (screen.code, list(filter(None, said))) == (
        0,
        [
            f"A deploy would make the artifact bucket {BUCKET}",
            "A deploy would delete the stack first. It is in ROLLBACK_COMPLETE: its creation failed and it never "
            "worked. It leaves the table Table, protected: `loginq destroy --delete-data` would delete these, too.",
            "✓ Nothing was changed: this was a dry run.",
        ],
    )
    assert ["Add", "AWS::DynamoDB::Table", "1"] in [line.split() for line in screen.err.splitlines()]


def test_changed_tags_alone_are_shown_and_are_a_change(run: Run, monkeypatch: pytest.MonkeyPatch) -> None:
    deployment, aws = planning(there(), changes=change_set("CREATE_COMPLETE"))
    deploying(monkeypatch, deployment)
    screen = run("deploy", "--dry-run", "--tag", "owner=grace", "--tag", "team=a")
    lines = [line.split(maxsplit=2) for line in screen.err.splitlines()]
    at = lines.index(["tag", "is", "will be"])
    assert lines[at + 2 : at + 4] == [["owner", "ada", "grace"], ["team", DASH, "a"]]
    assert "✓ Nothing was changed: this was a dry run." in screen.err.splitlines()
    assert not aws.made("DeleteChangeSet")


def test_tags_that_cloudformation_does_not_see_are_not_called_deployed(
    run: Run, monkeypatch: pytest.MonkeyPatch
) -> None:
    none = change_set("FAILED", reason="The submitted information didn't contain changes.")
    deployment, _ = planning(there(), changes=none)
    deploying(monkeypatch, deployment)
    assert run("deploy", "--dry-run", "--tag", "team=a").err.splitlines()[-1] == (
        "✓ Nothing was changed: CloudFormation takes these tags only together with another change."
    )
    assert run("deploy", "--dry-run").err.splitlines()[-1] == "✓ No changes: what is deployed is what is here."


def test_a_tag_that_aws_refuses_is_refused_before_anything_is_asked(run: Run) -> None:
    screen = run("deploy", "--tag", "aws:team=a")
    assert (screen.code, screen.err) == (
        2,
        "Error: The tag 'aws:team' is reserved: what begins with aws: is AWS's own.",
    )


def test_a_stack_that_is_up_without_its_keys_says_how_that_is_mended(run: Run, monkeypatch: pytest.MonkeyPatch) -> None:
    """The change set is done, and then AWS takes no call: its functions have no keys yet, and .env is not written."""

    class Applied(Deployment):
        def plan(self, *_: Any, **__: Any) -> Plan:
            return Plan("arn", [], False, {})

        def apply(self, plan: Plan) -> Iterator[StackEvent]:
            yield from ()

    aws = Scripted({"DescribeStacks": in_turn(MISSING, Refusal("Throttling", "Rate exceeded"))})
    deploying(monkeypatch, Applied(aws, "loginq", ACCOUNT, "eu-west-1"))
    screen = run("deploy", "--yes")
    assert (screen.code, screen.err.splitlines()[-3:]) == (
        1,
        [
            "✓ The stack 'loginq' is up.",
            "Error: DescribeStacks: Rate exceeded.",
            "The stack is up, but not all that it needs besides: run `loginq deploy` again. Try again in a moment. "
            "More: `loginq guide errors`.",
        ],
    )


TAKEN = [
    f"{POLICY} is attached to the role game-servers: it is detached first, because AWS deletes none in use.",
    f"{POLICY} is attached to the user realm: it is detached first, because AWS deletes none in use.",
]


def destroying(*after: dict[str, Any], **more: Answer) -> tuple[Deployment, Scripted]:
    described = in_turn(stacks("UPDATE_COMPLETE"), stacks("DELETE_COMPLETE"), *after)
    return removing(**{"DescribeStacks": described, "HeadBucket": in_turn({}), **more})


def test_destroy_names_who_loses_the_policy_and_the_bucket_that_stays(
    run: Run, monkeypatch: pytest.MonkeyPatch
) -> None:
    deploying(monkeypatch, destroying({"Stacks": []})[0])
    screen = run("destroy", "--delete-data", "--yes")
    assert (screen.code, screen.out) == (0, "")
    said = screen.err.splitlines()
    assert said[:5] == [
        *TAKEN,
        "✓ The stack 'loginq' is gone, and so is its data.",
        f"The artifact bucket {BUCKET} stays.",
        "To delete these, too:",
    ]
    assert said[5].startswith("  aws s3api delete-objects --region eu-west-1 ")
    assert said[6:] == [f"  aws s3api delete-bucket --region eu-west-1 --bucket {BUCKET}"]


def test_destroy_says_that_the_bucket_is_in_use(run: Run, monkeypatch: pytest.MonkeyPatch) -> None:
    deploying(monkeypatch, destroying(there(CodeBucket=BUCKET, CodeKey="k"))[0])
    assert run("destroy", "--delete-data", "--yes").err.splitlines()[-2:] == [
        f"The artifact bucket {BUCKET} stays.",
        "It is in use by loginq.",
    ]


def test_destroy_as_json(run: Run, monkeypatch: pytest.MonkeyPatch) -> None:
    deploying(monkeypatch, destroying()[0])
    screen = run("destroy", "--yes", "--json")
    assert json.loads(screen.out) == {
        "target": f"aws {ACCOUNT} eu-west-1 loginq",
        "kept": {"Table": "loginq-Table-1", "UserPool": "eu-west-1_pool"},
        "detached": [
            {"kind": "role", "name": "game-servers", "policy": POLICY},
            {"kind": "user", "name": "realm", "policy": POLICY},
        ],
        "artifact_bucket": BUCKET,
    }


@pytest.mark.parametrize("words", [(), ("--delete-data",)])
def test_destroy_leaves_what_the_stack_took_of_an_earlier_one(
    run: Run, monkeypatch: pytest.MonkeyPatch, words: tuple[str, ...]
) -> None:
    taken = {"TableName": "earlier-Table-1", "UserPoolId": "eu-west-1_pool", "UserClientId": "client"}
    described = in_turn(there(**taken), stacks("DELETE_COMPLETE"))
    deployment, aws = destroying(DescribeStacks=described, ListStackResources=resources())
    deploying(monkeypatch, deployment)
    screen = run("destroy", "--yes", *words)
    again = " ".join(f"--param {name}={value}" for name, value in {**taken, "Monitoring": "full"}.items())
    assert screen.code == 0
    said = " ".join(screen.err.split())
    assert "✓ The stack 'loginq' is gone. " in said
    assert "Of an earlier stack, and not this one's to delete: earlier-Table-1, eu-west-1_pool, client. " in said
    assert f"A new stack goes on with them: `loginq deploy --region eu-west-1 {again} --tag owner=ada`." in said
    assert aws.made("DeleteStack")
    assert not aws.made("UpdateTable", "DeleteTable", "UpdateUserPool", "DeleteUserPool")
    described = in_turn(there(**taken), stacks("DELETE_COMPLETE"))
    deploying(monkeypatch, destroying(DescribeStacks=described, ListStackResources=resources())[0])
    kept = json.loads(run("destroy", "--yes", "--json", *words).out)["kept"]
    assert kept == {"Table": "earlier-Table-1", "UserPool": "eu-west-1_pool", "UserClient": "client"}


def test_destroy_says_how_the_same_queue_is_made_anew(run: Run, monkeypatch: pytest.MonkeyPatch) -> None:
    kept = {"IdentityIssuer": "https://id.example.com", "IdentityAudience": "my game", "SessionReports": "counts"}
    others = {"WarmReads": "20000", "WarmWrites": "8000", "AlarmUrl": "****", "CodeKey": "k", "LogRetentionDays": "30"}
    parameters = {"TableName": "earlier-Table-1", "Monitoring": "lean", "UserPoolTier": "LITE", **kept, **others}
    monkeypatch.setenv("AWS_REGION", "eu-west-1")
    described = in_turn(there(**parameters), stacks("DELETE_COMPLETE"))
    deploying(monkeypatch, destroying(DescribeStacks=described, ListStackResources=resources())[0])
    said = " ".join(run("destroy", "--yes").err.split())
    assert (
        "A new stack goes on with them: `loginq deploy --param TableName=earlier-Table-1 --param SessionReports=counts "
        "--param IdentityIssuer=https://id.example.com --param 'IdentityAudience=my game' --tag owner=ada`."
    ) in said


def test_the_stack_that_is_made_anew_has_its_tags_and_whoever_had_a_pager_hears_that_it_has_none(
    run: Run, monkeypatch: pytest.MonkeyPatch
) -> None:
    """A studio's policy may refuse what has no tags; and a pager's address is read back by nobody."""
    monkeypatch.setenv("AWS_REGION", "eu-west-1")
    tags = [("team", "login queue"), ("application", "loginq"), ("aws:cloudformation:x", "y")]
    for pager in ([], [resource("AlarmsByUrl", "AWS::SNS::Subscription", "arn:1")]):
        found = there(TableName="earlier-Table-1", Monitoring="lean", UserPoolTier="LITE", AlarmUrl="****")
        found["Stacks"][0]["Tags"] = [{"Key": key, "Value": value} for key, value in tags]
        described = in_turn(found, stacks("DELETE_COMPLETE"))
        deploying(monkeypatch, destroying(DescribeStacks=described, ListStackResources=resources(*pager))[0])
        said = " ".join(run("destroy", "--yes").err.split())
        assert "`loginq deploy --param TableName=earlier-Table-1 --tag 'team=login queue'`." in said
        assert ("AlarmUrl, which nobody can read back, is not in it: give it again." in said) is bool(pager)


def test_destroy_asks_for_all_of_it_together(run: Run, monkeypatch: pytest.MonkeyPatch) -> None:
    there_twice = in_turn(*[stacks("UPDATE_COMPLETE")] * 2, stacks("DELETE_COMPLETE"))
    deployment, aws = destroying(DescribeStacks=there_twice)
    deploying(monkeypatch, deployment)
    monkeypatch.setattr("loginq.cli.options.has_terminal", lambda: True)
    screen = run("destroy", "--delete-data", stdin="loginq\n")
    assert screen.code == 0
    assert screen.err.splitlines()[2] == (
        "Take down the stack 'loginq' and take its policy away from the role game-servers, the user realm and delete "
        "every account and player for ever: who is there could not be counted (The stack 'loginq' is not a loginq: it "
        f"has no output UserClientId), account {ACCOUNT}, region eu-west-1."
    )
    assert aws.made("DeleteStack")


def test_destroy_without_a_yes_does_nothing(run: Run, monkeypatch: pytest.MonkeyPatch) -> None:
    deployment, aws = destroying()
    deploying(monkeypatch, deployment)
    screen = run("destroy", "--delete-data")
    assert (screen.code, screen.err.splitlines()[:2]) == (2, TAKEN)
    assert not aws.made("DetachRolePolicy", "DeleteStack")


@pytest.mark.parametrize("words", [(), ("--delete-data",)])
def test_a_stack_with_termination_protection(run: Run, monkeypatch: pytest.MonkeyPatch, words: tuple[str]) -> None:
    deploying(
        monkeypatch, removing(DescribeStacks=in_turn(stacks("UPDATE_COMPLETE", EnableTerminationProtection=True)))[0]
    )
    screen = run("destroy", "--yes", *words)
    assert (screen.code, screen.err.splitlines()) == (
        1,
        [
            "Error: The stack 'loginq' has termination protection: nothing was deleted.",
            "If you mean it, lift that first: `aws cloudformation update-termination-protection "
            "--no-enable-termination-protection --stack-name loginq`.",
        ],
    )


# How it is

HISTORY = page(
    event(4, "loginq", "UPDATE_ROLLBACK_COMPLETE"),
    event(3, "Table", "UPDATE_FAILED", "Too warm."),
    event(2, "loginq", "UPDATE_IN_PROGRESS"),
)
NOTE = (
    "The last change was taken back: Table (AWS::DynamoDB::Table): Too warm. What was there before it runs. Mend that "
    "and deploy again."
)
TRIGGER = resource("IntakeTrigger", "AWS::Lambda::EventSourceMapping", "u" * 36)


def session_of(status: str, *parts: dict[str, Any]) -> Session:
    settled = {"run_at": {"N": str(4_000_000_000_000)}}
    aws = Scripted(
        {
            "DescribeStacks": in_turn(stacks(status)),
            "DescribeStackEvents": in_turn(HISTORY),
            "ListStackResources": resources(TRIGGER, *parts),
            "GetEventSourceMapping": in_turn({"State": "Enabled"}),
            "GetQueueUrl": in_turn({"QueueUrl": "https://q/dead"}),
            "GetQueueAttributes": in_turn(
                {
                    "Attributes": {
                        "ApproximateNumberOfMessages": "0",
                        "ApproximateNumberOfMessagesDelayed": "0",
                        "ApproximateNumberOfMessagesNotVisible": "0",
                        "RedrivePolicy": json.dumps({"deadLetterTargetArn": "arn:aws:sqs:eu-west-1:1:dead"}),
                    }
                }
            ),
            "GetCallerIdentity": in_turn({"Account": ACCOUNT, "Arn": "arn:aws:iam::1:user/ada"}),
            "GetItem": lambda given: {} if given["Key"]["SK"]["S"] == "LOCK" else {"Item": settled},
        }
    )
    return Session(Target("loginq", "eu-west-1", "t", "https://q/1/in", "pool", "client", "https://api"), aws)


@pytest.mark.parametrize(
    ("status", "parts", "healthy", "note"),
    [
        ("UPDATE_COMPLETE", [], True, ""),
        ("UPDATE_ROLLBACK_COMPLETE", [], True, NOTE),
        ("UPDATE_COMPLETE", [resource("Table", "T", "t", "DELETE_SKIPPED")], True, ""),
        ("UPDATE_COMPLETE", [resource("Api", "A", "a", "DELETE_FAILED")], False, "Api is in DELETE_FAILED."),
        ("UPDATE_IN_PROGRESS", [resource("Api", "A", "a", "UPDATE_IN_PROGRESS")], True, "It is being changed."),
        ("ROLLBACK_COMPLETE", [], False, "Its creation failed and it never worked."),
        ("DELETE_FAILED", [], False, "Taking it down did not finish."),
    ],
)
def test_status_and_doctor_agree(
    run: Run, monkeypatch: pytest.MonkeyPatch, status: str, parts: list[Any], healthy: bool, note: str
) -> None:
    session = session_of(status, *parts)
    monkeypatch.setattr("loginq.cli.status.open_session", lambda: session)
    monkeypatch.setattr(session.door, "read", door)
    screen = run("status", "--json")
    document = json.loads(screen.out)
    assert (screen.code, document["stack_status"], document["healthy"]) == (0 if healthy else 1, status, healthy)
    assert document["note"].startswith(note) and bool(document["note"]) is bool(note)
    shown = run("status")
    assert (shown.code, "note" in shown.out) == (screen.code, bool(note))
    stack = Stack(session.aws, "loginq")
    patient = Patient(session.target, session.aws, session.queue, stack)
    finding = next(islice(examine(patient), 1, None))
    assert (finding.what, finding.verdict == "bad", finding.verdict == "ok") == ("stack", not healthy, not note)
    assert note.partition(". What")[0].rstrip(".") in finding.says


def test_there_is_no_stack(run: Run, monkeypatch: pytest.MonkeyPatch) -> None:
    session = Session(session_of("").target, Scripted({"DescribeStacks": in_turn(MISSING)}))
    monkeypatch.setattr("loginq.cli.status.open_session", lambda: session)
    assert run("status").code == 3
