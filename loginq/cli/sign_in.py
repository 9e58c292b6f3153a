"""Signing in as a conversation: what Cognito wants to know is asked of the player, until it is content."""

import sys
from collections.abc import Callable
from functools import partial
from typing import TypeVar

import typer

from loginq.cli import console
from loginq.cli.asking import ASKING
from loginq.cli.output import plain
from loginq.cli.reading import first_line, has_terminal, typed
from loginq.client import (
    Account,
    Api,
    CodeNeeded,
    NewPasswordNeeded,
    NotConfirmed,
    ResetNeeded,
    SessionOver,
    SignInOver,
    Trouble,
    patiently,
)
from loginq.service.rules.account import check_account
from loginq.service.rules.errors import Conflict, Invalid, Refused

T = TypeVar("T")
_CODE = "The code that was sent to your e-mail address (Enter alone sends a new one)"


class Pasted:
    """Somebody who has signed in elsewhere: the ID tokens of stdin, a line each, of which the API says what they are.

    The next is read when the one before is refused, so that whatever writes them need not know how long one is good.
    """

    def __init__(self) -> None:
        """Raises `Invalid` where there is none."""
        self._token = self._next()
        if not self._token:
            raise Invalid("There is no ID token on stdin.", 'Pipe it in: `printf %s "$TOKEN" | loginq …`.')

    @property
    def username(self) -> str:
        """What to call the player, as the token has it."""
        import jwt

        try:
            claims = jwt.decode(self._token, options={"verify_signature": False})
        except (jwt.PyJWTError, ValueError, RecursionError):
            return "player"
        return str(claims.get("cognito:username") or claims.get("sub") or "player")

    def token(self, *, renew: bool = False) -> str:
        """The ID token. Raises `SignInOver` when it was refused and there is no other."""
        if renew:
            self._token = self._next()
        if not self._token:
            raise SignInOver(
                "The ID token is refused: it is over, or not of this game, and there is no other on stdin."
            )
        return self._token

    def _next(self) -> str:
        text = first_line("The ID token on stdin").strip(" \t\r\n\"'`").removeprefix("Bearer ")
        if not all("!" <= letter <= "~" for letter in text):
            raise Invalid("What is on stdin is no ID token.", "A token is one word, without blanks.")
        return text


def signed_in(
    api: Api, username: str, secret: str, new: Callable[[], str] | None = None, *, stdin: bool = False
) -> Account:
    """The account, signed in; made first when `new` gives its e-mail address.

    Args:
        stdin: whether a new password, should one be wanted, is the next line of stdin.
    """
    account = Account(api, username)
    if new is not None:
        _sign_up(account, secret, new())
    sign_in(account, secret, stdin=stdin)
    return account


def sign_in(account: Account, secret: str, *, stdin: bool = False) -> None:
    """Sign in, with whatever else is asked for: a code, a password of one's own. Raises as `Account.sign_in` does."""
    step, answered, chosen = partial(account.sign_in, secret), False, ""
    while True:
        try:
            _answer(step)
            return
        except NotConfirmed as exc:
            console.say(exc.message)
            _confirm(account)
        except ResetNeeded as exc:
            console.say(exc.message)
            secret = _choose(account, stdin)
        except NewPasswordNeeded as exc:
            console.say(f"{exc.message} {exc.hint}")
            chosen = _new_password(stdin)
            step, answered = partial(account.answer, chosen), True
            continue
        except CodeNeeded as exc:
            secret = chosen or secret
            source = "your authenticator app shows" if exc.app else "was just sent to you"
            step, answered = partial(account.answer, _asked(f"The code that {source}")), True
            continue
        except (Invalid, SessionOver) as exc:
            if not answered or not has_terminal():
                raise
            console.say(exc.message)
        step, answered = partial(account.sign_in, secret), False


def signed_in_anew(api: Api, username: str, *, stdin: bool = False) -> Account:
    """The account of somebody who has forgotten the password, signed in with another one."""
    account = Account(api, username)
    console.say(f"A code is on its way to {_answer(account.forgot)}.")
    sign_in(account, _choose(account, stdin), stdin=stdin)
    return account


def _answer(step: Callable[[], T]) -> T:
    """What the user pool answers, asked again while it cannot."""

    def ask() -> T:
        with ASKING(""):
            return step()

    return patiently(ask, _say_busy)


def _sign_up(account: Account, secret: str, email: str) -> None:
    """Make the account. One that is there already is gone on with, if the password is its own."""
    check_account(account.username, email)
    try:
        where = _answer(partial(account.sign_up, secret, email))
    except Conflict as taken:
        try:
            _answer(partial(account.sign_in, secret))
        except NotConfirmed:
            return
        except Refused as exc:
            raise taken from exc
        return
    console.say(f"A code is on its way to {where}.")
    _confirm(account)


def _confirm(account: Account) -> None:
    _with_code(lambda code: _answer(partial(account.confirm, code)), account.send_code)


def _choose(account: Account, stdin: bool) -> str:
    """Give the account another password with the code that was sent, and say which."""

    def choose(code: str) -> str:
        secret = _new_password(stdin)
        _answer(partial(account.choose, code, secret))
        return secret

    return _with_code(choose, account.forgot)


def _with_code(use: Callable[[str], T], send: Callable[[], str]) -> T:
    """Ask for a code until it is the right one; without a terminal, once."""
    while True:
        code = _asked(_CODE)
        if code.lower() in ("", "again"):
            console.say(f"A new code is on its way to {_answer(send)}.")
            continue
        try:
            return use(code)
        except Invalid as exc:
            if not has_terminal():
                raise
            console.say(f"{exc.message} {exc.hint}".rstrip())


def _new_password(stdin: bool) -> str:
    """A password of the player's own: typed twice, or the next line of stdin."""
    if stdin:
        line = sys.stdin.readline() if sys.stdin else ""
        if secret := line.rstrip("\r\n"):
            return secret
        raise Invalid("There is no new password on stdin.", "Give it on a line of its own, in the order of the asking.")
    if not has_terminal():
        raise Invalid("There is no terminal to ask for the new password.", "Give --password-stdin.")
    return typed("New password", hidden=True, twice=True)


def _asked(question: str) -> str:
    """What is typed, or the next line of stdin."""
    nobody = Invalid(f"There is nobody to ask: {question}.", "Run it at a terminal, or give the answer on stdin.")
    if sys.stdin is None:
        raise nobody
    try:
        return str(typer.prompt(plain(question), default="", show_default=False, err=True)).strip()
    except typer.Abort as exc:
        if has_terminal() or not isinstance(exc.__context__, EOFError):
            raise
        typer.echo(err=True)  # the question stands there without an answer
        raise nobody from exc


def _say_busy(exc: Trouble, pause: float) -> None:
    console.say(f"Trouble: {exc.message.rstrip('.')}. Trying again in {pause:.0f} s.")
