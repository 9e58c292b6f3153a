"""`loginq play` up to the line: every kind of account, each question, each refusal, as a player sees them."""

import io
import sys
from collections.abc import Callable, Iterator
from dataclasses import replace
from datetime import UTC, datetime
from typing import Any

import boto3
import pytest

from loginq.cli.play import _Lines, _screen
from loginq.cli.play import run as play_on
from loginq.cli.session import api_of
from loginq.cli.sign_in import sign_in, signed_in_anew
from loginq.client import Account, CodeNeeded, NotConfirmed, ResetNeeded, SignInOver, Trouble
from loginq.service.operations.target import Target
from loginq.service.rules.errors import Conflict, Invalid, Refused
from loginq.service.rules.times import HOUR
from loginq.service.store.clock import system_clock
from tests.cli.conftest import Run, Screen
from tests.serving import Reply, Server, serving

PASSWORD, OTHER = "Correct-Horse-7-Battery", "Correct-Horse-8-Battery"
TICKET = {"ticket": "t1", "state": "queued", "poll_after_seconds": 0}
INSIDE = {"login_status": True, "state": "admitted", "poll_after_seconds": 0}


@pytest.fixture
def api(deployed: Target, monkeypatch: pytest.MonkeyPatch) -> Iterator[Server]:
    """The target's API: who asks for a ticket is let in by the next call."""
    answers = {"/login": TICKET, "/login/status?login_ticket=t1": INSIDE}
    with serving(lambda method, path: Reply(answers[path])) as server:
        monkeypatch.setenv("AWSOMEGAME_REST_ENDPOINT", server.url)
        yield server


@pytest.fixture
def cognito(deployed: Target) -> Any:
    return boto3.client("cognito-idp", deployed.region)


@pytest.fixture
def signs_in(deployed: Target, cognito: Any) -> Callable[[str], bool]:
    """Whether this is ada's password; moto's SRP takes any."""

    def tried(password: str) -> bool:
        try:
            given = {"USERNAME": "ada", "PASSWORD": password}
            cognito.initiate_auth(ClientId=deployed.client_id, AuthFlow="USER_PASSWORD_AUTH", AuthParameters=given)
        except cognito.exceptions.NotAuthorizedException:
            return False
        return True

    return tried


def ada(run: Run) -> None:
    assert run("users", "create", "ada", "--email", "a@b.cd", "--password-stdin", stdin=f"{PASSWORD}\n").code == 0


def play(run: Run, *lines: str, more: tuple[str, ...] = ()) -> Screen:
    return run("play", "--username", "ada", "--password-stdin", *more, stdin="".join(f"{line}\n" for line in lines))


def is_in(screen: Screen) -> bool:
    return screen.code == 0 and "You are In AWSome Game World" in screen.out


def test_a_player_gets_in(run: Run, api: Server) -> None:
    ada(run)
    assert is_in(play(run, PASSWORD))
    assert all(headers["Authorization"].startswith("Bearer eyJ") for _, _, headers in api.asked)


def test_a_disabled_account_is_no_wrong_password(run: Run, api: Server) -> None:
    ada(run)
    assert run("users", "disable", "ada").code == 0
    screen = play(run, PASSWORD)
    assert (screen.code, screen.err) == (4, "Error: This account is disabled.\nAsk the operator of the game.")


def test_a_temporary_password_is_replaced(
    run: Run, api: Server, cognito: Any, deployed: Target, signs_in: Callable[[str], bool]
) -> None:
    cognito.admin_create_user(
        UserPoolId=deployed.user_pool_id, Username="ada", TemporaryPassword=PASSWORD, MessageAction="SUPPRESS"
    )
    without = play(run, PASSWORD)
    assert (without.code, without.err.splitlines()) == (
        2,
        [
            "This account has a temporary password. Choose one of your own.",
            "Error: There is no new password on stdin.",
            "Give it on a line of its own, in the order of the asking.",
        ],
    )
    assert play(run, PASSWORD, "short").code == 2
    assert is_in(play(run, PASSWORD, OTHER))
    assert (signs_in(PASSWORD), signs_in(OTHER)) == (False, True)


