"""`loginq players`: player state in DynamoDB."""

from typing import Annotated

import typer

from loginq.cli.options import Json, example, group

app = group("Player state in DynamoDB.")


@app.command(name="list", **example("loginq players list --limit 20"))
def list_(
    limit: Annotated[int, typer.Option(min=1, max=10_000, help="How many at most.")] = 50, json: Json = False
) -> None:
    """List the players who wait, in order."""
    from loginq.cli import console
    from loginq.cli.session import open_session
    from loginq.service.standing import waiting_players

    queue = open_session().queue
    line = queue.lines.read()
    t = queue.clock()
    shown = list(waiting_players(queue, line, t, limit))
    if json:
        console.document([entry.document() for entry in shown])
        return
    console.table(
        ["position", "ahead", "ETA", "player", "synthetic"],
        [
            (
                f"{e.player.position:,}",
                f"{e.ahead:,}",
                console.duration(e.eta),
                e.name,
                "yes" if e.player.synthetic else "",
            )
            for e in shown
        ],
        numbers=["position", "ahead", "ETA"],
        empty="Nobody is waiting. Put a synthetic crowd in line with `loginq load run --players 300`.",
    )
    if len(shown) == limit < line.waiting(t):
        console.say(f"These are the first {limit:,} of {line.waiting(t):,}; see more with --limit.")


@app.command(**example("loginq players show ada"))
def show(name: Annotated[str, typer.Argument(help="A user name, or a sub.")], json: Json = False) -> None:
    """Show one player: ticket, position, ETA."""
    from loginq.cli import console
    from loginq.cli.session import open_session
    from loginq.service.standing import find

    session = open_session()
    entry = find(session.queue, session.users, name)
    if json:
        console.document(entry.document())
        return
    player = entry.player
    console.facts(
        f"player {entry.name}",
        [
            ("state", entry.state),
            ("position", None if player.position is None else f"{player.position:,}"),
            ("ahead", None if entry.ahead is None else f"{entry.ahead:,}"),
            ("ETA", console.duration(entry.eta)),
            ("ticket", "yes" if player.ticket else "none"),
            ("asked", console.moment(player.issued_at)),
            ("placed", console.moment(player.queued_at)),
            ("admitted", console.moment(player.admitted_at)),
            ("registered", console.moment(player.created_at)),
            ("blocked", "yes" if player.blocked else "no"),
            ("synthetic", "yes" if player.synthetic else "no"),
            ("sub", player.sub),
        ],
    )
