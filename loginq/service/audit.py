"""The audit: one row for each operator action, `QUEUE#<name>` / `AUDIT#<time>#<id>`: who, what, from, to."""

import secrets
from dataclasses import asdict, dataclass

from loginq.service.queue import Queue
from loginq.service.rules.times import from_iso, iso

_BEHIND = "AUDIT$"
"""Sorts behind every `AUDIT#…` and before every other row of the queue."""
_OF_THE_GATE = ("rate", "plan", "capacity", "in game", "pause", "resume")
_LOOKED_AT = 20


@dataclass(frozen=True, slots=True)
class Action:
    """One thing that an operator did; `at` in ms since the epoch."""

    at: int
    who: str
    what: str
    before: str
    after: str

    @property
    def name(self) -> str:
        """Who it was, without account and service: `user/ada`, `assumed-role/admin/ada`."""
        return self.who.rpartition(":")[2]

    def document(self) -> dict[str, str]:
        """The JSON form."""
        return {**asdict(self), "at": iso(self.at)}

    def concerns(self, sub: str) -> bool:
        """Whether it was done to this player."""
        return self.before == sub


def record(queue: Queue, who: str, what: str, before: str, after: str) -> None:
    """Write down what `who`, an ARN, has done. For an action on a player `before` is the player's sub."""
    time = iso(queue.clock())
    queue.table.put(
        {
            "PK": f"QUEUE#{queue.name}",
            "SK": f"AUDIT#{time}#{secrets.token_hex(4)}",
            "at": time,
            "who": who,
            "what": what,
            "from": before,
            "to": after,
        }
    )


def actions(queue: Queue, limit: int | None = None) -> list[Action]:
    """What was done, newest first: the last `limit`, or everything."""
    rows = queue.table.query(f"QUEUE#{queue.name}", start=_BEHIND, reverse=True, limit=limit)
    return [Action(from_iso(row["at"]), row["who"], row["what"], row["from"], row["to"]) for row in rows]


def last_change(queue: Queue) -> Action | None:
    """How an operator last changed the gate, if it is among the last twenty actions: why it moves as it does."""
    changes = (each for each in actions(queue, _LOOKED_AT) if each.what in _OF_THE_GATE and each.before != each.after)
    return next(changes, None)
