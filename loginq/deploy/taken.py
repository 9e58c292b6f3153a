"""What a new stack takes of an earlier one: its table, its user pool and app client. None of it is the stack's own."""

from collections.abc import Callable, Iterator, Mapping
from typing import Any

from loginq.deploy.agreement import OF_THE_MAKER
from loginq.deploy.limits import Clash, refuse
from loginq.deploy.stack import outputs_of, parameters_of
from loginq.deploy.template import OLDER, Template
from loginq.service.rules.errors import Invalid, NotFound, Refused
from loginq.service.rules.settings import EVENTS
from loginq.service.store import keys
from loginq.service.store.aws import Aws
from loginq.service.store.lock import MAIN
from loginq.service.store.row_format import FORMAT
from loginq.service.store.rules import format_of
from loginq.service.store.table import Table

NAMES = {"TableName": "Table", "UserPoolId": "UserPool", "UserClientId": "UserClient"}
"""Parameter -> the logical id of what the stack has of its own where it is empty."""
_WORDS = {"Table": "table", "UserPool": "user pool", "UserClient": "app client"}
_FLOWS = {"ALLOW_USER_SRP_AUTH", "ALLOW_REFRESH_TOKEN_AUTH"}
"""How clients sign in: https://docs.aws.amazon.com/cognito/latest/developerguide/amazon-cognito-user-pools-authentication-flow.html"""
ORPHAN = (
    "The Post Confirmation trigger of the user pool {} is a function that is gone: each sign-up ends in an error, "
    "though the account is made and can sign in."
)
HOW_TO_MEND = (
    "A stack never changes a pool that it took. Take that trigger away: in the console, under the pool's Extensions; "
    "`update-user-pool` resets whatever it is not given."
)


def of(parameters: Mapping[str, str]) -> dict[str, str]:
    """What a stack with these parameters took: logical -> physical id."""
    return {logical: parameters[name] for name, logical in NAMES.items() if parameters.get(name)}


def again(
    source: Template, before: Mapping[str, str], usual: Mapping[str, str], kept: Mapping[str, str]
) -> dict[str, str]:
    """The parameters with which a new stack is the same queue on what is `kept`: those that are not what they are
    anyway, but for hidden ones, and for what does nothing beside what is taken.

    Args:
        before: the parameters of the stack that is gone. usual: what is there in place of the defaults.
        kept: logical -> physical id.
    """
    names = {name: kept[logical] for name, logical in NAMES.items() if logical in kept}
    useless = {*NAMES, *source.hidden, *(each for name in names for each in OF_THE_MAKER.get(name, ()))}
    there, anyway = {**OLDER, **before} if before else {}, {**source.defaults, **usual}
    rest = {
        each.name: there[each.name]
        for each in source.parameters()
        if each.name not in useless and there.get(each.name, anyway[each.name]) != anyway[each.name]
    }
    return names | rest


def ask(
    aws: Aws, stack: str, parameters: Mapping[str, str], before: Mapping[str, str] | None, say: Callable[[str], None]
) -> None:
    """Ask whether what a new stack would take is there, and whole, and nobody else's.

    Args:
        before: the parameters of the stack that is updated, which keeps what it has, or is back from a provider to the
            pool that it left for it; None for a new stack.
    Raises `Invalid` where it is not, or is another than the stack has.
    """
    taken = of(parameters)
    if before is not None:
        _refuse_another(parameters, before)
        taken = {} if before.get("UserPoolId") == parameters["UserPoolId"] else taken
    if not taken:
        return
    try:
        refuse([*_of_the_table(aws, parameters), *_of_the_pool(aws, parameters), *_users(aws, stack, taken)])
        orphan = "UserPool" in taken and is_orphan(aws, taken["UserPool"])
    except Refused as exc:
        say(f"Whether all of that can be taken could not be seen: {exc.message}")
        return
    if orphan:
        say(f"{ORPHAN.format(taken['UserPool'])} {HOW_TO_MEND}")


def is_orphan(aws: Aws, pool: str) -> bool:
    """Whether the pool's trigger is a function that is gone. Raises `NotFound` for no such pool, `Refused`."""
    found = aws.client("cognito-idp").describe_user_pool(UserPoolId=pool)["UserPool"]
    function = found.get("LambdaConfig", {}).get("PostConfirmation")
    if not function:
        return False
    try:
        aws.client("lambda").get_function_configuration(FunctionName=function)
    except NotFound:
        return True
    return False


