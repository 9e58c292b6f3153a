"""`loginq rate`: how fast players are let in, now and later, and what a change would do before it is made."""

from collections.abc import Callable, Sequence
from functools import partial
from typing import Annotated, Any

import typer

from loginq.cli import console
from loginq.cli.asking import ASKING, AUDIT
from loginq.cli.chart import Chart, Series
from loginq.cli.command import Found, command, group
from loginq.cli.far import effect, far
from loginq.cli.irreversible import Loss, confirm_loss, counted
from loginq.cli.options import Yes, confirm, count
from loginq.cli.session import Session, open_session
from loginq.cli.what_if import foresee, shown
from loginq.service.operations.line_acts import Done
from loginq.service.operations.stats import snapshot
from loginq.service.rules import plan
from loginq.service.rules.errors import Invalid
from loginq.service.rules.gate import Step
from loginq.service.rules.line import MAX_RATE, Line
from loginq.service.rules.measure import Snapshot
from loginq.service.rules.numbers import MOST_PLAYERS, parse_capacity
from loginq.service.rules.rates import UNLIMITED, parse_rate, peak, rate_from, rate_text, steps_text
from loginq.service.rules.times import iso, parse_duration, parse_moment

app = group("How fast players are let in.")

At = Annotated[str | None, typer.Option("--at", help="When: 18:00, or 2026-11-25T18:00; your own time zone.")]
In = Annotated[str | None, typer.Option("--in", help="In how long: 90s, 10m, 1h30m.")]
Burst = Annotated[
    int | None,
    typer.Option(min=0, max=1_000_000, help="How far the gate may run ahead; one second of the rate if left out."),
]
Capacity = Annotated[
    str | None, typer.Option(help="The most players in the game at once, or `none` for no such limit.")
]
InGame = Annotated[
    int | None,
    typer.Option(
        parser=count(MOST_PLAYERS), metavar="N", help="Correct how many are in the game, when a game server died."
    ),
]
KeepPlan = Annotated[bool, typer.Option("--keep-plan", help="Leave planned steps as they are.")]
WhatIf = Annotated[bool, typer.Option("--what-if", help="Change nothing; show what it would do, beside what is.")]
_Change = tuple[str, Callable[[Line, int], Line], Callable[[], Done]]
"""What is changed, what that makes of a line, and doing it."""


def asked(now: Snapshot) -> str:
    """The rate that is asked for, and since when it is by plan."""
    rate = rate_text(now.line.rate_at(now.t))
    return rate if now.planned_since is None else f"{rate} by plan since {console.moment(now.planned_since)}"


@command(app, "loginq rate show")
def show() -> Found:
    """Show the admission rate, what comes through, and what is planned."""
    session = open_session()
    now = snapshot(session.queue)
    return Found({"target": session.name, **now.document("")["rate"]}, partial(_draw, session.name, now))


def _draw(name: str, now: Snapshot) -> None:
    line, t = now.line, now.t
    steps = [step for step in line.steps if step[0] > t]
    facts: list[tuple[str, object]] = [
        ("asked", asked(now)),
        ("burst", f"{line.burst:,} players"),
        ("capacity", "no limit" if line.capacity is None else f"{line.capacity:,} in the game"),
        ("gate", f"{rate_text(line.passing(t))} pass"),
        ("admitted", f"{now.admitted:,} in the last minute, {now.admitted_per_second:.1f}/s"),
    ]
    if line.max_rate:
        facts.insert(1, ("at most", f"{rate_text(line.max_rate)}, the stack's MaxRate"))
    facts += [("then" if n else "planned", each) for n, each in enumerate(steps_text(steps, console.moment))]
    console.facts(f"rate · {name}", facts)
    if steps:
        console.draw(_plan_chart(line.rate_at(t), steps, t))
    if line.paused:
        console.say("The line is paused: the plan holds again after `loginq queue resume`.")


