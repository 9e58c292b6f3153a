"""A deployment, planned and taken down: what is asked of AWS, in which order, and what never is."""

from typing import Any

import pytest

from loginq.deploy import removal
from loginq.deploy.artifacts import bucket_name
from loginq.deploy.deployment import Deployment, Plan
from loginq.deploy.tags import merged, parse_tags
from loginq.service.rules.errors import Conflict, Failed, Invalid, LoginqError, Refused
from tests.unit.scripted import Answer, Refusal, Scripted, in_turn
from tests.unit.test_artifacts import ACCOUNT, BARE
from tests.unit.test_stack import ID, MISSING, SET, UNMADE, change_set, event, page, stacks

READS = ("Describe", "Head", "Get", "List")
REGION = "eu-west-1"
BUCKET = bucket_name(ACCOUNT, REGION)
POLICY = "arn:aws:iam::123456789012:policy/loginq-GameServerPolicy-1"
POOL = {
    "Id": "eu-west-1_pool",
    "Name": "loginq",
    "DeletionProtection": "ACTIVE",
    "AutoVerifiedAttributes": ["email"],
    "AdminCreateUserConfig": {"AllowAdminCreateUserOnly": False, "UnusedAccountValidityDays": 7},
    "Policies": {"PasswordPolicy": {"MinimumLength": 12, "TemporaryPasswordValidityDays": 7}},
    "EstimatedNumberOfUsers": 7,
    "SmsVerificationMessage": "",
}


def deployment_of(answers: dict[str, Answer], endpoint: str | None = None) -> tuple[Deployment, Scripted]:
    aws = Scripted(answers, REGION, endpoint)
    deployment = Deployment(aws, "loginq", ACCOUNT, REGION)
    deployment.stack.sleep = lambda seconds: None
    return deployment, aws


def resource(name: str, kind: str, physical: str | None, status: str = "CREATE_COMPLETE") -> dict[str, Any]:
    found = {"LogicalResourceId": name, "ResourceType": kind, "ResourceStatus": status}
    return {**found, "LastUpdatedTimestamp": 0, **({"PhysicalResourceId": physical} if physical else {})}


RESOURCES = [
    resource("Table", "AWS::DynamoDB::Table", "loginq-Table-1"),
    resource("UserPool", "AWS::Cognito::UserPool", "eu-west-1_pool"),
    resource("SettleLineRole", "AWS::IAM::Role", "loginq-SettleLineRole-1"),
    resource("GameServerPolicy", "AWS::IAM::ManagedPolicy", POLICY),
    resource("Api", "AWS::ApiGateway::RestApi", None, "CREATE_FAILED"),
]


def resources(*found: dict[str, Any]) -> Answer:
    return in_turn({"StackResourceSummaries": list(found)})


def account(concurrency: int) -> Answer:
    limit = {"ConcurrentExecutions": concurrency, "UnreservedConcurrentExecutions": concurrency}
    return in_turn({"AccountLimit": limit})


# Planning

LEFT = page(
    event(9, "loginq", "ROLLBACK_COMPLETE"),
    event(8, "Table", "DELETE_SKIPPED"),
    event(7, "Api", "CREATE_FAILED", "No."),
    event(6, "loginq", "CREATE_IN_PROGRESS"),
)


@pytest.mark.parametrize(
    ("status", "has_bucket"), [(None, False), *((status, has) for status in UNMADE for has in (True, False))]
)
def test_a_dry_run_deletes_nothing_and_makes_no_bucket(status: str | None, has_bucket: bool) -> None:
    deployment, aws = deployment_of(
        {
            "DescribeStacks": in_turn(stacks(status) if status else MISSING),
            "DescribeStackEvents": in_turn(LEFT if status == "ROLLBACK_COMPLETE" else page()),
            "ListStackResources": resources(),
            "HeadBucket": in_turn({} if has_bucket else Refusal("404", status=404)),
            "GetAccountSettings": account(1_000),
        }
    )
    said: list[str] = []
    plan = deployment.plan({"Firewall": "true"}, said.append, dry_run=True)
    assert [name for name, _ in aws.calls if not name.startswith(READS)] == []
    assert (plan.is_current, plan.change_set, {each.action for each in plan.changes}) == (False, None, {"Add"})
    names = {each.logical_id for each in plan.changes}
    assert {"Table", "WebAcl"} <= names and "AlarmEmailSubscription" not in names
    deployment.withdraw(plan)
    told = "\n".join(said)
    assert (f"would make the artifact bucket {BUCKET}" in told) is not has_bucket
    assert (f"A deploy would delete the stack first. It is in {status}" in told) is (status is not None)
    left = "It leaves the table Table, protected: `loginq destroy --delete-data` would delete these, too."
    assert (left in told) is (status == "ROLLBACK_COMPLETE")


