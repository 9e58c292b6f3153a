"""The game and its servers on the virtual clock: who is in it for how long, and what the servers report of it.

A cohort comes in together and leaves one by one: that all of it leaves at once is a noise that no launch has.
"""

import math
from collections import Counter
from dataclasses import dataclass, field

from loginq.rehearsal.scenario import Stay
from loginq.rehearsal.world import World
from loginq.service.rules.times import MINUTE, SECOND

APART = 20
"""Into how many stays a cohort that comes in is split at most."""


@dataclass(slots=True)
class _Second:
    """What reaches the service at the end of a second: who has left, and who is back."""

    left: list[Stay] = field(default_factory=list)
    back: list[Stay] = field(default_factory=list)


@dataclass(slots=True)
class Servers:
    """The game servers of one launch. Instants in ms.

    Args:
        left: how many have left, as far as that is reported, by the minute of their admission: totals, which only a
            returner lowers. As `Leavings` has them.
        due: what the service hears at the end of each second.
    """

    world: World
    left: Counter[int] = field(default_factory=Counter)
    due: dict[int, _Second] = field(default_factory=dict)

    def enter(self, count: int, t: int) -> None:
        """So many are let in together."""
        scenario, parts = self.world.scenario, min(count, APART)
        if scenario.session is None and not scenario.upheavals:
            return
        for n in range(parts):
            self.stay(count * (n + 1) // parts - count * n // parts, t)

    def stay(self, count: int, t: int) -> None:
        """So many come in and leave together, unless they stay for ever."""
        ends = self.ends(t)
        if math.isinf(ends):
            return
        stay, leaving, random = Stay(t, count, round(ends)), self.world.scenario.leaving, self.world.random
        self.world.outcome.stays.append(stay)
        if random.random() < leaving.never:
            return
        for _ in range(1 + (random.random() < leaving.twice)):
            self.second(stay.ends + round(leaving.late * random.random())).left.append(stay)

    def ends(self, t: int) -> float:
        """When a stay ends that begins at `t`."""
        scenario, random = self.world.scenario, self.world.random
        start = scenario.line.anchored_at
        since = t - start
        end = math.inf if scenario.session is None else since + scenario.session.draw(random)
        for upheaval in scenario.upheavals:
            end = upheaval.end(since, end, random)
        return start + end

    def second(self, t: int) -> _Second:
        """What is known at the end of the second that `t` lies in."""
        end = t + SECOND - t % SECOND
        if end not in self.due:
            self.due[end] = _Second()
            self.world.at(end, self.hear)
        return self.due[end]

    def hear(self, t: int) -> None:
        """The service hears of a second. What comes twice changes nothing: the player's row says so."""
        world, heard = self.world, self.due.pop(t)
        if world.down(t):
            later = self.second(t)
            later.left += heard.left
            later.back += heard.back
            return
        before = self.left.total()
        for stay in heard.left:
            if stay.reported_at is None:
                stay.reported_at = t
                self.left[stay.since // MINUTE] += stay.count
                self.come_back(stay, t)
        if heard.back and world.line.paused:
            self.second(t).back += heard.back
        else:
            self.let_back(heard.back, t)
        if self.left.total() != before:
            world.write(t, lambda line, now: line.fold(now, self.left.total()), world.clock(t))

    def come_back(self, stay: Stay, t: int) -> None:
        """Whether who has left comes back within the grace, which the service judges from the report on."""
        scenario, random = self.world.scenario, self.world.random
        if random.random() < scenario.leaving.back:
            self.second(t + random.randrange(scenario.rules.reconnect_grace)).back.append(stay)

    def let_back(self, stays: list[Stay], t: int) -> None:
        """Returners are let in at once: no new position, one departed fewer. How many a second is not limited here."""
        for stay in stays:
            self.left[t // MINUTE] -= stay.count
            self.stay(stay.count, t)
