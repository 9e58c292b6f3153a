"""`loginq users`: accounts in Cognito and their player rows."""

from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from loginq.cli.completion import player_names
from loginq.cli.options import Json, Yes, confirm, example, group, password
from loginq.cli.reading import text_of

if TYPE_CHECKING:
    from loginq.cli.session import Session
    from loginq.service.rules.account import NewAccount

app = group("Accounts in Cognito and their player rows.")

Name = Annotated[str, typer.Argument(help="The user name.", autocompletion=player_names)]
_TOGETHER = 50


@app.command(**example("loginq users create ada --email ada@example.com --generate"))
def create(
    name: Annotated[str, typer.Argument(help="The user name.")],
    email: Annotated[str, typer.Option(help="The e-mail address; it counts as verified.")],
    password_stdin: Annotated[bool, typer.Option("--password-stdin", help="Read the password from stdin.")] = False,
    generate: Annotated[bool, typer.Option("--generate", help="Make a password up and print it, once.")] = False,
    json: Json = False,
) -> None:
    """Create an account, with a permanent password.

    Its player row is made with it.
    """
    from loginq.cli import console
    from loginq.cli.session import open_session
    from loginq.service.rules.account import check_account

    _one_password(generate, password_stdin)
    check_account(name, email)
    session = open_session()
    session.announce()
    secret = _secret(generate, password_stdin)
    account = session.users.create(name, email, secret)
    _record(session, "create user", account.sub, "created")
    shown = {"password": secret} if generate else {}
    if json:
        console.document({"username": account.username, "sub": account.sub, "email": account.email, **shown})
    else:
        console.done(f"Created {account.username}.")
        console.facts("account", [("user name", account.username), ("e-mail", account.email), ("sub", account.sub)])
        _show_once(secret if generate else "")


@app.command(name="list", **example("loginq users list"))
def list_(json: Json = False) -> None:
    """List the accounts of the user pool."""
    from loginq.cli import console
    from loginq.cli.session import open_session

    accounts = list(open_session().users.list())
    if json:
        console.document([account.document() for account in accounts])
        return
    console.table(
        ["user name", "e-mail", "status", "enabled", "created"],
        [(a.username, a.email, a.status, "yes" if a.enabled else "no", console.moment(a.created_at)) for a in accounts],
        empty="There are no accounts yet. Create one with `loginq users create NAME --email ADDRESS`.",
    )


@app.command(**example("loginq users show ada"))
def show(name: Name, json: Json = False) -> None:
    """Show one account."""
    from loginq.cli import console
    from loginq.cli.session import open_session

    account = open_session().users.get(name)
    if json:
        console.document(account.document())
        return
    console.facts(
        f"account {account.username}",
        [
            ("e-mail", account.email),
            ("status", account.status),
            ("enabled", "yes" if account.enabled else "no"),
            ("created", console.moment(account.created_at)),
            ("sub", account.sub),
        ],
    )


@app.command(name="import", **example("loginq users import players.csv"))
def import_(
    file: Annotated[
        Path,
        typer.Argument(
            help="CSV with the columns username, email and, if wanted, password; or Cognito's own import file.",
            dir_okay=False,
        ),
    ],
    json: Json = False,
) -> None:
    """Create the accounts of a file. Safe to run again: those that are there are left alone.

    Without a password column the players choose one themselves: `loginq play --forgot`, or the same in your game.
    """
    from loginq.cli import console
    from loginq.cli.session import open_session
    from loginq.service.rules.errors import LoginqError
    from loginq.service.store.audit import record
    from loginq.service.store.table import attempts, chunks

    accounts = _accounts(file)
    session = open_session()
    session.announce()
    users, counts, failed = session.users, dict[str, int](), list[dict[str, str]]()
    try:
        with console.progress("Creating accounts", len(accounts)) as advance:
            for some in chunks(accounts, _TOGETHER):
                for account, outcome in zip(some, attempts(users.ensure, some), strict=True):
                    if isinstance(outcome, LoginqError):
                        failed.append({"username": account.username, "why": outcome.message})
                    else:
                        counts[outcome] = counts.get(outcome, 0) + 1
                advance(len(some))
    finally:
        created, there = counts.get("created", 0), counts.get("was there already", 0)
        record(
            session.queue, session.caller, "import users", f"{len(accounts):,} in {file.name}", f"{created:,} created"
        )
        left = len(accounts) - created - there - len(failed)
        if json:
            report = {"created": created, "there_already": there, "failed": failed, "left": left}
            console.document({"target": session.name, **report})
        else:
            console.done(f"{created:,} accounts are created, {there:,} were there already, {len(failed):,} failed.")
            if failed:
                console.table(["user name", "why it failed"], [tuple(each.values()) for each in failed], empty="")
            if failed or left:
                console.say("Mend the file and run the same command again: what is done is not done twice.")
    if failed:
        raise typer.Exit(1)