def test_a_dry_run_of_an_update_without_its_bucket_does_not_guess() -> None:
    deployment, aws = deployment_of(
        {
            "DescribeStacks": in_turn(stacks("UPDATE_COMPLETE")),
            "HeadBucket": in_turn(Refusal("404", status=404)),
            "GetAccountSettings": account(1_000),
        }
    )
    said: list[str] = []
    plan = deployment.plan({}, said.append, dry_run=True)
    assert (plan.changes, plan.is_current) == ([], False)
    assert said[-1] == "What it would change can be told only with that bucket."
    assert [name for name, _ in aws.calls if not name.startswith(READS)] == []


def on_aws(*described: Any, **more: Answer) -> tuple[Deployment, Scripted]:
    """A deployment on AWS whose dry run ends where the bucket would be made."""
    answers = {"DescribeStacks": in_turn(*described), "HeadBucket": in_turn(Refusal("404", status=404))}
    return deployment_of({**answers, "GetAccountSettings": account(1_000), **more})


@pytest.mark.parametrize("dry_run", [True, False])
def test_a_reservation_that_the_account_cannot_give_is_refused_before_anything_is_made(dry_run: bool) -> None:
    """A new account's quota is 10: there CloudFormation would find out halfway, and leave a table and a pool."""
    deployment, aws = on_aws(MISSING, GetAccountSettings=account(10))
    with pytest.raises(
        Invalid, match="PlacingReservedConcurrency cannot be 10: this account runs 10 functions at once"
    ):
        deployment.plan({"PlacingReservedConcurrency": "10"}, lambda text: None, dry_run=dry_run)
    assert [name for name, _ in aws.calls] == ["DescribeStacks", "GetAccountSettings"]


def test_a_new_account_is_told_how_little_it_runs_at_once() -> None:
    deployment, _ = on_aws(MISSING, GetAccountSettings=account(10))
    said: list[str] = []
    deployment.plan({}, said.append, dry_run=True)
    assert said[0].startswith("This account runs 10 functions at once. Beside placing that leaves 0")


def test_what_the_account_gives_may_be_none_of_the_deployers_business() -> None:
    deployment, _ = on_aws(MISSING, GetAccountSettings=in_turn(Refusal("AccessDeniedException", "No lambda:Get.", 403)))
    said: list[str] = []
    deployment.plan({"PlacingReservedConcurrency": "10"}, said.append, dry_run=True)
    assert said[0] == (
        "Whether this account allows all of it could not be seen: GetAccountSettings: No lambda:Get."
    )  # fmt: skip


def test_a_table_that_is_warmer_already_is_not_asked_to_be_colder() -> None:
    stack = there(WarmReads="0", WarmWrites="0")
    stack["Stacks"][0]["Outputs"] = [{"OutputKey": "TableName", "OutputValue": "loginq-Table-1"}]
    warm = {"Table": {"WarmThroughput": {"ReadUnitsPerSecond": 20_000, "WriteUnitsPerSecond": 9_000}}}
    deployment, aws = on_aws(stack, DescribeTable=in_turn(warm), GetItem=in_turn({}))
    with pytest.raises(Invalid, match="AWS makes none colder"):
        deployment.plan({"WarmReads": "12000", "WarmWrites": "9000"}, lambda text: None)
    assert aws.made("DescribeTable") == [{"TableName": "loginq-Table-1"}]
    assert [name for name, _ in aws.calls if not name.startswith(READS)] == []


BOUNDARY = "arn:aws:iam::123456789012:policy/studio"


