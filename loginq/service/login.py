"""What a player may do: ask for a ticket, ask how it stands, give it up."""

import secrets
from collections.abc import Sequence
from contextlib import suppress
from dataclasses import dataclass, replace

from loginq.service.departures import depart
from loginq.service.placing import Message, place
from loginq.service.queue import Queue
from loginq.service.rules.errors import (
    Blocked,
    ConditionFailed,
    LoginqError,
    MissingTicket,
    QueueClosed,
    TicketExpired,
    TooManyTickets,
    Unavailable,
    UnknownTicket,
)
from loginq.service.rules.line import Line
from loginq.service.rules.player import Identity, Player, State
from loginq.service.rules.polling import poll_after, remaining, renewal_due, resend_due
from loginq.service.rules.ticket import Ticket
from loginq.service.rules.times import DAY, HOUR, SECOND
from loginq.service.rules.token import Jwk
from loginq.service.store.players import player_of
from loginq.service.store.signing import mint
from loginq.service.table import Row, attempts

TRIES = 4
"""Calls for one player that meet on one row."""
TICKET_BYTES = 24
"""A ticket has 192 random bits: nobody guesses one, and it works only beside its player's own ID token."""
RETURNS = 5
"""How many times the asked rate players may come back at, unless the operator says otherwise."""
RETURN_POLL = 10 * SECOND
"""What the wait of a returner counts as."""
ID_TOKEN = DAY + HOUR
"""How long an ID token may live, ms: a day at most, and an hour for one that was given while the account was deleted.

https://docs.aws.amazon.com/cognito/latest/developerguide/amazon-cognito-user-pools-using-the-id-token.html
"""


@dataclass(frozen=True, slots=True)
class Standing:
    """How one ticket stands at one instant. Durations in ms; None where there is no (honest) number."""

    ticket: str
    state: State
    line_state: str
    position: int | None
    ahead: int | None
    eta: int | None
    poll_after: int
    message: str
    before_game: int
    """Everybody still waiting in the line; the intake not counted."""
    token: str | None = None
    """The admission token of a player who is let in."""
    is_new: bool = False
    """Whether this very call made the ticket, or let the player in."""
    eta_error: int | None = None
    """By how much the player was let in later than told on placing, ms; only from the call that did it."""

    @property
    def admitted(self) -> bool:
        """Whether the player may enter."""
        return self.state is State.ADMITTED


def request(queue: Queue, who: Identity) -> Standing:
    """Give the player a ticket, or the one that is live, and see that it gets into the line.

    Raises `Blocked`, `QueueClosed` (only without a live ticket), `TooManyTickets` right after giving one up,
    `Unavailable`.
    """
    line, t = queue.lines.cached(), queue.clock()
    player, is_new = _ticket(queue, who, line, t)
    if is_new:
        _send(queue, player)
    else:
        player = _resend(queue, player, line, t)
    line = queue.lines.covering(player.position)
    if player.returning is not None and player.state(line) is State.WAITING:
        player, _ = _come_back(queue, player, line)
    token = _token(queue, player, line)
    if token is not None and not player.is_live(line, queue.clock(), queue.rules.admission):
        return request(queue, who)  # it took so long that the admission is over: now there is a new ticket
    return replace(_standing(queue, player, line), token=token, is_new=is_new)


def status(queue: Queue, who: Identity, ticket: str | None) -> Standing:
    """How the ticket stands; the first call that finds its position reached lets the player in.

    Raises `MissingTicket`, `UnknownTicket`, `TicketExpired`, `Blocked`, `Unavailable`.
    """
    if not ticket:
        raise MissingTicket("The parameter login_ticket is missing.", "Send the ticket that /login gave.")
    player = _holder(queue, who, ticket)
    line = queue.lines.covering(player.position)
    if player.blocked:
        raise _blocked()
    state, entered, late = player.state(line), False, None
    if state is State.QUEUED:
        player = _resend(queue, player, line, queue.clock())
    elif state is State.WAITING:
        _signer(queue, line)  # no sign of life, and no admission, from who could not give a token
        line = _renew(queue, line, queue.clock())
        if player.returning is not None:
            player, entered = _come_back(queue, player, line)
        else:
            player, entered = _come_in(queue, player, line)
            told = player.eta_at if entered else None
            late = None if told is None else (player.admitted_at or 0) - told
    token = _token(queue, player, line)
    if not player.is_live(line, queue.clock(), queue.rules.admission):  # asked last: no token is over when it is given
        raise TicketExpired("This ticket's time is over.", "Ask /login for a new one.")
    return replace(_standing(queue, player, line), token=token, is_new=entered, eta_error=late)


