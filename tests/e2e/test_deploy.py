"""Deploying on the emulator: what changes, what does not, what fails, and what is kept."""

import json
from collections.abc import Callable
from pathlib import Path

import pytest

from loginq.deploy.assets import TEMPLATE
from loginq.deploy.deployment import Deployment
from loginq.deploy.removal import Removal
from loginq.deploy.stack import tags_of
from loginq.deploy.template import Template, load
from loginq.emulator import REGION, Running
from loginq.service.rules.errors import Conflict, Failed, Invalid
from loginq.service.store import keys
from loginq.service.store.aws import Aws
from tests.e2e.conftest import Stack, in_process

PARAMETERS: dict[str, str] = {}
"""A stack of its own: it is changed."""


def quiet(text: str) -> None: ...


def deployments(stack: Stack) -> list[str]:
    return [
        each["LogicalResourceId"]
        for each in stack.deployment.stack.resources()
        if each["ResourceType"] == "AWS::ApiGateway::Deployment" and each["ResourceStatus"] != "DELETE_COMPLETE"
    ]


def test_deploying_the_same_again_changes_nothing(stack: Stack) -> None:
    again = stack.deployment.plan({}, quiet)
    assert (again.changes, again.update) == ([], True)


def test_a_changed_api_goes_live_and_a_parameter_is_kept(stack: Stack) -> None:
    before = deployments(stack)
    plan = stack.deployment.plan({"CorsOrigin": "https://game.example"}, quiet)
    assert {change.logical_id for change in plan.changes} >= {"LoginCors", *before}
    for _ in stack.deployment.apply(plan):
        pass
    after = deployments(stack)
    assert len(after) == 1 and after != before
    assert stack.get("/login", None).headers["Access-Control-Allow-Origin"] == "https://game.example"
    assert stack.deployment.plan({}, quiet).changes == []


def test_the_lease_follows_the_parameter_and_the_rate_does_not(stack: Stack) -> None:
    """An older version's stack has no row of rules: it gets what held until then, before a new function comes."""
    stack.queue.lines.change(lambda line, t: line.set_rate(t, 77_000))
    before = stack.queue.rules
    stack.queue.table.write_all(deletes=[keys.rules("main")])
    plan = stack.deployment.plan({"LeaseSeconds": "40", "InitialRate": "5"}, quiet)
    for _ in stack.deployment.apply(plan):
        stack.queue.lines.read()
        assert stack.queue.rules == before
    stack.deployment.start_line()
    line = stack.queue.lines.read()
    assert (line.lease, line.rate) == (40_000, 77_000)
    assert (stack.queue.rules.lease, stack.queue.rules.initial_rate) == (40_000, 5_000)


def test_what_a_dry_run_showed_of_a_running_queue_is_applied_as_it_was(here: Stack) -> None:
    here.queue.lines.change(lambda line, t: line.pause(t).join(t, 300))
    before = here.queue.lines.read()
    code, out, _ = in_process("deploy", "--dry-run", "--param", "InitialRate=500", "--json")
    told = json.loads(out)
    (rate,) = told["parameters"]
    assert (code, rate["name"], rate["after"]) == (0, "InitialRate", "500")
    assert "Only for a new line" in rate["effect"]
    assert told["waiting"] == before.waiting(here.queue.clock()) >= 300
    assert [each["resource"] for each in told["resources"] if each["replaced"] == "yes"] == []
    code, out, _ = in_process("deploy", "--apply", told["plan"], "--yes", "--json")
    assert (code, json.loads(out)["applied"]) == (0, True)
    assert here.deployment.stack.parameters()["InitialRate"] == "500"
    assert here.queue.lines.read().rate == before.rate
    assert in_process("deploy", "--apply", told["plan"], "--yes")[0] == 1


def test_a_dry_run_of_a_new_stack_leaves_nothing(emulator: Running) -> None:
    deployment = Deployment(emulator.aws(), "dry", "000000000000", REGION)
    plan = deployment.plan({}, quiet)
    assert len(plan.changes) > 30
    deployment.withdraw(plan)
    assert deployment.stack.describe() is None


