"""How players stand, as the operator sees it: one, or those who wait, in order."""

from collections.abc import Iterator
from dataclasses import dataclass
from itertools import islice
from typing import Any

from loginq.service.errors import NotFound
from loginq.service.line import Line
from loginq.service.players import Player, State
from loginq.service.queue import Queue
from loginq.service.times import SECOND, iso
from loginq.service.users import Users

_AT_ONCE = 100
"""Rows read together while a list is shown."""


@dataclass(frozen=True, slots=True)
class Entry:
    """A player and what the line makes of them; `eta` in ms from now, None where there is no honest number."""

    player: Player
    state: State
    ahead: int | None
    eta: int | None

    @property
    def name(self) -> str:
        """What to call the player."""
        return self.player.username or self.player.sub

    def document(self) -> dict[str, Any]:
        """The JSON form; the ticket itself is a secret of its player's and left out."""
        player = self.player

        def at(t: int | None) -> str | None:
            return None if t is None else iso(t)

        return {
            "sub": player.sub,
            "username": player.username,
            "state": self.state,
            "position": player.position,
            "ahead": self.ahead,
            "eta_seconds": None if self.eta is None else -(-self.eta // SECOND),
            "has_ticket": player.ticket is not None,
            "created_at": at(player.created_at),
            "ticket_issued_at": at(player.issued_at),
            "queued_at": at(player.queued_at),
            "login_processed_at": at(player.admitted_at),
            "blocked": player.blocked,
            "synthetic": player.synthetic,
        }


def entry(player: Player, line: Line, t: int) -> Entry:
    """How a player stands at `t`."""
    state, ahead, eta = player.state(line), None, None
    if state is State.WAITING and player.position is not None:
        ahead, eta = line.ahead(player.position, t), line.wait(player.position, t)
    return Entry(player, state, ahead, eta)


def waiting_players(queue: Queue, line: Line, t: int, limit: int) -> Iterator[Entry]:
    """The first `limit` players who wait, in order, from the rosters; who has left since is left out."""
    places = queue.rosters.places(line.reached(t) + 1, line.tail)
    shown = 0
    while shown < limit and (some := list(islice(places, _AT_ONCE))):
        rows = queue.players.get_all([place.sub for place in some])
        for place in some:
            player = rows.get(place.sub)
            if player is not None and player.position == place.position and shown < limit:
                shown += 1
                yield entry(player, line, t)


def find(queue: Queue, users: Users, name: str) -> Entry:
    """The player with this subject or user name. Raises `NotFound`."""
    player = queue.players.get(name)
    if player is None:
        try:
            player = queue.players.get(users.get(name).sub)
        except NotFound:
            player = None
    if player is None:
        raise NotFound(f"There is no player {name!r}.", "See `loginq users list` and `loginq players list`.")
    line = queue.lines.read()
    return entry(player, line, queue.clock())
