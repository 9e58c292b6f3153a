"""`loginq rollback`: the code and the template of a deployment before."""

from functools import partial
from typing import Annotated

import typer

from loginq.cli import console
from loginq.cli.command import Found, alone, command
from loginq.cli.deploy import apply
from loginq.cli.irreversible import Loss, confirm_loss, counted_in
from loginq.cli.opening import name_of, noted_target, open_deployment
from loginq.cli.options import Yes, confirm
from loginq.cli.plan import crowd_of, show
from loginq.cli.session import Session
from loginq.deploy import envfile
from loginq.deploy import rollback as going
from loginq.deploy.deployment import Deployment
from loginq.deploy.deployments import Deployments
from loginq.deploy.provider import PARAMETER, switch
from loginq.deploy.rollback import Back
from loginq.service.rules.errors import LoginqError

app = alone()


@command(app, "loginq rollback", "loginq rollback 3f2a91c0", look="loginq deployments")
def rollback(
    deployment: Annotated[
        str | None, typer.Argument(help="The id of a deployment; else the one before.", show_default=False)
    ] = None,
    yes: Yes = False,
) -> Found:
    """Put back the code and the template of the deployment before.

    Parameters, line and players stay as they are. A second one goes back further; `loginq deployments` lists the ids.
    """
    there = open_deployment(local=False)
    back = going.plan(there, deployment)
    if back.plan.change_set:
        _draw(there, back, yes)
        _confirmed(there, back, yes)
        apply(there, back.plan)
    _finish(there, back)
    document = {"target": name_of(there), "from": back.running.document(), "to": back.to.document()}
    how = "again. `loginq doctor` says whether all is well." if back.plan.change_set else "already."
    return Found({**document, "dropped": back.dropped}, partial(console.done, f"{back.to.words} runs {how}"))


def _draw(deployment: Deployment, back: Back, yes: bool) -> None:
    """What will be done, before it is asked about."""
    kinds = (("runs now", back.running), ("will run", back.to))
    rows = [
        (kind, each.id, each.version, each.short_commit or None, console.moment(each.at), each.name or None)
        for kind, each in kinds
    ]
    console.table(["", "id", "version", "commit", "deployed", "by"], rows, empty="", to_stderr=True)
    if back.dropped:
        console.table(["parameter that is dropped", "is"], sorted(back.dropped.items()), empty="", to_stderr=True)
    if domain := back.dropped.get("DomainName"):
        console.say(f"{domain} leads nowhere then: clients that know no other address can no longer ask.")
    show(deployment, back.plan, crowd_of(deployment, back.plan), yes)


def _confirmed(deployment: Deployment, back: Back, yes: bool) -> None:
    """Ask; whatever stops this here, a lock by now also, leaves no change set behind."""
    kept = "parameters keep their values, rows are not touched"
    try:
        if issuer := back.dropped.get(PARAMETER):  # the older template knows of no provider
            loss = Loss(switch(issuer, ""), counted_in(deployment)[0], harms=True)
            confirm_loss(name_of(deployment), lambda: loss, yes)
        else:
            confirm(f"Put back {back.to.words} in place of {back.running.words}? Your {kept}.", yes)
        deployment.stack.refuse_locked(deployment.stack.describe())
    except BaseException:
        deployment.withdraw(back.plan)
        raise


def _finish(deployment: Deployment, back: Back) -> None:
    """The rules anew, the audit, and last the note: until that is made, the same command finishes this and goes no
    further."""
    try:
        deployment.start_line()
        if noted_target(deployment)[1]:  # clients had another address, where an edge came or went with the template
            envfile.write(deployment.target())
        if back.changes:
            operator = Session(deployment.target(), deployment.aws).operator
            operator.acted("rollback", back.running.words, back.to.words)
        Deployments(deployment).keep(console.say, back.plan.parameters, back.to)
        deployment.tidy(console.say)
    except LoginqError as exc:
        again = f"run `loginq rollback {back.to.id}` again"
        exc.hint = f"The code is back, but not all that it needs besides: {again}. {exc.hint}"
        raise