def leave(queue: Queue, who: Identity, *, by_operator: bool = False) -> None:
    """Give the ticket up, and the place with it, be it in line or in the game.

    A player who does it has to wait `players.COOL_DOWN` for the next one. Raises `UnknownTicket` when there is none.
    """
    for _ in range(TRIES):
        player = queue.players.get(who.sub)
        if player is None or player.ticket is None:
            raise UnknownTicket("There is no ticket to give up.")
        line = queue.lines.cached()
        try:
            t = None if by_operator else queue.clock()
            _replace(queue, player, queue.players.giving_up(player, line.counted_to, t), line)
        except ConditionFailed:
            continue
        return
    raise _changing()


def forget(queue: Queue, who: Identity) -> None:
    """Keep the player out for good, give up what there is to give up, and let the row vanish, nameless, by itself.

    It stays as long as an ID token of the account may live, because `/login` asks nobody else whether the account is
    still there. In it stay the claims that are not counted yet: they would be taken for no-shows as well.
    """
    queue.players.bury(who.sub, (queue.clock() + ID_TOKEN) // SECOND)
    with suppress(UnknownTicket):
        leave(queue, who, by_operator=True)


def admit(queue: Queue, everyone: Sequence[Identity]) -> list[LoginqError | None]:
    """Let players in out of turn, by an operator's word: whatever the gate, the valve and the capacity say.

    Who has no place yet gets one at the end of the line, and is let in there. Who is in already stays as he is.
    Returns for each, in order, why it could not be done, or None.
    """
    line = queue.lines.read()

    def ticketed(who: Identity) -> Player:
        for _ in range(TRIES):
            t, old = queue.clock(), queue.players.get(who.sub)
            if old is not None and old.blocked:
                raise _blocked()
            if old is not None and (old.in_game() or old.is_live(line, t, queue.rules.admission)):
                return old
            if old is not None and old.is_resting(t):
                raise _resting()
            ticket = secrets.token_urlsafe(TICKET_BYTES)
            with suppress(ConditionFailed):
                changes = queue.players.issuing(who, ticket, t, old, line.counted_to)
                return _replace(queue, old, changes, line, who.sub)
        raise _changing()

    made = attempts(ticketed, everyone)
    placeless = [row for row in made if isinstance(row, Player) and row.position is None and not row.in_game()]
    if placeless:
        tickets = [Ticket(row.sub, row.ticket or "", row.issued_at or 0) for row in placeless]
        place(queue, [Message(ticket.sub, ticket.body()) for ticket in tickets])
    rows = queue.players.get_all([row.sub for row in made if isinstance(row, Player)])

    def let_in(player: Player) -> bool:
        if player.in_game() and player.returning is None:
            return False
        if player.position is None:
            raise _changing()
        enter = _admit if player.returning is None else _back
        return enter(queue, player, queue.clock())[1]

    entered = dict(zip(rows, attempts(let_in, rows.values()), strict=True))
    if new := sum(result is True for result in entered.values()):
        queue.valve.note(queue.clock(), new)
        queue.lines.change(lambda line, t: line.renew(t))  # as every operator's change does
    results = [row if isinstance(row, LoginqError) else entered.get(row.sub, _changing()) for row in made]
    return [result if isinstance(result, LoginqError) else None for result in results]


def _ticket(queue: Queue, who: Identity, line: Line, t: int) -> tuple[Player, bool]:
    """The player's live ticket, and whether it was made by this call. One write, and no read before it."""
    ticket = secrets.token_urlsafe(TICKET_BYTES)
    old = queue.players.get(who.sub) if line.closed else None
    for _ in range(TRIES):
        if old is not None and old.blocked:
            raise _blocked()
        if old is not None and old.ticket == ticket:  # a retry whose first attempt did take effect
            return old, old.returning is None
        if old is not None and old.is_live(line, t, queue.rules.admission):
            return old, False
        if old is not None and old.is_resting(t):
            raise _resting()
        try:
            if old is not None and old.may_return(t, queue.rules.reconnect_grace):
                until = line.lived_at(t) + queue.rules.claim_window
                return queue.players.returning(who, ticket, t, old, until), False
            if line.closed:
                raise QueueClosed("The queue takes nobody new at the moment.", "Try again later.")
            return _replace(
                queue, old, queue.players.issuing(who, ticket, t, old, line.counted_to), line, who.sub
            ), True
        except ConditionFailed as exc:
            old = player_of(exc.row) if exc.row else None
    raise _changing()


def _replace(queue: Queue, old: Player | None, changes: Row, line: Line, sub: str = "") -> Player:
    """Take a ticket's place away; who was in the game counts as departed with it, where anybody counts."""
    sub = old.sub if old is not None else sub
    if old is None or not old.in_game() or (line.capacity is None and not queue.rules.reports_joined):
        return queue.players.update(sub, changes)
    return _counted(queue, old, changes)


def _counted(queue: Queue, old: Player, changes: Row, sign: int = 1) -> Player:
    """A change of a row and one of the count of those who left, both or neither. `sign`: -1 for who is back."""
    depart(queue, [old.admitted_at or 0], [queue.players.updating(old.sub, changes)], sign)
    player = queue.players.get(old.sub)
    if player is None:
        raise _changing()
    return player


def _come_in(queue: Queue, player: Player, line: Line) -> tuple[Player, bool]:
    """Let a player in whose position is reached, if the valve allows it; and whether this very call did."""
    if line.paused or player.position is None or player.position > line.reached(queue.clock()):
        return player, False
    if not queue.valve.take(line, queue.clock(), queue.random):
        return player, False
    line, t = queue.lines.covering(player.position), queue.clock()  # the valve may have taken its time
    if line.paused or not line.closed_to < player.position <= line.reached(t):
        return player, False
    return _admit(queue, player, t)


def _come_back(queue: Queue, player: Player, line: Line) -> tuple[Player, bool]:
    """Let a player in who was in the game before, if returners are not coming too fast; and whether this call did."""
    if line.paused:
        return player, False
    rate = queue.rules.return_rate or RETURNS * line.rate_at(queue.clock())
    if not queue.valve.take_back(rate, queue.clock(), queue.random) or queue.lines.cached().paused:
        return player, False
    return _back(queue, player, queue.clock())


def _back(queue: Queue, player: Player, t: int) -> tuple[Player, bool]:
    """The player is in again, at the old position: one place is counted, not two."""
    changes = queue.players.back(player, t)
    try:
        if player.left_at is None:
            return queue.players.update(player.sub, changes), True
        return _counted(queue, player, changes, -1), True
    except ConditionFailed as exc:
        return _found(player, exc), False


def _changing() -> Unavailable:
    return Unavailable("This player's row keeps changing.", "Try again in a moment.")


def _send(queue: Queue, player: Player) -> None:
    """Send the ticket to the intake; when that fails, the row says so and the next call sends it again."""
    try:
        queue.intake.send([Ticket(player.sub, player.ticket or "", player.issued_at or 0, player.synthetic)])
    except LoginqError:
        try:
            queue.players.sent(player, None)
        except LoginqError as exc:
            queue.log("ticket_unsent_mark_failed", reason=type(exc).__name__)
        raise


def _resend(queue: Queue, player: Player, line: Line, t: int) -> Player:
    """Send a ticket again that the line has not taken for long: no ticket is ever lost."""
    if player.state(line) is not State.QUEUED:
        return player
    if not resend_due(player.sent_at, player.issued_at or 0, line.intake_age, t):
        return player
    try:
        player = queue.players.sent(player, t)
    except ConditionFailed as exc:  # another call did, or it has been placed
        return player_of(exc.row) if exc.row else player
    queue.log("ticket_sent_again", sub=player.sub)
    _send(queue, player)
    return player


def _holder(queue: Queue, who: Identity, ticket: str) -> Player:
    """The player, if the ticket is theirs; read consistently before anyone is told that it is not."""
    for consistent in (False, True):
        player = queue.players.get(who.sub, consistent=consistent)
        if (
            player is not None
            and player.ticket is not None
            and secrets.compare_digest(player.ticket.encode(), ticket.encode("utf-8", "replace"))
        ):
            return player
    queue.log("unknown_ticket", sub=who.sub, registered=player is not None, length=len(ticket))
    raise UnknownTicket("This is not a ticket of yours.", "Ask /login for one.")


def _renew(queue: Queue, line: Line, t: int) -> Line:
    """Stamp the line as alive when that is due; somebody else may have done it, and it never fails a call."""
    if not renewal_due(line, t, queue.random):
        return line
    try:
        return queue.lines.change(
            lambda fresh, now: fresh.renew(now) if now - fresh.alive_at > fresh.lease // 3 else None
        )
    except Unavailable as exc:
        queue.log("renewal_failed", reason=exc.message)
        return line


def _admit(queue: Queue, player: Player, t: int) -> tuple[Player, bool]:
    """Let the player in, or find that another call did; and whether it was this one."""
    try:
        return queue.players.admit(player, t), True
    except ConditionFailed as exc:
        return _found(player, exc), False


def _found(player: Player, exc: ConditionFailed) -> Player:
    """The player whom another call let in, or else why this one could not."""
    found = player_of(exc.row) if exc.row else None
    if found is not None and found.blocked:
        raise _blocked()
    if found is None or found.ticket != player.ticket:
        raise UnknownTicket("This is not a ticket of yours.", "Ask /login for one.")
    return found


def _signer(queue: Queue, line: Line) -> Jwk | None:
    """The active signing key; None where nothing is signed."""
    return None if queue.keys is None else queue.keys.signer(line.kid)


def _token(queue: Queue, player: Player, line: Line) -> str | None:
    """The token of this admission, with the same claims each time; None for who is not let in."""
    key = _signer(queue, line) if player.state(line) is State.ADMITTED else None
    if key is None or player.admitted_at is None:
        return None
    return mint(
        key,
        issuer=queue.issuer,
        sub=player.sub,
        ticket=player.ticket or "",
        position=player.position or 0,
        admitted_at=player.admitted_at,
        admission=queue.rules.admission,
    )


def _standing(queue: Queue, player: Player, line: Line) -> Standing:
    t, state = queue.clock(), player.state(line)
    position = None if player.returning is not None else player.position
    eta = ahead = wait = None
    if state is State.WAITING and position is not None:
        eta, ahead = line.wait(position, t), line.ahead(position, t)
        wait = remaining(line, position, t)
    elif state is State.WAITING:
        wait = RETURN_POLL
    elif state is State.QUEUED:
        wait = line.intake_age
    elif state is State.ADMITTED:
        wait = 0
    return Standing(
        ticket=player.ticket or "",
        state=state,
        line_state=line.line_state,
        position=position,
        ahead=ahead,
        eta=eta,
        poll_after=poll_after(wait, line.lease, queue.rules.claim_window, line.waiting(t), queue.random),
        message=line.message,
        before_game=line.waiting(t),
    )


def _resting() -> TooManyTickets:
    return TooManyTickets("A ticket has just been given up.", "Ask again in a few seconds.")


def _blocked() -> Blocked:
    return Blocked("This player may not log in.")
