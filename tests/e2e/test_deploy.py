"""Deploying on the emulator: what changes, what does not, what fails, and what is kept."""

from collections.abc import Callable
from pathlib import Path

import pytest

from loginq.deploy.assets import TEMPLATE
from loginq.deploy.deployment import Deployment
from loginq.deploy.template import Template, load
from loginq.emulator import REGION, Running
from loginq.service.errors import Failed, Invalid
from tests.e2e.conftest import Stack


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
    stack.queue.lines.change(lambda line, t: line.set_rate(t, 77_000))
    plan = stack.deployment.plan({"LeaseSeconds": "40", "InitialRate": "5"}, quiet)
    for _ in stack.deployment.apply(plan):
        pass
    stack.deployment.start_line(plan.parameters)
    line = stack.queue.lines.read()
    assert (line.lease, line.rate) == (40_000, 77_000)


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
        ({"ClaimWindowSeconds": "119"}, "ClaimWindowSeconds of 119 is too short for a LeaseSeconds of 60"),
    ],
)
def test_bad_parameters_are_refused_before_anything_is_done(
    emulator: Running, given: dict[str, str], says: str
) -> None:
    deployment = Deployment(emulator.aws(), "bad", "000000000000", REGION)
    with pytest.raises(Invalid, match=says):
        deployment.plan(given, quiet)
    assert deployment.stack.describe() is None


def test_destroy_keeps_data_and_a_new_deploy_does_not_wipe_it(deploy: Callable[..., Stack]) -> None:
    stack = deploy("kept")
    stack.player("grace")
    for _ in stack.deployment.destroy(delete_data=False):
        pass
    assert stack.deployment.stack.describe() is None
    tables = stack.aws.client("dynamodb").list_tables()["TableNames"]
    assert stack.target.table in tables
    with pytest.raises(Failed, match="would wipe it"):
        stack.deployment.plan({}, quiet)


def test_destroy_with_its_data_leaves_nothing(deploy: Callable[..., Stack]) -> None:
    stack = deploy("gone")
    for _ in stack.deployment.destroy(delete_data=True):
        pass
    assert stack.target.table not in stack.aws.client("dynamodb").list_tables()["TableNames"]
    pools = stack.aws.client("cognito-idp").list_user_pools(MaxResults=60)["UserPools"]
    assert stack.target.user_pool_id not in [pool["Id"] for pool in pools]
    assert deploy("gone").target.stack == "gone"


def test_a_failure_names_the_event_that_caused_it_and_the_next_deploy_works(
    emulator: Running, monkeypatch: pytest.MonkeyPatch, broken: Template
) -> None:
    aws = emulator.aws()
    deployment = Deployment(aws, "half", "000000000000", REGION)
    with monkeypatch.context() as patched:
        patched.setattr("loginq.deploy.template.load", lambda: broken)
        plan = deployment.plan({}, quiet)
        with pytest.raises(Failed) as failed:
            list(deployment.apply(plan))
    assert failed.value.message.startswith("Broken (AWS::SSM::Parameter): ")
    assert "ROLLBACK" in failed.value.message
    for name in aws.client("dynamodb").list_tables()["TableNames"]:
        if name.startswith("half-"):
            aws.client("dynamodb").update_table(TableName=name, DeletionProtectionEnabled=False)
            aws.client("dynamodb").delete_table(TableName=name)
    said: list[str] = []
    plan = deployment.plan({}, said.append)
    assert not plan.update
    for _ in deployment.apply(plan):
        pass
    assert deployment.target().stack == "half"


@pytest.fixture
def broken(tmp_path: Path) -> Template:
    """The template with one more resource, which CloudFormation can only refuse when it gets to it."""
    resource = "  Broken:\n    Type: AWS::SSM::Parameter\n    Properties: { Type: SecureString, Value: x }\n"
    resource += "    DependsOn: SettleLine\n"
    file = tmp_path / "broken.yaml"
    file.write_text(TEMPLATE.read_text().replace("\nOutputs:", f"\n{resource}\nOutputs:"))
    return load(file)
