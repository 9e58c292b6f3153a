"""The public line: the forecast that everybody may see agrees with what each player is told."""

from dataclasses import replace
from random import Random

import pytest
from hypothesis import given
from hypothesis import strategies as st

from loginq.service.rules.curve import Curve
from loginq.service.rules.line import Line
from loginq.service.rules.public import BELIEVED, CALLERS, POINTS, View, document
from loginq.service.rules.settings import Rules
from loginq.service.rules.times import MINUTE, SECOND

T = 1_800_000_000_000
WINDOW = Rules().claim_window


def looked(line: Line, t: int) -> View:
    return View.of(document(line, t, WINDOW))


def line(**given: object) -> Line:
    made = Line(anchored_at=T, alive_at=T, rate=20_000, burst=20)
    return replace(made, **given)  # type: ignore[arg-type]


@st.composite
def lines(draw: st.DrawFn) -> Line:
    """Any line in which people wait: with a plan, a refund, no-shows, a full game, a sign of life that is over."""
    tail, reached = draw(st.integers(1, 300_000)), draw(st.integers(0, 200_000))
    made = line(
        tail=tail + reached,
        reached_to=reached,
        gate=reached * 1_000_000,
        rate=draw(st.integers(0, 2_000_000)),
        no_show_share=draw(st.integers(0, 500)),
        refund_rate=draw(st.integers(0, 500_000)),
        refund_until=T + draw(st.integers(0, 5 * MINUTE)),
        alive_at=T - draw(st.integers(0, 10 * MINUTE)),
        paused=draw(st.integers(0, 4)) == 0,
        capacity=draw(st.none() | st.integers(0, 500_000)),
    )
    if made.capacity is not None and draw(st.booleans()):
        instants = tuple(sorted(draw(st.lists(st.integers(0, 9_000), min_size=12, max_size=12))))
        made = replace(
            made, curve=Curve(T - MINUTE, max(made.limit, reached), draw(st.integers(144, 400_000)), instants)
        )
    times = sorted(draw(st.sets(st.integers(1, 3 * 60), max_size=20)))
    return made.plan(T, tuple((T + at * MINUTE // 4, draw(st.integers(0, 2_000_000))) for at in times))


def right(made: Line, position: int) -> int:
    """What the public line ought to tell, ms: near its turn the gate's own time, and nobody less than those ahead."""
    if position <= made.reached(T):
        return 0
    last = max(made.reached(T), min(position, made.limit)) if made._is_beyond(position, T) else position
    near = min((made.eta(last, T) or T) - T, 8 * SECOND)
    return max(made.wait(position, T) or 0, made.wait(last, T) or 0, near)


@given(lines(), st.randoms(use_true_random=False))
def test_a_position_is_told_the_same_by_the_public_line_as_by_status(made: Line, random: Random) -> None:
    view = looked(made, T)
    assert len(view.curve) <= POINTS
    assert list(view.curve) == sorted(view.curve)
    for position in (made.reached(T) + 1, made.tail, random.randint(made.reached(T) + 1, max(made.tail, 1))):
        if position <= made.reached(T):
            continue
        told, seen = made.wait(position, T), view.wait(position, T)
        assert (told is None) == (seen is None), position
        if told is not None and seen is not None:
            if made._is_beyond(position, T):  # of many bends POINTS are told, and one may lie between two positions
                low, high = right(made, position - 1), right(made, min(position + 1, made.tail))
                assert low - told // 20 <= seen <= high + told // 20 + SECOND // 10
            else:
                assert abs(seen - right(made, position)) <= SECOND // 10 + told // 100


@given(lines(), st.integers(0, 60 * SECOND))
def test_who_is_ahead_never_grows_and_nobody_is_ahead_whose_turn_has_come(made: Line, later: int) -> None:
    view = looked(made, T)
    assert view.reached <= view.reached_at(T + later) <= max(view.reached, made.tail)
    position = made.tail
    if view.wait(position, T + later) == 0 and position > view.reached and not made.paused:
        assert view.standing(position, T + later)["ahead"] == 0


def test_where_a_refund_ends_soon_the_turn_is_as_exact() -> None:
    """Until its end no share of no-shows makes a wait shorter, so the forecast bends sooner than without it."""
    made = line(tail=4_288, reached_to=2_827, gate=2_827_000_000, rate=164_732, no_show_share=98)
    made = replace(made, refund_until=T + 4_094)
    view = looked(made, T)
    for position in range(made.reached_to + 1, made.tail + 1):
        told, seen = made.wait(position, T), view.wait(position, T)
        gates = (made.eta(position, T) or T) - T
        assert told is not None and seen == pytest.approx(max(told, min(gates, 8 * SECOND)), abs=150)


def test_where_what_was_promised_and_the_gate_cross_the_forecast_bends() -> None:
    """Nothing but the waits themselves says at which position that is."""
    made = line(tail=60_000, reached_to=40_000, gate=40_000_000_000, rate=100_000, capacity=45_000)
    made = replace(made, curve=Curve(T, 45_000, 15_000, (0, 5, 5, 5, 5, 5, 5, 5, 5, 5, 5, 9_000)))
    waits = [made.wait(position, T) or 0 for position in range(45_001, made.tail + 1)]
    gates = [(made.passes(position, T) or T) - T for position in range(45_001, made.tail + 1)]
    assert any(wait > gate for wait, gate in zip(waits, gates, strict=True)) and waits[0] == gates[0]
    view = looked(made, T)
    for position, wait in enumerate(waits, 45_001):
        assert view.wait(position, T) == pytest.approx(wait, rel=0.02)


def test_a_turn_is_known_to_a_tenth_of_a_second() -> None:
    view = looked(line(tail=72_000, no_show_share=300), T)
    assert view.wait(100, T) == pytest.approx(
        5 * SECOND, abs=100
    )  # the gate's own, which no share of no-shows makes shorter
    assert view.wait(20_000, T) == pytest.approx(700 * SECOND, rel=0.01)


def test_one_asks_again_seldom_far_off_and_for_status_at_the_turn() -> None:
    view = looked(line(tail=72_000), T)
    far = [view.asks(72_000, T, Random(n)) for n in range(200)]
    assert {status for _, status in far} == {False}
    assert all(48 * SECOND <= pause <= 60 * SECOND for pause, _ in far)
    near = [view.asks(60, T, Random(n)) for n in range(200)]
    assert {status for _, status in near} == {True}
    assert all(2_900 <= pause <= 3_600 for pause, _ in near)
    assert view.asks(1, T + 5 * SECOND, Random(1))[1]


def test_nobody_looks_so_late_that_a_rate_five_times_as_high_finds_them_away() -> None:
    view = looked(line(tail=72_000), T)
    for away in (50, 120, 200):
        pauses = [view.asks(20 * away, T, Random(n))[0] for n in range(100)]
        assert max(pauses) <= (away // 5 + 13) * SECOND


def test_an_old_view_is_not_gone_by() -> None:
    assert looked(line(tail=72_000), T).asks(72_000, T + BELIEVED + 1, Random(1)) == (0, True)


def test_in_a_pause_those_near_the_gate_look_often() -> None:
    view = looked(line(tail=72_000).pause(T), T)
    assert view.wait(10, T) is None and view.standing(10, T)["eta_seconds"] is None
    pause, status = view.asks(10, T, Random(1))
    assert 8 * SECOND <= pause <= 10 * SECOND and not status
    assert view.asks(72_000, T, Random(1))[0] >= 48 * SECOND
    reached = looked(line(tail=72_000, reached_to=50).pause(T), T)
    assert reached.wait(10, T) is None and not reached.asks(10, T, Random(1))[1]  # status would let nobody in, either


def test_who_was_placed_after_the_look_in_an_empty_line_looks_again_soon() -> None:
    view = looked(line(tail=50, reached_to=50, gate=50_000_000), T)
    pauses = [view.asks(51, T, Random(n)) for n in range(50)]
    assert all(SECOND <= pause <= 2 * SECOND and not status for pause, status in pauses)


def test_a_sign_of_life_is_asked_for_of_a_few_when_it_is_due() -> None:
    made = line(tail=50_000)
    assert document(made, T + 40 * SECOND, WINDOW)["call_status"] == 0
    assert document(made, T + 41 * SECOND, WINDOW)["call_status"] == pytest.approx(CALLERS / 50_000, rel=0.1)
    assert document(line(tail=3, rate=1), T + 60 * MINUTE, WINDOW)["call_status"] == 1
    assert document(made.pause(T), T + 60 * MINUTE, WINDOW)["call_status"] == 0
    view = looked(made, T + 41 * SECOND)
    asked = [view.asks(40_000, T + 41 * SECOND, Random(n)) for n in range(20_000)]
    assert 20 <= sum(status for _, status in asked) <= 70


@pytest.mark.parametrize("curve", [[[0, 5], [3, 5]], [[5, 50], [0, 400]], [[0, 50], [9, 4]], [[-5, 3], [-1, 9]]])
def test_a_forecast_that_does_not_rise_is_none(curve: object) -> None:
    with pytest.raises(ValueError):
        View.of({**document(line(tail=70), T, WINDOW), "curve": curve})


def test_a_forecast_may_begin_with_many_who_are_reached_at_once_and_nobody_until_then() -> None:
    view = View.of({**document(line(tail=70), T, WINDOW), "curve": [[50, 10], [50, 60], [60, 70]]})
    assert [view.reached_at(T + after * SECOND) for after in (0, 49, 50, 55)] == [10, 10, 60, 65]
    assert view.standing(30, T)["ahead"] == 19


def test_no_document_lets_anybody_sleep_longer_than_the_longest_poll_there_is() -> None:
    view = View.of({**document(line(tail=70).pause(T), T, WINDOW), "longest_poll_seconds": 1e300, "rate_per_second": 0})
    assert view.asks(50, T, Random(1))[0] <= MINUTE


@pytest.mark.parametrize("found", [{}, {"at": "soon"}, [], "no", {"at": 1, "curve": 5}])
def test_what_is_no_public_line_is_not_taken_for_one(found: object) -> None:
    with pytest.raises(ValueError):
        View.of(found)  # type: ignore[arg-type]
