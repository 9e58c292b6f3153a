"""How true waiting times were, on a screen."""

from dataclasses import replace

import pytest

from loginq.cli.scores import facts, lately, percent, wait
from loginq.service.rules.scores import Scores, Told
from loginq.service.rules.times import MINUTE
from tests.cli.conftest import door


def test_what_a_producer_reads() -> None:
    """Of fifty who waited 100 minutes one was told nothing, and one six minutes too little, put off after an hour."""
    scores = Scores()
    for n in range(50):
        told = Told()
        told.add(0, None if n == 0 else 100 * MINUTE if n > 1 else 80 * MINUTE)
        told.add(60 * MINUTE, 40 * MINUTE)
        scores.add(told, 100 * MINUTE)
    assert facts(scores.document()) == [
        ("first number", "told 100 % · off by 0.4 % of the wait · late 2 %"),
        ("all polls", "told 99 % · off by 0.3 % of the wait · late 1 %"),
        ("turn moved", "0.0 times an hour · 9 in 10 put off 0 s at most"),
    ]


def test_nobody_waited_or_was_told_anything() -> None:
    assert facts(Scores().document()) == [("first number", "nobody had to wait"), ("all polls", "nobody had to wait")]
    scores, told = Scores(), Told()
    told.add(0, None)
    scores.add(told, MINUTE)
    assert facts(scores.document()) == [("first number", "told 0 %"), ("all polls", "told 0 %")]


@pytest.mark.parametrize(
    ("counts", "said"),
    [
        ({}, ""),
        ({"told": 0, "late": 0, "untold": 0}, ""),
        ({"told": 0, "late": 0, "untold": 9}, "told 0 %, of 9 let in within the last minute"),
        (
            {"told": 980, "late": 3, "untold": 1_020},
            "told 49 % · late 0.3 %, of 2,000 let in within the last minute",
        ),
    ],
)
def test_how_true_the_last_waiting_times_were(counts: dict[str, int], said: str) -> None:
    assert lately(door(0, **counts)) == said
    assert lately(replace(door(0, **counts), counted=5 * MINUTE)) == said.replace(
        "let in within the last minute", "counted within the last 5 min"
    )


@pytest.mark.parametrize(
    ("share", "said"),
    [(0, "0 %"), (0.0001, "0.1 %"), (0.0412, "4.1 %"), (0.9999, "99.9 %"), (1, "100 %"), (12.5, "1,250 %")],
)
def test_all_and_none_are_said_of_all_and_none_alone(share: float, said: str) -> None:
    assert percent(share) == said


@pytest.mark.parametrize(
    ("eta", "basis", "said"),
    [
        (None, None, "–"),  # noqa: RUF001
        (90_000, "rate", "1 min 30 s"),
        (90_000, "departures", "1 min 30 s, by who leaves"),
        (90_000, "counts", "1 min 30 s, by the counts of game servers"),
    ],
)
def test_by_what_a_waiting_time_is_told(eta: int | None, basis: str | None, said: str) -> None:
    assert wait(eta, basis) == said
