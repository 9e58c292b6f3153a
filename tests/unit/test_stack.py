"""A stack in every state, also those that no emulator makes: what is refused, followed, told, and never done."""

from collections.abc import Callable
from typing import Any

import pytest

from loginq.deploy.events import StackEvent
from loginq.deploy.stack import Stack
from loginq.deploy.states import How, state_of
from loginq.service.rules.errors import Conflict, Failed, LoginqError, Refused, Unavailable
from tests.unit.scripted import Answer, Refusal, Scripted, in_turn

ID = "arn:aws:cloudformation:eu-west-1:1:stack/loginq/1"
SET = "arn:aws:cloudformation:eu-west-1:1:changeSet/loginq-1/1"
THROTTLED = Refusal("Throttling", "Rate exceeded")
MISSING = Refusal("ValidationError", f"Stack [{ID}] does not exist")
PARTS = {"Table": "AWS::DynamoDB::Table", "Api": "AWS::ApiGateway::RestApi", "Intake": "AWS::SQS::Queue"}


def stacks(status: str, **more: Any) -> dict[str, Any]:
    return {"Stacks": [{"StackName": "loginq", "StackId": ID, "StackStatus": status, **more}]}


def event(number: int, part: str, status: str, reason: str = "") -> dict[str, Any]:
    return {
        "EventId": str(number),
        "StackId": ID,
        "LogicalResourceId": part,
        "PhysicalResourceId": ID if part == "loginq" else part,
        "ResourceType": PARTS.get(part, "AWS::CloudFormation::Stack"),
        "ResourceStatus": status,
        "ResourceStatusReason": reason,
    }


def page(*newest_first: dict[str, Any], token: str | None = None) -> dict[str, Any]:
    return {"StackEvents": list(newest_first), **({"NextToken": token} if token else {})}


def stack_of(answers: dict[str, Answer]) -> tuple[Stack, Scripted, list[float]]:
    """A stack on scripted AWS, and the pauses that were made."""
    aws, pauses = Scripted(answers), list[float]()
    return Stack(aws, "loginq", pauses.append), aws, pauses


def told(events: Any) -> list[tuple[str, str]]:
    return [(each.logical_id, each.status) for each in events]


# How it is

BUSY = (
    "CREATE_IN_PROGRESS", "ROLLBACK_IN_PROGRESS", "DELETE_IN_PROGRESS", "UPDATE_IN_PROGRESS",
    "UPDATE_COMPLETE_CLEANUP_IN_PROGRESS", "UPDATE_ROLLBACK_IN_PROGRESS",
    "UPDATE_ROLLBACK_COMPLETE_CLEANUP_IN_PROGRESS", "IMPORT_IN_PROGRESS", "IMPORT_ROLLBACK_IN_PROGRESS",
)  # fmt: skip
WELL = ("CREATE_COMPLETE", "UPDATE_COMPLETE", "IMPORT_COMPLETE")
NOTED = ("UPDATE_ROLLBACK_COMPLETE", "IMPORT_ROLLBACK_COMPLETE")
UNMADE = ("REVIEW_IN_PROGRESS", "CREATE_FAILED", "ROLLBACK_COMPLETE", "ROLLBACK_FAILED")
STUCK = ("DELETE_FAILED", "UPDATE_FAILED", "UPDATE_ROLLBACK_FAILED", "IMPORT_ROLLBACK_FAILED")


def test_every_state_of_cloudformation_is_one_of_ours() -> None:
    hows = {status: state_of(status, "loginq").how for status in (*BUSY, *WELL, *NOTED, *UNMADE, *STUCK)}
    every = Scripted({}).client("cloudformation").meta.service_model.shape_for("StackStatus").enum
    assert set(hows) == set(every) - {"DELETE_COMPLETE"}
    assert {how: {status for status in hows if hows[status] is how} for how in How} == {
        How.WELL: set(WELL), How.NOTED: set(NOTED), How.BUSY: set(BUSY), How.BAD: {*UNMADE, *STUCK},
    }  # fmt: skip


@pytest.mark.parametrize("status", [*WELL, *NOTED])
def test_what_is_well_is_updated(status: str) -> None:
    assert Stack(Scripted({}), "loginq").ready(stacks(status)["Stacks"][0]) is True


@pytest.mark.parametrize("status", UNMADE)
def test_what_never_worked_is_made_anew(status: str) -> None:
    assert Stack(Scripted({}), "loginq").ready(stacks(status)["Stacks"][0]) is False
    assert Stack(Scripted({}), "loginq").ready(None) is False


