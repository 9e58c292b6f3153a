"""Players who wait by the public line, and the caches that stand before it, on a virtual clock."""

from collections.abc import Callable
from dataclasses import dataclass, field, replace
from functools import partial

from loginq.rehearsal.scenario import Visitor
from loginq.rehearsal.world import World
from loginq.service.rules.line import Line
from loginq.service.rules.public import MAX_AGE, MEETING, View, document

CACHES = 10
"""CloudFront's regional caches, about: a crowd from all over the world meets so many at most.

https://docs.aws.amazon.com/AmazonCloudFront/latest/DeveloperGuide/HowCloudFrontWorks.html
"""


@dataclass(slots=True)
class _Cache:
    """One cache: what it keeps, and since when, ms."""

    view: View | None = None
    since: int = 0


@dataclass(slots=True)
class Edge:
    """The public line behind its caches.

    Args:
        poll: a status call of a player. believed: the line that a warm Lambda goes by, and its clock, ms.
        live: one status call more, of one of many, for the lease alone.
    """

    world: World
    poll: Callable[[Visitor, int], None]
    believed: Callable[[int], tuple[Line, int]]
    live: Callable[[int], None]
    caches: list[_Cache] = field(default_factory=lambda: [_Cache() for _ in range(CACHES)])

    def wait(self, player: Visitor, t: int, after: int) -> None:
        """What a player does `after` ms from a status call at `t`: look, where there is somewhere to."""
        if not self.world.scenario.edge or player.position is None:
            self.world.at(t + after, partial(self.poll, player))
            return
        player.meets = t + after + self.world.random.randint(MEETING * 4 // 5, MEETING)
        self.world.at(t + after, partial(self.look, player))

    def look(self, player: Visitor, t: int) -> None:
        """One look, and what it makes of the wait; a status call where the public line fails."""
        view, position = self._seen(t), player.position
        if view is None or position is None:
            self.poll(player, t)
            return
        player.looks += 1
        player.ahead = view.at - t if player.ahead is None else max(player.ahead, view.at - t)
        now = t + player.ahead
        if player.arrival.count > 1:  # one of many gives the sign of life, not all of them
            if self.world.random.random() < view.call_status * player.arrival.count:
                self.live(t)
            view = replace(view, call_status=0)
        pause, status = view.asks(position, now, self.world.random)
        player.told.add(t, view.wait(position, now))
        again = self.poll if status or t + pause >= player.meets else self.look
        self.world.at(t + pause, partial(again, player))

    def _seen(self, t: int) -> View | None:
        """What some cache has; None where it has to ask, and there is no answer."""
        cache = self.world.random.choice(self.caches)
        if cache.view is None or t - cache.since >= MAX_AGE:
            if self.world.down(t) or self.world.is_in(self.world.scenario.line_outages, t):
                return None
            line, clock = self.believed(t)
            cache.view = View.of(document(line, clock, self.world.scenario.rules.claim_window))
            cache.since = t
            self.world.outcome.fetches += 1
        return cache.view
