"""`loginq unlock`: the lock that `loginq lock` made, lifted."""

from functools import partial

from loginq.cli import console
from loginq.cli.command import Found, alone, command
from loginq.cli.options import Yes, confirm
from loginq.cli.session import open_session
from loginq.service.operations.lock import unlock as lift
from loginq.service.store.lock import read

app = alone()


@command(app, "loginq unlock")
def unlock(yes: Yes = False) -> Found:
    """Let the stack be deployed again.

    Asks when the lock is somebody else's.
    """
    session = open_session()
    session.announce()
    there = read(session.queue.table, session.queue.name)
    if there is None:
        return Found({"target": session.name, "lifted": None}, partial(console.done, "It was not locked."))
    if there.who != session.operator.who:
        console.say(f"The stack is {there.words}.")
        confirm(f"Lift the lock of {there.name}?", yes)
    lifted = lift(session.operator, there)
    said = f"Lifted; it was {there.words}." if lifted else "Somebody else lifted it meanwhile."
    return Found({"target": session.name, "lifted": there.document() if lifted else None}, partial(console.done, said))
