"""`loginq users`: accounts in Cognito and their player rows."""

from collections.abc import Callable, Iterator
from contextlib import closing
from functools import partial
from pathlib import Path
from typing import Annotated, Any

import typer

from loginq.cli import console
from loginq.cli.command import Found, command, group, listed
from loginq.cli.completion import player_names
from loginq.cli.options import Yes, confirm, password
from loginq.cli.reading import text_of
from loginq.cli.session import open_session
from loginq.service.operations.accounts import Account, generated_password
from loginq.service.operations.operator import Operator
from loginq.service.rules.account import NewAccount, check_account, parse_accounts
from loginq.service.rules.errors import Invalid, LoginqError

app = group("Accounts in Cognito and their player rows.")

Name = Annotated[str, typer.Argument(help="The user name.", autocompletion=player_names)]
FromStdin = Annotated[bool, typer.Option("--password-stdin", help="Read the password from stdin.")]
Generate = Annotated[bool, typer.Option("--generate", help="Make a password up and print it, once.")]


@command(app, "loginq users create ada --email ada@example.com --generate")
def create(
    name: Annotated[str, typer.Argument(help="The user name.")],
    email: Annotated[str, typer.Option(help="The e-mail address; it counts as verified.")],
    password_stdin: FromStdin = False,
    generate: Generate = False,
) -> Found:
    """Create an account, with a permanent password.

    Its player row is made with it.
    """
    _one_password(generate, password_stdin)
    check_account(name, email)
    session = open_session()
    session.announce()
    secret = _secret(generate, password_stdin)
    account = session.operator.create_user(name, email, secret)

    def draw() -> None:
        console.done(f"Created {account.username}.")
        console.facts("account", [("user name", account.username), ("e-mail", account.email), ("sub", account.sub)])
        _draw_once(secret if generate else "")

    shown = {"password": secret} if generate else {}
    return Found({"username": account.username, "sub": account.sub, "email": account.email, **shown}, draw)


@command(app, "loginq users list")
def list_() -> Found:
    """List the accounts of the user pool."""
    session = open_session()
    accounts = list(session.users.list())
    draw = partial(
        console.table,
        ["user name", "e-mail", "status", "enabled", "created"],
        [(a.username, a.email, a.status, "yes" if a.enabled else "no", console.moment(a.created_at)) for a in accounts],
        empty="There are no accounts yet. Create one with `loginq users create NAME --email ADDRESS`.",
    )
    return listed(session.name, [account.document() for account in accounts], draw, len(accounts))


@command(app, "loginq users show ada")
def show(name: Name) -> Found:
    """Show one account."""
    account = open_session().users.get(name)
    draw = partial(
        console.facts,
        f"account {account.username}",
        [
            ("e-mail", account.email),
            ("status", account.status),
            ("enabled", "yes" if account.enabled else "no"),
            ("created", console.moment(account.created_at)),
            ("sub", account.sub),
        ],
    )
    return Found(account.document(), draw)


@command(app, "loginq users import players.csv")
def import_(
    file: Annotated[
        Path,
        typer.Argument(
            help="CSV with the columns username, email and, if wanted, password; or Cognito's own import file.",
            dir_okay=False,
        ),
    ],
) -> Iterator[Found]:
    """Create the accounts of a file.

    Safe to run again: those that are there are left alone. Without a password column the players choose one
    themselves: `loginq play --forgot`, or the same in your game.
    """
    accounts = _accounts(file)
    session = open_session()
    session.announce()
    waiting, counts, failed = iter(accounts), dict[str, int](), list[dict[str, str]]()
    try:
        created_now = session.operator.import_users(accounts, file.name)
        with console.progress("Creating accounts", len(accounts)) as advance, closing(created_now):
            for outcomes in created_now:
                for outcome, account in zip(outcomes, waiting, strict=False):
                    if isinstance(outcome, LoginqError):
                        failed.append({"username": account.username, "why": outcome.message})
                    else:
                        counts[outcome] = counts.get(outcome, 0) + 1
                advance(len(outcomes))
    finally:
        created, there = counts.get("created", 0), counts.get("was there already", 0)
        left = len(accounts) - created - there - len(failed)
        report = {"created": created, "there_already": there, "failed": failed, "left": left}
        yield Found({"target": session.name, **report}, partial(_draw_import, report), ok=not failed)


