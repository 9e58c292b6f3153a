"""`loginq queue`: the line and the intake."""

from collections.abc import Callable
from typing import TYPE_CHECKING, Annotated

import typer

from loginq.cli.options import Json, Yes, confirm, example, group

if TYPE_CHECKING:
    from loginq.cli.session import Session
    from loginq.service.operations.acts import Done
    from loginq.service.store.queue import Queue

app = group("The line and the intake.")

Limit = Annotated[int, typer.Option(min=1, max=10_000, help="How many at most.")]


@app.command(**example("loginq queue stats --json"))
def stats(json: Json = False) -> None:
    """Show intake, line, rate, and what a newcomer would wait."""
    from loginq.cli import console
    from loginq.cli.session import open_session
    from loginq.service.operations.stats import snapshot

    session = open_session()
    if json:
        console.document(snapshot(session.queue).document(session.name))
    else:
        show_stats(session)


def show_stats(session: "Session") -> None:
    """The snapshot as a panel."""
    from loginq.cli import console
    from loginq.service.operations.stats import snapshot
    from loginq.service.rules.rates import rate_text

    now = snapshot(session.queue)
    line, intake = now.line, now.intake
    last = now.last_change
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
            ("gate", f"{rate_text(line.passing(now.t))} pass"),
            ("admitted", f"{now.admitted:,} in the last minute, {now.admitted_per_second:.1f}/s"),
            ("in the game", f"{now.players.in_game:,}: {now.players.admitted:,} let in, {now.players.departed:,} left"),
            ("no-shows", f"{now.players.no_shows:,}"),
            ("intake", f"{intake.visible:,} visible, {intake.in_flight:,} in flight, {intake.delayed:,} delayed"),
            ("dead letters", f"{now.dead_letters:,}"),
            ("newcomer waits", console.duration(now.eta)),
            *([("message", line.message)] if line.message else []),
            *([("last change", f"{last.what}: {last.before} → {last.after}")] if last else []),
            *([("", f"{console.duration(now.t - last.at)} ago, by {last.name}")] if last else []),
        ],
    )


@app.command(**example("loginq queue watch", "loginq queue watch --json"))
def watch(json: Json = False) -> None:
    """Watch the queue live: numbers, charts, and what needs attention. Ctrl-C ends it.

    With --json one document each second.
    """
    from loginq.cli.session import open_session
    from loginq.cli.watch import run

    run(open_session(), json=json)


@app.command(**example("loginq queue pause"))
def pause(json: Json = False) -> None:
    """Let nobody more in, until `loginq queue resume`. Places are kept."""
    from loginq.service.operations.acts import pause as stop

    _switch(stop, "Paused: nobody is let in; places are kept.", "It was paused already.", json)


@app.command(**example("loginq queue resume"))
def resume(json: Json = False) -> None:
    """Let players in again, from where the line stopped."""
    from loginq.service.operations.acts import resume as go

    _switch(go, "Resumed: the line moves on from where it stopped.", "It was not paused.", json)


@app.command(**example("loginq queue close"))
def close(json: Json = False) -> None:
    """Give no new tickets, until `loginq queue open`. Who has a place keeps it, and the line moves."""
    from loginq.service.operations.acts import close as shut

    _switch(shut, "Closed: nobody new gets a ticket; the line moves on.", "It was closed already.", json)


@app.command(name="open", **example("loginq queue open"))
def open_(json: Json = False) -> None:
    """Give new tickets again."""
    from loginq.service.operations.acts import open_ as unlock

    _switch(unlock, "Open: everybody can get a ticket.", "It was open already.", json)


@app.command(**example('loginq queue message "Servers are warming up"', "loginq queue message --clear"))
def message(
    text: Annotated[str | None, typer.Argument(help="What they see, up to 200 bytes; left out, it is shown.")] = None,
    clear: Annotated[bool, typer.Option("--clear", help="Take the notice away.")] = False,
    json: Json = False,
) -> None:
    """Show every waiting player a notice, with the next poll."""
    from loginq.cli import console
    from loginq.cli.session import open_session
    from loginq.service.operations.acts import say
    from loginq.service.rules.errors import Invalid

    if clear and text is not None:
        raise Invalid("A text and --clear exclude each other.", "Give one of them.")
    if text is not None and not text.strip():
        raise Invalid("The message is empty.", "To take it away, use `loginq queue message --clear`.")
    session = open_session()
    if text is None and not clear:
        now = session.queue.lines.read().message
        if json:
            console.document({"target": session.name, "message": now})
        elif now:
            console.lines([now])
        else:
            console.say('There is no message. Set one with `loginq queue message "…"`.')
        return
    session.announce()
    done = say(session.queue, session.caller, text or "")
    if json:
        console.document({"target": session.name, "message": done.after, "changed": done.changed})
    elif done.after:
        console.done(f"Waiting players see: {done.after}")
    else:
        console.done("Waiting players see no message." if done.changed else "There was no message.")


