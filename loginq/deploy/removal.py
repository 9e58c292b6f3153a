"""Taking a deployment down: first everything that could stop it is looked at, then it is done."""

from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass, field
from typing import Any

from loginq.deploy import taken
from loginq.deploy.events import POLL_SECONDS, StackEvent
from loginq.deploy.stack import Stack, parameters_of
from loginq.deploy.states import How, state_of
from loginq.service.rules.errors import Conflict, Failed, LoginqError, NotFound, Refused
from loginq.service.store.aws import Aws

KEPT = {"Table": "table", "UserPool": "user pool"}
"""What outlives the stack: logical id -> in words; and the app client, which goes with its pool."""


@dataclass(frozen=True, slots=True)
class Holder:
    """A role, user or group to which somebody attached a policy of the stack by hand."""

    kind: str
    name: str
    policy: str

    def __str__(self) -> str:
        return f"the {self.kind} {self.name}"


@dataclass(frozen=True, slots=True)
class Removal:
    """What taking a deployment down will do; nothing of it is done yet."""

    found: dict[str, Any]
    kept: dict[str, str]
    """Logical id -> physical id."""
    holders: list[Holder]
    unseen: str
    """Why it could not be seen who holds a policy of the stack; empty when it could."""
    delete_data: bool
    taken: dict[str, str] = field(default_factory=dict)
    """What an earlier stack made, as `kept`: it is not this one's to delete."""
    pages: bool = False
    """Whether its alarms are told to an AlarmUrl. Only its resources say so: a hidden parameter looks as if empty."""


def kept(stack: Stack, found: dict[str, Any], resources: list[dict[str, Any]]) -> dict[str, str]:
    """The table and the user pool of a stack, also what a creation or deletion that failed let stand of them."""
    there = {
        each["LogicalResourceId"]: each["PhysicalResourceId"]
        for each in resources
        if each.get("PhysicalResourceId") and each["ResourceStatus"] not in ("DELETE_COMPLETE", "CREATE_FAILED")
    }
    every = {**stack.skipped(found), **there}
    return {name: every[name] for name in (*KEPT, "UserClient") if name in every}


def how_to_delete(there: Mapping[str, str], region: str) -> list[str]:
    """The commands that lift the protection of what was kept, and delete it."""
    commands, there_ = [], f"--region {region}"
    if table := there.get("Table"):
        commands.append(f"aws dynamodb update-table {there_} --no-deletion-protection-enabled --table-name {table}")
        commands.append(f"aws dynamodb delete-table {there_} --table-name {table}")
    if pool := there.get("UserPool"):
        commands.append(
            f"aws cognito-idp update-user-pool {there_} --deletion-protection INACTIVE --user-pool-id {pool}"
        )
        commands.append(f"aws cognito-idp delete-user-pool {there_} --user-pool-id {pool}")
    return commands


def plan(aws: Aws, stack: Stack, *, delete_data: bool) -> Removal:
    """What taking the stack down would do.

    Raises `Conflict` when there is no stack, it is locked, protected or being changed, or its pool cannot be deleted.
    """
    found = stack.describe()
    if found is None:
        raise Conflict(f"There is no stack {stack.name!r}: nothing to take down.")
    stack.refuse_locked(found)
    refuse_protected(found, stack.name)
    state = state_of(found["StackStatus"], stack.name)
    if state.how is How.BUSY:
        raise Conflict(f"The stack {stack.name!r} is being changed: {state.status}.", state.do)
    resources = stack.resources()
    there = kept(stack, found, resources)
    if delete_data and "UserPool" in there:
        _refuse_domain(aws, there["UserPool"])
    holders, unseen = _holders(aws, resources)
    pages = any(each["LogicalResourceId"] == "AlarmsByUrl" for each in resources)
    return Removal(found, there, holders, unseen, delete_data, taken.of(parameters_of(found)), pages)


def refuse_protected(found: Mapping[str, Any], name: str) -> None:
    """Raises `Conflict` for a stack with termination protection, whose deletion CloudFormation refuses."""
    if found.get("EnableTerminationProtection"):
        raise Conflict(
            f"The stack {name!r} has termination protection: nothing was deleted.",
            "If you mean it, lift that first: `aws cloudformation update-termination-protection "
            f"--no-enable-termination-protection --stack-name {name}`.",
        )


def refuse_wiping(aws: Aws, name: str, found: Mapping[str, Any] | None, away: str) -> None:
    """The emulator gives a new stack's table the name that a kept one has, and wipes it; AWS never would.

    Args:
        found: a stack of that name that never worked; None for none. away: the command that deletes both.
    """
    if aws.endpoint_url is None:
        return
    tables = [each for page in aws.client("dynamodb").pages("list_tables") for each in page["TableNames"]]
    mine = [each for each in tables if each.startswith(f"{name}-Table")]
    if mine and found:
        raise Failed(
            f"The table {mine[0]} is left from a creation that failed, and deploying here would wipe it.",
            f"Delete both: `{away}`.",
        )
    if mine:
        raise Failed(
            f"The table {mine[0]} was kept from an earlier stack, and deploying here would wipe it.",
            "Forget the emulator's state with `loginq local reset`, or use another name: `loginq --stack NAME`.",
        )


