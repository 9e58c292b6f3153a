"""When players leave a full game, and so when who is reached: the forecast behind the curve that is promised.

From now on everybody gets a minute older each minute; who leaves makes room for the next, who begins at age 0; who was
reached and does not come gives the place back once positions are counted. Durations here are in minutes.
"""

import math
from bisect import bisect_left
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from itertools import accumulate, pairwise

from loginq.service.rules.aging import Crowd, Walk, survival_of
from loginq.service.rules.curve import Curve
from loginq.service.rules.gate import MICRO
from loginq.service.rules.laws import BINS, DAY, EDGES, WIDTHS, Hazards, bin_of
from loginq.service.rules.line import Line
from loginq.service.rules.measure import counts
from loginq.service.rules.minute import Memory
from loginq.service.rules.settings import Rules
from loginq.service.rules.stays import Stays, Weighted
from loginq.service.rules.times import MINUTE, SECOND

CAUTIOUS = 0.3, 0.5
"""The promise is the forecast by the laws between these quantiles, ordered by how many they would have left soon: later
than the likeliest one while they disagree. A wait that is too long by a tenth is forgiven, one too short is not."""
MARGIN, MINUTES_OF_ARRIVALS = 500, 2
"""How far beyond the tail the curve goes: who comes until the next run is told a time, too."""
COUNTING = 1.5
"""How long after a claim window is over its positions are counted, on average."""
FINE_STEPS, STEPS, SHORTEST, LONGEST = 30, 100, 2, 12
"""Of the forecast: so many of one minute, then as many as it takes in steps of these sizes."""
MOST_STEPS = 400
USUAL, GIVEN_SPREAD, USUAL_SPREAD = 60 * MINUTE, 0.3, 0.5
"""How long players stay where nobody says it, and how sure that is where somebody does, and where nobody does."""
COMES = 2 * SECOND
"""How long after its turn somebody comes in: who is next polls each 1 to 2 s."""
WORTH_TELLING = 10
"""Of a thousand: a share of no-shows that is off by less is left as it is."""
JUMP, AGAIN = 0.05, 10 * SECOND
"""A promise that is off by so many of the capacity is made anew, at the soonest after so long."""
NEVER = 1e9
"""Minutes that no curve tells."""


