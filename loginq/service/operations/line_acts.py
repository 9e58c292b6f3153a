"""What an operator does to line, keys, intake and stack, each act with an audit row: who, what, from, to."""

import secrets
from collections.abc import Callable, Generator, Sequence
from contextlib import suppress
from dataclasses import dataclass, field, replace
from functools import partial
from typing import Any

from loginq.service.operations import resetting
from loginq.service.operations.stats import counts_of
from loginq.service.requests import login
from loginq.service.requests.departures import tell
from loginq.service.requests.minute import promise_anew
from loginq.service.rules.act import KINDS, NOTE, UNDO, Action, holds, noted
from loginq.service.rules.errors import Conflict, Invalid, NotFound, quoted
from loginq.service.rules.line import Line
from loginq.service.rules.numbers import MOST_PLAYERS
from loginq.service.rules.plan import setting
from loginq.service.rules.player import Identity
from loginq.service.rules.rebuild import Remains, remembered
from loginq.service.rules.server_keys import GRACE, ServerKey, hash_of
from loginq.service.rules.servers import Server
from loginq.service.rules.sessions import NAME, NAMED
from loginq.service.rules.times import iso
from loginq.service.store.audit import record
from loginq.service.store.queue import Queue
from loginq.service.store.server_keys import new_key
from loginq.service.store.signing import Keys, Published, mint


@dataclass(frozen=True, slots=True)
class Done:
    """A change that was made: the line after it, and the act as the audit has it."""

    line: Line
    act: Action


