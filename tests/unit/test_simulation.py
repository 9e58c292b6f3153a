"""The system as a whole on the virtual clock: polling players, caches, skewed clocks, the valve, settling, outages."""

from dataclasses import replace
from itertools import pairwise
from random import Random
from statistics import mean, pstdev

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from loginq.rehearsal.scenario import Arrival, Change, Played, Scenario
from loginq.rehearsal.simulation import simulate
from loginq.rehearsal.stays import Exponential, Law, Leaving, LogNormal, Mixed, Turn, Wave, Weibull
from loginq.service.rules import valve
from loginq.service.rules.gate import DEFAULT_LEASE, MICRO
from loginq.service.rules.line import Line
from loginq.service.rules.settings import Rules
from loginq.service.rules.times import HOUR, MINUTE, SECOND
from tests.unit.histories import START, new_line


def crowd(n: int, within: int, seed: int = 0, **kind: bool) -> tuple[Arrival, ...]:
    """`n` arrivals spread over the first `within` ms."""
    random = Random(seed)
    return tuple(Arrival(random.randint(0, within), **kind) for _ in range(n))


def line_at(rate: int, **changes: int) -> Line:
    return new_line(rate).set_rate(START, rate, changes.get("burst"))


def in_force(outcome: Played, t: int) -> list[Line]:
    """The lines that a reader may believe at `t`: the one written last before it, and those of the second before."""
    known = [line for at, line in outcome.lines if at <= t]
    recent = [line for at, line in outcome.lines if t - 1_100 < at <= t]
    return [*recent, known[-len(recent) - 1] if len(known) > len(recent) else known[0]]


CHANGES = st.one_of(
    st.just(("pause", Line.pause)),
    st.just(("resume", Line.resume)),
    st.integers(1_000, 60_000).map(lambda r: (f"rate {r}", lambda line, t: line.set_rate(t, r))),
)


@st.composite
def scenarios(draw: st.DrawFn) -> Scenario:
    at, changes = 0, []
    for wait, (_, change) in draw(st.lists(st.tuples(st.integers(1_000, 20_000), CHANGES), max_size=5)):
        at += wait
        changes.append((at, change))
    down = draw(st.one_of(st.none(), st.tuples(st.integers(5_000, 40_000), st.integers(1_000, 150_000))))
    spans = ((down[0], down[0] + down[1]),) if down else ()
    what = draw(st.sampled_from(["all", "status", "line"]))
    end: list[tuple[int, Change]] = [(at + 1_000, Line.resume), (at + 1_001, lambda line, t: line.set_rate(t, 30_000))]
    return Scenario(
        line=line_at(draw(st.integers(1_000, 50_000))),
        arrivals=crowd(draw(st.integers(1, 150)), draw(st.integers(0, 20_000))),
        changes=(*changes, *end),
        outages=spans if what == "all" else (),
        status_outages=spans if what == "status" else (),
        line_outages=spans if what == "line" else (),
        edge=draw(st.booleans()),
        skew=draw(st.sampled_from([0, 100, 500])),
        lag=draw(st.sampled_from([0, 50])),
        seed=draw(st.integers(0, 2**32)),
        until=10 * MINUTE,
    )


