"""What an operator does to the line and to players, each time with an audit row that says who, what, from and to."""

from collections.abc import Callable, Iterator, Sequence
from contextlib import suppress
from dataclasses import dataclass, replace

from loginq.service.operations import admitting
from loginq.service.operations.stats import counts_of
from loginq.service.requests import login
from loginq.service.rules.errors import Conflict, Invalid, LoginqError, UnknownTicket
from loginq.service.rules.line import Line
from loginq.service.rules.plan import setting
from loginq.service.rules.player import Identity
from loginq.service.rules.rates import rate_text
from loginq.service.rules.times import iso
from loginq.service.store.audit import record
from loginq.service.store.queue import Queue
from loginq.service.store.signing import Keys, Published
from loginq.service.store.table import attempts, in_threads

MOST_IN_GAME = 10**12
"""What the line takes as a capacity."""


@dataclass(frozen=True, slots=True)
class Done:
    """A change that was made: the line after it, and in words what was before and after."""

    line: Line
    before: str
    after: str

    @property
    def changed(self) -> bool:
        """Whether anything is different now."""
        return self.before != self.after


# The line


def pause(queue: Queue, who: str) -> Done:
    """Nobody more is let in until `resume`."""
    return _change(queue, who, "pause", Line.pause, lambda line: line.line_state)


def resume(queue: Queue, who: str) -> Done:
    """The gate moves on."""
    return _change(queue, who, "resume", Line.resume, lambda line: line.line_state)


def close(queue: Queue, who: str) -> Done:
    """No new tickets; who has one keeps it, and the line moves."""
    return _change(queue, who, "close", Line.close, lambda line: "closed" if line.closed else "open")


def open_(queue: Queue, who: str) -> Done:
    """New tickets again."""
    return _change(queue, who, "open", Line.open, lambda line: "closed" if line.closed else "open")


def say(queue: Queue, who: str, message: str) -> Done:
    """A notice for every waiting player, shown with the next poll; empty for none. Raises `Invalid` when too long."""
    return _change(queue, who, "message", lambda line, t: line.say(t, message), lambda line: line.message)


def set_capacity(queue: Queue, who: str, capacity: int | None) -> Done:
    """The most players in the game at once; None for no such limit."""

    def words(line: Line) -> str:
        return "no limit" if line.capacity is None else f"{line.capacity:,}"

    return _change(queue, who, "capacity", lambda line, t: line.set_capacity(t, capacity), words)


def set_in_game(queue: Queue, who: str, in_game: int) -> Done:
    """Say how many players really are in the game, when a game server died without a word."""
    if not 0 <= in_game <= MOST_IN_GAME:
        raise Invalid(f"{in_game} players cannot be in the game.", f"Give 0 to {MOST_IN_GAME:,}.")
    counts = counts_of(queue, queue.lines.read(), queue.clock())
    departed = counts.admitted - in_game  # of real players; absolute, so that a report in between does not count twice

    def told(line: Line, t: int) -> Line:
        line = line.fold(t, queue.leavings.total())
        return line.leave(t, departed + line.synthetic - line.departed)

    line = queue.lines.change(told)
    record(queue, who, "in game", f"{counts.in_game:,}", f"{in_game:,}")
    return Done(line, f"{counts.in_game:,}", f"{in_game:,}")


def set_rate(queue: Queue, who: str, rate: int, burst: int | None = None) -> Done:
    """Another rate, in thousandths of a player per second, and another burst: what `setting` says."""
    return _change(
        queue,
        who,
        "rate",
        lambda line, t: setting(line, t, rate, burst),
        lambda line: f"{rate_text(line.rate)} with a burst of {line.burst:,}",
    )


def plan(queue: Queue, who: str, change: Callable[[Line, int], Line]) -> Done:
    """Other planned steps: what `planning`, `ramping` or `clearing` makes of the line."""
    return _change(queue, who, "plan", change, _plan_text)


