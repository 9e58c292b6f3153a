"""`loginq deploy`, `destroy` and `status`: the stack."""

from typing import TYPE_CHECKING, Annotated, Any

import typer

from loginq.cli.options import Json, Yes, confirm

if TYPE_CHECKING:
    from loginq.deploy.deployment import Deployment, Plan

Local = Annotated[bool, typer.Option("--local", help="The embedded emulator on this machine, started if need be.")]


def deploy(
    local: Local = False,
    param: Annotated[
        list[str] | None, typer.Option("--param", metavar="K=V", help="A parameter of the template; repeatable.")
    ] = None,
    dry_run: Annotated[bool, typer.Option("--dry-run", help="Stop after showing the changes.")] = False,
    yes: Yes = False,
    json: Json = False,
) -> None:
    """Deploy the queue, or update it.

    Shows what would change, asks, applies it, and writes .env.
    """
    from loginq.cli import console
    from loginq.deploy import envfile, template
    from loginq.deploy.deployment import parse_parameters

    given = parse_parameters(param or [])
    template.load().accept(given)
    deployment = open_deployment(local)
    plan = deployment.plan(given, console.say)
    report: dict[str, Any] = {"target": name_of(deployment), "changes": len(plan.changes), "applied": False}
    if plan.changes:
        _show(plan)
    if plan.changes and dry_run:
        deployment.withdraw(plan)
        console.done("Nothing was changed: this was a dry run.")
    elif plan.changes:
        _confirmed(deployment, plan, yes)
        apply(deployment, plan)
        report["applied"] = True
    else:
        console.done("No changes: what is deployed is what is here.")
    if not dry_run:
        deployment.start_line(plan.parameters)
        target = deployment.target()
        envfile.write(target)
        report["outputs"] = {k: v for k, v in target.names().items() if "SECRET" not in k and "ACCESS_KEY" not in k}
        if not json:
            console.done("Written to .env:")
            console.lines(f"{name}={value}" for name, value in report["outputs"].items())
    if json:
        console.document(report)


def destroy(
    delete_data: Annotated[
        bool, typer.Option("--delete-data", help="Delete the user pool and the table, too.")
    ] = False,
    local: Local = False,
    yes: Yes = False,
    json: Json = False,
) -> None:
    """Take the queue down.

    Accounts and player data are kept unless --delete-data.
    """
    from loginq.cli import console
    from loginq.deploy import envfile

    deployment = open_deployment(local)
    kept = deployment.kept() if deployment.stack.describe() else {}
    confirm(
        f"Take down the stack {deployment.stack.name!r}"
        + (" and delete every account and player for ever?" if delete_data else "?"),
        yes,
    )
    with console.progress("Deleting", None) as advance:
        for event in deployment.destroy(delete_data=delete_data):
            advance(event.status == "DELETE_COMPLETE", event.logical_id)
    if envfile.read().get("LOGINQ_STACK") == deployment.stack.name:
        envfile.forget()
    if json:
        console.document({"target": name_of(deployment), "kept": {} if delete_data else kept})
        return
    console.done(f"The stack {deployment.stack.name!r} is gone{', and so is its data' if delete_data else ''}.")
    if kept and not delete_data:
        console.facts("kept", kept.items())
        console.say(_how_to_delete(deployment, kept))


def status(json: Json = False) -> None:
    """Say what is deployed and whether it is well.

    Ends with 1 when it is not.
    """
    from loginq import __version__
    from loginq.cli import console
    from loginq.cli.session import open_session
    from loginq.service.errors import NoTarget

    session = open_session()
    found = session.stack.describe()
    if found is None:
        raise NoTarget(f"There is no stack {session.target.stack!r}.", "Deploy it with `loginq deploy`.")
    outputs, resources = session.stack.outputs(), session.stack.resources()
    wrong = [each for each in resources if not each["ResourceStatus"].endswith("_COMPLETE")]
    trigger = _trigger_state(session, resources)
    dead = session.queue.intake.dead_letters()
    healthy = found["StackStatus"].endswith("_COMPLETE") and "ROLLBACK" not in found["StackStatus"]
    healthy = healthy and not wrong and not dead and trigger == "Enabled"
    report = {
        "target": session.name,
        "stack_status": found["StackStatus"],
        "version": outputs.get("LoginqVersion"),
        "here": __version__,
        "bundle": outputs.get("CodeKey", "")[7:19],
        "resources": len(resources),
        "intake_trigger": trigger,
        "dead_letters": dead,
        "healthy": healthy,
    }
    if json:
        console.document(report)
    else:
        console.facts(
            session.name,
            [
                ("stack", report["stack_status"]),
                ("version", f"{report['version']} (this is {__version__})"),
                ("bundle", report["bundle"]),
                ("resources", report["resources"]),
                ("intake trigger", trigger),
                ("dead letters", dead),
                ("API", session.target.api_url),
                ("healthy", "yes" if healthy else "no"),
            ],
        )
    if not healthy:
        raise typer.Exit(1)


