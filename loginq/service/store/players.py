"""Player rows: what one says, and every conditional write that changes it."""

from collections.abc import Iterator, Sequence
from typing import Any

from loginq.service.rules.claims import kept_claims
from loginq.service.rules.errors import ConditionFailed
from loginq.service.rules.player import COOL_DOWN, Identity, Player
from loginq.service.rules.times import from_row, iso
from loginq.service.store import keys
from loginq.service.store.table import GETS, THREADS, Row, Table, chunks

_UNBLOCKED = "(attribute_not_exists(#blocked) OR #blocked = :no)"
_OF_A_PLACE = ("queuePosition", "queuedAt", "etaAt", "loginProcessedAt", "joinedAt", "leftAt")
CLAIMING = ("loginTicket", "ticketIssuedAt", *_OF_A_PLACE, "claimed")
"""The attributes that say whether a position was claimed, and how: what counting reads, of thousands a second."""
_OF_A_TICKET = ("loginTicket", "ticketIssuedAt", "sentAt", *_OF_A_PLACE, "returning")


def player_of(row: Row) -> Player:
    """The player of a row."""

    def at(name: str) -> int | None:
        return from_row(row[name]) if row.get(name) is not None else None

    return Player(
        sub=keys.sub_of(row),
        username=row.get("username"),
        email=row.get("email"),
        subject=row.get("subject"),
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


class Players:
    """The player rows of the table. A write that depends on the row is conditional: `ConditionFailed`."""

    def __init__(self, table: Table) -> None:
        self._table = table

    def get(self, sub: str, *, consistent: bool = True) -> Player | None:
        """One player, or None."""
        row = self._table.get(*keys.player(sub), consistent=consistent)
        return None if row is None else player_of(row)

    def get_all(self, subs: Sequence[str], *, consistent: bool = True, only: Sequence[str] = ()) -> dict[str, Player]:
        """Those of these players that exist, by their subject; with `only` these attributes of theirs."""
        players: dict[str, Player] = {}
        for some in chunks(list(dict.fromkeys(subs)), GETS * THREADS):  # rows take five times the memory of players
            rows = self._table.get_all([keys.player(sub) for sub in some], consistent=consistent, only=only)
            players |= {player.sub: player for player in map(player_of, rows.values())}
        return players

    def register(self, who: Identity, t: int) -> Player:
        """Create the row or update the profile; touch nothing else, and not the row of a deleted account."""
        profile: Row = {"write": _profile(who), "default": {"createdAt": iso(t)}}
        try:
            row = self._table.update(*keys.player(who.sub), **profile, when="attribute_not_exists(#deleted)")
        except ConditionFailed as exc:
            row = exc.row
        return player_of(row)

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
            "remove": (*_OF_A_PLACE, "returning", "gaveUpAt"),
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
        return player_of(self._table.update(*keys.player(sub), **changes))

    def updating(self, sub: str, changes: Row) -> Row:
        """One of the changes above, for a transaction."""
        return self._table.updating(*keys.player(sub), **changes)

    def sent(self, player: Player, t: int | None) -> Player:
        """Note that the ticket is being sent to the intake at `t`; None: that sending it failed."""
        when, values = "attribute_not_exists(#sentAt)", {"ticket": player.ticket}
        if player.sent_at is not None:
            when, values = "#sentAt = :sentAt", {**values, "sentAt": iso(player.sent_at)}
        row = self._table.update(
            *keys.player(player.sub),
            write={} if t is None else {"sentAt": iso(t)},
            remove=("sentAt",) if t is None else (),
            when=f"#loginTicket = :ticket AND attribute_not_exists(#queuePosition) AND {when}",
            values=values,
        )
        return player_of(row)

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
            lambda each: [each[1], iso(t), _iso(each[2]), *keys.player(each[0].sub), each[0].ticket],
        )

    def admit(self, player: Player, t: int) -> Player:
        """Let the player in at `t`, once."""
        row = self._table.update(
            *keys.player(player.sub),
            write={"loginProcessedAt": iso(t)},
            when="#loginTicket = :ticket AND #queuePosition = :position AND attribute_not_exists(#loginProcessedAt)"
            f" AND {_UNBLOCKED}",
            values={"ticket": player.ticket, "position": player.position, "no": False},
        )
        return player_of(row)

    def join(self, admissions: Sequence[tuple[Player, int]]) -> list[str]:
        """Note when players came into the game, each once and only of this admission; error codes as from `place`."""
        return self._table.execute_all(
            "UPDATE {table} SET joinedAt=? WHERE PK=? AND SK=? AND loginTicket=? AND joinedAt IS MISSING",
            admissions,
            lambda each: [iso(each[1]), *keys.player(each[0].sub), each[0].ticket],
        )

    def leaving(self, player: Player, at: int, *, unless_joined: bool = False) -> Row:
        """The player has left the game, for a transaction."""
        write = {"leftAt": iso(at)}
        when = "#loginTicket = :ticket AND attribute_exists(#loginProcessedAt) AND attribute_not_exists(#leftAt)"
        when += " AND attribute_not_exists(#joinedAt)" if unless_joined else ""
        return self._table.updating(*keys.player(player.sub), write=write, when=when, values={"ticket": player.ticket})

    def bury(self, sub: str, ttl: int) -> None:
        """Take name and address away, block the player, and let the row vanish after `ttl` (epoch seconds)."""
        write = {"deleted": True, "blocked": True, "ttl": ttl}
        self._table.update(*keys.player(sub), remove=("username", "email", "subject"), write=write)

    def block(self, sub: str, *, blocked: bool) -> None:
        """Keep the player from logging in, or no more; an ID token that is out keeps working, but not here.

        Who is unblocked has an account: if the row says that it was deleted, that was cut off, and the row stays.
        """
        if blocked:
            self._table.update(*keys.player(sub), write={"blocked": True})
            return
        try:
            self._table.update(*keys.player(sub), remove=("blocked",), when="attribute_not_exists(#deleted)")
        except ConditionFailed:
            self._table.update(*keys.player(sub), remove=("blocked", "deleted", "ttl"))

    def every(self) -> Iterator[list[Player]]:
        """All players, a list for each page read: the whole table is read and paid for."""
        for rows in self._table.scan("begins_with(#PK, :user)", {"user": keys.PLAYERS}):
            yield [player_of(row) for row in rows]

    def delete(self, subs: Sequence[str]) -> None:
        """Delete rows."""
        self._table.write_all(deletes=[keys.player(sub) for sub in subs])


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
    kept = kept_claims(old, counted_to)
    return {} if kept is None else {"claimed": list(kept)}


def _profile(who: Identity) -> dict[str, Any]:
    given = {"email": who.email, "subject": None if who.subject == who.sub else who.subject}
    return {"username": who.username} | {name: value for name, value in given.items() if value}


def _iso(t: int | None) -> str | None:
    return None if t is None else iso(t)
