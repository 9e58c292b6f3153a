"""The game and its servers on the virtual clock: who is in it for how long, and what the servers report of it.

A cohort comes in together and leaves one by one: that all of it leaves at once is a noise that no launch has.
"""

from collections import Counter
from dataclasses import dataclass, field

from loginq.rehearsal.scenario import Stay
from loginq.rehearsal.world import World
from loginq.service.rules.times import MINUTE, SECOND

APART = 20
"""Into how many stays a cohort that comes in is split at most."""


@dataclass(slots=True)
class Servers:
    """The game servers of one launch.

    Args:
        left: how many have left, as far as that is reported, by the minute of their admission: totals, which only a
            returner lowers. As `Leavings` has them.
        due: the leavings that are reported at each instant, ms.
    """

    world: World
    left: Counter[int] = field(default_factory=Counter)
    due: dict[int, list[Stay]] = field(default_factory=dict)

    def enter(self, count: int, t: int) -> None:
        """So many are let in together."""
        if self.world.scenario.session is None:
            return
        parts = min(count, APART)
        for n in range(parts):
            self.stay(count * (n + 1) // parts - count * n // parts, t)

    def stay(self, count: int, t: int) -> None:
        """So many come in now and leave at the same time."""
        length = self.world.random.expovariate(1 / (self.world.scenario.session or 1))
        stay = Stay(t, count, t + round(length))
        self.world.outcome.stays.append(stay)
        self.tell([stay], stay.ends + SECOND - stay.ends % SECOND)

    def tell(self, stays: list[Stay], t: int) -> None:
        """These leavings are reported at `t`, with whatever else is."""
        if t not in self.due:
            self.world.at(t, self.report)
        self.due.setdefault(t, []).extend(stays)

    def report(self, t: int) -> None:
        """Who left is reported each second. A report that comes twice changes nothing: the player's row says so."""
        stays = self.due.pop(t)
        if self.world.down(t):
            self.tell(stays, t + 1 * SECOND)
            return
        for stay in stays:
            if stay.reported_at is None:
                stay.reported_at = t
                self.left[stay.since // MINUTE] += stay.count
        self.world.write(t, lambda line, now: line.fold(now, self.left.total()), self.world.clock(t))
