"""`loginq doctor`: is everything in place, and does AWS allow the launch that is planned."""

from collections.abc import Iterator, Sequence
from functools import partial
from itertools import chain
from pathlib import Path
from typing import Annotated

import typer

from loginq.cli import console, live
from loginq.cli.advice import advice, draw
from loginq.cli.command import Found, alone, command
from loginq.cli.lists import paged
from loginq.cli.options import Yes, count
from loginq.cli.session import open_session
from loginq.doctor import domain, edge, lock, provider, servers, taken
from loginq.doctor.checks import Finding, Patient, Verdict, examine
from loginq.doctor.door import examine_door
from loginq.doctor.readiness import examine_launch
from loginq.service.rules.errors import Invalid
from loginq.service.rules.times import parse_duration

app = alone()

_ORDER = (Verdict.BAD, Verdict.UNKNOWN, Verdict.WARN, Verdict.OK)


@command(app, "loginq doctor", "loginq doctor --players 200000 --within 10m", "loginq doctor --live")
def doctor(
    players: Annotated[
        int | None,
        typer.Option(parser=count(10_000_000, least=1), metavar="N", help="How many are expected at the launch: 200k."),
    ] = None,
    within: Annotated[str | None, typer.Option(help="Within what time: 10m.")] = None,
    all_: Annotated[bool, typer.Option("--all", help="Show also what is well, one by one.")] = False,
    is_live: Annotated[
        bool, typer.Option("--live", help="Prove it: a player's way, each function, each alarm.")
    ] = False,
    report: Annotated[Path | None, typer.Option(help="Where to keep the result of --live: a file, as JSON.")] = None,
    token_stdin: Annotated[
        bool, typer.Option("--token-stdin", help="For --live: an ID token of who plays, where accounts are elsewhere.")
    ] = False,
    yes: Yes = False,
) -> Found | Iterator[Found]:
    """Check that everything is in place.

    With --players and --within, that AWS allows the launch, too. What is bad comes first. --live proves it from outside
    within some minutes, and puts everything back; where real players wait, or came in within the hour, it wants the
    stack's name.

    Ends with 1 when something is bad.
    """
    if is_live or report is not None or token_stdin:
        is_alone = is_live and players is None and within is None
        return live.run(report, yes, is_alone=is_alone, token_stdin=token_stdin)
    if (players is None) != (within is None):
        raise Invalid("--players and --within go together.", "Like `loginq doctor --players 200000 --within 10m`.")
    length = parse_duration(within) if within else 0
    session = open_session()
    found = _examined(Patient(session.target, session.aws, session.queue, session.stack), players, length)
    bad = [finding for finding in found if finding.verdict is Verdict.BAD]
    document = {"target": session.name, "healthy": not bad, "findings": [each.document() for each in found]}
    return Found(document, partial(_draw, session.name, found, all_), ok=not bad)


def _examined(patient: Patient, players: int | None, within: int) -> list[Finding]:
    """Everything, and the launch of so many players, `within` ms, where one is planned."""
    found, others = list[Finding](), (provider, domain, taken, edge, lock, servers)
    launch = () if players is None else examine_launch(patient, players, within)
    with console.progress("Examining", None) as advance:
        for finding in chain(
            examine(patient), *(each.examine(patient) for each in others), examine_door(patient), launch
        ):
            found.append(finding)
            advance(1, finding.what)
    return found


def _draw(name: str, found: Sequence[Finding], all_: bool) -> None:
    """What is bad first, so that it is on the screen; what is well as one line, unless all of it is wanted."""
    by = {verdict: [each for each in found if each.verdict is verdict] for verdict in _ORDER}
    shown = [each for verdict in _ORDER for each in by[verdict] if all_ or verdict is not Verdict.OK]
    advised = [advice(console.Mark[each.verdict.name], [each.says, each.do], each.what) for each in shown]
    if by[Verdict.OK] and not all_:
        advised.append(console.cell(console.Mark.OK) + console.text(f" {len(by[Verdict.OK])} ok; --all shows them"))
    paged(partial(draw, *advised))
    bad = by[Verdict.BAD]
    names = f" ({', '.join(each.what for each in bad)})" if bad else ""
    rest = len(by[Verdict.WARN]) + len(by[Verdict.UNKNOWN])
    console.say(f"{name}: {len(bad)} bad{names}, {rest} to look at, {len(found)} checked.")
