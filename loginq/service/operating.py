"""What an operator does to the line, each time with an audit row that says who, what, from and to."""

import secrets
from collections.abc import Callable
from dataclasses import dataclass, replace

from loginq.service import login
from loginq.service.errors import Invalid, UnknownTicket
from loginq.service.line import Line
from loginq.service.players import Identity
from loginq.service.queue import Queue
from loginq.service.rates import rate_text
from loginq.service.stats import counts_of
from loginq.service.times import iso
from loginq.service.tokens import Keys


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


def pause(queue: Queue, who: str) -> Done:
    """Nobody more is let in until `resume`."""
    return _change(queue, who, "pause", Line.pause, lambda line: line.line_state)


def resume(queue: Queue, who: str) -> Done:
    """The gate moves on."""
    return _change(queue, who, "resume", Line.resume, lambda line: line.line_state)


def set_capacity(queue: Queue, who: str, capacity: int | None) -> Done:
    """The most players in the game at once; None for no such limit."""

    def words(line: Line) -> str:
        return "no limit" if line.capacity is None else f"{line.capacity:,}"

    return _change(queue, who, "capacity", lambda line, t: line.set_capacity(t, capacity), words)


def set_in_game(queue: Queue, who: str, in_game: int) -> Done:
    """Say how many players really are in the game, when a game server died without a word."""
    if in_game < 0:
        raise Invalid(f"{in_game} players cannot be in the game.", "Give 0 or more.")
    counts = counts_of(queue, queue.lines.read(), queue.clock())
    gone = counts.in_game - in_game
    done = _change(queue, who, "in game", lambda line, t: line.leave(t, gone), lambda line: str(line.departed))
    return replace(done, before=f"{counts.in_game:,}", after=f"{in_game:,}")


def set_rate(queue: Queue, who: str, rate: int, burst: int | None = None) -> Done:
    """Another rate, in thousandths of a player per second, and another burst.

    Raises `Invalid` for a rate of 0: stopping is what `pause` is for.
    """
    if rate == 0:
        raise Invalid("A rate of 0 would let nobody in.", "To stop the line, use `loginq queue pause`.")
    return _change(
        queue,
        who,
        "rate",
        lambda line, t: line.set_rate(t, rate, burst),
        lambda line: f"{rate_text(line.rate)} with a burst of {line.burst:,}",
    )


def admit(queue: Queue, who: str, player: Identity) -> str:
    """Let one player in out of turn; what is true then."""
    before = queue.players.get(player.sub)
    login.admit(queue, player)
    was_in = before is not None and before.in_game()
    if not was_in:
        _audit(queue, who, "admit", player.sub, "admitted")
    return "was in already" if was_in else "let in"


def remove(queue: Queue, who: str, player: Identity) -> str:
    """Take one player's ticket and place away, in line or in the game; what is true then."""
    try:
        login.leave(queue, player)
    except UnknownTicket:
        return "had no place"
    _audit(queue, who, "remove", player.sub, "registered")
    return "removed"


def reset(queue: Queue, who: str, player: Identity) -> str:
    """Back to how a player is after signing up: no ticket, no place, not blocked; what is true then."""
    remove(queue, who, player)
    queue.players.unblock(player.sub)
    _audit(queue, who, "reset", player.sub, "registered")
    return "reset"


def rotate_keys(queue: Queue, keys: Keys, who: str, admission: int, *, force: bool = False) -> Done:
    """Sign with the next key from now on. `admission`: how long a token lives, ms.

    A rotation that was cut off between the secret and the line is finished, not repeated. Raises `Invalid` while it
    would break living tokens, unless `force`.
    """
    line, now = queue.lines.read(), keys.read()
    if line.kid in ("", now.active["kid"]):
        now = keys.rotate(queue.clock(), admission, force=force)
    kid = now.active["kid"]
    return _change(queue, who, "rotate keys", lambda line, t: replace(line.settle(t), kid=kid), lambda line: line.kid)


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
    _audit(queue, who, what, done.before, done.after)
    return done


def _audit(queue: Queue, who: str, what: str, before: str, after: str) -> None:
    time = iso(queue.clock())
    queue.table.put(
        {
            "PK": f"QUEUE#{queue.name}",
            "SK": f"AUDIT#{time}#{secrets.token_hex(4)}",
            "at": time,
            "who": who,
            "what": what,
            "from": before,
            "to": after,
        }
    )
