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
    **example("loginq rate set 50", "loginq rate set 3000/min --burst 100"),
)
def set_(
    rate: Annotated[str, typer.Argument(help="Players per second, or with a unit: 50, 50/s, 3000/min.")],
    burst: Annotated[
        int | None, typer.Option(min=0, help="How far the gate may run ahead; one second of the rate if left out.")
    ] = None,
    json: Json = False,
) -> None:
    """Set the admission rate. It holds everywhere within a second."""
    from loginq.cli import console
    from loginq.cli.session import open_session
    from loginq.service.operating import set_rate
    from loginq.service.rates import parse_rate

    wanted = parse_rate(rate)
    session = open_session()
    session.announce()
    made = set_rate(session.queue, session.caller, wanted, burst)
    if json:
        rate_now = {"per_second": made.line.rate / 1_000, "burst": made.line.burst}
        console.document({"target": session.name, "rate": rate_now, "changed": made.changed})
    elif made.changed:
        console.done(f"The rate is {made.after} now; it was {made.before}.")
    else:
        console.done(f"The rate was {made.after} already.")
