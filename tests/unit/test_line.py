"""The line's invariants over random histories, and its arithmetic against a sum made millisecond by millisecond."""

from dataclasses import replace

import pytest
from hypothesis import given
from hypothesis import strategies as st

from loginq.service.rules.gate import MICRO
from loginq.service.rules.line import MAX_STEPS, Line, burst_for
from tests.unit.histories import RATES, SKEW, START, Event, events, new_line, refunded


def played(history: list[Event], line: Line | None = None, start: int = START) -> list[tuple[int, int, Line, Line]]:
    """(true time, the writer's clock, line before, line after) of each event."""
    line, now, seen = line or new_line(), start, []
    for event in history:
        now += event.wait
        clock = now + event.skew
        after = event.op(line, clock)
        seen.append((now, clock, line, after))
        line = after
    return seen


def most_at(rate: int, span: int) -> int:
    """Positions that a rate opens in a span of ms, rounded up."""
    return -(-rate * span // MICRO)


@given(events())
def test_positions_are_unique_and_what_was_let_in_stays_in(history: list[Event]) -> None:
    for _, _, before, after in played(history):
        assert after.tail >= before.tail
        assert after.reached_to >= before.reached_to
        assert after.reached_to <= after.tail
        assert after.anchored_at >= before.anchored_at


@given(events(), st.integers(-SKEW, SKEW), st.integers(-SKEW, SKEW))
def test_two_readers_differ_by_no_more_than_the_rate_times_their_skew(history: list[Event], a: int, b: int) -> None:
    now, _, _, line = played(history)[-1]
    fast, slow = line.reached(now + max(a, b)), line.reached(now + min(a, b))
    top = max([line.rate, *(rate for _, rate in line.steps)])
    assert 0 <= fast - slow <= most_at(2 * top, abs(a - b)) + 1


@given(events(skew=0), st.integers(0, 40_000))
def test_newly_reached_never_exceeds_what_the_gate_moved_and_the_burst(history: list[Event], after: int) -> None:
    """Between any two instants of the history, and some time after its end: nothing banked, nothing invented."""
    seen = played(history)
    instants = [(START, new_line().reached(START), 0, new_line().burst)]
    moved = 0
    for now, _, before, line in seen:
        moved += before.moved(instants[-1][0], now)
        instants.append((now, line.reached(now), moved, max(before.burst, line.burst, instants[-1][3])))
    last_at, _, _, line = seen[-1]
    moved += line.moved(last_at, last_at + after)
    instants.append((last_at + after, line.reached(last_at + after), moved, line.burst))
    for n, (_, reached, so_far, _) in enumerate(instants):
        for _, later, in_all, _ in instants[n:]:
            burst = max(each[3] for each in instants)
            assert later - reached <= -(-(in_all - so_far) // MICRO) + burst + 1


@given(events(skew=0), st.integers(0, 60_000))
def test_nothing_is_newly_reached_while_paused_or_at_rate_0_or_at_capacity(history: list[Event], wait: int) -> None:
    now, _, _, line = played(history)[-1]
    stops = [line.pause(now), line.plan(now, ()).set_rate(now, 0)]
    if (full := line.reached(now) - line.departed - line.no_shows) >= 0:
        stops.append(line.set_capacity(now, full))
    for stopped in stops:
        assert stopped.reached(now + wait) == stopped.reached(now) == line.reached(now)
    line = line.join(now, 5_000).set_capacity(now, 100)
    later = line.renew(now + wait).reached(now + 2 * wait)
    assert later <= max(line.reached(now), 100 + line.departed + line.no_shows)


@given(events(skew=0), st.integers(1, 4_000), st.booleans())
def test_the_eta_is_the_instant_at_which_the_position_is_reached(
    history: list[Event], ahead: int, moving: bool
) -> None:
    now, _, _, line = played(history)[-1]
    if moving:
        line = line.resume(now).set_capacity(now, None).join(now, 4_000)
    position = line.reached(now) + ahead
    eta = line.eta(position, now)
    living = replace(line.anchored(now), alive_at=now, lease=10**12)
    if eta is None:
        assert living.reached(now + 10**9) < position
    else:
        assert living.reached(eta) >= position
        assert eta == now or living.reached(eta - 1) < position


@given(events(skew=0), st.integers(0, 10**10))
def test_after_any_silence_no_more_than_a_leases_worth_is_let_in_at_once(history: list[Event], silence: int) -> None:
    now, _, _, line = played(history)[-1]
    line = line.plan(now, ()).renew(now)
    back = line.reached(now + silence)
    assert back - line.reached(now) <= most_at(2 * line.rate, line.lease) + line.burst + 1
    woken = line.renew(now + silence)
    assert woken.reached(now + silence) == back


@given(events(skew=0), st.integers(0, 3_000))
def test_the_gate_is_the_sum_of_every_millisecond(history: list[Event], span: int) -> None:
    now, _, _, line = played(history)[-1]
    assert line.moved(now, now + span) == sum(line.flow_at(t) for t in range(now, now + span))


@given(events(skew=0), st.integers(0, 60_000))
def test_a_refund_never_more_than_doubles_the_gate(history: list[Event], span: int) -> None:
    now, _, _, line = played(history)[-1]
    assert line.moved(now, now + span) <= 2 * replace(line, refund_rate=0).moved(now, now + span)


@given(events())
def test_settling_changes_nothing_that_a_reader_can_see(history: list[Event]) -> None:
    now, _, _, line = played(history)[-1]
    settled = line.anchored(now)
    assert settled.reached(now) == line.reached(now)
    assert settled.rate_at(now + SKEW) == line.rate_at(max(now + SKEW, line.anchored_at))
    assert settled.anchored(now) == settled


@given(RATES, st.integers(1, 10**9))
def test_an_empty_line_banks_no_admissions(rate: int, idle: int) -> None:
    """However long nobody came: the next crowd finds the burst and nothing more."""
    line = new_line(rate).set_rate(START, rate).renew(START + idle)
    crowd = line.join(START + idle, 10**6)
    assert crowd.reached(START + idle) <= burst_for(rate)


def test_a_pause_of_any_length_is_followed_by_no_jump() -> None:
    line = new_line().join(START, 20_000).renew(START + 30_000).pause(START + 30_000)
    stopped = line.reached(START + 30_000)
    resumed = line.resume(START + 1_230_000)
    assert resumed.reached(START + 1_230_000) == stopped
    assert resumed.reached(START + 1_231_000) == stopped + 20


def test_a_pause_takes_the_burst_away() -> None:
    line = new_line().renew(START + 60_000).pause(START + 60_000).join(START + 70_000, 300).resume(START + 80_000)
    assert line.reached(START + 80_000) == 0
    stopped = new_line().renew(START + 60_000).set_rate(START + 60_000, 0, burst=20).join(START + 70_000, 300)
    assert stopped.set_rate(START + 80_000, 20_000).reached(START + 80_000) == 0


def test_who_comes_into_an_empty_line_is_a_sign_of_life_himself() -> None:
    line = new_line().join(START + 3_600_000, 40)
    assert line.reached(START + 3_601_000) == 20 + 20
    assert line.join(START + 3_601_500, 40).alive_at == START + 3_601_500
    waiting = line.join(START + 3_600_500, 40)
    assert waiting.join(START + 3_601_000, 40).alive_at == START + 3_600_000


def test_twenty_a_second_is_twenty_a_second() -> None:
    line = new_line().join(START, 300)
    assert [line.reached(START + s * 1_000) for s in range(4)] == [0, 20, 40, 60]
    assert line.ahead(61, START + 2_000) == 20
    assert line.eta(61, START + 2_000) == START + 3_050


def test_the_burst_is_what_a_waiting_gate_has_saved() -> None:
    line = new_line().renew(START + 60_000).join(START + 60_000, 300)
    assert line.reached(START + 60_000) == 20


def test_a_plan_is_part_of_the_eta() -> None:
    opening = START + 60_000
    line = new_line(0).join(START, 100).plan(START, ((opening, 10_000), (opening + 5_000, 50_000)))
    assert line.eta(50, START) == opening + 5_000
    assert line.eta(100, START) == opening + 6_000
    assert line.pause(START).eta(50, START) is None


def test_who_is_reached_just_as_a_planned_step_begins_is_told_so() -> None:
    """100 at 10 a second take ten seconds, and then nobody more for an hour: the last of them is not told of it."""
    line = new_line(10_000).plan(START, ((START + 10_000, 0), (START + 3_600_000, 10_000))).join(START, 200)
    assert line.eta(100, START) == START + 10_000
    assert line.eta(101, START) == START + 3_600_100
    assert replace(line.anchored(START), lease=10**9).reached(START + 10_000) == 100


def test_a_refund_that_a_pause_came_between_is_given_after_it() -> None:
    """50 no-shows come back over five seconds, with one second of them given when the line is paused for an hour."""
    line = new_line().join(START, 5_000).renew(START + 10_000).expire_to(START + 10_000, 200)
    owed = line.count_to(START + 10_000, 200, 50, 0, within=5_000)
    paused = owed.renew(START + 11_000).pause(START + 11_000)
    assert paused.reached(START + 11_000) == 200 + 20 + 10
    back = replace(paused.resume(START + 3_611_000), lease=10**9)
    assert back.reached(START + 3_611_000) == 230
    assert back.reached(START + 3_615_000) == 230 + 4 * 20 + 40
    assert back.reached(START + 3_616_000) == 350 + 20


def test_a_refund_that_nobody_was_alive_for_is_given_when_somebody_is() -> None:
    line = replace(new_line().join(START, 5_000), lease=1_000).renew(START + 10_000)
    owed = line.expire_to(START + 10_000, 20).count_to(START + 10_000, 20, 10, 0, within=5_000)
    woken = replace(owed.renew(START + 3_600_000), lease=10**9)
    before = woken.reached(START + 3_600_000)
    assert before == line.reached(START + 10_000) + 20 + 2  # what a lease's worth was
    assert woken.reached(START + 3_610_000) == before + 10 * 20 + 8


def test_what_is_still_owed_at_the_next_count_is_not_forgotten() -> None:
    """Two counts a second apart, each of 30 no-shows to be given back over three seconds: 60 in the end."""
    line = replace(new_line(), lease=10**9).join(START, 5_000)
    at = START + 10_000
    line = line.expire_to(at, 200).count_to(at, 100, 30, 0, within=3_000)
    line = line.count_to(at + 1_000, 200, 30, 0, within=3_000)
    assert line.no_shows == 60
    assert line.reached(at + 10_000) == 200 + 10 * 20 + 60


def test_a_closing_is_as_far_as_was_reached_and_never_back() -> None:
    line = new_line().join(START, 100).renew(START + 2_000)
    closed = line.expire_to(START + 2_000, 90)
    assert closed.expired_to == 40 == line.reached(START + 2_000)
    assert closed.expire_to(START + 2_000, 10).expired_to == 40


def test_a_message_is_measured_in_bytes() -> None:
    assert new_line().say(START, "ä" * 100).message == "ä" * 100
    with pytest.raises(ValueError, match="the message has 202 bytes: at most 200"):
        new_line().say(START, "ä" * 101)


@given(refunded(), st.integers(0, 60_000))
def test_an_active_refund_never_more_than_doubles_the_gate(line: Line, span: int) -> None:
    now = line.anchored_at
    assert line.flow_at(now) <= 2 * line.rate_at(now)
    assert line.moved(now, now + span) <= 2 * replace(line, refund_rate=0).moved(now, now + span)


@given(events(), st.integers(-300, 300), events())
def test_who_leaves_or_comes_back_needs_no_settling_of_its_own(
    history: list[Event], count: int, then: list[Event]
) -> None:
    """The next writer settles first: to do it here, too, would differ by less than a position, now or later."""
    now, clock, _, line = played(history)[-1]
    line = line.anchored(clock)
    settled = replace(line, departed=line.departed + count).anchored(clock)
    line = line.leave(clock, count)
    assert line.reached(now) == settled.reached(now)
    for one, other in zip(played(then, line, now), played(then, settled, now), strict=True):
        assert 0 <= one[3].reached(one[0]) - other[3].reached(one[0]) <= 1


def test_places_that_free_up_in_one_lump_are_given_at_the_rate() -> None:
    full = new_line().join(START, 5_000).set_capacity(START, 100).renew(START + 60_000).renew(START + 119_000)
    assert full.reached(START + 120_000) == 100
    freed = full.leave(START + 120_000, 100)
    assert freed.reached(START + 120_000) == 120
    assert freed.reached(START + 122_000) == 160


def test_a_player_is_told_a_shorter_wait_when_some_never_come() -> None:
    line = new_line().join(START, 1_000)
    assert line.wait(1_000, START) == 50_000
    assert replace(line, no_show_share=300).wait(1_000, START) == 35_000
    assert replace(line, no_show_share=900).wait(1_000, START) == 25_000
    assert line.pause(START).wait(1_000, START) is None
    assert line.count_to(START, 0, 0, 0, 1_000, share=250).no_show_share == 250


def test_capacity_lets_in_as_many_as_leave() -> None:
    line = new_line().join(START, 100).set_capacity(START, 10).renew(START + 20_000)
    assert line.reached(START + 20_000) == 10
    assert line.eta(11, START + 20_000) is None
    freed = replace(line.anchored(START + 20_000), departed=3).anchored(START + 20_000)
    assert freed.reached(START + 50_000) == 13


@pytest.mark.parametrize(
    ("change", "says"),
    [
        (lambda line: line.set_rate(START, -1), "rate -1"),
        (lambda line: line.set_rate(START, 10**15), "rate 1000000000000000"),
        (lambda line: line.set_rate(START, 1, burst=-1), "burst -1"),
        (lambda line: line.set_capacity(START, -1), "capacity -1"),
        (lambda line: line.set_lease(START, 10), "lease 10"),
        (lambda line: line.join(START, 0), "0 players"),
        (lambda line: line.plan(START, ((START, 5),)), "in the future"),
        (lambda line: line.plan(START, ((START + 2, 5), (START + 1, 5))), "in order of time"),
        (lambda line: line.plan(START, tuple((START + n, 5) for n in range(1, MAX_STEPS + 2))), "too many"),
    ],
)
def test_what_a_line_refuses(change: object, says: str) -> None:
    with pytest.raises(ValueError, match=says):
        change(new_line())  # type: ignore[operator]


def test_the_gate_passes_nobody_where_nobody_may_pass() -> None:
    line = new_line().set_rate(START, 20_000)
    assert line.passing(START) == 0, "nobody waits"
    full = line.join(START, 100)
    assert full.passing(START) == 20_000
    assert full.pause(START).passing(START + 1) == 0
    assert full.set_capacity(START, 0).passing(START) == 0
    assert full.passing(START + full.lease) == 0, "nobody is alive"
    assert full.passing(START + 10_000) == 0, "all are in"