def open_deployment(local: bool) -> "Deployment":
    """The deployment that this command is about; says first which target that is."""
    from loginq.cli import console
    from loginq.cli.session import connection, local_stack, resolved
    from loginq.deploy.deployment import Deployment
    from loginq.emulator import REGION, Emulator
    from loginq.service.errors import Refused
    from loginq.service.resolver import ACCOUNT, PROFILE, STACK

    if local:
        name, profile, noted = local_stack(), None, None
        aws, region = Emulator().up().aws(), REGION
    else:
        found = resolved(may_be_new=True)
        name, profile, noted = found.names[STACK].value, found.get(PROFILE), found.get(ACCOUNT)
        aws = connection(found)
        region = aws.client("cloudformation").meta.region_name
    account = aws.client("sts").get_caller_identity()["Account"]
    if noted not in (None, account):
        raise Refused(
            f"This target is in the account {noted}, and your credentials are for {account}.",
            "Choose another profile, or name the stack and its place: `loginq --stack NAME --region REGION …`.",
        )
    deployment = Deployment(aws, name, account, region, profile)
    console.say(f"Target: {name_of(deployment)}")
    return deployment


def name_of(deployment: "Deployment") -> str:
    """The target in words, as `Session.name` has it."""
    if deployment.endpoint:
        return f"emulator {deployment.endpoint} {deployment.stack.name}"
    return f"aws {deployment.account} {deployment.region} {deployment.stack.name}"


def apply(deployment: "Deployment", plan: "Plan") -> None:
    """Apply a plan, with a bar of the resources that are done."""
    from loginq.cli import console

    with console.progress("Updating" if plan.update else "Creating", len(plan.changes)) as advance:
        for event in deployment.apply(plan):
            is_done = event.status in ("CREATE_COMPLETE", "UPDATE_COMPLETE", "DELETE_COMPLETE")
            advance(is_done and event.type != "AWS::CloudFormation::Stack", event.logical_id)
    console.done(f"The stack {deployment.stack.name!r} is {'updated' if plan.update else 'up'}.")


def _show(plan: "Plan") -> None:
    from loginq.cli import console

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


def _confirmed(deployment: "Deployment", plan: "Plan", yes: bool) -> None:
    """Ask; whatever stops this here leaves no change set behind."""
    try:
        confirm(f"Apply {len(plan.changes)} changes?", yes)
    except BaseException:
        deployment.withdraw(plan)
        raise


def _trigger_state(session: Any, resources: list[dict[str, Any]]) -> str:
    found = [each["PhysicalResourceId"] for each in resources if each["LogicalResourceId"] == "IntakeTrigger"]
    if not found:
        return "missing"
    return str(session.aws.client("lambda").get_event_source_mapping(UUID=found[0])["State"])


def _how_to_delete(deployment: "Deployment", kept: dict[str, str]) -> str:
    if deployment.is_local:
        return "To delete these, too: `loginq local reset`."
    commands = []
    if "Table" in kept:
        table = kept["Table"]
        commands.append(f"aws dynamodb update-table --no-deletion-protection-enabled --table-name {table}")
        commands.append(f"aws dynamodb delete-table --table-name {table}")
    if "UserPool" in kept:
        pool = kept["UserPool"]
        commands.append(f"aws cognito-idp update-user-pool --deletion-protection INACTIVE --user-pool-id {pool}")
        commands.append(f"aws cognito-idp delete-user-pool --user-pool-id {pool}")
    return "To delete these, too:\n" + "\n".join(f"  {command}" for command in commands)
