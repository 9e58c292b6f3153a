"""The keys of game servers: one row each, `KEY#<queue>` / server, with hashes and when they were used.

Not beside the count, whose row an older function writes anew, and which goes when its server is forgotten.
"""

import secrets
from contextlib import suppress
from dataclasses import replace

from loginq.service.rules.errors import ConditionFailed, Conflict, NotFound, Unavailable
from loginq.service.rules.server_keys import KNOWN, NOBODYS, USED, ServerKey, opened
from loginq.service.rules.sessions import NAME
from loginq.service.rules.times import from_iso, iso
from loginq.service.store import keys
from loginq.service.store.table import Row, Table
from loginq.service.store.wire import pack, unpack

BYTES = 32
_MOST = 1_000
"""Names that one function remembers: somebody who makes up names fills no memory."""

_OLD = ("oldHash", "oldUntil", "oldUsedAt")
"""What a row says of the key before."""
_NOBODY = "~"
"""Looked up for what can be no name."""
_NONE = pack({"PK": _NOBODY, "SK": _NOBODY, "hash": NOBODYS, "since": iso(0), "usedAt": iso(0)})
"""Read where there is no row, so that it takes as long: a name that is none is answered no sooner than one that is.

One that was asked for within `KNOWN` is answered without a read, whether there is such a server or not.
"""


def new_key() -> str:
    """Another key, in letters that need no quotes."""
    return secrets.token_urlsafe(BYTES)


class ServerKeys:
    """The keys of the game servers of one queue."""

    def __init__(self, table: Table, queue: str) -> None:
        self._table, self._queue = table, queue
        self._known: dict[str, tuple[int, ServerKey]] = {}

    def holds(self, server: str, presented: str, t: int) -> bool:
        """Whether this is a key of this server, by what was read at most `KNOWN` ago; its use is noted."""
        there = self._cached(server if NAME.fullmatch(server) else _NOBODY, t)
        found = opened(there, presented, t)
        if not found:
            return False
        self._use(there, found, t)
        return True

    def read(self, server: str) -> ServerKey | None:
        """The key of one server, if it has one."""
        row = self._row(server)
        return _key(row) if row else None

    def every(self) -> list[ServerKey]:
        """All keys, by the names of their servers."""
        return [_key(row) for row in self._table.query(keys.server_key(self._queue, "")[0])]

    def add(self, key: ServerKey) -> None:
        """Keep the first key of a server. Raises `Conflict` where it has one."""
        row = {**keys.keyed(keys.server_key(self._queue, key.server)), "hash": key.hash, "since": iso(key.since)}
        try:
            self._table.put(row, when="attribute_not_exists(#hash)")
        except ConditionFailed as exc:
            raise Conflict(f"{key.server!r} has a key already.", f"`loginq servers rotate {key.server}`") from exc

    def rotate(self, there: ServerKey, key: ServerKey) -> None:
        """Another key in place of the one that is there, which stays good until `key.old_until`, if it says so.

        Raises `Conflict` where that is another by now.
        """
        old = {"oldHash": there.hash, "oldUntil": iso(key.old_until)} if key.old_hash else {}
        old |= {"oldUsedAt": iso(there.used_at)} if old and there.used_at is not None else {}
        gone = [name for name in ("usedAt", *_OLD) if name not in old]
        try:
            self._table.update(
                *keys.server_key(self._queue, key.server),
                write={"hash": key.hash, "since": iso(key.since), **old}, remove=gone,
                when="#hash = :was", values={"was": there.hash},
            )  # fmt: skip
        except ConditionFailed as exc:
            raise _changed(key) from exc

    def get(self, server: str) -> ServerKey:
        """The key of one server. Raises `NotFound` where it has none."""
        there = self.read(server)
        if there is None:
            raise NotFound(f"{server!r} has no key.", "`loginq servers list` has them all.")
        return there

    def revoke_old(self, there: ServerKey) -> None:
        """Take away the key before the one that is there. Raises `Conflict` where that is another by now."""
        try:
            self._table.update(
                *keys.server_key(self._queue, there.server),
                remove=_OLD, when="#hash = :was", values={"was": there.hash},
            )  # fmt: skip
        except ConditionFailed as exc:
            raise _changed(there) from exc

    def revoke(self, server: str) -> None:
        """Take all keys of a server away."""
        self._table.write_all(deletes=[keys.server_key(self._queue, server)])

    def _row(self, server: str) -> Row | None:
        return self._table.get(*keys.server_key(self._queue, server))

    def _cached(self, server: str, t: int) -> ServerKey:
        """Its key, or one that nothing opens."""
        known = self._known.get(server)
        if known and 0 <= t - known[0] < KNOWN:
            return known[1]
        there = _key(self._row(server) or unpack(_NONE))
        self._remember(server, t, there)
        return there

    def _remember(self, server: str, t: int, there: ServerKey) -> None:
        if len(self._known) >= _MOST:
            self._known.clear()
        self._known[server] = t, there

    def _use(self, there: ServerKey, found: str, t: int) -> None:
        """Note the use of a key, unless that was noted lately. That it cannot be noted keeps no report out."""
        is_new = found == there.hash
        hashed, used, at = ("hash", "usedAt", there.used_at) if is_new else ("oldHash", "oldUsedAt", there.old_used_at)
        if at is not None and t - at < USED:
            return
        read_at, _ = self._known[there.server]
        noted = replace(there, used_at=t) if is_new else replace(there, old_used_at=t)
        self._known[there.server] = read_at, noted
        lately = f"#{hashed} = :hash AND (attribute_not_exists(#{used}) OR #{used} <= :lately)"
        with suppress(ConditionFailed, Unavailable):
            self._table.update(
                *keys.server_key(self._queue, there.server),
                write={used: iso(t)}, when=lately, values={"hash": found, "lately": iso(t - USED)},
            )  # fmt: skip


def _changed(key: ServerKey) -> Conflict:
    return Conflict(f"The key of {key.server!r} was changed meanwhile.", "`loginq queue audit`")


def _key(row: Row) -> ServerKey:
    return ServerKey(
        server=row["SK"],
        hash=row["hash"],
        since=from_iso(row["since"]),
        used_at=_when(row.get("usedAt")),
        old_hash=row.get("oldHash", ""),
        old_until=_when(row.get("oldUntil")) or 0,
        old_used_at=_when(row.get("oldUsedAt")),
    )


def _when(text: str | None) -> int | None:
    return None if text is None else from_iso(text)
