"""How true waiting times were: against a plain computation over every number that was told."""

import sys
from itertools import pairwise
from math import ceil
from typing import Any

import pytest
from hypothesis import example, given
from hypothesis import strategies as st

from loginq.service.rules.scores import Scores, Told, is_late
from loginq.service.rules.times import HOUR, MINUTE, SECOND

START = 1_800_000_000_000
Player = tuple[list[tuple[int, int | None]], int, int]
"""(polls as (instant, waiting time told), let in at, stands for how many), ms from the start."""


@st.composite
def players(draw: st.DrawFn) -> Player:
    gaps = draw(st.lists(st.integers(0, 10 * MINUTE), max_size=8))
    polls, t = [], 0
    for gap in gaps:
        t += gap
        polls.append((t, draw(st.none() | st.integers(0, 2 * HOUR))))
    return polls, t + draw(st.integers(0, 2 * HOUR)), draw(st.integers(1, 40))


def scored(crowd: list[Player]) -> dict[str, Any]:
    scores = Scores()
    for polls, came, count in crowd:
        told = Told()
        for t, wait in polls:
            told.add(START + t, wait)
        scores.add(told, START + came, count)
    return scores.document()


def plain(numbers: list[tuple[int, int]], untold: int) -> dict[str, Any]:
    """The definitions, word for word, over (told, true) of every single number."""
    waited = sum(true for _, true in numbers)
    late = sum(true / SECOND > 1.1 * told / SECOND + 2 for told, true in numbers)
    return {
        "count": len(numbers) + untold,
        "told_share": share(len(numbers), len(numbers) + untold),
        "wait_seconds": round(waited / len(numbers) / SECOND, 1) if numbers else None,
        "error_share": share(sum(abs(told - true) for told, true in numbers), waited),
        "late_share": share(late, len(numbers)),
    }


def share(part: float, whole: float) -> float | None:
    return round(part / whole, 6) if whole else None


def p90(values: list[int]) -> int | None:
    return sorted(values)[ceil(0.9 * len(values)) - 1] if values else None


def near(seconds: float | None, ms: int | None) -> bool:
    """What is read off a histogram is right to 3 %."""
    return seconds == ms if ms is None else seconds == pytest.approx(ms / SECOND, rel=0.032, abs=0.11)


@given(st.lists(players(), max_size=12))
def test_scores_are_what_full_lists_give(crowd: list[Player]) -> None:
    first, polls, put_off, worst = [], [], [], []
    untold_players = untold = moves = 0
    for said, came, count in crowd:
        numbers = [(t, wait) for t, wait in said if wait is not None]
        untold += count * (len(said) - len(numbers))
        polls += count * [(wait, came - t) for t, wait in numbers]
        if not numbers:
            untold_players += count * bool(said)
            continue
        first += count * [(numbers[0][1], came - numbers[0][0])]
        turns = [t + wait for t, wait in numbers]
        put_off += count * [max(turns) - turns[0]]
        worst += count * [max(later - turn for n, turn in enumerate(turns) for later in turns[n:])]
        moves += count * sum(abs(after - before) > 30 * SECOND for before, after in pairwise(turns))
    seen = scored(crowd)
    for name, numbers, missing, revised in (
        ("first", first, untold_players, put_off),
        ("polls", polls, untold, worst),
    ):
        expected = plain(numbers, missing)
        assert {key: seen[name][key] for key in expected} == expected
        assert near(seen[name]["revised_p90_seconds"], p90(revised))
        assert len(seen[name]["deciles"]) == (10 if numbers else 0)
    hours = sum(true for _, true in first) / HOUR
    assert seen["polls"]["moves_per_hour"] == (round(moves / hours, 2) if hours else None)


@given(st.permutations([100 * 2**n for n in range(20)]), st.lists(st.integers(0, HOUR), min_size=20, max_size=20))
def test_each_tenth_by_the_wait_has_its_own_error(waits: list[int], told: list[int]) -> None:
    """Of waits that no two share a bin the tenths are exact."""
    numbers = sorted(zip(waits, told, strict=True))
    seen = scored([([(0, said)], wait, 3) for wait, said in zip(waits, told, strict=True)])["first"]["deciles"]
    for n, tenth in enumerate(seen):
        expected = plain(3 * [(said, wait) for wait, said in numbers[2 * n : 2 * n + 2]], 0)
        assert tenth == {key: pytest.approx(expected[key], abs=1e-4) for key in tenth}


@given(st.lists(st.integers(1, 12 * HOUR), min_size=1, max_size=60))
@example([1_750])
def test_the_tenths_together_are_the_whole(waits: list[int]) -> None:
    seen = scored([([(0, wait * 3 // 2)], wait, 1) for wait in waits])["first"]
    tenths = [tenth["wait_seconds"] for tenth in seen["deciles"]]
    assert tenths == sorted(tenths)
    assert sum(tenths) / 10 == pytest.approx(seen["wait_seconds"], abs=0.2)


@pytest.mark.parametrize(
    ("told", "true", "late"), [(0, 2_000, False), (0, 2_001, True), (60_000, 68_000, False), (60_000, 68_001, True)]
)
def test_late_is_a_tenth_and_two_seconds_longer(told: int, true: int, late: bool) -> None:
    assert is_late(told, true) is late


def test_who_was_let_in_at_the_first_answer_is_in_no_sample() -> None:
    seen = scored([([], 5_000, 1)])
    assert (seen["first"]["count"], seen["polls"]["count"]) == (0, 0)
    assert (seen["first"]["told_share"], seen["polls"]["moves_per_hour"], seen["first"]["deciles"]) == (None, None, [])


def test_a_clock_that_goes_back_makes_no_negative_wait() -> None:
    assert scored([([(5_000, 3_000)], 4_000, 1)])["first"]["wait_seconds"] == 0


def test_a_player_told_nothing_at_first_got_its_first_number_later() -> None:
    seen = scored([([(0, None), (60_000, 60_000)], 120_000, 1)])
    assert (seen["first"]["told_share"], seen["polls"]["told_share"]) == (1, 0.5)
    assert (seen["first"]["wait_seconds"], seen["first"]["error_share"]) == (60, 0)


def test_memory_does_not_grow_with_the_players() -> None:
    scores = Scores()
    for n in range(2_000):
        told = Told()
        for poll in range(3):
            told.add(START + poll * MINUTE, n * 7_919 % HOUR)
        scores.add(told, START + 3 * MINUTE + n * 104_729 % HOUR, 1_000)
    bins = [each.bins for score in (scores.first, scores.polls) for each in (score.waits, score.revised)]
    assert sum(len(each) for each in bins) < 2_000
    assert all(sys.getsizeof(number) < 40 for each in bins for sums in each.values() for number in sums)
