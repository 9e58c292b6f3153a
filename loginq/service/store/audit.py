"""The audit: one row for each operator action, `QUEUE#<name>` / `AUDIT#<time>#<id>`: who, what, from, to."""

import secrets

from loginq.service.rules.act import Action
from loginq.service.rules.times import from_iso, iso
from loginq.service.store import keys
from loginq.service.store.queue import Queue

_OF_THE_GATE = ("rate", "plan", "capacity", "in game", "pause", "resume")
_LOOKED_AT = 20


def record(queue: Queue, who: str, what: str, before: str, after: str) -> None:
    """Write down what `who`, an ARN, has done. For an action on a player `before` is the player's sub."""
    t = queue.clock()
    key = keys.audit(queue.name, t, secrets.token_hex(4))
    queue.table.put({**keys.keyed(key), "at": iso(t), "who": who, "what": what, "from": before, "to": after})


def actions(queue: Queue, limit: int | None = None) -> list[Action]:
    """What was done, newest first: the last `limit`, or everything."""
    rows = queue.table.query(keys.queue(queue.name), start=keys.AUDIT_END, reverse=True, limit=limit)
    return [Action(from_iso(row["at"]), row["who"], row["what"], row["from"], row["to"]) for row in rows]


def last_change(queue: Queue) -> Action | None:
    """How an operator last changed the gate, if it is among the last twenty actions: why it moves as it does."""
    changes = (each for each in actions(queue, _LOOKED_AT) if each.what in _OF_THE_GATE and each.before != each.after)
    return next(changes, None)
