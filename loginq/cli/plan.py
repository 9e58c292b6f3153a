"""What a deploy would change, so that it can be judged: parameters, resources and why, access, tags, who waits."""

from collections.abc import Iterable, Sequence
from dataclasses import asdict
from functools import partial
from typing import Any

from loginq.cli import console
from loginq.cli.lists import paged
from loginq.deploy.changes import Change, Reason
from loginq.deploy.deployment import Deployment
from loginq.deploy.effects import Difference
from loginq.deploy.plan import Crowd, Plan
from loginq.deploy.triggers import MINUTES, Alarm
from loginq.service.rules.errors import LoginqError

_REPLACED = {"True": "yes", "Conditional": "perhaps"}
_BUNDLE = slice(7, 19)
"""The letters of a bundle's key that tell it from others."""


def crowd_of(deployment: Deployment, plan: Plan) -> Crowd | None:
    """Who waits and who plays; None where nothing runs or changes, and where it cannot be seen, which is said."""
    if not plan.update or plan.is_current:
        return None
    try:
        return deployment.crowd()
    except LoginqError as exc:
        console.say(f"How many players wait could not be seen: {exc.message}")
        return None


def report(plan: Plan, crowd: Crowd | None) -> dict[str, Any]:
    """The same as `show`, for programs."""
    resources = [
        {
            "action": each.action,
            "resource": each.logical_id,
            "type": each.type,
            "replaced": _replaced(each),
            "access": each.is_access,
            "reasons": [asdict(reason) for reason in each.reasons],
        }
        for each in plan.changes
    ]
    return {
        "update": plan.update,
        "changes": len(plan.changes),
        "parameters": [asdict(each) for each in plan.differences],
        "resources": resources,
        "tags": [{"key": key, "before": before, "after": after} for key, before, after in plan.tags],
        "waiting": crowd and crowd.waiting,
        "in_game": crowd and crowd.in_game,
        "triggers": [each.name for each in plan.guard.armed],
        "ringing": [each.name for each in plan.guard.ringing],
    }


def show(deployment: Deployment, plan: Plan, crowd: Crowd | None, yes: bool) -> None:
    """The plan, on stderr, before the question about it: from its top where it is longer than the screen, unless `yes`
    says that nobody reads it first.
    """
    draw = partial(_draw, deployment, plan, crowd)
    if yes:
        draw()
    else:
        paged(draw, "stderr")


def _draw(deployment: Deployment, plan: Plan, crowd: Crowd | None) -> None:
    _show_parameters(plan)
    if plan.update:
        moved = [each for each in plan.changes if not each.follows and not each.is_tagged]
        _show_resources([each for each in moved if not each.is_access], "resources")
        _show_resources([each for each in moved if each.is_access], "who may do what")
        _show_followers([each.logical_id for each in plan.changes if each.follows])
    else:
        _show_new(plan.changes)
    if any(each.type == "AWS::CloudFront::Distribution" and not each.follows for each in plan.changes):
        console.say(
            "CloudFront takes some minutes to make, change or take away the edge; players are served meanwhile."
        )
    if plan.tags:
        tags = [(key, before, after) for key, before, after in plan.tags]
        console.table(["tag", "is", "will be"], tags, empty="", to_stderr=True)
    if tagged := [each for each in plan.changes if each.is_tagged]:
        console.say(f"At {_count(len(tagged), 'more resource')} only the tags change.")
    if plan.update and not plan.is_current and not deployment.is_local:
        _show_guard(plan)
    if crowd:
        console.say(f"{_words(crowd)} now.")


def question(plan: Plan, crowd: Crowd | None) -> str:
    """What is asked about a plan."""
    asked = f"Apply {_count(len(plan.changes), 'change')}" if plan.changes else "Apply this, without resource changes,"
    kind = next((each.after for each in plan.differences if each.name == "SessionReports"), None)
    if kind and crowd and crowd.in_game:
        asked = f"{asked.rstrip(',')}, and go by the {kind} of game servers from then on,"
    while_ = [_words(crowd)] if crowd and (crowd.waiting or crowd.in_game) else []
    while_ += [f"{_names(plan.guard.ringing)} rings"] if plan.guard.ringing else []
    return f"{asked} while {' and '.join(while_)}?" if while_ else f"{asked.rstrip(',')}?"


def _words(crowd: Crowd) -> str:
    waits = "waits" if crowd.waiting == 1 else "wait"
    return (
        f"{crowd.waiting:,} {waits} in line and {crowd.in_game:,} {'is' if crowd.in_game == 1 else 'are'} in the game"
    )


def _show_parameters(plan: Plan) -> None:
    if plan.differences and not plan.is_current:
        columns = ["parameter", "is" if plan.update else "default", "will be"]
        rows = [((each.name, *_values(each)), f"{each.means} {each.effect}".rstrip()) for each in plan.differences]
        console.err().print(console.entries(columns, rows))


def _values(difference: Difference) -> tuple[str | None, str]:
    def shown(value: str | None) -> str | None:
        return value[_BUNDLE] if value and difference.name == "CodeKey" else "nothing" if value == "" else value

    return shown(difference.before), str(shown(difference.after))


def _show_new(changes: Sequence[Change]) -> None:
    counts: dict[str, int] = {}
    for change in changes:
        counts[change.type] = counts.get(change.type, 0) + 1
    rows = [("Add", kind, count) for kind, count in sorted(counts.items())]
    if rows:
        console.table(["action", "type", "resources"], rows, empty="", numbers=["resources"], to_stderr=True)


def _show_resources(changes: Sequence[Change], title: str) -> None:
    """Those that change in the same way for the same reasons as one, the gravest first."""
    alike: dict[tuple[str, str, str, tuple[Reason, ...]], list[str]] = {}
    for each in changes:
        alike.setdefault((each.action, each.kind, _replaced(each), each.own), []).append(each.logical_id)
    grave = ("yes", "perhaps", "no")
    rows = [
        ((action, kind, replaced, ", ".join(names)), "; ".join(map(str, reasons)))
        for (action, kind, replaced, reasons), names in sorted(
            alike.items(), key=lambda group: grave.index(group[0][2])
        )
    ]
    if rows:
        console.say("")
        console.err().print(console.entries(["action", "type", "replaced", title], rows))
    functions = [each for each in changes if (each.action, each.type) == ("Modify", "AWS::Lambda::Function")]
    if functions:
        console.say(f"{_count(len(functions), 'function')} begin anew: first calls take a second longer, places stay.")


def _show_followers(names: Sequence[str]) -> None:
    if names:
        console.say("")
        console.say(f"Also, but only if one of these is replaced: {', '.join(names)}.")


def _replaced(change: Change) -> str:
    return _REPLACED.get(change.replacement, "no")


def _show_guard(plan: Plan) -> None:
    guard = plan.guard
    if not guard.armed:
        console.say("No alarm takes this back.")
    else:
        names = _names(guard.armed)
        console.say(f"CloudFormation takes this back if one of these rings, also in the {MINUTES} min after: {names}.")
    for alarm in guard.ringing:
        armed = alarm.arn in {each.arn for each in guard.armed}
        then = "this will be taken back at once; plan it anew without it" if armed else "it cannot take this back"
        console.say(f"{_names([alarm])} rings already: {then}.")


def _names(alarms: Iterable[Alarm]) -> str:
    return ", ".join(each.name.removesuffix("Alarm") for each in alarms)


def _count(number: int, what: str) -> str:
    return f"{number:,} {what}{'' if number == 1 else 's'}"
