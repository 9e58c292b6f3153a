"""Who is in the game since when, who left at which age, and what that says about who leaves next.

A seat is held from the admission to the report of leaving, by the service's clock. All is kept by the minute of the
admission, as integers; nothing here belongs to one player. Ages are in minutes.
"""

import math
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from typing import Self

from loginq.service.rules.cohorts import MILLI, Cohort, gone_of, merged, minutes_there, scaled, told_of
from loginq.service.rules.laws import BINS, EDGES, WIDTHS, Hazards, bank, bin_of

MEMORY, SHORT_MEMORY = 120, 30
"""Half-lives of what was seen, in minutes; the short one while more or fewer leave than it says."""
LEVEL_MEMORY = 0.93
"""What is kept each minute of the count by which that is told: some fourteen minutes' worth."""
FEW_DUE = 100
"""Of fewer expected ones nothing lasting is told."""
FEWEST = 200
"""Who must have left before anything is told."""
EVENT, EVENT_LASTS = 1.5, 5
"""So many times more than expected is an event, which frees seats and teaches nothing, for so many minutes at most."""
PRIOR = 10
"""Departures of a bin that weigh as much as what the laws say of it."""
BEST = 60
"""Laws that are believed together: all others weigh next to nothing."""
TOLERANCE, GROWTH = 0.1, 0.15
"""How well two bins tell a hazard at best, and how much worse for each e-fold of age that it has to be extended by."""
FAR, MOST_UNKNOWN = 0.05, 0.2
"""By how much more may be known to be in the game than are in it, before that is an operator's word; and the share of
them that may be unknown when anything is told."""
YOUNG = 2
"""Younger ages are no evidence: a report's delay and clients that crash hide what holds."""
FEW_REACHED = 100
"""Of fewer positions no share is told."""
RETURN_MINUTES, FEW_RETURNS = 5, 100
"""How long ago, on average, the leavings are that returners are set against; and the prior that there are none."""

Weighted = Sequence[tuple[float, Hazards]]
"""Laws and how much each is believed."""