def _accounts(file: Path) -> "list[NewAccount]":
    """The accounts of a file; says which of its columns are of no use here."""
    from loginq.cli import console
    from loginq.service.rules.account import parse_accounts

    roll = parse_accounts(text_of(file))
    if roll.unused:
        console.say(
            f"Not used: {', '.join(roll.unused)}. An account is made of a user name, an address and a password."
        )
    return roll.accounts


@app.command(name="reset-password", **example("loginq users reset-password ada --generate"))
def reset_password(
    name: Name,
    password_stdin: Annotated[bool, typer.Option("--password-stdin", help="Read the password from stdin.")] = False,
    generate: Annotated[bool, typer.Option("--generate", help="Make a password up and print it, once.")] = False,
    json: Json = False,
) -> None:
    """Give an account another password, and end its sign-ins."""
    from loginq.cli import console
    from loginq.cli.session import open_session

    _one_password(generate, password_stdin)
    session = open_session()
    session.announce()
    secret = _secret(generate, password_stdin)
    account = session.users.reset_password(name, secret)
    _record(session, "reset password", account.sub, "reset")
    shown = {"password": secret} if generate else {}
    if json:
        console.document({"username": account.username, "sub": account.sub, **shown})
    else:
        console.done(f"{account.username} has another password, and is signed out everywhere.")
        _show_once(secret if generate else "")


@app.command(name="confirm", **example("loginq users confirm ada"))
def confirm_account(name: Name, json: Json = False) -> None:
    """Confirm an account whose code never came. Its address stays unproven.

    Without a proven address a forgotten password is one for `loginq users reset-password`.
    """
    from loginq.cli import console
    from loginq.cli.session import open_session

    session = open_session()
    session.announce()
    before, account = session.users.confirm(name)
    if before != account.status:
        _record(session, "confirm user", account.sub, "confirmed")
    if json:
        console.document({"username": account.username, "sub": account.sub, "status": account.status})
    elif before != account.status:
        console.done(f"{account.username} is confirmed, and can sign in.")
    else:
        console.done(f"{account.username} was confirmed already.")


@app.command(**example("loginq users disable ada"))
def disable(name: Name, json: Json = False) -> None:
    """Keep a player out.

    The account cannot sign in, and a token that is out already gets nowhere.
    """
    _switch(name, "disable", "{} can neither sign in nor log in.", json)


@app.command(**example("loginq users enable ada"))
def enable(name: Name, json: Json = False) -> None:
    """Let a disabled player sign in and log in again."""
    _switch(name, "enable", "{} can sign in and log in.", json)


@app.command(**example("loginq users delete ada --yes"))
def delete(name: Name, yes: Yes = False, json: Json = False) -> None:
    """Delete an account and its player row. A place in line is lost with it, and tokens that are out get nowhere."""
    from loginq.cli import console
    from loginq.cli.session import open_session

    session = open_session()
    session.announce()
    name = session.users.get(name).username
    confirm(f"Delete {name} and the player row?", yes)
    account = session.users.delete(name)
    _record(session, "delete user", account.sub, "deleted")
    if json:
        console.document({"username": account.username, "sub": account.sub, "deleted": True})
    else:
        console.done(f"Deleted {account.username}.")


def _switch(name: str, operation: str, now_true: str, json: bool) -> None:
    from loginq.cli import console
    from loginq.cli.session import open_session

    session = open_session()
    session.announce()
    account = session.users.enable(name) if operation == "enable" else session.users.disable(name)
    _record(session, f"{operation} user", account.sub, f"{operation}d")
    if json:
        console.document({"username": account.username, "sub": account.sub, "enabled": account.enabled})
    else:
        console.done(now_true.format(account.username))


def _record(session: "Session", what: str, sub: str, after: str) -> None:
    from loginq.service.store.audit import record

    record(session.queue, session.caller, what, sub, after)


def _one_password(generate: bool, stdin: bool) -> None:
    from loginq.service.rules.errors import Invalid

    if generate and stdin:
        raise Invalid("--generate and --password-stdin exclude each other.", "Give one of them, or none to be asked.")


def _secret(generate: bool, stdin: bool) -> str:
    from loginq.service.operations.accounts import generated_password

    return generated_password() if generate else password(stdin, twice=True)


def _show_once(secret: str) -> None:
    from loginq.cli import console

    if secret:
        console.say("The password is shown this once:")
        console.lines([secret])
