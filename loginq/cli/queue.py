"""`loginq queue`: the line and the intake."""

from collections.abc import Callable
from typing import TYPE_CHECKING

from loginq.cli.options import Json, example, group

if TYPE_CHECKING:
    from loginq.cli.session import Session
    from loginq.service.operating import Done
    from loginq.service.queue import Queue

app = group("The line and the intake.")


@app.command(**example("loginq queue stats --json"))
def stats(json: Json = False) -> None:
    """Show intake, line, rate, and what a newcomer would wait."""
    from loginq.cli import console
    from loginq.cli.session import open_session
    from loginq.service.stats import snapshot

    session = open_session()
    if json:
        console.document(snapshot(session.queue).document(session.name))
    else:
        show_stats(session)


def show_stats(session: "Session") -> None:
    """The snapshot as a panel."""
    from loginq.cli import console
    from loginq.service.rates import rate_text
    from loginq.service.stats import snapshot

    now = snapshot(session.queue)
    line, intake = now.line, now.intake
    reached, steps = line.reached(now.t), [step for step in line.steps if step[0] > now.t]
    console.facts(
        f"queue {now.queue} · {session.name}",
        [
            ("state", line.line_state),
            ("waiting", f"{line.waiting(now.t):,}"),
            ("reached", f"{reached:,} of {line.tail:,}"),
            ("rate", f"{rate_text(line.rate_at(now.t))}, burst {line.burst:,}"),
            ("planned", ", ".join(f"{rate_text(rate)} from {console.moment(at)}" for at, rate in steps) or "nothing"),
            ("capacity", "no limit" if line.capacity is None else f"{line.capacity:,} in the game"),
            ("admitted", f"{now.admitted:,} in the last minute, {now.admitted_per_second:.1f}/s"),
            ("in the game", f"{now.players.in_game:,}: {now.players.admitted:,} let in, {now.players.departed:,} left"),
            ("no-shows", f"{now.players.no_shows:,}"),
            ("intake", f"{intake.visible:,} visible, {intake.in_flight:,} in flight, {intake.delayed:,} delayed"),
            ("dead letters", f"{now.dead_letters:,}"),
            ("newcomer waits", console.duration(now.eta)),
        ],
    )


@app.command(**example("loginq queue pause"))
def pause(json: Json = False) -> None:
    """Let nobody more in, until `loginq queue resume`. Places are kept."""
    from loginq.service.operating import pause as stop

    _switch(stop, "Paused: nobody is let in; places are kept.", "It was paused already.", json)


@app.command(**example("loginq queue resume"))
def resume(json: Json = False) -> None:
    """Let players in again, from where the line stopped."""
    from loginq.service.operating import resume as go

    _switch(go, "Resumed: the line moves on from where it stopped.", "It was not paused.", json)


def _switch(operation: "Callable[[Queue, str], Done]", now_true: str, was_so: str, json: bool) -> None:
    from loginq.cli import console
    from loginq.cli.session import open_session

    session = open_session()
    session.announce()
    made = operation(session.queue, session.caller)
    if json:
        console.document({"target": session.name, "state": made.line.line_state, "changed": made.changed})
    else:
        console.done(now_true if made.changed else was_so)
