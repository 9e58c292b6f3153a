"""With IAM enforced: only a game server's role may report sessions, and every function works under its own."""

import json
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

from loginq.emulator import Emulator
from loginq.service.rules.ticket import Ticket
from loginq.service.rules.times import iso
from tests.e2e.conftest import Stack, deployed, free_port, until
from tests.e2e.test_sessions import post


@pytest.fixture(scope="module")
def guarded(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Stack]:
    one = Emulator(Path(tmp_path_factory.mktemp("iam")) / ".loginq", iam=True)
    try:
        stack = deployed(one.up(free_port()), "guarded")
        _in_the_emulators_words(stack)
        yield stack
    finally:
        one.down()


def _in_the_emulators_words(stack: Stack) -> None:
    """Where AWS asks for what an operation does, the emulator asks for its name, and sees no table in a batch."""
    same = {
        "dynamodb:PartiQLUpdate": "dynamodb:BatchExecuteStatement",
        "dynamodb:PartiQLInsert": "dynamodb:BatchExecuteStatement",
        "dynamodb:PutItem": "dynamodb:TransactWriteItems",
        "sqs:SendMessage": "sqs:SendMessageBatch",
        "sqs:ChangeMessageVisibility": "sqs:ChangeMessageVisibilityBatch",
    }
    iam = stack.aws.client("iam")
    for each in stack.deployment.stack.resources():
        if each["ResourceType"] == "AWS::IAM::Role":
            role = each["PhysicalResourceId"]
            (name,) = iam.list_role_policies(RoleName=role)["PolicyNames"]
            document = iam.get_role_policy(RoleName=role, PolicyName=name)["PolicyDocument"]
            asked = {action for statement in document["Statement"] for action in statement["Action"]}
            if more := sorted({same[action] for action in asked & set(same)}):
                document["Statement"].append({"Effect": "Allow", "Action": more, "Resource": "*"})
            iam.put_role_policy(RoleName=role, PolicyName=name, PolicyDocument=json.dumps(document))


def _invoked(stack: Stack, function: str, event: dict[str, Any]) -> bool:
    """Whether a function, called as AWS calls it, did its work."""
    name = next(
        each["PhysicalResourceId"]
        for each in stack.deployment.stack.resources()
        if each["LogicalResourceId"] == function
    )
    answer = stack.aws.client("lambda").invoke(FunctionName=name, Payload=json.dumps(event))
    body = json.loads(answer["Payload"].read() or b"null")
    return "FunctionError" not in answer and not (isinstance(body, dict) and body.get("statusCode", 200) >= 500)


def _signed_in(method: str, sub: str, **query: str) -> dict[str, Any]:
    """What API Gateway passes on for a signed-in player."""
    claims = {"sub": sub, "token_use": "id", "cognito:username": sub}
    return {
        "httpMethod": method,
        "queryStringParameters": query or None,
        "requestContext": {"authorizer": {"claims": claims}},
    }


TICKET = Ticket("somebody", "a-ticket", 1_800_000_000_000).body()
EVENTS: dict[str, tuple[str, dict[str, Any]]] = {
    "GetJwks": ("dynamodb:GetItem", {}),
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
        {
            "requestContext": {"identity": {"userArn": "arn"}},
            "body": json.dumps({"events": [{"player": "x", "admission": "y", "event": "left", "at": iso(0)}]}),
        },
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
    assert not _invoked(guarded, function, event)
    iam.put_role_policy(RoleName=role, PolicyName=name, PolicyDocument=json.dumps(document))
    assert _invoked(guarded, function, event)


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
    minutes = [row for row in guarded.queue.history.since(0) if row.intake is not None]
    assert minutes[-1].tail == guarded.queue.lines.read().tail
