"""Nights that went wrong, written down, and what their screens show: for the guide's pictures, and for tests.

The screens are drawn by what draws them for an operator, on a terminal of 80 by 24.
"""

import math
import os
import time
from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager
from dataclasses import replace
from io import StringIO
from unittest.mock import patch

from loginq.cli import console, stats, watch
from loginq.cli.watch import Watched
from loginq.service.rules.act import Action
from loginq.service.rules.attention import attention
from loginq.service.rules.door import CALLS, FAILED, REFUSED, Door
from loginq.service.rules.line import Line
from loginq.service.rules.measure import WINDOW, Counts, Depth, Snapshot, achieved
from loginq.service.rules.times import MINUTE, SECOND
from loginq.service.rules.valve import BUCKET
from tests.drawing import picture

NOW = 1_800_068_520_000
"""2027-01-16 03:02:00 UTC."""
NAME = "aws 123456789012 eu-west-1 loginq"
WIDTH, HEIGHT = 80, 24
_BEGAN, _STEP = NOW - 8 * MINUTE, 4 * SECOND
"""Since when somebody watches, and how far apart the readings are that are written down here."""
LINE = Line(tail=60_000, anchored_at=_BEGAN, alive_at=NOW, rate=50_000, burst=50, gate=24_000 * 1_000_000)


class Terminal(StringIO):
    """A stream that says it is a terminal."""

    encoding = "utf-8"

    def isatty(self) -> bool:
        return True


def snapshot(line: Line, t: int, came: Callable[[int], float] = lambda t: 50.0, **seen: object) -> Snapshot:
    """A reading of `line`. `came`: how many players a second came in then, by the instant."""
    first = t - t % BUCKET
    through = {start: round(came(start) * BUCKET / SECOND) for start in range(first - 59 * BUCKET, first, BUCKET)}
    through = {first: round(came(first) * (t - first) / SECOND), **dict(sorted(through.items(), reverse=True))}
    known = {
        "players": Counts(line.reached(t), line.occupied(t), line.no_shows, line.departed),
        "admitted": sum(list(through.values())[: WINDOW + 1]),
        "admitted_per_second": achieved(through, t),
        "eta": line.join(t, 1).wait(line.tail + 1, t),
        "settled_at": t - 20 * SECOND,
        **seen,
    }
    return Snapshot("main", t, Depth(0, 0, 0), 0, line, buckets=through, **known)  # type: ignore[arg-type]


def door(calls: int = 96_000, ringing: tuple[str, ...] = (), **counts: int) -> Door:
    """The front door on AWS by now, whose metrics come late."""
    return Door(NOW, 5 * MINUTE, {CALLS: calls, REFUSED: 0, FAILED: 0, **counts}, NOW - 90 * SECOND, ringing)


def watched(reading: Callable[[int], Snapshot], at_the_door: Door) -> Watched:
    """What a watch has seen by now."""
    seen = Watched(door=at_the_door)
    for t in range(_BEGAN, NOW + 1, _STEP):
        seen.add(reading(t))
    seen.answered = math.inf  # however slowly it is drawn
    return seen


def _grown(t: int, until: int = NOW) -> Line:
    """The line at `t`, into which eighty a second came until then."""
    return replace(LINE, tail=LINE.tail + 80 * (min(t, until) - _BEGAN) // SECOND)


def busy() -> Watched:
    """More come than are let in, as it should be."""
    return watched(lambda t: snapshot(_grown(t), t, arriving=80.0), door())


def empty() -> Watched:
    """Nobody is there."""
    line = Line(anchored_at=_BEGAN, alive_at=_BEGAN, rate=50_000, burst=50)
    return watched(lambda t: snapshot(line, t, lambda t: 0), door(calls=0))


def broken_door() -> Watched:
    """A deploy broke `/login` four minutes ago: whoever waits is let in, and nobody comes after them."""
    began = NOW - 4 * MINUTE
    note = Action(began - MINUTE, "arn:aws:iam::123456789012:user/ada", "note", after="deployed the fix for the banner")
    return watched(
        lambda t: snapshot(_grown(t, began), t, note=note),
        door(calls=74_310, ringing=("ServerErrorsAlarm",), **{FAILED: 18_240}),
    )


def full_game() -> Watched:
    """All places are taken, and one player a second leaves."""
    full = _BEGAN + 80 * SECOND

    def reading(t: int) -> Snapshot:
        gone = (t - _BEGAN) // SECOND
        return snapshot(replace(_grown(t), capacity=28_000, departed=gone), t, lambda t: 50 if t < full else 1)

    return watched(reading, door())


def dead_settle() -> Watched:
    """Somebody disabled the rule that settles each minute."""
    return watched(
        lambda t: snapshot(_grown(t), t, settled_at=NOW - 14 * MINUTE),
        door(ringing=("SettleSilentAlarm",)),
    )


def wrong_rate() -> Snapshot:
    """A nought too many, forty seconds ago."""
    before = {"rate": 50_000, "burst": 50, "steps": []}
    made = Action(
        NOW - 40 * SECOND, "arn:aws:iam::123456789012:user/ben", "rate", before=before,
        after={**before, "rate": 500_000, "burst": 500},
    )  # fmt: skip
    line = replace(_grown(NOW), anchored_at=made.at, rate=500_000, burst=500)
    return snapshot(line, NOW, lambda t: 500 if t >= made.at else 50, last_change=made, arriving=80.0)


def _watching(seen: Watched) -> None:
    console.draw(watch.screen(seen, NAME, HEIGHT - 1))


def _stats(now: Snapshot) -> None:
    stats.draw_stats(NAME, now, door(), attention([now], door=door()))


SCREENS: Mapping[str, tuple[str, Callable[[], None]]] = {
    "broken-door": ("loginq queue watch", lambda: _watching(broken_door())),
    "full-game": ("loginq queue watch", lambda: _watching(full_game())),
    "dead-settle": ("loginq queue watch", lambda: _watching(dead_settle())),
    "wrong-rate": ("loginq queue stats", lambda: _stats(wrong_rate())),
}
"""Its name -> what is typed, and what draws what that shows."""


@contextmanager
def terminal(width: int = WIDTH, height: int = HEIGHT) -> Iterator[Terminal]:
    """A terminal of this size as stdout, in UTC, with all its colours."""
    drawn = Terminal()
    names = {
        "COLUMNS": str(width), "LINES": str(height), "TERM": "xterm-256color", "COLORTERM": "truecolor", "TZ": "UTC",
    }  # fmt: skip
    with patch.dict(os.environ, names), patch("sys.stdout", drawn):
        for name in ("NO_COLOR", "FORCE_COLOR", "TTY_COMPATIBLE", "TTY_INTERACTIVE"):
            os.environ.pop(name, None)
        time.tzset()
        yield drawn
    time.tzset()


def drawing(name: str) -> str:
    """The SVG of a screen."""
    command, draw = SCREENS[name]
    with terminal() as drawn:
        draw()
    return picture([(command, drawn.getvalue())], WIDTH)
