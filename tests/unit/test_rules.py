"""Polling, the valve, resending and rates: the small pure rules."""

from dataclasses import replace
from random import Random

import pytest
from hypothesis import given
from hypothesis import strategies as st

from lambdas.http import standing_body
from loginq.service.operations.target import NAMES, OUTPUTS, Target
from loginq.service.rules import valve
from loginq.service.rules.errors import Invalid, NoTarget
from loginq.service.rules.line import MAX_RATE, Line
from loginq.service.rules.login import Standing
from loginq.service.rules.player import State
from loginq.service.rules.polling import come_back_after, longest_poll, poll_after, renewal_due, resend_due
from loginq.service.rules.rates import parse_rate, rate_text
from loginq.service.rules.settings import Rules
from loginq.service.rules.ticket import Ticket
from loginq.service.rules.times import EARLIEST, LATEST, MINUTE, SECOND, from_iso, iso
from tests.unit.histories import RATES, START, new_line

LEASES = st.integers(2 * SECOND, 60 * MINUTE)
WINDOWS = st.integers(4 * SECOND, 60 * MINUTE)


@given(st.one_of(st.none(), st.integers(0, 24 * 60 * MINUTE)), LEASES, WINDOWS, st.integers(0, 1_000), st.integers())
def test_a_poll_is_never_later_than_lease_and_claim_window_allow(
    left: int | None, lease: int, window: int, waiting: int, seed: int
) -> None:
    after = poll_after(left, lease, window, waiting, Random(seed))
    most = 60 * SECOND if waiting >= 500 else 30 * SECOND
    assert 0 < after <= longest_poll(lease, window, waiting) == min(most, lease // 2, window // 4)
    if left is not None and left <= 4 * SECOND and longest_poll(lease, window) >= 5 * SECOND:
        assert max(1 * SECOND, left) <= after <= max(2 * SECOND, left + SECOND // 2)  # at its turn, not before


@pytest.mark.parametrize(
    ("lease", "window", "waiting", "longest"),
    [(120, 240, 500, 60), (120, 240, 499, 30), (60, 120, 200_000, 30)],
    ids=["a crowd", "a few", "a stack of before"],
)
def test_polls_are_spread(lease: int, window: int, waiting: int, longest: int) -> None:
    random = Random(1)
    far = {poll_after(10 * MINUTE, lease * SECOND, window * SECOND, waiting, random) for _ in range(1_000)}
    assert longest * 800 <= min(far) < longest * 830 < longest * 970 < max(far) <= longest * SECOND
    assert len(far) > 800


def test_the_more_ask_a_closed_queue_the_longer_they_stay_away() -> None:
    random = Random(1)
    pauses = [[come_back_after(asking, random) for _ in range(1_000)] for asking in (1, 30, 75, 10**6)]
    assert [(min(some) // SECOND, max(some) // SECOND) for some in pauses] == [(30, 45), (50, 74), (80, 119), (80, 119)]
    assert all(len(set(some)) > 900 for some in pauses)


def test_the_lease_is_renewed_between_a_third_and_half_of_it() -> None:
    line, random = new_line(), Random(1)
    ages = [age for age in range(0, line.lease, 50) if renewal_due(line, START + age, random)]
    assert line.lease // 3 < min(ages) < line.lease // 3 + 2_000
    assert set(range(line.lease // 2 + 50, line.lease, 50)) <= set(ages)
    assert not renewal_due(replace(line, paused=True), START + line.lease - 1_000, random)


@given(st.integers(0, 60 * MINUTE), st.integers(61 * SECOND, 24 * 60 * MINUTE))
def test_an_unplaced_ticket_is_sent_a_logarithm_of_times(intake_age: int, span: int) -> None:
    times, sent = 0, 0
    for t in range(0, span, SECOND):
        if resend_due(sent, 0, intake_age, t):
            assert t - sent > max(60 * SECOND, 2 * intake_age)
            times, sent = times + 1, t
    assert times <= (span // MINUTE).bit_length() + 1


def test_a_ticket_that_was_never_sent_is_due_at_once() -> None:
    assert resend_due(None, START, 0, START)


@given(RATES, st.integers(0, 1_000), st.integers(0, 10**8))
def test_the_valve_is_twice_the_gate_and_the_burst_spread_over_its_shards(rate: int, burst: int, at: int) -> None:
    line, t = new_line().set_rate(START, rate, burst), START + at
    shards, each = valve.shards(line, t), valve.limit(line, t)
    moves = rate * 10_000 // 1_000_000
    assert shards == max(1, -(-rate // 50_000))
    assert 2 * moves + burst - shards < shards * each <= 2 * moves + burst + shards + 1
    assert moves + 1 <= shards * each + shards


@pytest.mark.parametrize(
    ("text", "rate"),
    [("50", 50_000), ("50/s", 50_000), ("3000/min", 50_000), (" 0.5 / s ", 500), ("1e2", 100_000), ("0", 0),
     ("90/h", 25), ("100000", MAX_RATE)],
)  # fmt: skip
def test_rates_as_people_write_them(text: str, rate: int) -> None:
    assert parse_rate(text) == rate


@given(st.text(max_size=12))
def test_anything_else_is_a_clear_error(text: str) -> None:
    try:
        assert 0 <= parse_rate(text) <= MAX_RATE
    except Invalid as exc:
        assert exc.hint


@given(st.integers(1, MAX_RATE))
def test_a_rate_reads_back(rate: int) -> None:
    assert parse_rate(rate_text(rate).replace(",", "")) == rate


@given(st.integers(EARLIEST, LATEST) | st.just(0))
def test_instants_read_back(t: int) -> None:
    assert from_iso(iso(t)) == t


@given(st.text(max_size=60))
def test_a_message_is_a_ticket_or_invalid(body: str) -> None:
    with pytest.raises(Invalid):
        Ticket.parse(body)


@pytest.mark.parametrize("change", [{"sub": "\ud800"}, {"ticket": "x\udfff"}, {"sub": "é" * 65}], ids=ascii)
def test_a_message_that_no_row_could_hold_is_no_ticket(change: dict[str, str]) -> None:
    with pytest.raises(Invalid):
        Ticket.parse(replace(Ticket("sub", "ticket", START), **change).body())  # type: ignore[arg-type]


def test_a_ticket_message_reads_back() -> None:
    ticket = Ticket("sub", "ticket", START, synthetic=True)
    assert Ticket.parse(ticket.body()) == ticket


def test_a_target_from_names_and_back() -> None:
    given = {name: name.lower() for name in NAMES.values()} | {"AWSOMEGAME_REST_ENDPOINT": "https://x/v1/"}
    target = Target.from_names(given)
    assert target.api_url == "https://x/v1"
    assert Target.from_names(target.names()) == target
    assert target.own_url == "https://x/v1" and "LOGINQ_SESSIONS_ENDPOINT" not in target.names()
    edge = Target.from_names({**given, "LOGINQ_SESSIONS_ENDPOINT": "https://own/v1/"})
    assert (edge.api_url, edge.own_url) == ("https://x/v1", "https://own/v1")
    assert Target.from_names(edge.names()) == edge
    outputs = dict.fromkeys(OUTPUTS.values(), "https://x/v1")
    for own, sessions in ((None, None), ("https://x/v1", None), ("https://o", "https://o")):
        every = outputs | ({"SessionsEndpoint": own} if own else {})
        found = Target.from_outputs("s", "r", every)
        assert (found.sessions_url, found.issuer, found.iss) == (sessions, None, found.own_url)
        assert Target.from_outputs("s", "r", {**every, "Issuer": found.own_url}) == found
        named = Target.from_outputs("s", "r", {**every, "Issuer": "https://queue.example.com"})
        assert (named.own_url, named.iss) == (found.own_url, "https://queue.example.com")
        assert Target.from_names(named.names()) == named
    with pytest.raises(NoTarget, match="LOGINQ_STACK"):
        Target.from_names({**given, "LOGINQ_STACK": ""})
    with pytest.raises(Invalid, match="not a URL"):
        Target.from_names({**given, "AWSOMEGAME_REST_ENDPOINT": "x"})


def test_rules_from_the_parameters_of_a_stack() -> None:
    given = {"AdmissionSeconds": "10", "ClaimWindowSeconds": "20", "LeaseSeconds": "30", "ReturnRate": "4"}
    rules = Rules.of_stack({**given, "InitialRate": "0.5", "InitialCapacity": "7", "BatchSize": "100"})
    assert rules == Rules(10_000, 20_000, 30_000, return_rate=4_000, initial_rate=500, initial_capacity=7)
    line = Line(anchored_at=START, alive_at=START, rate=500, burst=1, lease=30_000, capacity=7)
    assert rules.new_line(START) == line
    assert Rules.of_stack({}) == Rules()
    bound = Rules.of_stack({"MaxRate": "0.4"}).bound(line, START)
    assert (bound.max_rate, bound.rate_at(START), bound.lease) == (400, 400, Rules().lease)
    assert Rules.of_stack({"InitialCapacity": "0"}).new_line(START).capacity is None


@pytest.mark.parametrize(
    ("name", "value"),
    [("AdmissionSeconds", "soon"), ("LeaseSeconds", "٦٠"), ("ClaimWindowSeconds", ""), ("LeaseSeconds", "1.5"),
     ("SessionReports", "both"), ("InitialCapacity", "-1"), ("InitialRate", ""), ("InitialRate", "200000")],
)  # fmt: skip
def test_a_parameter_that_cannot_be_read_is_named(name: str, value: str) -> None:
    with pytest.raises(Invalid, match=f"^{name} cannot be '{value}': "):
        Rules.of_stack({name: value})


@pytest.mark.parametrize("given", [{"InitialCapacity": "9" * 18}, {"LeaseSeconds": "0"}])
def test_no_line_is_made_by_rules_that_no_line_can_have(given: dict[str, str]) -> None:
    with pytest.raises(Invalid, match="No line can be made"):
        Rules.of_stack(given).new_line(START)


@pytest.mark.parametrize(("text", "joined"), [("true", True), ("false", False), ("", False)])
def test_whether_game_servers_report_is_a_word_and_false_is_false(text: str, joined: bool) -> None:
    assert Rules.of_stack({"ReportsJoined": text}).reports_joined is joined


@pytest.mark.parametrize(("eta", "seconds"), [(None, None), (0, 0), (1, 1), (1_000, 1), (1_001, 2), (59_999, 60)])
def test_a_wait_is_told_in_seconds_that_are_never_too_few(eta: int | None, seconds: int | None) -> None:
    standing = Standing("t", State.WAITING, "open", 7, 6, eta, 1_500, "", 9, eta_basis="rate")
    assert standing_body(standing) == {
        "state": "waiting",
        "line_state": "open",
        "position": 7,
        "ahead": 6,
        "eta_seconds": seconds,
        "eta_basis": "rate",
        "poll_after_seconds": 1.5,
    }