@app.command(**example("loginq queue peek --limit 20"))
def peek(
    limit: Annotated[int, typer.Option(min=1, max=500, help="How many at most.")] = 10, json: Json = False
) -> None:
    """Look at what sits in the intake, without taking it.

    Each look hides the messages from placing for a moment.
    """
    from loginq.cli import console
    from loginq.cli.session import open_session
    from loginq.service.rules.times import iso

    session = open_session()
    letters = session.queue.intake.peek(limit)
    now = session.queue.clock()
    if json:
        console.document(
            [
                {
                    "id": letter.id,
                    "sent_at": iso(letter.sent_at),
                    "received": letter.received,
                    "player": letter.ticket.sub if letter.ticket else None,
                    "synthetic": letter.ticket.synthetic if letter.ticket else None,
                }
                for letter in letters
            ]
        )
        return
    console.table(
        ["sent", "age", "deliveries", "player", ""],
        [
            (
                console.moment(letter.sent_at),
                console.duration(max(0, now - letter.sent_at)),
                letter.received,
                letter.ticket.sub if letter.ticket else f"not a ticket: {letter.body[:60]}",
                "synthetic" if letter.ticket and letter.ticket.synthetic else "",
            )
            for letter in letters
        ],
        numbers=["age", "deliveries"],
        empty="The intake is empty: every ticket is in line.",
    )


@app.command(**example("loginq queue dlq"))
def dlq(limit: Limit = 20, json: Json = False) -> None:
    """List the dead letters, each with why it died. They stay."""
    from loginq.cli import console
    from loginq.cli.session import open_session
    from loginq.service.operations.dead_letters import dead_letters
    from loginq.service.operations.logs import last_error

    session = open_session()
    queue = session.queue
    found = dead_letters(queue, limit, lambda: last_error(lambda: session.logs, "process_login_queue", queue.clock()))
    if json:
        console.document([each.document() for each in found])
        return
    console.table(
        ["sent", "player", "needed", "why"],
        [
            (
                console.moment(each.letter.sent_at),
                each.letter.ticket.sub if each.letter.ticket else None,
                "yes" if each.needed else "no",
                each.why,
            )
            for each in found
        ],
        empty="There are no dead letters.",
    )
    if found:
        console.say(
            "`loginq queue redrive` puts tickets back into the intake; `loginq queue purge --dead-letters` deletes all."
        )


@app.command(**example("loginq queue redrive"))
def redrive(json: Json = False) -> None:
    """Put the dead letters that are tickets back into the intake."""
    from loginq.cli import console
    from loginq.cli.session import open_session
    from loginq.service.operations.acts import redrive as move

    session = open_session()
    session.announce()
    there, back, left = session.queue.intake.dead_letters(), 0, 0
    if there:
        with console.progress("Putting back", there) as advance:
            for moved, kept in move(session.queue, session.caller):
                back, left = back + moved, left + kept
                advance(moved + kept)
    if json:
        console.document({"target": session.name, "put_back": back, "left": left})
    elif not there:
        console.done("There are no dead letters.")
    else:
        stay = f"; {left:,} are no tickets and stay: see `loginq queue dlq`" if left else ""
        console.done(f"{back:,} tickets are back in the intake{stay}.")


@app.command(**example("loginq queue purge --yes"))
def purge(
    dead_letters: Annotated[
        bool, typer.Option("--dead-letters", help="Delete the dead letters, and leave the intake alone.")
    ] = False,
    yes: Yes = False,
    json: Json = False,
) -> None:
    """Empty the intake for good. Who was in it has to ask for a new ticket; who is in line keeps the place."""
    from loginq.cli import console
    from loginq.cli.session import open_session
    from loginq.service.operations import acts as operating

    session = open_session()
    session.announce()
    confirm("Delete every dead letter?" if dead_letters else "Empty the intake, and make its tickets void?", yes)
    work = operating.purge_dead_letters if dead_letters else operating.purge
    gone = work(session.queue, session.caller)
    if json:
        console.document(
            {"target": session.name, "purged": "dead_letters" if dead_letters else "intake", "about": gone}
        )
    else:
        what = "dead letters are deleted" if dead_letters else "tickets in the intake are void; their players ask anew"
        console.done(f"About {gone:,} {what}.")


@app.command(**example("loginq queue audit --limit 20"))
def audit(limit: Limit = 50, json: Json = False) -> None:
    """Show who changed what, when, from what to what; the newest first."""
    from loginq.cli import console
    from loginq.cli.session import open_session
    from loginq.service.store.audit import actions

    found = actions(open_session().queue, limit)
    if json:
        console.document([action.document() for action in found])
        return
    console.table(
        ["when", "who", "what", "from", "to"],
        [(console.moment(a.at), a.name, a.what, a.before or None, a.after or None) for a in found],
        empty="Nobody has changed anything yet.",
    )


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
