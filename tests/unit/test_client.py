"""The player's client by itself: what each refusal is called, which way a call takes, whose clock counts."""

import base64
import inspect
import os
from collections.abc import Iterator
from dataclasses import replace
from datetime import UTC, datetime, timedelta
from email.utils import format_datetime
from pathlib import Path
from typing import Any

import jwt
import pytest
import requests
from botocore.stub import Stubber

import loginq.client
from loginq.client import (
    Account,
    Api,
    CodeNeeded,
    Conflict,
    Failed,
    Game,
    Invalid,
    LoginqError,
    NewPasswordNeeded,
    NotConfirmed,
    NotFound,
    Refused,
    ResetNeeded,
    SessionOver,
    SignInOver,
    Trouble,
    patiently,
    published,
    published_keys,
    session_for,
)
from loginq.client.account import _session, client_for
from loginq.client.reaching import is_loopback, retry_after
from tests.serving import PORTAL, Reply, serving

API = Api("https://api.example/v1", client_id="client", pool_id="eu-west-1_pool", region="eu-west-1")
T = 1_800_000_000_000
PASSWORD = "Correct-Horse-7-Battery"
VERIFIER = {
    "ChallengeName": "PASSWORD_VERIFIER",
    "ChallengeParameters": {
        "SALT": "ab" * 16,
        "SRP_B": "cd" * 128,
        "USERNAME": "ada",
        "USER_ID_FOR_SRP": "ada",
        "SECRET_BLOCK": base64.b64encode(b"block").decode(),
    },
}


class Stubbed:
    """An account whose Cognito gives these answers, one a call; a pair is an error's code and words."""

    def __init__(self, *answers: Any) -> None:
        self.now = T
        client = client_for(API)
        self.stub = Stubber(client)
        for operation, answer in answers:
            if isinstance(answer, tuple):
                self.stub.add_client_error(operation, *answer)
            else:
                self.stub.add_response(operation, answer)
        self.stub.activate()
        self.account = Account(API, "ada", client, lambda: self.now)


def tokens(ends: int, **more: str) -> dict[str, Any]:
    """What Cognito gives who is signed in. `ends` in seconds."""
    token = jwt.encode({"exp": ends}, "x" * 32)
    return {"AuthenticationResult": {"IdToken": token, **more}}


def signing_in(*answers: Any) -> Stubbed:
    return Stubbed(("initiate_auth", VERIFIER), *(("respond_to_auth_challenge", answer) for answer in answers))


WRONG = "The user name or the password is wrong."


@pytest.mark.parametrize(
    ("code", "said", "kind", "message"),
    [
        ("NotAuthorizedException", "Incorrect username or password.", Refused, WRONG),
        ("UserNotFoundException", "User does not exist.", Refused, WRONG),
        ("NotAuthorizedException", "User is disabled.", Refused, "This account is disabled."),
        (
            "NotAuthorizedException", "Password attempts exceeded", Refused,
            "There were too many wrong passwords: the account is locked for a while.",
        ),
        (
            "NotAuthorizedException", "Temporary password has expired and must be reset by an administrator.", Refused,
            "The temporary password of this account is over.",
        ),
        (
            "NotAuthorizedException", "Unable to login because of security reasons.", Refused,
            "Unable to login because of security reasons.",
        ),
        ("NotAuthorizedException", "Invalid session for the user.", SessionOver, "Signing in took too long."),
        ("UserNotConfirmedException", "User is not confirmed.", NotConfirmed, "This account is not confirmed yet."),
        (
            "PasswordResetRequiredException", "Password reset required for the user", ResetNeeded,
            "The password of this account must be chosen anew.",
        ),
        ("ForbiddenException", "Request not allowed.", Refused, "Request not allowed."),
        ("TooManyRequestsException", "Rate exceeded", Trouble, "sign-in is busy (TooManyRequestsException)"),
        ("InternalErrorException", "", Trouble, "sign-in is busy (InternalErrorException)"),
        (
            "LimitExceededException", "Attempt limit exceeded, please try after some time.", Refused,
            "Cognito takes no more of this for now: Attempt limit exceeded, please try after some time.",
        ),
        (
            "LimitExceededException", "Exceeded daily email limit for the operation or the account.", Refused,
            "No code can be sent: Exceeded daily email limit for the operation or the account.",
        ),
        ("CodeMismatchException", "Invalid code.", Invalid, "This code is wrong."),
        ("ExpiredCodeException", "Invalid code.", Invalid, "This code is over, or a newer one was sent."),
        ("UsernameExistsException", "User already exists", Conflict, "This user name or e-mail address is taken."),
        ("AliasExistsException", "Already found", Conflict, "This user name or e-mail address is taken."),
        (
            "ResourceNotFoundException", "User pool client x does not exist.", NotFound,
            "The user pool or its client is gone: User pool client x does not exist.",
        ),
        ("UserLambdaValidationException", "No cheaters.", Failed, "No cheaters."),
        ("403", "Forbidden", Trouble, "something else answered in its place: a login page of this network, or a proxy"),
    ],
)  # fmt: skip
def test_each_refusal_of_cognito_is_named_by_what_happened(
    code: str, said: str, kind: type[LoginqError], message: str
) -> None:
    with pytest.raises(kind) as told:
        Stubbed(("initiate_auth", (code, said))).account.sign_in(PASSWORD)
    assert (type(told.value), told.value.message) == (kind, message)
    assert ("try again" in told.value.hint) == (message == WRONG)


