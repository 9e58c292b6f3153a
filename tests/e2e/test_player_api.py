"""The player API as the game's clients see it, on the real template and lambdas."""

import json
import os
import secrets
import time

import boto3
import jwt
import pytest
import requests
from cryptography.hazmat.primitives.asymmetric import rsa

from loginq.cli.session import api_of
from loginq.client import Account, Game
from loginq.service.rules.player import COOL_DOWN, State
from loginq.service.rules.times import iso
from loginq.service.store.clock import system_clock
from tests.e2e.conftest import PASSWORD, PATIENCE, Player, Stack, until


@pytest.fixture(scope="module")
def ada(stack: Stack) -> Player:
    return stack.player("ada")


def test_a_plain_client_gets_through(stack: Stack, monkeypatch: pytest.MonkeyPatch) -> None:
    """It knows `ticket`, `sqs_length` and `login_status`, signs in with USER_PASSWORD_AUTH, and has .env's names."""
    for name, value in stack.target.names().items():
        monkeypatch.setenv(name, value)
    cognito = boto3.client("cognito-idp")
    client, name = os.environ["COGNITO_USER_CLIENT_ID"], f"plain-{secrets.token_hex(4)}"
    email = [{"Name": "email", "Value": f"{name}@example.com"}]
    cognito.sign_up(ClientId=client, Username=name, Password=PASSWORD, UserAttributes=email)
    cognito.confirm_sign_up(ClientId=client, Username=name, ConfirmationCode="123456")
    signed = cognito.initiate_auth(
        ClientId=client,
        AuthFlow="USER_PASSWORD_AUTH",
        AuthParameters={"USERNAME": name, "PASSWORD": PASSWORD},
    )
    headers = {"Authorization": "Bearer " + signed["AuthenticationResult"]["IdToken"]}
    endpoint = os.environ["AWSOMEGAME_REST_ENDPOINT"]
    ticket = requests.get(f"{endpoint}/login", headers=headers, timeout=PATIENCE).json()
    assert isinstance(ticket["sqs_length"], int)
    url = f"{endpoint}/login/status?login_ticket={ticket['ticket']}"
    until(lambda: requests.get(url, headers=headers, timeout=PATIENCE).json()["login_status"])


def test_confirming_a_sign_up_makes_the_players_row(stack: Stack) -> None:
    name = f"new-{secrets.token_hex(4)}"
    account = Account(api_of(stack.target), name)
    account.sign_up(PASSWORD, f"{name}@example.com")
    account.confirm("123456")
    account.sign_in(PASSWORD)
    player = stack.queue.players.get(stack.users.get(name).sub)
    assert player is not None
    assert (player.username, player.email, player.ticket) == (name, f"{name}@example.com", None)


def test_a_tickets_way(stack: Stack) -> None:
    player = stack.player()
    first = player.game.login()
    assert set(first) == {
        "ticket", "sqs_length", "state", "line_state", "position", "ahead", "eta_seconds", "eta_basis",
        "poll_after_seconds",
    }  # fmt: skip
    assert (first["state"], first["line_state"], first["position"]) == ("queued", "open", None)
    assert len(first["ticket"]) == 32
    inside = until(lambda: (s := player.game.status(first["ticket"]))["login_status"] and s)
    assert set(inside) == {
        "login_ticket", "login_status", "state", "line_state", "position", "ahead", "eta_seconds", "eta_basis",
        "poll_after_seconds", "admission_token",
    }  # fmt: skip
    assert inside["state"] == "admitted"
    row = stack.queue.players.get(player.sub)
    again = player.game.status(first["ticket"])
    assert again["login_status"] is True
    assert row == stack.queue.players.get(player.sub)
    assert player.game.login()["ticket"] == first["ticket"]


def test_logging_in_again_keeps_ticket_and_place(stack: Stack) -> None:
    """Another device, another sign-in, a disconnect: the place is the account's."""
    stack.queue.lines.change(lambda line, t: line.pause(t))
    player = stack.player()
    ticket = player.game.login()["ticket"]
    placed = until(lambda: (s := player.game.status(ticket))["position"] and s)
    elsewhere = Account(api_of(stack.target), player.username)
    elsewhere.sign_in(PASSWORD)
    again = Game(stack.target.api_url, elsewhere.token).login()
    assert (again["ticket"], again["position"], again["line_state"]) == (ticket, placed["position"], "paused")
    assert again["eta_seconds"] is None
    stack.queue.lines.change(lambda line, t: line.resume(t))


def test_leaving_gives_the_place_up(stack: Stack) -> None:
    player = stack.player()
    ticket = player.game.login()["ticket"]
    token = player.account.token()
    assert stack.get("/login", token, "DELETE").json() == {"state": "registered"}
    assert stack.get("/login", token, "DELETE").status_code == 404
    assert stack.get("/login/status", token, login_ticket=ticket).json()["error"]["code"] == "unknown_ticket"
    again = stack.get("/login", token)
    assert (again.status_code, again.json()["error"]["code"]) == (429, "too_many_requests")
    assert int(again.headers["Retry-After"]) > 0
    rested = iso(system_clock() - COOL_DOWN)
    stack.queue.table.update(f"USER#{player.sub}", f"METADATA#{player.sub}", write={"gaveUpAt": rested})
    assert player.game.login()["ticket"] != ticket


