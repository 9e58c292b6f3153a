"""What a change set says about a change, in our words; what a parameter does; which alarms take an update back."""

from typing import Any

import pytest

from loginq.deploy import template
from loginq.deploy.changes import Change, change_of
from loginq.deploy.effects import _EFFECTS, differences, effect_of
from loginq.deploy.foresight import real
from loginq.deploy.stack import Stack
from loginq.deploy.triggers import ALARMS, MINUTES, guard_of, kept_guard
from loginq.service.rules.settings import PARAMETERS
from tests.unit.scripted import Answer, Refusal, Scripted, in_turn

SOURCE = template.load()


def detail(
    what: str, source: str = "DirectModification", cause: str = "", again: str = "Never", how: str = "Static"
) -> dict[str, Any]:
    target = {"Attribute": "Properties", "Name": what, "RequiresRecreation": again}
    more = {"CausingEntity": cause} if cause else {}
    return {"Target": target, "Evaluation": how, "ChangeSource": source, **more}


def change(
    name: str, kind: str, *details: dict[str, Any], replacement: str = "False", action: str = "Modify"
) -> dict[str, Any]:
    return {
        "Action": action,
        "LogicalResourceId": name,
        "ResourceType": f"AWS::{kind}",
        "Replacement": replacement,
        "Details": list(details),
    }


def by_parameter(what: str, name: str) -> tuple[dict[str, Any], dict[str, Any]]:
    """As CloudFormation tells it: once for the parameter, once for the property that is another one with it."""
    return detail(what, how="Dynamic"), detail(what, "ParameterReference", name)


TAGGED = {"Target": {"Attribute": "Tags", "RequiresRecreation": "Never"}, "Evaluation": "Static"}
ARN = detail("LambdaConfig", "ResourceAttribute", "PutPlayerInfo.Arn", "Conditionally", "Dynamic")


@pytest.mark.parametrize(
    ("details", "reasons", "follows"),
    [
        (by_parameter("Environment", "LogLevel"), ["Environment by parameter LogLevel"], False),
        ([detail("Policies")], ["Policies by the template"], False),
        ([detail("Schema", again="Always")], ["Schema by the template (replaces it)"], False),
        ([ARN], ["LambdaConfig by PutPlayerInfo.Arn (may replace it)"], True),
        ([ARN, detail("Tier")], ["LambdaConfig by PutPlayerInfo.Arn (may replace it)", "Tier by the template"], False),
        ([TAGGED], [], False),
        ([TAGGED, ARN], ["LambdaConfig by PutPlayerInfo.Arn (may replace it)"], True),
        ([detail("X", "Automatic")], ["X by the template"], False),
        ([], [], False),
    ],
)
def test_the_reasons_of_a_change(details: list[dict[str, Any]], reasons: list[str], follows: bool) -> None:
    found = change_of(change("UserPool", "Cognito::UserPool", *details))
    assert ([str(each) for each in found.own], found.follows) == (reasons, follows)
    assert found.is_tagged is (details == [TAGGED])


@pytest.mark.parametrize(
    ("kind", "is_access"),
    [
        ("IAM::Role", True), ("IAM::ManagedPolicy", True), ("Lambda::Permission", True), ("SQS::QueuePolicy", True),
        ("SNS::TopicPolicy", True), ("Lambda::Function", False),
    ],
)  # fmt: skip
def test_who_may_do_what_is_told_apart(kind: str, is_access: bool) -> None:
    assert change_of(change("It", kind)).is_access is is_access


# Parameters


def test_only_what_there_is_has_an_effect_and_every_rule_holds_within_a_second() -> None:
    assert set(_EFFECTS) <= set(SOURCE.document["Parameters"])
    assert "a new line" in effect_of("InitialRate") and "a new line" in effect_of("InitialCapacity")
    for name in set(PARAMETERS) - {"InitialRate", "InitialCapacity"}:
        assert effect_of(name).startswith("Holds within a second"), name
    for name in SOURCE.document["Parameters"]:
        assert effect_of(name).endswith(".")


def test_the_parameters_that_an_update_changes() -> None:
    before = {**SOURCE.defaults, "CodeKey": "a", "SourcesHash": "1", "LogLevel": "DEBUG"}
    del before["Monitoring"], before["MaxReceives"]
    after = {**SOURCE.defaults, "CodeKey": "b", "SourcesHash": "2", "LogLevel": "DEBUG", "InitialRate": "500"}
    found = differences(SOURCE, before, after, update=True)
    assert [(each.name, each.before, each.after) for each in found] == [
        ("InitialRate", "20", "500"), ("Monitoring", "full", "lean"), ("CodeKey", "a", "b"),
    ]  # fmt: skip
    assert found[0].means.startswith("Players admitted per second when the line is first made")
    assert differences(SOURCE, before, {**before, "Monitoring": "full", "MaxReceives": "5"}, update=True) == []


def test_the_parameters_of_a_new_stack_are_those_that_are_not_its_defaults() -> None:
    after = {**SOURCE.defaults, "CodeKey": "b", "LeaseSeconds": "60"}
    (found,) = differences(SOURCE, {}, after, update=False)
    assert (found.name, found.before, found.after, found.effect) == ("LeaseSeconds", "120", "60", "")