def test_a_sign_in_that_is_over_is_no_wrong_password() -> None:
    for said in ("Refresh Token has expired", "Refresh Token has been revoked", "User is disabled."):
        one = signing_in(tokens(T // 1_000 + 3_600, RefreshToken="r"))
        one.account.sign_in(PASSWORD)
        one.stub.add_client_error("initiate_auth", "NotAuthorizedException", said)
        with pytest.raises(SignInOver, match="You are signed out: ") as told:
            one.account.token(renew=True)
        assert told.value.hint == "Sign in again; your place is kept."


def test_the_id_token_is_refreshed_a_minute_before_its_end() -> None:
    one = signing_in(tokens(T // 1_000 + 3_600, RefreshToken="r"))
    one.account.sign_in(PASSWORD)
    first = one.account.token()
    one.now = T + 3_539_000
    assert one.account.token() == first
    one.now = T + 3_541_000
    for ends in (7_200, 9_000):
        given = {"AuthFlow": "REFRESH_TOKEN_AUTH", "AuthParameters": {"REFRESH_TOKEN": "r"}, "ClientId": "client"}
        one.stub.add_response("initiate_auth", tokens(T // 1_000 + ends), given)
        assert one.account.token(renew=ends == 9_000) != first
    one.stub.assert_no_pending_responses()


def test_what_else_sign_in_asks_for_is_answered() -> None:
    new = {"ChallengeName": "NEW_PASSWORD_REQUIRED", "Session": "s" * 20}
    code = {"ChallengeName": "SOFTWARE_TOKEN_MFA", "Session": "t" * 20}
    text = {"ChallengeName": "SMS_MFA", "Session": "u" * 20}
    one = signing_in(new)
    with pytest.raises(NewPasswordNeeded):
        one.account.sign_in(PASSWORD)
    for answer, step, name in (
        (code, new, "NEW_PASSWORD"),
        (text, code, "SOFTWARE_TOKEN_MFA_CODE"),
        (tokens(T // 1_000 + 3_600, RefreshToken="r"), text, "SMS_MFA_CODE"),
    ):
        one.stub.add_response(
            "respond_to_auth_challenge", answer,
            {**step, "ClientId": "client", "ChallengeResponses": {"USERNAME": "ada", name: "given"}},
        )  # fmt: skip
        if answer in (code, text):
            with pytest.raises(CodeNeeded) as asked:
                one.account.answer("given")
            assert asked.value.app == (answer == code)
        else:
            one.account.answer("given")
    assert one.account.token()


def test_a_step_that_nobody_knows_is_named() -> None:
    with pytest.raises(Refused, match="a step that this client does not know: MFA_SETUP"):
        signing_in({"ChallengeName": "MFA_SETUP", "Session": "s" * 20}).account.sign_in(PASSWORD)


def test_confirming_twice_is_confirming() -> None:
    said = "User cannot be confirmed. Current status is CONFIRMED"
    Stubbed(("confirm_sign_up", ("NotAuthorizedException", said))).account.confirm("123456")
    other = "User cannot be confirmed. Current status is ARCHIVED"
    with pytest.raises(Refused, match="ARCHIVED"):
        Stubbed(("confirm_sign_up", ("NotAuthorizedException", other))).account.confirm("123456")


def test_a_password_that_is_no_text() -> None:
    with pytest.raises(Invalid, match="What was typed is no text"):
        signing_in({}).account.sign_in("half\udcff")


@pytest.fixture(params=[200, 403, 404])
def portal(request: pytest.FixtureRequest) -> Iterator[Api]:
    """A network whose login page answers everything."""
    with serving(lambda method, path: Reply(PORTAL, request.param)) as server:
        yield replace(API, url=server.url, endpoint=server.url)


def test_a_captive_portal_is_trouble_wherever_an_answer_is_read(portal: Api) -> None:
    account, game = Account(portal, "ada"), Game(portal.url, lambda renew=False: "token")
    for call in (
        lambda: account.sign_in(PASSWORD),
        lambda: account.sign_up(PASSWORD, "ada@example.com"),
        lambda: account.confirm("123456"),
        account.send_code,
        account.forgot,
        game.login,
        lambda: game.status("t1"),
        game.leave,
        lambda: published_keys(portal.url),
    ):
        with pytest.raises(Trouble, match="something else answered in its place"):
            call()


@pytest.mark.parametrize("body", [[], "hello", {}, {"ticket": 7, "keys": {}}, {"ticket": "t", "keys": ["k"]}, None])
def test_json_of_somebody_else_is_trouble_too(body: Any) -> None:
    with serving(lambda method, path: Reply(body)) as server:
        game = Game(server.url, lambda renew=False: "token")
        for call in (game.login, lambda: game.status("t1"), lambda: published_keys(server.url)):
            with pytest.raises(Trouble, match="something else answered in its place"):
                call()


@pytest.mark.parametrize("status", [403, 404])
def test_a_domain_without_a_stack_behind_it_is_trouble_and_nobody_gives_up(status: int) -> None:
    """API Gateway says so while one stack takes over from another."""
    with serving(lambda method, path: Reply({"message": "Forbidden"}, status)) as server:
        game = Game(server.url, lambda renew=False: "token")
        for call in (game.login, lambda: game.status("t1"), game.leave, lambda: published_keys(server.url)):
            with pytest.raises(Trouble, match=r"something else answered|the key set is not"):
                call()


def test_an_emulator_is_never_behind_a_proxy(monkeypatch: pytest.MonkeyPatch) -> None:
    for name in ("HTTP_PROXY", "http_proxy", "ALL_PROXY"):
        monkeypatch.setenv(name, "http://127.0.0.1:9")
    there = {"keys": [], "ticket": "t", "poll_after_seconds": 1}
    with serving(lambda method, path: Reply(there, headers={"Content-Type": "application/x-amz-json-1.1"})) as server:
        emulator = replace(API, url=server.url, endpoint=server.url)
        assert published_keys(server.url) == there
        assert Game(server.url, lambda renew=False: "token").login() == there
        Account(emulator, "ada").confirm("123456")
        assert [path for _, path, _ in server.asked] == ["/.well-known/jwks.json", "/login", "/"]
    assert session_for(API.url).trust_env


@pytest.mark.parametrize(
    ("url", "loopback"),
    [
        ("http://127.0.0.1:4566/x", True),
        ("http://localhost/x", True),
        ("http://[::1]:80", True),
        ("http://127.9.9.9", True),
        ("https://127.0.0.1", False),
        ("http://10.0.0.1", False),
        ("http://localhost.example", False),
        ("http://", False),
    ],
)
def test_what_is_this_machine(url: str, loopback: bool) -> None:
    assert is_loopback(url) is loopback


def test_a_default_line_of_netrc_does_not_replace_the_players_token(
    monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    (tmp_path / "netrc").write_text("default login ada password secret\n")
    monkeypatch.setenv("NETRC", str(tmp_path / "netrc"))
    asked = requests.Request("GET", API.url, headers={"Authorization": "Bearer x"})
    assert session_for(API.url).prepare_request(asked).headers["Authorization"] == "Bearer x"


class Watched(dict[str, str]):
    """An environment that notes which of its names are looked up."""

    def __init__(self, given: dict[str, str]) -> None:
        super().__init__(given)
        self.read: set[str] = set()

    def __getitem__(self, name: str) -> str:
        self.read.add(name)
        return super().__getitem__(name)

    def __contains__(self, name: object) -> bool:
        self.read.add(str(name))
        return super().__contains__(name)

    def get(self, name: str, default: Any = None) -> Any:
        self.read.add(name)
        return super().get(name, default)


@pytest.fixture
def lies(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> Iterator[None]:
    """An environment, a `.env` and files of AWS that name another place; at the end, none of it was looked at."""
    (tmp_path / "config").write_text("[default\nregion")
    wrong = {
        "AWSOMEGAME_REST_ENDPOINT": "https://wrong.example",
        "COGNITO_USER_CLIENT_ID": "wrong",
        "COGNITO_USER_POOL_ID": "wrong",
        "LOGINQ_STACK": "wrong",
        "AWS_ACCESS_KEY_ID": "wrong",
        "AWS_SECRET_ACCESS_KEY": "wrong",
        "AWS_REGION": "wrong",
        "AWS_DEFAULT_REGION": "wrong",
        "AWS_PROFILE": "gone",
        "AWS_CONFIG_FILE": str(tmp_path / "config"),
        "AWS_SHARED_CREDENTIALS_FILE": str(tmp_path / "config"),
        "AWS_ENDPOINT_URL": "http://127.0.0.1:9",
        "AWS_ENDPOINT_URL_COGNITO_IDENTITY_PROVIDER": "http://127.0.0.1:9",
        "AWS_USE_FIPS_ENDPOINT": "true",
        "AWS_MAX_ATTEMPTS": "wrong",
    }
    (tmp_path / ".env").write_text("".join(f"{name}={value}\n" for name, value in wrong.items()))
    environment = Watched({**os.environ, **wrong})
    with monkeypatch.context() as patch:
        patch.setattr(os, "environ", environment)
        patch.setattr("loginq.client.account._session", _session.__wrapped__)  # one that was made before sees another
        yield
    assert not environment.read & set(wrong)
    assert "AWS_CA_BUNDLE" in environment.read  # it was watched indeed


def test_the_example_plays_knowing_only_what_it_is_told(lies: None, capsys: pytest.CaptureFixture[str]) -> None:
    cognito = iter([VERIFIER, tokens(T // 1_000 * 2)])
    ticket = {"ticket": "t", "state": "queued", "poll_after_seconds": 0}
    inside = {"login_status": True, "poll_after_seconds": 0, "admission_token": "let in"}
    answers = {"/prod/login": ticket, "/prod/login/status?login_ticket=t": inside}
    with serving(lambda method, path: Reply(next(cognito) if method == "POST" else answers[path])) as server:
        example = inspect.cleandoc((loginq.client.__doc__ or "").split("\n\n", 1)[1].rpartition("\n\nIt reads")[0])
        for told, here in (
            ("https://game.example", server.url),
            ('region="eu-west-1"', f'region="eu-west-1", endpoint={server.url!r}'),
        ):
            assert told in example
            example = example.replace(told, here)
        exec(example, {})  # noqa: S102 - our own docstring
    assert capsys.readouterr().out == "queued\nlet in\n"


def test_playing_needs_no_profile_and_no_file_of_aws(lies: None) -> None:
    assert Account(API, "ada")._cognito.meta.endpoint_url == "https://cognito-idp.eu-west-1.amazonaws.com"


def test_certificates_that_are_gone_are_no_trouble_of_the_network(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("REQUESTS_CA_BUNDLE", "/opt/old/ca.pem")
    game = Game(API.url, lambda renew=False: "token")
    for call in (lambda: Account(API, "ada"), lambda: published_keys(API.url), game.login):
        with pytest.raises(Invalid, match="/opt/old/ca") as told:
            call()
        assert told.value.hint.startswith("The environment names certificates that are gone: see REQUESTS_CA_BUNDLE")


def test_an_api_that_is_none_is_said() -> None:
    for wrong, said in (
        ({"pool_id": "pool"}, "This is not a user pool: 'pool'"),
        ({"region": "eu-west 1"}, "eu-west 1"),
        ({"endpoint": "127.0.0.1:4566"}, "Invalid endpoint: 127.0.0.1:4566"),
    ):
        with pytest.raises(Invalid, match=said):
            Account(replace(API, **wrong), "ada")
    with pytest.raises(Invalid, match="That is no address"):
        published_keys("https://")


def test_the_time_is_what_the_api_says_it_is() -> None:
    there = datetime.fromtimestamp(T / 1_000, UTC)
    said = {"Date": format_datetime(there, usegmt=True)}
    for headers, here, now in (
        (said, T, T),
        (said, T - 3_600_000, T + 500),
        (said, T + 3_600_000, T + 500),
        ({**said, "Age": "120"}, T, T + 120_000),
        ({"Date": "yesterday"}, T + 9, T + 9),
        ({}, T + 9, T + 9),
    ):
        with serving(lambda method, path, headers=headers: Reply({"keys": []}, headers=headers)) as server:  # type: ignore[misc]
            assert published(server.url, lambda here=here: here)[1] == now  # type: ignore[misc]


def test_retry_after_is_a_number_or_a_date() -> None:
    now = datetime.now(UTC)
    date = {"Date": format_datetime(now, usegmt=True)}

    def at(seconds: float) -> str:
        return format_datetime(now + timedelta(seconds=seconds), usegmt=True)

    assert retry_after({"Retry-After": "40"}) == 40
    assert retry_after({"Retry-After": at(40), **date}) == 40
    assert retry_after({"Retry-After": at(-40), **date}) == 0
    assert 37 <= (retry_after({"Retry-After": at(40)}) or 0) <= 40
    for wrong in ("", "soon", "²", "-5", "1e3", "Wed, 99 Nov 2026 22:00:00 GMT"):
        assert retry_after({"Retry-After": wrong}) is None
    for much in ("9" * 400, at(10**7)):
        assert retry_after({"Retry-After": much, **date}) == 3_600


def test_the_pauses_grow_to_half_a_minute_and_never_agree() -> None:
    pauses: list[float] = []

    def ask() -> None:
        if len(pauses) < 8:
            raise Trouble("gone")

    patiently(ask, lambda exc, pause: None, pauses.append)
    longest = [1, 2, 4, 8, 16, 30, 30, 30]
    assert all(most / 2 <= pause <= most for pause, most in zip(pauses, longest, strict=True))
    assert len(set(pauses)) == len(pauses)


def test_a_closed_queue_is_told_apart() -> None:
    closed = Reply({"error": {"code": "queue_closed", "message": "Closed."}}, 503, {"Retry-After": "90"})
    with serving(lambda method, path: closed) as server, pytest.raises(Trouble) as told:
        Game(server.url, lambda renew=False: "token").login()
    assert (told.value.message, told.value.code, told.value.retry_after) == ("Closed.", "queue_closed", 90)


def test_brackets_without_end_are_trouble() -> None:
    with serving(lambda method, path: Reply(b"[" * 100_000)) as server, pytest.raises(Trouble):
        Game(server.url, lambda renew=False: "token").login()