def test_a_blocked_player_and_a_closed_queue(stack: Stack) -> None:
    inside, outside, blocked = stack.player(), stack.player(), stack.player()
    ticket = inside.game.login()["ticket"]
    stack.queue.table.update(f"USER#{blocked.sub}", f"METADATA#{blocked.sub}", write={"blocked": True})
    stack.queue.lines.change(lambda line, t: line.close(t))
    time.sleep(1.1)
    assert stack.get("/login", inside.account.token()).json()["ticket"] == ticket
    refused = stack.get("/login", outside.account.token())
    assert (refused.status_code, refused.json()["error"]["code"]) == (503, "queue_closed")
    assert int(refused.headers["Retry-After"]) > 0
    stack.queue.lines.change(lambda line, t: line.open(t))
    time.sleep(1.1)
    refused = stack.get("/login", blocked.account.token())
    assert (refused.status_code, refused.json()["error"]["code"]) == (403, "blocked")


@pytest.mark.parametrize(
    ("query", "status", "code"),
    [
        ({}, 400, "missing_ticket"),
        ({"login_ticket": ""}, 400, "missing_ticket"),
        ({"login_ticket": "x" * 10_000}, 404, "unknown_ticket"),
        ({"login_ticket": "%00\u2028é"}, 404, "unknown_ticket"),
    ],
    ids=["none", "empty", "10 kB", "odd"],
)
def test_bad_tickets(stack: Stack, ada: Player, query: dict[str, str], status: int, code: str) -> None:
    answer = stack.get("/login/status", ada.account.token(), **query)
    assert (answer.status_code, answer.json()["error"]["code"]) == (status, code)
    assert set(answer.json()) == {"error"} and set(answer.json()["error"]) == {"code", "message"}


def test_someone_elses_ticket_is_unknown(stack: Stack, ada: Player) -> None:
    bob = stack.player()
    ticket = bob.game.login()["ticket"]
    assert ada.game.login()["ticket"] != ticket  # she has one of her own
    answer = stack.get("/login/status", ada.account.token(), login_ticket=ticket)
    assert (answer.status_code, answer.json()["error"]["code"]) == (404, "unknown_ticket")
    assert bob.game.login()["ticket"] == ticket
    assert stack.get("/login", stack.player().account.token(), "DELETE").status_code == 404
    assert bob.game.login()["ticket"] == ticket


def test_only_this_pools_id_tokens_are_let_through(stack: Stack, ada: Player) -> None:
    cognito = stack.aws.client("cognito-idp")
    foreign = cognito.create_user_pool(PoolName="other")["UserPool"]["Id"]
    client = cognito.create_user_pool_client(
        UserPoolId=foreign, ClientName="other", ExplicitAuthFlows=["ALLOW_USER_PASSWORD_AUTH"]
    )["UserPoolClient"]["ClientId"]
    cognito.admin_create_user(UserPoolId=foreign, Username="eve", MessageAction="SUPPRESS")
    cognito.admin_set_user_password(UserPoolId=foreign, Username="eve", Password=PASSWORD, Permanent=True)
    signed = cognito.initiate_auth(
        ClientId=client, AuthFlow="USER_PASSWORD_AUTH", AuthParameters={"USERNAME": "eve", "PASSWORD": PASSWORD}
    )
    brief = cognito.create_user_pool_client(
        UserPoolId=stack.target.user_pool_id,
        ClientName="brief",
        ExplicitAuthFlows=["ALLOW_USER_PASSWORD_AUTH"],
        IdTokenValidity=1,
        TokenValidityUnits={"IdToken": "seconds"},
    )["UserPoolClient"]["ClientId"]
    soon_over = cognito.initiate_auth(
        ClientId=brief,
        AuthFlow="USER_PASSWORD_AUTH",
        AuthParameters={"USERNAME": ada.username, "PASSWORD": PASSWORD},
    )["AuthenticationResult"]
    genuine = ada.account.token()
    claims, header = jwt.decode(genuine, options={"verify_signature": False}), jwt.get_unverified_header(genuine)
    own_key = rsa.generate_private_key(public_exponent=65_537, key_size=2_048)
    time.sleep(1.1)
    for token in (
        None,
        "nonsense",
        signed["AuthenticationResult"]["IdToken"],
        soon_over["AccessToken"],
        genuine[:-4] + "AAAA",
        soon_over["IdToken"],
        jwt.encode(claims, "", "none", headers={"kid": header["kid"]}),
        jwt.encode(claims, own_key, "RS256", headers={"kid": header["kid"]}),
    ):
        answer = stack.get("/login", token)
        assert (answer.status_code, answer.json()["error"]["code"]) == (401, "unauthorized"), token


def test_browsers_may_call(stack: Stack) -> None:
    answer = requests.options(
        stack.target.api_url + "/login", headers={"Origin": "https://game.example"}, timeout=PATIENCE
    )
    assert answer.status_code == 204
    assert answer.headers["Access-Control-Allow-Origin"] == "*"
    assert stack.get("/login", None).headers["Access-Control-Allow-Origin"] == "*"


def test_each_call_writes_one_json_line_without_a_token_or_an_address(stack: Stack, ada: Player) -> None:
    ada.game.login()
    logs = stack.aws.client("logs")
    function = next(r for r in stack.deployment.stack.resources() if r["LogicalResourceId"] == "QueuePlayerLoginLogs")
    group = function["PhysicalResourceId"]

    def written() -> list[str]:
        return [
            event["message"]
            for stream in logs.describe_log_streams(logGroupName=group)["logStreams"]
            for event in logs.get_log_events(logGroupName=group, logStreamName=stream["logStreamName"])["events"]
        ]

    until(lambda: any(ada.sub in text for text in written()))
    calls = [json.loads(text) for text in written() if text.startswith("{")]
    mine = [call for call in calls if call.get("sub") == ada.sub]
    assert mine[-1]["status"] == 200
    assert mine[-1]["state"] in set(State)
    assert not [text for text in written() if "example.com" in text or "eyJ" in text]