def test_a_forgotten_password(run: Run, api: Server, signs_in: Callable[[str], bool]) -> None:
    ada(run)
    screen = play(run, "123456", OTHER, more=("--forgot",))
    assert is_in(screen)
    assert screen.err.splitlines()[0].startswith("A code is on its way to ")
    assert (signs_in(PASSWORD), signs_in(OTHER)) == (False, True)
    both = play(run, more=("--forgot", "--sign-up"))
    assert (both.code, both.err) == (2, "Error: --forgot and --sign-up exclude each other.\nGive one of them.")


def test_the_code_of_an_authenticator_app(run: Run, api: Server, cognito: Any, deployed: Target) -> None:
    ada(run)
    given = {"USERNAME": "ada", "PASSWORD": PASSWORD}
    signed = cognito.initiate_auth(
        ClientId=deployed.client_id, AuthFlow="USER_PASSWORD_AUTH", AuthParameters=given
    )["AuthenticationResult"]  # fmt: skip
    cognito.associate_software_token(AccessToken=signed["AccessToken"])
    cognito.verify_software_token(AccessToken=signed["AccessToken"], UserCode="123456")
    on = {"Enabled": True, "PreferredMfa": True}
    cognito.set_user_mfa_preference(AccessToken=signed["AccessToken"], SoftwareTokenMfaSettings=on)
    screen = play(run, PASSWORD, "123456")
    assert is_in(screen)
    assert screen.err.startswith("The code that your authenticator app shows:")
    nobody = play(run, PASSWORD)
    assert (nobody.code, nobody.err.splitlines()[-2:]) == (
        2,
        [
            "Error: There is nobody to ask: The code that your authenticator app shows.",
            "Run it at a terminal, or give the answer on stdin.",
        ],
    )


def test_a_name_that_is_taken_but_not_confirmed_leads_to_the_code(run: Run, api: Server, cognito: Any) -> None:
    new = ("--sign-up", "--email", "a@b.cd")
    lost = play(run, PASSWORD, more=new)
    assert (lost.code, "There is nobody to ask: The code that was sent to your e-mail address" in lost.err) == (2, True)
    again = play(run, PASSWORD, "123456", more=new)
    assert is_in(again)
    assert again.err.splitlines()[0] == "This account is not confirmed yet."
    assert is_in(play(run, PASSWORD, more=new))


def test_a_sign_in_that_ends_in_the_middle_of_the_line(
    run: Run, deployed: Target, cognito: Any, monkeypatch: pytest.MonkeyPatch
) -> None:
    ada(run)

    def answer(method: str, path: str) -> Reply:
        if path == "/login":
            return Reply(TICKET)
        cognito.admin_user_global_sign_out(UserPoolId=deployed.user_pool_id, Username="ada")
        return Reply({"error": {"code": "unauthorized", "message": "The token is over."}}, 401)

    with serving(answer) as server:
        monkeypatch.setenv("AWSOMEGAME_REST_ENDPOINT", server.url)
        screen = play(run, PASSWORD)
    assert (screen.code, screen.err.splitlines()[-2:]) == (
        4,
        [
            "Error: You are signed out: Refresh Token has been revoked.",
            "Your place is kept. Come back with `loginq play --username ada`.",
        ],
    )


@pytest.mark.parametrize("off", [-2 * HOUR, 2 * HOUR])
def test_a_clock_hours_off_keeps_nobody_out(run: Run, deployed: Target, off: int) -> None:
    ada(run)
    account, calls = Account(api_of(deployed), "ada", clock=lambda: system_clock() + off), list[Any]()
    account._cognito.meta.events.register("provide-client-params.*.*", lambda params, **_: calls.append(params))
    account.sign_in(PASSWORD)
    assert account.token()
    assert [each.get("AuthFlow") for each in calls] == ["USER_SRP_AUTH", None]  # nothing was refreshed
    stamp = calls[1]["ChallengeResponses"]["TIMESTAMP"]
    said = datetime.strptime(stamp, "%a %b %d %H:%M:%S UTC %Y").replace(tzinfo=UTC).timestamp() * 1_000
    assert abs(said - system_clock()) < 3_000