@command(
    app,
    "loginq rate set 50",
    "loginq rate set 3,000/min --in 10m",
    "loginq rate set +10% --what-if",
    context_settings={"ignore_unknown_options": True},  # so that -5 is a rate, if a bad one
)
def set_(
    rate: Annotated[
        str | None,
        typer.Argument(help="Players per second, or with a unit: 50, 3,000/min; +10%, x2; unlimited."),
    ] = None,
    at: At = None,
    in_: In = None,
    burst: Burst = None,
    capacity: Capacity = None,
    in_game: InGame = None,
    keep_plan: KeepPlan = False,
    what_if: WhatIf = False,
    yes: Yes = False,
) -> Found:
    """Set the admission rate, now or later, or the capacity.

    A change holds everywhere within a second. What is set now holds: planned steps are dropped unless --keep-plan. More
    than three times the rate that is, or less than a third of it, is asked about.
    """
    later = at is not None or in_ is not None
    if keep_plan and (later or rate is None):
        raise Invalid("--keep-plan goes with a rate that holds from now on.", "A planned one drops no others.")
    _check_together(rate, later, burst, capacity, in_game, what_if)
    limit = parse_capacity(capacity)
    session = open_session()
    changes: list[_Change] = []
    if capacity is not None:
        changes.append(_larger(session, limit))
    if in_game is not None:
        changes.append(_corrected(session, in_game))
    steps: list[Step] = []
    if rate is not None:  # last, so that `undo` takes it back first, as the answer says
        steps = [_step(session, rate, at, in_)]
        if later:
            changes.append(_planned(session, lambda line, t: plan.planning(line, t, steps)))
        else:
            changes.append(_faster(session, steps[0][1], burst, keep_plan))
    return _make(session, changes, what_if, steps, yes, unlimited=rate == UNLIMITED)


def _step(session: Session, rate: str, at: str | None, in_: str | None) -> Step:
    """When the rate that is written begins, by the clock of AWS, and what it is where the line says of what."""
    when = _moment(session, at, in_) if at is not None or in_ is not None else None
    line = session.queue.lines.read()
    when = session.queue.clock() if when is None else when
    return when, rate_from(rate, line.rate_at(when), line.max_rate or MAX_RATE)


def _check_together(
    rate: str | None, later: bool, burst: int | None, capacity: str | None, in_game: int | None, what_if: bool
) -> None:
    """Raises `Invalid`, before anything is asked, for options that make no sense together and for what is no rate."""
    if (burst is not None or later) and rate is None:
        raise Invalid("--burst, --at and --in go with a rate.", "Give both, like `loginq rate set 50 --burst 10`.")
    if rate is None and capacity is None and in_game is None:
        raise Invalid("There is nothing to set.", "Give a rate, --capacity or --in-game.")
    if later and burst is not None:
        raise Invalid("--burst cannot be planned.", "Set it when the rate is there.")
    if what_if and in_game is not None:
        raise Invalid("--in-game corrects a number; there is nothing to foresee.", "Leave one of the two out.")
    if rate is not None and rate_from(rate, 1_000, MAX_RATE) != rate_from(rate, 2_000, MAX_RATE):
        ASKING.look = AUDIT  # it is by what is


def _faster(session: Session, wanted: int, burst: int | None, keep_plan: bool) -> _Change:
    return (
        "rate",
        lambda line, t: plan.setting(line, t, wanted, burst, keep_plan=keep_plan),
        lambda: session.operator.set_rate(wanted, burst, keep_plan=keep_plan),
    )


def _larger(session: Session, limit: int | None) -> _Change:
    return (
        "capacity",
        lambda line, t: line.set_capacity(t, limit),
        lambda: session.operator.set_capacity(limit),
    )


def _corrected(session: Session, in_game: int) -> _Change:
    return (
        "number in the game",
        lambda line, t: line,
        lambda: session.operator.set_in_game(in_game),
    )


@command(app, "loginq rate ramp 50 500 --over 30m", "loginq rate ramp 50 500 --over 30m --at 18:00")
def ramp(
    start: Annotated[str, typer.Argument(help="The rate to begin with.")],
    end: Annotated[str, typer.Argument(help="The rate to end with.")],
    over: Annotated[str, typer.Option(help="How long the way takes: 30m, 1h.")],
    at: At = None,
    in_: In = None,
    what_if: WhatIf = False,
    yes: Yes = False,
) -> Found:
    """Plan a rate that climbs, or falls, in even steps.

    It begins now unless --at or --in says when.
    """
    first, last, length = parse_rate(start), parse_rate(end), parse_duration(over)
    session = open_session()
    begin = _moment(session, at, in_) if at is not None or in_ is not None else None
    change = _planned(session, lambda line, t: plan.ramping(line, t, first, last, begin, length))
    starts = session.queue.clock() if begin is None else begin
    return _make(session, [change], what_if, [(starts, first), (starts + length, last)], yes)


