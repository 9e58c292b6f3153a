"""With IAM enforced: each function works under its own role, game servers report, observers look, operators act."""

import json
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager, suppress
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest
from typer.testing import CliRunner

from loginq.cli import app, session
from loginq.service.operations.lock import lock
from loginq.service.requests import login
from loginq.service.rules.errors import Conflict
from loginq.service.rules.player import Identity
from loginq.service.rules.servers import Server
from loginq.service.rules.settings import COUNTS
from loginq.service.rules.ticket import Ticket
from loginq.service.rules.times import HOUR, iso
from loginq.service.store import keys
from loginq.service.store.rules import write
from tests.e2e.conftest import PASSWORD, Keeping, Stack, deployed, free_port, placing_twice_at_once, until
from tests.e2e.test_sessions import post
from tests.launch import launch
from tests.world import operator

LOOKS = (
    "status", "servers list", "queue stats", "queue audit", "queue history", "rate show", "players list",
    "players show ada", "users list", "users show ada", "logs --since 1m", "doctor", "queue message", "report",
)  # fmt: skip
"""What an observer does."""
ACTS = (
    "queue pause", "queue resume", "queue close", "queue open", "queue message hello", "queue message --clear",
    "queue note hello", "queue undo", "queue peek", "queue dlq", "queue redrive", "queue purge --yes",
    "queue purge --dead-letters --yes", "rate set 21 --yes", "rate ramp 10 20 --over 10m --yes",
    "rate clear", "players admit ada", "players remove ada --yes", "players reset ada --yes",
    "players list --state admitted --yes", "players export players.csv --yes", "users disable ada", "users enable ada",
    "users reset-password ada --generate", "users create bob --email bob@example.com --generate",
    "users delete bob --yes", "load run --players 3 --yes", "load clean --yes", "keys show",
    "keys rotate --yes --force",
    "servers forget eu-1 --yes", "servers add eu-9", "servers rotate eu-9 --yes", "servers revoke eu-9 --yes",
    "token issue ada --yes", "lock tonight", "unlock --yes",
)  # fmt: skip
"""What an operator does besides."""
DEPLOYS = ("rollback --yes", "destroy --yes")
"""What neither does."""
SAME = {
    "dynamodb:PartiQLInsert": ("dynamodb:BatchExecuteStatement",),
    "dynamodb:PutItem": ("dynamodb:TransactWriteItems",),
    "lambda:GetEventSourceMapping": ("lambda:ListEventSourceMappings",),
    "logs:FilterLogEvents": ("logs:FilterLogEvents",),
    "dynamodb:PartiQLUpdate": ("dynamodb:BatchExecuteStatement",),
    "sqs:SendMessage": ("sqs:SendMessageBatch",),
    "sqs:DeleteMessage": ("sqs:DeleteMessageBatch",),
    "sqs:ChangeMessageVisibility": ("sqs:ChangeMessageVisibilityBatch",),
}
"""Where AWS asks for what an operation does, the emulator asks for a name; and its log groups are called otherwise."""
NEEDED = {
    "dynamodb:GetItem": "queue history",
    "dynamodb:BatchGetItem": "rate show",
    "dynamodb:Query": "queue audit",
    "sqs:GetQueueAttributes": "rate show",
    "sqs:GetQueueUrl": "queue stats",
    "cognito-idp:AdminGetUser": "users show ada",
    "cognito-idp:ListUsers": "users list",
    "cognito-idp:DescribeUserPool": "users list --limit 1",
    "logs:FilterLogEvents": "logs --since 1m",
    "sns:ListSubscriptionsByTopic": "doctor --json",
    "cloudformation:DescribeStacks": "status",
    "cloudformation:ListStackResources": "status",
    "cloudwatch:GetMetricData": "doctor --json",
    "cloudwatch:DescribeAlarms": "doctor --json",
    "lambda:GetEventSourceMapping": "status",
    "dynamodb:PutItem": "queue note hello",
    "dynamodb:UpdateItem": "lock tonight",
    "dynamodb:BatchWriteItem": "load clean --yes",
    "dynamodb:PartiQLUpdate": "players admit eve",
    "dynamodb:Scan": "players export players.csv --yes",
    "dynamodb:DescribeTable": "players export players.csv --yes",
    "sqs:SendMessage": "queue redrive",
    "sqs:ReceiveMessage": "queue peek",
    "sqs:DeleteMessage": "queue redrive",
    "sqs:ChangeMessageVisibility": "queue dlq",
    "sqs:PurgeQueue": "queue purge --yes",
    "cognito-idp:AdminCreateUser": "users create carol --email carol@example.com --generate",
    "cognito-idp:AdminSetUserPassword": "users reset-password ada --generate",
    "cognito-idp:AdminConfirmSignUp": "users confirm una",
    "cognito-idp:AdminUserGlobalSignOut": "users reset-password ada --generate",
    "cognito-idp:AdminDisableUser": "users disable ada",
    "cognito-idp:AdminEnableUser": "users enable ada",
    "cognito-idp:AdminDeleteUser": "users delete ned --yes",
    "lambda:InvokeFunction": "load run --players 3 --yes",
    "secretsmanager:GetSecretValue": "keys show",
    "secretsmanager:PutSecretValue": "keys rotate --yes --force",
}
"""Each permission -> a command that needs it."""
UNSEEN = {
    "lambda:GetAccountSettings", "servicequotas:ListServiceQuotas", "cloudformation:DescribeStackEvents",
    "cloudfront:GetDistribution", "acm:DescribeCertificate",
}  # fmt: skip
"""What only `doctor` asks for, of an account on AWS, its edge and its domain, and `status`, of a stack that failed."""
Policy = dict[str, Any]
As = Callable[[str, Policy], Callable[[str], tuple[int, str]]]