def _refuse_another(parameters: Mapping[str, str], before: Mapping[str, str]) -> None:
    """A stack that runs does not leave its players behind, unless another provider says who they are, or did."""
    free = ("UserPoolId", "UserClientId") if parameters.get("IdentityIssuer") or before.get("IdentityIssuer") else ()
    for name, logical in NAMES.items():
        has, wanted = before.get(name, ""), parameters[name]
        if has != wanted and name not in free:
            there = has or f"a {_WORDS[logical]} of its own"
            raise Invalid(
                f"{name} cannot be {wanted or 'nothing'!r}: this stack has {there}, and its players would be lost.",
                "Only a new stack takes what an earlier one left: `loginq destroy` keeps it, then deploy anew.",
            )


def _of_the_table(aws: Aws, parameters: Mapping[str, str]) -> Iterator[Clash]:
    name = parameters["TableName"]
    if not name:
        return
    dynamodb = aws.client("dynamodb")
    try:
        found = dynamodb.describe_table(TableName=name)["Table"]
        ttl = dynamodb.describe_time_to_live(TableName=name)["TimeToLiveDescription"]
    except NotFound:
        yield Clash(f"There is no table {name} in this region.", "`aws dynamodb list-tables` lists those that are.")
        return
    keyed = {(each["AttributeName"], each["KeyType"]) for each in found["KeySchema"]}
    kinds = {each["AttributeName"]: each["AttributeType"] for each in found["AttributeDefinitions"]}
    if keyed != {("PK", "HASH"), ("SK", "RANGE")} or {kinds["PK"], kinds["SK"]} != {"S"}:
        yield Clash(f"The table {name} has other keys than PK and SK.", "Give one that a stack of loginq left.")
        return
    expires = (ttl.get("AttributeName"), ttl["TimeToLiveStatus"]) in (("ttl", "ENABLED"), ("ttl", "ENABLING"))
    if not expires and aws.endpoint_url is None:  # an emulator makes no table so, whatever the template says
        command = f"aws dynamodb update-time-to-live --table-name {name} --time-to-live-specification"
        do = f"Set it: `{command} Enabled=true,AttributeName=ttl`."
        yield Clash(f"The rows of the table {name} do not expire by `ttl`.", do)
    row = Table(dynamodb, name).get(*keys.rules(MAIN)) or {}
    if (there := format_of(row)) > FORMAT:
        says = f"The rows of the table {name} are of format {there}, and this loginq knows {FORMAT}."
        yield Clash(says, "Deploy with the newer loginq that wrote them.")
    if row and (reports := row.get("session_reports", EVENTS)) != parameters["SessionReports"]:
        says = (
            f"Game servers of the table {name} report {reports}, and SessionReports is {parameters['SessionReports']}."
        )
        yield Clash(says, f"Give SessionReports={reports}; a stack that runs can change it, and asks.")


def _of_the_pool(aws: Aws, parameters: Mapping[str, str]) -> Iterator[Clash]:
    pool, client = parameters["UserPoolId"], parameters["UserClientId"]
    if not pool:
        return
    cognito = aws.client("cognito-idp")
    try:
        cognito.describe_user_pool(UserPoolId=pool)
    except NotFound:
        yield Clash(f"There is no user pool {pool} in this region.", "`aws cognito-idp list-user-pools` lists those.")
        return
    try:
        found: dict[str, Any] = cognito.describe_user_pool_client(UserPoolId=pool, ClientId=client)["UserPoolClient"]
    except NotFound:
        do = f"`aws cognito-idp list-user-pool-clients --user-pool-id {pool}` lists those that it has."
        yield Clash(f"The user pool {pool} has no app client {client}.", do)
        return
    if found.get("ClientSecret"):
        yield Clash(f"The app client {client} has a secret, which no game client keeps.", "Give one without.")
    if lacking := _FLOWS - set(found.get("ExplicitAuthFlows", ())):
        yield Clash(f"The app client {client} does not allow {', '.join(sorted(lacking))}.", "Give one that does.")


def _users(aws: Aws, stack: str, taken: Mapping[str, str]) -> Iterator[Clash]:
    """Stacks of this account and region that have some of it, their own or taken."""
    for page in aws.client("cloudformation").pages("describe_stacks"):
        for each in page["Stacks"]:
            said = {**parameters_of(each), **outputs_of(each)}
            shared = sorted(set(taken.values()) & {said.get(name) for name in NAMES})
            if each["StackName"] != stack and shared:
                says = f"The stack {each['StackName']!r} uses {', '.join(shared)}."
                yield Clash(says, f"`loginq --stack {each['StackName']} destroy` keeps it; then it can be taken.")
