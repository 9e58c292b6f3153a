"""`loginq users`: accounts in Cognito and their player rows."""

from typing import Annotated

import typer

from loginq.cli.options import Json, Yes, confirm, example, group, password

app = group("Accounts in Cognito and their player rows.")

Name = Annotated[str, typer.Argument(help="The user name.")]


@app.command(**example("loginq users create ada --email ada@example.com --generate"))
def create(
    name: Name,
    email: Annotated[str, typer.Option(help="The e-mail address; it counts as verified.")],
    password_stdin: Annotated[bool, typer.Option("--password-stdin", help="Read the password from stdin.")] = False,
    generate: Annotated[bool, typer.Option("--generate", help="Make a password up and print it, once.")] = False,
    json: Json = False,
) -> None:
    """Create an account with a permanent password, and its player row."""
    from loginq.cli import console
    from loginq.cli.session import open_session
    from loginq.service.errors import Invalid
    from loginq.service.users import generated_password

    if generate and password_stdin:
        raise Invalid("--generate and --password-stdin exclude each other.", "Give one of them, or none to be asked.")
    session = open_session()
    session.announce()
    secret = generated_password() if generate else password(password_stdin, twice=True)
    account = session.users.create(name, email, secret)
    shown = {"password": secret} if generate else {}
    if json:
        console.document({"username": account.username, "sub": account.sub, "email": account.email, **shown})
        return
    console.done(f"Created {account.username}.")
    console.facts("account", [("user name", account.username), ("e-mail", account.email), ("sub", account.sub)])
    if generate:
        console.say("The password is shown this once:")
        console.out().print(secret, markup=False)


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


@app.command(**example("loginq users delete ada --yes"))
def delete(name: Name, yes: Yes = False, json: Json = False) -> None:
    """Delete an account and its player row. A place in line is lost with it."""
    from loginq.cli import console
    from loginq.cli.session import open_session

    session = open_session()
    session.announce()
    session.users.get(name)
    confirm(f"Delete {name} and the player row?", yes)
    account = session.users.delete(name)
    if json:
        console.document({"username": account.username, "sub": account.sub, "deleted": True})
    else:
        console.done(f"Deleted {account.username}.")