@pytest.fixture(scope="module")
def guarded(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Stack]:
    one = Keeping(Path(tmp_path_factory.mktemp("iam")) / ".loginq", iam=True)
    try:
        stack = placing_twice_at_once(deployed(one.up(free_port()), "guarded", PublicLine="true"))
        _in_the_emulators_words(stack)
        for name in ("ada", "eve", "ned"):
            stack.users.create(name, f"{name}@example.com", PASSWORD)
        stack.aws.client("cognito-idp").sign_up(
            ClientId=stack.target.client_id,
            Username="una",
            Password=PASSWORD,
            UserAttributes=[{"Name": "email", "Value": "una@example.com"}],
        )
        stack.queue.history.write(next(launch(stack.queue.clock() - HOUR, 1, 3)))
        yield stack
    finally:
        one.down()


def _in_the_emulators_words(stack: Stack) -> None:
    """See `SAME`; and it sees no table in a batch."""
    iam = stack.aws.client("iam")
    for each in stack.deployment.stack.resources():
        if each["ResourceType"] == "AWS::IAM::Role":
            role = each["PhysicalResourceId"]
            (name,) = iam.list_role_policies(RoleName=role)["PolicyNames"]
            document = iam.get_role_policy(RoleName=role, PolicyName=name)["PolicyDocument"]
            asked = {action for statement in document["Statement"] for action in statement["Action"]}
            if more := sorted({each for action in asked for each in SAME.get(action, ())}):
                document["Statement"].append({"Effect": "Allow", "Action": more, "Resource": "*"})
            iam.put_role_policy(RoleName=role, PolicyName=name, PolicyDocument=json.dumps(document))


def _invoked(stack: Stack, function: str, event: dict[str, Any]) -> bool:
    """Whether a function, called as AWS calls it, did its work."""
    return _status(stack, function, event) < 500


def _status(stack: Stack, function: str, event: dict[str, Any]) -> int:
    """The status that a function answers; 200 for what has none, 500 for an error."""
    name = next(
        each["PhysicalResourceId"]
        for each in stack.deployment.stack.resources()
        if each["LogicalResourceId"] == function
    )
    answer = stack.aws.client("lambda").invoke(FunctionName=name, Payload=json.dumps(event))
    body = json.loads(answer["Payload"].read() or b"null")
    if "FunctionError" in answer:
        return 500
    return int(body.get("statusCode", 200)) if isinstance(body, dict) else 200


