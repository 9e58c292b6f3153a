"""`loginq destroy`: the stack taken down, and what stays."""

from typing import TYPE_CHECKING, Annotated

import typer

from loginq.cli.deploy import Local, name_of, open_deployment
from loginq.cli.options import Json, Yes, confirm

if TYPE_CHECKING:
    from loginq.deploy.deployment import Deployment
    from loginq.deploy.removal import Removal


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
    removal = deployment.plan_removal(delete_data=delete_data)
    _name_holders(removal)
    confirm(_question(deployment, removal), yes)
    with console.progress("Deleting", None) as advance:
        for event in deployment.destroy(removal):
            advance(event.status == "DELETE_COMPLETE", event.logical_id)
    if envfile.read().get("LOGINQ_STACK") == deployment.stack.name:
        envfile.forget()
    bucket = deployment.artifacts.bucket if deployment.artifacts.exists() else None
    if json:
        detached = [{"kind": each.kind, "name": each.name, "policy": each.policy} for each in removal.holders]
        kept = {} if delete_data else removal.kept
        console.document({"target": name_of(deployment), "kept": kept, "detached": detached, "artifact_bucket": bucket})
        return
    _report(deployment, removal, bucket)


def _name_holders(removal: "Removal") -> None:
    """Say whose policy goes with the stack, before anything is done."""
    from loginq.cli import console

    if removal.unseen:
        console.say(f"Whether a role has a policy of the stack could not be seen: {removal.unseen}")
    for holder in removal.holders:
        console.say(f"{holder.policy} is attached to {holder}: it is detached first, because AWS deletes none in use.")


def _question(deployment: "Deployment", removal: "Removal") -> str:
    holders = ", ".join(map(str, removal.holders))
    parts = [
        f"Take down the stack {deployment.stack.name!r}",
        *([f"take its policy away from {holders}"] if holders else []),
        *(["delete every account and player for ever"] if removal.delete_data else []),
    ]
    return " and ".join(parts) + "?"


def _report(deployment: "Deployment", removal: "Removal", bucket: str | None) -> None:
    """What is gone, what stays, and how that is deleted."""
    from loginq.cli import console
    from loginq.deploy.removal import how_to_delete

    gone = ", and so is its data" if removal.delete_data else ""
    console.done(f"The stack {deployment.stack.name!r} is gone{gone}.")
    if removal.kept and not removal.delete_data:
        console.facts("kept", removal.kept.items())
        _say_commands(deployment, how_to_delete(removal.kept, deployment.region))
    elif bucket:
        _report_bucket(deployment, bucket)


def _report_bucket(deployment: "Deployment", bucket: str) -> None:
    from loginq.cli import console
    from loginq.deploy.artifacts import how_to_delete, named_by_stacks

    console.say(f"The artifact bucket {bucket} stays.")
    if others := named_by_stacks(deployment.aws, bucket):
        console.say(f"It is in use by {', '.join(sorted(others))}.")
    else:
        _say_commands(deployment, how_to_delete(bucket, deployment.region))


def _say_commands(deployment: "Deployment", commands: list[str]) -> None:
    from loginq.cli import console

    if deployment.is_local:
        console.say("To delete these, too: `loginq local reset`.")
        return
    console.say("To delete these, too:")
    for command in commands:
        console.say(f"  {command}")
