"""`loginq token`: admission tokens, as a game server sees them."""

import re
from typing import Annotated

import typer

from loginq.cli import console
from loginq.cli.asking import AUDIT
from loginq.cli.command import Found, command, group
from loginq.cli.options import Yes, confirm
from loginq.cli.reading import STDIN, has_terminal, text_of
from loginq.cli.session import Session, open_session
from loginq.client import Trouble, published
from loginq.service.rules.errors import Failed, Invalid, quoted
from loginq.service.rules.identity import SUBJECT, identity_of, is_key, is_subject
from loginq.service.rules.player import Identity
from loginq.service.rules.times import iso
from loginq.service.store.signing import explain

app = group("Admission tokens, as a game server sees them.")

_JWT = r"eyJ[\w-]*(?:\.[\w-]*){2,}"
"""A JWT in compact form (RFC 7519): three parts and dots; a header that is JSON begins so."""


@command(app, "loginq token issue ada", look=AUDIT)
def issue(name: Annotated[str, typer.Argument(help="The user name, email or sub.")], yes: Yes = False) -> Found:
    """Sign an admission token for one person, past the line.

    For when the queue itself is down. Nothing counts who comes in by it. It is in the audit.
    """
    session = open_session()
    session.announce()
    who = _who(session, name)
    confirm(f"Let {who.username} into the game by hand, past line, rate and capacity?", yes)
    token, until = session.operator.issue_token(who, session.keys, session.target.iss)

    def draw() -> None:
        console.say(f"Good until {console.moment(until)}; as long as the keys of {session.target.own_url} are known.")
        typer.echo(token)

    document = {
        "target": session.name,
        "sub": who.subject or who.sub,
        "admission_token": token,
        "expires_at": iso(until),
    }
    return Found(document, draw)


def _who(session: Session, name: str) -> Identity:
    """Whom a token is for: where accounts are another provider's that sub, whether anybody has come by it or not."""
    provider = session.target.provider
    if provider and not is_key(name):
        if not is_subject(name):
            raise Invalid(f"{quoted(name)} is nobody's sub.", f"It has 1 to {SUBJECT} characters.")
        return identity_of(provider, name)
    account = session.users.find(name)
    return Identity(account.sub, account.username, subject=account.username if provider else None)


@command(app, "loginq token verify < token.txt")
def verify(
    token: Annotated[
        str | None,
        typer.Argument(help="The admission_token, or what it stands in; read from stdin if left out."),
    ] = None,
) -> Found:
    """Say what a token claims and whether each claim holds.

    By the public keys of the target's API alone.
    """
    target = open_session().target
    url = target.own_url
    given = pasted(_stdin() if token is None else token)
    try:
        keys, now = published(url)
    except Trouble as exc:
        raise Failed(f"The keys of {url} cannot be had: {exc.message.rstrip('.')}.", "Try again.") from exc
    claims = explain(given, keys, target.iss, now)
    wrong = [claim for claim in claims if claim.wrong]

    def draw() -> None:
        rows = [(c.name, c.value, c.means, c.wrong or "ok") for c in claims]
        console.table(["claim", "value", "what it is", ""], rows, empty="")
        if wrong:
            console.say("This token is NOT good: " + "; ".join(f"{c.name}: {c.wrong}" for c in wrong) + ".")
        else:
            console.done("This token is good: its player was let in.")

    found = [{"name": c.name, "value": c.value, "ok": not c.wrong, "why": c.wrong or None} for c in claims]
    return Found({"target": target.words, "valid": not wrong, "claims": found}, draw, ok=not wrong)


def pasted(text: str) -> str:
    """The token in what people paste: behind `Bearer`, in quotes, folded, in the JSON of `play` or of the API.

    Raises `Invalid` where there is nothing, or JSON without a token.
    """
    flat = re.sub(r"[\s\"'`\ufeff]+", "", text)
    if not flat:
        raise Invalid("There is no token.", "Give it, or pipe it in: `loginq token verify < token.txt`.")
    found = re.search(rf"admission_token\W*({_JWT})", flat, re.ASCII) or re.search(f"({_JWT})", flat, re.ASCII)
    if found is None and flat[0] in "{[":
        raise Invalid("There is no admission_token in this JSON.", "The status that says login_status: true has it.")
    return found[1] if found else flat


def _stdin() -> str:
    if has_terminal():
        console.say("Paste the token, then a line end and Ctrl-D.")
    return text_of(STDIN)