@pytest.mark.parametrize("status", BUSY)
def test_nothing_is_deployed_over_a_running_change(status: str) -> None:
    with pytest.raises(Conflict) as refused:
        Stack(Scripted({}), "loginq").ready(stacks(status)["Stacks"][0])
    assert refused.value.message == f"The stack 'loginq' is being changed: {status}."


@pytest.mark.parametrize(
    ("status", "do"),
    [
        ("DELETE_FAILED", "Mend that, and finish it with `loginq destroy`."),
        ("UPDATE_FAILED", "Roll it back: `aws cloudformation rollback-stack --stack-name loginq`."),
        (
            "UPDATE_ROLLBACK_FAILED",
            "Continue its rollback: `aws cloudformation continue-update-rollback --stack-name loginq`.",
        ),
        ("IMPORT_ROLLBACK_FAILED", "See why: `aws cloudformation describe-stack-events --stack-name loginq`."),
    ],
)
def test_a_stuck_stack_is_refused_with_the_way_out(status: str, do: str) -> None:
    with pytest.raises(Failed) as refused:
        Stack(Scripted({}), "loginq").ready(stacks(status)["Stacks"][0])
    assert (status in refused.value.message, refused.value.hint) == (True, do)


def test_an_update_that_was_taken_back_is_well_with_its_cause() -> None:
    history = page(
        event(9, "loginq", "UPDATE_ROLLBACK_COMPLETE"),
        event(8, "Api", "UPDATE_FAILED", "Resource update cancelled"),
        event(7, "Intake", "UPDATE_FAILED", "Later."),
        event(6, "Table", "UPDATE_FAILED", "Too warm."),
        event(5, "loginq", "UPDATE_IN_PROGRESS"),
        event(4, "Table", "UPDATE_FAILED", "An older story."),
        token="more",
    )
    stack, aws, _ = stack_of({"DescribeStackEvents": in_turn(history)})
    state = stack.state(stacks("UPDATE_ROLLBACK_COMPLETE")["Stacks"][0])
    assert (state.how, state.works) == (How.NOTED, True)
    assert state.says == "The last change was taken back: Table (AWS::DynamoDB::Table): Too warm."
    assert len(aws.calls) == 1


@pytest.mark.parametrize(("status", "works"), [("UPDATE_IN_PROGRESS", True), ("CREATE_IN_PROGRESS", False)])
def test_a_queue_runs_while_it_is_updated_but_not_before_it_is_made(status: str, works: bool) -> None:
    assert state_of(status, "loginq").works is works


# What would change


def proposed(
    *described: dict[str, Any] | Refusal, update: bool = True, more: dict[str, Answer] | None = None
) -> tuple[Callable[[], Any], Scripted]:
    stack, aws, _ = stack_of(
        {
            "CreateChangeSet": in_turn({"Id": SET, "StackId": ID}),
            "DescribeChangeSet": in_turn(*described),
            "DeleteChangeSet": in_turn({}),
            **(more or {}),
        }
    )
    parameters = {"LogLevel": "DEBUG", "LeaseSeconds": None}
    return lambda: stack.propose("https://b/t.yaml", parameters, {"team": "a"}, update=update), aws


def change_set(status: str, *parts: str, reason: str = "", token: str | None = None) -> dict[str, Any]:
    changes = [
        {"Type": "Resource", "ResourceChange": {"Action": "Modify", "LogicalResourceId": part, "ResourceType": "T"}}
        for part in parts
    ]
    more = {"NextToken": token} if token else {}
    return {"Status": status, "StatusReason": reason, "Changes": changes, **more}


def test_every_page_of_a_change_set_is_shown() -> None:
    propose, aws = proposed(
        THROTTLED,
        change_set("CREATE_IN_PROGRESS"),
        change_set("CREATE_COMPLETE", "A", "B", token="2"),
        change_set("CREATE_COMPLETE", "C", token="3"),
        change_set("CREATE_COMPLETE", "D"),
    )
    arn, changes = propose()
    assert (arn, [each.logical_id for each in changes]) == (SET, ["A", "B", "C", "D"])
    assert [call.get("NextToken") for call in aws.made("DescribeChangeSet")] == [None, None, None, "2", "3"]
    (asked,) = aws.made("CreateChangeSet")
    assert asked["Parameters"] == [
        {"ParameterKey": "LogLevel", "ParameterValue": "DEBUG"},
        {"ParameterKey": "LeaseSeconds", "UsePreviousValue": True},
    ]
    assert (asked["ChangeSetType"], asked["Tags"]) == ("UPDATE", [{"Key": "team", "Value": "a"}])