@pytest.mark.parametrize(
    ("given", "answers", "says"),
    [
        ({"AccessLogs": "true"}, {"GetAccount": in_turn({})}, "this account has set none"),
        ({"AccessLogs": "true"}, {"GetAccount": in_turn({"cloudwatchRoleArn": "arn:aws:iam::1:role/logs"})}, ""),
        (
            {"PermissionsBoundaryArn": BOUNDARY}, {"GetPolicy": in_turn(Refusal("NoSuchEntity", status=404))},
            f"There is no policy {BOUNDARY}",
        ),
        ({"PermissionsBoundaryArn": BOUNDARY}, {"GetPolicy": in_turn({"Policy": {}})}, ""),
    ],
)  # fmt: skip
def test_what_the_account_has_not_is_missed_before_the_stack_is_half_made(
    given: dict[str, str], answers: dict[str, Answer], says: str
) -> None:
    deployment, _ = on_aws(MISSING, **answers)
    if not says:
        deployment.plan(given, lambda text: None, dry_run=True)
        return
    with pytest.raises(Invalid, match=says):
        deployment.plan(given, lambda text: None, dry_run=True)


def test_what_an_earlier_deploy_gave_is_not_looked_for_again() -> None:
    deployment, aws = on_aws(there(AccessLogs="true", PermissionsBoundaryArn=BOUNDARY))
    deployment.plan({}, lambda text: None, dry_run=True)
    assert not aws.made("GetAccount", "GetPolicy")


def there(**values: str) -> dict[str, Any]:
    parameters = [{"ParameterKey": name, "ParameterValue": value} for name, value in values.items()]
    tags = [{"Key": "owner", "Value": "ada"}, {"Key": "application", "Value": "loginq"}]
    return stacks("UPDATE_COMPLETE", Parameters=parameters, Tags=tags)


def planning(*described: Any, changes: Any = None, pool: Any = None) -> tuple[Deployment, Scripted]:
    return deployment_of(
        {
            **BARE,
            "HeadObject": in_turn({}),
            "GetObjectTagging": in_turn({"TagSet": []}),
            "ListTables": in_turn({"TableNames": []}),
            "DescribeStacks": in_turn(*described),
            "DescribeUserPool": in_turn({"UserPool": pool or {}}),
            "CreateChangeSet": in_turn({"Id": SET, "StackId": ID}),
            "DescribeChangeSet": in_turn(changes or change_set("CREATE_COMPLETE", "Table")),
            "DeleteChangeSet": in_turn({}),
            "DeleteStack": in_turn({}),
            "DescribeStackEvents": in_turn(LEFT),
            "ListStackResources": resources(resource("UserPool", "AWS::Cognito::UserPool", "p", "DELETE_SKIPPED")),
        },
        "http://127.0.0.1:4566",
    )


def test_only_what_is_given_is_given_and_the_rest_keeps_what_it_then_has() -> None:
    """What an earlier deploy gave is not given again: somebody may be changing it at this moment."""
    kept = {"LeaseSeconds": "60", "ClaimWindowSeconds": "120", "BatchSize": "500", "BatchWindowSeconds": "1"}
    before = there(**kept, CorsOrigin="*", CodeKey="old", LoginqVersion="0", Gone="x", LogLevel="INFO")
    deployment, aws = planning(before)
    plan = deployment.plan({"LogLevel": "DEBUG"}, lambda text: None, given_tags={"team": "a"})
    (asked,) = aws.made("CreateChangeSet")
    given = {each["ParameterKey"]: each.get("ParameterValue") for each in asked["Parameters"]}
    assert {name for name, value in given.items() if value is None} == {*kept, "CorsOrigin"}
    assert (given["LogLevel"], given["MaxReceives"], given["CodeBucket"]) == ("DEBUG", "5", BUCKET)
    assert given["CodeKey"] != "old" and "Gone" not in given
    assert kept.items() <= plan.parameters.items() and plan.update
    tags = {each["Key"]: each["Value"] for each in asked["Tags"]}
    assert tags == {"owner": "ada", "team": "a", "application": "loginq"}
    assert plan.tags == [("team", None, "a")]


