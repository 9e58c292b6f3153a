"""The launch, afterwards: what its minutes and the audit say of it, on paper or as it was.

Everything is made of rows: never of the players, so that a report of a million is as quick as one of a hundred.
"""

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from functools import partial
from typing import Any

from loginq.service.rules import histogram as bins
from loginq.service.rules.act import ON_PLAYERS, Action
from loginq.service.rules.door import CALLS, FAILED, REFUSALS, REFUSED, Door
from loginq.service.rules.history import Minute
from loginq.service.rules.points import Point, points
from loginq.service.rules.tally import Tally, together
from loginq.service.rules.times import MINUTE, SECOND, iso

WAITED = 10 * SECOND
"""Who was let in within that did not wait: a batch and two polls take some seconds, ms."""
SHARES = {"p50": 0.5, "p90": 0.9, "p99": 0.99}


@dataclass(frozen=True, slots=True)
class Report:
    """What a launch was like; lengths of time in ms.

    Args:
        since, until: which time it is of. minutes: in how many of them anything moved.
        came: players who got a place. got_in, left, no_shows, holes: of the places that came to an end meanwhile.
        waiting: who still was in line at its end. longest_line, most_in_game: (players, when).
        tally: of all positions that were counted; None where none were.
        points: over time. acts: what operators did to the line and the stack, oldest first; on_players: and to players.
        by_hand: how many of those were let in out of turn.
        door: what CloudWatch counted; None where nobody asked it. dead_letters: now; None where that is not known.
        bill: what `Bill.document` says; None where too little is known for an estimate.
    """

    since: int
    until: int
    minutes: int
    came: int
    got_in: int
    left: int
    no_shows: int
    holes: int
    waiting: int
    longest_line: tuple[int, int]
    most_in_game: tuple[int, int]
    writes: int
    tally: Tally | None
    points: tuple[Point, ...]
    acts: tuple[Action, ...] = ()
    on_players: int = 0
    by_hand: int = 0
    door: Door | None = None
    dead_letters: int | None = None
    bill: Mapping[str, Any] | None = None

    @property
    def waits(self) -> dict[str, int | None]:
        """From the ticket to the game: percentiles by their bins, right to 2.5 % or 0.5 s, and the longest exactly."""
        counted = self.tally or _NONE
        found = {name: _percentile(counted.waits, share, counted.worst) for name, share in SHARES.items()}
        return {**found, "worst": counted.worst if counted.waits else None}

    @property
    def known(self) -> int:
        """Of how many the wait is known."""
        return bins.size((self.tally or _NONE).waits)

    @property
    def waited(self) -> int | None:
        """How many of them waited longer than `WAITED`; None where nobody was counted."""
        return bins.longer(self.tally.waits, WAITED) if self.tally else None

    @property
    def told_share(self) -> float | None:
        """How many of those whose wait is known were told a waiting time on getting their place."""
        counted = self.tally or _NONE
        return _share(counted.told, self.known)

    @property
    def error(self) -> float | None:
        """How far off these were: the mean of that over the mean wait from then on."""
        counted = self.tally or _NONE
        return _share(counted.error, counted.truth)

    @property
    def late(self) -> float | None:
        """How many of them came in later than told: `scores.is_late`."""
        counted = self.tally or _NONE
        return _share(counted.late, counted.told)

    @property
    def overtaken(self) -> float | None:
        """How many of those whose wait is known somebody behind them overtook."""
        return _share((self.tally or _NONE).overtaken, self.known)

    @property
    def passed(self) -> float | None:
        """How many of them by more than there is between two polls."""
        return _share((self.tally or _NONE).passed, self.known)

    @property
    def refused(self) -> dict[str, int | None]:
        """What was refused by design, and what was turned away; None for what is not known."""
        counts = self.door.counts if self.door else {}
        return {code: counts.get(code) for code in REFUSALS}

    @property
    def faults(self) -> dict[str, int | None]:
        """What went wrong; None for what is not known."""
        counts = self.door.counts if self.door else {}
        throttled = {f"throttled_{what}": counts.get(what) for what in ("functions", "table", "sign_ins")}
        failed = self.door.failed if self.door and FAILED in counts else None
        return {
            "calls": counts.get(CALLS),
            "errors_4xx": counts.get(REFUSED),
            "errors_5xx": failed,
            **throttled,
            "dead_letters": self.dead_letters,
        }

    def document(self) -> dict[str, Any]:
        """The JSON form, in seconds."""
        return {
            "since": iso(self.since),
            "until": iso(self.until),
            "minutes": self.minutes,
            "players": {
                "came": self.came,
                "waited_over_10s": self.waited,
                "got_in": self.got_in,
                "still_waiting": self.waiting,
                "no_shows": self.no_shows,
                "holes": self.holes,
                "left": self.left,
            },
            "longest_line": _peak(self.longest_line),
            "most_in_game": _peak(self.most_in_game),
            **self._counted(),
            "refused": self.refused,
            "faults": {**self.faults, "unread": self.door.unread if self.door else ""},
            "cost": self.bill,
            "acts": [each.document() for each in self.acts],
            "acts_on_players": self.on_players,
            "over_time": [each.document() for each in self.points],
        }

    def _counted(self) -> dict[str, Any]:
        counted = self.tally or _NONE
        errors = {name: bins.percentile(counted.errors, SHARES[name]) for name in ("p50", "p90")}
        return {
            "wait_seconds": {**{name: _seconds(ms) for name, ms in self.waits.items()}, "known": self.known},
            "eta": {
                "told": counted.told,
                "told_share": self.told_share,
                "error_share": self.error,
                "late_share": self.late,
                "error_seconds": {name: _seconds(ms) for name, ms in errors.items()},
            },
            "order": {
                "overtaken": counted.overtaken,
                "overtaken_share": self.overtaken,
                "overtaken_by_over_2s": counted.passed,
                "overtaken_by_over_2s_share": self.passed,
                "longest_overtaking_seconds": _seconds(counted.longest) if self.known else None,
                "let_in_by_hand": self.by_hand,
            },
        }