@pytest.mark.parametrize(
    "reason",
    [
        "The submitted information didn't contain changes. Submit different information to create a change set.",
        "No updates are to be performed.",
    ],
)
def test_no_changes_in_both_phrases(reason: str) -> None:
    propose, aws = proposed(change_set("FAILED", reason=reason))
    assert propose() == (None, [])
    assert len(aws.made("DeleteChangeSet")) == 1


def test_a_change_of_outputs_alone_is_one() -> None:
    propose, aws = proposed(change_set("CREATE_COMPLETE"))
    assert propose() == (SET, [])
    assert not aws.made("DeleteChangeSet")


def test_a_change_set_that_is_refused_is_taken_away() -> None:
    propose, aws = proposed(
        change_set("FAILED", reason="Parameter X is bad."),
        update=False,
        more={"DescribeStacks": in_turn(stacks("REVIEW_IN_PROGRESS")), "DeleteStack": in_turn({})},
    )
    with pytest.raises(Failed, match=r"^CloudFormation refuses the change set: Parameter X is bad\.$"):
        propose()
    assert [name for name, _ in aws.calls][-3:] == ["DeleteChangeSet", "DescribeStacks", "DeleteStack"]


def test_withdrawing_never_deletes_a_stack_that_somebody_else_is_making() -> None:
    stack, aws, _ = stack_of(
        {
            "DeleteChangeSet": in_turn(Refusal("ChangeSetNotFound", status=404)),
            "DescribeStacks": in_turn(stacks("CREATE_IN_PROGRESS")),
        }
    )
    stack.withdraw(SET, update=False)
    assert not aws.made("DeleteStack")


CHANGED = Refusal("ValidationError", f"Stack:{ID} is in UPDATE_IN_PROGRESS state and can not be updated.")
GONE = Refusal("ChangeSetNotFound", "ChangeSet [x] does not exist", 404)


@pytest.mark.parametrize(
    "answers",
    [
        {"CreateChangeSet": in_turn(CHANGED)},
        {"DescribeChangeSet": in_turn(GONE)},
        {"DescribeChangeSet": in_turn(change_set("DELETE_COMPLETE"))},
    ],
)
def test_planning_beside_somebody_else(answers: dict[str, Answer]) -> None:
    propose, _ = proposed({}, more=answers)
    with pytest.raises(Conflict, match=r"^Somebody else deployed meanwhile\.$"):
        propose()


@pytest.mark.parametrize("refusal", [GONE, CHANGED, Refusal("InvalidChangeSetStatus")])
def test_applying_behind_somebody_else(refusal: Refusal) -> None:
    stack, _, _ = stack_of(
        {
            "DescribeStacks": in_turn(stacks("UPDATE_COMPLETE")),
            "DescribeStackEvents": in_turn(page()),
            "ExecuteChangeSet": in_turn(refusal),
        }
    )
    with pytest.raises(Conflict) as told_so:
        list(stack.execute(SET))
    assert told_so.value.message == "Somebody else deployed meanwhile."
    assert "run it again" in told_so.value.hint


def test_other_refusals_stay_what_they_are() -> None:
    propose, _ = proposed({}, more={"CreateChangeSet": in_turn(Refusal("AccessDenied", "you may not."))})
    with pytest.raises(Refused, match="you may not"):
        propose()


# Following it


def executing(statuses: list[Any], events: list[Any]) -> tuple[Stack, Scripted, list[float]]:
    return stack_of(
        {
            "DescribeStacks": in_turn(stacks("UPDATE_COMPLETE"), *statuses),
            "DescribeStackEvents": in_turn(*events),
            "ExecuteChangeSet": in_turn({}),
        }
    )


OLD = event(1, "loginq", "UPDATE_COMPLETE")
STARTED, MADE = event(2, "loginq", "UPDATE_IN_PROGRESS"), event(3, "Table", "UPDATE_COMPLETE")
DONE = event(4, "loginq", "UPDATE_COMPLETE")


