"""`loginq load`: synthetic crowds, always marked, always removable."""

import json
import secrets
from collections.abc import Iterator
from contextlib import closing
from functools import partial
from pathlib import Path
from typing import Annotated

import typer

from loginq.cli import console, rehearsal
from loginq.cli.command import Found, command, group
from loginq.cli.options import Yes, confirm
from loginq.cli.session import Session, open_session
from loginq.service.requests.crowd import parts
from loginq.service.rules.errors import Failed, Invalid
from loginq.service.rules.times import parse_duration

app = group("Synthetic crowds, always marked, always removable.")


@command(app, "loginq load run --players 300", "loginq load run --players 100 --real --arrive 30s")
def run(
    players: Annotated[int, typer.Option(max=100_000, help="How many: up to 100,000, of real ones up to 5,000.")],
    real: Annotated[
        bool, typer.Option("--real", help="Real accounts that sign in, ask, poll as they are told, and enter.")
    ] = False,
    arrive: Annotated[str, typer.Option(help="Within what time real players come.")] = "10s",
    report: Annotated[
        Path | None, typer.Option(help="Write what was measured to this file, as JSON; real players only.")
    ] = None,
) -> Iterator[Found]:
    """Put a crowd in line: synthetic players, or real ones.

    Synthetic ones wait and never poll: it sends their tickets, and returns. Real ones are played to the end.
    """
    within = parse_duration(arrive)
    if report is not None and not real:
        raise Invalid("--report goes with --real.", "Synthetic players measure nothing.")
    session = open_session()
    session.announce()
    if real:
        yield from rehearsal.run(session, players, within, report)
        return
    name = send(session, players)
    said = f"Sent {players:,} synthetic players (run {name}). Watch them with `loginq queue stats`."
    yield Found({"target": session.name, "run": name, "players": players}, partial(console.done, said))


def send(session: Session, players: int) -> str:
    """Make a run of synthetic players, with a bar; the name of the run. It is recorded, also when it is cut off."""
    name = secrets.token_hex(4)
    work = list(parts(name, players))
    function = session.stack.outputs()["GenerateLoadFunction"]
    client = session.aws.client("lambda")
    sent = 0
    try:
        with console.progress("Sending tickets", players) as advance:
            for part in work:
                payload = json.dumps({"run": part.run, "start": part.start, "count": part.count})
                answer = client.invoke(FunctionName=function, Payload=payload.encode())
                if "FunctionError" in answer:
                    raise Failed(
                        f"generate_load failed after {part.start:,} players.",
                        "See its log; `loginq load clean` removes them.",
                    )
                sent += part.count
                advance(part.count)
    finally:
        session.operator.crowd(name, sent, synthetic=True)
    return name


@command(app, "loginq load clean --yes")
def clean(yes: Yes = False) -> Found:
    """Delete synthetic players, and the accounts of real crowds.

    Reads the whole table; positions stay as holes.
    """
    session = open_session()
    session.announce()
    confirm("Read the whole table and delete every synthetic player, and the accounts of real crowds?", yes)
    removed = accounts = 0
    gone = session.operator.clean_crowds()
    with console.progress("Deleting", None) as advance, closing(gone):
        for players, real in gone:
            removed, accounts = removed + players, accounts + real
            advance(players + real)

    def draw() -> None:
        console.done(f"Deleted {removed:,} synthetic players." if removed else "There were no synthetic players.")
        if accounts:
            console.done(f"Deleted {accounts:,} accounts of real crowds.")

    return Found({"target": session.name, "deleted": removed, "accounts": accounts}, draw)
