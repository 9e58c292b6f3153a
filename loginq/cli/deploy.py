"""`loginq deploy`: the stack, made or updated."""

from functools import partial
from typing import Annotated, Any

import typer

from loginq.cli import console
from loginq.cli.command import Found, alone, command
from loginq.cli.opening import name_of, open_deployment
from loginq.cli.options import Yes, confirm
from loginq.cli.parameters import parameters
from loginq.deploy import envfile, template
from loginq.deploy.deployment import Deployment, Plan
from loginq.deploy.tags import parse_tags
from loginq.service.operations.resolver import ENDPOINT, REGION, STACK, from_file
from loginq.service.rules.errors import LoginqError

app = alone()

Local = Annotated[bool, typer.Option("--local", help="The embedded emulator on this machine, started if need be.")]
Param = Annotated[
    list[str] | None, typer.Option("--param", metavar="K=V", help="A parameter of the template; repeatable.")
]
Tag = Annotated[list[str] | None, typer.Option("--tag", metavar="K=V", help="A tag of the stack; repeatable.")]


@command(app, "loginq deploy --param InitialRate=50", "loginq deploy --local", "loginq deploy --params")
def deploy(
    local: Local = False,
    param: Param = None,
    tag: Tag = None,
    params: Annotated[bool, typer.Option("--params", help="List the parameters, and do nothing.")] = False,
    dry_run: Annotated[bool, typer.Option("--dry-run", help="Stop after showing the changes.")] = False,
    yes: Yes = False,
) -> Found:
    """Deploy the queue, or update it.

    Shows what would change, asks, applies it, and writes .env.
    """
    if params:
        return parameters(local)
    given, given_tags = template.parse_parameters(param or []), parse_tags(tag or [])
    template.load().accept(given)
    deployment = open_deployment(local)
    if not dry_run:
        _claim(deployment, yes)
    plan = deployment.plan(given, console.say, given_tags=given_tags, dry_run=dry_run)
    report: dict[str, Any] = {"target": name_of(deployment), "changes": len(plan.changes), "applied": False}
    _show(plan)
    if plan.is_current:
        console.done(_current(plan))
    elif dry_run:
        deployment.withdraw(plan)
        console.done("Nothing was changed: this was a dry run.")
    else:
        _confirmed(deployment, plan, yes)
        apply(deployment, plan)
        report["applied"] = True
    if dry_run:
        return Found(report)
    report["outputs"] = _finish(deployment, report["applied"])
    return Found(report, partial(_draw, report["outputs"]))


def _claim(deployment: Deployment, yes: bool) -> None:
    """Ask before this folder gets another target than its `.env` names."""
    noted, _ = from_file(envfile.read())
    place, there = noted.get(ENDPOINT) or noted.get(REGION), deployment.aws.endpoint_url or deployment.region
    if STACK not in noted or (noted[STACK], place) == (deployment.stack.name, there):
        return
    console.say(f"This folder's .env names another target: {noted[STACK]}, {place}.")
    confirm(f"Make {deployment.stack.name}, {there}, this folder's target?", yes)


def _current(plan: Plan) -> str:
    if plan.tags:
        return "Nothing was changed: CloudFormation takes these tags only together with another change."
    return "No changes: what is deployed is what is here."


def _finish(deployment: Deployment, applied: bool) -> dict[str, str]:
    """Make what no template can, write `.env`, and tidy the bucket; what was written, without secrets."""
    try:
        deployment.start_line()
        target = deployment.target()
        envfile.write(target)
        if applied:
            deployment.tidy(console.say)
    except LoginqError as exc:
        if applied:
            exc.hint = f"The stack is up, but not all that it needs besides: run `loginq deploy` again. {exc.hint}"
        raise
    return {k: v for k, v in target.names().items() if "SECRET" not in k and "ACCESS_KEY" not in k}


def _draw(written: dict[str, str]) -> None:
    console.done("Written to .env:")
    console.lines(f"{name}={value}" for name, value in written.items())


def apply(deployment: Deployment, plan: Plan) -> None:
    """Apply a plan, with a bar of the resources that are done."""
    with console.progress("Updating" if plan.update else "Creating", len(plan.changes)) as advance:
        for event in deployment.apply(plan):
            is_done = event.status in ("CREATE_COMPLETE", "UPDATE_COMPLETE", "DELETE_COMPLETE")
            advance(is_done and event.type != "AWS::CloudFormation::Stack", event.logical_id)
    console.done(f"The stack {deployment.stack.name!r} is {'updated' if plan.update else 'up'}.")


def _show(plan: Plan) -> None:
    if plan.tags:
        tags = [(key, before, after) for key, before, after in plan.tags]
        console.table(["tag", "is", "will be"], tags, empty="", to_stderr=True)
    if not plan.changes:
        return
    if not plan.update:
        counts: dict[str, int] = {}
        for change in plan.changes:
            counts[change.type] = counts.get(change.type, 0) + 1
        rows: list[tuple[object, ...]] = [("Add", kind, count) for kind, count in sorted(counts.items())]
        console.table(["action", "type", "resources"], rows, empty="", numbers=["resources"], to_stderr=True)
        return
    rows = [
        (c.action, c.logical_id, c.type, {"True": "yes", "Conditional": "perhaps"}.get(c.replacement, ""))
        for c in plan.changes
    ]
    console.table(["action", "resource", "type", "replaced"], rows, empty="", to_stderr=True)


def _confirmed(deployment: Deployment, plan: Plan, yes: bool) -> None:
    """Ask; whatever stops this here leaves no change set behind."""
    try:
        confirm(f"Apply {len(plan.changes)} changes?" if plan.changes else "Apply this? No resource changes.", yes)
    except BaseException:
        deployment.withdraw(plan)
        raise
