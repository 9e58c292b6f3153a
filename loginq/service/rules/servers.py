"""Game servers that count: how many players each holds, which are silent, and how many have left by all of them."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from loginq.service.rules.line import Line
from loginq.service.rules.times import MINUTE, iso
from loginq.service.rules.valve import bucket

SILENT = 1 * MINUTE
"""How old a count may be, ms, before its server is one to look after."""
ENTERING = 1 * MINUTE
"""How long after an admission a player is on the way, ms: by then a game server counts him, or he has not come."""


@dataclass(frozen=True, slots=True)
class Server:
    """One game server: how many players it held when it was heard last, at `at` ms."""

    name: str
    in_game: int
    at: int

    def is_silent(self, t: int) -> bool:
        """Whether it has said nothing for too long; its seats stay taken all the same."""
        return t - self.at > SILENT

    def is_missed(self, t: int) -> bool:
        """Whether that keeps seats from others: a server whose last word was that it is empty may be gone."""
        return self.in_game > 0 and self.is_silent(t)

    def document(self, t: int) -> dict[str, Any]:
        """The JSON form, at the instant `t`."""
        return {"server": self.name, "in_game": self.in_game, "last_heard": iso(self.at), "silent": self.is_silent(t)}


def departed(line: Line, t: int, claimed: int, through: Mapping[int, int], servers: Sequence[Server]) -> int:
    """How many of those who were let in have left by what all game servers count, however old that is.

    Synthetic ones count as departed; who was let in a minute ago or less may not be counted yet, and is on the way. It
    is negative where more are in the game than were let in: who came past the queue takes a seat, too.

    Args:
        claimed: real players who were ever let in, as `measure.counts` has them. No more than were reached count: the
            valve also counts a call that then let nobody in, and what it once counted too many would stay.
        through: start of a bucket, ms -> players who came in; back to a minute ago or further.
    """
    claimed = min(claimed, line.counted + line.reached(t) - line.counted_to)
    on_the_way = sum(count for start, count in through.items() if start >= bucket(t - ENTERING))
    return line.synthetic + claimed - on_the_way - sum(server.in_game for server in servers)


def summary(servers: Sequence[Server], t: int) -> dict[str, Any]:
    """All of them as one JSON form, at the instant `t`."""
    silent = [server.name for server in servers if server.is_silent(t)]
    return {"heard": len(servers), "in_game": sum(server.in_game for server in servers), "silent": silent}


def silence(servers: Sequence[Server], t: int) -> list[str]:
    """What to say at `t`, ms, of servers that keep seats and say nothing."""
    missed = [server for server in servers if server.is_missed(t)]
    if not missed:
        return []
    seats = sum(server.in_game for server in missed)
    if len(missed) > 1:
        return [
            f"{len(missed):,} game servers are silent and keep {seats:,} seats: `loginq servers list`; one that is "
            "gone for good: `loginq servers forget NAME`"
        ]
    (server,) = missed
    return [
        f"{server.name} has not said for {(t - server.at) // MINUTE} min how many it holds, and keeps {seats:,} seats; "
        f"if it is gone for good: `loginq servers forget {server.name}`"
    ]