@command(app, "loginq rate clear")
def clear(what_if: WhatIf = False) -> Found:
    """Forget the planned steps; the rate stays as it is now."""
    session = open_session()
    return _make(session, [_planned(session, plan.clearing)], what_if)


def _planned(session: Session, change: Callable[[Line, int], Line]) -> _Change:
    return "plan", change, lambda: session.operator.plan(change)


def _moment(session: Session, at: str | None, in_: str | None) -> int:
    """The instant, ms, that --at or --in names, by the clock of AWS."""
    if at is not None and in_ is not None:
        raise Invalid("--at and --in exclude each other.", "Give one of them.")
    session.queue.lines.read()  # its answer's Date sets the clock right
    now = session.queue.clock()
    if at is not None:
        return parse_moment(at, now)
    return now + parse_duration(in_ or "")


def _make(
    session: Session,
    changes: list[_Change],
    what_if: bool,
    asked: Sequence[Step] = (),
    yes: bool = False,
    *,
    unlimited: bool = False,
) -> Found:
    """Make the changes and find what is true now, or what they would do.

    `asked`: the rates that were typed, and from when, each asked about where it is far from what is.
    """
    foreseen = foresee(session, [change for _, change, _ in changes])  # what is refused is so before anything is done
    if what_if:
        return shown(session, foreseen)
    session.announce()
    if unlimited:
        confirm_loss(session.name, lambda: Loss(effect(foreseen, asked[0]), counted(session)[0], harms=True), yes)
    elif step := far(foreseen.line, asked, session.queue.rules):
        confirm(f"{effect(foreseen, step)}. Go on?", yes)
    made = [(what, do()) for what, _, do in changes]
    line = made[-1][1].line
    steps = [{"at": iso(at), "per_second": rate / 1_000} for at, rate in line.steps]
    now = {"per_second": line.rate / 1_000, "burst": line.burst, "steps": steps, "capacity": line.capacity}
    changed = any(done.act.changed for _, done in made)
    return Found({"target": session.name, "rate": now, "changed": changed}, partial(_draw_made, made))


def _draw_made(made: list[tuple[str, Done]]) -> None:
    for what, done in made:
        if what == "plan":
            console.done(_plan_now(done) if done.act.changed else "That was planned already.")
        elif done.act.changed:
            before, after = done.act.words(console.moment)
            said = f"is {after} now; it was {before}" if before != after else f"stays at {after}"
            console.done(f"The {what} {said}.{_dropped(done) if what == 'rate' else ''}")
        else:
            console.done(f"The {what} was {done.act.words(console.moment)[1]} already.")


def _dropped(done: Done) -> str:
    """What became of the plan."""
    if done.line.steps:
        at, rate = done.line.steps[0]
        return f" By plan it is {rate_text(rate)} from {console.moment(at)} on."
    if not (steps := done.act.before["steps"]):
        return ""
    (at, rate), count = steps[0], len(steps)
    what = "The planned step is dropped" if count == 1 else f"{count} planned steps are dropped, the first"
    return f" {what}: {rate_text(rate)} from {console.moment(at)}. `loginq queue undo` puts that back."


def _plan_now(done: Done) -> str:
    line = done.line
    if not line.steps:
        stays = "stays at" if done.act.before["rate"] == line.rate else "is now"
        return f"Nothing is planned any more; the rate {stays} {rate_text(line.rate)}."
    (first, rate), count = line.steps[0], len(line.steps)
    text = f"The rate is {rate_text(line.rate)} until {console.moment(first)}, then {rate_text(rate)}"
    (last, end), top = line.steps[-1], peak(line.steps)
    most = f", at most {rate_text(top[1])} from {console.moment(top[0])}," if top else ""
    more = f", and on in {count} steps{most} to {rate_text(end)} at {console.moment(last)}" * (count > 1)
    return f"{text}{more}."


def _plan_chart(rate: int, steps: list[Step], t: int) -> Any:
    end = steps[-1][0] + max(60_000, (steps[-1][0] - t) // 10)
    points = [(t, rate / 1_000)]
    for at, planned in steps:
        points += [(at, points[-1][1]), (at, planned / 1_000)]
    return Chart(
        [Series("planned rate", [*points, (end, points[-1][1])])],
        x=lambda ms: console.moment(round(ms)),
        y=lambda r: f"{r:,.4g}/s",
    )