@pytest.mark.parametrize(
    ("given", "says"),
    [
        ({"Nonsense": "1"}, "no parameter 'Nonsense'"),
        ({"CodeKey": "x"}, "no parameter 'CodeKey'"),
        ({"LeaseSeconds": "soon"}, "whole number"),
        ({"LeaseSeconds": "1"}, "LeaseSeconds cannot be 1"),
        ({"InitialRate": "fast"}, "InitialRate cannot be 'fast'"),
        ({"LogLevel": "LOUD"}, "LogLevel cannot be 'LOUD'"),
        ({"BatchSize": "100", "BatchWindowSeconds": "0"}, "BatchWindowSeconds"),
        ({"WarmReads": "12000"}, "go together"),
        ({"ClaimWindowSeconds": "119"}, "ClaimWindowSeconds of 119 is too short for a LeaseSeconds of 120"),
    ],
)
def test_bad_parameters_are_refused_before_anything_is_done(
    emulator: Running, given: dict[str, str], says: str
) -> None:
    deployment = Deployment(emulator.aws(), "bad", "000000000000", REGION)
    with pytest.raises(Invalid, match=says):
        deployment.plan(given, quiet)
    assert deployment.stack.describe() is None


def take_down(deployment: Deployment, *, delete_data: bool) -> Removal:
    removal = deployment.plan_removal(delete_data=delete_data)
    for _ in deployment.destroy(removal):
        pass
    return removal


def tables_and_pools(aws: Aws) -> set[str]:
    tables = aws.client("dynamodb").list_tables()["TableNames"]
    pools = aws.client("cognito-idp").list_user_pools(MaxResults=60)["UserPools"]
    return {*tables, *(pool["Id"] for pool in pools)}


def test_tags_that_somebody_put_there_stay_and_changed_tags_are_a_change(stack: Stack) -> None:
    there = {"cost-center": "games", "owner": "ada"}
    for given, differ in ((there, 2), ({}, 0), ({"owner": "grace"}, 1)):
        plan = stack.deployment.plan({}, quiet, given_tags=given)
        assert (len(plan.tags), plan.is_current) == (differ, not differ)
        if plan.change_set:
            for _ in stack.deployment.apply(plan):
                pass
    found = stack.deployment.stack.describe()
    assert tags_of(found) == {"application": "loginq", "cost-center": "games", "owner": "grace"}


def test_two_deploys_at_once_take_nothing_back(stack: Stack) -> None:
    """The second one begins before the first one is applied, and must not give the old values as new ones."""
    slow = Deployment(stack.aws, stack.deployment.stack.name, stack.deployment.account, REGION)
    plan = stack.deployment.plan({"RefreshTokenDays": "12"}, quiet)

    def meanwhile(text: str) -> None:
        if text.startswith("Bundling"):
            for _ in stack.deployment.apply(plan):
                pass

    late = slow.plan({"AdmissionSeconds": "202"}, meanwhile)
    other = stack.deployment.plan({"AdmissionSeconds": "203"}, quiet)
    for _ in slow.apply(late):
        pass
    parameters = stack.deployment.stack.parameters()
    assert (parameters["RefreshTokenDays"], parameters["AdmissionSeconds"]) == ("12", "202")
    with pytest.raises(Conflict, match="Somebody else deployed meanwhile"):
        list(stack.deployment.apply(other))


