"""`loginq players`: player state in DynamoDB."""

from collections.abc import Iterator, Sequence
from functools import partial
from itertools import islice
from pathlib import Path
from typing import Annotated

import typer

from loginq.cli import console, scores
from loginq.cli.command import Found, command, group, listed
from loginq.cli.completion import player_names
from loginq.cli.export import FORMATS, written
from loginq.cli.irreversible import confirm_act
from loginq.cli.lists import say_more
from loginq.cli.options import Yes, confirm
from loginq.cli.people import File, Names, People, every
from loginq.cli.session import Session, open_session
from loginq.service.operations.found import FIELDS, Seen, find, history, players_in, waiting_players
from loginq.service.operations.found import Found as FoundPlayer
from loginq.service.operations.together import ADMIT, REMOVE, RESET, Verb
from loginq.service.rules.errors import Invalid
from loginq.service.rules.player import State
from loginq.service.rules.times import MINUTE, iso
from loginq.service.store.audit import concerning

app = group("Player state in DynamoDB.")

LARGE = 100_000
"""Items in a table whose scan is worth a question."""
_STATES = "registered, queued, waiting, admitted, left or expired"


@command(app, "loginq players list --limit 20", "loginq players list --state admitted")
def list_(
    state: Annotated[str, typer.Option(help=f"Those who are {_STATES}.")] = "waiting",
    limit: Annotated[int, typer.Option(min=1, max=10_000, help="How many at most.")] = 50,
    yes: Yes = False,
) -> Found:
    """List the players in one state.

    Those who wait come in order; the others need a scan of the whole table.
    """
    if state not in list(State):
        raise Invalid(f"{state!r} is not a state of a player.", f"Give {_STATES}.")
    session = open_session()
    queue = session.queue
    line = queue.lines.read()
    t = queue.clock()
    total = None
    if state == State.WAITING:
        shown, total = list(waiting_players(queue, line, t, limit)), line.waiting(t)
    else:
        _confirm_scan(session, yes)
        found = (seen for page in players_in(queue, line, t, (State(state),)) for seen in page)
        shown = list(islice(found, limit))
    draw = partial(_draw_list, shown, State(state), limit, total)
    return listed(session.name, [seen.document() for seen in shown], draw, total)


def _draw_list(shown: Sequence[Seen], state: State, limit: int, total: int | None) -> None:
    """`total`: how many wait, if it is they who are shown."""
    none = "Put a synthetic crowd in line with `loginq load run --players 300`."
    console.table(
        ["position", "ahead", "ETA", "player", "synthetic"],
        [
            (
                None if e.player.position is None else f"{e.player.position:,}",
                None if e.ahead is None else f"{e.ahead:,}",
                console.duration(e.eta),
                e.name,
                "yes" if e.player.synthetic else "",
            )
            for e in shown
        ],
        numbers=["position", "ahead", "ETA"],
        empty=f"Nobody is waiting. {none}" if state == State.WAITING else f"Nobody is {state}.",
    )
    if len(shown) == limit:
        say_more(limit, total, "" if total else ", or all with `loginq players export`")


@command(app, "loginq players show ada", "loginq players show ada@example.com")
def show(
    name: Annotated[str, typer.Argument(help="A user name, an e-mail address or a sub.", autocompletion=player_names)],
) -> Found:
    """Show one player: account, place, and what happened."""
    session = open_session()
    found = find(session.queue, session.users, name)
    player = found.seen.player
    begins = max(0, (player.created_at or 0) - MINUTE)  # by whatever clock
    events = history(player, list(concerning(session.queue, player.sub, begins)))
    told = [{"at": iso(at), "what": what} for at, what in events]
    account = found.account.document() if found.account else None
    document = {"target": session.name, **found.seen.document(), "account": account, "history": told}
    return Found(document, partial(_draw_player, found, events, session.target.provider), is_long=True)


