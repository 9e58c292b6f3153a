"""`loginq token`: admission tokens, as a game server sees them."""

import sys
from typing import Annotated

import typer

from loginq.cli.options import Json, example, group

app = group("Admission tokens, as a game server sees them.")


@app.callback()
def _token() -> None:
    """Admission tokens, as a game server sees them."""


@app.command(**example("loginq token verify < token.txt"))
def verify(
    token: Annotated[str | None, typer.Argument(help="The admission_token; read from stdin if left out.")] = None,
    json: Json = False,
) -> None:
    """Say what a token claims and whether each claim holds, with the public keys of the target's API alone."""
    from loginq.cli import console
    from loginq.cli.session import open_session
    from loginq.client import published_keys
    from loginq.service.times import system_clock
    from loginq.service.tokens import explain

    session = open_session()
    target = session.target
    given = (token or sys.stdin.read()).strip()
    claims = explain(given, published_keys(target), target.api_url, system_clock())
    wrong = [claim for claim in claims if claim.wrong]
    if json:
        found = [{"name": c.name, "value": c.value, "ok": not c.wrong, "why": c.wrong or None} for c in claims]
        console.document({"valid": not wrong, "claims": found})
    else:
        rows = [(c.name, c.value, c.means, c.wrong or "ok") for c in claims]
        console.table(["claim", "value", "what it is", ""], rows, empty="")
        if not wrong:
            console.done("This token is good: its player was let in.")
    if wrong:
        if not json:
            console.say("This token is NOT good: " + "; ".join(f"{c.name}: {c.wrong}" for c in wrong) + ".")
        raise typer.Exit(1)