@pytest.mark.parametrize("has", [{}, {"Monitoring": "lean", "UserPoolTier": "LITE"}])
def test_a_stack_that_is_older_than_a_parameter_keeps_what_it_has(has: dict[str, str]) -> None:
    deployment, aws = planning(there(CorsOrigin="*", **has))
    plan = deployment.plan({}, lambda text: None)
    (asked,) = aws.made("CreateChangeSet")
    given = {each["ParameterKey"]: each.get("ParameterValue") for each in asked["Parameters"]}
    older = {"Monitoring": "full", "UserPoolTier": "ESSENTIALS"}
    assert {name: given[name] for name in older} == (dict.fromkeys(older) if has else older)
    assert {name: plan.parameters[name] for name in older} == (has or older)


BY_HAND: dict[str, Any] = {
    "UserPoolTier": "PLUS",
    "EmailConfiguration": {
        "EmailSendingAccount": "DEVELOPER",
        "SourceArn": "arn:aws:ses:eu-west-1:123456789012:identity/example.com",
        "From": "The Game <no-reply@example.com>",
    },
}


@pytest.mark.parametrize(
    ("pool", "expected"),
    [
        (BY_HAND, ("PLUS", BY_HAND["EmailConfiguration"]["SourceArn"], "The Game <no-reply@example.com>")),
        ({"EmailConfiguration": {"EmailSendingAccount": "COGNITO_DEFAULT"}}, ("ESSENTIALS", "", "")),
        ({}, ("ESSENTIALS", "", "")),
    ],
)
def test_what_was_set_by_hand_at_an_older_stacks_pool_is_not_taken_back(
    pool: dict[str, Any], expected: tuple[str, str, str]
) -> None:
    before = there(CorsOrigin="*")
    before["Stacks"][0]["Outputs"] = [{"OutputKey": "UserPoolId", "OutputValue": "eu-west-1_pool"}]
    deployment, aws = planning(before, pool=pool)
    deployment.plan({}, lambda text: None)
    (asked,) = aws.made("CreateChangeSet")
    given = {each["ParameterKey"]: each.get("ParameterValue") for each in asked["Parameters"]}
    assert (given["UserPoolTier"], given["SesIdentityArn"], given["EmailFromAddress"]) == expected


def test_a_new_stack_is_lean() -> None:
    deployment, aws = planning(MISSING)
    deployment.plan({}, lambda text: None)
    (asked,) = aws.made("CreateChangeSet")
    given = {each["ParameterKey"]: each.get("ParameterValue") for each in asked["Parameters"]}
    assert (given["Monitoring"], given["UserPoolTier"], given["LeaseSeconds"]) == ("lean", "LITE", "120")


def test_what_somebody_deploys_during_the_bundling_is_planned_for() -> None:
    deployment, _ = planning(there(CorsOrigin="*"), there(CorsOrigin="https://a.example"))
    plan = deployment.plan({}, lambda text: None)
    assert plan.parameters["CorsOrigin"] == "https://a.example"


@pytest.mark.parametrize(
    ("described", "proposed"),
    [
        ([there(CorsOrigin="*"), stacks("UPDATE_IN_PROGRESS")], 0),
        ([there(CorsOrigin="*"), MISSING], 0),
        ([MISSING, there(CorsOrigin="*")], 0),
        ([MISSING, stacks("REVIEW_IN_PROGRESS")], 0),
        ([there(CorsOrigin="*"), there(CorsOrigin="*"), there(CorsOrigin="https://a.example")], 1),
    ],
)
def test_a_stack_that_changes_while_it_is_planned_is_not_planned_for(described: list[Any], proposed: int) -> None:
    deployment, aws = planning(*described)
    with pytest.raises(Conflict):
        deployment.plan({}, lambda text: None)
    assert len(aws.made("CreateChangeSet")) == len(aws.made("DeleteChangeSet")) == proposed
    assert not aws.made("DeleteStack")


