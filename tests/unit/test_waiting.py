"""The waiting time of a full game: what is learnt from who leaves, what is promised, and how true it is."""

import json
import math
import zlib
from collections import Counter
from contextlib import suppress
from dataclasses import replace
from typing import Any

import pytest
from hypothesis import example, given, settings
from hypothesis import strategies as st

from loginq.service.rules import laws
from loginq.service.rules.cohorts import OLDEST, Cohort
from loginq.service.rules.curve import BEYOND, FARTHER, NEARER, POINTS, SLACK, Curve, points
from loginq.service.rules.laws import BINS, bank
from loginq.service.rules.line import Line
from loginq.service.rules.minute import Memory, came_through, forgotten
from loginq.service.rules.numbers import MOST_PLAYERS
from loginq.service.rules.outlook import Outlook, booked, is_off, is_wanted, promise
from loginq.service.rules.settings import Rules
from loginq.service.rules.stays import FEWEST, Stays
from loginq.service.rules.times import MINUTE, SECOND
from loginq.service.rules.valve import BUCKET
from loginq.service.store.line import from_row, to_row
from loginq.service.store.settlement import memory_of, row_of
from tests.benchmarks.waiting import LAWS, World, score

T = 1_800_000_000_000 // MINUTE * MINUTE
NOW = T // MINUTE
curves = st.builds(
    lambda first, span, steps, basis: Curve(T, first, span, tuple(sum(steps[: n + 1]) for n in range(POINTS)), basis),
    st.integers(0, 10**9),
    st.integers(POINTS**2, 10**6),
    st.lists(st.integers(0, 10**5), min_size=POINTS, max_size=POINTS),
    st.sampled_from(["departures", "counts"]),
)


@given(curves)
def test_a_curve_is_the_same_after_packing_and_small(curve: Curve) -> None:
    assert Curve.unpack(curve.pack()) == curve
    assert len(curve.pack()) == 53


@given(st.binary(max_size=60))
def test_bytes_that_are_no_curve_are_refused_or_are_one(packed: bytes) -> None:
    with suppress(ValueError):
        assert Curve.unpack(packed).pack() == packed


@given(curves, st.data())
def test_a_curve_promises_later_positions_later_instants(curve: Curve, data: st.DataObject) -> None:
    near, far = sorted(data.draw(st.integers(curve.first, curve.first + 2 * curve.span)) for _ in range(2))
    early, late = curve.told(near, T), curve.told(far, T)
    assert early is not None and late is not None and T <= early <= late
    end = curve.first + curve.span
    assert curve.told(end + 1, T + BEYOND + 1) is None
    assert curve.told(end, T + BEYOND + 1) is not None


@example(Curve(T, 0, 500, (20,) * POINTS), [0, 10_000, 30_000])
@given(curves, st.lists(st.integers(0, 2 * 10**9), min_size=2, max_size=20))
def test_a_curve_promises_more_positions_the_later_it_is(curve: Curve, later: list[int]) -> None:
    """Even where the first are promised no instant before others: all that wait for a wave of leavings."""
    found = [curve.reached(T + ms) for ms in sorted(later)]
    assert found == sorted(found)
    assert curve.first <= found[0] and found[-1] <= curve.first + curve.span


@given(curves, st.integers(0, 10 * MINUTE), st.floats(0.1, 10))
def test_a_promise_moves_as_little_as_it_must(curve: Curve, later: int, factor: float) -> None:
    """Whatever the forecast says: within the band of what remains, and never beyond what was promised and forecast."""
    t = T + later

    def when(position: int) -> float:
        return t + factor * ((curve.told(position, T) or T) - T) + (position - curve.first)

    new = Curve.promised(t, curve.first, curve.span, when, curve, "departures")
    for position in points(curve.first, curve.span):
        told, said, remains = new.told(position, t), curve.told(position, t), when(position) - t
        assert told is not None and said is not None
        high = max(said - t, remains)
        assert remains * (1 - NEARER) - SECOND <= told - t
        if position == curve.first:  # later ones are never before it
            assert told - t <= max(high, remains * (1 + FARTHER) + SLACK) + SECOND


