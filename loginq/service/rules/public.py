"""The public line: what anybody may know of it, and how a player who knows a position waits by that alone.

It is one document for a million players, so a cache may keep it for a second, and it says nothing of anybody. Ahead,
waiting time and turn are then each client's own arithmetic; only who is let in is decided by `/login/status`.
"""

from collections.abc import Mapping
from dataclasses import dataclass
from itertools import pairwise
from random import Random
from typing import Any, Self

from loginq.service.rules.curve import points
from loginq.service.rules.gate import MICRO
from loginq.service.rules.line import Line
from loginq.service.rules.polling import LONGEST_OF_MANY, NEAR, SOONEST, UNKNOWN, jittered, longest_poll
from loginq.service.rules.times import MINUTE, SECOND

MAX_AGE = 1 * SECOND
"""How long a cache may keep the document, ms."""
BELIEVED = 10 * SECOND
"""How old it may be before a client asks `/login/status` instead, ms: something on the way has failed."""
POINTS = 24
"""Of the forecast: enough for a whole plan of 20 steps, with what limits it."""
FINE = SECOND // 10
"""What an instant of the forecast is rounded up to, ms, so that nobody comes in vain."""
MEETING = 10 * MINUTE
"""How often a client asks `/login/status` anyhow, ms: only there it hears of what became of its own ticket."""
CALLERS = 100
"""How many of those who wait call `/login/status` within the longest poll while a sign of life is due."""
FASTER, TOO_LATE = 5, 12 * SECOND
"""When the rate becomes so many times what it was, nobody looks later than that after the turn, ms."""
BENT = 0.005
"""By which part of the wait and a second more the straight way between two points of the forecast may be amiss."""
EXACT = 8 * SECOND
"""From how near on the forecast is the gate's own, ms, which no share of no-shows makes shorter: a turn is exact."""


