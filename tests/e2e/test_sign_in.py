"""Signing in with accounts in every state, by the emulator's rules: it checks passwords, resets, codes of an app."""

import base64
import hashlib
import hmac
import struct
import time
from typing import Any

import pytest
from typer.testing import CliRunner

from loginq.cli import app
from loginq.cli.session import api_of
from loginq.client import Account, CodeNeeded, NewPasswordNeeded, ResetNeeded
from loginq.service.rules.errors import Invalid, Refused
from tests.e2e.conftest import PASSWORD, Stack

OTHER = "Correct-Horse-8-Battery"


@pytest.fixture
def cognito(stack: Stack) -> Any:
    return stack.aws.client("cognito-idp")


def play(name: str, *lines: str, more: tuple[str, ...] = ()) -> tuple[int, str, str]:
    words = ["play", "--username", name, "--password-stdin", *more]
    result = CliRunner().invoke(app, words, input="".join(f"{line}\n" for line in lines), prog_name="loginq")
    return result.exit_code, result.stdout, result.stderr


def is_in(name: str, *lines: str, more: tuple[str, ...] = ()) -> bool:
    code, out, err = play(name, *lines, more=more)
    assert code == 0, err
    return "You are In AWSome Game World" in out and "verified with the game's public keys" in err


def test_a_temporary_password(stack: Stack, here: Stack, cognito: Any) -> None:
    cognito.admin_create_user(
        UserPoolId=stack.target.user_pool_id, Username="tim", TemporaryPassword=PASSWORD, MessageAction="SUPPRESS"
    )
    with pytest.raises(NewPasswordNeeded):
        Account(api_of(stack.target), "tim").sign_in(PASSWORD)
    assert is_in("tim", PASSWORD, OTHER)
    with pytest.raises(Refused, match="The user name or the password is wrong"):
        Account(api_of(stack.target), "tim").sign_in(PASSWORD)
    Account(api_of(stack.target), "tim").sign_in(OTHER)


@pytest.mark.drills
def test_a_password_that_was_reset_and_one_that_was_forgotten(stack: Stack, here: Stack, cognito: Any) -> None:
    stack.users.create("eva", "eva@example.com", PASSWORD)
    cognito.admin_reset_user_password(UserPoolId=stack.target.user_pool_id, Username="eva")
    with pytest.raises(ResetNeeded):
        Account(api_of(stack.target), "eva").sign_in(PASSWORD)
    assert is_in("eva", PASSWORD, "654321", OTHER)
    code, _, err = play("eva", "654321", "short", more=("--forgot",))
    assert (code, "Password" in err) == (2, True)
    assert is_in("eva", "", "654321", PASSWORD, more=("--forgot",))
    Account(api_of(stack.target), "eva").sign_in(PASSWORD)


def test_a_code_of_an_authenticator_app(stack: Stack, here: Stack, cognito: Any) -> None:
    cognito.set_user_pool_mfa_config(
        UserPoolId=stack.target.user_pool_id,
        MfaConfiguration="OPTIONAL",
        SoftwareTokenMfaConfiguration={"Enabled": True},
    )
    stack.users.create("otto", "otto@example.com", PASSWORD)
    given = {"USERNAME": "otto", "PASSWORD": PASSWORD}
    access = cognito.initiate_auth(
        ClientId=stack.target.client_id, AuthFlow="USER_PASSWORD_AUTH", AuthParameters=given
    )["AuthenticationResult"]["AccessToken"]  # fmt: skip
    secret = cognito.associate_software_token(AccessToken=access)["SecretCode"]
    cognito.verify_software_token(AccessToken=access, UserCode=totp(secret))
    account = Account(api_of(stack.target), "otto")
    with pytest.raises(CodeNeeded) as asked:
        account.sign_in(PASSWORD)
    assert asked.value.app
    with pytest.raises(Invalid, match="This code is wrong"):
        account.answer("000000" if totp(secret) != "000000" else "000001")
    assert is_in("otto", PASSWORD, totp(secret))


def totp(secret: str) -> str:
    """The code of this half minute (RFC 6238)."""
    key = base64.b32decode(secret + "=" * (-len(secret) % 8))
    digest = hmac.new(key, struct.pack(">Q", int(time.time()) // 30), hashlib.sha1).digest()
    at = digest[-1] & 15
    return f"{(struct.unpack('>I', digest[at : at + 4])[0] & 0x7FFFFFFF) % 10**6:06}"