def test_a_stack_that_never_worked_is_deleted_with_a_word_about_what_it_leaves() -> None:
    gone = [stacks("DELETE_COMPLETE"), MISSING]
    deployment, aws = planning(*[stacks("ROLLBACK_COMPLETE")] * 3, *gone)
    said: list[str] = []
    plan = deployment.plan({}, said.append)
    assert (plan.update, plan.change_set) == (False, SET)
    assert [name for name, _ in aws.calls if name in ("DeleteStack", "CreateChangeSet")] == [
        "DeleteStack", "CreateChangeSet",
    ]  # fmt: skip
    told = "\n".join(said)
    assert "The stack is deleted first. It is in ROLLBACK_COMPLETE: its creation failed" in told
    assert "It leaves the table Table and the user pool p, protected. To delete these:" in told
    assert "  aws dynamodb delete-table --region eu-west-1 --table-name Table" in told


def test_a_first_deploy_that_fails_says_what_it_leaves() -> None:
    deployment, _ = deployment_of(
        {
            "DescribeStacks": in_turn(stacks("REVIEW_IN_PROGRESS"), stacks("ROLLBACK_COMPLETE")),
            "DescribeStackEvents": in_turn(page(), LEFT),
            "ListStackResources": resources(),
            "ExecuteChangeSet": in_turn({}),
        }
    )
    plan = Plan(SET, [], False, {})
    with pytest.raises(Failed) as failed:
        list(deployment.apply(plan))
    assert failed.value.message == "Api (AWS::ApiGateway::RestApi): No. The stack is in ROLLBACK_COMPLETE."
    assert failed.value.hint == (
        "Mend that and deploy again; that deletes it first. It leaves the table Table, protected: "
        "`loginq destroy --delete-data` deletes these with it."
    )


def test_a_failure_is_told_also_when_the_rest_cannot_be() -> None:
    deployment, _ = deployment_of(
        {
            "DescribeStacks": in_turn(stacks("REVIEW_IN_PROGRESS"), stacks("ROLLBACK_COMPLETE")),
            "DescribeStackEvents": in_turn(page(), LEFT),
            "ListStackResources": in_turn(Refusal("Throttling")),
            "ExecuteChangeSet": in_turn({}),
        }
    )
    with pytest.raises(Failed, match=r"^Api \(AWS::ApiGateway::RestApi\): No\."):
        list(deployment.apply(Plan(SET, [], False, {})))


# Tags


@pytest.mark.parametrize(
    ("words", "says"),
    [
        (["cost-center"], "'cost-center' is not a tag"),
        (["k="], "'k=' is not a tag"),
        (["=v"], "'=v' is not a tag"),
        (["aws:x=1"], "reserved"),
        (["AWS:x=1"], "reserved"),
        (["application=mine"], "set by loginq"),
        (["a=1", "a=2"], "given twice"),
        (["k" * 129 + "=v"], "is too long"),
        (["k=" + "v" * 257], "is too long"),
        (["k=a\nb"], "a character that AWS refuses"),
        (["k=<b>"], "a character that AWS refuses"),
        (["k\N{EN DASH}=b"], "a character that AWS refuses"),
    ],
)
def test_tags_that_aws_would_refuse(words: list[str], says: str) -> None:
    with pytest.raises(Invalid, match=says):
        parse_tags(words)


def test_tags_as_aws_takes_them() -> None:
    assert parse_tags(["a=b=c", "비용 센터=게임/7", "K" * 128 + "=" + "v" * 256])["a"] == "b=c"
    assert merged({"aws:servicecatalog:x": "1", "a": "1", "application": "other"}, {"a": "2"}) == {
        "a": "2", "application": "loginq",
    }  # fmt: skip
    with pytest.raises(Invalid, match="would have 51 tags"):
        merged({str(n): "x" for n in range(49)}, {"one": "more"})


# Taking it down

ENTITIES = (
    {"PolicyRoles": [{"RoleName": "game-servers"}], "IsTruncated": True, "Marker": "2"},
    {"PolicyRoles": [{"RoleName": "loginq-SettleLineRole-1"}], "PolicyUsers": [{"UserName": "realm"}]},
)
NOBODY: dict[str, Any] = {"PolicyRoles": [], "PolicyUsers": [], "PolicyGroups": []}
BECOMES = ("UPDATING", "UPDATING", "ACTIVE")