class Tty(io.StringIO):
    """A terminal at which these lines are typed."""

    def isatty(self) -> bool:
        return True


@pytest.fixture
def typing(monkeypatch: pytest.MonkeyPatch) -> Callable[..., None]:
    def type_(*lines: str, hidden: tuple[str, ...] = ()) -> None:
        secrets = list(hidden)
        monkeypatch.setattr(sys, "stdin", Tty("".join(f"{line}\n" for line in lines)))
        monkeypatch.setattr("getpass.getpass", lambda *_, **__: secrets.pop(0))

    return type_


class Scripted:
    """An account that answers each call with the next of these: an exception is raised."""

    username = "ada"

    def __init__(self, *answers: Any) -> None:
        self.answers, self.asked = list(answers), list[tuple[Any, ...]]()

    def __getattr__(self, name: str) -> Any:
        def call(*given: Any, **_: Any) -> Any:
            self.asked.append((name, *given))
            answer = self.answers.pop(0)
            if isinstance(answer, Exception):
                raise answer
            return answer

        return call


def test_a_code_that_never_came_is_sent_again(typing: Callable[..., None], capsys: pytest.CaptureFixture[str]) -> None:
    for again in ("", "again"):
        typing(again, "111111", "123456")
        wrong = Invalid("This code is wrong.", "Look again, or have a new one sent.")
        one: Any = Scripted(NotConfirmed("This account is not confirmed yet."), "a***@b***", wrong, None, None)
        sign_in(one, PASSWORD)
        assert one.asked == [
            ("sign_in", PASSWORD), ("send_code",), ("confirm", "111111"), ("confirm", "123456"), ("sign_in", PASSWORD),
        ]  # fmt: skip
        said = capsys.readouterr().err
        assert "(Enter alone sends a new one)" in said
        assert "A new code is on its way to a***@b***." in said
        assert "This code is wrong. Look again, or have a new one sent." in said


def test_a_password_that_the_operator_reset(typing: Callable[..., None]) -> None:
    typing("123456", hidden=(OTHER, OTHER))
    one: Any = Scripted(ResetNeeded("The password of this account must be chosen anew."), None, None)
    sign_in(one, PASSWORD)
    assert one.asked == [("sign_in", PASSWORD), ("choose", "123456", OTHER), ("sign_in", OTHER)]


def test_a_wrong_code_at_a_terminal_is_asked_for_again(typing: Callable[..., None]) -> None:
    typing("111111", "123456")
    app = CodeNeeded(app=True)
    one: Any = Scripted(app, Invalid("This code is wrong."), app, None)
    sign_in(one, PASSWORD)
    assert one.asked == [("sign_in", PASSWORD), ("answer", "111111"), ("sign_in", PASSWORD), ("answer", "123456")]
    with pytest.raises(Invalid):
        sign_in(Scripted(Invalid("ClientId is wrong.")), PASSWORD)  # type: ignore[arg-type]


def test_who_is_signed_out_in_line_signs_in_again_and_keeps_the_place(
    typing: Callable[..., None], deployed: Target, capsys: pytest.CaptureFixture[str]
) -> None:
    """The same ticket, so the same place; the token of before is not used again."""
    answers = [Reply(TICKET), Reply(TICKET), Reply(INSIDE)]
    over = SignInOver("You are signed out: Refresh Token has expired.", "Sign in again; your place is kept.")
    account: Any = Scripted("old", over, None, "new", "new")
    typing(hidden=(PASSWORD,))
    with serving(lambda method, path: answers.pop(0)) as server:
        play_on(api_of(replace(deployed, api_url=server.url)), account).draw()
    assert [(path, headers["Authorization"]) for _, path, headers in server.asked] == [
        ("/login", "Bearer old"), ("/login", "Bearer new"), ("/login/status?login_ticket=t1", "Bearer new"),
    ]  # fmt: skip
    screen = capsys.readouterr()
    assert "Refresh Token has expired. Sign in again; your place is kept." in screen.err
    assert "You are In AWSome Game World" in screen.out