def test_a_hidden_parameter_changes_without_its_values() -> None:
    hidden, url = {"AlarmUrl": template.MASKED}, "https://pager.example.com/secret"
    assert differences(SOURCE, hidden, hidden, update=True) == []
    for before, expected in (({}, ""), (hidden, template.MASKED), ({"AlarmUrl": url + "s"}, template.MASKED)):
        (found,) = differences(SOURCE, before, {"AlarmUrl": url}, update=True)
        assert (found.before, found.after) == (expected, template.MASKED)
    (gone,) = differences(SOURCE, hidden, {"AlarmUrl": ""}, update=True)
    assert (gone.before, gone.after) == (template.MASKED, "")


# Rollback triggers


def seen(*names: str, ringing: tuple[str, ...] = (), endpoint: str | None = None, **more: Answer) -> Scripted:
    resources = [
        {
            "LogicalResourceId": name,
            "PhysicalResourceId": f"loginq-{name}-1",
            "ResourceType": "AWS::CloudWatch::Alarm",
            "ResourceStatus": "CREATE_COMPLETE",
            "LastUpdatedTimestamp": 0,
        }
        for name in (*names, "ShortAlarm")
    ]
    alarms = [
        {"AlarmName": f"loginq-{name}-1", "AlarmArn": f"arn:{name}", "StateValue": "ALARM" if name in ringing else "OK"}
        for name in names
    ]
    answers = {
        "ListStackResources": in_turn({"StackResourceSummaries": resources}),
        "DescribeAlarms": in_turn({"MetricAlarms": alarms}),
    }
    return Scripted({**answers, **more}, endpoint_url=endpoint)


def quiet(text: str) -> None: ...


def test_five_alarms_take_an_update_back() -> None:
    assert set(ALARMS) <= set(SOURCE.document["Resources"]) and len(ALARMS) == 5
    aws = seen(*ALARMS)
    guard = guard_of(aws, Stack(aws, "loginq"), SOURCE.document["Resources"], quiet)
    assert guard.configuration() == {
        "RollbackTriggers": [{"Arn": f"arn:{name}", "Type": "AWS::CloudWatch::Alarm"} for name in ALARMS],
        "MonitoringTimeInMinutes": MINUTES,
    }
    assert aws.made("DescribeAlarms") == [{"AlarmNames": [f"loginq-{name}-1" for name in ALARMS]}]


def test_only_those_that_exist_and_stay_and_do_not_ring_already() -> None:
    aws = seen("DeadLettersAlarm", "SettleErrorsAlarm", "PlacingErrorsAlarm", ringing=("PlacingErrorsAlarm",))
    known = set(SOURCE.document["Resources"]) - {"SettleErrorsAlarm"}
    guard = guard_of(aws, Stack(aws, "loginq"), known, quiet)
    assert [each.name for each in guard.armed] == ["DeadLettersAlarm"]
    assert [each.name for each in guard.ringing] == ["PlacingErrorsAlarm"]


def test_without_alarms_an_empty_list_is_sent() -> None:
    """CloudFormation remembers the triggers of the update before."""
    aws = seen()
    guard = guard_of(aws, Stack(aws, "loginq"), SOURCE.document["Resources"], quiet)
    assert guard.configuration() == {"RollbackTriggers": [], "MonitoringTimeInMinutes": 0}
    assert not aws.made("DescribeAlarms")


def test_alarms_that_may_not_be_seen_are_told() -> None:
    aws = seen(*ALARMS, DescribeAlarms=in_turn(Refusal("AccessDenied", "not you", 403)))
    said: list[str] = []
    assert guard_of(aws, Stack(aws, "loginq"), ALARMS, said.append).armed == ()
    assert said == ["The alarms could not be seen, so that none takes this back: DescribeAlarms: not you."]


def test_the_emulator_heeds_no_triggers_and_is_not_asked() -> None:
    aws = seen(*ALARMS, endpoint="http://127.0.0.1:4566")
    assert guard_of(aws, Stack(aws, "loginq"), ALARMS, quiet).armed == ()
    assert aws.calls == []


def test_a_kept_plan_is_armed_as_it_was_and_what_rings_is_as_it_is_now() -> None:
    aws = seen(*ALARMS, ringing=("DeadLettersAlarm",))
    kept = {"RollbackTriggers": [{"Arn": "arn:DeadLettersAlarm", "Type": "AWS::CloudWatch::Alarm"}]}
    guard = kept_guard(aws, Stack(aws, "loginq"), kept, quiet)
    assert [each.name for each in guard.armed] == [each.name for each in guard.ringing] == ["DeadLettersAlarm"]


def test_an_emulator_is_not_believed_what_its_conditions_forbid() -> None:
    listed = [Change("Add", name, "AWS::Any::Thing", "") for name in ("Table", "WebAcl", "ApiDeployment0a1b2c3d")]
    gone = Change("Remove", "WebAcl", "AWS::WAFv2::WebACL", "")
    given = {**SOURCE.defaults, "EmulatorEndpoint": "http://127.0.0.1:4566"}
    assert [each.logical_id for each in real(listed, SOURCE.document, given)] == ["Table", "ApiDeployment0a1b2c3d"]
    assert real([gone], SOURCE.document, given) == [gone]
    assert real(listed, SOURCE.document, {**given, "Firewall": "true"}) == listed