def _signed_in(method: str, sub: str, **query: str) -> dict[str, Any]:
    """What API Gateway passes on for a signed-in player."""
    claims = {"sub": sub, "token_use": "id", "cognito:username": sub}
    return {
        "httpMethod": method,
        "queryStringParameters": query or None,
        "requestContext": {"authorizer": {"claims": claims}},
    }


def _reported(body: dict[str, Any]) -> dict[str, Any]:
    """What API Gateway passes on for a game server."""
    return {"requestContext": {"identity": {"userArn": "arn"}}, "body": json.dumps(body)}


TICKET = Ticket("somebody", "a-ticket", 1_800_000_000_000).body()
EVENTS: dict[str, tuple[str, dict[str, Any]]] = {
    "GetJwks": ("dynamodb:GetItem", {}),
    "GetLine": ("dynamodb:BatchGetItem", {}),
    "PutPlayerInfo": (
        "dynamodb:UpdateItem",
        {
            "triggerSource": "PostConfirmation_ConfirmSignUp",
            "userName": "x",
            "request": {"userAttributes": {"sub": "x"}},
        },
    ),
    "QueuePlayerLogin": ("dynamodb:UpdateItem", _signed_in("GET", "somebody")),
    "GetLoginStatus": ("dynamodb:GetItem", _signed_in("GET", "nobody", login_ticket="guessed")),
    "ProcessLoginQueue": (
        "dynamodb:BatchGetItem",
        {
            "Records": [
                {
                    "messageId": "1",
                    "body": TICKET,
                    "receiptHandle": "receipt",
                    "attributes": {"ApproximateReceiveCount": "1"},
                }
            ]
        },
    ),
    "GenerateLoad": ("sqs:SendMessage", {"run": "one", "start": 0, "count": 1}),
    "SettleLine": ("dynamodb:GetItem", {}),
    "ReportSessions": (
        "dynamodb:BatchGetItem",
        _reported({"events": [{"player": "x", "admission": "y", "event": "left", "at": iso(0)}]}),
    ),
}
"""Each function -> one action that its role has, and a call that needs it."""


@pytest.mark.parametrize(
    "function",
    [pytest.param(name, marks=() if name in ("GetJwks", "GetLoginStatus") else pytest.mark.drills) for name in EVENTS],
)
def test_a_function_without_one_of_its_permissions_is_refused(guarded: Stack, function: str) -> None:
    """Before it has been called at all, so that nothing is remembered from a time when it was allowed."""
    action, event = EVENTS[function]
    with lacking(guarded, function, action):
        assert not _invoked(guarded, function, event)
    assert _invoked(guarded, function, event)


@pytest.mark.drills
def test_who_reports_may_read_what_all_servers_count(guarded: Stack) -> None:
    """The line hears of a count at most once a second, and a function of the rules as late."""
    queue, event = guarded.queue, _reported({"server": "eu-1", "in_game": 5})
    queue.lines.read()
    write(queue.table, queue.name, replace(queue.rules, session_reports=COUNTS))
    try:
        until(lambda: _invoked(guarded, "ReportSessions", event) and queue.servers.every())
        with lacking(guarded, "ReportSessions", "dynamodb:Query"):
            until(lambda: not _invoked(guarded, "ReportSessions", event))
        until(lambda: _invoked(guarded, "ReportSessions", event))
    finally:
        guarded.deployment.start_line()
        # It goes by rules that are a second old: whoever comes next is to find those of before.
        until(lambda: _status(guarded, "ReportSessions", EVENTS["ReportSessions"][1]) == 200)


@contextmanager
def lacking(guarded: Stack, function: str, action: str) -> Iterator[None]:
    """While the role of a function lacks an action, and those whose names begin so."""
    iam = guarded.aws.client("iam")
    role = next(
        each["PhysicalResourceId"]
        for each in guarded.deployment.stack.resources()
        if each["LogicalResourceId"] == f"{function}Role"
    )
    (name,) = iam.list_role_policies(RoleName=role)["PolicyNames"]
    document = iam.get_role_policy(RoleName=role, PolicyName=name)["PolicyDocument"]
    less = json.loads(json.dumps(document))
    for statement in less["Statement"]:
        assert all("*" not in each for each in statement["Action"])
        statement["Action"] = [each for each in statement["Action"] if not each.startswith(action)] or [
            "sts:TagSession"
        ]
    iam.put_role_policy(RoleName=role, PolicyName=name, PolicyDocument=json.dumps(less))
    try:
        yield
    finally:
        iam.put_role_policy(RoleName=role, PolicyName=name, PolicyDocument=json.dumps(document))