def test_every_law_is_one() -> None:
    """Of each, by its hazards, the mean stay is that which it was made for, as far as a day goes."""
    found = bank(60, 0.3)
    assert len(found) == 510
    assert all(len(law) == BINS and all(0 <= each < math.inf for each in law) for _, law in found)
    exponential = [law for _, law in found if max(law) - min(law) < 1e-9]
    assert sorted(round(1 / law[0], 1) for law in exponential) == [round(60 * factor, 1) for factor in laws.MEANS]


runs = st.lists(
    st.tuples(
        st.one_of(st.integers(1, 3), st.sampled_from([6, 61, 130, 500])),  # minutes since the run before
        st.lists(st.tuples(st.integers(0, 7), st.integers(1, 50)), max_size=4),  # let in: minutes before, how many
        st.lists(st.tuples(st.integers(0, 10**6), st.integers(1, 40)), max_size=6),  # leave: of which, at most so many
        st.integers(0, 5),  # are back
        st.booleans(),  # whether the valve's last bucket is booked a run later than who has left already
    ),
    min_size=1,
    max_size=25,
)


@settings(max_examples=40)
@given(runs)
def test_seats_are_who_came_less_who_left(history: list[tuple[Any, ...]]) -> None:
    """However they are merged, however many minutes a run has to catch up with, and in whatever order it hears."""
    stays, minute, left = Stays(), NOW, Counter[int]()
    inside, pending = Counter[int](), Counter[int]()

    for passed, came, gone, back, is_late in history:
        if minute + passed > NOW + OLDEST - 60:  # who stays for a day is left out
            break
        minute += passed
        arrived = Counter[int]()
        for ago, count in came:
            arrived[minute - 1 - min(ago, passed - 1)] += count
        inside.update(arrived)
        for which, most in gone:
            there = [first for first, count in sorted(inside.items()) if count]
            if there:
                first = there[which % len(there)]
                count = min(most, inside[first])
                inside[first] -= count
                left[first if minute - first < 120 else first // 10 * 10] += count
        if back:
            inside[minute] += back
            left[minute] -= back
        stays = stays.admitted(pending if is_late else pending + arrived)
        pending = arrived if is_late else Counter[int]()
        stays = stays.book(minute, left)
        seats = [cohort.seats for cohort in stays.cohorts]
        assert min(seats, default=0) >= 0
        spans = [n for cohort in stays.cohorts for n in range(cohort.first, cohort.first + cohort.minutes)]
        assert len(spans) == len(set(spans))
        assert len(stays.cohorts) <= 70 + 2 * 43
    minute += 1
    stays = stays.admitted(pending).book(minute, left)
    assert sum(cohort.seats for cohort in stays.cohorts) == inside.total()


def test_a_run_whose_clock_is_a_bit_behind_counts_no_admission_again() -> None:
    through = {T: (5, False), T - BUCKET: (3, False)}
    seen = came_through(Memory(buckets_to=T - BUCKET), through, T + BUCKET)
    again = came_through(came_through(seen, through, T + BUCKET - 1), through, T + BUCKET)
    assert (again.admitted, again.stays) == (8, seen.stays)
    far = came_through(Memory(buckets_to=T + 9 * BUCKET), through, T)  # a clock that was far ahead is soon forgotten
    assert far.buckets_to == T + BUCKET


def test_a_minute_is_booked_once() -> None:
    stays = Stays().admitted({NOW - 1: 100}).book(NOW, {NOW - 1: 3})
    assert stays.book(NOW, {NOW - 1: 50}) is stays
    assert [cohort.seats for cohort in stays.cohorts] == [97]


def test_who_comes_back_holds_a_seat_of_a_new_age() -> None:
    stays = Stays().admitted({NOW - 30: 1_000}).book(NOW, {NOW - 30: 400})
    stays = stays.book(NOW + 1, {NOW - 30: 400, NOW: -100})
    assert [(cohort.first - NOW, cohort.seats) for cohort in stays.cohorts] == [(-30, 600), (0, 100)]
    assert (stays.departures, stays.returned) == (400, 100_000)


def test_a_minute_in_which_far_more_leave_teaches_nothing() -> None:
    quiet = Stays(hazards=(13_333,) * BINS).admitted({NOW - 40: 10_000}).book(NOW, {NOW - 40: 133})
    event = quiet.book(NOW + 1, {NOW - 40: 133 + 3_000})
    assert event.over == 1
    assert 0.9 < sum(event.leaving) / sum(quiet.leaving) / 2 < 1.1
    assert sum(cohort.seats for cohort in event.cohorts) == 10_000 - 3_133


def test_what_is_remembered_survives_its_row_and_a_spoilt_one_is_forgotten() -> None:
    stays = Stays().admitted({NOW - 5: 100, NOW - 90: 20}).book(NOW, {NOW - 5: 3}).with_hazard((0.01,) * BINS)
    memory = replace(memory_of({}), stays=stays.noted(200, 120))
    assert memory_of(row_of(memory)) == memory
    kept = json.loads(zlib.decompress(row_of(memory)["stays"]))
    newer = [{**kept, "more": 1}, {**kept, "leaving": [0]}, [kept]]
    read = [memory_of({"stays": zlib.compress(json.dumps(each).encode())}).stays for each in newer]
    assert [memory_of({"stays": b"spoilt"}).stays, *read] == [Stays(), memory.stays, Stays(), Stays()]


def full_line() -> Line:
    return Line(anchored_at=T, alive_at=T, rate=200_000, burst=200, capacity=1_000).join(T, 3_000)


def rehearsed() -> tuple[Memory, Line]:
    """What settling knows while a thousand players come of a thousand, after a rehearsal with ten thousand synthetic
    ones; and the line."""
    line = Line(anchored_at=T, alive_at=T, rate=10**7, burst=10_000).join(T, 10_000)
    memory = booked(memory_of({}), line.renew(T + MINUTE), {}, T + MINUTE)
    line = line.count_to(T + 2 * MINUTE, 10_000, 0, 10_000, MINUTE)
    return booked(memory, line, {}, T + 3 * MINUTE), line.renew(T + 3 * MINUTE)


def thousand(memory: Memory, line: Line) -> float:
    line = line.join(T + 3 * MINUTE, 1_000)
    return booked(replace(memory, admitted=1_000), line, {}, T + 4 * MINUTE).stays.missed_share


def test_synthetic_players_and_what_was_reset_say_nothing_of_who_comes() -> None:
    memory, line = rehearsed()
    assert thousand(memory, line) < 0.1
    waiting = line.set_rate(T + 3 * MINUTE, 0).join(T + 3 * MINUTE, 10_000).reset(T + 3 * MINUTE, 0)
    again = forgotten(memory, waiting, T + 3 * MINUTE)
    assert thousand(again, waiting.set_rate(T + 3 * MINUTE, 10**7)) == 0
    assert thousand(memory_of({}), waiting.set_rate(T + 3 * MINUTE, 10**7)) == 0  # by a version that knows no stays


def test_who_came_fades_with_the_minutes_and_not_with_the_runs() -> None:
    stays = Stays().noted(1_000, 500)
    assert stays.noted(1_000, 500, 240).reached == 1_000_000 // 4


def test_nothing_is_promised_before_enough_have_left() -> None:
    line = replace(full_line(), departed=FEWEST - 1)
    stays = Stays().admitted({NOW - 60: 1_000}).book(NOW, {NOW - 60: FEWEST - 1})
    assert Outlook(stays, line, T, 0, 60, 0.3, 4).curve()[1] is None
    stays = stays.book(NOW + 1, {NOW - 60: FEWEST})
    assert Outlook(stays, line, T + MINUTE, 0, 60, 0.3, 4).curve()[1] is not None


def test_beyond_the_limit_the_promise_is_told_or_the_gate_where_that_is_later() -> None:
    line = full_line().publish(T, Curve(T, 1_000, 2_500, tuple(60 * n for n in range(POINTS))))
    assert (line.wait(1_000 + 2_500 * 81 // 121, T), line.basis(3_000, T)) == (9 * MINUTE, "departures")
    slow = replace(line, rate=1_000).wait(3_000, T)
    assert slow is not None and slow > 2_700 * SECOND
    assert (line.pause(T).wait(3_000, T), line.pause(T).basis(3_000, T)) == (None, None)
    assert (line.basis(500, T), line.set_capacity(T, None).basis(3_000, T)) == ("rate", "rate")
    assert from_row(to_row(line)) == line
    assert from_row({**to_row(line), "curve": b"spoilt"}) == replace(line, curve=None)


def test_who_is_reached_may_come_at_once_though_the_game_has_fewer_places_now() -> None:
    at = T + 10 * SECOND
    line = full_line().publish(T, Curve(T, 1_000, 2_500, tuple(60 * n for n in range(1, POINTS + 1))))
    lowered = line.set_capacity(at, 500)
    assert (lowered.reached(at), lowered.wait(900, at), lowered.basis(900, at)) == (1_000, 0, "rate")


def test_after_a_gap_who_came_in_all_of_it_are_not_taken_for_those_of_a_minute() -> None:
    stays = Stays().admitted({NOW - 60: 1_000}).book(NOW, {NOW - 60: FEWEST})
    memory, line = Memory(stays=stays, tail_at=T - 100 * MINUTE), replace(full_line(), departed=FEWEST)
    curve = promise(memory, line, Rules(), T)[1]
    assert curve is not None and curve.span == line.tail - line.room + 500 + 2 * 30


def test_a_wait_of_which_no_end_is_seen_is_not_told() -> None:
    stays = Stays().admitted({NOW - 60: 1_000}).book(NOW, {NOW - 60: FEWEST})
    line = replace(full_line().anchored(T + 10 * SECOND), departed=FEWEST)
    assert not is_wanted(replace(line, capacity=0))
    gone = replace(stays, cohorts=())  # all who are in the game stay longer than a day
    curve = Outlook(gone, line, T, 0, 60, 0.3, 4).curve()[1]
    assert curve is not None and curve.told(1_300, T) is None


def test_a_promise_is_off_once_much_more_room_is_there_and_not_sooner_than_in_ten_seconds() -> None:
    line = full_line().publish(T, Curve(T, 1_000, 2_500, tuple(60 * n for n in range(POINTS))))
    raised = line.set_capacity(T, 1_200)
    assert [is_off(raised, T + 9 * SECOND), is_off(raised, T + 10 * SECOND), is_off(line, T + 10 * SECOND)] == [
        False, True, False,
    ]  # fmt: skip


def test_a_game_with_more_in_it_than_places_and_players_ever_let_in_promises_those_who_wait_later_times() -> None:
    """An operator said so, or game servers count who came in past the queue."""
    stays = Stays().admitted({NOW - 60: 4_000}).book(NOW, {NOW - 60: FEWEST})
    found = []
    for departed in (-800, -2_500):
        line = replace(full_line(), departed=departed)
        curve = Outlook(stays, line, T, 0, 60, 0.3, 4).curve()[1]
        assert curve is not None and Curve.unpack(curve.pack()) == curve
        assert not is_off(replace(line, curve=curve), T + 10 * SECOND)
        found.append(curve.told(1_000, T) or 0)
    assert found == sorted(set(found))


numbers = st.sampled_from([0, 0, 10**3, 10**5, 10**7, 10**9])
by_bin = st.lists(numbers, min_size=BINS, max_size=BINS).map(tuple)
any_stays = st.builds(
    Stays,
    booked=st.just(NOW),
    cohorts=st.dictionaries(st.integers(NOW - 1_440, NOW), st.sampled_from([0, 1, 100, 10**4, 10**9]), max_size=6).map(
        lambda seats: tuple(Cohort(first, 1, count) for first, count in sorted(seats.items()))
    ),
    leaving=by_bin,
    at_risk=by_bin,
    seen=numbers,
    expected=numbers,
    departures=st.just(FEWEST),
    ripe=numbers,
    returned=numbers,
    reached=numbers,
    came=numbers,
    by_counts=st.booleans(),
)
any_line = st.builds(
    lambda rate, capacity, departed, places: Line(
        anchored_at=T, alive_at=T, rate=rate, capacity=capacity, departed=departed
    ).join(T, places),
    st.sampled_from([0, 1, 200_000, 10**8]),
    st.sampled_from([1, 1_000, 10**6, MOST_PLAYERS]),
    st.sampled_from([0, 5_000, -20_000, -MOST_PLAYERS]),
    st.sampled_from([1, 3_000, 10**6]),
)


@settings(max_examples=12, deadline=None)
@given(any_stays, any_line, st.sampled_from([1 / 60, 1.0, 60.0, 10_000.0]), st.integers(0, 10 * MINUTE))
def test_whatever_is_known_a_promise_is_made_and_later_for_later_positions(
    stays: Stays, line: Line, mean: float, later: int
) -> None:
    for t in (T, T + later):
        _, curve = Outlook(stays, line, t, 0, mean, 0.3, 4).curve()
        assert curve is not None and Curve.unpack(curve.pack()) == curve
        assert list(curve.instants) == sorted(curve.instants)
        line = line.publish(t, curve)
        is_off(line, t + MINUTE)


def test_a_launch_of_a_full_game_is_told_waiting_times_that_come_true() -> None:
    """A small one of the benchmark's, each time; the table in the guide is of the large ones."""
    world = World(replace(LAWS["exponential 75 min"], capacity=2_000), 4_000, 10 * MINUTE, seed=1, rate=100)
    world.play()
    assert world.untold == 0
    error, late = score(world.sample(list(world.firsts["ours"].values())))
    assert error < 12 and late < 10
    rolling, _ = score(world.sample(list(world.firsts["five minutes"].values())))
    assert rolling > 2 * error


@pytest.mark.parametrize("no_shows", [0.0, 0.1, 0.3])
def test_without_a_capacity_everybody_is_told_the_gates_time(no_shows: float) -> None:
    crowd = replace(LAWS["exponential 75 min"], capacity=None, no_shows=no_shows)
    world = World(crowd, 2_400, 5 * MINUTE, seed=1, rate=4)
    world.play()
    for told in (world.sample(list(world.firsts["ours"].values())), world.sample(world.polls["ours"])):
        off, true = (sum(column) / len(told) for column in zip(*((abs(a - b), b) for a, b in told), strict=True))
        assert off <= 2 + 0.02 * true
    assert (world.untold, len(world.firsts["ours"])) == (0, 2_400)


@pytest.mark.parametrize("mean", [30, 60, 120])
def test_by_counts_the_rate_of_leaving_is_measured_and_the_parameter_only_begins(mean: int) -> None:
    """A full game of 20,000, of whom one in `mean` leaves each minute; told an hour."""
    stays = Stays().count(NOW, 20_000, 0)
    assert stays.rate(60) == pytest.approx(1 / 60)
    for minute in range(1, 16):
        stays = stays.count(NOW + minute, 20_000, minute * 20_000 // mean)
    assert stays.rate(60) == pytest.approx(1 / mean, rel=0.03)
    line = replace(full_line(), capacity=20_000, departed=15 * 20_000 // mean, lease=10**9)
    line = line.join(T, 40_000 + 15 * 20_000 // mean)
    at = T + 15 * MINUTE
    _, curve = Outlook(stays, line.renew(at), at, 0, 60, 0.5, 4).curve()
    assert curve is not None and curve.basis == "counts"
    assert (curve.told(line.room + 10_000, at) or 0) - at == pytest.approx(10_000 * mean / 20_000 * MINUTE, rel=0.06)
    assert stays.book(NOW + 16, {}).by_counts is False


def test_a_server_that_dies_by_counts_frees_its_seats_and_teaches_nothing() -> None:
    stays = Stays().count(NOW, 20_000, 0)
    for minute in range(1, 11):
        stays = stays.count(NOW + minute, 20_000, minute * 333).with_hazard((stays.rate(60),) * BINS)
    crashed = stays.count(NOW + 11, 15_000, 11 * 333 + 5_000)
    assert (crashed.over, crashed.departures) == (1, 11 * 333 + 5_000)
    assert crashed.rate(60) == pytest.approx(1 / 60, rel=0.03)
    late = crashed.count(NOW + 12, 20_000, 12 * 333)  # the server was only late
    assert late.departures == 12 * 333


def test_a_lasting_change_is_told_by_many_and_by_ages_that_have_been_seen() -> None:
    assert (Stays(seen=49_000, expected=23_000).level, Stays(seen=490_000, expected=230_000).level > 2) == (1, True)

    def after(oldest: int) -> float:
        """The level when for twenty minutes a third more leave of those who came forty minutes ago than expected."""
        stays = Stays(hazards=(13_333,) * BINS, booked=NOW).admitted({NOW - oldest: 5} | {NOW - 40: 20_000})
        for n in range(1, 21):
            stays = stays.book(NOW + n, {NOW - 40: 350 * n})
        return stays.level

    assert (after(oldest=40), after(oldest=59) > 1.2) == (1, True)
