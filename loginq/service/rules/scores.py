"""How true the waiting times were that players were told: one measure for simulation, rehearsal and metrics.

Two samples, never mixed: the first number that each player got, and all polls. The first is what a player decides by;
it is told far ahead and once, while the polls near the front are many and easy.
"""

from array import array
from dataclasses import dataclass, field
from fractions import Fraction
from itertools import pairwise
from typing import Any

from loginq.service.rules.times import HOUR, SECOND

SLACK = 2 * SECOND
"""What a promise may be late by besides a tenth of it, ms: the time between two polls near the front."""
MOVE = 30 * SECOND
"""A promised instant that moves by more than this from one poll to the next is a move that a player notices, ms."""
DECILES = 10
Number = float | Fraction
_FINE = 5
"""Histograms have two to the power of this many bins an octave: what is read off them is right to 3 %."""


def is_late(told: int, true: int) -> bool:
    """Whether a player who was told to wait `told` ms waited `true` ms: more than a tenth and two seconds longer."""
    return 10 * true > 11 * told + 10 * SLACK


@dataclass(slots=True)
class Told:
    """What one player was told while it waited: 16 bytes a poll, until it is let in.

    Args:
        untold: polls that were answered without a number.
    """

    untold: int = 0
    _numbers: "array[int]" = field(default_factory=lambda: array("q"))

    def add(self, t: int, wait: int | None) -> None:
        """One poll that did not let the player in; the answer that gives a ticket is none, it comes before any place.

        Args:
            t: when it was answered, ms, by one clock for all of a player's polls.
            wait: the waiting time in the answer, ms; None for none.
        """
        if wait is None:
            self.untold += 1
        else:
            self._numbers.extend((t, t + wait))

    def numbers(self) -> list[tuple[int, int]]:
        """(when told, instant promised) of each poll with a number, in order, ms."""
        return list(zip(self._numbers[::2], self._numbers[1::2], strict=True))


@dataclass(slots=True)
class _Histogram:
    """Observations by a value in ms, in some hundred bins however many there are: how many, the sum of their values,
    how far off they were together, and how many were late."""

    bins: dict[int, list[int]] = field(default_factory=dict)

    def add(self, value: int, count: int, off: int = 0, late: int = 0) -> None:
        shift = max(0, value.bit_length() - _FINE - 1)
        place = (shift << _FINE) + (value >> shift)
        found = self.bins.get(place)
        if found is None:
            self.bins[place] = [count, count * value, off, late]
            return
        found[0] += count
        found[1] += count * value
        found[2] += off
        found[3] += late

    def ordered(self) -> list[list[int]]:
        return [self.bins[each] for each in sorted(self.bins)]

    def totals(self) -> list[int]:
        return [sum(column) for column in zip(*self.bins.values(), strict=True)] or [0] * 4


@dataclass(slots=True)
class Score:
    """One of the two samples.

    Args:
        untold: how many were told nothing.
        waits: by the true wait of who was told a number: how many, their waits, how far the numbers were off, how many
            were late.
        revised: of each player, by how much a promise was put off later on, at the worst.
    """

    untold: int = 0
    waits: _Histogram = field(default_factory=_Histogram)
    revised: _Histogram = field(default_factory=_Histogram)

    def add(self, told: int, true: int, count: int = 1) -> None:
        """`count` numbers that promised a wait of `told` ms, of whom each waited `true` ms from then on."""
        self.waits.add(true, count, count * abs(told - true), count * is_late(told, true))

    def document(self) -> dict[str, Any]:
        """The stable JSON form; shares of 1, null where there is nothing to take a share of."""
        told, waited, off, late = self.waits.totals()
        return {
            "count": told + self.untold,
            "told_share": _share(told, told + self.untold),
            **_outcome(told, waited, off, late),
            "deciles": [_outcome(*each) for each in self._deciles()],
            "revised_p90_seconds": self._revised(),
        }

    def _deciles(self) -> list[list[Fraction]]:
        """The sums of the tenth that waited least, of the next, …; a bin that lies in two is shared out evenly.

        Exactly: parts of one bin that differ in their last bit would be rounded apart.
        """
        tenth = Fraction(self.waits.totals()[0], DECILES)
        if not tenth:
            return []
        found, done = [[Fraction(0)] * 4 for _ in range(DECILES)], Fraction(0)
        for sums in self.waits.ordered():
            until = done + sums[0]
            for n in range(int(done / tenth), min(DECILES, int(until / tenth) + 1)):
                part = max(Fraction(0), min(until, (n + 1) * tenth) - max(done, n * tenth)) / sums[0]
                found[n] = [old + part * new for old, new in zip(found[n], sums, strict=True)]
            done = until
        return found

    def _revised(self) -> float | None:
        """What nine in ten players' promises were put off by at most (nearest rank), seconds."""
        players, seen = self.revised.totals()[0], 0
        for here, put_off, *_ in self.revised.ordered():
            seen += here
            if 10 * seen >= 9 * players:
                return round(put_off / here / SECOND, 1)
        return None


@dataclass(slots=True)
class Scores:
    """Of all players that were let in after they had waited; in bounded memory, whatever their number.

    Who was let in at the first answer asked for no number, and of who is not let in nobody knows what would have been
    true: neither is in it.

    Args:
        moves: how often the promised instant moved by more than `MOVE` between two polls.
    """

    first: Score = field(default_factory=Score)
    polls: Score = field(default_factory=Score)
    moves: int = 0

    def add(self, told: Told, came: int, count: int = 1) -> None:
        """A player who was let in at `came`, ms by the clock of `told`; it stands for `count` who fared alike."""
        numbers = told.numbers()
        self.polls.untold += count * told.untold
        for t, turn in numbers:
            self.polls.add(turn - t, max(0, came - t), count)
        if not numbers:
            self.first.untold += count * bool(told.untold)
            return
        t, turn = numbers[0]
        self.first.add(turn - t, max(0, came - t), count)
        self.first.revised.add(max(later for _, later in numbers) - turn, count)
        least, worst = turn, 0
        for (_, before), (_, after) in pairwise(numbers):
            self.moves += count * (abs(after - before) > MOVE)
            least, worst = min(least, after), max(worst, after - least)
        self.polls.revised.add(worst, count)

    def document(self) -> dict[str, Any]:
        """The stable JSON form. A player's promise may move from the first number until it is let in."""
        hours = self.first.waits.totals()[1] / HOUR
        moves = round(self.moves / hours, 2) if hours else None
        return {"first": self.first.document(), "polls": {**self.polls.document(), "moves_per_hour": moves}}


def _outcome(
    told: float | Fraction, waited: float | Fraction, off: float | Fraction, late: float | Fraction
) -> dict[str, float | None]:
    return {
        "wait_seconds": round(float(waited / told / SECOND), 1) if told else None,
        "error_share": _share(off, waited),
        "late_share": _share(late, told),
    }


def _share(part: Number, whole: Number) -> float | None:
    return round(float(part / whole), 6) if whole else None