def _draw_player(found: FoundPlayer, events: Sequence[tuple[int, str]], provider: str | None) -> None:
    seen, account, player = found.seen, found.account, found.seen.player
    none = f"of {provider}" if provider and not player.synthetic else "none"
    status = none if account is None else account.status.lower() + ("" if account.enabled else ", disabled")
    console.facts(
        f"player {seen.name}",
        [
            ("account", status),
            ("e-mail", player.email or (account.email if account else None)),
            ("sub", player.known_as),
            *([("key", player.sub)] if player.subject else []),
            ("state", seen.state),
            ("blocked", "yes" if player.blocked else "no"),
            ("ticket", "yes" if player.ticket else "none"),
            ("position", None if player.position is None else f"{player.position:,}"),
            ("ahead", None if seen.ahead is None else f"{seen.ahead:,}"),
            ("ETA", scores.wait(seen.eta, seen.eta_basis)),
            *([("synthetic", "yes")] if player.synthetic else []),
            *((console.moment(at), what) for at, what in events),
        ],
    )


@command(app, "loginq players export players.csv", "loginq players export players.jsonl")
def export(
    file: Annotated[Path, typer.Argument(help="Where to; its ending says how: .csv or .jsonl.", dir_okay=False)],
    yes: Yes = False,
) -> Found:
    """Write every player to a file.

    Reads the whole table: .csv is for spreadsheets, .jsonl for programs. Tickets are left out, and who is deleted.
    Nobody but you can read the file.
    """
    if file.suffix not in FORMATS:
        raise Invalid(f"{file.name} says no format.", "Name the file something.csv or something.jsonl.")
    session = open_session()
    queue = session.queue
    line, t = queue.lines.read(), queue.clock()
    _confirm_scan(session, yes)
    confirm(f"Replace {file}?", yes or not file.exists())
    pages = ([seen.document() for seen in page] for page in players_in(queue, line, t, tuple(State)))
    players = 0
    with console.progress("Exporting", None) as advance:
        for count in written(file, FIELDS, pages):
            players += count
            advance(count)
    document = {"target": session.name, "file": str(file), "players": players}
    return Found(document, partial(console.done, f"{players:,} players are in {file}."))


@command(app, "loginq players admit ada", "loginq players admit --file vips.txt")
def admit(names: Names = None, file: File = None) -> Iterator[Found]:
    """Let players in now, out of turn, whatever rate and capacity say.

    Safe to repeat.
    """
    return _all(ADMIT, People(names, file), "Letting in", "")


@command(app, "loginq players remove ada --yes", "loginq players remove --file bots.txt --yes")
def remove(names: Names = None, file: File = None, yes: Yes = False) -> Iterator[Found]:
    """Take players' tickets and places away, in line or in the game.

    Safe to repeat.
    """
    return _all(REMOVE, People(names, file), "Removing", "" if yes else "Take the tickets and places of {} away")


@command(app, "loginq players reset ada --yes", "loginq players reset --file testers.txt --yes")
def reset(names: Names = None, file: File = None, yes: Yes = False) -> Iterator[Found]:
    """Put players back to how they were after signing up.

    No ticket, no place, not blocked. Safe to repeat.
    """
    return _all(RESET, People(names, file), "Resetting", "" if yes else "Take tickets, places and blocks of {} away")


def _all(verb: Verb, people: People, doing: str, loss: str) -> Iterator[Found]:
    """`loss`: what they lose, to be asked about; empty for nothing, or a yes."""
    session = open_session()
    session.announce()
    who = people.alone or f"{len(people.names):,} players"
    confirm_act(session, loss.format(who), yes=not loss)
    return every(session, verb, people, doing)


def _confirm_scan(session: Session, yes: bool) -> None:
    """Say that the whole table is read, and ask when it is a large one; its size is at most six hours old."""
    table = session.aws.client("dynamodb").describe_table(TableName=session.target.table)["Table"]
    items = int(table.get("ItemCount", 0))
    console.say(f"This reads the whole table, about {items:,} items.")
    confirm(f"Read about {items:,} items (each {LARGE:,} of them cost some cents)?", yes or items < LARGE)
