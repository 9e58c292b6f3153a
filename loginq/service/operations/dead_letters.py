"""Why a message became a dead letter, as far as its body and its player's row tell."""

from collections.abc import Callable
from dataclasses import dataclass
from functools import cache
from typing import Any

from loginq.service.rules.line import Line
from loginq.service.rules.player import Player
from loginq.service.rules.times import iso
from loginq.service.store.intake import Letter
from loginq.service.store.queue import Queue


@dataclass(frozen=True, slots=True)
class DeadLetter:
    """One dead letter, in words; `needed` when its player still waits for it."""

    letter: Letter
    why: str
    needed: bool

    def document(self) -> dict[str, Any]:
        """The JSON form; a ticket is a secret of its player's and left out."""
        ticket = self.letter.ticket
        return {
            "id": self.letter.id,
            "sent_at": iso(self.letter.sent_at),
            "player": ticket.sub if ticket else None,
            "why": self.why,
            "needed": self.needed,
            "body": None if ticket else self.letter.body[:200],
        }


def dead_letters(queue: Queue, limit: int, last_error: Callable[[], str | None]) -> list[DeadLetter]:
    """Up to `limit` dead letters and why they died, oldest first; they stay.

    Args:
        last_error: gives what placing said when it failed last, if the log knows; asked only when that is wanted.
    """
    letters = queue.intake.dead(limit)
    subs = [letter.ticket.sub for letter in letters if letter.ticket]
    rows, line = queue.players.get_all(subs), queue.lines.read()
    said = cache(last_error)
    return [DeadLetter(letter, *_why(letter, rows, line, said)) for letter in letters]


def _why(letter: Letter, rows: dict[str, Player], line: Line, last_error: Callable[[], str | None]) -> tuple[str, bool]:
    ticket = letter.ticket
    if ticket is None:
        return "not a ticket: nobody but /login should write to the intake", False
    player = rows.get(ticket.sub)
    if player is None:
        return "nobody has this ticket: the player's row is gone, or was never there", False
    if player.ticket != ticket.ticket:
        return "the player has another ticket by now, or none", False
    if player.position is not None:
        return f"placed all the same, at {player.position:,}", False
    if player.is_void(line):
        return "void: the intake was purged after it was issued", False
    return f"placing failed each time: {last_error() or 'see `loginq logs process_login_queue --level ERROR`'}", True