_NONE = Tally(0, 0, 0)


def report_of(
    minutes: Sequence[Minute],
    before: Minute | None = None,
    actions: Iterable[Action] = (),
    door: Door | None = None,
    dead_letters: int | None = None,
) -> Report:
    """What these minutes say, which are in order of time and at least one.

    Args:
        before: the last minute before them, from which on is counted; None where the line was made in the first.
        actions: what operators did meanwhile, in any order. door, dead_letters: as `Report` has them.
    """
    last, grown = minutes[-1], partial(_grown, before or _AT_FIRST, minutes[-1])
    done = sorted(actions, key=lambda act: act.at)
    alone = tuple(act for act in done if not _is_on_players(act))
    return Report(
        since=minutes[0].at - MINUTE,
        until=last.at,
        minutes=len(minutes),
        came=max(0, grown("tail") - grown("holes") - grown("synthetic")),
        got_in=grown("in_game", "departed"),
        left=grown("departed"),
        no_shows=grown("no_shows"),
        holes=grown("holes"),
        waiting=last.waiting,
        longest_line=max(((each.waiting, each.at) for each in minutes), key=_players),
        most_in_game=max(((each.in_game, each.at) for each in minutes), key=_players),
        writes=grown("version"),
        tally=together([each.tally for each in minutes if each.tally]),
        points=tuple(points(minutes)),
        acts=alone,
        on_players=len(done) - len(alone),
        by_hand=sum(_let_in(act) for act in done),
        door=door,
        dead_letters=dead_letters,
    )


_AT_FIRST = Minute(0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0)


def _grown(first: Minute, last: Minute, *names: str) -> int:
    return max(0, sum((getattr(last, name) or 0) - (getattr(first, name) or 0) for name in names))


def _players(peak: tuple[int, int]) -> int:
    return peak[0]


def _is_on_players(act: Action) -> bool:
    return act.what != "load run" and (act.what in ON_PLAYERS or act.on_many)


def _let_in(act: Action) -> int:
    """How many players an act let in out of turn."""
    if act.what != "admit":
        return 0
    return int(act.after["done"]) if act.on_many else 1


def _percentile(of: bins.Histogram, share: float, worst: int) -> int | None:
    """No percentile is above the longest, whatever the middle of its bin is."""
    found = bins.percentile(of, share)
    return None if found is None else min(found, worst)


def _share(some: int, of: int) -> float | None:
    return round(some / of, 4) if of else None


def _seconds(ms: float | None) -> float | None:
    return None if ms is None else ms / SECOND


def _peak(peak: tuple[int, int]) -> dict[str, Any]:
    players, at = peak
    return {"players": players, "at": iso(at)}
