"""Game servers that count: how many players each holds, which are silent, and how many have left by all of them."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from typing import Any

from loginq.service.rules.line import Line
from loginq.service.rules.times import MINUTE, SECOND, iso
from loginq.service.rules.valve import bucket

SILENT = 1 * MINUTE
"""How old a count may be, ms, before its server is one to look after."""
ENTERING = 1 * MINUTE
"""How long after an admission a player is on the way, ms: by then a game server counts him, or he has not come."""
LATELY = 5 * MINUTE
"""For how long it is said that a server fell, or that two use one name, ms."""
TOGETHER = 1 * MINUTE
"""Within that time, ms, a run that was followed by another and speaks again is not over, and falls belong together."""
OFTEN = 3
"""Falls within a minute that no one server makes by losing its players."""
_NAMED = 3
_CROWD, _LEFT = 20, 10
"""A server is said to have fallen that held so many and now at most one in so many: no hour ends like that."""


@dataclass(frozen=True, slots=True)
class Server:
    """One game server: how many players it held when it was heard last, at `at` ms.

    Args:
        instance: which run of it that was, where it says so; before: the run that it followed.
        fell_at, fell_from: when it lost nearly all its players from one word to the next, ms, and how many it had; 0
            for never. falls: how often within a minute. two_at: when two runs last spoke in turn under its name, ms.
    """

    name: str
    in_game: int
    at: int
    instance: str = ""
    before: str = ""
    fell_at: int = 0
    fell_from: int = 0
    falls: int = 0
    two_at: int = 0

    def after(self, was: "Server | None") -> "Server":
        """This word of it, with what the one before says of it."""
        if was is None:
            return self
        follows = bool(self.instance and was.instance and self.instance != was.instance)
        two = follows and self.instance == was.before and self.at - was.at <= TOGETHER
        known = self.in_game * 2 <= was.in_game if follows and was.in_game else False
        fell = known or (was.in_game >= _CROWD and self.in_game * _LEFT <= was.in_game)
        again = was.falls + 1 if was.falls and self.at - was.fell_at <= TOGETHER else 1
        return replace(
            self,
            before=was.instance if follows else was.before,
            fell_at=self.at if fell else was.fell_at,
            fell_from=was.in_game if fell else was.fell_from,
            falls=again if fell else was.falls,
            two_at=self.at if two else was.two_at,
        )

    def is_two(self, t: int) -> bool:
        """Whether two used its name lately: by the runs that they say they are, else by falls that no one has."""
        return (self.two_at > 0 and t - self.two_at <= LATELY) or (self.falls >= OFTEN and self.has_fallen(t))

    def has_fallen(self, t: int) -> bool:
        """Whether it lately lost nearly all its players at once, as one does that starts anew."""
        return self.fell_at > 0 and t - self.fell_at <= LATELY

    def is_silent(self, t: int) -> bool:
        """Whether it has said nothing for too long; its seats stay taken all the same."""
        return t - self.at > SILENT

    def is_missed(self, t: int) -> bool:
        """Whether that keeps seats from others: a server whose last word was that it is empty may be gone."""
        return self.in_game > 0 and self.is_silent(t)

    def is_above(self, admitted: int | None) -> bool:
        """Whether it holds more than were ever let in; False where that is not known."""
        return admitted is not None and self.in_game > admitted

    def document(self, t: int, admitted: int | None = None) -> dict[str, Any]:
        """The JSON form, at the instant `t`. `admitted`: who was ever let in, where that is known."""
        fell = {"from": self.fell_from, "at": iso(self.fell_at)} if self.has_fallen(t) else None
        return {
            "server": self.name,
            "in_game": self.in_game,
            "last_heard": iso(self.at),
            "silent": self.is_silent(t),
            "fell": fell,
            "two": self.is_two(t),
            "above": self.is_above(admitted),
        }


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


def summary(servers: Sequence[Server], t: int, admitted: int | None = None) -> dict[str, Any]:
    """All of them as one JSON form, at the instant `t`. `admitted`: who was ever let in, where that is known."""
    return {
        "heard": len(servers),
        "in_game": sum(server.in_game for server in servers),
        "silent": [server.name for server in servers if server.is_silent(t)],
        "fell": [server.name for server in servers if server.has_fallen(t)],
        "two": [server.name for server in servers if server.is_two(t)],
        "above": [server.name for server in servers if server.is_above(admitted)],
    }


def troubles(servers: Sequence[Server], t: int, admitted: int | None = None) -> list[str]:
    """What to say at `t`, ms, of servers that are silent, or whose counts are hard to believe; as `summary` has it."""
    said = silence(servers, t)
    for server in servers:
        if server.is_two(t):
            said.append(
                f"two game servers report as {server.name}, or it starts again and again, and each word replaces the "
                "last: give each a name of its own"
            )
        elif server.has_fallen(t):
            said.append(
                f"{server.name} fell from {server.fell_from:,} players at once {(t - server.fell_at) // SECOND} s ago, "
                "and their seats came free; if they come back past the queue: `loginq queue pause` until they have"
            )
    above = [server for server in servers if server.is_above(admitted)]
    if above:
        names = ", ".join(server.name for server in above[:_NAMED]) + (" …" if above[_NAMED:] else "")
        said.append(
            f"{names}: more players than were ever let in ({admitted:,}); they came past the queue, or it counts wrong"
        )
    return said


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
