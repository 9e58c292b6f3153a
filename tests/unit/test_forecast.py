"""What a change would do: the forecast against the line itself, plans, ramps, times as people write them."""

from datetime import datetime
from itertools import pairwise

import pytest
from hypothesis import given
from hypothesis import strategies as st

from loginq.service.rules.errors import Invalid
from loginq.service.rules.forecast import SHARES, forecast
from loginq.service.rules.gate import MICRO
from loginq.service.rules.line import MAX_STEPS, Line
from loginq.service.rules.numbers import parse_count
from loginq.service.rules.plan import clearing, planning, ramp, setting
from loginq.service.rules.times import HOUR, MINUTE, SECOND, parse_duration, parse_moment
from tests.unit.histories import START

RATES = st.integers(1_000, 500_000)


@st.composite
def lines(draw: st.DrawFn) -> Line:
    """A line with people in it, and perhaps a plan, a capacity, a share of no-shows, a pause."""
    opened = draw(st.integers(0, 100))
    times = draw(st.lists(st.integers(1, HOUR), max_size=5, unique=True))
    return Line(
        tail=opened + draw(st.integers(0, 3_000)),
        reached_to=opened,
        gate=opened * MICRO,
        anchored_at=START,
        alive_at=START,
        rate=draw(RATES),
        steps=tuple((START + at, draw(RATES)) for at in sorted(times)),
        capacity=draw(st.none() | st.integers(0, 4_000)),
        no_show_share=draw(st.integers(0, 900)),
        paused=draw(st.booleans()),
    )


