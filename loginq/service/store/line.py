"""The line item in DynamoDB: read it, read it from a short cache, change it on condition that nobody else has.

The rules of the stack are read with it. Whoever decides anything by the line reads it consistently, and so does every
writer. Who only tells a waiting player numbers reads it eventually consistently: half a read unit, and half the load on
an item that every warm Lambda reads each second. `LineStore.glance` says why that is safe.
"""

import secrets
import threading
import time
from collections.abc import Callable, Sequence
from contextlib import suppress
from dataclasses import fields, replace
from types import NoneType
from typing import Any

from loginq.service.rules.curve import Curve
from loginq.service.rules.errors import ConditionFailed, Conflict, Invalid, Lost, NotReady, Raced, Unavailable
from loginq.service.rules.gate import Step
from loginq.service.rules.line import Line
from loginq.service.rules.settings import Rules
from loginq.service.rules.times import SECOND, Clock
from loginq.service.store import keys
from loginq.service.store.row_format import FORMAT
from loginq.service.store.rules import format_of
from loginq.service.store.rules import from_row as rules_of
from loginq.service.store.table import Row, Table, back_off

TRIES = 12
"""Writers that meet on one version; with the table's back-off for about 10 s."""

REBUILD = "`loginq queue rebuild` makes it anew; nobody loses a place."
HEALTHY = "The line can be read, and nobody has a place behind it."
_STORED = {"reached_to": "opened", "expired_to": "closed_to"}
"""Fields that the row has by another name, which every version knows."""
_KINDS: dict[str, Any] = {
    field.name: (int, NoneType) if field.type == int | None else field.type
    for field in fields(Line)
    if field.name not in ("steps", "unknown", "curve")
}
_FIELDS = {name: _STORED.get(name, name) for name in (*_KINDS, "steps")}


_CURVE = "curve"
_PLAN = "plan"
"""The planned steps packed, 10 bytes each: 6 of the instant, 4 of the rate. 20 as a list would be 400 bytes."""


def to_row(line: Line, row_format: int = FORMAT) -> Row:
    """A line as a row without its keys."""
    row = {**line.unknown, **{stored: getattr(line, name) for name, stored in _FIELDS.items()}}
    row[_CURVE] = None if line.curve is None else line.curve.pack()
    if row_format < 2:
        return {**row, "steps": [list(step) for step in line.steps]}
    del row["steps"]
    return {**row, _PLAN: b"".join(at.to_bytes(6) + rate.to_bytes(4) for at, rate in line.steps) or None}


def _steps_of(row: Row) -> tuple[Step, ...]:
    packed = row.get(_PLAN)
    if packed is None:
        return tuple((at, rate) for at, rate in row.get("steps", []))
    if len(packed) % 10:
        raise ValueError(f"{len(packed)} bytes are no steps")
    cuts = range(0, len(packed), 10)
    return tuple((int.from_bytes(packed[n : n + 6]), int.from_bytes(packed[n + 6 : n + 10])) for n in cuts)


def from_row(row: Row) -> Line:
    """The line of a row; attributes of a newer version are kept aside, those that are missing get their default.

    Raises `Lost` for one that is spoilt.
    """
    known: dict[str, Any] = {"departed_base": None} | {
        name: row[stored] for name, stored in _FIELDS.items() if stored in row
    }
    for name, value in known.items():
        if name in _KINDS and not isinstance(value, _KINDS[name]):
            raise Lost(f"The line cannot be read: {name} is {value!r}.", REBUILD)
    try:
        known["steps"] = _steps_of(row)
    except (TypeError, ValueError) as exc:
        raise Lost("The line cannot be read: its planned steps are spoilt.", REBUILD) from exc
    named = (*_FIELDS.values(), _PLAN, _CURVE, *keys.NAMES)
    unknown = {name: value for name, value in row.items() if name not in named}
    return Line(**known, curve=_curve_of(row), unknown=unknown)