def test_an_update_is_followed_to_its_end_and_old_events_are_no_news() -> None:
    stack, _, _ = executing(
        [stacks("UPDATE_IN_PROGRESS"), stacks("UPDATE_COMPLETE")],
        [page(OLD), page(STARTED, OLD), page(DONE, MADE, STARTED, OLD)],
    )
    assert told(stack.execute(SET)) == [
        ("loginq", "UPDATE_IN_PROGRESS"),
        ("Table", "UPDATE_COMPLETE"),
        ("loginq", "UPDATE_COMPLETE"),
    ]


def test_a_status_from_before_the_change_is_not_its_end() -> None:
    stack, _, pauses = executing(
        [stacks("UPDATE_COMPLETE"), stacks("UPDATE_COMPLETE"), stacks("UPDATE_COMPLETE")],
        [page(OLD), page(OLD), page(STARTED, OLD), page(DONE, MADE, STARTED, OLD)],
    )
    assert told(stack.execute(SET))[-1] == ("loginq", "UPDATE_COMPLETE")
    assert len(pauses) == 2


def test_no_page_behind_a_known_event_is_read() -> None:
    old = [page(OLD, token="2")]
    first = [page(DONE, MADE, token="2"), page(STARTED, OLD, token="3")]
    stack, aws, _ = executing([stacks("UPDATE_COMPLETE")], [*old, *first, page()])
    assert len(told(stack.execute(SET))) == 3
    assert [call.get("NextToken") for call in aws.made("DescribeStackEvents")] == [None, None, "2"]


def test_a_throttle_does_not_end_the_following() -> None:
    stack, _, pauses = executing(
        [*[THROTTLED] * 6, stacks("UPDATE_IN_PROGRESS"), stacks("UPDATE_COMPLETE")],
        [page(OLD), page(STARTED, OLD), THROTTLED, page(DONE, STARTED, OLD)],
    )
    assert told(stack.execute(SET))[-1] == ("loginq", "UPDATE_COMPLETE")
    assert pauses == [1, 2, 4, 8, 16, 16, 1, 1]


def test_a_throttle_before_anything_is_done_is_told() -> None:
    stack, aws, _ = executing([], [THROTTLED])
    with pytest.raises(Unavailable):
        list(stack.execute(SET))
    assert not aws.made("ExecuteChangeSet")


def test_the_first_failure_is_the_cause_and_what_was_cancelled_is_none() -> None:
    back = [event(8, "loginq", "UPDATE_ROLLBACK_COMPLETE"), event(7, "loginq", "UPDATE_ROLLBACK_IN_PROGRESS")]
    failures = [
        event(6, "Intake", "UPDATE_FAILED", "A consequence."),
        event(5, "Table", "UPDATE_FAILED", "Too warm."),
        event(4, "Api", "UPDATE_FAILED", "Resource update cancelled"),
    ]
    stack, _, _ = executing([stacks("UPDATE_ROLLBACK_COMPLETE")], [page(OLD), page(*back, *failures, STARTED, OLD)])
    with pytest.raises(Failed) as failed:
        list(stack.execute(SET))
    assert failed.value.message == ("Table (AWS::DynamoDB::Table): Too warm. The stack is in UPDATE_ROLLBACK_COMPLETE.")
    assert failed.value.hint == "What was there before it runs. Mend that and deploy again."


@pytest.mark.parametrize("status", ["ROLLBACK_COMPLETE", "ROLLBACK_FAILED", "CREATE_FAILED", "UPDATE_ROLLBACK_FAILED"])
def test_every_failed_end_is_a_failure(status: str) -> None:
    stack, _, _ = executing([stacks(status)], [page(OLD), page(event(9, "loginq", status), OLD)])
    with pytest.raises(Failed, match=rf"^No event says why\. The stack is in {status}\.$"):
        list(stack.execute(SET))


def test_a_stack_that_somebody_takes_down_meanwhile_is_not_up() -> None:
    stack, _, _ = executing([stacks("DELETE_COMPLETE")], [page(OLD), page(OLD)])
    with pytest.raises(Conflict, match="somebody else took it down meanwhile"):
        list(stack.execute(SET))


OLDER = event(0, "Table", "UPDATE_FAILED", "An older story.")


