"""Players who wait by the public line, on the virtual clock: they come in as they would by polling."""

from collections.abc import Sequence
from dataclasses import replace
from typing import Any

import pytest

from loginq.rehearsal.scenario import Arrival, Change, Played, Scenario
from loginq.rehearsal.simulation import simulate
from loginq.rehearsal.stays import Exponential
from loginq.service.rules.line import Line
from loginq.service.rules.measure import percentile
from loginq.service.rules.times import HOUR, MINUTE, SECOND
from tests.unit.histories import START
from tests.unit.test_simulation import check_line, check_turns_and_valve, crowd, line_at

SIZES = pytest.mark.parametrize("players", [150, pytest.param(3_000, marks=pytest.mark.drills)])


def played(scenario: Scenario) -> Played:
    """The scenario with the edge, in which everybody who looks has come in at the place that was given."""
    outcome = simulate(replace(scenario, edge=True))
    check_turns_and_valve(scenario, outcome)
    check_line(scenario, outcome)
    real = [player for player in outcome.players if not player.arrival.silent]
    assert [player for player in real if player.admitted_at is None or player.expired] == []
    return outcome


def late(outcome: Played, after: int = 0) -> list[int]:
    """How long after their turn those came in who waited, ms, in order; `after`: of those let in since then."""
    found, n = list[int](), 0
    for player in sorted(outcome.admitted(), key=lambda each: each.first):
        while outcome.lines[n][1].reached(outcome.lines[n][0]) < (player.position or 0) and n + 1 < len(outcome.lines):
            n += 1
        line = outcome.lines[max(0, n - 1)][1]
        turn = line.eta(player.position or 0, line.anchored_at)
        if turn is not None and (player.placed_at or 0) + MINUTE < turn and turn >= START + after:
            found.append((player.admitted_at or 0) - turn)
    return sorted(found)


def p99(values: Sequence[int]) -> int:
    assert values
    return percentile(values, 0.99) or 0


@SIZES
def test_at_a_steady_rate_they_come_in_within_a_second_of_their_turn(players: int) -> None:
    outcome = played(Scenario(line_at(players * 1_000 // 600), crowd(players, 5 * SECOND), until=HOUR, ends=True))
    assert p99(late(outcome)) <= SECOND
    assert sum(player.looks for player in outcome.players) > 10 * players
    assert sum(player.polls for player in outcome.players) < 6 * players


def test_one_who_comes_every_five_minutes_gets_in_though_the_lease_is_shorter() -> None:
    played(Scenario(line_at(100), tuple(Arrival(n * 5 * MINUTE) for n in range(20)), until=3 * HOUR))


def test_who_stands_behind_bots_that_never_look_gets_in() -> None:
    bots = crowd(600, SECOND, silent=True)
    behind = tuple(Arrival(2 * SECOND) for _ in range(30))
    outcome = played(Scenario(line_at(2_000), (*bots, *behind), until=HOUR, ends=True))
    assert max(player.admitted_at or 0 for player in outcome.players) < START + 10 * MINUTE


@SIZES
@pytest.mark.parametrize("what", ["outages", "status_outages", "line_outages"])
def test_an_outage_of_one_or_of_all_costs_nobody_the_place(what: str, players: int) -> None:
    scenario = Scenario(line_at(players * 1_000 // 600), crowd(players, 5 * SECOND), until=HOUR, ends=True)
    given: dict[str, Any] = {what: ((2 * MINUTE, 7 * MINUTE),)}
    outcome = played(replace(scenario, **given))
    assert what != "line_outages" or p99(late(outcome)) <= 3 * SECOND


@SIZES
@pytest.mark.parametrize("factor", [5, 0.2])
def test_another_rate_is_followed(factor: float, players: int) -> None:
    rate = players * 1_000 // 600
    changes: tuple[tuple[int, Change], ...] = ((3 * MINUTE, lambda line, t: line.set_rate(t, round(rate * factor))),)
    outcome = played(Scenario(line_at(rate), crowd(players, 5 * SECOND), until=3 * HOUR, changes=changes, ends=True))
    assert p99(late(outcome, 3 * MINUTE)) <= (15 * SECOND if factor > 1 else SECOND)


@SIZES
def test_a_pause_holds_and_ends(players: int) -> None:
    changes = ((2 * MINUTE, Line.pause), (8 * MINUTE, Line.resume))
    scenario = Scenario(line_at(players * 1_000 // 600), crowd(players, 5 * SECOND), until=HOUR, changes=changes)
    outcome = played(replace(scenario, ends=True))
    quiet = [each for each in outcome.admitted() if 2 * MINUTE + 2_200 < (each.admitted_at or 0) - START < 8 * MINUTE]
    assert quiet == []


@SIZES
def test_a_full_game_is_waited_for_and_entered_as_others_leave(players: int) -> None:
    line = line_at(players * 1_000 // 60).set_capacity(START, players // 3)
    scenario = Scenario(line, crowd(players, 5 * SECOND), until=6 * HOUR, session=Exponential(10 * MINUTE), ends=True)
    played(scenario)
