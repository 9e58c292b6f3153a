"""`loginq deploy`: the stack, made or updated."""

from functools import partial
from typing import Annotated, Any

import typer

from loginq.cli import console
from loginq.cli.command import Found, alone, command
from loginq.cli.follow import follow
from loginq.cli.irreversible import Loss, confirm_loss, counted_in
from loginq.cli.opening import name_of, noted_target, open_deployment
from loginq.cli.options import Yes, confirm
from loginq.cli.parameters import parameters
from loginq.cli.plan import crowd_of, question, report, show
from loginq.deploy import domain, envfile, template
from loginq.deploy.deployment import Deployment, Plan
from loginq.deploy.deployments import Deployments
from loginq.deploy.kept import kept_plan
from loginq.deploy.provider import PARAMETER, switch
from loginq.deploy.stack import Busy
from loginq.deploy.tags import parse_tags
from loginq.service.rules.errors import Invalid, LoginqError

app = alone()

Local = Annotated[bool, typer.Option("--local", help="The embedded emulator on this machine, started if need be.")]
Param = Annotated[
    list[str] | None, typer.Option("--param", metavar="K=V", help="A parameter of the template; repeatable.")
]
Tag = Annotated[list[str] | None, typer.Option("--tag", metavar="K=V", help="A tag of the stack; repeatable.")]


@command(
    app,
    "loginq deploy --param InitialRate=50",
    "loginq deploy --dry-run",
    "loginq deploy --local",
    "loginq deploy --params",
)
def deploy(
    local: Local = False,
    param: Param = None,
    tag: Tag = None,
    params: Annotated[bool, typer.Option("--params", help="List the parameters, and do nothing.")] = False,
    dry_run: Annotated[bool, typer.Option("--dry-run", help="Stop after showing the changes, and keep them.")] = False,
    kept: Annotated[str | None, typer.Option("--apply", metavar="ID", help="Apply what a dry run kept.")] = None,
    no_triggers: Annotated[bool, typer.Option("--no-triggers", help="No alarm takes the update back.")] = False,
    yes: Yes = False,
) -> Found:
    """Deploy the queue, or update it.

    Shows what would change, asks, applies it, and writes .env.
    """
    if params:
        return parameters(local)
    given, given_tags = template.parse_parameters(param or []), parse_tags(tag or [])
    if kept is not None and (not kept or given or given_tags or dry_run or no_triggers):
        raise Invalid("--apply takes an ID that a dry run printed, and nothing beside it.", "Plan it with --dry-run.")
    template.load().accept(given)
    deployment = open_deployment(local)
    if not dry_run:
        claim(deployment, yes)
    plan = _planned(deployment, kept, given=given, given_tags=given_tags, dry_run=dry_run, triggers=not no_triggers)
    return _settled(deployment, plan, dry_run=dry_run, is_kept=kept is not None, yes=yes)


def _planned(deployment: Deployment, kept: str | None, **asked: Any) -> Plan:
    """The plan, behind a change that is under way: an earlier deploy whose command was ended, or somebody else's."""
    if kept is not None:
        return kept_plan(deployment.aws, deployment.stack, kept, console.say)
    try:
        return deployment.plan(say=console.say, **asked)
    except Busy as busy:
        if asked["dry_run"]:
            raise
        console.say(f"{busy.message} It is followed to its end first.")
        follow(deployment, deployment.pick_up(), "Following")
        console.done("That change is through.")
        return deployment.plan(say=console.say, **asked)


