"""`loginq deployments`: who deployed what, and when."""

from functools import partial

from loginq.cli import console
from loginq.cli.command import Found, alone, command, listed
from loginq.cli.opening import name_of, open_deployment
from loginq.deploy.deployments import Deployments

app = alone()


@command(app, "loginq deployments", "loginq deployments --json")
def deployments() -> Found:
    """List who deployed what, and when; the newest first.

    The last ten of the stack: `loginq rollback` goes back to any of them.
    """
    deployment = open_deployment(local=False)
    every = Deployments(deployment).read()
    draw = partial(
        console.table,
        ["id", "when", "who", "version", "commit", "back to"],
        [(e.id, console.moment(e.at), e.name or None, e.version, e.short_commit or None, e.of or None) for e in every],
        empty="No deployment of this stack is kept.",
    )
    return listed(name_of(deployment), [each.document() for each in every], draw, len(every))
