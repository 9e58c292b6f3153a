"""Random histories of one line: joins, rates, plans, pauses, capacities, departures, by clocks that differ."""

from collections.abc import Callable
from dataclasses import dataclass, replace

from hypothesis import strategies as st

from loginq.service.rules.curve import POINTS, Curve
from loginq.service.rules.line import Line

START = 1_800_000_000_000
SKEW = 500
"""Two clocks differ by at most this, ms, from the true time, each way."""

Op = Callable[[Line, int], Line]


@dataclass(frozen=True)
class Event:
    """After `wait` ms somebody whose clock is `skew` ms off does `name`."""

    wait: int
    skew: int
    name: str
    op: Op

    def __repr__(self) -> str:
        return f"+{self.wait} ({self.skew:+}) {self.name}"


RATES = st.integers(1, 2_000_000)


def _plan(line: Line, t: int, steps: list[tuple[int, int]]) -> Line:
    at, planned = max(t, line.anchored_at), []
    for wait, rate in steps:
        at += wait
        planned.append((at, rate))
    return line.plan(t, tuple(planned))


def _counted(line: Line, t: int, **more: int) -> Line:
    """More in one of the counters, as settling and reports have them."""
    line = line.anchored(t)
    return replace(line, **{name: getattr(line, name) + by for name, by in more.items()}).anchored(t)


def _refund(line: Line, t: int, rate: int, wait: int) -> Line:
    return replace(line.anchored(t), refund_rate=rate, refund_until=t + wait)


def _curve(t: int, first: int, span: int, each: int) -> Curve:
    """Any promise: true or not, nothing but what players are told may hang on it."""
    return Curve(t, first, span, tuple(each * n for n in range(POINTS)))


def _named(name: str, op: Op) -> tuple[str, Op]:
    return name, op


OPS = st.one_of(
    st.integers(1, 3_000).map(lambda n: _named(f"join {n}", lambda line, t: line.join(t, n))),
    st.one_of(RATES, st.just(0)).map(lambda r: _named(f"rate {r}", lambda line, t: line.set_rate(t, r))),
    st.tuples(RATES, st.integers(0, 500)).map(
        lambda rb: _named(f"rate, burst {rb}", lambda line, t: line.set_rate(t, rb[0], rb[1]))
    ),
    st.lists(st.tuples(st.integers(1, 60_000), st.one_of(RATES, st.just(0))), max_size=4).map(
        lambda steps: _named(f"plan {steps}", lambda line, t: _plan(line, t, steps))
    ),
    st.just(_named("pause", Line.pause)),
    st.just(_named("resume", Line.resume)),
    st.just(_named("close", Line.close)),
    st.just(_named("open", Line.open)),
    st.just(_named("renew", Line.renew)),
    st.one_of(RATES, st.just(0)).map(lambda r: _named(f"at most {r}", lambda line, t: line.set_max_rate(t, r))),
    st.one_of(st.none(), st.integers(0, 3_000)).map(
        lambda c: _named(f"capacity {c}", lambda line, t: line.set_capacity(t, c))
    ),
    st.tuples(st.integers(0, 5_000), st.integers(POINTS**2, 5_000), st.integers(0, 3_600)).map(
        lambda curve: _named(f"promise {curve}", lambda line, t: line.publish(t, _curve(t, *curve)))
    ),
    st.integers(1, 300).map(lambda n: _named(f"departed {n}", lambda line, t: _counted(line, t, departed=n))),
    st.integers(1, 300).map(lambda n: _named(f"no_shows {n}", lambda line, t: _counted(line, t, no_shows=n))),
    st.tuples(RATES, st.integers(1, 60_000)).map(
        lambda rw: _named(f"refund {rw}", lambda line, t: _refund(line, t, rw[0], rw[1]))
    ),
)


def events(skew: int = SKEW, wait: int = 30_000) -> st.SearchStrategy[list[Event]]:
    """A history: what is done, when, and by which clock."""
    one = st.builds(lambda wait, skew, op: Event(wait, skew, *op), st.integers(0, wait), st.integers(-skew, skew), OPS)
    return st.lists(one, min_size=1, max_size=25)


def refunded() -> st.SearchStrategy[Line]:
    """A line at the end of a history, at its anchor, where a refund is being given that outlives a second of it."""

    def at_the_end(history: list[Event], rate: int, refund: int, wait: int) -> Line:
        line, now = new_line(), START
        for event in history:
            now += event.wait
            line = event.op(line, now)
        line = line.resume(now).set_rate(now, rate)
        return _refund(line, line.anchored_at, refund, wait)

    return st.builds(at_the_end, events(skew=0), RATES, RATES, st.integers(1_000, 60_000))


def new_line(rate: int = 20_000) -> Line:
    """A line that was just made."""
    return Line(anchored_at=START, alive_at=START, rate=rate, burst=20)
