"""Player rows: what one says, the state it means, and every conditional write that changes it."""

from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from enum import StrEnum
from typing import Any, Self

from loginq.service.rules import times
from loginq.service.rules.errors import ConditionFailed, TooManyTickets
from loginq.service.rules.line import Line
from loginq.service.rules.times import SECOND, iso
from loginq.service.table import GETS, THREADS, Row, Table, chunks

COOL_DOWN = 10 * SECOND
"""How long after giving a ticket up there is no new one, ms: a loop of both burns six positions a minute at most."""


class State(StrEnum):
    """What a player is to the queue; computed, never stored."""

    REGISTERED = "registered"
    QUEUED = "queued"
    WAITING = "waiting"
    ADMITTED = "admitted"
    LEFT = "left"
    EXPIRED = "expired"


@dataclass(frozen=True, slots=True)
class Identity:
    """Who an ID token says is calling."""

    sub: str
    username: str
    email: str | None = None


@dataclass(frozen=True, slots=True)
class Player:
    """One player row; instants in ms since the epoch."""

    sub: str
    username: str | None = None
    email: str | None = None
    created_at: int | None = None
    ticket: str | None = None
    issued_at: int | None = None
    sent_at: int | None = None
    position: int | None = None
    queued_at: int | None = None
    eta_at: int | None = None
    """When the player was to be let in, as far as that could be told on placing."""
    admitted_at: int | None = None
    joined_at: int | None = None
    left_at: int | None = None
    gave_up_at: int | None = None
    """When the player gave the last ticket up; None where that is no reason to wait."""
    blocked: bool = False
    synthetic: bool = False
    returning: int | None = None
    """Until when, by the line's lived time, the ticket of a player who was in the game lets in without a wait, ms."""
    claimed: tuple[int, ...] = ()
    """Positions of earlier admissions, until they are counted."""
    deleted: bool = False
    """Whether the account is gone, and the row is kept for a while to keep its tokens out; nobody is shown it."""

    @classmethod
    def from_row(cls, row: Row) -> Self:
        """The player of a row."""

        def at(name: str) -> int | None:
            return times.from_row(row[name]) if row.get(name) is not None else None

        return cls(
            sub=row["PK"].removeprefix("USER#"),
            username=row.get("username"),
            email=row.get("email"),
            created_at=at("createdAt"),
            ticket=row.get("loginTicket"),
            issued_at=at("ticketIssuedAt"),
            sent_at=at("sentAt"),
            position=row.get("queuePosition"),
            queued_at=at("queuedAt"),
            eta_at=at("etaAt"),
            admitted_at=at("loginProcessedAt"),
            joined_at=at("joinedAt"),
            left_at=at("leftAt"),
            gave_up_at=at("gaveUpAt"),
            blocked=row.get("blocked", False),
            synthetic=row.get("synthetic", False),
            returning=row.get("returning"),
            claimed=tuple(row.get("claimed", ())),
            deleted=row.get("deleted", "ttl" in row and "username" not in row),  # an older version wrote no `deleted`
        )

    def state(self, line: Line) -> State:
        """The state that the row and the line mean together: the one place where it is decided."""
        if self.ticket is None:
            return State.REGISTERED
        if self.returning is not None:
            return State.WAITING if line.lived <= self.returning else State.EXPIRED
        if self.admitted_at is not None:
            return State.ADMITTED if self.left_at is None else State.LEFT
        if self.position is None:
            return State.REGISTERED if self.is_void(line) else State.QUEUED
        return State.EXPIRED if self.position <= line.closed_to else State.WAITING

    def is_void(self, line: Line) -> bool:
        """Whether a purge of the intake took this ticket with it."""
        return self.position is None and (self.issued_at or 0) < line.void_before

    def in_game(self) -> bool:
        """Whether this player counts as in the game: let in, and not known to have left.

        So does one who is on the way back before anybody said that he had left.
        """
        return self.admitted_at is not None and self.left_at is None

    def has_claimed(self, position: int) -> bool:
        """Whether this player was let in at this position, now or earlier."""
        return position in self.claimed or (self.position == position and self.admitted_at is not None)

    def may_return(self, t: int, grace: int) -> bool:
        """Whether the player is let straight in again: still in the game, or left it less than `grace` ms ago."""
        if self.left_at is not None:
            return t < self.left_at + grace
        return self.in_game() and self.joined_at is not None

    def is_resting(self, t: int) -> bool:
        """Whether the player gave a ticket up a moment ago: a loop of that must not burn positions."""
        return self.ticket is None and self.gave_up_at is not None and t < self.gave_up_at + COOL_DOWN

    def is_live(self, line: Line, t: int, admission: int) -> bool:
        """Whether the ticket still counts: in line, or admitted less than `admission` ms ago."""
        state = self.state(line)
        if state is State.ADMITTED:
            return t < (self.admitted_at or 0) + admission
        return state in (State.QUEUED, State.WAITING)