def carry_out(aws: Aws, stack: Stack, removal: Removal) -> Iterator[StackEvent]:
    """Delete the stack; its events as they come. The data goes last, when nothing can refuse the stack any more.

    Raises `Failed` with the event that failed. What is not deleted is protected as before.
    """
    iam = aws.client("iam")
    for holder in removal.holders:
        _attach(iam, holder, attached=False)
    try:
        events = stack.delete(removal.found)
    except BaseException:
        for holder in removal.holders:
            _attach(iam, holder, attached=True)
        raise
    yield from events
    if removal.delete_data:
        if "Table" in removal.kept:
            _delete_table(aws, removal.kept["Table"], stack.sleep)
        if "UserPool" in removal.kept:
            _delete_pool(aws, removal.kept["UserPool"])


def untie(aws: Aws, removal: Removal) -> str:
    """Take the trigger away that a kept pool has in a function of the stack that is gone, or no sign-up would end well
    any more. Why that cannot be done; empty for done, or nothing to do.
    """
    pool = "" if removal.delete_data else removal.kept.get("UserPool", "")
    try:
        if pool and taken.is_orphan(aws, pool):
            cognito = aws.client("cognito-idp")
            found = cognito.describe_user_pool(UserPoolId=pool)["UserPool"]
            others = {name: each for name, each in found["LambdaConfig"].items() if name != "PostConfirmation"}
            cognito.update_user_pool(**{**_settings(cognito, found), "UserPoolId": pool, "LambdaConfig": others})
    except LoginqError as exc:
        return exc.message
    return ""


def _holders(aws: Aws, resources: list[dict[str, Any]]) -> tuple[list[Holder], str]:
    """To whom policies of the stack are attached, but for roles of the stack itself; and why that is not known."""
    own = {each.get("PhysicalResourceId") for each in resources if each["ResourceType"] == "AWS::IAM::Role"}
    policies = [
        each["PhysicalResourceId"]
        for each in resources
        if each["ResourceType"] == "AWS::IAM::ManagedPolicy"
        and each["ResourceStatus"] != "DELETE_COMPLETE"
        and each.get("PhysicalResourceId")
    ]
    holders = []
    try:
        for policy in policies:
            for page in aws.client("iam").pages("list_entities_for_policy", PolicyArn=policy):
                for kind in ("Role", "User", "Group"):
                    names = [each[f"{kind}Name"] for each in page[f"Policy{kind}s"]]
                    holders += [Holder(kind.lower(), name, policy) for name in names if name not in own]
    except NotFound:
        pass
    except Refused as exc:
        return [], exc.message
    return holders, ""


def _attach(iam: Any, holder: Holder, *, attached: bool) -> None:
    call = getattr(iam, f"{'attach' if attached else 'detach'}_{holder.kind}_policy")
    call(**{f"{holder.kind.capitalize()}Name": holder.name, "PolicyArn": holder.policy})


def _refuse_domain(aws: Aws, pool: str) -> None:
    """Cognito deletes no pool that has a domain; better known before its stack is gone."""
    try:
        found = aws.client("cognito-idp").describe_user_pool(UserPoolId=pool)["UserPool"]
    except NotFound:
        return
    if domain := found.get("CustomDomain") or found.get("Domain"):
        raise Conflict(
            f"The user pool {pool} has the domain {domain}, and cannot be deleted with it: nothing was deleted.",
            f"Delete that first: `aws cognito-idp delete-user-pool-domain --domain {domain} --user-pool-id {pool}`.",
        )


def _delete_table(aws: Aws, table: str, sleep: Callable[[float], None]) -> None:
    dynamodb = aws.client("dynamodb")

    def protect(on: bool) -> None:
        dynamodb.update_table(TableName=table, DeletionProtectionEnabled=on)

    def delete() -> None:
        while dynamodb.describe_table(TableName=table)["Table"]["TableStatus"] == "UPDATING":
            sleep(POLL_SECONDS)  # until then DynamoDB refuses to delete it
        dynamodb.delete_table(TableName=table)

    _delete(aws, "Table", table, protect, delete)


def _delete_pool(aws: Aws, pool: str) -> None:
    cognito = aws.client("cognito-idp")

    def protect(on: bool) -> None:
        # UpdateUserPool resets what it is not given: it gets what there is.
        settings = _settings(cognito, cognito.describe_user_pool(UserPoolId=pool)["UserPool"])
        settings |= {"UserPoolId": pool, "DeletionProtection": "ACTIVE" if on else "INACTIVE"}
        cognito.update_user_pool(**settings)

    _delete(aws, "UserPool", pool, protect, lambda: cognito.delete_user_pool(UserPoolId=pool))


def _delete(
    aws: Aws, resource: str, physical: str, protect: Callable[[bool], None], delete: Callable[[], None]
) -> None:
    """Lift the protection of what was kept and delete it; protected again when that is refused."""
    try:
        protect(False)
        try:
            delete()
        except BaseException:
            protect(True)
            raise
    except NotFound:
        return
    except LoginqError as exc:
        commands = how_to_delete({resource: physical}, aws.client("sts").meta.region_name)
        raise Failed(
            f"The stack is gone, but the {KEPT[resource]} {physical} is not: {exc.message}",
            "\n".join(["Mend that, and delete it yourself:", *(f"  {each}" for each in commands)]),
        ) from exc


def _settings(cognito: Any, pool: dict[str, Any]) -> dict[str, Any]:
    """What DescribeUserPool says, as far as UpdateUserPool takes it."""
    known = cognito.meta.service_model.operation_model("UpdateUserPool").input_shape.members
    settings = {name: value for name, value in pool.items() if name in known and value}
    if "AdminCreateUserConfig" in settings:  # its days are the old name of the password policy's; both are refused
        config = settings["AdminCreateUserConfig"]
        settings["AdminCreateUserConfig"] = {k: v for k, v in config.items() if k != "UnusedAccountValidityDays"}
    return settings