def _draw_import(report: dict[str, Any]) -> None:
    failed = report["failed"]
    console.done(
        f"{report['created']:,} accounts are created, {report['there_already']:,} were there already, "
        f"{len(failed):,} failed."
    )
    if failed:
        console.table(["user name", "why it failed"], [tuple(each.values()) for each in failed], empty="")
    if failed or report["left"]:
        console.say("Mend the file and run the same command again: what is done is not done twice.")


def _accounts(file: Path) -> list[NewAccount]:
    """The accounts of a file; says which of its columns are of no use here."""
    roll = parse_accounts(text_of(file))
    if roll.unused:
        console.say(
            f"Not used: {', '.join(roll.unused)}. An account is made of a user name, an address and a password."
        )
    return roll.accounts


@command(app, "loginq users reset-password ada --generate")
def reset_password(name: Name, password_stdin: FromStdin = False, generate: Generate = False) -> Found:
    """Give an account another password, and end its sign-ins."""
    _one_password(generate, password_stdin)
    session = open_session()
    session.announce()
    secret = _secret(generate, password_stdin)
    account = session.operator.reset_password(name, secret)

    def draw() -> None:
        console.done(f"{account.username} has another password, and is signed out everywhere.")
        _draw_once(secret if generate else "")

    shown = {"password": secret} if generate else {}
    return Found({"username": account.username, "sub": account.sub, **shown}, draw)


@command(app, "loginq users confirm ada")
def confirm_(name: Name) -> Found:
    """Confirm an account whose code never came.

    Its address stays unproven. Without a proven address a forgotten password is one for `loginq users reset-password`.
    """
    session = open_session()
    session.announce()
    before, account = session.operator.confirm_user(name)
    said = "is confirmed, and can sign in." if before != account.status else "was confirmed already."
    document = {"username": account.username, "sub": account.sub, "status": account.status}
    return Found(document, partial(console.done, f"{account.username} {said}"))


@command(app, "loginq users disable ada")
def disable(name: Name) -> Found:
    """Keep a player out.

    The account cannot sign in, and a token that is out already gets nowhere.
    """
    return _switch(Operator.disable_user, name, "{} can neither sign in nor log in.")


@command(app, "loginq users enable ada")
def enable(name: Name) -> Found:
    """Let a disabled player sign in and log in again."""
    return _switch(Operator.enable_user, name, "{} can sign in and log in.")


@command(app, "loginq users delete ada --yes")
def delete(name: Name, yes: Yes = False) -> Found:
    """Delete an account and its player row.

    A place in line is lost with it, and tokens that are out get nowhere.
    """
    session = open_session()
    session.announce()
    name = session.users.get(name).username
    confirm(f"Delete {name} and the player row?", yes)
    account = session.operator.delete_user(name)
    document = {"username": account.username, "sub": account.sub, "deleted": True}
    return Found(document, partial(console.done, f"Deleted {account.username}."))


def _switch(operation: Callable[[Operator, str], Account], name: str, now_true: str) -> Found:
    session = open_session()
    session.announce()
    account = operation(session.operator, name)
    document = {"username": account.username, "sub": account.sub, "enabled": account.enabled}
    return Found(document, partial(console.done, now_true.format(account.username)))


def _one_password(generate: bool, stdin: bool) -> None:
    if generate and stdin:
        raise Invalid("--generate and --password-stdin exclude each other.", "Give one of them, or none to be asked.")


def _secret(generate: bool, stdin: bool) -> str:
    return generated_password() if generate else password(stdin, twice=True)


def _draw_once(secret: str) -> None:
    if secret:
        console.say("The password is shown this once:")
        console.lines([secret])