def _settled(deployment: Deployment, plan: Plan, *, dry_run: bool, is_kept: bool, yes: bool) -> Found:
    """Show the plan, and then keep it, ask about it and apply it, or say that there is nothing to do.

    Whatever ends this before it is kept or applied leaves no change set behind, but for one that was kept before.
    """
    try:
        crowd = crowd_of(deployment, plan)
        told: dict[str, Any] = {"target": name_of(deployment), **report(plan, crowd), "applied": False, "plan": None}
        show(deployment, plan, crowd, yes)
        if not (dry_run or plan.is_current):
            _ask(deployment, plan, question(plan, crowd), yes)
            deployment.stack.refuse_locked(deployment.stack.describe())
    except BaseException:
        if not is_kept:
            deployment.withdraw(plan)
        raise
    if plan.is_current:
        console.done(_current(plan))
    elif dry_run:
        told["plan"] = _keep(deployment, plan)
    else:
        apply(deployment, plan)
        told["applied"] = True
    if dry_run:
        return Found(told)
    told["outputs"] = _finish(deployment, plan, told["applied"])
    if record := domain.record(deployment.stack.outputs(), plan.parameters):
        told["record"] = record
    return Found(told, partial(_draw, told["outputs"], record))


def _ask(deployment: Deployment, plan: Plan, asked: str, yes: bool) -> None:
    """Whether to apply it; by the stack's name where that shuts out whoever has an account."""
    other = next((each for each in plan.differences if plan.update and each.name == PARAMETER), None)
    if other:
        shut = switch(other.before or "", other.after, plan.parameters["UserPoolId"])
        confirm_loss(name_of(deployment), lambda: Loss(shut, counted_in(deployment)[0], harms=True), yes)
    else:
        confirm(asked, yes)


def _keep(deployment: Deployment, plan: Plan) -> str | None:
    """Keep the change set of an existing stack, and say how it is applied; of a new stack nothing is left."""
    if not plan.update:
        deployment.withdraw(plan)
    console.done("Nothing was changed: this was a dry run.")
    if plan.update and plan.id:
        local = "--local " if deployment.is_local else ""
        console.say("As long as nobody deploys anything else, this applies exactly it:")
        console.say(f"  loginq deploy {local}--apply {plan.id}")
        return plan.id
    if not plan.is_foreseen:
        console.say("The plan of a new stack is not kept: `loginq deploy` makes it again.")
    return None


def claim(deployment: Deployment, yes: bool) -> None:
    """Ask before this folder gets another target than its `.env` names."""
    noted, same = noted_target(deployment)
    if noted and not same:
        console.say(f"This folder's .env names another target: {noted}.")
        confirm(f"Make {name_of(deployment)} this folder's target?", yes)


def _current(plan: Plan) -> str:
    if plan.tags:
        return "Nothing was changed: CloudFormation takes these tags only together with another change."
    return "No changes: what is deployed is what is here."


def _finish(deployment: Deployment, plan: Plan, applied: bool) -> dict[str, str]:
    """Make what no template can, write `.env`, note it, and tidy the bucket; what was written, without secrets."""
    try:
        deployment.start_line()
        target = deployment.target()
        envfile.write(target)
        Deployments(deployment).keep(console.say, plan.parameters if applied else None)
        if applied:
            deployment.tidy(console.say)
    except LoginqError as exc:
        if applied:
            exc.hint = f"The stack is up, but not all that it needs besides: run `loginq deploy` again. {exc.hint}"
        raise
    return {k: v for k, v in target.names().items() if "SECRET" not in k and "ACCESS_KEY" not in k}


def _draw(written: dict[str, str], record: str) -> None:
    console.done("Written to .env:")
    console.lines(f"{name}={value}" for name, value in written.items())
    if record:
        console.say("Clients find it there once this record is made (an alias, where the domain is a zone's own name):")
        console.say(f"  {record}")


def apply(deployment: Deployment, plan: Plan) -> None:
    """Apply a plan, and show how that goes."""
    if plan.update:  # what runs until then may be from a version that did not note it
        Deployments(deployment).keep(console.say)
    what, watched = "Updating" if plan.update else "Creating", bool(plan.guard.armed)
    follow(deployment, deployment.apply(plan), what, len(plan.changes), watched=watched)
    console.done(f"The stack {deployment.stack.name!r} is {'updated' if plan.update else 'up'}.")
