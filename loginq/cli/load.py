"""`loginq load`: synthetic crowds, always marked, always removable."""

import secrets
from collections.abc import Iterator
from contextlib import closing
from functools import partial
from pathlib import Path
from typing import Annotated

import typer

from loginq.cli import console, rehearsal
from loginq.cli.asking import AUDIT
from loginq.cli.command import Found, command, group
from loginq.cli.irreversible import Loss, confirm_loss, counted
from loginq.cli.options import Yes, count
from loginq.cli.reset import forget, told
from loginq.cli.session import Session, open_session
from loginq.service.operations import crowds
from loginq.service.operations.crowds import real_accounts
from loginq.service.operations.resetting import let_in_lately, occupants
from loginq.service.requests.crowd import PER_CALL, parts
from loginq.service.rules.errors import Failed, Invalid
from loginq.service.rules.times import parse_duration

app = group("Synthetic crowds, always marked, always removable.")


@command(app, "loginq load run --players 300", "loginq load run --players 100 --real --arrive 30s", look=AUDIT)
def run(
    players: Annotated[
        int,
        typer.Option(parser=count(100_000), metavar="N", help="How many: up to 100,000, of real ones up to 5,000."),
    ],
    real: Annotated[
        bool, typer.Option("--real", help="Real accounts that sign in, ask, poll as they are told, and enter.")
    ] = False,
    arrive: Annotated[str, typer.Option(help="Within what time real players come.")] = "10s",
    report: Annotated[
        Path | None, typer.Option(help="Write what was measured to this file, as JSON; real players only.")
    ] = None,
    yes: Yes = False,
) -> Iterator[Found]:
    """Put a crowd in line: synthetic players, or real ones.

    Synthetic ones wait and never poll: it sends their tickets, and returns. Real ones are played to the end. Where real
    players wait, or came in within the hour, it wants the stack's name.
    """
    within = parse_duration(arrive)
    if report is not None and not real:
        raise Invalid("--report goes with --real.", "Synthetic players measure nothing.")
    _check_size(players, real)
    session = open_session(without_pool="Without --real the crowd is synthetic, and needs no accounts." if real else "")
    session.announce()
    if said := not yes and disturbed(session):
        console.say(said)
        confirm_loss(session.name, lambda: Loss(f"Put {players:,} in line all the same", [], harms=True), yes)
    if real:
        yield from rehearsal.run(session, players, within, report)
        return
    name = send(session, players)
    said = f"Sent {players:,} synthetic players (run {name}). Watch them with `loginq queue stats`."
    yield Found({"target": session.name, "run": name, "players": players}, partial(console.done, said))


def _check_size(players: int, real: bool) -> None:
    """Raises `Invalid` for a crowd that cannot be made, before anything is asked."""
    if real:
        real_accounts("", players, "")
    else:
        next(parts("0", players))


def disturbed(session: Session) -> str:
    """Which real players a crowd would get in the way of, in words; empty for none."""
    queue = session.queue
    if lately := let_in_lately(queue):
        return f"{lately:,} real players came in within the hour."
    waiting = len(occupants(queue, queue.lines.read()).real)
    return f"{waiting:,} real players wait in line." if waiting else ""


def send(session: Session, players: int) -> str:
    """Make a run of synthetic players, with a bar; the name of the run.

    It is recorded, also when it is cut off: with those of the call that was under way, which goes on without us.
    """
    name = secrets.token_hex(4)
    function = session.stack.outputs()["GenerateLoadFunction"]
    coming, sent = crowds.send(session.aws.client("lambda"), function, name, players), 0
    try:
        with console.progress("Sending tickets", players) as advance:
            for some in coming:
                sent += some
                advance(some)
    except Failed:
        raise
    except BaseException:
        sent = min(players, sent + PER_CALL)
        raise
    finally:
        session.operator.crowd(name, sent, synthetic=True)
    return name


@command(app, "loginq load clean --yes")
def clean(yes: Yes = False) -> Found:
    """Delete synthetic players, and the accounts of real crowds.

    Reads the whole table. Then it forgets the line, as `loginq queue reset` does, or says what stays in front of whom.
    """
    session = open_session()
    session.announce()
    confirm_loss(session.name, partial(_loss, session), yes)
    removed = accounts = 0
    gone = session.operator.clean_crowds()
    with console.progress("Deleting", None) as advance, closing(gone):
        for players, real in gone:
            removed, accounts = removed + players, accounts + real
            advance(players + real)
    forgotten, stays = forget(session)

    def draw() -> None:
        console.done(f"Deleted {removed:,} synthetic players." if removed else "There were no synthetic players.")
        if accounts:
            console.done(f"Deleted {accounts:,} accounts of real crowds.")
        if forgotten:
            console.done(told(forgotten))
        if stays:
            console.say(stays)

    document = {"deleted": removed, "accounts": accounts, "forgotten": forgotten, "stays": stays or None}
    return Found({"target": session.name, **document}, draw)


def _loss(session: Session) -> Loss:
    what = "Read the whole table, delete every synthetic player and the accounts of real crowds, and forget the line"
    return Loss(what, counted(session)[0], harms=False)