KEPT_CLAIMS = 50
"""Earlier positions that a row holds at most; each is let go once it is counted, a claim window and a minute later."""
_UNBLOCKED = "(attribute_not_exists(#blocked) OR #blocked = :no)"
_OF_A_TICKET = (
    "loginTicket",
    "ticketIssuedAt",
    "sentAt",
    "queuePosition",
    "queuedAt",
    "etaAt",
    "loginProcessedAt",
    "joinedAt",
    "leftAt",
    "returning",
)


def key(sub: str) -> tuple[str, str]:
    """The (PK, SK) of a player row."""
    return f"USER#{sub}", f"METADATA#{sub}"


class Players:
    """The player rows of the table. A write that depends on the row is conditional: `ConditionFailed`."""

    def __init__(self, table: Table) -> None:
        self._table = table

    def get(self, sub: str, *, consistent: bool = True) -> Player | None:
        """One player, or None."""
        row = self._table.get(*key(sub), consistent=consistent)
        return None if row is None else Player.from_row(row)

    def get_all(self, subs: Sequence[str]) -> dict[str, Player]:
        """Those of these players that exist, read consistently, by their subject."""
        players: dict[str, Player] = {}
        for some in chunks(list(dict.fromkeys(subs)), GETS * THREADS):  # rows take five times the memory of players
            rows = self._table.get_all([key(sub) for sub in some])
            players |= {player.sub: player for player in map(Player.from_row, rows.values())}
        return players

    def register(self, who: Identity, t: int) -> Player:
        """Create the row or update the profile; touch nothing else, and not the row of a deleted account."""
        profile: Row = {"write": _profile(who), "default": {"createdAt": iso(t)}}
        try:
            row = self._table.update(*key(who.sub), **profile, when="attribute_not_exists(#deleted)")
        except ConditionFailed as exc:
            row = exc.row
        return Player.from_row(row)

    def issuing(self, who: Identity, ticket: str, t: int, old: Player | None, counted_to: int = 0) -> Row:
        """A new ticket for a player who has none, or in place of the one in `old` if that is still as it was.

        For a transaction or an update of its own. `counted_to`: the line's, to let counted claims go.
        """
        held = old is not None and old.ticket is not None
        rested = "(attribute_not_exists(#gaveUpAt) OR #gaveUpAt <= :rested)"
        fresh = {
            "when": f"attribute_not_exists(#loginTicket) AND {_UNBLOCKED} AND {rested}",
            "values": {"no": False, "rested": iso(t - COOL_DOWN)},
        }
        return {
            "write": {
                **_profile(who),
                "loginTicket": ticket,
                "ticketIssuedAt": iso(t),
                "sentAt": iso(t),
                **_claims(old, counted_to),
            },
            "default": {"createdAt": iso(t)},
            "remove": (*_OF_A_TICKET[3:], "gaveUpAt"),
            **(_unchanged(old) if old is not None and held else fresh),
        }

    def returning(self, who: Identity, ticket: str, t: int, old: Player, until: int) -> Player:
        """A ticket for a player who was in the game, good `until` that lived time of the line, without a new place."""
        write = {
            **_profile(who),
            "loginTicket": ticket,
            "ticketIssuedAt": iso(t),
            "sentAt": iso(t),
            "returning": until,
        }
        return self.update(who.sub, {"write": write, **_unchanged(old)})

    def back(self, player: Player, t: int) -> Row:
        """A returning player is let in at `t`, once: for a transaction or an update of its own."""
        changes = _unchanged(player)
        return {
            "write": {"loginProcessedAt": iso(t)},
            "remove": ("joinedAt", "leftAt", "returning"),
            **changes,
            "when": f"{changes['when']} AND attribute_exists(#returning)",
        }

    def giving_up(self, old: Player, counted_to: int, t: int | None) -> Row:
        """The ticket and the place of `old` taken away, for a transaction or an update of its own.

        `t`: when, if the player did it, who then has to wait a little for the next one; None for an operator.
        """
        cool = {} if t is None else {"gaveUpAt": iso(t)}
        return {"write": {**_claims(old, counted_to), **cool}, "remove": _OF_A_TICKET, **_unchanged(old, blocked=True)}

    def update(self, sub: str, changes: Row) -> Player:
        """One of the changes above, by itself."""
        return Player.from_row(self._table.update(*key(sub), **changes))

    def updating(self, sub: str, changes: Row) -> Row:
        """One of the changes above, for a transaction."""
        return self._table.updating(*key(sub), **changes)

    def sent(self, player: Player, t: int | None) -> Player:
        """Note that the ticket is being sent to the intake at `t`; None: that sending it failed."""
        when, values = "attribute_not_exists(#sentAt)", {"ticket": player.ticket}
        if player.sent_at is not None:
            when, values = "#sentAt = :sentAt", {**values, "sentAt": iso(player.sent_at)}
        row = self._table.update(
            *key(player.sub),
            write={} if t is None else {"sentAt": iso(t)},
            remove=("sentAt",) if t is None else (),
            when=f"#loginTicket = :ticket AND attribute_not_exists(#queuePosition) AND {when}",
            values=values,
        )
        return Player.from_row(row)

    def place(self, positions: Sequence[tuple[Player, int, int | None]], t: int) -> list[str]:
        """Write positions, each on condition that the ticket is still that row's and the row has none.

        Args:
            positions: (player, position, when that is to be reached, ms; None where no honest number exists).

        Returns the error code of each, "" for written: see `Table.execute_all`.
        """
        return self._table.execute_all(
            "UPDATE {table} SET queuePosition=? SET queuedAt=? SET etaAt=? "
            "WHERE PK=? AND SK=? AND loginTicket=? AND queuePosition IS MISSING",
            positions,
            lambda each: [each[1], iso(t), _iso(each[2]), *key(each[0].sub), each[0].ticket],
        )

    def admit(self, player: Player, t: int) -> Player:
        """Let the player in at `t`, once."""
        row = self._table.update(
            *key(player.sub),
            write={"loginProcessedAt": iso(t)},
            when="#loginTicket = :ticket AND #queuePosition = :position AND attribute_not_exists(#loginProcessedAt)"
            f" AND {_UNBLOCKED}",
            values={"ticket": player.ticket, "position": player.position, "no": False},
        )
        return Player.from_row(row)

    def join(self, admissions: Sequence[tuple[Player, int]]) -> list[str]:
        """Note when players came into the game, each once and only of this admission; error codes as from `place`."""
        return self._table.execute_all(
            "UPDATE {table} SET joinedAt=? WHERE PK=? AND SK=? AND loginTicket=? AND joinedAt IS MISSING",
            admissions,
            lambda each: [iso(each[1]), *key(each[0].sub), each[0].ticket],
        )

    def leaving(self, player: Player, at: int, *, unless_joined: bool = False) -> Row:
        """The player has left the game, for a transaction."""
        write = {"leftAt": iso(at)}
        when = "#loginTicket = :ticket AND attribute_exists(#loginProcessedAt) AND attribute_not_exists(#leftAt)"
        when += " AND attribute_not_exists(#joinedAt)" if unless_joined else ""
        return self._table.updating(*key(player.sub), write=write, when=when, values={"ticket": player.ticket})

    def bury(self, sub: str, ttl: int) -> None:
        """Take name and address away, block the player, and let the row vanish after `ttl` (epoch seconds)."""
        write = {"deleted": True, "blocked": True, "ttl": ttl}
        self._table.update(*key(sub), remove=("username", "email"), write=write)

    def block(self, sub: str, *, blocked: bool) -> None:
        """Keep the player from logging in, or no more; an ID token that is out keeps working, but not here.

        Who is unblocked has an account: if the row says that it was deleted, that was cut off, and the row stays.
        """
        if blocked:
            self._table.update(*key(sub), write={"blocked": True})
            return
        try:
            self._table.update(*key(sub), remove=("blocked",), when="attribute_not_exists(#deleted)")
        except ConditionFailed:
            self._table.update(*key(sub), remove=("blocked", "deleted", "ttl"))

    def every(self) -> Iterator[list[Player]]:
        """All players, a list for each page read: the whole table is read and paid for."""
        for rows in self._table.scan("begins_with(#PK, :user)", {"user": "USER#"}):
            yield [Player.from_row(row) for row in rows]

    def delete(self, subs: Sequence[str]) -> None:
        """Delete rows."""
        self._table.write_all(deletes=[key(sub) for sub in subs])


