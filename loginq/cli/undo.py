"""`loginq queue undo`: the last act on the line, taken back."""

from functools import partial

from loginq.cli import console
from loginq.cli.command import Found
from loginq.cli.options import Yes, confirm
from loginq.cli.session import open_session
from loginq.service.rules.act import holds, to_undo
from loginq.service.rules.errors import NotFound
from loginq.service.store.audit import actions

LOOKED_AT = 1_000
"""Acts among which the one to undo is looked for."""


def undo(yes: Yes = False) -> Found:
    """Take the last act on the line back, whoever did it.

    A rate, plan, capacity, pause, closing or message. Twice in a row does it again. It asks when something else has
    changed the same since.
    """
    session = open_session()
    session.announce()
    queue = session.queue
    act, later = to_undo(actions(queue, LOOKED_AT))
    if later:
        said = ", ".join(f"{what} ({count:,} times)" if count > 1 else what for what, count in later.items())
        console.say(f"What was done since and cannot be undone, stays: {said}.")
    if act is None:
        raise NotFound(
            "There is nothing to undo.", f"The last {LOOKED_AT:,} acts were looked at: `loginq queue audit`."
        )
    before, after = (each or "none" for each in act.words(console.moment))
    console.say(f"Undo of: {act.what}, {before} → {after}, {console.moment(act.at)}, by {act.name}.")
    if not holds(act, queue.lines.read(), queue.clock()):
        confirm(f"It is no more {after}. Go back to {before}?", yes)
    made = session.operator.undo(act).act
    document = {"target": session.name, "undone": act.document(), "changed": made.changed}
    was, now = (each or "none" for each in made.words(console.moment))
    said = f"Undone: {was} → {now}. The same again does it again." if made.changed else f"It was {now} already."
    return Found(document, partial(console.done, said))
