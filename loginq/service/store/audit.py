"""The audit: one row for each act of an operator, `QUEUE#<name>` / `AUDIT#<time>#<id>`: who, what, whom, from, to.

An act on many has one row as well, and beside it those whom it was done to, in parts: `MEMBERS#<name>#<id>`.
"""

import secrets
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import replace
from typing import Any

from loginq.service.rules.act import ON_PLAYERS, Action
from loginq.service.rules.times import from_iso, iso
from loginq.service.store import keys
from loginq.service.store.queue import Queue
from loginq.service.store.table import Row

DONE, SAME, FAILED = "done", "no change", "failed"
"""What became of a member of an act; None where the act was cut off, and nobody knows."""
_PAGE = 100
"""Acts that are read together while one is looked for."""


def record(queue: Queue, action: Action, version: int = 0) -> None:
    """Write down what was done. None is stored as an empty text, because an older version wants both values there.

    `version`: of the line that it made, by which acts of one instant are in their order.
    """
    queue.table.put(_row(queue, action, _nonce(version)))


def actions(queue: Queue, limit: int | None = None, since: int = 0) -> list[Action]:
    """What was done since then, in ms, newest first: the last `limit`, or everything."""
    return list(latest(queue, limit, since, page=limit))


def latest(queue: Queue, limit: int | None = None, since: int = 0, page: int | None = _PAGE) -> Iterator[Action]:
    """The same, read as far as somebody looks, `page` of them together; None: as many as DynamoDB gives at once."""
    rows = queue.table.query(keys.queue(queue.name), start=keys.AUDIT_END, reverse=True, limit=limit, page=page)
    for row in rows:
        action = _action(row)
        if action.at < since:
            return
        yield action


def concerning(queue: Queue, sub: str, since: int = 0) -> Iterator[Action]:
    """What was done since then to this player, alone or among many, newest first; what was cut off, may have been."""
    for act in latest(queue, since=since, page=None):
        if act.concerns(sub) or (act.on_many and _is_member(queue, act.id, sub)):
            yield act


def _is_member(queue: Queue, act: str, sub: str) -> bool:
    return any(who == sub and result in (DONE, None) for who, result in members(queue, act))


def members(queue: Queue, act: str) -> Iterator[tuple[str, str | None]]:
    """Whom an act on many was done to, by sub, and what became of each: `DONE`, `SAME`, `FAILED`, or None."""
    partition, _ = keys.members(queue.name, act)
    for row in queue.table.query(partition):
        results = row["results"] or [None] * len(row["subs"])
        yield from zip(row["subs"], results, strict=True)


class Ledger:
    """What one act on many has done so far.

    The act is written down before it begins, and who is next before anything is done to them; what became of them is
    written together with the act's new count. So it is true wherever it is cut off: who was not finished with is there
    without a result, and the count has nobody in it whose result is not there.

    Args:
        action: who does what; `subject` says where the names are from. asked: how many names there are.
    """

    def __init__(self, queue: Queue, action: Action, asked: int) -> None:
        self._queue, self._nonce, self._part = queue, _nonce(0), 0
        self._counts = {DONE: 0, SAME: 0, FAILED: 0}
        self._asked, self._subs = asked, list[str]()
        self._action = replace(action, id=_id(self._nonce))
        queue.table.put(self._act())

    @property
    def id(self) -> str:
        """By which its members can be listed."""
        return self._action.id

    def begin(self, subs: Sequence[str]) -> None:
        """These are next."""
        self._part, self._subs = self._part + 1, list(subs)
        self._queue.table.put(self._members([]))

    def end(self, became: Mapping[str, str], nobody: Sequence[str] = ()) -> None:
        """What became of those who were next, by sub, and of names that are nobody's: these have no member."""
        results = [became.get(sub) for sub in self._subs]
        for result in (*results, *nobody):
            if result is not None:
                self._counts[result] += 1
        table = self._queue.table
        table.transact([table.putting(self._members(results)), table.putting(self._act())])

    def _members(self, results: Sequence[str | None]) -> Row:
        key = keys.members(self._queue.name, self.id, self._part)
        return {**keys.keyed(key), "subs": self._subs, "results": list(results)}

    def _act(self) -> Row:
        after = {"players": self._asked, **{name.replace(" ", "_"): count for name, count in self._counts.items()}}
        return _row(self._queue, replace(self._action, after=after), self._nonce)


def _nonce(version: int) -> str:
    return f"{version:012}-{secrets.token_hex(4)}"


def _id(nonce: str) -> str:
    return nonce.rpartition("-")[2]


def _row(queue: Queue, action: Action, nonce: str) -> Row:
    before, after = ("" if value is None else value for value in (action.before, action.after))
    values: dict[str, Any] = {"subject": action.subject, "from": before, "to": after}
    key = keys.audit(queue.name, action.at, nonce)
    return {**keys.keyed(key), "at": iso(action.at), "who": action.who, "what": action.what, **values}


def _action(row: Row) -> Action:
    subject, before, after = row.get("subject"), row["from"], row["to"]
    if subject is None:  # written by an older version
        subject, before = (before, "") if row["what"] in ON_PLAYERS else ("", before)
    before, after = (None if value == "" else value for value in (before, after))
    nonce = row["SK"].rpartition("#")[2]
    return Action(from_iso(row["at"]), row["who"], row["what"], subject, before, after, _id(nonce))