def booked(memory: Memory, line: Line, left: Mapping[int, int], t: int) -> Memory:
    """The memory with the minutes that are over at `t`: who left, and who came of those who were reached.

    Args:
        left: what the counters of the leavings hold, as `Stays.book` has it.
    """
    return _noted(memory, memory.stays.book(t // MINUTE, left), line, t)


def counted(memory: Memory, line: Line, in_game: int, t: int) -> Memory:
    """The same where game servers only say how many are in the game."""
    return _noted(memory, memory.stays.count(t // MINUTE, in_game, line.departed - line.synthetic), line, t)


def _noted(memory: Memory, stays: Stays, line: Line, t: int) -> Memory:
    if stays is memory.stays:  # another run was there in this minute
        return memory
    if not stays.by_counts:
        stays = stays.matched(counts(line, t, memory.admitted, memory.buckets_to, {}).in_game)
    if not stays.reached_to:  # nothing is known of what was counted before
        stays = replace(stays, reached_to=line.counted_to - line.synthetic, came_to=line.counted)
    ahead = line.passing(t) * (t - memory.buckets_to + COMES) // MICRO  # of these nobody is counted yet
    reached = line.reached(t) - line.synthetic - max(0, ahead)
    passed = max(1, stays.booked - memory.stays.booked)
    return replace(memory, stays=stays.noted(reached, memory.admitted, passed))


def promise(memory: Memory, line: Line, rules: Rules, t: int) -> tuple[Memory, Curve | None]:
    """What those are promised at `t` for whom a full game has no place; None where nothing honest is known.

    And the memory with what the next minute will be measured by.
    """
    clock, came = line.lived_at(t) - memory.full, max(0, line.tail - memory.tail)
    outlook = Outlook(
        stays=memory.stays,
        line=line,
        t=t,
        arriving=came * MINUTE // max(MINUTE, t - memory.tail_at) if memory.tail_at else came,
        mean=(rules.mean_session or USUAL) / MINUTE,
        spread=GIVEN_SPREAD if rules.mean_session else USUAL_SPREAD,
        window=rules.claim_window / MINUTE,
        past=tuple(((at - clock) / MINUTE, reached) for at, reached in memory.samples),
    )
    stays, curve = outlook.curve()
    return replace(memory, stays=stays), curve


def expected(memory: Memory, line: Line, rules: Rules, t: int) -> tuple[int, int] | None:
    """The share of no-shows by who has come so far, and from when on their places come back, as `Line.expect` has them.

    None where the line knows it, where they have been counted, which says it better, and while synthetic players may be
    among those who were reached, of whom nobody comes.
    """
    first = next(iter(memory.samples), None)
    share = round(1_000 * memory.stays.missed_share)
    known = memory.counts or line.counted_to < memory.synthetic_to
    if known or first is None or abs(share - line.no_show_share) < WORTH_TELLING:
        return None
    reached_at = t + first[0] - (line.lived_at(t) - memory.full)
    return share, reached_at + rules.claim_window + MINUTE


def is_wanted(line: Line) -> bool:
    """Whether somebody waits, or may within a minute, for whom the game has no place."""
    return bool(line.capacity) and line.tail + MARGIN > line.room


def is_off(line: Line, t: int) -> bool:
    """Whether so many left, or so much room was made or taken, that no player should be told the promise for another
    minute."""
    if line.curve is None or line.capacity is None or t - line.curve.at < AGAIN:
        return False
    return abs(max(0, line.room) - line.curve.reached(t)) > JUMP * line.capacity


@dataclass(frozen=True, slots=True)
class Outlook:
    """What is known beside the stays when a forecast is made.

    Args:
        line: as it is at `t`, ms. arriving: who got a place within the last minute.
        mean, spread: about how long players stay, minutes, and how sure that is: `laws.bank`.
        window: how long a reached position may be claimed, minutes.
        past: (minutes before now, position reached then), oldest first, for as long as a claim window.
    """

    stays: Stays
    line: Line
    t: int
    arriving: int
    mean: float
    spread: float
    window: float
    past: tuple[tuple[float, int], ...] = ()

    @property
    def first(self) -> int:
        """The last position for which there is a place; 0 where even more are in the game than it holds."""
        return max(0, self.line.room)

    @property
    def span(self) -> int:
        """How many positions beyond that are told a time."""
        return max(0, self.line.tail - self.first) + MARGIN + MINUTES_OF_ARRIVALS * self.arriving

    @property
    def places(self) -> int:
        """How many places have to come free until the last of them is reached."""
        return self.first + self.span - self.line.room

    def curve(self) -> tuple[Stays, Curve | None]:
        """What is promised now; None while too little is known. And the stays with what the next minute is measured by.

        The forecast of the likeliest laws, or the cautious one where that is later.
        """
        if not self.stays.are_told or self.line.capacity is None:
            return self.stays, None
        if self.stays.by_counts:
            likeliest = (self.stays.rate(self.mean),) * BINS
            freed = cautious = self.freed(likeliest)
        else:
            laws = self.stays.believed(self.mean, self.spread)
            likeliest = self.stays.hazard(laws)
            freed = self.freed(likeliest)
            horizon = min(DAY, _when(freed, self.places))
            cautious = self.freed(self.stays.hazard(self._few(laws, horizon / 2)))

        def when(position: int) -> float:
            places = position - self.line.room
            return self.t + max(_when(freed, places), _when(cautious, places)) * MINUTE

        basis = "counts" if self.stays.by_counts else "departures"
        promised = Curve.promised(self.t, self.first, self.span, when, self.line.curve, basis)
        return self.stays.with_hazard(likeliest), promised

    def freed(self, hazard: Hazards) -> list[tuple[float, float]]:
        """(minutes from now, how many places more there are then), until the curve's end or for a day."""
        survival = survival_of([each * self.stays.level for each in hazard])
        crowd = Crowd.of(self.stays, self.t / MINUTE, survival)
        missed, returning = self.stays.missed_share, self.stays.return_share
        flow = sum(c.seats * hazard[bin_of(c.age(self.t / MINUTE))] for c in self.stays.cohorts)
        horizon = min(DAY, self.places * (1 - missed) / max(flow, 1e-9))
        long = round(min(LONGEST, max(SHORTEST, horizon / STEPS)))
        gate = replace(self.line, paused=False)
        window, reached = self.window + COUNTING, float(self.line.reached(self.t))
        began = max(-window, self.past[0][0] - 1) if self.past else -window
        past = ((at, float(position)) for at, position in self.past)
        walk = Walk([(began, float(self.line.counted_to)), *past, (0.0, reached)])
        now, left, more, found = 0, 0.0, 0.0, [(0.0, 0.0)]
        while more < self.places and now < 0.95 * DAY and len(found) < MOST_STEPS:
            step = 1 if len(found) <= FINE_STEPS else long
            left += crowd.leave(now, step) * (1 - returning)
            moves = gate.moved(self.t + now * MINUTE, self.t + (now + step) * MINUTE) / MICRO
            now += step
            more = max(more, left + missed * max(0.0, walk.at(now - window) - self.line.counted_to))
            entered = max(reached, min(self.line.room + more, reached + moves)) - reached
            reached += entered
            left += crowd.enter(now, step, (1 - missed) * entered, returning) * (1 - returning)
            walk.go(now, reached)
            found.append((float(now), more))
        return found

    # Within

    def _few(self, laws: Weighted, within: float) -> Weighted:
        """The cautious ones of these laws, by how many of those in the game each leaves there `within` minutes."""
        crowd = [0.0] * BINS
        for cohort in self.stays.cohorts:
            crowd[bin_of(cohort.age(self.t / MINUTE))] += cohort.seats
        aged = [(age, n) for n, age in zip(crowd, _MIDDLES, strict=True) if n]

        def leavers(law: Hazards) -> float:
            total = _cumulative(law)

            def until(age: float) -> float:
                n = bin_of(age)
                return total[n] + law[n] * (age - EDGES[n])

            return sum(n * (1 - math.exp(until(age) - until(min(DAY - 1, age + within)))) for age, n in aged)

        found, before = list[tuple[float, Hazards]](), 0.0
        for _, weight, law in sorted((leavers(law), weight, law) for weight, law in laws):
            part = min(before + weight, CAUTIOUS[1]) - max(before, CAUTIOUS[0])
            before += weight
            if part > 0:
                found.append((part, law))
        return found


_MIDDLES = [(young + old) / 2 for young, old in pairwise(EDGES)]


def _cumulative(hazard: Hazards) -> list[float]:
    """The hazard summed up to each edge."""
    return list(accumulate((each * width for each, width in zip(hazard, WIDTHS, strict=True)), initial=0.0))


def _when(freed: Sequence[tuple[float, float]], places: float) -> float:
    """In how many minutes there are so many places more; beyond the end by its last slope, or `NEVER`."""
    n = min(max(1, bisect_left(freed, places, key=lambda point: point[1])), len(freed) - 1)
    (since, few), (until, many) = freed[n - 1], freed[n]
    if many > few:
        return since + (until - since) * (places - few) / (many - few)
    return NEVER if places > few else since
