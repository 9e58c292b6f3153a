"""What a player may do: ask for a ticket, ask how it stands, give it up."""

import secrets
from dataclasses import replace

from loginq.service.requests.departures import depart
from loginq.service.rules.errors import (
    ConditionFailed,
    LoginqError,
    MissingTicket,
    QueueClosed,
    TicketExpired,
    Unavailable,
    UnknownTicket,
)
from loginq.service.rules.line import Line
from loginq.service.rules.login import Standing, Step, blocked, came, decide, resting, standing
from loginq.service.rules.player import Identity, Player, State
from loginq.service.rules.polling import renewal_due
from loginq.service.rules.ticket import Ticket
from loginq.service.rules.token import Jwk
from loginq.service.store.players import player_of
from loginq.service.store.queue import Queue
from loginq.service.store.signing import mint
from loginq.service.store.table import Row

TRIES = 4
"""Calls for one player that meet on one row."""
TICKET_BYTES = 24
"""A ticket has 192 random bits: nobody guesses one, and it works only beside its player's own ID token."""
RETURNS = 5
"""How many times the asked rate players may come back at, unless the operator says otherwise."""


def request(queue: Queue, who: Identity) -> Standing:
    """Give the player a ticket, or the one that is live, and see that it gets into the line.

    Raises `Blocked`, `QueueClosed` (only without a live ticket), `TooManyTickets` right after giving one up,
    `Unavailable`.
    """
    line, t = queue.lines.cached(), queue.clock()
    player, is_new = _ticket(queue, who, line, t)
    if is_new:
        _send(queue, player)
    elif decide(player, line, t, queue.rules.admission) is Step.SEND:
        player = _resend(queue, player, t)
    line = queue.lines.cached(player.position)
    if decide(player, line, queue.clock(), queue.rules.admission) is Step.RETURN:
        player, _ = _come_back(queue, player)
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
    line = queue.lines.glance(player.position)
    if player.blocked:
        raise blocked()
    if player.state(line) is State.WAITING:
        _signer(queue, line)  # no sign of life, and no admission, from who could not give a token
        line = _renew(queue, line, queue.clock())
    entered, turn, t = False, None, queue.clock()
    step = decide(player, line, t, queue.rules.admission)
    if step is not Step.WAIT:  # nobody is let in or refused by a glance
        line, t = queue.lines.cached(player.position), queue.clock()
        step = decide(player, line, t, queue.rules.admission)
    if step is Step.SEND:
        player = _resend(queue, player, t)
    elif step is Step.RETURN:
        player, entered = _come_back(queue, player)
    elif step is Step.ENTER:
        player, entered = _come_in(queue, player, line)
        turn = came(player) if entered else None
    token = _token(queue, player, line)
    # Asked last, so that no token is over when it is given.
    if decide(player, line, queue.clock(), queue.rules.admission) is Step.OVER:
        raise TicketExpired("This ticket's time is over.", "Ask /login for a new one.")
    return replace(_standing(queue, player, line), token=token, is_new=entered, came=turn)


def leave(queue: Queue, who: Identity, *, by_operator: bool = False) -> None:
    """Give the ticket up, and the place with it, be it in line or in the game.

    A player who does it has to wait `player.COOL_DOWN` for the next one. Raises `UnknownTicket` when there is none.
    """
    for _ in range(TRIES):
        player = queue.players.get(who.sub)
        if player is None or player.ticket is None:
            raise UnknownTicket("There is no ticket to give up.")
        line = queue.lines.cached()
        try:
            t = None if by_operator else queue.clock()
            replaced(queue, player, queue.players.giving_up(player, line.counted_to, t), line)
        except ConditionFailed:
            continue
        return
    raise changing()


