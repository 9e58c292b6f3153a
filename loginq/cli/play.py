"""`loginq play`: the reference client. Sign up or in, wait in line, enter the game."""

import shlex
import time
from collections.abc import Callable
from contextlib import ExitStack
from functools import partial
from typing import Annotated, Any

import typer

from loginq.cli import console
from loginq.cli.asking import ASKING, drawing
from loginq.cli.banner import BANNER
from loginq.cli.command import Found, alone, command, show
from loginq.cli.options import Json, password
from loginq.cli.reading import has_terminal, typed
from loginq.cli.session import api_of, open_session
from loginq.cli.sign_in import Pasted, sign_in, signed_in, signed_in_anew
from loginq.client import Account, Api, Game, Sights, SignInOver, Trouble, enter, published
from loginq.client.api import Place
from loginq.service.rules.account import composed
from loginq.service.rules.errors import Invalid, LoginqError
from loginq.service.store.signing import explain

app = alone()

_SIGN_IN_THERE = "Give ID tokens of it, a line each: `loginq play --token-stdin < id-tokens.txt`."
_FRAME = 0.25
"""Seconds between two frames of the live screen."""


@command(app, "loginq play --username ada", "loginq play --token-stdin < id-tokens.txt")
def play(
    username: Annotated[str | None, typer.Option(help="The user name; asked for if left out.")] = None,
    password_stdin: Annotated[bool, typer.Option("--password-stdin", help="Read the password from stdin.")] = False,
    sign_up: Annotated[bool, typer.Option("--sign-up", help="Make a new account first.")] = False,
    email: Annotated[str | None, typer.Option(help="The e-mail address of a new account.")] = None,
    forgot: Annotated[bool, typer.Option("--forgot", help="Choose another password, with a code by e-mail.")] = False,
    token_stdin: Annotated[
        bool, typer.Option("--token-stdin", help="Read ID tokens from stdin, a line each; the next once one is over.")
    ] = False,
    json: Json = False,
) -> Found:
    """Sign up or in, wait in line, and enter the game.

    Ctrl-C leaves; the place is kept for whoever comes back as the same player.
    """
    if forgot and sign_up:
        raise Invalid("--forgot and --sign-up exclude each other.", "Give one of them.")
    if token_stdin and (username or email or password_stdin or sign_up or forgot):
        raise Invalid("--token-stdin is a sign-in of its own.", "Give it alone.")
    target = open_session(without_pool="" if token_stdin else _SIGN_IN_THERE).target
    if token_stdin:
        return run(Place(target.api_url, target.own_url, target.iss), Pasted(), target.words if json else None)
    api = api_of(target)
    if username is None:
        if not has_terminal():
            raise Invalid("There is no terminal to ask for the user name.", "Give --username.")
        username = typed("User name")
    username = composed(username)
    if forgot:
        account = signed_in_anew(api, username, stdin=password_stdin)
    else:
        secret = password(password_stdin, twice=sign_up)
        account = signed_in(api, username, secret, _new(email) if sign_up else None, stdin=password_stdin)
    return run(api, account, target.words if json else None)


def run(api: Api | Place, account: Account | Pasted, target: str | None = None) -> Found:
    """Wait in line until let in, on a live screen, in lines, or as JSON documents; what is found is the game.

    `target`: in words, for the documents; None for a screen.
    """
    game, standing = _Game(api.url, account.token), dict[str, Any]()
    screen = _screen(account.username, target)
    try:
        while not standing:
            try:
                with screen:
                    standing = enter(game, screen.show, screen.trouble, screen.sleep, _Sights())
            except SignInOver as exc:
                _sign_in_again(account, exc, screen.has_place)
                screen = _screen(account.username, target)
    except (KeyboardInterrupt, SystemExit):  # Ctrl-C; SIGTERM and SIGHUP, as `main` has them
        console.say(_come_back(account, screen.has_place))
        raise
    return Found({"target": target, **standing}, partial(_draw, api, standing))


class _Game(Game):
    """The API of the game, asked while somebody looks on."""

    def _ask(self, method: str, path: str, **query: str) -> Any:
        with ASKING(""):
            return super()._ask(method, path, **query)


class _Sights(Sights):
    """The public line, looked at while somebody looks on."""

    def __call__(self, url: str) -> tuple[dict[str, Any], int]:
        with ASKING(""):
            return super().__call__(url)


def _draw(api: Api | Place, standing: dict[str, Any]) -> None:
    console.out().print(BANNER, markup=False, style="bold cyan")
    if "admission_token" in standing:
        console.say(_ticket_in(api, str(standing["admission_token"])))


def _come_back(account: Account | Pasted, has_place: bool) -> str:
    kept = "Your place is kept." if has_place else "The queue is closed, and you have no place in it yet."
    how = "--token-stdin" if isinstance(account, Pasted) else f"--username {shlex.quote(account.username)}"
    return f"{kept} Come back with `loginq play {how}`."


def _sign_in_again(account: Account | Pasted, over: SignInOver, has_place: bool) -> None:
    """In the middle of the line: `/login` gives the same ticket and the same place, once the player is signed in."""
    if isinstance(account, Pasted) or not has_terminal():
        over.hint = _come_back(account, has_place)
        raise over
    console.say(f"{over.message} {over.hint if has_place else 'Sign in again.'}")
    sign_in(account, password(False, twice=False))


