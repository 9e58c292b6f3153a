"""The virtual clock of a launch that is played, what is due when, and the one line that everybody writes."""

import heapq
from collections.abc import Callable
from dataclasses import dataclass, field
from itertools import count
from random import Random

from loginq.rehearsal.scenario import Change, Played, Scenario
from loginq.service.rules.line import Line


@dataclass(slots=True)
class World:
    """What all that is played shares; instants in ms."""

    scenario: Scenario
    random: Random
    line: Line
    outcome: Played
    agenda: list[tuple[int, int, Callable[[int], None]]] = field(default_factory=list)
    order: "count[int]" = field(default_factory=count)

    def at(self, t: int, action: Callable[[int], None]) -> None:
        """Have `action` done at `t`; what is due at the same instant is done in the order in which it was said."""
        heapq.heappush(self.agenda, (t, next(self.order), action))

    def down(self, t: int) -> bool:
        """Whether there is an outage at `t`."""
        return self.is_in(self.scenario.outages, t)

    def is_in(self, spans: tuple[tuple[int, int], ...], t: int) -> bool:
        """Whether `t` lies in one of these spans, which are in ms from the start."""
        since = t - self.scenario.line.anchored_at
        return any(start <= since < end for start, end in spans)

    def clock(self, t: int) -> int:
        """A writer's clock, which is off like anybody's."""
        return t + self.random.randint(-self.scenario.skew, self.scenario.skew)

    def write(self, t: int, change: Change, clock: int) -> None:
        """Make another line of this one, by a writer's clock."""
        self.line = change(self.line, clock)
        self.outcome.lines.append((t, self.line))
