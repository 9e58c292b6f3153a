"""The lock: one holds, for everybody, and binds every way to change a stack, from the plan to the last moment."""

from typing import Any, cast

import pytest

from loginq.deploy.deployment import Deployment
from loginq.deploy.stack import Stack
from loginq.doctor.checks import Finding, Patient, Verdict
from loginq.doctor.lock import examine
from loginq.service.operations.lock import lock, unlock
from loginq.service.operations.target import Target
from loginq.service.rules.errors import Conflict, Invalid
from loginq.service.store import lock as store
from loginq.service.store.audit import actions
from loginq.service.store.aws import Aws
from loginq.service.store.lock import Lock
from loginq.service.store.table import Row
from loginq.service.store.wire import pack
from tests.memory import InMemory, Work, error
from tests.unit.scripted import Answer, Refusal, Scripted, in_turn
from tests.unit.test_deployment import RESOURCES, acts, deployment_of, resources
from tests.unit.test_stack import SET, page, stacks
from tests.world import World, operator

HELD = Lock("launch until 20:00", "arn:aws:iam::1:user/ada", 1_800_000_000_000, "n")
SAYS = "The stack 'loginq' is locked by user/ada since 2027-01-15T08:00:00.000Z: launch until 20:00"
ROW: dict[str, Any] = {"Item": pack({"PK": "QUEUE#main", "SK": "LOCK", **{n: getattr(HELD, n) for n in store._NAMES}})}
UP = stacks("UPDATE_COMPLETE", Outputs=[{"OutputKey": "TableName", "OutputValue": "t"}])


def test_one_lock_holds_until_it_is_lifted_and_both_are_in_the_audit(world: World) -> None:
    me, table, name = operator(world.queue), world.queue.table, world.queue.name
    assert store.read(table, name) is None
    made = lock(me, "  launch\n until 20:00 ")
    assert store.read(table, name) == made
    with pytest.raises(Conflict, match=r"locked by me since .*: launch until 20:00"):
        lock(me, "another")
    world.later(1)
    assert unlock(me, made)
    assert store.read(table, name) is None
    assert not unlock(me, made)
    assert [(act.what, act.before, act.after) for act in actions(world.queue)] == [
        ("unlock", "launch until 20:00", None),
        ("lock", None, "launch until 20:00"),
    ]


def test_an_answer_that_was_lost_is_no_other_lock_and_no_other_lock_is_lifted(world: World, memory: InMemory) -> None:
    me, table, name = operator(world.queue), world.queue.table, world.queue.name

    def unheard(operation: str, parameters: Row, work: Work) -> Row:
        answer = work(**parameters)
        if operation == "update_item" and not heard:
            heard.append(True)
            raise error(operation, "TransactionConflictException")
        return answer

    heard: list[bool] = []
    memory.dynamodb.spoil = unheard
    first = lock(me, "one")
    heard.clear()
    assert unlock(me, first)
    assert store.read(table, name) is None
    second = lock(me, "two")
    with pytest.raises(Conflict, match=r"It is another lock now: locked by me .*: two"):
        unlock(me, first)
    assert store.read(table, name) == second


@pytest.mark.parametrize("reason", ["", "  \n", "x" * 201])
def test_a_reason_that_says_nothing_or_too_much(world: World, reason: str) -> None:
    with pytest.raises(Invalid, match="A lock needs a reason"):
        lock(operator(world.queue), reason)


def test_doctor_names_a_lock_and_how_it_is_lifted(world: World) -> None:
    store.write(world.queue.table, HELD, world.queue.name)
    patient = Patient(cast(Target, None), cast(Aws, None), world.queue, cast(Stack, None))
    found = list(examine(patient))[-1]
    assert (found.what, found.verdict, found.do) == ("lock", Verdict.WARN, "`loginq unlock` lifts it.")
    assert found.says == SAYS.replace(" 'loginq'", "").replace("The", "the")
    assert store.lift(world.queue.table, HELD, "t", world.queue.name)
    assert [each.verdict for each in examine(patient)] == [Verdict.OK] * 2


def test_doctor_says_what_these_credentials_may_and_writes_nothing(world: World, memory: InMemory) -> None:
    patient = Patient(cast(Target, None), cast(Aws, None), world.queue, cast(Stack, None))

    def examined() -> Finding:
        before = {key: dict(row) for key, row in memory.dynamodb.rows.items()}
        found = next(examine(patient))
        assert memory.dynamodb.rows == before
        return found

    assert examined().says == "these credentials may look and act; a deploy needs more"
    store.write(world.queue.table, HELD, world.queue.name)
    assert examined().says == "these credentials may look and act; a deploy needs more"

    codes = ["AccessDeniedException", "ExpiredTokenException"]

    def forbidden(operation: str, parameters: Row, work: Work) -> Row:
        if operation == "update_item":
            raise error("UpdateItem", codes.pop(0))
        return work(**parameters)

    memory.dynamodb.spoil = forbidden
    found = examined()
    assert (found.verdict, found.says) == (Verdict.OK, "these credentials may look, and change nothing")
    assert "OperatorPolicyArn" in found.do
    assert examined().verdict is Verdict.UNKNOWN  # whom AWS no longer knows, it does not tell what is allowed


def locked(*held: Any) -> tuple[Deployment, Scripted]:
    """A deployment of a stack that is up, whose lock is read as `held` says, one after the other."""
    answers: dict[str, Answer] = {
        "DescribeStacks": in_turn(UP),
        "DescribeStackEvents": in_turn(page()),
        "ListStackResources": resources(*RESOURCES),
        "ListEntitiesForPolicy": in_turn(
            {"PolicyRoles": [{"RoleName": "game"}], "PolicyUsers": [], "PolicyGroups": []}
        ),
        "DetachRolePolicy": in_turn({}),
        "AttachRolePolicy": in_turn({}),
        "GetItem": in_turn(*held),
    }
    return deployment_of(answers)


def test_a_deploy_is_refused_before_anything_is_made_and_a_plan_before_it_is_applied() -> None:
    deployment, aws = locked(ROW)
    with pytest.raises(Conflict) as refused:
        deployment.plan({}, lambda text: None)
    assert refused.value.message == f"{SAYS}."
    with pytest.raises(Conflict):
        list(deployment.stack.execute(SET))
    assert acts(aws) == []


def test_a_plan_to_make_anew_what_is_not_there_meets_no_lock() -> None:
    deployment, aws = deployment_of({})
    deployment.stack.refuse_locked(None)
    deployment.stack.refuse_locked(stacks("ROLLBACK_COMPLETE")["Stacks"][0])
    assert aws.calls == []
    missing = Refusal("ResourceNotFoundException")
    deployment, aws = deployment_of({"GetItem": in_turn(missing)})
    deployment.stack.refuse_locked(UP["Stacks"][0])
    assert len(aws.calls) == 1


def test_taking_down_is_refused_also_when_the_lock_comes_after_the_question() -> None:
    deployment, aws = locked(ROW)
    with pytest.raises(Conflict, match="is locked by"):
        deployment.plan_removal(delete_data=True)
    deployment, aws = locked({}, ROW)
    planned = deployment.plan_removal(delete_data=False)
    with pytest.raises(Conflict, match="is locked by"):
        list(deployment.destroy(planned))
    assert acts(aws) == ["DetachRolePolicy", "AttachRolePolicy"]


def test_who_may_not_look_whether_there_is_a_lock_does_not_deploy() -> None:
    deployment, aws = locked(Refusal("AccessDeniedException"))
    with pytest.raises(Exception, match="GetItem"):
        deployment.plan({}, lambda text: None)
    assert acts(aws) == []