def _ticket_in(api: Api | Place, token: str) -> str:
    """The admission token in short, checked as a game server would, by the clock of the API."""
    try:
        keys, now = published(api.own_url)
        claims = explain(token, keys, api.iss, now)
    except LoginqError as exc:
        return f"Admission token {token[:12]}…, not checked: {exc.message.rstrip('.')}."
    wrong = [f"{claim.name}: {claim.wrong}" for claim in claims if claim.wrong]
    until = next(claim.value for claim in claims if claim.name == "exp")
    verdict = f"NOT good: {'; '.join(wrong)}" if wrong else f"verified with the game's public keys, good until {until}"
    return f"Admission token {token[:12]}… ({verdict})"


def _new(email: str | None) -> Callable[[], str]:
    return lambda: composed(email or typed("E-mail address"))


def _screen(username: str, target: str | None) -> "_Lines":
    if target is not None:
        return _Documents(username, target)
    return _Live(username) if console.is_live(console.err()) else _Lines(username)


class _Lines:
    """The wait in plain lines, one for each change: for pipes and logs."""

    has_place = True
    """Whether there may be a place that is kept. Who is refused by a closed queue has none until it gives one."""

    def __init__(self, username: str) -> None:
        self._username, self._last = username, ""

    def __enter__(self) -> "_Lines":
        return self

    def __exit__(self, *_: object) -> None: ...

    def show(self, standing: dict[str, Any]) -> None:
        """Told of each standing."""
        self.has_place, text = True, describe(standing)
        if text != self._last:
            console.say(f"{self._username}: {text}")
        self._last = text

    def trouble(self, exc: Trouble, pause: float) -> None:
        """Told of each fault."""
        console.say(f"Trouble: {self._understood(exc)}. Trying again in {pause:.0f} s; {self._kept}.")

    def _understood(self, exc: Trouble) -> str:
        """What happened; and what that says about the place is remembered."""
        self.has_place = self.has_place and exc.code != "queue_closed"
        return exc.message.rstrip(".")

    @property
    def _kept(self) -> str:
        return "your place is kept" if self.has_place else "there is no place to keep yet"

    def sleep(self, seconds: float) -> None:
        """Wait for the next poll."""
        time.sleep(seconds)


class _Documents(_Lines):
    """The wait as JSON documents, one for each standing."""

    def __init__(self, username: str, target: str) -> None:
        super().__init__(username)
        self._target = target

    def show(self, standing: dict[str, Any]) -> None:
        self.has_place = True
        show(Found({"target": self._target, **standing}), json=True)


class _Live(_Lines):
    """The wait on one live panel, which moves on between polls."""

    def __init__(self, username: str) -> None:
        from rich.live import Live

        super().__init__(username)
        self._started = time.monotonic()
        self._standing: dict[str, Any] = {}
        self._asked, self._note = self._started, ""
        self._live = Live(console=console.err(), transient=True, auto_refresh=False)
        self._drawing = ExitStack()

    def __enter__(self) -> "_Live":
        self._drawing.enter_context(drawing())
        self._drawing.enter_context(self._live)
        self._live.update(self._panel(0), refresh=True)
        return self

    def __exit__(self, *error: Any) -> None:
        self._drawing.close()

    def show(self, standing: dict[str, Any]) -> None:
        self.has_place = True
        self._standing, self._asked, self._note = standing, time.monotonic(), ""

    def trouble(self, exc: Trouble, pause: float) -> None:
        self._note = f"{self._understood(exc)}; {self._kept}"

    def sleep(self, seconds: float) -> None:
        end = time.monotonic() + seconds
        while (left := end - time.monotonic()) > 0:
            self._live.update(self._panel(left), refresh=True)
            time.sleep(min(_FRAME, left))
        self._live.update(self._panel(0), refresh=True)

    def _panel(self, until_poll: float) -> Any:
        from rich.console import Group
        from rich.panel import Panel
        from rich.progress_bar import ProgressBar
        from rich.table import Table

        text, duration = console.text, console.duration
        standing, now = self._standing, time.monotonic()
        eta = standing.get("eta_seconds")
        lines: list[Any] = [text(describe({**standing, "eta_seconds": None}) if standing else "Asking for a place …")]
        if eta is not None:
            left = max(0.0, eta - (now - self._asked))
            waited = now - self._started
            lines.append(text(f"about {duration(round(left) * 1_000)} left" if left >= 1 else "any moment now", "bold"))
            bar = Table.grid()  # which ends its line, as the bar by itself does not
            bar.add_row(ProgressBar(total=100, completed=100 * waited / max(waited + left, 1), width=40))
            lines.append(bar)
        if standing.get("message"):
            lines.append(text(standing["message"], "yellow"))
        lines.append(text(self._note, "red") if self._note else text(""))
        leaves = "Ctrl-C leaves, the place is kept" if self.has_place else "Ctrl-C leaves"
        asks = f"asking again in {until_poll:.0f} s" if until_poll else "asking …"
        lines.append(text(f"{asks} · {leaves}", "dim"))
        where = "in line" if self.has_place else "has no place yet"
        return Panel(Group(*lines), title=text(f"{self._username} {where}"), title_align="left", width=64)


def describe(standing: dict[str, Any]) -> str:
    """One standing in words."""
    if standing.get("login_status"):
        return "let in"
    if standing.get("state") == "queued" or standing.get("position") is None:
        return "the ticket is on its way into the line"
    text = f"position {standing['position']:,}, {standing.get('ahead') or 0:,} ahead"
    if standing.get("line_state") == "paused":
        return f"{text}; the line is paused"
    eta = standing.get("eta_seconds")
    return text if eta is None else f"{text}, about {console.duration(eta * 1_000)} left"