def rotate_keys(queue: Queue, keys: Keys, who: str, admission: int, *, force: bool = False) -> Done:
    """Sign with the next key from now on. `admission`: how long a token lives, ms.

    A rotation that was cut off between the secret and the line is finished, not repeated, and the public key set is
    written anew where it is not these keys'. Raises `Invalid` while it
    would break living tokens, unless `force`.
    """
    line, now, public = queue.lines.read(), keys.read(), Published(queue.table, queue.name)
    if line.kid in ("", now.active["kid"]):
        now = keys.rotate(queue.clock(), admission, public, force=force)
    else:
        public.write(now)
    kid = now.active["kid"]
    return _change(queue, who, "rotate keys", lambda line, t: replace(line.settle(t), kid=kid), lambda line: line.kid)


# The intake


def purge(queue: Queue, who: str) -> int:
    """Empty the intake for good; about how many tickets were in it.

    Tickets without a position are void first, so that no client's next call sends them again: it gets a new one.
    """
    before = queue.intake.depth().total
    line = queue.lines.change(Line.void)
    with suppress(Conflict):  # purged within the last minute: what is left is void, and placing drops it
        queue.intake.purge(queue.intake.url)
    record(queue, who, "purge", f"{before:,} in the intake", f"void before {iso(line.void_before)}")
    return before


def purge_dead_letters(queue: Queue, who: str) -> int:
    """Delete every dead letter; about how many there were."""
    before = queue.intake.dead_letters()
    queue.intake.purge(queue.intake.dead_letter_url)
    record(queue, who, "purge dead letters", f"{before:,}", "0")
    return before


def redrive(queue: Queue, who: str) -> Iterator[tuple[int, int]]:
    """Put dead letters that are tickets back into the intake; gives (put back, left where they are), some at a time."""
    back = left = 0
    try:
        for moved, kept in queue.intake.redrive():
            back, left = back + moved, left + kept
            yield moved, kept
    finally:
        record(queue, who, "redrive", f"{back + left:,} dead letters", f"{back:,} put back")


# Players

Outcome = str | LoginqError
"""What became of one player: what is true now, or why nothing was done."""


def admit(queue: Queue, who: str, players: Sequence[Identity]) -> list[Outcome]:
    """Let players in out of turn. Doing it again for somebody who is in changes nothing."""
    before = queue.players.get_all([player.sub for player in players])
    inside = {sub for sub, player in before.items() if player.in_game() and player.returning is None}

    def outcome(player: Identity, error: LoginqError | None) -> Outcome:
        if error is not None:
            return error
        if player.sub in inside:
            return "was in already"
        record(queue, who, "admit", player.sub, "admitted")
        return "let in"

    admitted = zip(players, admitting.admit(queue, players), strict=True)
    return in_threads(lambda pair: outcome(*pair), admitted)


def remove(queue: Queue, who: str, players: Sequence[Identity]) -> list[Outcome]:
    """Take players' tickets and places away, in line or in the game."""
    return attempts(lambda player: _remove(queue, who, player), players)


def reset(queue: Queue, who: str, players: Sequence[Identity]) -> list[Outcome]:
    """Back to how players are after signing up: no ticket, no place, not blocked.

    That undoes half of `users disable`, and the outcome names the other half: the account is Cognito's.
    """

    def one(player: Identity) -> str:
        _remove(queue, who, player)
        before = queue.players.get(player.sub)
        queue.players.block(player.sub, blocked=False)
        record(queue, who, "reset", player.sub, "registered")
        if before is None or not before.blocked:
            return "reset"
        return f"reset, no longer blocked; to let the account sign in: `loginq users enable {player.username}`"

    return attempts(one, players)


def _remove(queue: Queue, who: str, player: Identity) -> str:
    try:
        login.leave(queue, player, by_operator=True)
    except UnknownTicket:
        return "had no place"
    record(queue, who, "remove", player.sub, "registered")
    return "removed"


def _plan_text(line: Line) -> str:
    return ", ".join(f"{rate_text(rate)} from {iso(at)}" for at, rate in line.steps) or "nothing planned"


def _change(
    queue: Queue, who: str, what: str, change: Callable[[Line, int], Line], words: Callable[[Line], str]
) -> Done:
    before = ""

    def changed(line: Line, t: int) -> Line:
        nonlocal before
        before = words(line.settle(t))
        return change(line, t)

    line = queue.lines.change(changed)
    done = Done(line, before, words(line))
    record(queue, who, what, done.before, done.after)
    return done
