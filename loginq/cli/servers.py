"""`loginq servers`: what game servers count, their keys, and letting one go that will not count any more."""

from collections.abc import Sequence
from functools import partial
from typing import Annotated, Any

import typer

from loginq.cli import console
from loginq.cli.asking import AUDIT
from loginq.cli.audit import Limit
from loginq.cli.command import Found, command, group, listed
from loginq.cli.irreversible import Loss, confirm_act, confirm_loss, counted
from loginq.cli.lists import say_more
from loginq.cli.options import Yes
from loginq.cli.session import Session, open_session
from loginq.service.operations.stats import counts_of
from loginq.service.rules.errors import NotFound
from loginq.service.rules.server_keys import ServerKey
from loginq.service.rules.servers import Server
from loginq.service.rules.settings import COUNTS

app = group("Game servers: how many players they hold, and their keys.")

_BY_EVENTS = (
    "This stack takes events: game servers say who joined and who left. `loginq deploy --param SessionReports=counts` "
    "takes counts."
)
_KEPT = "the line keeps its count until one says how many it holds"
_NONE = "No game server has said how many it holds: `loginq guide game-server` has what it sends."


@command(app, "loginq servers list")
def list_(limit: Limit = 50) -> Found:
    """List game servers, their counts and keys; the silent first."""
    session = open_session()
    queue = session.queue
    counting, t = queue.servers.every(), queue.clock()
    keyed = {key.server: key for key in queue.server_keys.every()}
    first = sorted(counting, key=lambda server: (not server.is_missed(t), not server.is_silent(t), server.name))
    names = {server.name for server in counting}
    found: list[_Row] = [(each.name, each, keyed.get(each.name)) for each in first]
    found += [(name, None, key) for name, key in keyed.items() if name not in names]
    kind = queue.rules.session_reports
    admitted = counts_of(queue, queue.lines.read(), t).admitted if counting else None
    draw = partial(_draw, found[:limit], len(found), t, admitted, empty=_NONE if kind == COUNTS else _BY_EVENTS)
    answer = listed(session.name, [_document(each, t, admitted) for each in found[:limit]], draw, len(found))
    return Found({**(answer.document or {}), "session_reports": kind}, answer.draw, is_long=True)


_Row = tuple[str, Server | None, ServerKey | None]
"""A game server, what it counts, and its key."""


_UNHEARD = {"in_game": None, "last_heard": None, "silent": False, "fell": None, "two": False, "above": False}


def _document(row: _Row, t: int, admitted: int | None) -> dict[str, Any]:
    name, server, key = row
    counts = server.document(t, admitted) if server else {"server": name, **_UNHEARD}
    return {**counts, "key": key.document(t) if key else None}


def _draw(shown: Sequence[_Row], total: int, t: int, admitted: int | None, *, empty: str) -> None:
    has_keys = any(key for _, _, key in shown)
    heads = ["server", "in the game", "last heard", *(["key since", "key used"] if has_keys else []), ""]
    rows = [
        (name, *_heard(server, t), *(_used(key, t) if has_keys else ()), _state(server, t, admitted))
        for name, server, key in shown
    ]
    console.table(heads, rows, numbers=["in the game"], empty=empty)
    for name, _, key in shown:
        if key and key.has_old(t):
            used = "never used since" if key.old_used_at is None else f"used last {_ago(key.old_used_at, t)}"
            console.say(f"{name}: the key before is good until {console.moment(key.old_until)}; {used}.")
    say_more(len(shown), total)


def _heard(server: Server | None, t: int) -> tuple[str, str]:
    return (f"{server.in_game:,}", _ago(server.at, t)) if server else ("", "")


def _state(server: Server | None, t: int, admitted: int | None) -> str:
    if server is None:
        return ""
    if server.is_two(t):
        return "two use it"
    if server.is_silent(t):
        return "silent"
    return "fell" if server.has_fallen(t) else "above" if server.is_above(admitted) else ""