@pytest.mark.parametrize(
    "first",
    [[page(MADE, STARTED, OLD, OLDER)], [page(MADE, STARTED, token="2"), page(OLD, OLDER)], [page(MADE, STARTED)]],
)
def test_a_change_that_is_under_way_is_joined_from_its_beginning(first: list[Any]) -> None:
    """Whatever happened before is neither news nor the cause of anything; and the beginning may end a page."""
    news = [page(DONE, MADE, STARTED, token="2"), page(OLD, OLDER)] if len(first) > 1 else [page(DONE, MADE, STARTED)]
    stack, _, _ = stack_of(
        {"DescribeStacks": in_turn(stacks("UPDATE_COMPLETE")), "DescribeStackEvents": in_turn(*first, *news)}
    )
    found = stacks("UPDATE_IN_PROGRESS")["Stacks"][0]
    assert told(stack.rejoin(found)) == [
        ("loginq", "UPDATE_IN_PROGRESS"),
        ("Table", "UPDATE_COMPLETE"),
        ("loginq", "UPDATE_COMPLETE"),
    ]


def test_a_change_set_is_found_again_with_all_its_pages() -> None:
    stack, aws, _ = stack_of(
        {
            "DescribeChangeSet": in_turn(
                change_set("CREATE_COMPLETE", "A", token="2"), change_set("CREATE_COMPLETE", "B")
            )
        }
    )
    found = stack.kept("loginq-1")
    assert found is not None and [each.logical_id for each in found[1]] == ["A", "B"]
    assert [call["ChangeSetName"] for call in aws.made("DescribeChangeSet")] == ["loginq-1", "loginq-1"]


def test_an_error_is_not_taken_for_a_missing_change_set() -> None:
    stack, _, _ = stack_of({"DescribeChangeSet": in_turn(Refusal("AccessDenied", "you may not.", 403))})
    with pytest.raises(Refused):
        stack.kept("loginq-1")


# Taking it down


def deleting(statuses: list[Any], events: list[Any]) -> tuple[Stack, Scripted, list[float]]:
    return stack_of(
        {"DescribeStacks": in_turn(*statuses), "DescribeStackEvents": in_turn(*events), "DeleteStack": in_turn({})}
    )


def delete(stack: Stack) -> list[StackEvent]:
    return list(stack.delete(stacks("UPDATE_COMPLETE")["Stacks"][0]))


DELETING = event(5, "loginq", "DELETE_IN_PROGRESS")


@pytest.mark.parametrize("end", [stacks("DELETE_COMPLETE"), MISSING])
def test_a_stale_status_after_the_deletion_began_is_not_its_end(end: Any) -> None:
    stack, aws, pauses = deleting(
        [stacks("UPDATE_COMPLETE"), stacks("UPDATE_COMPLETE"), stacks("DELETE_IN_PROGRESS"), end],
        [page(DONE, OLD), page(DONE, OLD), page(DELETING, DONE, OLD)],
    )
    assert told(delete(stack)) == [("loginq", "DELETE_IN_PROGRESS")]
    assert (len(pauses), {call["StackName"] for call in aws.made("DescribeStacks")}) == (3, {ID})


def test_a_deletion_that_failed_before_is_not_the_end_of_the_next() -> None:
    before = event(6, "loginq", "DELETE_FAILED")
    stack, _, _ = deleting(
        [stacks("DELETE_FAILED"), stacks("DELETE_FAILED"), stacks("DELETE_COMPLETE")],
        [page(before), page(before), page(event(7, "loginq", "DELETE_IN_PROGRESS"), before)],
    )
    assert told(delete(stack)) == [("loginq", "DELETE_IN_PROGRESS")]


def test_a_deletion_that_fails_says_what_failed_and_how_to_go_on() -> None:
    failed = [event(7, "loginq", "DELETE_FAILED"), event(6, "Api", "DELETE_FAILED", "It is in use.")]
    stack, _, _ = deleting([stacks("DELETE_FAILED")], [page(OLD), page(*failed, DELETING, OLD)])
    with pytest.raises(Failed) as told_so:
        delete(stack)
    assert told_so.value.message == "Api (AWS::ApiGateway::RestApi): It is in use. The stack is in DELETE_FAILED."
    assert told_so.value.hint == "Mend that, and finish it with `loginq destroy`."


def test_there_is_no_such_stack() -> None:
    stack, _, _ = stack_of({"DescribeStacks": in_turn(MISSING), "DescribeStackEvents": in_turn(MISSING)})
    assert (stack.describe(), stack.parameters()) == (None, {})
    with pytest.raises(LoginqError, match="There is no stack 'loginq' here"):
        stack.outputs()


def test_an_error_is_not_taken_for_a_missing_stack() -> None:
    stack, _, _ = stack_of({"DescribeStacks": in_turn(Refusal("AccessDenied"))})
    with pytest.raises(Refused):
        stack.describe()
