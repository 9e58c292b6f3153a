"""`loginq queue audit` and `loginq queue note`: who did what, and what there is to say about it."""

from collections.abc import Sequence
from functools import partial
from itertools import islice
from typing import Annotated, Any

import typer

from loginq.cli import console
from loginq.cli.command import Found, listed
from loginq.cli.completion import player_names
from loginq.cli.lists import say_more
from loginq.cli.session import Session, open_session
from loginq.service.operations.found import identity
from loginq.service.rules.act import ON_PLAYERS, Action
from loginq.service.rules.errors import NotFound
from loginq.service.rules.identity import meant
from loginq.service.rules.times import parse_duration
from loginq.service.store.audit import DONE, concerning, latest, members

Limit = Annotated[int, typer.Option(min=1, max=10_000, help="How many at most.")]


def audit(
    limit: Limit = 50,
    what: Annotated[str, typer.Option(help="Only acts with this in their name: rate, disable, note.")] = "",
    who: Annotated[str, typer.Option(help="Only acts of whom this is the name, or a part of it.")] = "",
    since: Annotated[str, typer.Option(help="How far back: 90s, 10m, 2h.")] = "",
    player: Annotated[
        str,
        typer.Option(
            help="Only acts on this user name, e-mail address or sub, also among many.", autocompletion=player_names
        ),
    ] = "",
    act: Annotated[str, typer.Option(help="List whom the act with this id was done to.")] = "",
) -> Found:
    """Show who changed what, when, from what to what; the newest first.

    An act on many is one line, with its id.
    """
    back = parse_duration(since) if since else None
    session = open_session()
    queue = session.queue
    if act:
        return _members(session, act, limit)
    if back is not None:
        queue.settlement.read()  # its answer's Date sets the clock right, whatever became of the line
    start = 0 if back is None else queue.clock() - back
    done = concerning(queue, _sub(session, player), start) if player else latest(queue, since=start, page=None)
    found = [each for each in done if what in each.what and who.lower() in each.who.lower()]
    items = [each.document() for each in found[:limit]]
    empty = "Nobody has done such a thing." if what or who or since or player else "Nobody has changed anything yet."
    return listed(session.name, items, partial(_draw, found[:limit], len(found), empty), len(found))


def _sub(session: Session, name: str) -> str:
    """Whose name it is; a name that is nobody's any more may be the sub of a deleted account."""
    try:
        return identity(session.queue, session.users, name).sub
    except NotFound:
        return meant(session.queue.provider, name)


def _draw(shown: Sequence[Action], total: int, empty: str) -> None:
    console.table(["when", "who", "what", "from", "to"], [_row(each) for each in shown], empty=empty)
    say_more(len(shown), total)


def _row(act: Action) -> tuple[object, ...]:
    before, after = act.words(console.moment)
    after += f"; act {act.id}" if act.on_many else ""
    return console.moment(act.at), act.name, f"{act.what} {act.subject}".strip(), before or None, after or None


def _members(session: Session, act: str, limit: int) -> Found:
    queue = session.queue
    found = next((each for each in latest(queue, page=None) if each.id == act), None)
    if found is None:
        raise NotFound(f"There is no act {act!r}.", "`loginq queue audit --json` has the ids of all.")
    alone = [(found.subject, DONE)] if found.what in ON_PLAYERS and found.subject else []
    every = list(members(queue, act)) if found.on_many else alone
    shown = list(islice(every, limit))
    players = queue.players.get_all([sub for sub, _ in shown])
    items = [
        {"sub": sub, "username": players[sub].username if sub in players else None, "result": result}
        for sub, result in shown
    ]
    answer = listed(session.name, items, partial(_draw_members, found, items, len(every)), len(every))
    return Found({**(answer.document or {}), "act": found.document()}, answer.draw, is_long=True)


def _draw_members(act: Action, items: Sequence[dict[str, Any]], total: int) -> None:
    console.say(f"{act.what} {act.subject}".strip() + f", {console.moment(act.at)}, by {act.name}:")
    rows = [(each["username"], each["sub"], each["result"] or "cut off: not known") for each in items]
    console.table(["player", "sub", "result"], rows, empty="It was done to no player.")
    say_more(len(items), total)


def note(text: Annotated[str, typer.Argument(help="What there is to say, up to 500 letters.")]) -> Found:
    """Write a remark into the audit.

    `loginq queue watch` and `loginq queue stats` show the last one for an hour.
    """
    session = open_session()
    session.announce()
    made = session.operator.note(text)
    document = {"target": session.name, "note": made.after, "act": made.id}
    return Found(document, partial(console.done, f"Noted: {made.after}"))
