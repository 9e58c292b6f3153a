"""The audit: one row for each operator action, `QUEUE#<name>` / `AUDIT#<time>#<id>`: who, what, whom, from, to."""

import secrets

from loginq.service.rules.act import ON_PLAYERS, Action
from loginq.service.rules.times import from_iso, iso
from loginq.service.store import keys
from loginq.service.store.queue import Queue
from loginq.service.store.table import Row


def record(queue: Queue, action: Action, version: int = 0) -> None:
    """Write down what was done. None is stored as an empty text, because an older version wants both values there.

    `version`: of the line that it made, by which acts of one instant are in their order.
    """
    key = keys.audit(queue.name, action.at, f"{version:012}-{secrets.token_hex(4)}")
    before, after = ("" if value is None else value for value in (action.before, action.after))
    values = {"subject": action.subject, "from": before, "to": after}
    queue.table.put({**keys.keyed(key), "at": iso(action.at), "who": action.who, "what": action.what, **values})


def actions(queue: Queue, limit: int | None = None) -> list[Action]:
    """What was done, newest first: the last `limit`, or everything."""
    rows = queue.table.query(keys.queue(queue.name), start=keys.AUDIT_END, reverse=True, limit=limit)
    return [_action(row) for row in rows]


def _action(row: Row) -> Action:
    subject, before, after = row.get("subject"), row["from"], row["to"]
    if subject is None:  # written by an older version
        subject, before = (before, "") if row["what"] in ON_PLAYERS else ("", before)
    before, after = (None if value == "" else value for value in (before, after))
    return Action(from_iso(row["at"]), row["who"], row["what"], subject, before, after)