def _unchanged(old: Player, *, blocked: bool = False) -> Row:
    """The condition that ticket, place, admission and leaving are still those of `old`.

    Of one ticket each of these is written once, so it is enough whether it is there.
    """
    when = "#loginTicket = :ticket"
    values: Row = {"ticket": old.ticket, "no": False}
    held = {"queuePosition": old.position, "loginProcessedAt": old.admitted_at, "leftAt": old.left_at}
    for name, value in held.items():
        when += f" AND attribute_{'not_exists' if value is None else 'exists'}(#{name})"
    if blocked:
        del values["no"]
        return {"when": when, "values": values}
    return {"when": f"{when} AND {_UNBLOCKED}", "values": values}


def _claims(old: Player | None, counted_to: int) -> Row:
    """The positions at which a player was let in before and that are not counted yet, kept beside a new ticket.

    Raises `TooManyTickets` rather than forget one: it would be counted as a no-show, and the capacity be exceeded.
    """
    if old is None or old.admitted_at is None or old.position is None:
        return {}
    kept = [position for position in (*old.claimed, old.position) if position > counted_to]
    if len(kept) > KEPT_CLAIMS:
        raise TooManyTickets("Too many tickets in too short a time.", "Try again in a few minutes.")
    return {"claimed": kept}


def _profile(who: Identity) -> dict[str, Any]:
    return {"username": who.username} | ({"email": who.email} if who.email else {})


def _iso(t: int | None) -> str | None:
    return None if t is None else iso(t)