def test_a_closed_queue_keeps_no_place(capsys: pytest.CaptureFixture[str]) -> None:
    closed, away = Trouble("The queue is closed.", 60, "queue_closed"), Trouble("the server cannot be reached")
    for json in (False, True):
        screen = _screen("ada", "aws" if json else None)
        screen.trouble(away, 2)
        screen.trouble(closed, 60)
        screen.trouble(away, 2)
        screen.show({**TICKET, "position": 7})
        screen.trouble(away, 2)
        said = [line for line in capsys.readouterr().err.splitlines() if line.startswith("Trouble")]
        assert said == [
            "Trouble: the server cannot be reached. Trying again in 2 s; your place is kept.",
            "Trouble: The queue is closed. Trying again in 60 s; there is no place to keep yet.",
            "Trouble: the server cannot be reached. Trying again in 2 s; there is no place to keep yet.",
            "Trouble: the server cannot be reached. Trying again in 2 s; your place is kept.",
        ]


def test_who_leaves_a_closed_queue_is_promised_nothing(
    deployed: Target, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    """Ctrl-C while the client stays away for as long as the queue said."""
    waited: list[float] = []

    def ctrl_c(_: object, seconds: float) -> None:
        waited.append(seconds)
        raise KeyboardInterrupt

    monkeypatch.setattr(_Lines, "sleep", ctrl_c)
    closed = Reply({"error": {"code": "queue_closed", "message": "Closed."}}, 503, {"Retry-After": "117"})
    with serving(lambda method, path: closed) as server, pytest.raises(KeyboardInterrupt):
        play_on(api_of(replace(deployed, api_url=server.url)), Scripted("token")).draw()  # type: ignore[arg-type]
    assert waited == [117]
    assert capsys.readouterr().err.splitlines()[-1] == (
        "The queue is closed, and you have no place in it yet. Come back with `loginq play --username ada`."
    )


def test_an_operator_confirms_whose_code_never_came(run: Run, api: Server, deployed: Target, cognito: Any) -> None:
    assert play(run, PASSWORD, more=("--sign-up", "--email", "a@b.cd")).code == 2
    assert run("users", "confirm", "ada").err.endswith("✓ ada is confirmed, and can sign in.")
    assert run("users", "confirm", "ada").err.endswith("✓ ada was confirmed already.")
    assert is_in(play(run, PASSWORD))
    assert '"what": "confirm user"' in run("queue", "audit", "--json").out
    assert run("queue", "audit", "--json").out.count("confirm user") == 1
    cognito.admin_create_user(UserPoolId=deployed.user_pool_id, Username="tim", MessageAction="SUPPRESS")
    other = run("users", "confirm", "tim", "--json")
    assert (other.code, other.err.splitlines()[-2:]) == (
        2,
        [
            "Error: 'tim' waits for no code: its status is FORCE_CHANGE_PASSWORD.",
            "Give it a password: `loginq users reset-password`.",
        ],
    )
    assert run("users", "confirm", "nobody").code == 3


def test_the_password_of_somebody_else(run: Run, deployed: Target, capsys: pytest.CaptureFixture[str]) -> None:
    from loginq.cli.sign_in import _sign_up

    taken = Conflict("This user name or e-mail address is taken.", "Choose another, or sign in.")
    with pytest.raises(Conflict):
        _sign_up(Scripted(taken, Refused("The user name or the password is wrong.")), PASSWORD, "a@b.cd")  # type: ignore[arg-type]


def test_a_forgotten_password_at_a_terminal(typing: Callable[..., None], deployed: Target, run: Run) -> None:
    ada(run)
    typing("123456", hidden=(OTHER, OTHER))
    assert signed_in_anew(api_of(deployed), "ada").token()
