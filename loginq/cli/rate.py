"""`loginq rate`: how fast players are let in."""

from typing import Annotated

import typer

from loginq.cli.options import Json, example, group

app = group("How fast players are let in.")


@app.command(**example("loginq rate show"))
def show(json: Json = False) -> None:
    """Show the admission rate, and what comes through."""
    from loginq.cli import console
    from loginq.cli.session import open_session
    from loginq.service.rates import rate_text
    from loginq.service.stats import snapshot

    session = open_session()
    now = snapshot(session.queue)
    if json:
        console.document({"target": session.name, **now.document("")["rate"]})
        return
    console.facts(
        f"rate · {session.name}",
        [
            ("asked", rate_text(now.line.rate_at(now.t))),
            ("burst", f"{now.line.burst:,} players"),
            ("admitted", f"{now.admitted:,} in the last minute, {now.admitted_per_second:.1f}/s"),
        ],
    )


@app.command(
    name="set",
    context_settings={"ignore_unknown_options": True},  # so that -5 is a rate, if a bad one
    **example("loginq rate set 50", "loginq rate set 3000/min --capacity 20000"),
)
def set_(
    rate: Annotated[str | None, typer.Argument(help="Players per second, or with a unit: 50, 50/s, 3000/min.")] = None,
    burst: Annotated[
        int | None, typer.Option(min=0, help="How far the gate may run ahead; one second of the rate if left out.")
    ] = None,
    capacity: Annotated[
        str | None, typer.Option(help="The most players in the game at once, or `none` for no such limit.")
    ] = None,
    in_game: Annotated[
        int | None, typer.Option(min=0, help="Correct how many are in the game, when a game server died.")
    ] = None,
    json: Json = False,
) -> None:
    """Set the admission rate, the capacity, or both. It holds everywhere within a second."""
    from loginq.cli import console
    from loginq.cli.session import open_session
    from loginq.service.errors import Invalid
    from loginq.service.operating import Done, set_capacity, set_in_game, set_rate
    from loginq.service.rates import parse_rate

    if burst is not None and rate is None:
        raise Invalid("--burst goes with a rate.", "Give both, like `loginq rate set 50 --burst 10`.")
    if rate is None and capacity is None and in_game is None:
        raise Invalid("There is nothing to set.", "Give a rate, --capacity or --in-game.")
    wanted = None if rate is None else parse_rate(rate)
    limit = _capacity(capacity)
    session = open_session()
    session.announce()
    made: dict[str, Done] = {}
    if wanted is not None:
        made["rate"] = set_rate(session.queue, session.caller, wanted, burst)
    if capacity is not None:
        made["capacity"] = set_capacity(session.queue, session.caller, limit)
    if in_game is not None:
        made["number in the game"] = set_in_game(session.queue, session.caller, in_game)
    if json:
        line = list(made.values())[-1].line
        rate_now = {"per_second": line.rate / 1_000, "burst": line.burst, "capacity": line.capacity}
        changed = any(done.changed for done in made.values())
        console.document({"target": session.name, "rate": rate_now, "changed": changed})
        return
    for what, done in made.items():
        if done.changed:
            console.done(f"The {what} is {done.after} now; it was {done.before}.")
        else:
            console.done(f"The {what} was {done.after} already.")


def _capacity(text: str | None) -> int | None:
    """The capacity that was written; None for `none`."""
    from loginq.service.errors import Invalid

    if text is None or text == "none":
        return None
    if not (text.isascii() and text.isdigit()):
        raise Invalid(f"{text!r} is not a capacity.", "Write it like 20000, or `none`.")
    return int(text)