def _curve_of(row: Row) -> Curve | None:
    """What is promised; nothing, for a minute, where that is spoilt or newer: nobody's place hangs on it."""
    packed = row.get(_CURVE)
    try:
        return None if packed is None else Curve.unpack(packed)
    except (TypeError, ValueError):
        return None


class LineStore:
    """The line of one queue.

    Args:
        begins: whether a line that is not there yet is made, by the rules; else that is an error.
        older: the rules of a stack that has no row of them yet, because an older version deployed it; else that is an
            error, too.
    """

    def __init__(
        self,
        table: Table,
        queue: str,
        clock: Clock,
        *,
        begins: bool = False,
        older: Callable[[], Rules] | None = None,
    ) -> None:
        self._table, self._queue, self.clock, self._begins, self._older = table, queue, clock, begins, older
        self._cache: tuple[float, Line, bool] | None = None
        """When it was asked for, by the monotonic clock, the line, and whether it was read consistently."""
        self._rules_row: Row | None = None
        self._rules: Rules | None = None
        self._lock = threading.Lock()

    def read(self) -> Line:
        """The line as it is now.

        Raises `NotReady` before a deployment's end, `Lost` where it is gone or spoilt: nothing but a deployment
        may make one, because a line that begins anew would give out the positions of those who wait.
        """
        asked_at = time.monotonic()
        row = self._rows()
        if row is not None:
            line = from_row(row)
        elif self._begins:
            line = rules_of(self._rules_row).new_line(self.clock())
        elif self._rules_row is not None:
            raise Lost(f"The queue {self._queue!r} has lost its line.", REBUILD)
        else:
            raise NotReady(f"The queue {self._queue!r} has no line yet.", "Deploy it with `loginq deploy`.")
        self._cache = asked_at, line, True
        return line

    def _rows(self) -> Row | None:
        """Read the rules, and the line's row with them."""
        line, rules = keys.line(self._queue), keys.rules(self._queue)
        rows = self._table.get_all([line, rules])
        self._rules_row, self._rules = rows.get(rules), None
        return rows.get(line)

    @property
    def rules(self) -> Rules:
        """The rules of the stack, read with the line that was read last. Raises `NotReady` where there are none."""
        if self._rules is None:
            if self._rules_row is None:
                self._rows()
            older = self._older if self._rules_row is None else None
            self._rules = older() if older else rules_of(self._rules_row)
        return self._rules

    def cached(self, position: int | None = None) -> Line:
        """The line as it was lately, as far as that will do for who has this position; one read serves all threads.

        It was read consistently, at most a second ago: by it a player may be let in, or refused.
        """
        with self._lock:
            if self._cache is not None:
                read_at, line, consistent = self._cache
                if consistent and self._will_do(read_at, line, position):
                    return line
            return self.read()

    def glance(self, position: int | None = None) -> Line:
        """The line as far as it will do to tell who has this position how it stands: `cached`, or one that is older.

        How old an eventually consistent read is AWS does not say; as a rule it is no second. Nothing hangs on it:

        * Nobody is let in or refused by it. Whoever's call would do either asks `cached` first, so that a pause, a
          lower rate or a capacity holds everywhere within a second, as ever. And `limit` contains `tail`: no line,
          however old, lets in whoever came after it.
        * No place hangs on it. Positions never change, and what closes one (`expired_to`, `lived`, `void_before`) only
          grows: an old line closes too late, not too early, and where a rebuilt one takes that back `cached` is asked.
        * A player is told numbers as old as the line, and asks again by them: at the worst a poll later than else.
        * It never goes back behind a line that is known here, nor tells anybody of a line that ends before the place
          that it gave: either proves that the answer is old, and the line is read consistently, as it is before
          anything is called lost.

        A poll of who waits makes no call more than by `cached`. Where the line that is known here has reached the
        position, it is read consistently at once; so whoever is let in costs a second read of the line only where that
        comes as a surprise, and a Lambda makes at most one such read a second, because all go by that line then.
        """
        with self._lock:
            if self._cache is None:
                return self.read()
            read_at, known, _ = self._cache
            if self._will_do(read_at, known, position):
                return known
            if position is not None and position <= known.reached(self.clock()):
                return self.read()
            asked_at = time.monotonic()
            found = self._glanced()
            if found is None or found.version < known.version or (position or 0) > found.tail:
                return self.read()
            self._cache = asked_at, found, False
            return found

    def _glanced(self) -> Line | None:
        """The line and the rules, read eventually consistently; None where they are not both there and whole."""
        line, rules = keys.line(self._queue), keys.rules(self._queue)
        rows = self._table.get_all([line, rules], consistent=False)
        if not {line, rules} <= rows.keys():
            return None
        with suppress(Lost):
            found = from_row(rows[line])
            self._rules_row, self._rules = rows[rules], None
            return found
        return None

    def _will_do(self, read_at: float, line: Line, position: int | None) -> bool:
        return line.will_do((time.monotonic() - read_at) * SECOND, position)

    def change(self, change: Callable[[Line, int], Line | None], also: Sequence[Row] = ()) -> Line:
        """Write what `change` makes of the line and the present instant, and return it.

        `change` settles, changes nothing but the line, and is called again on the newer line when another writer was
        first; None from it means that there is nothing to do. What it reads besides is read after the line, so that an
        older reading can never be written over a newer one.

        The nonce in `writer` lets a retry whose first attempt did take effect recognise itself. Only when its answer
        was lost and another writer came in between is a change made twice: each is absolute, or says on which line it
        counts, but for `Line.join`, of which that leaves holes.

        Args:
            also: updates of other rows, at most 99, that take effect together with the line's change or not at all;
                when one of them does not hold, its `ConditionFailed` is raised (`index` from 1 on).

        Raises `Invalid` for what the line itself refuses, `Unavailable` when other writers keep being first.
        """
        nonce, line = secrets.token_hex(8), self.read()
        for attempt in range(TRIES):
            try:
                changed = change(line, self.clock())
            except ValueError as exc:
                raise Invalid(f"{str(exc).capitalize()}.") from exc
            if changed is None:
                return line
            changed = replace(changed, version=line.version + 1, writer=nonce)
            try:
                self._write(changed, line.version, also)
            except (ConditionFailed, Raced) as exc:
                if isinstance(exc, ConditionFailed) and exc.index:
                    raise
                found = from_row(exc.row) if isinstance(exc, ConditionFailed) and exc.row else None
                if found is None or found.writer != nonce:
                    self._table.sleep(back_off(attempt, self._table.random))
                    line = self.read()  # what was found is old again after the wait
                    continue
                changed = found
            self._cache = time.monotonic(), changed, True
            return changed
        raise Unavailable("The line is being written by too many at once.", "Try again in a moment.")

    def remake(self, line: Line) -> Line:
        """Write `line` in place of one that is lost, spoilt, or of an older day, and return it.

        Raises `Conflict` when there is one that is no worse, `Raced` or `ConditionFailed` when somebody else was first.

        Its version is beyond all that a function may still hold from before: the seconds since the epoch, which no
        line is written as often as.
        """
        row = self._table.get(*keys.line(self._queue))
        with suppress(Lost):
            if row is not None and from_row(row).tail >= line.tail:
                raise Conflict(
                    "The line can be read, and nobody has a place behind it.", "There is nothing to rebuild."
                )
        made = replace(line, version=self.clock() // SECOND, writer=secrets.token_hex(8))
        item = {**keys.keyed(keys.line(self._queue)), **to_row(made, format_of(self._rules_row))}
        if row is None:
            self._table.put(item, when="attribute_not_exists(#PK)")
        else:
            self._table.put(item, when="#version = :version", values={"version": row.get("version")})
        self._cache = None
        return made

    def _write(self, line: Line, version: int, also: Sequence[Row]) -> None:
        row = {**keys.keyed(keys.line(self._queue)), **to_row(line, format_of(self._rules_row))}
        when = "#version = :version" if version else "attribute_not_exists(#PK)"
        values = {"version": version} if version else {}
        if also:
            self._table.transact([self._table.putting(row, when=when, values=values), *also])
        else:
            self._table.put(row, when=when, values=values)
