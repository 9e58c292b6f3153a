"""A launch as it is played on a virtual clock: what happens in it, and what was seen."""

from collections import Counter
from collections.abc import Callable
from dataclasses import dataclass, field

from loginq.rehearsal.stays import Law, Leaving, Upheaval
from loginq.service.rules import player as rows
from loginq.service.rules.line import Line
from loginq.service.rules.minute import Memory
from loginq.service.rules.scores import Told
from loginq.service.rules.settings import Rules
from loginq.service.rules.times import SECOND

Change = Callable[[Line, int], Line]


@dataclass(frozen=True, slots=True)
class Arrival:
    """Somebody, or `count` together, press Login at `at` ms.

    A synthetic player never polls, a silent one goes away once placed: a no-show.
    """

    at: int
    synthetic: bool = False
    silent: bool = False
    count: int = 1


@dataclass(frozen=True, slots=True)
class Scenario:
    """What happens, in ms from the start.

    Args:
        line: at its start. arrivals: who comes. changes: what the operator does, by a right clock.
        outages: (from, until) in which neither API nor placing nor settling works; `status_outages`, `line_outages`:
            in which `/login/status` alone does not, or `/line`. edge: whether players wait by the public line.
        session: how long players stay in the game; None for ever. upheavals: what changes that, in order of time.
        leaving: what becomes of those who leave. rules: the stack's, as far as they are played.
        lambdas: how many warm Lambdas answer. skew: how far their clocks may be off, ms, each way.
        lag: the longest time a call takes between reading its line and its clock, ms.
        batch, window: how many tickets are placed together, and how long they may gather, ms.
        until: when it ends. ends: or sooner, once everybody is in who will ever be.
    """

    line: Line
    arrivals: tuple[Arrival, ...]
    until: int
    changes: tuple[tuple[int, Change], ...] = ()
    outages: tuple[tuple[int, int], ...] = ()
    status_outages: tuple[tuple[int, int], ...] = ()
    line_outages: tuple[tuple[int, int], ...] = ()
    edge: bool = False
    session: Law | None = None
    upheavals: tuple[Upheaval, ...] = ()
    leaving: Leaving = field(default_factory=Leaving)
    lambdas: int = 8
    skew: int = 0
    lag: int = 0
    rules: Rules = field(default_factory=Rules)
    batch: int = 500
    window: int = 1 * SECOND
    ends: bool = False
    seed: int = 0


QUEUED = rows.Player("", ticket="", issued_at=0, sent_at=0)
"""The row of whoever is not placed yet; here no ticket is ever sent again."""


@dataclass(slots=True)
class Visitor:
    """What became of one arrival; instants in ms, None for not (yet).

    Args:
        row: what its row would say, at the position in the middle of a cohort. first: its first.
        told: what its polls were answered.
        polls, looks: of each member. expired: its position was closed before it came.
        ahead: by how much the API's clock is ahead of its own, ms, as far as it knows. meets: when it asks for status
            whatever it sees.
    """

    arrival: Arrival
    row: rows.Player = QUEUED
    first: int = 0
    placed_at: int | None = None
    told: Told = field(default_factory=Told)
    admitted_at: int | None = None
    polls: int = 0
    looks: int = 0
    ahead: int | None = None
    meets: int = 0
    expired: bool = False

    @property
    def position(self) -> int | None:
        """None while not placed."""
        return self.row.position


@dataclass(slots=True)
class Stay:
    """`count` players who came into the game at `since` and leave it at `ends`, ms, which is known at `reported_at`."""

    since: int
    count: int
    ends: int
    reported_at: int | None = None


@dataclass(slots=True)
class Played:
    """What was seen: every player, each line after each write with its instant, the valve's counters.

    Args:
        stays: in the game, of who leaves it; a returner has another.
        cut: whether it was ended because too much happened.
        turned_away: polls that the valve refused. in_vain: calls that an outage refused. batches: of tickets placed.
        fetches: of the public line by a cache. signs: status calls of one of many, for the lease alone.
        ended: when it was over, ms. memory: what the last run of settling left.
        settled: (when settling ran, ms; the line as it left it; how many were not placed yet).
    """

    players: list[Visitor]
    lines: list[tuple[int, Line]]
    valve: Counter[tuple[int, int]]
    stays: list[Stay] = field(default_factory=list)
    turned_away: int = 0
    in_vain: int = 0
    batches: int = 0
    fetches: int = 0
    signs: int = 0
    ended: int = 0
    cut: bool = False
    memory: Memory = field(default_factory=Memory)
    settled: list[tuple[int, Line, int]] = field(default_factory=list)

    @property
    def polls(self) -> int:
        """Status calls, of all players, those in vain included."""
        return sum(each.polls * each.arrival.count for each in self.players) + self.in_vain + self.signs

    @property
    def looks(self) -> int:
        """Looks at the public line, of all players."""
        return sum(each.looks * each.arrival.count for each in self.players)

    def admitted(self) -> list[Visitor]:
        """Those who were let in, in the order in which they were."""
        inside = [player for player in self.players if player.admitted_at is not None]
        return sorted(inside, key=lambda player: player.admitted_at or 0)
