"""What is drawn on the report's page: round axes, gaps that are seen, badges that do not hide each other."""

import re
from itertools import pairwise

import pytest

from loginq.cli.chart import Chart, Series
from loginq.cli.plot import Badge, Mark, badges, bars, plotted
from loginq.service.rules.times import HOUR, MINUTE


def chart(*points: tuple[float, float]) -> Chart:
    return Chart(
        [Series("waiting", points)], lambda t: f"{t / MINUTE:.0f} min", lambda n: f"{n:,.0f}", title="the <line>"
    )


@pytest.mark.parametrize(
    ("most", "says"),
    [
        (0, ["0", "1"]),
        (3, ["0", "1", "2", "3"]),
        (7, ["0", "2", "4", "6", "8"]),
        (20_074, ["0", "10,000", "20,000", "30,000"]),
        (98_000, ["0", "25,000", "50,000", "75,000", "100,000"]),
    ],
)
def test_an_axis_has_round_numbers_and_holds_the_highest(most: int, says: list[str]) -> None:
    drawn = plotted(chart((0, 0), (MINUTE, most)), (0, MINUTE), [])
    assert re.findall(r'bottom:[\d.]+%">([\d,]+)<', drawn) == says
    assert "The &lt;line&gt;" in drawn and "<line>" not in drawn


def test_an_axis_of_time_has_at_most_nine_round_instants() -> None:
    for length in (2 * MINUTE, 39 * MINUTE, 3 * HOUR, 30 * HOUR, 9 * 24 * HOUR, 31 * 24 * HOUR):
        drawn = plotted(chart((0, 1), (length, 1)), (0, length), [])
        said = [int(each) for each in re.findall(r">(\d+) min<", drawn)]
        assert 3 <= len(said) <= 9 and len({after - before for before, after in pairwise(said)}) == 1


def test_where_nothing_was_noted_no_line_is_drawn() -> None:
    minutes = [*range(10), *range(30, 40)]
    drawn = plotted(chart(*((n * MINUTE, 5.0) for n in minutes)), (0, 39 * MINUTE), [])
    assert drawn.count("<polyline") == 2
    assert plotted(chart(*((n * MINUTE, 5.0) for n in range(40))), (0, 39 * MINUTE), []).count("<polyline") == 1
    assert "<polyline" not in plotted(chart(), (0, MINUTE), [])


def test_badges_beside_below_and_together() -> None:
    marks = [Mark(n, at, f"act {n}") for n, at in enumerate((0, 1, 2, 3, 4, 50, 100), 1)]
    assert badges(marks, (0, 100)) == [
        Badge(1, 1, 0, 0, "act 1"),
        Badge(2, 2, 1, 1, "act 2"),
        Badge(3, 5, 2, 2, "act 3, act 4, act 5"),
        Badge(6, 6, 50, 0, "act 6"),
        Badge(7, 7, 100, 0, "act 7"),
    ]
    assert badges([Mark(1, 500, "late"), Mark(2, -5, "early")], (0, 100))[0].left == 100


def test_bars_say_how_many_and_not_more_names_than_there_is_room_for() -> None:
    drawn = bars("Waits", [(f"{n} s", n) for n in range(40)])
    assert drawn.count("<rect") == 40 and "39 s: 39" in drawn
    assert drawn.count("<span") - 2 == 8
