"""`--what-if`: the line as it is and as it would be, run forward by the code that lets players in."""

from collections.abc import Callable, Sequence
from dataclasses import dataclass, replace
from functools import partial

from loginq.cli import console
from loginq.cli.chart import Chart, Series
from loginq.cli.command import Found
from loginq.cli.session import Session
from loginq.service.rules.errors import Invalid
from loginq.service.rules.forecast import Forecast, forecast
from loginq.service.rules.gate import Step
from loginq.service.rules.line import Line
from loginq.service.rules.outlook import is_wanted, promise
from loginq.service.rules.rates import rate_text

Change = Callable[[Line, int], Line]


@dataclass(frozen=True, slots=True)
class Foreseen:
    """The line as it is at `t`, as it would be, and how many tickets are in the intake behind it."""

    line: Line
    changed: Line
    t: int
    arriving: int


def foresee(session: Session, changes: Sequence[Change]) -> Foreseen:
    """What the changes would make of the line. Raises `Invalid` for what the line refuses."""
    line, depth = session.queue.lines.read(), session.queue.intake.depth()
    t = session.queue.clock()
    changed = line
    for change in changes:
        changed = _lawful(change, changed, t)
    return Foreseen(line, _promised(session, changed, t), t, depth.total)


def _promised(session: Session, line: Line, t: int) -> Line:
    """The line with what settling would promise by it to those for whom a full game has no place."""
    if not is_wanted(line):
        return replace(line, curve=None)
    return replace(line, curve=promise(session.queue.settlement.read(), line, session.queue.rules, t)[1])


def shown(session: Session, foreseen: Foreseen) -> Found:
    """Before and after, side by side."""
    before = forecast(foreseen.line, foreseen.t, foreseen.arriving)
    after = forecast(foreseen.changed, foreseen.t, foreseen.arriving)
    document = {"target": session.name, "before": before.document(), "after": after.document(), "changed": False}
    return Found(document, partial(_draw, foreseen, before, after))


def _draw(foreseen: Foreseen, before: Forecast, after: Forecast) -> None:
    rows: list[tuple[str, Callable[[Forecast], object]]] = [
        ("time to clear the line", lambda f: console.duration(f.clear)),
        ("last player in", lambda f: console.moment(None if f.clear is None else f.t + f.clear)),
        *((f"wait left, p{share}", lambda f, share=share: console.duration(f.waits[share])) for share in before.waits),
        ("newcomer waits", lambda f: console.duration(f.newcomer)),
    ]
    console.table(
        [f"{before.waiting:,} waiting", "as it is", "what if"],
        [(name, value(before), value(after)) for name, value in rows],
        empty="",
        numbers=["as it is", "what if"],
    )
    if before.waiting:
        console.draw(_drain_chart(before, after))
    console.say("Nothing was changed." + _plan(foreseen) + _why_unknown(foreseen.changed, after))


def _plan(foreseen: Foreseen) -> str:
    """What would become of the steps that are planned, and that these changes do not plan anew."""
    there, would = ([step for step in line.steps if step[0] > foreseen.t] for line in (foreseen.line, foreseen.changed))
    dropped = [step for step in there if step not in would]
    if dropped:
        which = "The planned step" if len(dropped) == 1 else f"{len(dropped)} planned steps"
        return f" {which} would be dropped{', the first' if len(dropped) > 1 else ''}: {_step(dropped[0])}."
    return f" By plan it would be {_step(would[0])} on." if would and would == there else ""


def _step(step: Step) -> str:
    return f"{rate_text(step[1])} from {console.moment(step[0])}"


def _lawful(change: Change, line: Line, t: int) -> Line:
    """What the line itself refuses is a user's mistake here, as it is when the change is made."""
    try:
        return change(line, t)
    except ValueError as exc:
        raise Invalid(f"{str(exc).capitalize()}.") from exc


def _why_unknown(line: Line, after: Forecast) -> str:
    if after.clear is not None:
        return ""
    if line.paused:
        return " The line is paused: there is no honest time until it is resumed."
    if line.limit < line.tail:
        return " The game is full before the line is clear: the rest waits for players to leave."
    return " The rate ends at 0."


def _drain_chart(before: Forecast, after: Forecast) -> Chart:
    series = [Series(name, f.drain) for name, f in (("as it is", before), ("what if", after))]
    return Chart(series, x=lambda ms: console.duration(round(ms)), y=lambda n: f"{n:,.0f}")
