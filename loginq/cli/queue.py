"""`loginq queue`: the line and the intake."""

from collections.abc import Callable, Iterator, Sequence
from functools import partial
from typing import Annotated

import typer

from loginq.cli import console
from loginq.cli.asking import AUDIT
from loginq.cli.audit import Limit, audit, note
from loginq.cli.command import Found, command, group, listed
from loginq.cli.history import history
from loginq.cli.irreversible import Loss, confirm_loss, counted
from loginq.cli.lists import say_more
from loginq.cli.options import Json, Yes
from loginq.cli.rebuild import rebuild
from loginq.cli.reset import reset
from loginq.cli.session import Session, open_session
from loginq.cli.stats import stats
from loginq.cli.undo import undo
from loginq.cli.watch import run
from loginq.service.operations.dead_letters import DeadLetter, dead_letters
from loginq.service.operations.line_acts import Done
from loginq.service.operations.logs import last_error
from loginq.service.operations.operator import Operator
from loginq.service.rules.errors import Invalid
from loginq.service.rules.line import Line
from loginq.service.rules.rates import rate_text
from loginq.service.rules.times import iso
from loginq.service.store.intake import Letter

app = group("The line and the intake.")


command(app, "loginq queue stats --json")(stats)


@command(app, "loginq queue watch", "loginq queue watch --json")
def watch(json: Json = False) -> Iterator[Found]:
    """Watch the queue live: numbers, charts, and what needs attention.

    Ctrl-C ends it. With --json one document each second.
    """
    return run(open_session(), json=json)


@command(app, "loginq queue pause")
def pause() -> Found:
    """Let nobody more in, until `loginq queue resume`.

    Places are kept.
    """
    return _switch(Operator.pause, "Paused: nobody is let in; places are kept.", "It was paused already.")


@command(app, "loginq queue resume")
def resume() -> Found:
    """Let players in again, from where the line stopped.

    At the rate that holds now: a plan goes on in a pause.
    """
    return _switch(Operator.resume, "Resumed: the line moves on from where it stopped.", "It was not paused.", _pace)


def _pace(line: Line) -> str:
    then = f", and {rate_text(line.steps[0][1])} from {console.moment(line.steps[0][0])} on" if line.steps else ""
    return f" The rate is {rate_text(line.rate)}{then}."


command(app, "loginq queue undo", look=AUDIT)(undo)
command(app, "loginq queue rebuild --what-if", "loginq queue rebuild")(rebuild)
command(app, "loginq queue reset")(reset)


@command(app, "loginq queue close")
def close() -> Found:
    """Give no new tickets, until `loginq queue open`.

    Who has a place keeps it, and the line moves.
    """
    return _switch(Operator.close, "Closed: nobody new gets a ticket; the line moves on.", "It was closed already.")


@command(app, "loginq queue open")
def open_() -> Found:
    """Give new tickets again."""
    return _switch(Operator.open, "Open: everybody can get a ticket.", "It was open already.")


@command(app, 'loginq queue message "Servers are warming up"', "loginq queue message --clear")
def message(
    text: Annotated[str | None, typer.Argument(help="What they see, up to 200 bytes; left out, it is shown.")] = None,
    clear: Annotated[bool, typer.Option("--clear", help="Take the notice away.")] = False,
) -> Found:
    """Show every waiting player a notice, with the next poll."""
    if clear and text is not None:
        raise Invalid("A text and --clear exclude each other.", "Give one of them.")
    if text is not None and not text.strip():
        raise Invalid("The message is empty.", "To take it away, use `loginq queue message --clear`.")
    session = open_session()
    if text is None and not clear:
        now = session.queue.lines.read().message
        none = 'There is no message. Set one with `loginq queue message "…"`.'
        drawn = partial(console.lines, [now]) if now else partial(console.say, none)
        return Found({"target": session.name, "message": now}, drawn)
    session.announce()
    done = session.operator.say(text or "")
    if done.line.message:
        said = f"Waiting players see: {done.line.message}"
    else:
        said = "Waiting players see no message." if done.act.changed else "There was no message."
    document = {"target": session.name, "message": done.line.message, "changed": done.act.changed}
    return Found(document, partial(console.done, said))


