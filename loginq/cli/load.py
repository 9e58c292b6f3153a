"""`loginq load`: synthetic crowds, always marked, always removable."""

from typing import TYPE_CHECKING, Annotated

import typer

from loginq.cli.options import Json, Yes, confirm, example, group

if TYPE_CHECKING:
    from loginq.cli.session import Session

app = group("Synthetic crowds, always marked, always removable.")


@app.command(**example("loginq load run --players 300"))
def run(
    players: Annotated[int, typer.Option(help="How many, up to 100,000.")],
    json: Json = False,
) -> None:
    """Send the tickets of synthetic players to the intake. They wait in line and never poll."""
    from loginq.cli import console
    from loginq.cli.session import open_session

    session = open_session()
    session.announce()
    name = send(session, players)
    if json:
        console.document({"target": session.name, "run": name, "players": players})
    else:
        console.done(f"Sent {players:,} synthetic players (run {name}). Watch them with `loginq queue stats`.")


def send(session: "Session", players: int) -> str:
    """Make a run of synthetic players, with a bar; the name of the run."""
    import json
    import secrets

    from loginq.cli import console
    from loginq.service.errors import Failed
    from loginq.service.load import parts

    name = secrets.token_hex(4)
    work = list(parts(name, players))
    function = session.stack.outputs()["GenerateLoadFunction"]
    client = session.aws.client("lambda")
    with console.progress("Sending tickets", players) as advance:
        for part in work:
            payload = json.dumps({"run": part.run, "start": part.start, "count": part.count})
            answer = client.invoke(FunctionName=function, Payload=payload.encode())
            if "FunctionError" in answer:
                raise Failed(
                    f"generate_load failed after {part.start:,} players.",
                    "See its log; `loginq load clean` removes them.",
                )
            advance(part.count)
    return name


@app.command(**example("loginq load clean --yes"))
def clean(yes: Yes = False, json: Json = False) -> None:
    """Delete every synthetic player. Reads the whole table; their positions stay as holes."""
    from loginq.cli import console
    from loginq.cli.session import open_session
    from loginq.service.load import clean as delete

    session = open_session()
    session.announce()
    confirm("Read the whole table and delete every synthetic player?", yes)
    removed = 0
    with console.progress("Deleting", None) as advance:
        for count in delete(session.queue):
            removed += count
            advance(count)
    if json:
        console.document({"target": session.name, "deleted": removed})
    else:
        console.done(f"Deleted {removed:,} synthetic players." if removed else "There were no synthetic players.")
