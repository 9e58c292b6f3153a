"""`loginq play`: the reference client. Sign up or in, wait in line, enter the game."""

import sys
import time
from collections.abc import Callable
from typing import TYPE_CHECKING, Annotated, Any

import typer

from loginq.cli.options import Json, password

if TYPE_CHECKING:
    from loginq.client import Account, Trouble
    from loginq.service.settings import Target

_FRAME = 0.25
"""Seconds between two frames of the live screen."""


def play(
    username: Annotated[str | None, typer.Option(help="The user name; asked for if left out.")] = None,
    password_stdin: Annotated[bool, typer.Option("--password-stdin", help="Read the password from stdin.")] = False,
    sign_up: Annotated[bool, typer.Option("--sign-up", help="Make a new account first.")] = False,
    email: Annotated[str | None, typer.Option(help="The e-mail address of a new account.")] = None,
    json: Json = False,
) -> None:
    """Sign up or in, wait in line, and enter the game.

    Ctrl-C leaves; the place is kept for whoever comes back as the same player.
    """
    from loginq.cli.session import open_session
    from loginq.service.errors import Invalid

    target = open_session().target
    if username is None:
        if not sys.stdin.isatty():
            raise Invalid("There is no terminal to ask for the user name.", "Give --username.")
        username = str(typer.prompt("User name", err=True))
    secret = password(password_stdin, twice=sign_up)
    account = signed_in(target, username, secret, _new(email) if sign_up else None)
    run(target, account, json=json)


def signed_in(target: "Target", username: str, secret: str, new: Callable[[], str] | None = None) -> "Account":
    """The account, signed in; made first when `new` gives its e-mail address; confirmed when that is still missing."""
    from loginq.client import Account, NotConfirmed, patiently

    account = patiently(lambda: Account(target, username), _say_trouble)
    if new is not None:
        account.sign_up(secret, new())
        account.confirm(_code())
    try:
        patiently(lambda: account.sign_in(secret), _say_trouble)
    except NotConfirmed:
        account.confirm(_code())
        patiently(lambda: account.sign_in(secret), _say_trouble)
    return account


def run(target: "Target", account: "Account", *, json: bool = False) -> None:
    """Wait in line until let in, on a live screen, in lines, or as JSON documents; then the banner."""
    from loginq.cli import console
    from loginq.cli.banner import BANNER
    from loginq.client import Game, enter

    game = Game(target.api_url, account.token)
    try:
        if json:
            console.document(enter(game, console.document, _say_trouble))
            return
        with _screen(account.username) as screen:
            standing = enter(game, screen.show, screen.trouble, screen.sleep)
    except KeyboardInterrupt:
        console.say(f"Your place is kept. Come back with `loginq play --username {account.username}`.")
        raise
    console.out().print(BANNER, markup=False, style="bold cyan")
    if "admission_token" in standing:
        console.say(_ticket_in(target, standing["admission_token"]))


def _ticket_in(target: "Target", token: str) -> str:
    """The admission token in short, checked as a game server would."""
    from loginq.client import Trouble, published_keys
    from loginq.service.times import system_clock
    from loginq.service.tokens import explain

    try:
        claims = explain(token, published_keys(target), target.api_url, system_clock())
    except Trouble as exc:
        return f"Admission token {token[:12]}…, not checked: {exc.message}."
    wrong = [f"{claim.name}: {claim.wrong}" for claim in claims if claim.wrong]
    until = next(claim.value for claim in claims if claim.name == "exp")
    verdict = f"NOT good: {'; '.join(wrong)}" if wrong else f"verified with the game's public keys, good until {until}"
    return f"Admission token {token[:12]}… ({verdict})"


def _new(email: str | None) -> Callable[[], str]:
    return lambda: email or str(typer.prompt("E-mail address", err=True))


def _code() -> str:
    return str(typer.prompt("The code that was sent to your e-mail address", err=True))


def _say_trouble(exc: "Trouble", pause: float) -> None:
    from loginq.cli import console

    console.say(f"Trouble: {exc.message.rstrip('.')}. Trying again in {pause:.0f} s; your place is kept.")


def _screen(username: str) -> "_Lines":
    from loginq.cli import console

    return _Live(username) if console.is_live(console.err()) else _Lines(username)


class _Lines:
    """The wait in plain lines, one for each change: for pipes and logs."""

    def __init__(self, username: str) -> None:
        self._username, self._last = username, ""

    def __enter__(self) -> "_Lines":
        return self

    def __exit__(self, *_: object) -> None: ...

    def show(self, standing: dict[str, Any]) -> None:
        """Told of each standing."""
        from loginq.cli import console

        text = describe(standing)
        if text != self._last:
            console.say(f"{self._username}: {text}")
        self._last = text

    def trouble(self, exc: "Trouble", pause: float) -> None:
        """Told of each fault."""
        _say_trouble(exc, pause)

    def sleep(self, seconds: float) -> None:
        """Wait for the next poll."""
        time.sleep(seconds)


class _Live(_Lines):
    """The wait on one live panel, which moves on between polls."""

    def __init__(self, username: str) -> None:
        from rich.live import Live

        from loginq.cli import console

        super().__init__(username)
        self._started = time.monotonic()
        self._standing: dict[str, Any] = {}
        self._asked, self._note = self._started, ""
        self._live = Live(console=console.err(), transient=True, auto_refresh=False)

    def __enter__(self) -> "_Live":
        self._live.__enter__()
        return self

    def __exit__(self, *error: Any) -> None:
        self._live.__exit__(*error)

    def show(self, standing: dict[str, Any]) -> None:
        self._standing, self._asked, self._note = standing, time.monotonic(), ""

    def trouble(self, exc: "Trouble", pause: float) -> None:
        self._note = f"{exc.message.rstrip('.')}; your place is kept"

    def sleep(self, seconds: float) -> None:
        end = time.monotonic() + seconds
        while (left := end - time.monotonic()) > 0:
            self._live.update(self._panel(left), refresh=True)
            time.sleep(min(_FRAME, left))

    def _panel(self, until_poll: float) -> Any:
        from rich.console import Group
        from rich.panel import Panel
        from rich.progress_bar import ProgressBar
        from rich.text import Text

        from loginq.cli.console import duration

        standing, now = self._standing, time.monotonic()
        eta = standing.get("eta_seconds")
        lines: list[Any] = [Text(describe({**standing, "eta_seconds": None}) if standing else "Asking for a place …")]
        if eta is not None:
            left = max(0.0, eta - (now - self._asked))
            waited = now - self._started
            lines.append(Text(f"about {duration(round(left) * 1_000)} left" if left >= 1 else "any moment now", "bold"))
            lines.append(ProgressBar(total=100, completed=100 * waited / max(waited + left, 1), width=40))
        if standing.get("message"):
            lines.append(Text(standing["message"], "yellow"))
        lines.append(Text(self._note, "red") if self._note else Text(""))
        lines.append(Text(f"asking again in {until_poll:.0f} s · Ctrl-C leaves, the place is kept", "dim"))
        return Panel(Group(*lines), title=f"{self._username} in line", title_align="left", width=64)


def describe(standing: dict[str, Any]) -> str:
    """One standing in words."""
    from loginq.cli.console import duration

    if standing.get("login_status"):
        return "let in"
    if standing["state"] == "queued" or standing["position"] is None:
        return "the ticket is on its way into the line"
    text = f"position {standing['position']:,}, {standing['ahead']:,} ahead"
    if standing["line_state"] == "paused":
        return f"{text}; the line is paused"
    eta = standing.get("eta_seconds")
    return text if eta is None else f"{text}, about {duration(eta * 1_000)} left"