@command(app, "loginq queue peek --limit 20")
def peek(limit: Annotated[int, typer.Option(min=1, max=500, help="How many at most.")] = 10) -> Found:
    """Look at what sits in the intake, without taking it.

    Each look hides the messages from placing for a moment.
    """
    session = open_session()
    total = session.queue.intake.depth().total
    letters = session.queue.intake.peek(limit)
    items = [
        {
            "id": letter.id,
            "sent_at": iso(letter.sent_at),
            "received": letter.received,
            "player": letter.ticket.sub if letter.ticket else None,
            "synthetic": letter.ticket.synthetic if letter.ticket else None,
        }
        for letter in letters
    ]
    total = max(total, len(items))
    return listed(session.name, items, partial(_draw_intake, letters, session.queue.clock(), total), total)


def _draw_intake(letters: Sequence[Letter], t: int, total: int) -> None:
    """`total`: about how many there are."""
    console.table(
        ["sent", "age", "deliveries", "player", ""],
        [
            (
                console.moment(letter.sent_at),
                console.duration(max(0, t - letter.sent_at)),
                letter.received,
                letter.ticket.sub if letter.ticket else f"not a ticket: {letter.body[:60]}",
                "synthetic" if letter.ticket and letter.ticket.synthetic else "",
            )
            for letter in letters
        ],
        numbers=["age", "deliveries"],
        empty="The intake is empty. Whose ticket is not in line either, sends it again with the next polls.",
    )
    say_more(len(letters), total)


@command(app, "loginq queue dlq")
def dlq(limit: Limit = 20) -> Found:
    """List the dead letters, each with why it died.

    They stay.
    """
    session = open_session()
    queue = session.queue
    found = dead_letters(queue, limit, lambda: last_error(lambda: session.logs, "process_login_queue", queue.clock()))
    total = max(queue.intake.dead_letters(), len(found))
    return listed(session.name, [each.document() for each in found], partial(_draw_dead, found, total), total)


def _draw_dead(found: Sequence[DeadLetter], total: int) -> None:
    """`total`: about how many there are."""
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
    say_more(len(found), total)
    if found:
        console.say(
            "`loginq queue redrive` puts tickets back into the intake; `loginq queue purge --dead-letters` deletes all."
        )


@command(app, "loginq queue redrive")
def redrive() -> Found:
    """Put the dead letters that are tickets back into the intake."""
    session = open_session()
    session.announce()
    there, back, left = session.queue.intake.dead_letters(), 0, 0
    if there:
        with console.progress("Putting back", there) as advance:
            for moved, kept in session.operator.redrive():
                back, left = back + moved, left + kept
                advance(moved + kept)
    stay = f"; {left:,} are no tickets and stay: see `loginq queue dlq`" if left else ""
    said = f"{back:,} tickets are back in the intake{stay}." if there else "There are no dead letters."
    return Found({"target": session.name, "put_back": back, "left": left}, partial(console.done, said))


@command(app, "loginq queue purge --yes", look=AUDIT)
def purge(
    dead_letters: Annotated[
        bool, typer.Option("--dead-letters", help="Delete the dead letters, and leave the intake alone.")
    ] = False,
    yes: Yes = False,
) -> Found:
    """Empty the intake for good.

    Who was in it has to ask for a new ticket; who is in line keeps the place.
    """
    session = open_session()
    session.announce()
    confirm_loss(session.name, partial(_loss, session, dead_letters), yes)
    work = Operator.purge_dead_letters if dead_letters else Operator.purge
    gone = work(session.operator)
    what = "dead letters are deleted" if dead_letters else "tickets in the intake are void; their players ask anew"
    document = {"target": session.name, "purged": "dead_letters" if dead_letters else "intake", "about": gone}
    return Found(document, partial(console.done, f"About {gone:,} {what}."))


def _loss(session: Session, dead_letters: bool) -> Loss:
    counts, harms = counted(session)
    if dead_letters:
        return Loss(
            "Delete the dead letters", [f"about {session.queue.intake.dead_letters():,} of them", *counts], harms
        )
    return Loss("Empty the intake, and make its tickets void", counts, harms)


command(app, "loginq queue audit --limit 20", "loginq queue audit --what rate --since 2h")(audit)
command(app, "loginq queue history --since 2h", "loginq queue history night.csv")(history)
command(app, 'loginq queue note "EU-2 restarted"', look=AUDIT)(note)


def _switch(
    operation: Callable[[Operator], Done], now_true: str, was_so: str, more: Callable[[Line], str] = lambda line: ""
) -> Found:
    session = open_session()
    session.announce()
    made = operation(session.operator)
    document = {"target": session.name, "state": made.line.line_state, "changed": made.act.changed}
    return Found(document, partial(console.done, (now_true if made.act.changed else was_so) + more(made.line)))
