"""`loginq players`: player state in DynamoDB."""

from collections.abc import Callable
from typing import TYPE_CHECKING, Annotated

import typer

from loginq.cli.options import Json, Yes, confirm, example, group

if TYPE_CHECKING:
    from loginq.service.players import Identity
    from loginq.service.queue import Queue

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


Names = Annotated[list[str], typer.Argument(help="User names, or subs.")]


@app.command(**example("loginq players admit ada"))
def admit(names: Names, json: Json = False) -> None:
    """Let players in now, out of turn, whatever rate and capacity say."""
    from loginq.service.operating import admit as operation

    _each(operation, names, json)


@app.command(**example("loginq players remove ada --yes"))
def remove(names: Names, yes: Yes = False, json: Json = False) -> None:
    """Take players' tickets and places away, in line or in the game."""
    from loginq.service.operating import remove as operation

    confirm(f"Take the place of {len(names):,} players away?", yes)
    _each(operation, names, json)


@app.command(**example("loginq players reset ada --yes"))
def reset(names: Names, yes: Yes = False, json: Json = False) -> None:
    """Put players back to how they were after signing up: no ticket, no place, not blocked."""
    from loginq.service.operating import reset as operation

    confirm(f"Reset {len(names):,} players?", yes)
    _each(operation, names, json)


def _each(operation: "Callable[[Queue, str, Identity], str]", names: list[str], json: bool) -> None:
    """The same for each player, and what became of each; ends with 1 when one of them failed."""
    from loginq.cli import console
    from loginq.cli.session import open_session
    from loginq.service.errors import LoginqError
    from loginq.service.players import Identity
    from loginq.service.standing import find

    session = open_session()
    session.announce()
    results: list[dict[str, object]] = []
    for name in dict.fromkeys(names):
        try:
            player = find(session.queue, session.users, name).player
            who = Identity(player.sub, player.username or name, player.email)
            results.append({"player": name, "ok": True, "result": operation(session.queue, session.caller, who)})
        except LoginqError as exc:
            results.append({"player": name, "ok": False, "result": exc.message})
    if json:
        console.document({"target": session.name, "results": results})
    else:
        console.table(["player", "result"], [(each["player"], each["result"]) for each in results], empty="")
    if not all(each["ok"] for each in results):
        raise typer.Exit(1)
