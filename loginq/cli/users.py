"""`loginq users`: accounts in Cognito and their player rows."""

from collections.abc import Iterator, Sequence
from contextlib import closing
from functools import partial
from itertools import islice
from pathlib import Path
from typing import Annotated, Any

import typer

from loginq.cli import console
from loginq.cli.command import Found, command, group, listed
from loginq.cli.completion import player_names
from loginq.cli.irreversible import confirm_act
from loginq.cli.lists import say_more
from loginq.cli.options import Yes, password
from loginq.cli.people import File, Names, People, every
from loginq.cli.reading import text_of
from loginq.cli.session import Session, open_session
from loginq.service.operations.accounts import Account, generated_password
from loginq.service.operations.guests import IN_THE_QUEUE
from loginq.service.operations.operator import Operator
from loginq.service.operations.together import DELETE, DISABLE, ENABLE, RESET_PASSWORD, Verb
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
    session = open_session(without_pool=IN_THE_QUEUE)
    session.announce()
    secret = _secret(generate, password_stdin)
    account = session.operator.create_user(name, email, secret)

    def draw() -> None:
        console.done(f"Created {account.username}.")
        console.facts("account", [("user name", account.username), ("e-mail", account.email), ("sub", account.sub)])
        _draw_once(secret if generate else "")

    shown = {"password": secret} if generate else {}
    return Found({**_which(session, account), "email": account.email, **shown}, draw)


@command(app, "loginq users list --limit 20", "loginq users list --prefix bot --status confirmed")
def list_(
    limit: Annotated[int, typer.Option(min=1, max=100_000, help="How many at most.")] = 50,
    status: Annotated[
        str, typer.Option(help="Only those with this status, as the list has it, or: enabled, disabled.")
    ] = "",
    prefix: Annotated[
        str, typer.Option(help="Only those whose user names begin so.", autocompletion=player_names)
    ] = "",
) -> Found:
    """List the accounts of the user pool."""
    session = open_session(without_pool=IN_THE_QUEUE)
    found = (each for each in session.users.list(prefix) if status.upper() in ("", each.status, each.switch.upper()))
    total: int | None = len(accounts := list(islice(found, limit + 1)))
    if len(accounts) > limit:
        total = None if status or prefix else max(limit + 1, session.users.about())
    draw = partial(_draw_list, accounts[:limit], total, bool(status or prefix))
    return listed(session.name, [account.document() for account in accounts[:limit]], draw, total)


def _draw_list(shown: Sequence[Account], total: int | None, chosen: bool) -> None:
    """`total`: how many there are, about, or None. `chosen`: whether these are only some of all."""
    none = "There are no accounts yet. Create one with `loginq users create NAME --email ADDRESS`."
    console.table(
        ["user name", "e-mail", "status", "enabled", "created"],
        [(a.username, a.email, a.status, "yes" if a.enabled else "no", console.moment(a.created_at)) for a in shown],
        empty="There is no such account." if chosen else none,
    )
    say_more(len(shown), total)


@command(app, "loginq users show ada")
def show(name: Name) -> Found:
    """Show one account."""
    session = open_session(without_pool=IN_THE_QUEUE)
    account = session.users.get(name)
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
    return Found({"target": session.name, **account.document()}, draw)


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
    session = open_session(without_pool=IN_THE_QUEUE)
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


@command(
    app, "loginq users reset-password ada --generate", "loginq users reset-password --file list.txt --generate --yes"
)
def reset_password(
    names: Names = None,
    file: File = None,
    password_stdin: FromStdin = False,
    generate: Generate = False,
    yes: Yes = False,
) -> Iterator[Found]:
    """Give accounts another password, and end their sign-ins.

    Of many, each gets a made-up one of its own; the same again makes others.
    """
    _one_password(generate, password_stdin)
    people = People(names, file)
    if people.alone is None and not generate:
        raise Invalid("One password for many accounts is none.", "Give --generate: each gets one of its own.")
    session = open_session(without_pool=IN_THE_QUEUE)
    session.announce()
    if people.alone is None:
        confirm_act(session, f"Give {len(people.names):,} accounts another password, and end their sign-ins", yes)
        yield from _reset_all(session, people)
        return
    secret = _secret(generate, password_stdin)
    account = session.operator.reset_password(people.alone, secret)

    def draw() -> None:
        console.done(f"{account.username} has another password, and is signed out everywhere.")
        _draw_once(secret if generate else "")

    shown = {"password": secret} if generate else {}
    yield Found({**_which(session, account), **shown}, draw)