def key_of(stack: Stack, name: str, policy: str | None) -> tuple[str, str]:
    """The access key of a new IAM user, with a policy or without."""
    iam = stack.aws.client("iam")
    iam.create_user(UserName=name)
    if policy:
        iam.attach_user_policy(UserName=name, PolicyArn=policy)
    key = iam.create_access_key(UserName=name)["AccessKey"]
    return key["AccessKeyId"], key["SecretAccessKey"]


def test_only_a_game_server_may_report(guarded: Stack) -> None:
    player = guarded.player()
    ticket = player.game.login()["ticket"]
    token = until(lambda: player.game.status(ticket).get("admission_token"))
    assert token
    at = iso(guarded.queue.clock())
    body = {"events": [{"player": player.sub, "admission": ticket, "event": "left", "at": at}]}
    nobody = key_of(guarded, "nobody", None)
    refused = post(guarded, body, *nobody)
    assert refused.status_code == 403
    forged = post(guarded, body, nobody[0], "not-the-secret")
    assert forged.status_code == 403
    server = key_of(guarded, "server", guarded.deployment.stack.outputs()["GameServerPolicyArn"])
    allowed = post(guarded, body, *server)
    assert (allowed.status_code, allowed.json()) == (200, {"results": ["counted"]})


def test_every_function_works_under_its_own_role(guarded: Stack) -> None:
    guarded.crowd(30)
    player = guarded.player()
    ticket = player.game.login()["ticket"]
    until(lambda: player.game.status(ticket)["login_status"])
    assert player.game.leave() == {"state": "registered"}
    function = guarded.deployment.stack.outputs()["SettleLineFunction"]
    answer = guarded.aws.client("lambda").invoke(FunctionName=function)
    assert "FunctionError" not in answer, answer["Payload"].read()
    assert json.loads(answer["Payload"].read())["counted_to"] == 0
    assert [row.intake for row in guarded.queue.history.since(0)][-1] is not None


# People


def policy_of(stack: Stack, who: str) -> Policy:
    """What the policy allows, in the emulator's words, too."""
    iam, arn = stack.aws.client("iam"), stack.deployment.stack.outputs()[f"{who}PolicyArn"]
    version = iam.get_policy(PolicyArn=arn)["Policy"]["DefaultVersionId"]
    document = iam.get_policy_version(PolicyArn=arn, VersionId=version)["PolicyVersion"]["Document"]
    found: Policy = json.loads(document) if isinstance(document, str) else document
    actions = [action for statement in found["Statement"] for action in statement["Action"]]
    more = [each for action in actions for each in SAME.get(action, ())]
    if more:
        found["Statement"].append({"Effect": "Allow", "Action": more, "Resource": "*"})
    return found


def without(policy: Policy, action: str) -> Policy:
    """The policy that lacks one action, in the emulator's words, too."""
    gone = {action, *SAME.get(action, ())}
    statements = [
        {**each, "Action": left}
        for each in policy["Statement"]
        if (left := [a for a in each["Action"] if a not in gone])
    ]
    return {**policy, "Statement": statements}


@pytest.fixture
def as_(guarded: Stack, monkeypatch: pytest.MonkeyPatch) -> As:
    """Somebody with a policy, who runs commands: the exit code and stderr of each."""

    for variable, value in guarded.target.names().items():
        monkeypatch.setenv(variable, value)

    def somebody(name: str, policy: Policy) -> Callable[[str], tuple[int, str]]:
        iam = guarded.aws.client("iam")
        key, secret = key_of(guarded, name, None)
        iam.put_user_policy(UserName=name, PolicyName="all", PolicyDocument=json.dumps(policy))
        monkeypatch.setattr(session, "EMULATOR", {"access_key": key, "secret_key": secret})

        def run(command: str) -> tuple[int, str]:
            done = CliRunner().invoke(app, command.split(), prog_name="loginq")
            with suppress(AttributeError):
                assert done.exception is None or isinstance(done.exception, SystemExit), done.exception
            return done.exit_code, done.stderr + done.stdout

        return run

    return somebody


