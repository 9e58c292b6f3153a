"""The plan that a dry run kept, found again by the name of its change set."""

from collections.abc import Callable
from typing import Any

from loginq.deploy import tags, template
from loginq.deploy.effects import differences
from loginq.deploy.plan import Plan
from loginq.deploy.stack import Stack, parameters_of, tags_of
from loginq.deploy.triggers import kept_guard
from loginq.service.rules.errors import Conflict, NotFound
from loginq.service.store.aws import Aws

_AGAIN = "Plan it again with `loginq deploy --dry-run`."


def kept_plan(aws: Aws, stack: Stack, change_set: str, say: Callable[[str], None]) -> Plan:
    """The plan of the stack that waits under this name (or ARN), as it is; what it does is looked at anew.

    Raises `NotFound` when the stack has none of that name, `Conflict` when it can no longer be applied, or somebody
    changes the stack or has locked it, `Failed` for a stack that is stuck.
    """
    there = stack.describe()
    stack.refuse_locked(there)
    told = stack.kept(change_set) if stack.ready(there) else None
    if there is None or told is None or told[0]["StackId"] != there["StackId"]:
        raise NotFound(f"The stack {stack.name!r} has no plan {change_set}.", f"Another deploy ends it. {_AGAIN}")
    found, changes = told
    if (found["Status"], found["ExecutionStatus"]) != ("CREATE_COMPLETE", "AVAILABLE"):
        raise Conflict(f"The plan {change_set} can no longer be applied: it is {_how(found)}.", _AGAIN)
    before = parameters_of(there)
    given = {each["ParameterKey"]: each.get("ParameterValue") for each in found.get("Parameters", ())}
    known = template.load()
    # What is hidden cannot be compared: CloudFormation says the same of any value, and of none.
    after = {n: before.get(n, "") if value is None or n in known.hidden else value for n, value in given.items()}
    return Plan(
        found["ChangeSetId"],
        changes,
        True,
        after,
        tags.changed(tags_of(there), tags_of(found)),
        differences=differences(known, before, after, update=True),
        guard=kept_guard(aws, stack, found.get("RollbackConfiguration", {}), say),
    )


def _how(found: dict[str, Any]) -> str:
    is_made = found["Status"] == "CREATE_COMPLETE"
    return str(found["ExecutionStatus" if is_made else "Status"])
