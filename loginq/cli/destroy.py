"""`loginq destroy`: the stack taken down, and what stays."""

import os
import shlex
from functools import partial
from typing import Annotated

import typer

from loginq.cli import console
from loginq.cli.command import Found, alone, command
from loginq.cli.deploy import Local
from loginq.cli.irreversible import Loss, confirm_loss, counted_in
from loginq.cli.opening import name_of, noted_target, open_deployment
from loginq.cli.options import Yes
from loginq.deploy import artifacts, envfile, removal, taken, template
from loginq.deploy.deployment import Deployment
from loginq.deploy.removal import Removal
from loginq.deploy.stack import parameters_of, tags_of
from loginq.deploy.tags import given_to
from loginq.service.operations.target import DEFAULT_STACK

app = alone()


@command(app, "loginq destroy --delete-data")
def destroy(
    delete_data: Annotated[
        bool, typer.Option("--delete-data", help="Delete the user pool and the table, too.")
    ] = False,
    local: Local = False,
    yes: Yes = False,
) -> Found:
    """Take the queue down.

    Accounts and player data are kept unless --delete-data.
    """
    deployment = open_deployment(local)
    planned = deployment.plan_removal(delete_data=delete_data)
    _name_holders(planned)
    if parameters_of(planned.found).get("Edge") == "true" and not deployment.is_local:
        console.say("CloudFront takes some minutes to take the edge away.")
    confirm_loss(name_of(deployment), partial(_loss, deployment, planned), yes)
    with console.progress("Deleting", None) as advance:
        for event in deployment.destroy(planned):
            advance(event.status == "DELETE_COMPLETE", event.logical_id)
    if tied := removal.untie(deployment.aws, planned):
        console.say(f"{taken.ORPHAN.format(planned.kept['UserPool'])} It could not be taken away: {tied}")
    if noted_target(deployment)[1]:
        envfile.forget()
    bucket = deployment.artifacts.bucket if deployment.artifacts.exists() else None
    detached = [{"kind": each.kind, "name": each.name, "policy": each.policy} for each in planned.holders]
    document = {
        "target": name_of(deployment),
        "kept": _stays(planned),
        "detached": detached,
        "artifact_bucket": bucket,
    }
    return Found(document, partial(_draw, deployment, planned, bucket))


def _stays(planned: Removal) -> dict[str, str]:
    """What outlives the stack: logical -> physical id."""
    return {**planned.taken, **({} if planned.delete_data else planned.kept)}


def _name_holders(planned: Removal) -> None:
    """Say whose policy goes with the stack, before anything is done."""
    if planned.unseen:
        console.say(f"Whether a role has a policy of the stack could not be seen: {planned.unseen}")
    for holder in planned.holders:
        console.say(f"{holder.policy} is attached to {holder}: it is detached first, because AWS deletes none in use.")


def _loss(deployment: Deployment, planned: Removal) -> Loss:
    holders = ", ".join(map(str, planned.holders))
    whose = {"UserPool": "account", "Table": "player"}
    lost = [who for each, who in whose.items() if planned.delete_data and each not in planned.taken]
    parts = [
        f"Take down the stack {deployment.stack.name!r}",
        *([f"take its policy away from {holders}"] if holders else []),
        *([f"delete every {' and '.join(lost)} for ever"] if lost else []),
    ]
    return Loss(" and ".join(parts), *counted_in(deployment))


def _draw(deployment: Deployment, planned: Removal, bucket: str | None) -> None:
    """What is gone, what stays, and how that is deleted."""
    gone = ", and so is its data" if planned.delete_data and planned.kept else ""
    console.done(f"The stack {deployment.stack.name!r} is gone{gone}.")
    if stays := _stays(planned):
        console.facts("kept", stays.items())
        if planned.taken:
            console.say(f"Of an earlier stack, and not this one's to delete: {', '.join(planned.taken.values())}.")
        console.say(f"A new stack goes on with them: `{_again(deployment, planned, stays)}`.")
        if planned.pages:
            console.say("AlarmUrl, which nobody can read back, is not in it: give it again.")
        _say_commands(deployment, removal.how_to_delete(stays, deployment.region))
    elif bucket:
        _draw_bucket(deployment, bucket)


def _again(deployment: Deployment, planned: Removal, stays: dict[str, str]) -> str:
    """The command that makes the same queue anew, as a shell takes it."""
    given = taken.again(template.load(), parameters_of(planned.found), deployment.usual, stays)
    words = ["loginq", "deploy"]
    if deployment.is_local:
        words += ["--local"]
    elif deployment.region not in (os.environ.get("AWS_REGION"), os.environ.get("AWS_DEFAULT_REGION")):
        words += ["--region", deployment.region]
    if deployment.stack.name != DEFAULT_STACK:
        words += ["--stack", deployment.stack.name]
    tags = given_to(tags_of(planned.found))
    for option, values in (("--param", given), ("--tag", tags)):
        words += [word for name, value in values.items() for word in (option, f"{name}={value}")]
    return shlex.join(words)


def _draw_bucket(deployment: Deployment, bucket: str) -> None:
    console.say(f"The artifact bucket {bucket} stays.")
    if others := artifacts.named_by_stacks(deployment.aws, bucket):
        console.say(f"It is in use by {', '.join(sorted(others))}.")
    else:
        _say_commands(deployment, artifacts.how_to_delete(bucket, deployment.region))


def _say_commands(deployment: Deployment, commands: list[str]) -> None:
    if deployment.is_local:
        console.say("To delete these, too: `loginq local reset`.")
        return
    console.say("To delete these, too:")
    for each in commands:
        console.say(f"  {each}")
