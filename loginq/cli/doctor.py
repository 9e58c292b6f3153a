"""`loginq doctor`: is everything in place, and does AWS allow the launch that is planned."""

from collections.abc import Sequence
from functools import partial
from itertools import chain
from typing import Annotated

import typer

from loginq.cli import console
from loginq.cli.command import Found, alone, command
from loginq.cli.options import count
from loginq.cli.session import open_session
from loginq.doctor import lock
from loginq.doctor.checks import Finding, Patient, Verdict, examine
from loginq.doctor.door import examine_door
from loginq.doctor.readiness import examine_launch
from loginq.service.rules.errors import Invalid
from loginq.service.rules.times import parse_duration

app = alone()


@command(app, "loginq doctor", "loginq doctor --players 200000 --within 10m")
def doctor(
    players: Annotated[
        int | None,
        typer.Option(parser=count(10_000_000, least=1), metavar="N", help="How many are expected at the launch: 200k."),
    ] = None,
    within: Annotated[str | None, typer.Option(help="Within what time: 10m.")] = None,
) -> Found:
    """Check that everything is in place.

    With --players and --within, that AWS allows the launch, too.

    Ends with 1 when something is bad.
    """
    if (players is None) != (within is None):
        raise Invalid("--players and --within go together.", "Like `loginq doctor --players 200000 --within 10m`.")
    length = parse_duration(within) if within else 0
    session = open_session()
    patient = Patient(session.target, session.aws, session.queue, session.stack)
    found = []
    with console.progress("Examining", None) as advance:
        for finding in chain(examine(patient), lock.examine(patient), examine_door(patient)):
            found.append(finding)
            advance(1, finding.what)
        if players is not None:
            for finding in examine_launch(patient, players, length):
                found.append(finding)
                advance(1, finding.what)
    bad = [finding for finding in found if finding.verdict is Verdict.BAD]
    document = {"target": session.name, "healthy": not bad, "findings": [each.document() for each in found]}
    return Found(document, partial(_draw, session.name, found), ok=not bad)


def _draw(name: str, found: Sequence[Finding]) -> None:
    console.table(
        ["", "what", "how it is", "what to do"],
        [(console.Mark[each.verdict.name], each.what, each.says, each.do) for each in found],
        empty="",
    )
    bad, warned = (sum(each.verdict is verdict for each in found) for verdict in (Verdict.BAD, Verdict.WARN))
    console.say(f"{name}: {bad} bad, {warned} to look at, {len(found)} checked.")