@given(lines(), st.integers(0, 10_000))
def test_a_forecast_is_what_the_line_says_of_each_position(line: Line, arriving: int) -> None:
    seen = forecast(line, START, arriving)
    waits = [line.wait(position, START) for position in range(line.reached_to + 1, line.tail + 1)]
    assert seen.waiting == len(waits)
    for share in SHARES:
        nth = -(-len(waits) * share // 100)
        assert seen.waits[share] == (waits[nth - 1] if nth else 0)
    assert seen.clear == (waits[-1] if waits else 0)
    newcomer = line.join(START, arriving + 1)
    assert seen.newcomer == newcomer.wait(newcomer.tail, START)
    for at, left in seen.drain:
        assert left == len(waits) or waits[len(waits) - left - 1] == at
    assert list(seen.drain) == sorted(seen.drain, key=lambda point: (point[0], -point[1]))


@given(RATES, RATES, st.integers(SECOND, 12 * HOUR), st.integers(2, MAX_STEPS))
def test_a_ramp_begins_and_ends_where_it_should(start: int, end: int, over: int, most: int) -> None:
    steps = ramp(start, end, START, over, most)
    assert (steps[0], steps[-1]) == ((START, start), (START + over, end))
    assert 2 <= len(steps) <= most
    gaps = [b[0] - a[0] for a, b in pairwise(steps)]
    assert min(gaps) >= SECOND and max(gaps) - min(gaps) <= 1
    rates = [rate for _, rate in steps]
    assert rates == sorted(rates, reverse=end < start)


@given(st.lists(st.tuples(st.integers(1, 100), RATES), max_size=12, unique_by=lambda s: s[0]), st.data())
def test_a_plan_replaces_what_lies_within_it(old: list[tuple[int, int]], data: st.DataObject) -> None:
    steps = [(START + at * SECOND, rate) for at, rate in sorted(old)]
    new = data.draw(st.lists(st.integers(1, 100), min_size=1, max_size=8, unique=True))
    wanted = [(START + at * SECOND, 7_000) for at in sorted(new)]
    line = Line(anchored_at=START, alive_at=START, rate=1_000).plan(START, tuple(steps))
    outside = [step for step in steps if not wanted[0][0] <= step[0] <= wanted[-1][0]]
    assert list(planning(line, START, wanted).steps) == sorted([*outside, *wanted])
    assert clearing(line, START).steps == ()


def test_a_plan_that_begins_now_is_a_rate_and_a_plan() -> None:
    line = Line(anchored_at=START, alive_at=START, rate=1_000)
    planned = planning(line, START + 5, [(START, 2_000), (START + MINUTE, 3_000)])
    assert (planned.rate, planned.steps) == (2_000, ((START + MINUTE, 3_000),))


def test_too_many_steps_and_a_rate_of_nothing() -> None:
    line = Line(anchored_at=START, alive_at=START, rate=1_000)
    full = planning(line, START, [(START + n * SECOND, 1_000) for n in range(1, 21)])
    with pytest.raises(Invalid):
        planning(full, START, [(START + HOUR, 1_000)])
    with pytest.raises(Invalid):
        setting(line, START, 0)
    assert setting(full, START, 0).rate == 0


@pytest.mark.parametrize(
    ("text", "ms"),
    [("90s", 90_000), ("10m", 600_000), ("10min", 600_000), ("1h30m", 5_400_000), ("1.5h", 5_400_000)],
)
def test_lengths_of_time(text: str, ms: int) -> None:
    assert parse_duration(text) == ms


@pytest.mark.parametrize("text", ["", "soon", "10x", "-5m", "m", "5 m s", "1e3s", "٣s"])
def test_no_lengths_of_time(text: str) -> None:
    with pytest.raises(Invalid):
        parse_duration(text)


def test_a_length_of_time_needs_its_unit() -> None:
    with pytest.raises(Invalid, match="'10' has no unit") as refused:
        parse_duration("10")
    assert refused.value.hint == "Write 10s for seconds, or 10m for minutes."


@pytest.mark.parametrize(
    ("text", "count"),
    [("200000", 200_000), ("200,000", 200_000), ("200_000", 200_000), ("20k", 20_000), ("1.5M", 1_500_000)],
)
def test_numbers_of_players_as_people_write_them(text: str, count: int) -> None:
    assert parse_count(text, 10**7) == count


@pytest.mark.parametrize("text", ["", "many", "1.5", "2,00", "20 k k", "1e3", "-1", "10000001", "٣"])
def test_no_numbers_of_players(text: str) -> None:
    with pytest.raises(Invalid):
        parse_count(text, 10**7)


def test_a_time_of_day_is_one_of_the_next_twelve_hours() -> None:
    """At 20:00, 19:30 is tomorrow: for a door that should have opened half an hour ago, a day of nobody."""
    for hour, text, found in ((20, "08:00", (25, 8)), (23, "00:10", (25, 0)), (8, "20:00", (24, 20))):
        now = round(datetime(2026, 11, 24, hour, 0).astimezone().timestamp() * 1_000)
        at = datetime.fromtimestamp(parse_moment(text, now) / 1_000)
        assert (at.day, at.hour) == found
    for hour, text, says, date in (
        (20, "19:30", "'19:30' is over: it is 20:00:00 here.", "2026-11-25T19:30:00"),
        (8, "20:01", "'20:01' is more than 12 hours ahead: it is 08:00:00 here.", "2026-11-24T20:01:00"),
    ):
        now = round(datetime(2026, 11, 24, hour, 0).astimezone().timestamp() * 1_000)
        with pytest.raises(Invalid) as refused:
            parse_moment(text, now)
        assert (refused.value.message, refused.value.hint) == (says, f"If you mean that, write {date}.")
        assert datetime.fromtimestamp(parse_moment(date, now) / 1_000).isoformat() == date


def test_moments() -> None:
    now = datetime(2026, 11, 24, 17, 0).astimezone()

    def at(text: str) -> datetime:
        return datetime.fromtimestamp(parse_moment(text, round(now.timestamp() * 1_000)) / 1_000).astimezone()

    assert at("18:00") == datetime(2026, 11, 24, 18, 0).astimezone()
    assert at("04:30:15") == datetime(2026, 11, 25, 4, 30, 15).astimezone()
    assert at("2026-11-30 09:00") == datetime(2026, 11, 30, 9, 0).astimezone()
    assert at("2026-11-30T09:00:00+09:00") == datetime.fromisoformat("2026-11-30T09:00:00+09:00")
    for text in ("25:00", "18", "2026-11-24 16:59", "tomorrow", ""):
        with pytest.raises(Invalid):
            at(text)
