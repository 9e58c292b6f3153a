"""Accounts: what is refused before Cognito is asked, one letter in two forms, and what an operator's word does."""

import boto3
import pytest
from botocore.exceptions import ClientError

from loginq.service.operations.accounts import Users
from loginq.service.operations.found import find
from loginq.service.operations.target import Target
from loginq.service.requests import login
from loginq.service.rules.account import NewAccount
from loginq.service.rules.errors import Blocked, Conflict, Invalid
from loginq.service.rules.player import Identity
from loginq.service.store.queue import Queue
from tests.world import operator

GOOD = "Correct-Horse-7-Battery"
COMPOSED, APART = "José", "Jose\u0301"


@pytest.fixture
def asked(users: Users) -> list[str]:
    """What Cognito was asked, as `operation` or `ListUsers filter`."""
    calls: list[str] = []
    events = users._cognito.meta.events
    events.register(
        "before-parameter-build.cognito-idp.*",
        lambda model, params, **_: calls.append(f"{model.name} {params.get('Filter', '')}".strip()),
    )
    return calls


@pytest.mark.parametrize(
    ("name", "email", "says"),
    [
        ("kim@example.com", "kim@example.com", "The user name 'kim@example.com' is an e-mail address."),
        ("bad\udcff", "kim@example.com", "'bad\\udcff' is not a user name."),
        ("kim", "kim@example.com\x00", "'kim@example.com\\x00' is not an e-mail address."),
    ],
)
def test_what_aws_refuses_on_the_day_is_refused_before_it_is_asked(
    users: Users, asked: list[str], name: str, email: str, says: str
) -> None:
    for make in (lambda: users.create(name, email, GOOD), lambda: users.ensure(NewAccount(name, email, GOOD))):
        with pytest.raises(Invalid) as refused:
            make()
        assert refused.value.message == says
    assert asked == []


@pytest.mark.parametrize(
    ("name", "email"),
    [("ada", "b@example.com"), ("ADA", "b@example.com"), ("bob", "ada@example.com"), ("bob", "Ada@Example.com")],
)
def test_a_name_or_an_address_that_is_taken_in_upper_or_lower_case(users: Users, name: str, email: str) -> None:
    users.create("ada", "ada@example.com", GOOD)
    with pytest.raises(Conflict, match="is taken"):
        users.create(name, email, GOOD)
    assert [each.username for each in users.list()] == ["ada"]


@pytest.mark.parametrize("kept", [COMPOSED, APART])
@pytest.mark.parametrize("typed", [COMPOSED, APART])
def test_a_letter_in_two_forms_is_one_letter(
    users: Users, queue: Queue, target: Target, aws: object, kept: str, typed: str
) -> None:
    """Accounts that a game's own client made may be kept in either form."""
    attributes = [{"Name": "email", "Value": f"{kept}@example.com"}]
    cognito = boto3.client("cognito-idp", target.region)
    cognito.admin_create_user(UserPoolId=target.user_pool_id, Username=kept, UserAttributes=attributes)
    queue.lines.change(lambda line, t: line.renew(t))
    assert users.get(typed).username == kept
    assert find(queue, users, typed).account == find(queue, users, f"{typed}@example.com").account == users.get(kept)
    assert not users.disable(typed).enabled and users.enable(typed).enabled
    assert users.reset_password(typed, GOOD).username == kept
    with pytest.raises(Conflict):
        users.create(typed, "other@example.com", GOOD)
    assert users.delete(typed).username == kept


def test_an_account_is_made_in_the_composed_form(users: Users, target: Target) -> None:
    account = users.create(APART, f"{APART}@example.com", f"Passwort-{APART}-12")
    assert (account.username, account.email) == (COMPOSED, f"{COMPOSED}@example.com")
    _sign_in(target, COMPOSED, f"Passwort-{COMPOSED}-12")
    users.reset_password(APART, f"Anderes-{APART}-12")
    _sign_in(target, COMPOSED, f"Anderes-{COMPOSED}-12")


def _sign_in(target: Target, name: str, password: str) -> str:
    given = {"USERNAME": name, "PASSWORD": password}
    answer = boto3.client("cognito-idp", target.region).initiate_auth(
        ClientId=target.client_id, AuthFlow="USER_PASSWORD_AUTH", AuthParameters=given
    )
    return str(answer["AuthenticationResult"]["RefreshToken"])


def test_a_prefix_is_quoted(users: Users, asked: list[str]) -> None:
    list(users.starting_with('a"b\\c'))
    assert asked == ['ListUsers username ^= "a\\"b\\\\c"']


def test_another_password_signs_out(users: Users, asked: list[str], target: Target) -> None:
    users.create("ada", "ada@example.com", GOOD)
    refresh = _sign_in(target, "ada", GOOD)
    del asked[:]
    users.reset_password("ada", "Correct-Horse-8-Battery")
    assert asked == ["AdminGetUser", "AdminSetUserPassword", "AdminUserGlobalSignOut"]
    with pytest.raises(ClientError, match="NotAuthorized"):
        boto3.client("cognito-idp", target.region).initiate_auth(
            ClientId=target.client_id, AuthFlow="REFRESH_TOKEN_AUTH", AuthParameters={"REFRESH_TOKEN": refresh}
        )


def test_an_import_takes_nobodys_account_over(users: Users, target: Target) -> None:
    users.create("ada", "ada@example.com", GOOD)
    with pytest.raises(Conflict, match="'ada'"):
        users.ensure(NewAccount("ada", "eve@example.com", "Wrong-Horse-7-Battery"))
    assert users.get("ada").email == "ada@example.com"
    _sign_in(target, "ada", GOOD)
    assert users.ensure(NewAccount("ada", "Ada@Example.com", "Wrong-Horse-7-Battery")) == "was there already"
    _sign_in(target, "ada", GOOD)


def test_a_reset_unblocks_and_names_what_it_leaves(users: Users, queue: Queue) -> None:
    ada = Identity(users.create("ada", "ada@example.com", GOOD).sub, "ada")
    assert operator(queue).reset([ada]) == ["reset"]
    users.disable("ada")
    with pytest.raises(Blocked):
        login.request(queue, ada)
    assert operator(queue).reset([ada]) == [
        "reset, no longer blocked; to let the account sign in: `loginq users enable ada`"
    ]
    assert login.request(queue, ada).ticket
    assert not users.get("ada").enabled