@dataclass(frozen=True, slots=True)
class LineActs:
    """Somebody who acts on a line, and answers for it.

    Args:
        who: his ARN.
        noted: takes what is done to one of many, in place of the audit, which has all of that as one act.
        part_of: what each act on the line is a part of, by its own name; empty for nothing.
    """

    queue: Queue
    who: str
    noted: Callable[[Action], None] | None = field(default=None, kw_only=True)
    part_of: str = field(default="", kw_only=True)

    # The line

    def pause(self) -> Done:
        """Nobody more is let in until `resume`."""
        return self._change("pause", Line.pause)

    def resume(self) -> Done:
        """The gate moves on."""
        return self._change("resume", Line.resume)

    def close(self) -> Done:
        """No new tickets; who has one keeps it, and the line moves."""
        return self._change("close", Line.close)

    def open(self) -> Done:
        """New tickets again."""
        return self._change("open", Line.open)

    def say(self, message: str) -> Done:
        """A notice for every waiting player, shown with the next poll; empty for none. Raises `Invalid`: too long."""
        return self._change("message", lambda line, t: line.say(t, message))

    def set_capacity(self, capacity: int | None) -> Done:
        """The most players in the game at once; None for no such limit."""
        done = self._change("capacity", lambda line, t: line.set_capacity(t, capacity))
        promise_anew(self.queue)
        return done

    def set_in_game(self, in_game: int) -> Done:
        """Say how many players really are in the game, when a game server died without a word.

        Raises `Conflict` where game servers count, because what they say is all that the line goes by.
        """
        if not 0 <= in_game <= MOST_PLAYERS:
            raise Invalid(f"{in_game} players cannot be in the game.", f"Give 0 to {MOST_PLAYERS:,}.")
        queue = self.queue
        line = queue.lines.read()
        if queue.rules.by_counts:
            raise Conflict(
                "The game servers count who is in the game (SessionReports=counts), and nobody else does.",
                "`loginq servers list` says what each holds, `loginq servers forget NAME` lets a dead one go.",
            )
        counts = counts_of(queue, line, queue.clock())
        # of real players; absolute, so that a report in between does not count twice
        departed = counts.admitted - in_game

        def told(line: Line, t: int) -> Line:
            line = line.fold(t, queue.leavings.total())
            return line.leave(t, departed + line.synthetic - line.departed)

        line = queue.lines.change(told)
        promise_anew(queue)
        return Done(line, self._record("in game", before=counts.in_game, after=in_game, line=line))

    def set_rate(self, rate: int, burst: int | None = None, *, keep_plan: bool = False) -> Done:
        """Another rate, in thousandths of a player per second, and another burst: what `setting` says."""
        return self._change("rate", lambda line, t: setting(line, t, rate, burst, keep_plan=keep_plan))

    def plan(self, change: Callable[[Line, int], Line]) -> Done:
        """Other planned steps: what `planning`, `ramping` or `clearing` makes of the line."""
        return self._change("plan", change)

    def note(self, text: str) -> Action:
        """Say something, for whoever reads the audit, watches the queue, or reports on it afterwards."""
        return self._record(NOTE, after=noted(text))

    def undo(self, act: Action, *, unless_changed: bool = False) -> Done:
        """Put back what was before `act`, which says that it can be. To undo the undoing does it again.

        With `unless_changed` it raises `Conflict` where somebody has changed the same since.
        """
        kind = KINDS[act.kind]

        def put(line: Line, t: int) -> Line:
            if unless_changed and not holds(act, line, t):
                raise Conflict(f"The {act.kind} was changed by somebody else meanwhile.", "`loginq queue audit`")
            return kind.put(line, t, act.before)

        return self._change(UNDO + act.kind, put)

    def rebuild(self, of: Remains, line: Line) -> Done:
        """`line` in place of one that is lost or spoilt, of which `of` is left: what `LineStore.remake` says."""
        made = self.queue.lines.remake(line)
        self.queue.settlement.write(remembered(of, made, self.queue.clock()))
        after = {"tail": made.tail, "reached": made.reached_to}
        return Done(made, self._record("rebuild", after=after, line=made))

    def reset_line(self) -> Done:
        """Forget every place so far. Raises `Conflict` where a real player has one."""
        before, line = resetting.reset(self.queue)
        return Done(line, self._record("reset line", before=before.waiting(before.anchored_at), after=0, line=line))

    def rotate_keys(self, keys: Keys, *, force: bool = False) -> Done:
        """Sign with the next key from now on.

        A rotation that was cut off between the secret and the line is finished, not repeated, and the public key set
        is written anew where it is not these keys'. Raises `Invalid` while it would break living tokens, unless
        `force`.
        """
        queue = self.queue
        line, now, public = queue.lines.read(), keys.read(), Published(queue.table, queue.name)
        if line.kid in ("", now.active["kid"]):
            now = keys.rotate(queue.clock(), queue.rules.admission, public, force=force)
        else:
            public.write(now)
        kid = now.active["kid"]
        before = line.kid
        line = queue.lines.change(lambda line, t: replace(line.anchored(t), kid=kid))
        return Done(line, self._record("rotate keys", before=before or None, after=kid, line=line))

    def issue_token(self, who: Identity, keys: Keys, issuer: str) -> tuple[str, int]:
        """A token that lets one player into the game past the line, which nothing counts; and until when, ms."""
        queue = self.queue
        player, t, length = queue.players.get(who.sub), queue.clock(), queue.rules.admission
        self._record("issue token", who.sub, after=iso(t + length))  # first: there is none that nobody answers for
        token = mint(
            keys.read().active,
            issuer=issuer,
            sub=who.subject or who.sub,
            ticket=secrets.token_urlsafe(login.TICKET_BYTES),
            position=(player.position if player else None) or 1,
            admitted_at=t,
            admission=length,
        )
        return token, t + length

    # The game servers

    def forget_servers(self, servers: Sequence[Server]) -> None:
        """Let game servers go, and the seats that their last counts keep; one that counts again is there again."""
        self.queue.servers.forget([server.name for server in servers])
        for server in servers:
            self._record("forget server", server.name, before=server.in_game)
        tell(self.queue)
        promise_anew(self.queue)

    def add_server_key(self, server: str) -> str:
        """The first key of a game server, which is kept nowhere.

        Raises `Invalid` for what is no name, `Conflict` where it has one.
        """
        if not NAME.fullmatch(server):
            raise Invalid(f"{quoted(server)} is no name of a game server.", NAMED)
        key = new_key()
        self.queue.server_keys.add(ServerKey(server, hash_of(key), self.queue.clock()))
        self._record("add server key", server)
        return key

    def rotate_server_key(self, there: ServerKey, *, now: bool = False) -> tuple[str, ServerKey]:
        """Another key of a game server, which is kept nowhere, and what is kept. The one before stays good for a day.

        `now`: it does not. Raises `Conflict` where the key was changed since `there` was read.
        """
        key, t = new_key(), self.queue.clock()
        made = ServerKey(there.server, hash_of(key), t)
        if not now:
            made = replace(made, old_hash=there.hash, old_until=t + GRACE, old_used_at=there.used_at)
        self.queue.server_keys.rotate(there, made)
        self._record("rotate server key", there.server, after=None if now else f"the old one until {iso(t + GRACE)}")
        return key, made

    def revoke_server_key(self, server: str) -> None:
        """No key of this game server is good any more, 5 s from now at the latest. Raises `NotFound`: it has none."""
        self.queue.server_keys.get(server)
        self.queue.server_keys.revoke(server)
        self._record("revoke server key", server)

    def revoke_old_server_key(self, there: ServerKey) -> None:
        """The key before the one that is `there` is good no more, 5 s from now at the latest.

        Raises `NotFound` where there is none, `Conflict` where the key was changed since.
        """
        if not there.has_old(self.queue.clock()):
            raise NotFound(f"{there.server!r} has no key before its own.", "`loginq servers list` has them all.")
        self.queue.server_keys.revoke_old(there)
        self._record("revoke server key", there.server, before="the old one")

    # The stack

    def acted(self, what: str, before: Any = None, after: Any = None, line: Line | None = None) -> Action:
        """Write down what was done to the stack itself. `line`: after the last change of it that was a part of this."""
        return self._record(what, before=before, after=after, line=line)

    # The intake

    def purge(self) -> int:
        """Empty the intake for good; about how many tickets were in it.

        Tickets without a position are void first, so that no client's next call sends them again: it gets a new one.
        """
        before = self.queue.intake.depth().total
        self.queue.lines.change(Line.void)
        with suppress(Conflict):  # purged within the last minute: what is left is void, and placing drops it
            self.queue.intake.purge(self.queue.intake.url)
        self._record("purge", before=before, after=0)
        return before

    def purge_dead_letters(self) -> int:
        """Delete every dead letter; about how many there were."""
        before = self.queue.intake.dead_letters()
        self.queue.intake.purge(self.queue.intake.dead_letter_url)
        self._record("purge dead letters", before=before, after=0)
        return before

    def redrive(self) -> Generator[tuple[int, int], None, None]:
        """Put dead letters that are tickets back into the intake; (put back, left where they are), some at a time."""
        back = left = 0
        try:
            for moved, kept in self.queue.intake.redrive():
                back, left = back + moved, left + kept
                yield moved, kept
        finally:
            self._record("redrive", before=back + left, after=left)

    def _change(self, what: str, change: Callable[[Line, int], Line]) -> Done:
        before: Any = None
        value = KINDS[what.removeprefix(UNDO)].value

        def changed(line: Line, t: int) -> Line:
            nonlocal before
            before = value(line.anchored(t))
            return change(line, t)

        line = self.queue.lines.change(changed)
        return Done(line, self._record(what, before=before, after=value(line), line=line))

    def _record(
        self, what: str, subject: str = "", before: Any = None, after: Any = None, line: Line | None = None
    ) -> Action:
        """What changed the line happened when the line says: its instants go forward, operators' clocks may not."""
        at, version = (line.anchored_at, line.version) if line else (self.queue.clock(), 0)
        action = Action(at, self.who, what, subject or self.part_of, before, after)
        (self.noted or partial(record, self.queue, version=version))(action)
        return action