@dataclass(frozen=True, slots=True)
class Stays:
    """What is known of how long players stay.

    Args:
        booked: the minute, since the epoch, up to which all is booked; 0 for never.
        cohorts: oldest first. leaving, at_risk: by age, departures and player-minutes, in thousandths.
        seen, expected: departures of the last minutes, and what was expected of them, in thousandths.
        over: for how many minutes an event goes on. hazards: as last believed, in millionths a minute.
        departures: all that were ever seen. beyond: who is in the game for longer than `OLDEST`, at most.
        unknown: others in the game of whom no admission is known.
        unripe, ripe, returned: who left lately, who left longer ago, who came back, in thousandths.
        reached, came: positions that were reached, and how many were let in, fading, in thousandths; `reached_to`,
            `came_to`: the same ever, as of the last run.
        by_counts: whether game servers only count: then there is one cohort, all is in the first bin, and `departed_to`
            is how many had ever left as of the last run.
    """

    booked: int = 0
    cohorts: tuple[Cohort, ...] = ()
    leaving: tuple[int, ...] = (0,) * BINS
    at_risk: tuple[int, ...] = (0,) * BINS
    seen: int = 0
    expected: int = 0
    over: int = 0
    hazards: tuple[int, ...] = ()
    departures: int = 0
    beyond: int = 0
    unknown: int = 0
    unripe: int = 0
    ripe: int = 0
    returned: int = 0
    reached: int = 0
    came: int = 0
    reached_to: int = 0
    came_to: int = 0
    by_counts: bool = False
    departed_to: int = 0

    def admitted(self, by_minute: Mapping[int, int]) -> Self:
        """So many more were let in in these minutes since the epoch."""
        known = {cohort.first: cohort for cohort in self.cohorts if cohort.minutes == 1}
        for first, count in by_minute.items():
            if count:
                cohort = known.get(first, Cohort(first, 1, 0))
                known[first] = cohort._replace(seats=cohort.seats + count)
        blocks = [cohort for cohort in self.cohorts if cohort.minutes > 1]
        return replace(self, cohorts=(*blocks, *sorted(known.values())))

    def book(self, minute: int, left: Mapping[int, int]) -> Self:
        """All minutes before `minute` are over.

        Args:
            left: what the counters of the leavings hold: (minute of the admission, or the first of ten) -> how many
                have left, less who came back in it.
        """
        if self.by_counts:  # these say nothing of ages
            return replace(type(self)(), came_to=self.came_to, reached_to=self.reached_to).book(minute, left)
        passed = minute - self.booked if self.booked else 1
        if passed < 1:
            return self
        known = tuple(told_of(self.cohorts, left, minute))
        stays = replace(self, cohorts=merged(known, minute) if passed > EVENT_LASTS else known)  # as counters have them
        gone = list(gone_of(stays.cohorts, left))
        back, away = sum(-count for count in gone if count < 0), sum(count for count in gone if count > 0)
        if passed <= EVENT_LASTS:  # after an outage nobody knows at which ages they left
            stays = stays._learnt(minute, passed, gone, away)
        there = (
            cohort._replace(seats=cohort.seats - count, left=cohort.left + count)
            for cohort, count in zip(stays.cohorts, gone, strict=True)
        )
        ripe, fade = min(self.unripe, self.unripe * passed // RETURN_MINUTES), 2 ** (-passed / MEMORY)
        return replace(
            stays,
            booked=minute,
            cohorts=merged(there, minute),
            beyond=self.beyond + sum(c.seats for c in self.cohorts) - sum(c.seats for c in stays.cohorts),
            departures=self.departures + away,
            unripe=self.unripe - ripe + away * MILLI,
            ripe=round((self.ripe + ripe) * fade),
            returned=round(self.returned * fade) + back * MILLI,
        )

    def count(self, minute: int, in_game: int, departed: int) -> Self:
        """All minutes before `minute` are over, and game servers only count.

        Args:
            in_game: who is in the game. departed: who ever left, by the counts; a late one may have made it too many.
        """
        known = self if self.by_counts else replace(type(self)(), by_counts=True)
        passed = minute - known.booked if known.booked else 0
        if known.booked and passed < 1:
            return self
        cohort, away = Cohort(minute - 1, 1, in_game), departed - known.departed_to
        stays = replace(known, booked=minute, cohorts=(cohort,), departed_to=departed)
        if not 1 <= passed <= EVENT_LASTS:
            return stays
        expected = in_game * known.leaving[0] * passed / max(1, known.at_risk[0])
        seen = known.departures >= FEWEST
        judged, scale = stays._judged(passed, away, expected, (away, expected)) if seen else (stays, 1.0)
        fade = 2 ** (-passed / (MEMORY if judged.level == 1 else SHORT_MEMORY))
        left, held = round(self.leaving[0] * fade + scale * away * MILLI), round(self.at_risk[0] * fade)
        return replace(
            judged,
            leaving=(max(0, left), *self.leaving[1:]),
            at_risk=(held + in_game * passed * MILLI, *self.at_risk[1:]),
            departures=max(0, self.departures + away),
        )

    def forgotten(self, reached: int) -> Self:
        """Of a line that was reset, so far: what was reached there says nothing of who comes."""
        return replace(self, reached=0, came=0, reached_to=reached)

    def matched(self, in_game: int) -> Self:
        """So many are in the game: who else is, and who is no more, though nobody has reported it.

        Of those an operator knows who says how many there are; they are taken from all ages alike.
        """
        known = sum(cohort.seats for cohort in self.cohorts)
        if known > in_game * (1 + FAR):
            return replace(self, cohorts=tuple(scaled(self.cohorts, in_game, known)), beyond=0, unknown=0)
        others = max(0, in_game - known)
        return replace(self, beyond=min(self.beyond, others), unknown=max(0, others - self.beyond))

    @property
    def are_told(self) -> bool:
        """Whether enough is known for a waiting time."""
        known = sum(cohort.seats for cohort in self.cohorts)
        return self.departures >= FEWEST and self.unknown <= MOST_UNKNOWN * (known + self.unknown)

    def rate(self, mean: float) -> float:
        """What share of those in the game leaves each minute, by the totals alone and by `mean` in minutes."""
        return (self.leaving[0] / MILLI + PRIOR) / (self.at_risk[0] / MILLI + PRIOR * mean)

    def noted(self, reached: int, came: int, passed: int = 1) -> Self:
        """So far the line has reached by now, and so many were ever let in; `passed`: minutes since that was noted.

        Synthetic positions are left out, once they are counted: then they are taken away again.
        """
        fade = 2 ** (-passed / MEMORY)
        return replace(
            self,
            reached=max(0, round(self.reached * fade) + (reached - self.reached_to) * MILLI),
            came=max(0, round(self.came * fade) + (came - self.came_to) * MILLI),
            reached_to=reached,
            came_to=came,
        )

    @property
    def missed_share(self) -> float:
        """The share of positions at which nobody is let in, of those that were reached."""
        return min(0.95, max(0.0, 1 - self.came / self.reached)) if self.reached >= FEW_REACHED * MILLI else 0.0

    @property
    def level(self) -> float:
        """How many times more leave lately than was expected; 1 while that may be chance."""
        off, expected = abs(self.seen - self.expected) / MILLI, self.expected / MILLI
        if expected >= FEW_DUE and off > 6 * math.sqrt(expected / (1 + LEVEL_MEMORY)) and off > 0.1 * expected:
            return min(3.0, max(1 / 3, self.seen / self.expected))
        return 1.0

    @property
    def return_share(self) -> float:
        """The share of those who leave that comes back within the grace."""
        return min(0.95, self.returned / (self.ripe + FEW_RETURNS * MILLI))

    def oldest(self) -> float:
        """The oldest age of anybody in the game, minutes; what lies beyond it nobody has seen."""
        return max((cohort.age(self.booked - 0.5) for cohort in self.cohorts), default=0.0)

    def believed(self, mean: float, spread: float) -> list[tuple[float, Hazards]]:
        """The laws that explain what was seen, each with its probability, the likeliest first.

        Args:
            mean: about how long players stay, minutes, and `spread` of its logarithm: `laws.bank`.

        A pair of bins tells a hazard only within a tolerance, which grows with how far beyond it one looks: without it
        the counts of the youngest would collapse the mixture on a law that is wrong for all others.
        """
        oldest, pairs = self.oldest(), list[tuple[int, float, float, float, float]]()
        for young in range(YOUNG, BINS - 1, 2):
            seen = (self.leaving[young] + self.leaving[young + 1]) / MILLI
            risk, risk_after = self.at_risk[young] / MILLI, self.at_risk[young + 1] / MILLI
            if risk + risk_after >= 1 and (EDGES[young] + EDGES[young + 1]) / 2 < oldest:
                tolerance = TOLERANCE + GROWTH * math.log(max(1.0, oldest / EDGES[young]))
                pairs.append((young, seen, risk, risk_after, tolerance * tolerance))
        found = [(_explains(law, pairs), likely, law) for likely, law in bank(mean, spread)]
        best = sorted(((likely - against, law) for against, likely, law in found), key=lambda each: -each[0])[:BEST]
        weights = [math.exp(score - best[0][0]) for score, _ in best]
        total = sum(weights)
        return [(weight / total, law) for weight, (_, law) in zip(weights, best, strict=True)]

    def hazard(self, laws: Weighted) -> Hazards:
        """How many of those of an age leave each minute: where ages were seen the counts decide, beyond them the laws,
        each weighed by how many it would have left there."""
        oldest, weights, found = self.oldest(), [weight for weight, _ in laws], list[float]()
        for n in range(BINS):
            total = sum(weights)
            mean = sum(weight * law[n] for weight, (_, law) in zip(weights, laws, strict=True)) / total
            leaving, at_risk = self.leaving[n] / MILLI, self.at_risk[n] / MILLI
            found.append(mean * (leaving + PRIOR) / (at_risk * mean + PRIOR))
            if EDGES[n + 1] > oldest:
                kept = (math.exp(max(-50.0, min(50.0, (mean - law[n]) * WIDTHS[n]))) for _, law in laws)
                weights = [weight * stay for weight, stay in zip(weights, kept, strict=True)]
        return tuple(found)

    def with_hazard(self, hazard: Hazards) -> Self:
        """What the next minute is measured against."""
        return replace(self, hazards=tuple(round(each * MILLI * MILLI) for each in hazard))

    # Within

    def _learnt(self, minute: int, passed: int, gone: Sequence[int], away: int) -> Self:
        """With the departures, and who might have left, of the minutes that are over."""
        middle = minute - passed / 2
        bins = [bin_of(cohort.age(middle)) for cohort in self.cohorts]
        there = [minutes_there(cohort, minute, passed) for cohort in self.cohorts]
        judged, scale = self, 1.0
        if self.hazards:
            due = [
                c.seats * self.hazards[n] * t / MILLI / MILLI for c, n, t in zip(self.cohorts, bins, there, strict=True)
            ]
            # Of the oldest nobody has seen yet how they leave: that more of them do is no change.
            oldest = bin_of(self.oldest())
            known = [k for k, n in enumerate(bins) if n < oldest]
            lasting = sum(max(0, gone[k]) for k in known), sum(due[k] for k in known)
            judged, scale = self._judged(passed, away, sum(due), lasting)
        fade = 2 ** (-passed / (MEMORY if judged.level == 1 else SHORT_MEMORY))
        leaving, at_risk = [round(each * fade) for each in self.leaving], [round(each * fade) for each in self.at_risk]
        for cohort, n, time, count in zip(self.cohorts, bins, there, gone, strict=True):
            at_risk[n] += max(0, round((cohort.seats - count / 2) * time * MILLI))
            leaving[n] += round(scale * max(0, count) * MILLI)
        return replace(judged, leaving=tuple(leaving), at_risk=tuple(at_risk))

    def _judged(self, passed: int, away: int, expected: float, lasting: tuple[int, float]) -> tuple[Self, float]:
        """Whether far more left than expected, and what share of them teaches something.

        Args:
            lasting: the same two of those by whom a lasting change is told.
        """
        over = self.over + 1 if away > EVENT * expected + 5 * math.sqrt(expected) + 5 else 0
        if 0 < over <= EVENT_LASTS:
            return replace(self, over=over), expected / away
        fade, (left, due) = LEVEL_MEMORY**passed, lasting
        seen = round(self.seen * fade) + left * MILLI
        return replace(self, over=over, seen=seen, expected=round(self.expected * fade + due * MILLI)), 1.0


def _explains(law: Hazards, pairs: Sequence[tuple[int, float, float, float, float]]) -> float:
    """How much speaks against a law, in logarithms: of each pair of bins departures and who might have left."""
    against = 0.0
    for young, seen, risk, risk_after, tolerance in pairs:
        expected = risk * law[young] + risk_after * law[young + 1]
        off = math.log((seen + 0.5) / (expected + 0.5))
        against += off * off / 2 / (1 / (min(seen, expected) + 1) + tolerance)
    return against
