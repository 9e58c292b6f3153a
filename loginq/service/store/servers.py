"""What game servers count: one row each, `COUNT#<queue>` / server, with how many it held and when it said so."""

from collections.abc import Sequence

from loginq.service.rules.errors import ConditionFailed
from loginq.service.rules.servers import Server
from loginq.service.rules.times import from_iso, iso
from loginq.service.store import keys
from loginq.service.store.table import Row, Table


class Servers:
    """The game servers of one queue."""

    def __init__(self, table: Table, queue: str) -> None:
        self._table, self._queue = table, queue
        self.summed_at = 0
        """When they were summed here last, ms, and had changed nothing: of that the line does not know."""

    def write(self, server: Server) -> bool:
        """Keep what a server says; False where something newer is there already."""
        key, at = keys.count(self._queue, server.name), iso(server.at)
        was = self._table.get(*key, consistent=False)
        row = {**keys.keyed(key), **_row(server.after(_server(was) if was else None)), "at": at}
        try:
            self._table.put(row, when="attribute_not_exists(#at) OR #at <= :at", values={"at": at})
        except ConditionFailed:
            return False
        return True

    def every(self) -> list[Server]:
        """All that were ever heard and are not forgotten, by name."""
        rows = self._table.query(keys.count(self._queue, "")[0])
        return [_server(row) for row in rows]

    def forget(self, names: Sequence[str]) -> None:
        """Let these go, and what they held; one that says something later is there again."""
        self._table.write_all(deletes=[keys.count(self._queue, name) for name in names])


_INSTANTS, _OTHERS = {"fell_at": "fellAt", "two_at": "twoAt"}, {
    "instance": "instance", "before": "before", "fell_from": "fellFrom", "falls": "falls",
}  # fmt: skip


def _row(server: Server) -> Row:
    said = {name: getattr(server, field) for field, name in _OTHERS.items() if getattr(server, field)}
    when = {name: iso(getattr(server, field)) for field, name in _INSTANTS.items() if getattr(server, field)}
    return {"count": server.in_game, **said, **when}


def _server(row: Row) -> Server:
    """What a row says; an older function wrote no more than count and instant."""
    said: Row = {field: row[name] for field, name in _OTHERS.items() if name in row}
    when: Row = {field: from_iso(row[name]) for field, name in _INSTANTS.items() if name in row}
    return Server(row["SK"], row["count"], from_iso(row["at"]), **said, **when)