def _used(key: ServerKey | None, t: int) -> tuple[str, str]:
    if key is None:
        return "", ""
    return console.moment(key.since, "%Y-%m-%d"), "never" if key.used_at is None else _ago(key.used_at, t)


def _ago(at: int, t: int) -> str:
    return f"{console.duration(max(0, t - at))} ago"


_Name = Annotated[str, typer.Argument(metavar="NAME", help="The name under which it reports.")]
_NO_BACKUP = "It is not kept, and not shown again. The server sends it as `Authorization: Bearer KEY`:"


@command(app, "loginq servers add eu-1", look=AUDIT)
def add(name: _Name) -> Found:
    """Make a key for a game server that holds no AWS identity.

    It is shown once. With it the server reports to /sessions/NAME.
    """
    session = open_session()
    session.announce()
    key = session.operator.add_server_key(name)
    return _shown(session, name, key, f"{name} has a key.")


@command(app, "loginq servers rotate eu-1 --yes", look=AUDIT)
def rotate(
    name: _Name,
    now: Annotated[bool, typer.Option("--now", help="The key before is good no more, as after a theft.")] = False,
    yes: Yes = False,
) -> Found:
    """Make another key for a game server.

    The one before stays good for a day; `servers list` says whether it is still used.
    """
    session = open_session()
    session.announce()
    there, t = session.queue.server_keys.get(name), session.queue.clock()
    ends = "The key of today is good no more" if now else "The key of today stays good for a day"
    ends += ", and the one before it ends now" if there.has_old(t) else ""
    confirm_act(session, f"Make another key for {name}. {ends}", yes)
    key, made = session.operator.rotate_server_key(there, now=now)
    until = f" The one before is good until {console.moment(made.old_until)}." if made.old_hash else ""
    return _shown(session, name, key, f"{name} has another key.{until}", old=made.document(t)["old"])


def _shown(session: Session, name: str, key: str, said: str, old: Any = None) -> Found:
    """The one time that a key is seen."""

    def draw() -> None:
        console.done(said)
        console.say(f"{_NO_BACKUP}\n{session.target.own_url}/sessions/{name}")
        typer.echo(key)

    document = {"target": session.name, "server": name, "url": f"{session.target.own_url}/sessions/{name}"}
    return Found({**document, "key": key, "old": old}, draw)


@command(app, "loginq servers revoke eu-1 --yes", "loginq servers revoke eu-1 --old --yes", look=AUDIT)
def revoke(
    name: _Name,
    old: Annotated[bool, typer.Option("--old", help="Only the one before, once another has followed it.")] = False,
    yes: Yes = False,
) -> Found:
    """Take the keys of a game server away.

    What it sends with them is refused, within 5 s. What it counted stays: `servers forget`.
    """
    session = open_session()
    session.announce()
    there = session.queue.server_keys.get(name)
    which = "the key before its own" if old else "its key"
    confirm_act(session, f"Refuse from now on what {name} reports with {which}", yes)
    if old:
        session.operator.revoke_old_server_key(there)
    else:
        session.operator.revoke_server_key(name)
    said = f"{name} has one key, and none before it." if old else f"{name} has no key any more."
    return Found({"target": session.name, "revoked": name, "old": old}, partial(console.done, said))


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
    # Without any there is nothing to go by, so nothing comes free: whoever is asked has to know that before.
    is_last = len(going) == len(session.queue.servers.every())
    what = f"This lets the last game server go, and {_KEPT}" if is_last else "This frees the seats of a game server"
    return Loss(f"{what} ({'; '.join(said)})", counts, harms)


def _forgotten(gone: Sequence[Server], left: int) -> None:
    seats = sum(server.in_game for server in gone)
    console.done(f"{', '.join(server.name for server in gone)}: forgotten, with {seats:,} seats.")
    if not left:
        console.say(f"No game server is left, so {_KEPT}.")
