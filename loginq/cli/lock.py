"""`loginq lock`: nobody deploys until `loginq unlock`."""

from functools import partial
from typing import Annotated

import typer

from loginq.cli import console
from loginq.cli.command import Found, alone, command
from loginq.cli.session import open_session
from loginq.service.operations import lock as locking

app = alone()


@command(app, 'loginq lock "launch until 20:00"')
def lock(reason: Annotated[str, typer.Argument(help="Why, for whoever is refused.", show_default=False)]) -> Found:
    """Keep everybody from deploying until `loginq unlock`.

    Refuses every deploy, rollback and destroy by loginq, from whatever folder. It binds neither AWS's console nor any
    other tool.
    """
    session = open_session()
    session.announce()
    made = locking.lock(session.operator, reason)
    said = f"The stack is {made.words}. That binds loginq, not AWS's console. `loginq unlock` lifts it."
    return Found({"target": session.name, "lock": made.document()}, partial(console.done, said))
