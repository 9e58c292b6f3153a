"""A played launch minute by minute, as the history would have it: by the same rules, for the same report."""

from bisect import bisect_right
from collections import Counter
from collections.abc import Iterator, Sequence
from dataclasses import replace
from itertools import repeat

from loginq.rehearsal.scenario import Played, Visitor
from loginq.service.rules.history import Minute, minute
from loginq.service.rules.line import Line
from loginq.service.rules.measure import WINDOW, Counts, achieved
from loginq.service.rules.tally import NOBODY, Came, Order, Tally, tallied
from loginq.service.rules.times import SECOND
from loginq.service.rules.valve import BUCKET, bucket


def minutes(played: Played) -> Iterator[Minute]:
    """What each run of settling leaves, and at the end one in which all that was placed is counted."""
    t0, line = played.lines[0]
    start, order, at, admitted, n = t0, NOBODY, t0, 0, 0
    inside, placed = played.admitted(), sorted((each for each in played.players if each.first), key=_first)
    through = Counter[int]()
    for each in inside:
        through[bucket(each.admitted_at or 0)] += each.arrival.count
    for t, after, intake in [*played.settled, _last(played, placed)]:
        while n < len(inside) and (inside[n].admitted_at or 0) <= t:
            admitted, n = admitted + inside[n].arrival.count, n + 1
        tally = _tally(placed, start, line.counted_to + 1, after.counted_to, order)
        departed = after.departed - after.synthetic
        players = Counts(admitted, max(0, admitted - departed), after.no_shows, departed)
        lately = {since: through[since] for since in range(bucket(t) - WINDOW * BUCKET, t + 1, BUCKET)}
        arriving = (after.tail - line.tail) * SECOND / max(1, t - at)
        yield replace(minute(after, t, players, achieved(lately, t), arriving, intake), tally=tally)
        line, at, order = after, t, tally.order if tally else order


def _first(player: Visitor) -> int:
    return player.first


def _last(played: Played, placed: Sequence[Visitor]) -> tuple[int, Line, int]:
    """The line at the end, once all who were reached have come in or not: who came in was, with all of a cohort."""
    t, line = played.ended, played.lines[-1][1]
    reached = max([line.reached(t), *(each.first + each.arrival.count - 1 for each in played.admitted())])
    left = [each for each in placed if each.admitted_at is None and not each.arrival.synthetic]
    missing = sum(_part(each, line.counted_to + 1, reached) for each in left)
    return t, replace(line, reached_to=reached, counted_to=reached, no_shows=line.no_shows + missing), 0


def _part(player: Visitor, start: int, end: int) -> int:
    """How many of a cohort have positions from `start` to `end`."""
    return max(0, min(player.first + player.arrival.count - 1, end) - max(player.first, start) + 1)


def _tally(placed: Sequence[Visitor], start: int, first: int, last: int, order: Order) -> Tally | None:
    """What is counted at the positions from `first` to `last`; `start`: when the launch began, ms."""
    came = list[Came]()
    for player in placed[max(0, bisect_right(placed, first, key=_first) - 1) :]:
        if player.first > last:
            break
        if player.admitted_at is not None and player.placed_at is not None:
            one = Came(start + player.arrival.at, player.placed_at, player.row.eta_at, player.admitted_at)
            came += repeat(one, _part(player, first, last))
    return tallied(came, first, last, len(came), order) if came else None
