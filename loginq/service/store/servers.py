"""What game servers count: one row each, `COUNT#<queue>` / server, with how many it held and when it said so."""

from collections.abc import Sequence

from loginq.service.rules.errors import ConditionFailed
from loginq.service.rules.servers import Server
from loginq.service.rules.times import from_iso, iso
from loginq.service.store import keys
from loginq.service.store.table import Table


class Servers:
    """The game servers of one queue."""

    def __init__(self, table: Table, queue: str) -> None:
        self._table, self._queue = table, queue
        self.summed_at = 0
        """When they were summed here last, ms, and had changed nothing: of that the line does not know."""

    def write(self, server: Server) -> bool:
        """Keep what a server says; False where something newer is there already."""
        key, at = keys.count(self._queue, server.name), iso(server.at)
        row = {**keys.keyed(key), "count": server.in_game, "at": at}
        try:
            self._table.put(row, when="attribute_not_exists(#at) OR #at <= :at", values={"at": at})
        except ConditionFailed:
            return False
        return True

    def every(self) -> list[Server]:
        """All that were ever heard and are not forgotten, by name."""
        rows = self._table.query(keys.count(self._queue, "")[0])
        return [Server(row["SK"], row["count"], from_iso(row["at"])) for row in rows]

    def forget(self, names: Sequence[str]) -> None:
        """Let these go, and what they held; one that says something later is there again."""
        self._table.write_all(deletes=[keys.count(self._queue, name) for name in names])