def rows(stack: Stack) -> list[str]:
    """Everything in the table but what settling leaves there each minute, whoever looks."""
    pages = stack.aws.client("dynamodb").pages("scan", TableName=stack.target.table)
    found = (row for page in pages for row in page["Items"])
    settling = keys.settlement("main"), keys.history("main", 0)
    kept = (row for row in found if row["SK"]["S"] != settling[0][1] and row["PK"]["S"] != settling[1][0])
    return sorted(json.dumps(row, sort_keys=True, default=repr) for row in kept)


def busy(stack: Stack) -> None:
    """Something for every act: somebody in line, a crowd, a dead letter, an act to undo, a lock."""
    queue, ada = stack.queue, stack.users.find("ada")
    me = operator(queue)
    me.pause()
    if not queue.players.get_all([ada.sub])[ada.sub].ticket:
        login.request(queue, Identity(ada.sub, "ada"))
    stack.crowd(3)
    until(lambda: queue.players.get_all([ada.sub])[ada.sub].position and not queue.intake.depth().total)
    dead = Ticket(ada.sub, "gone", queue.clock()).body()
    stack.aws.client("sqs").send_message(QueueUrl=queue.intake.dead_letter_url, MessageBody=dead)
    queue.servers.write(Server("eu-1", 5, queue.clock()))
    with suppress(Conflict):
        lock(me, "tonight")


def test_who_looks_is_refused_what_who_acts_may(guarded: Stack, as_: As) -> None:
    looks = as_("looks", policy_of(guarded, "Observer"))
    assert looks("queue stats")[0] == 0
    code, said = looks("queue pause")
    assert code == 4 and "OperatorPolicyArn" in said
    acts = as_("acts", policy_of(guarded, "Operator"))
    assert [acts(command)[0] for command in ("queue pause", "queue resume", "rollback --yes")] == [0, 0, 4]


def all_done(run: Callable[[str], tuple[int, str]], commands: Sequence[str]) -> None:
    for command in commands:
        code, said = run(command)
        assert code == 0, f"{command}: {said}"


@pytest.mark.drills
def test_an_operator_acts_and_deploys_nothing(guarded: Stack, as_: As) -> None:
    run = as_("operator", policy_of(guarded, "Operator"))
    all_done(run, LOOKS)
    busy(guarded)
    all_done(run, ("unlock --yes", *ACTS))
    assert "may look and act" in run("doctor --json")[1]
    for command in DEPLOYS:
        code, said = run(command)
        assert code == 4 and "OperatorPolicyArn" in said, f"{command}: {said}"


@pytest.mark.drills
def test_an_observer_looks_and_changes_nothing(guarded: Stack, as_: As) -> None:
    run = as_("observer", policy_of(guarded, "Observer"))
    all_done(run, LOOKS)
    assert "may look, and change nothing" in run("doctor --json")[1]
    busy(guarded)
    before, accounts = rows(guarded), guarded.users.find("ada")
    codes = {command: run(command) for command in (*ACTS, *DEPLOYS)}
    assert {command: said for command, (code, said) in codes.items() if code == 0} == {}
    assert (rows(guarded), guarded.users.find("ada")) == (before, accounts)
    assert "OperatorPolicyArn" in codes["queue pause"][1]


@pytest.mark.parametrize(
    "action", [pytest.param(each, marks=() if each == "sqs:PurgeQueue" else pytest.mark.drills) for each in NEEDED]
)
def test_a_policy_without_one_of_its_permissions_is_too_narrow(guarded: Stack, as_: As, action: str) -> None:
    whole = policy_of(guarded, "Operator")
    busy(guarded)
    _, said = as_(action.replace(":", "-"), without(whole, action))(NEEDED[action])
    assert "not authorized" in " ".join(said.split()), said


def test_every_permission_is_shown_needed(guarded: Stack) -> None:
    given = {action for statement in policy_of(guarded, "Operator")["Statement"] for action in statement["Action"]}
    assert set(NEEDED) | UNSEEN == given - {word for words in SAME.values() for word in words if word not in SAME}
