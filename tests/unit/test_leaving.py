"""How fast seats come free by totals alone."""

from random import Random

import pytest

from loginq.service.rules.leaving import AT_ONCE, Leaving
from loginq.service.rules.times import MINUTE

GIVEN = 75 * MINUTE
PLAYERS = 20_000


def played(random: Random, mean: int, minutes: int, known: Leaving) -> Leaving:
    """A full game for some minutes, in which each leaves with the same chance at any time."""
    for _ in range(minutes):
        expected = PLAYERS * MINUTE / mean
        left = round(random.gauss(expected, expected**0.5))
        known = known.seen(GIVEN, left, PLAYERS, MINUTE)
    return known


def test_before_anything_is_seen_it_is_the_operators_word() -> None:
    assert Leaving().session(GIVEN) == GIVEN
    assert Leaving().free_after(GIVEN, 267, PLAYERS) == -(-267 * GIVEN // PLAYERS)
    assert Leaving().free_after(GIVEN, 1, 0) is None


@pytest.mark.parametrize("mean", [GIVEN // 2, GIVEN, 2 * GIVEN])
def test_a_minute_corrects_the_operators_word(mean: int) -> None:
    known = played(Random(1), mean, 1, Leaving())
    assert known.session(GIVEN) == pytest.approx(mean, rel=0.2)
    known = played(Random(1), mean, 15, known)
    assert known.session(GIVEN) == pytest.approx(mean, rel=0.03)
    assert known.free_after(GIVEN, 1_000, PLAYERS) == pytest.approx(1_000 * mean / PLAYERS, rel=0.03)


def test_a_server_that_dies_teaches_nothing_and_lasting_change_does() -> None:
    known = played(Random(1), GIVEN, 10, Leaving())
    crashed = known.seen(GIVEN, 5_000, PLAYERS, MINUTE)
    assert crashed.odd == 1
    assert crashed.session(GIVEN) == pytest.approx(GIVEN, rel=0.03)
    for _ in range(60):
        crashed = crashed.seen(GIVEN, 1_000, PLAYERS, MINUTE)
    assert crashed.odd == AT_ONCE
    assert crashed.session(GIVEN) == pytest.approx(PLAYERS * MINUTE // 1_000, rel=0.35)


def test_counts_that_come_late_take_back_what_was_too_many() -> None:
    known = Leaving().seen(GIVEN, 200, PLAYERS, MINUTE).seen(GIVEN, -60, PLAYERS, MINUTE)
    assert (known.departed, known.held) == (140, 2 * PLAYERS * MINUTE)
    assert known.seen(GIVEN, -1_000, PLAYERS, MINUTE).departed == 0
