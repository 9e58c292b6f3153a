"""The line: what becomes of it by whoever writes it. No worker lets anybody in: its gate is arithmetic.

Every method is pure: it takes the instant as an argument, in ms, and returns a new `Line`.
"""

from dataclasses import dataclass, replace
from itertools import pairwise
from typing import Any, Self

from loginq.service.rules.curve import Curve
from loginq.service.rules.gate import MICRO, Gate, Step
from loginq.service.rules.numbers import MOST_PLAYERS

MAX_RATE = 100_000_000
"""The largest rate: 100,000 players per second, ten times the default quota of an API Gateway region."""
MAX_BURST = 1_000_000
MAX_STEPS = 20
"""More planned steps than that would outgrow the line's one small item."""
MAX_TIME = 253_402_300_799_999
"""The last ms of the year 9999: later ones cannot be written down."""
MAX_MESSAGE = 200
"""Bytes of a message; with 20 steps beside it the item is then just under its 1 KB."""


def burst_for(rate: int) -> int:
    """The burst that suits a rate, unless the operator says otherwise: one second's worth of players, at least one."""
    return max(1, -(-rate // 1_000))


@dataclass(frozen=True, slots=True)
class Line(Gate):
    """One waiting line, what a writer makes of it, and what is estimated beside it."""

    no_show_share: int = 0
    """How many of a thousand real positions were no-shows, over the last three counts: an estimate, by which players
    are told a time and nobody is let in."""
    refunds_from: int = 0
    """From when on their places come back to the gate, where none of them has been counted yet, ms."""
    curve: Curve | None = None
    """What was promised to those for whom the game has no place yet."""

    def wait(self, position: int, t: int) -> int | None:
        """How long a player at `position` is told to wait, ms; None where `eta` is.

        It is shorter than the line's own ETA by the share of no-shows, because their places come back to the gate; by
        at most half, because a refund is never more than the rate again. While a refund runs, it is those places: the
        ETA knows of them, and they are not to be counted twice. Who has to wait for others to leave is told what was
        promised, or the gate's time where that is later.
        """
        if self._is_beyond(position, t):
            return self._beyond(position, t)
        eta = self.eta(position, t)
        return None if eta is None else self._shortened(eta, t)

    def basis(self, position: int, t: int) -> str | None:
        """By what `wait` is told: the gate's `rate`, or what is seen of who leaves: `Curve.basis`; None without one."""
        wait = self.wait(position, t)
        if wait is None or self.curve is None or not self._is_beyond(position, t):
            return None if wait is None else "rate"
        return self.curve.basis

    def expect(self, t: int, share: int, refunds_from: int) -> Self:
        """So many of a thousand are no-shows, by who has come so far, and their places come back from then on."""
        return replace(self.anchored(t), no_show_share=share, refunds_from=refunds_from)

    def publish(self, t: int, curve: Curve | None) -> Self:
        """From now on this is promised."""
        return replace(self.anchored(t), curve=curve)

    def join(self, t: int, count: int, intake_age: int = 0) -> Self:
        """`count` more positions at the end; the first of them is the old tail + 1.

        `intake_age`: how long, in ms, the oldest of them had been in the intake. A join into an empty line is a sign
        of life, because nobody was there to give one.
        """
        if count < 1:
            raise ValueError(f"{count} players cannot join: at least 1 can")
        line = self.anchored(t)
        if not line.waiting(t):
            line = line._alive()
        return replace(line, tail=line.tail + count, intake_age=intake_age)

    def renew(self, t: int) -> Self:
        """A sign of life: players can really come through."""
        return self.anchored(t)._alive()

    def set_rate(self, t: int, rate: int, burst: int | None = None, *, keep_plan: bool = False) -> Self:
        """A new rate from `t` on, and the burst that suits it unless one is given.

        The hand beats the plan: steps still to come are dropped unless `keep_plan`. They stay with rate 0, of which
        they are the end.
        """
        _check("rate", rate, 0, MAX_RATE)
        burst = _check("burst", burst_for(rate) if burst is None else burst, 0, MAX_BURST)
        dropped: dict[str, object] = {} if keep_plan or not rate else {"steps": ()}
        return self._changed(t, rate=rate, burst=burst, **dropped)

    def plan(self, t: int, steps: tuple[Step, ...]) -> Self:
        """Other planned steps in place of those that are still to come: in order of time, each after `t`."""
        if len(steps) > MAX_STEPS:
            raise ValueError(f"{len(steps)} planned steps are too many: at most {MAX_STEPS}")
        times = [self._seen(t), *(at for at, _ in steps)]
        if any(later <= earlier for earlier, later in pairwise(times)):
            raise ValueError("planned steps must lie in the future, in order of time")
        for at, rate in steps:
            _check("rate", rate, 0, MAX_RATE)
            _check("time", at, 0, MAX_TIME)
        return self._changed(t, steps=steps)

    def pause(self, t: int) -> Self:
        """Nobody more is let in, reached or not, until `resume`."""
        return self._changed(t, paused=True)

    def resume(self, t: int) -> Self:
        """The gate moves on from where it stopped."""
        return self._changed(t, paused=False)

    def close(self, t: int) -> Self:
        """No new tickets; who has one keeps it, and the line moves."""
        return self._changed(t, closed=True)

    def open(self, t: int) -> Self:
        """New tickets again."""
        return self._changed(t, closed=False)

    def say(self, t: int, message: str) -> Self:
        """A notice that every waiting player is shown with the next poll; empty for none."""
        size = len(message.encode())
        if size > MAX_MESSAGE:
            raise ValueError(f"the message has {size} bytes: at most {MAX_MESSAGE}")
        return replace(self.anchored(t), message=message)

    def void(self, t: int) -> Self:
        """Tickets issued before `t` that have no position yet count no more."""
        line = self.anchored(t)
        return replace(line, void_before=max(line.void_before, line.anchored_at))

    def reset(self, t: int, claimed: int) -> Self:
        """Every position so far lies behind, claimable no more, and whoever comes next finds an empty line.

        As many are in the game as before: of the positions that are not counted yet `claimed` were let in at, and the
        others, reached or not, are holes. Tickets without a position are void.
        """
        line = self.void(t)
        return replace(
            line,
            reached_to=line.tail,
            expired_to=line.tail,
            counted_to=line.tail,
            gate=line.tail * MICRO,
            holes=line.holes + line.tail - line.counted_to - claimed,
            no_show_share=0,
            refunds_from=0,
            curve=None,
            refund_rate=0,
            refund_until=0,
        )._changed(t)

    def leave(self, t: int, count: int) -> Self:
        """`count` admitted players more have left the game, whom no counter knows; negative for fewer."""
        return replace(self.anchored(t), **self._departed(count))

    def fold(self, t: int, leavings: int) -> Self:
        """What the counters of the leavings hold now, all of them together: assigned, never added, so that any number
        of folds count nobody twice."""
        base = self.departed - leavings if self.departed_base is None else self.departed_base
        return replace(self.anchored(t), departed_base=base, departed=base + leavings, folded_at=self._seen(t))

    def recounted(self, t: int, departed: int) -> Self:
        """So many admitted players have left the game, by what game servers count: assigned, and in no counter, so that
        a later `fold` goes on from there."""
        return replace(self.anchored(t), departed=departed, departed_base=None, folded_at=self._seen(t))

    def absorb(self, t: int, leavings: int) -> Self:
        """So many of the leavings are taken out of the counters, and are counted here for good."""
        return replace(self.anchored(t), departed_base=(self.departed_base or 0) + leavings)

    def expire_to(self, t: int, position: int) -> Self:
        """Positions up to this one, as far as they were reached, can be claimed no more."""
        line = self.anchored(t)
        return replace(line, expired_to=max(line.expired_to, min(position, line.reached_to)))

    def count_to(
        self,
        t: int,
        position: int,
        no_shows: int,
        synthetic: int,
        within: int,
        *,
        holes: int = 0,
        share: int | None = None,
    ) -> Self:
        """The closed positions up to this one are counted: so many were never claimed, so many were synthetic.

        A synthetic one counts as claimed and departed. The gate gets no-shows and holes back, and what is still owed,
        spread over the next `within` ms, but never faster than the rate. `share`: the new `no_show_share`.
        """
        line = self.anchored(t)
        owed = line.refund_rate * max(0, line.refund_until - line.anchored_at) + (no_shows + holes) * MICRO
        refund = min(-(-owed // within), line.rate)
        return replace(
            line,
            counted_to=position,
            no_shows=line.no_shows + no_shows,
            holes=line.holes + holes,
            **line._departed(synthetic),
            synthetic=line.synthetic + synthetic,
            no_show_share=line.no_show_share if share is None else share,
            refund_rate=refund,
            refund_until=line.anchored_at + -(-owed // refund) if refund else 0,
        ).anchored(t)

    def set_capacity(self, t: int, capacity: int | None) -> Self:
        """The most players in the game at once; None for no such limit."""
        if capacity is not None:
            _check("capacity", capacity, 0, MOST_PLAYERS)
        return self._changed(t, capacity=capacity)

    def set_lease(self, t: int, lease: int) -> Self:
        """How long, in ms, the gate moves without any sign of life."""
        return self._changed(t, lease=_check("lease", lease, 1_000, 86_400_000))

    def set_max_rate(self, t: int, rate: int) -> Self:
        """What no rate passes from now on; 0 for no such limit."""
        return self._changed(t, max_rate=_check("rate", rate, 0, MAX_RATE))

    # Within

    def _is_beyond(self, position: int, t: int) -> bool:
        """Whether the game has no place yet for a position; who was reached before it had fewer keeps one."""
        return position > max(self.limit, self.reached(t))

    def _beyond(self, position: int, t: int) -> int | None:
        """What a position has to wait for which the game has no place yet."""
        promised = None if self.curve is None else self.curve.told(position, t)
        passes = None if promised is None or position > self.tail else self.passes(position, t)
        return None if promised is None or passes is None else max(self._shortened(passes, t), promised - t)

    def _shortened(self, eta: int, t: int) -> int:
        """How long it is until `eta`, less by the places of no-shows that come back to the gate."""
        refunded = max(0, min(eta, max(self.refund_until, self.refunds_from)) - t)
        return refunded + (max(0, eta - t) - refunded) * (1_000 - min(self.no_show_share, 500)) // 1_000

    def _departed(self, count: int) -> dict[str, Any]:
        base = None if self.departed_base is None else self.departed_base + count
        return {"departed": self.departed + count, "departed_base": base}

    def _alive(self) -> Self:
        return replace(self, alive_at=max(self.alive_at, self.anchored_at))

    def _changed(self, t: int, **change: object) -> Self:
        """Settle, change, settle by the changed rules; an operator's change is a sign of life."""
        return replace(self.anchored(t), **change).anchored(t)._alive()  # type: ignore[arg-type]


def _check(what: str, value: int, least: int, most: int) -> int:
    if not least <= value <= most:
        raise ValueError(f"{what} {value} is not between {least} and {most}")
    return value