def document(line: Line, t: int, claim_window: int) -> dict[str, Any]:
    """What everybody may know of the line at `t`, ms. `claim_window` in ms.

    `curve`: (seconds from `at`, the position that is reached then), both rising; where it ends before the tail nobody
    knows more. `call_status`: with which chance whoever looks is to ask `/login/status` at once, because the last sign
    of life is old; never by the document itself, which proves nobody alive.
    """
    waiting = line.waiting(t)
    due = bool(waiting) and not line.paused and line.is_stale(t)
    return {
        "at": t,
        "line_state": line.line_state,
        "reached": line.reached(t),
        "tail": line.tail,
        "curve": [[-(-wait // FINE) * FINE / SECOND, position] for position, wait in _curve(line, t)],
        "rate_per_second": line.rate_at(t) / 1_000,
        "longest_poll_seconds": longest_poll(line.lease, claim_window, waiting) / SECOND,
        "call_status": round(min(1.0, CALLERS / waiting), 6) if due else 0,
        "message": line.message,
        "version": line.version,
    }


def _curve(line: Line, t: int) -> list[tuple[int, int]]:
    """(position, how long until it is reached, ms), both rising, from what is reached at `t` on."""
    found, before = [(line.reached(t), 0)], 0
    for position in _knots(line, t):
        wait = _wait(line, position, t)
        if wait is None:
            break
        before = max(before, wait)
        if len(found) > 1:
            found += _bends(line, t, found[-1], (position, before))
        found.append((position, before))
    return _thinned(found)


def _bends(line: Line, t: int, start: tuple[int, int], end: tuple[int, int]) -> list[tuple[int, int]]:
    """Points between two others, where the straight way between these is not what a position is told.

    So it is found where what was promised and the time of the gate cross, of which nothing else says where.
    """
    (first, early), (last, late) = start, end
    position = (first + last) // 2
    wait = None if last - first < 2 else _wait(line, position, t)
    if wait is None:
        return []
    middle = (position, min(max(early, wait), late))
    if _amiss(start, middle, end) <= BENT:
        return []
    return [*_bends(line, t, start, middle), middle, *_bends(line, t, middle, end)]


def _thinned(found: list[tuple[int, int]]) -> list[tuple[int, int]]:
    """Without the points of which those beside them say nearly the same, as a part of the wait, until few are left."""
    while len(found) > POINTS:
        del found[min(range(1, len(found) - 1), key=lambda n: _amiss(*found[n - 1 : n + 2]))]
    return found


def _amiss(before: tuple[int, int], point: tuple[int, int], after: tuple[int, int]) -> float:
    (start, early), (position, wait), (end, late) = before, point, after
    return abs(early + (late - early) * (position - start) / (end - start) - wait) / (wait + SECOND)


def _wait(line: Line, position: int, t: int) -> int | None:
    """How long a position is told to wait, and near its turn how long the gate itself takes."""
    told, eta = line.wait(position, t), line.eta(position, t)
    return told if told is None or eta is None else max(told, min(eta - t, EXACT))


def _knots(line: Line, t: int) -> list[int]:
    """The positions of which the forecast is made, in order: where it bends, and where it is looked at most."""
    reached, tail = line.reached(t), line.tail
    if line.paused or tail <= reached:
        return []
    first, last, now = reached + 1, tail, line.anchored(t)
    limit = line.limit if first <= line.limit < tail else tail

    def gate(at: int) -> int:
        return (now.gate + now.moved(now.anchored_at, at)) // MICRO

    refunds = [each for each in (line.refund_until, line.refunds_from) if each > t]
    edges = [at for at, _ in now.steps] + refunds
    whole = min(EXACT, max([t, *refunds]) - t)  # so long no share of no-shows makes a wait shorter
    told = whole + (EXACT - whole) * 1_000 // (1_000 - min(line.no_show_share, 500))  # after it, EXACT is told
    near = [gate(t + EXACT), gate(t + told)]
    bends = [position + n for position in (limit, *near, *map(gate, edges)) for n in (0, 1)]  # a gate may stand there
    promised = [] if line.curve is None else points(line.curve.first, line.curve.span) + points(limit, tail - limit)
    spread = points(first, max(1, last - first))
    return sorted({each for each in [first, last, *bends, *promised, *spread] if first <= each <= last})


@dataclass(frozen=True, slots=True)
class View:
    """What one look at the public line showed; instants and durations in ms, by the clock of the API.

    Args:
        curve: (ms from `at`, the position that is reached then). rate: in thousandths of a player per second.
        longest: the longest time between two looks. call_status: as in the document.
    """

    at: int
    line_state: str
    reached: int
    tail: int
    curve: tuple[tuple[int, int], ...]
    rate: int
    longest: int
    call_status: float
    message: str

    @classmethod
    def of(cls, found: Mapping[str, Any]) -> Self:
        """That of a document. Raises `ValueError` for what is none."""
        try:
            view = cls(
                at=int(found["at"]),
                line_state=str(found["line_state"]),
                reached=int(found["reached"]),
                tail=int(found["tail"]),
                curve=tuple((round(seconds * SECOND), int(position)) for seconds, position in found["curve"]),
                rate=round(found["rate_per_second"] * 1_000),
                longest=min(max(SOONEST, round(found["longest_poll_seconds"] * SECOND)), LONGEST_OF_MANY),
                call_status=float(found["call_status"]),
                message=str(found["message"]),
            )
        except (KeyError, TypeError, OverflowError) as exc:
            raise ValueError(f"this is no public line: {exc}") from exc
        rises = all(since <= until and start < end for (since, start), (until, end) in pairwise(view.curve))
        if not rises or any(since < 0 for since, _ in view.curve):
            raise ValueError("this is no public line: its curve does not rise")
        return view

    def wait(self, position: int, t: int) -> int | None:
        """How long after `t` a position may enter; None where nobody knows, as in a pause, in which nobody may.

        Who was placed after this look waits as long as the last who was placed before.
        """
        if self.line_state == "paused":
            return None
        if position <= self.reached:
            return 0
        for (since, start), (until, end) in pairwise(self.curve):
            if position <= end:
                passed = since + (until - since) * (position - start) // (end - start)
                return max(0, self.at + passed - t)
        last, end = self.curve[-1] if self.curve else (0, 0)
        return max(0, self.at + last - t) if self.curve and end >= self.tail > self.reached else None

    def reached_at(self, t: int) -> int:
        """The highest position that is reached at `t`, by the forecast; no further than that goes."""
        since, found = t - self.at, self.reached
        for (start, low), (until, high) in pairwise(self.curve):
            if since < until:
                return max(found, low + (high - low) * max(0, since - start) // (until - start or 1))  # both at once
            found = max(found, high)
        return found

    def standing(self, position: int, t: int) -> dict[str, Any]:
        """What of a player's standing follows from it at `t`, with the names of the player API."""
        wait = self.wait(position, t)
        said = {
            "line_state": self.line_state,
            "ahead": max(0, position - self.reached_at(t) - 1),
            "eta_seconds": None if wait is None else -(-max(0, wait - FINE) // SECOND),
        }
        return {**said, "message": self.message} if self.message else said

    def asks(self, position: int, t: int, random: Random) -> tuple[int, bool]:
        """In how many ms whoever holds a position asks again, and whether that is for `/login/status`.

        As seldom as by `polling.poll_after`; at its turn, and at once when this view is too old or a sign of life is
        wanted, for status; until then for another look.
        """
        if t - self.at > BELIEVED:
            return 0, True
        left = self.wait(position, t)
        if left is not None and left <= 2 * NEAR:
            return left + random.randint(0, SOONEST // 2), True
        if random.random() < self.call_status:
            return 0, True
        if left is None and position > self.tail:  # placed after this look: a newer one knows
            left = 2 * NEAR
        elif left is None and self.rate:  # in a pause, or where the game is full, nobody is next
            left = max(UNKNOWN, max(0, position - self.reached_at(t)) * MICRO // self.rate)
        near = self.longest if left is None else min(left // 2, left // FASTER + TOO_LATE)
        return jittered(min(self.longest, near), random), False