def _reset_all(session: Session, people: People) -> Iterator[Found]:
    for found in every(session, RESET_PASSWORD, people, "Resetting passwords"):
        yield Found(found.document, partial(_draw_passwords, found), found.ok)


def _draw_passwords(found: Found) -> None:
    found.draw()
    items = (found.document or {})["items"]
    if made := [f"{each['player']} {each['password']}" for each in items if "password" in each]:
        console.say("The passwords are shown this once:")
        console.lines(made)


@command(app, "loginq users confirm ada")
def confirm_(name: Name) -> Found:
    """Confirm an account whose code never came.

    Its address stays unproven. Without a proven address a forgotten password is one for `loginq users reset-password`.
    """
    session = open_session(without_pool=IN_THE_QUEUE)
    session.announce()
    before, account = session.operator.confirm_user(name)
    said = "is confirmed, and can sign in." if before != account.status else "was confirmed already."
    document = {**_which(session, account), "status": account.status}
    return Found(document, partial(console.done, f"{account.username} {said}"))


@command(app, "loginq users disable ada", "loginq users disable --file bots.txt")
def disable(names: Names = None, file: File = None) -> Iterator[Found]:
    """Keep players out.

    Their accounts cannot sign in, and tokens that are out already get nowhere. Safe to repeat.
    """
    return _switch(DISABLE, names, file, "Disabling", "{} can neither sign in nor log in.", "{} cannot log in.")


@command(app, "loginq users enable ada", "loginq users enable --file bots.txt")
def enable(names: Names = None, file: File = None) -> Iterator[Found]:
    """Let disabled players sign in and log in again.

    Safe to repeat.
    """
    return _switch(ENABLE, names, file, "Enabling", "{} can sign in and log in.", "{} can log in.")


@command(app, "loginq users delete ada --yes", "loginq users delete --file bots.txt --yes")
def delete(names: Names = None, file: File = None, yes: Yes = False) -> Iterator[Found]:
    """Delete accounts and their player rows.

    A place in line is lost with it, and tokens that are out get nowhere. Safe to repeat.
    """
    people = People(names, file)
    session = open_session()
    session.announce()
    if people.alone is None:
        confirm_act(session, f"Delete {len(people.names):,} accounts, their player rows and their places", yes)
        yield from every(session, DELETE, people, "Deleting")
        return
    there = session.users.get(people.alone)
    confirm_act(session, f"Delete {there.username}, the player row and the place", yes)
    account = session.operator.delete_user(there)
    yield Found({**_which(session, account), "deleted": True}, partial(console.done, f"Deleted {account.username}."))


def _switch(verb: Verb, names: list[str] | None, file: Path | None, doing: str, *now_true: str) -> Iterator[Found]:
    """`now_true`: of an account of the pool, and of one elsewhere."""
    people = People(names, file)
    session = open_session()
    session.announce()
    if people.alone is None:
        yield from every(session, verb, people, doing)
        return
    operate = Operator.disable_user if verb is DISABLE else Operator.enable_user
    account = operate(session.operator, people.alone)
    document = {**_which(session, account), "enabled": account.enabled}
    said = now_true[bool(session.target.provider)].format(account.username)
    yield Found(document, partial(console.done, said))


def _which(session: Session, account: Account) -> dict[str, Any]:
    return {"target": session.name, "username": account.username, "sub": account.sub}


def _one_password(generate: bool, stdin: bool) -> None:
    if generate and stdin:
        raise Invalid("--generate and --password-stdin exclude each other.", "Give one of them, or none to be asked.")


def _secret(generate: bool, stdin: bool) -> str:
    return generated_password() if generate else password(stdin, twice=True)


def _draw_once(secret: str) -> None:
    if secret:
        console.say("The password is shown this once:")
        console.lines([secret])
