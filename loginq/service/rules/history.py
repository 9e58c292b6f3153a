"""What stays of a minute in which anything moved: the row by which a night is looked back on."""

from collections.abc import Iterable
from dataclasses import dataclass, fields
from typing import Any

from loginq.service.rules.histogram import STARTS, Histogram
from loginq.service.rules.line import Line
from loginq.service.rules.measure import Counts
from loginq.service.rules.minute import Memory, is_idle
from loginq.service.rules.tally import Tally
from loginq.service.rules.times import DAY, MINUTE, SECOND, iso

QUIET = 30 * MINUTE
"""After so long without motion what comes next is another launch, ms."""
LONGEST = 7 * DAY
"""Of a queue that never rests the last week is the last launch, ms."""


@dataclass(frozen=True, slots=True)
class Minute:
    """The queue as settling left it. What is counted, is counted ever since the line was made.

    Args:
        at: when, ms.
        asked, achieved: players a second, in thousandths, as `measure.asked` and `measure.achieved` have them.
        arrivals: players a second who got a place since the run before, in thousandths; None where that is not known.
        tail, reached: positions given, and those of them whose turn it was.
        in_game, departed, no_shows: real players, as `measure.Counts` has them. holes: positions that nobody had.
        intake: tickets that were not placed yet; None where SQS did not say.
        eta: what a newcomer would have waited, ms; None where there was no honest number.
        synthetic: positions counted of players who are none, as `load run` makes them.
        version: of the line, by which its writes are counted.
        tally: of the positions that were counted since the row before; None where there were none.

    The last three are None where an older version wrote the row.
    """

    at: int
    asked: int
    achieved: int
    arrivals: int | None
    tail: int
    reached: int
    in_game: int
    departed: int
    no_shows: int
    holes: int
    intake: int | None
    eta: int | None
    synthetic: int | None = None
    version: int | None = None
    tally: Tally | None = None

    @property
    def waiting(self) -> int:
        """Players whose turn it was not yet."""
        return self.tail - self.reached

    def document(self) -> dict[str, Any]:
        """The JSON form, and a row of the CSV file."""
        return {
            "at": iso(self.at),
            "asked_per_second": self.asked / 1_000,
            "achieved_per_second": self.achieved / 1_000,
            "arriving_per_second": None if self.arrivals is None else self.arrivals / 1_000,
            "tail": self.tail,
            "reached": self.reached,
            "waiting": self.waiting,
            "in_game": self.in_game,
            "departed": self.departed,
            "no_shows": self.no_shows,
            "holes": self.holes,
            "intake": self.intake,
            "eta_seconds": None if self.eta is None else -(-self.eta // SECOND),
            "synthetic": self.synthetic,
            "line_version": self.version,
            **_counted(self.tally),
        }


def _counted(tally: Tally | None) -> dict[str, Any]:
    """What was counted of who came in; a histogram is (beginning of the bin in seconds, players) pairs."""
    each = tally or Tally(0, 0, 0)
    said = {
        "counted_from": each.start,
        "counted_to": each.end,
        "came_in": each.came,
        "waited_seconds": each.waited / SECOND,
        "longest_wait_seconds": each.worst / SECOND,
        "waits": _pairs(each.waits),
        "told": each.told,
        "told_waited_seconds": each.truth / SECOND,
        "told_error_seconds": each.error / SECOND,
        "told_late": each.late,
        "told_errors": _pairs(each.errors),
        "overtaken": each.overtaken,
        "overtaken_by_over_2s": each.passed,
        "longest_overtaking_seconds": each.longest / SECOND,
    }
    return said if tally else dict.fromkeys(said)


def _pairs(of: Histogram) -> list[list[float]]:
    return [[STARTS[bin_] / SECOND, count] for bin_, count in of]


NUMBERS = tuple(each.name for each in fields(Minute) if each.name != "tally")
_NOTHING: dict[str, Any] = dict.fromkeys(NUMBERS, 0)
COLUMNS = tuple(Minute(**_NOTHING).document())
"""Of a file: the names that `document` gives."""


def is_in_motion(memory: Memory, line: Line, intake: int | None) -> bool:
    """Whether anything moved since the last run, or somebody is still to be placed: else a minute leaves no row.

    Args:
        memory: what that run left. line: as it is after this one. intake: tickets that are not placed yet.
    """
    return line.version != memory.seen or not is_idle(memory, line) or bool(intake)


def minute(line: Line, t: int, players: Counts, achieved: float, arriving: float | None, intake: int | None) -> Minute:
    """The minute that ends at `t`, ms; rates in players a second."""
    newcomer = line.join(t, (intake or 0) + 1)
    return Minute(
        at=t,
        asked=line.flow_at(t),
        achieved=round(achieved * 1_000),
        arrivals=None if arriving is None else round(arriving * 1_000),
        tail=line.tail,
        reached=line.reached(t),
        in_game=players.in_game,
        departed=players.departed,
        no_shows=players.no_shows,
        holes=line.holes,
        intake=intake,
        eta=newcomer.wait(newcomer.tail, t),
        synthetic=line.synthetic,
        version=line.version,
    )


def last_launch(newest_first: Iterable[Minute]) -> tuple[Minute | None, list[Minute]]:
    """The minutes of the last launch, oldest first, and before them the last of what was earlier, if anything.

    That is the last stretch without `QUIET` in it in which somebody came, of at most `LONGEST`; where nobody ever
    came, the last stretch.
    """
    latest, stretch = list[Minute](), list[Minute]()
    for each in newest_first:
        over = bool(stretch) and (stretch[-1].at - each.at > QUIET or stretch[0].at - each.at > LONGEST)
        if over and stretch[0].tail > each.tail:
            return each, stretch[::-1]
        if over:
            latest, stretch = latest or stretch, []
        stretch.append(each)
    came = bool(stretch) and stretch[0].tail > 0
    return None, (stretch if came else latest or stretch)[::-1]
