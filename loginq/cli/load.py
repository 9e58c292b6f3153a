"""`loginq load`: synthetic crowds, always marked, always removable."""

from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from loginq.cli.options import Json, Yes, confirm, example, group

if TYPE_CHECKING:
    from loginq.cli.session import Session

app = group("Synthetic crowds, always marked, always removable.")


@app.command(**example("loginq load run --players 300", "loginq load run --players 100 --real --arrive 30s"))
def run(
    players: Annotated[int, typer.Option(max=100_000, help="How many: up to 100,000, of real ones up to 5,000.")],
    real: Annotated[
        bool, typer.Option("--real", help="Real accounts that sign in, ask, poll as they are told, and enter.")
    ] = False,
    arrive: Annotated[str, typer.Option(help="Within what time real players come.")] = "10s",
    report: Annotated[
        Path | None, typer.Option(help="Write what was measured to this file, as JSON; real players only.")
    ] = None,
    json: Json = False,
) -> None:
    """Put a crowd in line: synthetic players, or real ones.

    Synthetic ones wait and never poll: it sends their tickets, and returns. Real ones are played to the end.
    """
    from loginq.cli import console
    from loginq.cli.rehearsal import play
    from loginq.cli.session import open_session
    from loginq.service.rules.errors import Invalid
    from loginq.service.rules.times import parse_duration

    within = parse_duration(arrive)
    if report is not None and not real:
        raise Invalid("--report goes with --real.", "Synthetic players measure nothing.")
    session = open_session()
    session.announce()
    if real:
        play(session, players, within, report, json=json)
        return
    name = send(session, players)
    if json:
        console.document({"target": session.name, "run": name, "players": players})
    else:
        console.done(f"Sent {players:,} synthetic players (run {name}). Watch them with `loginq queue stats`.")


def send(session: "Session", players: int) -> str:
    """Make a run of synthetic players, with a bar; the name of the run. It is recorded, also when it is cut off."""
    import json
    import secrets

    from loginq.cli import console
    from loginq.service.requests.crowd import parts
    from loginq.service.rules.errors import Failed
    from loginq.service.store.audit import record

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
        record(session.queue, session.caller, "load run", name, f"{sent:,} synthetic players")
    return name


@app.command(**example("loginq load clean --yes"))
def clean(yes: Yes = False, json: Json = False) -> None:
    """Delete synthetic players, and the accounts of real crowds. Reads the whole table; positions stay as holes."""
    from loginq.cli import console
    from loginq.cli.session import open_session
    from loginq.service.operations.crowds import clean as delete
    from loginq.service.operations.crowds import clean_real
    from loginq.service.store.audit import record

    session = open_session()
    session.announce()
    confirm("Read the whole table and delete every synthetic player, and the accounts of real crowds?", yes)
    removed = accounts = 0
    try:
        with console.progress("Deleting", None) as advance:
            for count in delete(session.queue):
                removed += count
                advance(count)
            for count in clean_real(session.users):
                accounts += count
                advance(count)
    finally:
        record(session.queue, session.caller, "load clean", "", f"{removed + accounts:,} deleted")
    if json:
        console.document({"target": session.name, "deleted": removed, "accounts": accounts})
    else:
        console.done(f"Deleted {removed:,} synthetic players." if removed else "There were no synthetic players.")
        if accounts:
            console.done(f"Deleted {accounts:,} accounts of real crowds.")