def removing(**more: Answer) -> tuple[Deployment, Scripted]:
    done = dict.fromkeys(
        (
            "AttachRolePolicy", "AttachUserPolicy", "DeleteStack", "DeleteTable", "DeleteUserPool", "DetachRolePolicy",
            "DetachUserPolicy", "UpdateTable", "UpdateUserPool",
        ),
        in_turn({}),
    )  # fmt: skip
    return deployment_of(
        {
            **done,
            "DescribeStacks": in_turn(stacks("UPDATE_COMPLETE"), stacks("DELETE_COMPLETE")),
            "DescribeStackEvents": in_turn(page()),
            "ListStackResources": resources(*RESOURCES),
            "ListEntitiesForPolicy": in_turn(*({**NOBODY, **each} for each in ENTITIES)),
            "DescribeTable": in_turn(
                *({"Table": {"TableStatus": each}} for each in ("UPDATING", "UPDATING", "ACTIVE"))
            ),
            "DescribeUserPool": in_turn({"UserPool": POOL}),
            **more,
        }
    )


def acts(aws: Scripted) -> list[str]:
    return [name for name, _ in aws.calls if not name.startswith(READS)]


def take_down(deployment: Deployment, *, delete_data: bool) -> removal.Removal:
    planned = deployment.plan_removal(delete_data=delete_data)
    for _ in deployment.destroy(planned):
        pass
    return planned


def test_the_stack_goes_first_then_the_protection_then_the_data() -> None:
    deployment, aws = removing()
    planned = take_down(deployment, delete_data=True)
    assert list(map(str, planned.holders)) == ["the role game-servers", "the user realm"]
    assert acts(aws) == [
        "DetachRolePolicy", "DetachUserPolicy", "DeleteStack", "UpdateTable", "DeleteTable", "UpdateUserPool",
        "DeleteUserPool",
    ]  # fmt: skip
    assert len(aws.made("DescribeTable")) == 3
    assert aws.made("DetachRolePolicy") == [{"RoleName": "game-servers", "PolicyArn": POLICY}]


def test_a_policy_that_somebody_deleted_holds_nothing_up() -> None:
    deployment, aws = removing(ListEntitiesForPolicy=in_turn(Refusal("NoSuchEntity", status=404)))
    take_down(deployment, delete_data=False)
    assert acts(aws) == ["DeleteStack"]


def test_data_that_is_kept_is_not_touched() -> None:
    deployment, aws = removing(ListEntitiesForPolicy=in_turn(NOBODY))
    planned = take_down(deployment, delete_data=False)
    assert planned.kept == {"Table": "loginq-Table-1", "UserPool": "eu-west-1_pool"}
    assert acts(aws) == ["DeleteStack"]


@pytest.mark.parametrize(
    ("answers", "says"),
    [
        (
            {"DescribeStacks": in_turn(stacks("UPDATE_COMPLETE", EnableTerminationProtection=True))},
            "has termination protection: nothing was deleted",
        ),
        ({"DescribeStacks": in_turn(stacks("UPDATE_IN_PROGRESS"))}, "is being changed: UPDATE_IN_PROGRESS"),
        ({"DescribeStacks": in_turn(MISSING)}, "There is no stack 'loginq'"),
        ({"DescribeUserPool": in_turn({"UserPool": {**POOL, "Domain": "play"}})}, "has the domain play"),
        (
            {"DescribeUserPool": in_turn({"UserPool": {**POOL, "CustomDomain": "a.example"}})},
            "has the domain a.example",
        ),
    ],
)
def test_what_would_be_refused_is_refused_before_anything_is_done(answers: dict[str, Answer], says: str) -> None:
    deployment, aws = removing(**answers)
    with pytest.raises(Conflict, match=says):
        deployment.plan_removal(delete_data=True)
    assert acts(aws) == []


def test_a_protected_stack_says_how_to_lift_that() -> None:
    deployment, _ = removing(DescribeStacks=in_turn(stacks("UPDATE_COMPLETE", EnableTerminationProtection=True)))
    with pytest.raises(Conflict) as refused:
        deployment.plan_removal(delete_data=False)
    assert "update-termination-protection --no-enable-termination-protection --stack-name loginq" in refused.value.hint


