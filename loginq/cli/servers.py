"""`loginq servers`: what game servers count, and letting one go that will not count any more."""

from collections.abc import Sequence
from functools import partial
from typing import Annotated

import typer

from loginq.cli import console
from loginq.cli.audit import Limit
from loginq.cli.command import Found, command, group, listed
from loginq.cli.irreversible import Loss, confirm_loss, counted
from loginq.cli.lists import say_more
from loginq.cli.options import Yes
from loginq.cli.session import Session, open_session
from loginq.service.rules.errors import NotFound
from loginq.service.rules.servers import Server
from loginq.service.rules.settings import COUNTS

app = group("Game servers that count how many players they hold.")

_BY_EVENTS = (
    "This stack takes events: game servers say who joined and who left. `loginq deploy --param SessionReports=counts` "
    "takes counts."
)
_NONE = "No game server has said how many it holds: `loginq guide game-server` has what it sends."


@command(app, "loginq servers list")
def list_(limit: Limit = 50) -> Found:
    """List game servers and how many each holds; the silent first."""
    session = open_session()
    queue = session.queue
    there, t = queue.servers.every(), queue.clock()
    found = sorted(there, key=lambda server: (not server.is_missed(t), not server.is_silent(t), server.name))
    kind = queue.rules.session_reports
    draw = partial(_draw, found[:limit], len(found), t, empty=_NONE if kind == COUNTS else _BY_EVENTS)
    answer = listed(session.name, [server.document(t) for server in found[:limit]], draw, len(found))
    return Found({**(answer.document or {}), "session_reports": kind}, answer.draw, is_long=True)


def _draw(shown: Sequence[Server], total: int, t: int, *, empty: str) -> None:
    rows = [(each.name, f"{each.in_game:,}", *_heard(each, t)) for each in shown]
    console.table(["server", "in the game", "last heard", ""], rows, numbers=["in the game"], empty=empty)
    say_more(len(shown), total)


def _heard(server: Server, t: int) -> tuple[str, str]:
    return f"{console.duration(max(0, t - server.at))} ago", "silent" if server.is_silent(t) else ""


@command(app, "loginq servers forget eu-1", "loginq servers forget eu-1 eu-2")
def forget(
    names: Annotated[list[str], typer.Argument(metavar="NAME", help="Which, as the list has them.")],
    yes: Yes = False,
) -> Found:
    """Let game servers go that are gone for good.

    The seats that their last counts keep come free. One that counts again is there again.
    """
    session = open_session()
    session.announce()
    confirm_loss(session.name, lambda: _loss(session, names), yes)
    going = _named(session, names)
    session.operator.forget_servers(going)
    left = len(session.queue.servers.every())
    document = {"target": session.name, "forgotten": [server.name for server in going], "left": left}
    return Found(document, partial(_forgotten, going, left))


def _named(session: Session, names: Sequence[str]) -> list[Server]:
    """Those of these names. Raises `NotFound` for a name that is none's."""
    there = {server.name: server for server in session.queue.servers.every()}
    for name in names:
        if name not in there:
            raise NotFound(f"There is no game server {name!r}.", "`loginq servers list` has them all.")
    return [there[name] for name in dict.fromkeys(names)]


def _loss(session: Session, names: Sequence[str]) -> Loss:
    going, t = _named(session, names), session.queue.clock()
    said = [f"{each.name}: {each.in_game:,}, last heard {console.duration(t - each.at)} ago" for each in going]
    counts, harms = counted(session)
    return Loss(f"This frees the seats of a game server ({'; '.join(said)})", counts, harms)


def _forgotten(gone: Sequence[Server], left: int) -> None:
    seats = sum(server.in_game for server in gone)
    console.done(f"{', '.join(server.name for server in gone)}: forgotten, with {seats:,} seats.")
    if not left:
        console.say("No game server is left, so the line keeps its count until one says how many it holds.")
