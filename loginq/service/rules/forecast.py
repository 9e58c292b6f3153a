"""What a line will do from now on if nobody changes anything: pure, and the same arithmetic that lets players in."""

from dataclasses import dataclass
from typing import Any

from loginq.service.rules.line import Line
from loginq.service.rules.times import SECOND, iso

POINTS = 60
"""Positions at which the drain is sampled."""
SHARES = (50, 90, 99)


@dataclass(frozen=True, slots=True)
class Forecast:
    """How a line drains, seen from the instant `t`; durations in ms, None where no honest number exists.

    Args:
        waiting: how many wait at `t`.
        waits: percent -> what that share of those who wait have left to wait at most.
        clear: until the last of them is in. newcomer: what a player who joins now would wait.
        drain: (ms from `t`, how many still wait then), up to the last who has a number.
    """

    t: int
    waiting: int
    waits: dict[int, int | None]
    clear: int | None
    newcomer: int | None
    drain: tuple[tuple[int, int], ...]

    def document(self) -> dict[str, Any]:
        """The JSON form, in seconds."""

        def seconds(ms: int | None) -> float | None:
            return None if ms is None else round(ms / SECOND, 3)

        return {
            "waiting": self.waiting,
            **{f"p{share}_seconds": seconds(wait) for share, wait in self.waits.items()},
            "clear_seconds": seconds(self.clear),
            "last_in_at": None if self.clear is None else iso(self.t + self.clear),
            "newcomer_seconds": seconds(self.newcomer),
            "drain": [{"seconds": seconds(at), "waiting": left} for at, left in self.drain],
        }


def forecast(line: Line, t: int, arriving: int = 0) -> Forecast:
    """How `line` drains from `t` on while players poll, with `arriving` tickets in the intake behind it.

    The waits are those that players are told (`Line.wait`): shorter by the share of no-shows.
    """
    reached, waiting = line.reached(t), line.waiting(t)
    full = line.join(t, arriving + 1)

    def wait(nth: int) -> int | None:
        return full.wait(reached + nth, t) if nth else 0

    steps = sorted({waiting * n // POINTS for n in range(POINTS + 1)})
    drain = [(at, waiting - nth) for nth in steps if (at := wait(nth)) is not None]
    return Forecast(
        t=t,
        waiting=waiting,
        waits={share: wait(-(-waiting * share // 100)) for share in SHARES},
        clear=wait(waiting),
        newcomer=full.wait(full.tail, t),
        drain=tuple(drain),
    )