def _ticket(queue: Queue, who: Identity, line: Line, t: int) -> tuple[Player, bool]:
    """The player's live ticket, and whether it was made by this call. One write, and no read before it."""
    ticket = secrets.token_urlsafe(TICKET_BYTES)
    old = queue.players.get(who.sub) if line.closed else None
    for _ in range(TRIES):
        if old is not None and old.blocked:
            raise blocked()
        if old is not None and old.ticket == ticket:  # a retry whose first attempt did take effect
            return old, old.returning is None
        if old is not None and old.is_live(line, t, queue.rules.admission):
            return old, False
        if old is not None and old.is_resting(t):
            raise resting()
        try:
            if old is not None and old.may_return(t, queue.rules.reconnect_grace):
                until = line.lived_at(t) + queue.rules.claim_window
                return queue.players.returning(who, ticket, t, old, until), False
            if line.closed:
                raise QueueClosed("The queue takes nobody new at the moment.", "Try again later.")
            return replaced(
                queue, old, queue.players.issuing(who, ticket, t, old, line.counted_to), line, who.sub
            ), True
        except ConditionFailed as exc:
            old = player_of(exc.row) if exc.row else None
    raise changing()


def replaced(queue: Queue, old: Player | None, changes: Row, line: Line, sub: str = "") -> Player:
    """Take a ticket's place away; who was in the game counts as departed with it, where anybody counts."""
    sub = old.sub if old is not None else sub
    if old is None or not old.in_game() or (line.capacity is None and not queue.rules.reports_joined):
        return queue.players.update(sub, changes)
    return _counted(queue, old, changes, old.admitted_at or 0)


def _counted(queue: Queue, old: Player, changes: Row, admitted_at: int, sign: int = 1) -> Player:
    """A change of a row and one of the count of those who left, both or neither; the row alone where game
    servers count for all.

    Args:
        admitted_at: of which admission, ms. sign: -1 for who is back, by an admission that begins now.
    """
    if queue.rules.by_counts:
        return queue.players.update(old.sub, changes)
    depart(queue, [admitted_at], [queue.players.updating(old.sub, changes)], sign)
    player = queue.players.get(old.sub)
    if player is None:
        raise changing()
    return player


def _come_in(queue: Queue, player: Player, line: Line) -> tuple[Player, bool]:
    """Let a player in whose position is reached, if the valve allows it; and whether this very call did."""
    if not queue.valve.take(line, queue.clock(), queue.random):
        return player, False
    line, t = queue.lines.cached(player.position), queue.clock()  # the valve may have taken its time
    if decide(player, line, t, queue.rules.admission) is not Step.ENTER:
        return player, False
    return enter(queue, player, t)


def _come_back(queue: Queue, player: Player) -> tuple[Player, bool]:
    """Let a player in who was in the game before, if returners are not coming too fast; and whether this call did."""
    rate = queue.rules.return_rate or RETURNS * queue.lines.cached().rate_at(queue.clock())
    if not queue.valve.take_back(rate, queue.clock(), queue.random):
        return player, False
    line, t = queue.lines.cached(), queue.clock()  # it may have taken its time
    if decide(player, line, t, queue.rules.admission) is not Step.RETURN:
        return player, False
    return enter(queue, player, t)


def enter(queue: Queue, player: Player, t: int) -> tuple[Player, bool]:
    """Let a player in at `t`, or find that another call did; and whether it was this one.

    Who was in the game before is in again at the old position: one place is counted, not two. Raises `Blocked`,
    `UnknownTicket`.
    """
    try:
        if player.returning is None:
            return queue.players.admit(player, t), True
        changes = queue.players.back(player, t)
        if player.left_at is None:
            return queue.players.update(player.sub, changes), True
        return _counted(queue, player, changes, t, -1), True
    except ConditionFailed as exc:
        return _found(player, exc), False


def changing() -> Unavailable:
    """Why nothing was done for a player whom too many calls meet on."""
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


def _resend(queue: Queue, player: Player, t: int) -> Player:
    """Send a ticket again that the line has not taken for long: no ticket is ever lost."""
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
        return queue.lines.change(lambda fresh, now: fresh.renew(now) if fresh.is_stale(now) else None)
    except Unavailable as exc:
        queue.log("renewal_failed", reason=exc.message)
        return line


def _found(player: Player, exc: ConditionFailed) -> Player:
    """The player whom another call let in, or else why this one could not."""
    found = player_of(exc.row) if exc.row else None
    if found is not None and found.blocked:
        raise blocked()
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
        sub=player.known_as,
        ticket=player.ticket or "",
        position=player.position or 0,
        admitted_at=player.admitted_at,
        admission=queue.rules.admission,
    )


def _standing(queue: Queue, player: Player, line: Line) -> Standing:
    return standing(player, line, queue.clock(), queue.rules.claim_window, queue.random)