def test_a_protected_stack_and_its_data_stay_as_they_are(deploy: Callable[..., Stack]) -> None:
    stack = deploy("guarded")
    cloudformation = stack.aws.client("cloudformation")
    cloudformation.update_termination_protection(StackName="guarded", EnableTerminationProtection=True)
    for delete_data in (True, False):
        with pytest.raises(Conflict, match="termination protection"):
            stack.deployment.plan_removal(delete_data=delete_data)
    table = stack.aws.client("dynamodb").describe_table(TableName=stack.target.table)["Table"]
    pool = stack.aws.client("cognito-idp").describe_user_pool(UserPoolId=stack.target.user_pool_id)["UserPool"]
    assert (table["DeletionProtectionEnabled"], pool["DeletionProtection"]) == (True, "ACTIVE")
    cloudformation.update_termination_protection(StackName="guarded", EnableTerminationProtection=False)
    take_down(stack.deployment, delete_data=True)


def test_destroy_keeps_data_and_a_new_deploy_does_not_wipe_it(deploy: Callable[..., Stack]) -> None:
    stack = deploy("kept")
    stack.player("grace")
    take_down(stack.deployment, delete_data=False)
    assert stack.deployment.stack.describe() is None
    tables = stack.aws.client("dynamodb").list_tables()["TableNames"]
    assert stack.target.table in tables
    with pytest.raises(Failed, match="would wipe it"):
        stack.deployment.plan({}, quiet)


def test_destroy_with_its_data_leaves_nothing_and_frees_its_policy(deploy: Callable[..., Stack]) -> None:
    stack = deploy("gone")
    iam, policy = stack.aws.client("iam"), stack.deployment.stack.outputs()["GameServerPolicyArn"]
    iam.create_role(RoleName="game-servers", AssumeRolePolicyDocument="{}")
    iam.attach_role_policy(RoleName="game-servers", PolicyArn=policy)
    iam.create_user(UserName="realm-7")
    iam.attach_user_policy(UserName="realm-7", PolicyArn=policy)
    removal = take_down(stack.deployment, delete_data=True)
    assert [str(each) for each in removal.holders] == ["the role game-servers", "the user realm-7"]
    assert iam.list_attached_role_policies(RoleName="game-servers")["AttachedPolicies"] == []
    assert not {stack.target.table, stack.target.user_pool_id} & tables_and_pools(stack.aws)
    assert deploy("gone").target.stack == "gone"


def test_a_failure_names_its_cause_and_what_it_leaves_and_a_dry_run_deletes_nothing(
    emulator: Running, monkeypatch: pytest.MonkeyPatch, broken: Template
) -> None:
    aws = emulator.aws()
    before = tables_and_pools(aws)
    deployment = Deployment(aws, "half", "000000000000", REGION)
    with monkeypatch.context() as patched:
        patched.setattr("loginq.deploy.template.load", lambda: broken)
        plan = deployment.plan({}, quiet)
        with pytest.raises(Failed) as failed:
            list(deployment.apply(plan))
    assert failed.value.message.startswith("Broken (AWS::SSM::Parameter): ")
    assert "ROLLBACK" in failed.value.message
    left = tables_and_pools(aws) - before
    assert left == set(deployment.kept().values())
    assert left and all(name in failed.value.hint for name in left)
    assert "`loginq destroy --delete-data --local` deletes these with it." in failed.value.hint
    for dry_run in (True, False):
        with pytest.raises(Failed, match="is left from a creation that failed"):
            deployment.plan({}, quiet, dry_run=dry_run)
    assert (deployment.stack.describe() or {})["StackStatus"] == "ROLLBACK_COMPLETE"
    take_down(deployment, delete_data=True)
    assert tables_and_pools(aws) == before
    plan = deployment.plan({}, quiet)
    for _ in deployment.apply(plan):
        pass
    assert (plan.update, deployment.target().stack) == (False, "half")


@pytest.fixture
def broken(tmp_path: Path) -> Template:
    """The template with one more resource, which CloudFormation can only refuse when it gets to it."""
    resource = "  Broken:\n    Type: AWS::SSM::Parameter\n    Properties: { Type: SecureString, Value: x }\n"
    resource += "    DependsOn: SettleLine\n"
    file = tmp_path / "broken.yaml"
    file.write_text(TEMPLATE.read_text().replace("\nOutputs:", f"\n{resource}\nOutputs:"))
    return load(file)