def test_a_refused_deletion_changes_nothing() -> None:
    deployment, aws = removing(DeleteStack=in_turn(Refusal("AccessDenied", status=403)))
    with pytest.raises(Refused):
        take_down(deployment, delete_data=True)
    assert acts(aws) == [
        "DetachRolePolicy", "DetachUserPolicy", "DeleteStack", "AttachRolePolicy", "AttachUserPolicy",
    ]  # fmt: skip


def test_a_deletion_that_fails_leaves_the_data_protected() -> None:
    failed = page(event(3, "loginq", "DELETE_FAILED"), event(2, "Api", "DELETE_FAILED", "In use."))
    deployment, aws = removing(
        DescribeStacks=in_turn(stacks("UPDATE_COMPLETE"), stacks("DELETE_FAILED")),
        DescribeStackEvents=in_turn(page(), failed),
    )
    with pytest.raises(Failed, match="In use"):
        take_down(deployment, delete_data=True)
    assert acts(aws)[-1] == "DeleteStack"


@pytest.mark.parametrize(("operation", "last"), [("DeleteTable", "UpdateTable"), ("DeleteUserPool", "UpdateUserPool")])
def test_data_that_cannot_be_deleted_is_protected_again(operation: str, last: str) -> None:
    deployment, aws = removing(**{operation: in_turn(Refusal("ResourceInUseException", "busy"))})
    with pytest.raises(LoginqError, match=r"^The stack is gone, but the .* is not: Delete.*: busy\.$") as left:
        take_down(deployment, delete_data=True)
    assert acts(aws)[-1] == last
    lifted, protected = aws.made(last)
    if last == "UpdateTable":
        assert (lifted["DeletionProtectionEnabled"], protected["DeletionProtectionEnabled"]) == (False, True)
    else:
        settings = {name: POOL[name] for name in ("AutoVerifiedAttributes", "Policies")}
        settings |= {"UserPoolId": "eu-west-1_pool", "AdminCreateUserConfig": {"AllowAdminCreateUserOnly": False}}
        assert lifted == settings | {"DeletionProtection": "INACTIVE"}
        assert protected == settings | {"DeletionProtection": "ACTIVE"}
    assert "delete it yourself:\n  aws " in left.value.hint


def test_a_stack_whose_creation_failed_is_taken_down_with_what_it_left() -> None:
    deployment, aws = removing(
        DescribeStacks=in_turn(stacks("ROLLBACK_COMPLETE"), stacks("DELETE_COMPLETE")),
        DescribeStackEvents=in_turn(LEFT),
        ListStackResources=resources(
            resource("UserPool", "AWS::Cognito::UserPool", "eu-west-1_pool", "DELETE_SKIPPED")
        ),
    )
    take_down(deployment, delete_data=True)
    assert acts(aws) == ["DeleteStack", "UpdateTable", "DeleteTable", "UpdateUserPool", "DeleteUserPool"]
    assert aws.made("DeleteTable") == [{"TableName": "Table"}]


def test_what_is_gone_already_needs_no_deleting() -> None:
    missing = Refusal("ResourceNotFoundException")
    deployment, aws = removing(UpdateTable=in_turn(missing), DescribeUserPool=in_turn({"UserPool": POOL}, missing))
    take_down(deployment, delete_data=True)
    assert "DeleteTable" not in acts(aws)


def test_who_may_not_ask_iam_is_told_that_it_is_not_known() -> None:
    deployment, _ = removing(ListEntitiesForPolicy=in_turn(Refusal("AccessDenied", "not you", 403)))
    planned = deployment.plan_removal(delete_data=False)
    assert (planned.holders, "not you" in planned.unseen) == ([], True)


# Tidying


def test_a_bucket_that_cannot_be_tidied_is_no_failure() -> None:
    deployment, _ = deployment_of({"DescribeStacks": in_turn(Refusal("AccessDenied", "not you"))})
    said: list[str] = []
    deployment.tidy(said.append)
    assert said == [f"Old bundles stay in the bucket {BUCKET}: DescribeStacks: not you."]
