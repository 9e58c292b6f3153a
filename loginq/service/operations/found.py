"""How players stand, as the operator sees it: one, or those who wait, in order."""

from collections.abc import Container, Iterator, Sequence
from dataclasses import dataclass
from itertools import islice
from typing import Any

from loginq.service.operations.accounts import Account, Users, patiently
from loginq.service.operations.guests import WHO
from loginq.service.rules.act import Action
from loginq.service.rules.errors import LoginqError, NotFound
from loginq.service.rules.identity import meant
from loginq.service.rules.line import Line
from loginq.service.rules.player import Identity, Player, State
from loginq.service.rules.times import SECOND, iso
from loginq.service.store.queue import Queue
from loginq.service.store.table import attempts

_AT_ONCE = 100
"""Rows read together while a list is shown."""
_LONGEST_SUB = 128
"""What is longer is nobody's, and may be no key."""

FIELDS = (
    "sub",
    "username",
    "email",
    "state",
    "position",
    "ahead",
    "eta_seconds",
    "eta_basis",
    "has_ticket",
    "created_at",
    "ticket_issued_at",
    "queued_at",
    "login_processed_at",
    "joined_at",
    "left_at",
    "blocked",
    "synthetic",
    "subject",
)
"""What is told of a player, in this order."""


@dataclass(frozen=True, slots=True)
class Seen:
    """A player and what the line makes of them; `eta` in ms from now, None where there is no honest number."""

    player: Player
    state: State
    ahead: int | None
    eta: int | None
    eta_basis: str | None = None

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
            "email": player.email,
            "state": self.state,
            "position": player.position,
            "ahead": self.ahead,
            "eta_seconds": None if self.eta is None else -(-self.eta // SECOND),
            "eta_basis": self.eta_basis,
            "has_ticket": player.ticket is not None,
            "created_at": at(player.created_at),
            "ticket_issued_at": at(player.issued_at),
            "queued_at": at(player.queued_at),
            "login_processed_at": at(player.admitted_at),
            "joined_at": at(player.joined_at),
            "left_at": at(player.left_at),
            "blocked": player.blocked,
            "synthetic": player.synthetic,
            "subject": player.known_as,
        }


def seen(player: Player, line: Line, t: int) -> Seen:
    """How a player stands at `t`."""
    state, place = player.state(line), player.position
    if state is not State.WAITING or place is None:
        return Seen(player, state, None, None)
    return Seen(player, state, line.ahead(place, t), line.wait(place, t), line.basis(place, t))


def waiting_players(queue: Queue, line: Line, t: int, limit: int) -> Iterator[Seen]:
    """The first `limit` players who wait, in order, from the rosters; who has left since is left out."""
    places = queue.rosters.places(line.reached(t) + 1, line.tail)
    shown = 0
    while shown < limit and (some := list(islice(places, _AT_ONCE))):
        rows = queue.players.get_all([place.sub for place in some])
        for place in some:
            player = rows.get(place.sub)
            found = None if player is None or player.position != place.position else seen(player, line, t)
            if found is not None and found.state is State.WAITING and shown < limit:
                shown += 1
                yield found


def players_in(queue: Queue, line: Line, t: int, states: Container[State]) -> Iterator[list[Seen]]:
    """The players in these states, a list for each page of a scan of the whole table; deleted ones are left out."""
    for page in queue.players.every():
        there = [seen(player, line, t) for player in page if not player.deleted]
        yield [found for found in there if found.state in states]


@dataclass(frozen=True, slots=True)
class Found:
    """One player with the account, None where that is gone or another provider's (or never was: a synthetic player)."""

    seen: Seen
    account: Account | None


def find(queue: Queue, users: Users, name: str) -> Found:
    """The player with this user name, e-mail address or sub. Raises `NotFound`."""
    player = _known(queue, name)
    try:
        account = None if queue.provider else users.find(name)
    except NotFound:
        account = None
    if player is None and account is not None:
        player = _known(queue, account.sub) or Player(account.sub, account.username, account.email)
    if player is None:
        raise _nobody(queue, name)
    line = queue.lines.read()
    return Found(seen(player, line, queue.clock()), account)


def identity(queue: Queue, users: Users, name: str) -> Identity:
    """Who a user name, an e-mail address or a sub means. Raises `NotFound`."""
    return _identity(queue, users, _known(queue, name), name)


def identities(queue: Queue, users: Users, names: Sequence[str]) -> list[Identity | LoginqError]:
    """The same of many, as far as it can be said; throttling is waited out."""
    subs = {name: meant(queue.provider, name) for name in names}
    rows = queue.players.get_all([sub for sub in subs.values() if len(sub) <= _LONGEST_SUB])
    known = {sub: player for sub, player in rows.items() if not player.deleted}

    def who(name: str) -> Identity:
        return patiently(lambda: _identity(queue, users, known.get(subs[name]), name), queue.table.sleep, queue.random)

    return attempts(who, names)


def _identity(queue: Queue, users: Users, player: Player | None, name: str) -> Identity:
    if player is not None and player.username:
        return Identity(player.sub, player.username, player.email, player.subject)
    try:
        account = users.find(name)
    except NotFound as exc:
        raise _nobody(queue, name) from exc
    return Identity(account.sub, account.username, account.email)


def _known(queue: Queue, name: str) -> Player | None:
    """The player of this subject or key, unless the account is deleted."""
    player = queue.players.get(meant(queue.provider, name))
    return None if player is None or player.deleted else player


def _nobody(queue: Queue, name: str) -> NotFound:
    hint = WHO if queue.provider else "See `loginq users list` and `loginq players list`."
    return NotFound(f"There is no player {name!r}.", hint)


def history(found: Player, actions: Sequence[Action]) -> list[tuple[int, str]]:
    """What happened to a player, (instant in ms, words), oldest first.

    It is what the row knows, and what operators did, by `actions` that concern this player.
    """
    known = [
        (found.created_at, "registered"),
        (found.issued_at, "got the ticket"),
        (found.queued_at, f"placed at {found.position:,}" if found.position else "placed"),
        (found.admitted_at, "let in"),
        (found.joined_at, "joined the game"),
        (found.left_at, "left the game"),
    ]
    events = [(at, words) for at, words in known if at is not None]
    events += [(each.at, f"{each.what} by {each.name}") for each in actions]
    return sorted(events, key=lambda event: event[0])