@settings(max_examples=settings().max_examples * 3 // 5)
@given(scenarios())
def test_everybody_gets_in_once_in_his_turn_and_through_the_valve(scenario: Scenario) -> None:
    outcome = simulate(scenario)
    positions = [player.position for player in outcome.players]
    assert sorted(p for p in positions if p) == list(range(1, len(scenario.arrivals) + 1))
    assert all(player.admitted_at is not None for player in outcome.players)
    check_turns_and_valve(scenario, outcome)


def check_turns_and_valve(scenario: Scenario, outcome: Played) -> None:
    """Nobody comes in before his turn, nor while paused; and no more than the valve lets through."""
    top = max(line.rate for _, line in outcome.lines)
    burst = max(line.burst for _, line in outcome.lines)
    admitted = through_the_valve(outcome)
    assert all(n <= 2 * top * 10 // 1_000 + burst + 1 for n in admitted.values())
    for player in outcome.admitted():
        assert player.admitted_at is not None
        believed = in_force(outcome, player.admitted_at)
        latest = player.admitted_at + scenario.skew + scenario.lag
        assert any(not line.paused and (player.position or 0) <= line.reached(latest) for line in believed)


@st.composite
def full_games(draw: st.DrawFn) -> Scenario:
    """A game with few places, into which and out of which players come in all ways there are."""
    share = st.sampled_from([0.0, 0.1, 0.3])
    length = st.integers(1_000, 40_000)
    even = st.builds(Exponential, length)
    varied = st.builds(LogNormal, length, st.sampled_from([0.5, 1.5]))
    laws = st.one_of(even, varied, st.builds(Weibull, length, st.just(0.7)), st.builds(Mixed, even, share))
    when = st.integers(0, 2 * MINUTE)
    waves, turns = st.builds(Wave, when, st.sampled_from([0.1, 1])), st.builds(Turn, when, st.sampled_from([0.5, 2]))
    capacity, (pause, down) = draw(st.integers(5, 40)), draw(st.tuples(when, when))
    more: Change = lambda line, t: line.set_capacity(t, 2 * capacity)  # noqa: E731
    return Scenario(
        line=line_at(draw(st.integers(5_000, 50_000))).set_capacity(START, capacity),
        arrivals=(*crowd(draw(st.integers(1, 60)), 20_000), *crowd(draw(st.integers(0, 9)), 20_000, silent=True)),
        changes=draw(st.sampled_from([(), ((pause, Line.pause), (pause + 50_000, Line.resume)), ((pause, more),)])),
        outages=draw(st.sampled_from([(), ((down, down + 20_000),)])),
        session=draw(laws),
        upheavals=tuple(sorted(draw(st.lists(st.one_of(waves, turns), max_size=2)), key=lambda upheaval: upheaval.at)),
        leaving=Leaving(draw(st.sampled_from([0, 90_000])), twice=draw(share), never=draw(share), back=draw(share)),
        rules=Rules(reconnect_grace=2 * MINUTE),
        edge=draw(st.booleans()),
        skew=draw(st.sampled_from([0, 500])),
        seed=draw(st.integers(0, 2**32)),
        until=60 * MINUTE,
    )


@settings(max_examples=settings().max_examples // 8)
@given(full_games())
def test_a_full_game_lets_in_as_many_as_there_are_places_whoever_leaves_and_however_that_is_known(
    scenario: Scenario,
) -> None:
    outcome = simulate(scenario)
    check_turns_and_valve(scenario, outcome)
    check_line(scenario, outcome)
    inside, last = outcome.admitted(), outcome.lines[-1][1]
    if not scenario.leaving.never:
        assert len(inside) == sum(not arrival.silent for arrival in scenario.arrivals)
    stays, reported = outcome.stays, [stay for stay in outcome.stays if stay.reported_at is not None]
    returns = len(stays) - len(inside)
    assert last.departed == len(reported) - returns
    if not scenario.skew or last.counted_to == last.tail:  # whom a slow clock let in is found by the recount
        assert outcome.memory.admitted == len(inside)
    assert all(0 < (stay.reported_at or 0) - stay.ends <= scenario.leaving.late + 21_000 for stay in reported)
    came = [player.admitted_at or 0 for player in inside]
    for t in came:
        returned = sum(stay.since <= t for stay in stays) - sum(at <= t for at in came)
        capacity = max(line.capacity or 0 for at, line in outcome.lines if at <= t)
        assert sum(stay.since <= t < stay.ends for stay in stays) <= capacity + returned


def check_line(scenario: Scenario, outcome: Played) -> None:
    """Positions are given out once; the line never goes back, nor further than rate, lease and places allow."""
    positions = sorted(player.position for player in outcome.players if player.position)
    assert positions == list(range(1, len(scenario.arrivals) + 1))
    for (_, line), (_, later) in pairwise(outcome.lines):
        newly = later.reached_to - line.reached(line.anchored_at)
        alive = min(later.anchored_at, line.alive_at + line.lease)
        assert 0 <= newly <= line.moved(line.anchored_at, alive) // MICRO + line.burst + 1
        assert not newly or not line.paused
        assert not newly or later.reached_to <= max(line.limit, later.limit)


def through_the_valve(outcome: Played) -> dict[int, int]:
    totals: dict[int, int] = {}
    for (start, _), n in outcome.valve.items():
        totals[start] = totals.get(start, 0) + n
    return totals


def test_three_hundred_at_twenty_a_second_come_at_the_second_they_were_told() -> None:
    outcome = simulate(Scenario(line_at(20_000), crowd(300, 0), until=60 * SECOND))
    late = [(p.admitted_at or 0) - turn for p in outcome.players for _, turn in p.told.numbers()[:1]]
    assert len(late) >= 250 and min(late) >= 0
    assert sorted(late)[len(late) // 2] <= 2 * SECOND
    assert max(late) <= 4 * SECOND


def test_who_polls_before_being_placed_is_told_nothing_and_counts() -> None:
    outcome = simulate(Scenario(line_at(20_000), crowd(100, 0), until=60 * SECOND, window=10 * SECOND))
    assert all(player.told.untold >= 2 for player in outcome.players)


@pytest.mark.parametrize(
    ("players", "length"), [(600, 5 * MINUTE), pytest.param(4_000, 20 * MINUTE, marks=pytest.mark.drills)]
)
def test_no_stampede_at_the_reopening(players: int, length: int) -> None:
    """Many wait through a long pause: nobody in meanwhile, no burst after it, no polling in step."""
    pause, resume = 2 * SECOND, length
    scenario = Scenario(
        line_at(100_000),
        crowd(players, 1_000),
        changes=((pause, Line.pause), (resume, Line.resume)),
        until=resume + 30 * SECOND,
        lambdas=20,
    )
    outcome = simulate(scenario)
    times = [(p.admitted_at or 0) - START for p in outcome.admitted()]
    assert not [t for t in times if pause + 1_100 < t < resume]
    for second in range(20):
        start = resume + second * SECOND
        assert sum(start <= t < start + SECOND for t in times) <= 2 * 100
    assert sum(p.polls for p in outcome.players) / players < length / (8 * SECOND)


def test_who_comes_after_the_position_has_expired_is_not_let_in() -> None:
    """Whatever is reached is expired each half second, sooner than anybody polls: some come too late, and stay out."""
    expire = [(n * SECOND // 2, lambda line, t: line.expire_to(t, line.reached(t))) for n in range(4, 60)]
    outcome = simulate(Scenario(line_at(20_000), crowd(300, 0), changes=tuple(expire), until=2 * MINUTE))
    late = [player for player in outcome.players if player.expired]
    assert late and not [player for player in late if player.admitted_at is not None]
    assert len(late) + len(outcome.admitted()) == 300


def test_an_empty_hour_banks_nothing() -> None:
    late = tuple(Arrival(60 * MINUTE + a.at) for a in crowd(2_000, 500))
    outcome = simulate(Scenario(line_at(50_000), late, until=62 * MINUTE))
    first = min(p.placed_at or 0 for p in outcome.players)
    assert sum((p.admitted_at or 0) < first + 2 * SECOND for p in outcome.players) <= 50 + 2 * 50 + 1


@pytest.mark.parametrize(
    "length",
    [30 * SECOND, *(pytest.param(length, marks=pytest.mark.drills) for length in (5 * MINUTE, 60 * MINUTE))],
    ids=["30 s", "5 min", "1 h"],
)
def test_after_an_outage_of_any_length_only_a_leases_worth_is_claimable(length: int) -> None:
    down = (10 * SECOND, 10 * SECOND + length)
    scenario = Scenario(line_at(20_000), crowd(1_500, 1_000), outages=(down,), until=down[1] + 30 * SECOND)
    outcome = simulate(scenario)
    before = [line for at, line in outcome.lines if at < START + down[0]][-1]
    line = next(line for at, line in outcome.lines if at >= START + down[1])
    back = line.reached(START + down[1])
    assert back - before.reached(START + down[0]) <= 20 * DEFAULT_LEASE // SECOND + 20 + 1
    top = max(through_the_valve(outcome).values())
    assert top <= 2 * 200 + 20 + 1


def test_synthetic_players_are_carried_by_settling_alone() -> None:
    outcome = simulate(Scenario(line_at(20_000), crowd(3_000, 0, synthetic=True), until=5 * MINUTE))
    line = outcome.lines[-1][1]
    assert line.reached(START + 5 * MINUTE) == 3_000


def test_who_stands_behind_synthetic_crowds_is_told_the_gates_time() -> None:
    """Nobody of the first comes, and that says nothing of those who will: they were told half of it."""
    first, second = crowd(1_500, 0, synthetic=True), (Arrival(375_000, synthetic=True, count=1_500),)
    outcome = simulate(Scenario(line_at(20_000), (*first, *second, Arrival(376_600)), until=HOUR))
    (real,) = (player for player in outcome.players if not player.arrival.synthetic)
    assert len(real.told.numbers()) >= 5
    assert all(abs((real.admitted_at or 0) - turn) <= 3 * SECOND for _, turn in real.told.numbers())


def test_a_line_that_nobody_polls_stands_still() -> None:
    outcome = simulate(Scenario(line_at(20_000), crowd(3_000, 0, silent=True), until=30 * MINUTE))
    assert outcome.lines[-1][1].reached(START + 30 * MINUTE) <= 20 * (DEFAULT_LEASE // SECOND + 2) + 20 + 1


@pytest.mark.parametrize("silent", [0, 1_999], ids=["all of them poll", "one of them polls"])
def test_where_many_wait_they_poll_once_a_minute_and_the_lease_lives(silent: int) -> None:
    """At their longest, polls come twice a lease: also where all but the last in line have gone away."""
    line = line_at(5_000).set_lease(START, 2 * MINUTE)
    arrivals = (*crowd(silent, 0, silent=True), *(Arrival(1) for _ in range(2_000 - silent)))
    outcome = simulate(Scenario(line, arrivals, until=10 * MINUTE, rules=Rules(claim_window=4 * MINUTE)))
    real = [player for player in outcome.players if not player.arrival.silent]
    assert not any(player.expired for player in real)
    late = [(player.admitted_at or 0) - turn for player in real for _, turn in player.told.numbers()]
    assert late and max(late) <= 4 * SECOND
    last = max(real, key=lambda player: player.position or 0)
    assert last.polls <= 16  # of 400 s: once a minute while 500 wait, then each half minute, then to the turn


@pytest.mark.parametrize(
    ("wait", "share"),
    [(10 * SECOND, 0.40), (5 * MINUTE, 0.06), pytest.param(60 * MINUTE, 0.04, marks=pytest.mark.drills)],
    ids=["10 s", "5 min", "1 h"],
)
def test_polls_are_a_small_share_of_one_a_second(wait: int, share: float) -> None:
    ahead = 20 * wait // SECOND
    arrivals = (*crowd(ahead, 0, synthetic=True), *(Arrival(1) for _ in range(20)))
    outcome = simulate(Scenario(line_at(20_000), arrivals, until=2 * wait + MINUTE, batch=100_000))
    real = [p for p in outcome.players if not p.arrival.synthetic]
    assert all(p.admitted_at for p in real)
    assert sum(p.polls for p in real) / len(real) <= share * wait / SECOND + 1.5


def test_the_valve_holds_when_the_arithmetic_is_wrong() -> None:
    """A bug, or a hand in the table, opens the gate for everybody: the valve lets in at most twice the rate."""

    def broken(line: Line, t: int) -> Line:
        return replace(line, reached_to=line.tail)

    scenario = Scenario(line_at(20_000), crowd(3_000, 0), changes=((5_000, broken),), until=2 * MINUTE, skew=500)
    outcome = simulate(scenario)
    assert max(through_the_valve(outcome).values()) == valve.limit(scenario.line, START)
    assert outcome.turned_away > 0


def test_settling_knows_who_came_in_and_the_line_who_has_left() -> None:
    """A capacity of 60, cohorts of thirty: everybody is counted as one player, and a cohort does not leave as one."""
    arrivals = tuple(replace(each, count=30) for each in crowd(10, 20 * SECOND))
    line = line_at(10_000).set_capacity(START, 60)
    outcome = simulate(Scenario(line, arrivals, session=Exponential(20 * SECOND), until=30 * MINUTE))
    assert outcome.memory.admitted == sum(player.arrival.count for player in outcome.admitted()) == 300
    assert {stay.count for stay in outcome.stays} == {1, 2}
    assert len({stay.ends for stay in outcome.stays}) > 190
    for at, line in dict(outcome.lines).items():  # as of the last write of each instant
        assert line.departed == sum(stay.count for stay in outcome.stays if (stay.reported_at or at + 1) <= at)


@pytest.mark.parametrize(
    ("law", "variation"),
    [
        (Exponential(MINUTE), 1),
        (LogNormal(MINUTE, 1.5), 1.5),
        (LogNormal(MINUTE, 0.5), 0.5),
        (Weibull(MINUTE, 0.7), 1.462),
        (Weibull(MINUTE, 2), 0.523),
        (Mixed(Exponential(20 * MINUTE), 0.3), None),
    ],
    ids=repr,
)
def test_stays_are_as_long_as_their_law_says(law: Law, variation: float | None) -> None:
    random = Random(1)
    stays = [law.draw(random) for _ in range(20_000)]
    assert mean(stays) == pytest.approx(law.mean, rel=0.03)
    if variation is not None:
        assert pstdev(stays) / mean(stays) == pytest.approx(variation, rel=0.06)


def test_a_wave_takes_its_share_of_who_is_there_and_a_turn_changes_what_remains() -> None:
    random = Random(1)
    wave, turn = Wave(100, 0.25), Turn(100, 0.5)
    assert sum(wave.end(0, 200, random) == 100 for _ in range(4_000)) == pytest.approx(1_000, rel=0.1)
    assert [wave.end(since, end, random) for since, end in ((0, 90), (100, 200), (150, 200))] == [90, 200, 200]
    ends = [turn.end(since, end, random) for since, end in ((0, 90), (0, 200), (100, 200), (150, 250))]
    assert ends == [90, 150, 150, 200]


def test_a_report_that_comes_twice_counts_once_and_none_keeps_the_place() -> None:
    for leaving, departed in ((Leaving(late=MINUTE, twice=1), 100), (Leaving(never=1), 0)):
        scenario = Scenario(line_at(50_000), crowd(100, 0), session=Exponential(SECOND), leaving=leaving, until=HOUR)
        outcome = simulate(scenario)
        late = [stay.reported_at - stay.ends for stay in outcome.stays if stay.reported_at is not None]
        assert len(late) == departed and all(0 < each <= MINUTE + SECOND for each in late)
        assert not late or len({each // (10 * SECOND) for each in late}) >= 6
        assert outcome.lines[-1][1].departed == departed


def test_what_servers_report_in_an_outage_is_heard_after_it() -> None:
    down = (5 * SECOND, 35 * SECOND)
    scenario = Scenario(line_at(50_000), crowd(100, 0), session=Exponential(5 * SECOND), outages=(down,), until=HOUR)
    heard = [(stay.reported_at or 0) - START for stay in simulate(scenario).stays]
    assert not [t for t in heard if down[0] <= t < down[1]]
    assert heard.count(down[1]) > 40 and min(heard) < down[0]


def test_returners_are_let_in_at_once_but_not_while_the_line_is_paused() -> None:
    """Five places, a line behind them; whoever leaves until the pause is back after it, and needs no position."""
    pause = (10 * SECOND, 90 * SECOND)
    scenario = Scenario(
        line_at(50_000).set_capacity(START, 5),
        crowd(20, 0),
        changes=((pause[0], Line.pause), (pause[1], Line.resume)),
        session=Exponential(5 * SECOND),
        leaving=Leaving(back=0.9),
        rules=Rules(reconnect_grace=30 * SECOND),
        until=5 * MINUTE,
    )
    outcome = simulate(scenario)
    came = {player.admitted_at for player in outcome.admitted()}
    back = [stay.since - START for stay in outcome.stays if stay.since not in came]
    assert len(back) > 20
    assert not [t for t in back if pause[0] < t < pause[1]]
    assert outcome.lines[-1][1].tail == 20
