"""A launch's report: what it adds up, from where on, which launch it is of, and what it does not know."""

from dataclasses import replace

import pytest

from loginq.service.rules.act import Action
from loginq.service.rules.door import CALLS, FAILED, Door
from loginq.service.rules.history import LONGEST, Minute, last_launch
from loginq.service.rules.points import POINTS
from loginq.service.rules.report import report_of
from loginq.service.rules.tally import NOBODY, Came, tallied
from loginq.service.rules.times import MINUTE, iso

T = 1_800_000_000_000


def minute(n: int, tail: int, **changes: object) -> Minute:
    """The minute `n` ends, and so many places have been given ever."""
    known = Minute(T + n * MINUTE, 1_000, 900, 1_500, tail, tail, tail, 0, 0, 0, 0, None, 0, tail)
    return replace(known, **changes)  # type: ignore[arg-type]


def waited(start: int, *seconds: int, told: int | None = None) -> object:
    came = [Came(T, T, None if told is None else T + told * 1_000, T + each * 1_000) for each in seconds]
    return tallied(came, start, start + len(came) - 1, len(came), NOBODY)


def test_it_is_counted_from_the_minute_before_on() -> None:
    before = minute(-90, 100, no_shows=4, in_game=90, departed=6, holes=1, synthetic=5)
    minutes = [
        minute(1, 150, in_game=120, departed=6, no_shows=4, holes=1, synthetic=5, reached=130),
        minute(2, 200, in_game=150, departed=16, no_shows=10, holes=3, synthetic=15, reached=200, version=230),
    ]
    found = report_of(minutes, before)
    assert (found.came, found.got_in, found.left, found.no_shows, found.holes) == (88, 70, 10, 6, 2)
    assert (found.longest_line, found.most_in_game) == ((20, T + MINUTE), (150, T + 2 * MINUTE))
    assert (found.since, found.until, found.minutes, found.waiting) == (T, T + 2 * MINUTE, 2, 0)
    assert found.writes == 130
    assert report_of(minutes).came == 200 - 3 - 15  # nothing was before


def test_waits_and_what_was_told_are_those_of_all_minutes() -> None:
    minutes = [
        minute(1, 10, tally=waited(1, *range(10, 50), told=30)),
        minute(2, 20, tally=waited(41, *[100] * 60)),
    ]
    found = report_of(minutes)
    assert (found.known, found.waited) == (100, 99)  # the bin of 10 s begins before that
    assert found.waits == {
        "p50": pytest.approx(100_000, rel=0.026), "p90": pytest.approx(100_000, rel=0.026),
        "p99": pytest.approx(100_000, rel=0.026), "worst": 100_000,
    }  # fmt: skip
    assert found.told_share == 0.4
    assert found.late == sum(each > 35 for each in range(10, 50)) / 40
    assert found.error == round(sum(abs(each - 30) for each in range(10, 50)) / sum(range(10, 50)), 4)


def test_what_nobody_counted_is_not_known() -> None:
    found = report_of([minute(1, 10)])
    document = found.document()
    assert set(found.waits.values()) == {None} and found.waited is None
    assert document["wait_seconds"] == {"p50": None, "p90": None, "p99": None, "worst": None, "known": 0}
    assert document["eta"]["late_share"] is None and document["order"]["longest_overtaking_seconds"] is None
    assert set(document["faults"].values()) == {None, ""} and set(document["refused"].values()) == {None}
    assert document["cost"] is None
    known = report_of([minute(1, 10)], door=Door(T, MINUTE, {CALLS: 9, FAILED: 4, "queue_closed": 3}), dead_letters=0)
    assert (known.faults["errors_5xx"], known.faults["calls"], known.faults["dead_letters"]) == (1, 9, 0)
    assert known.faults["throttled_table"] is None and known.refused["queue_closed"] == 3


def test_acts_are_in_order_and_those_on_players_are_counted() -> None:
    acts = [
        Action(T + 3, "me", "pause", "", "moving", "paused"),
        Action(T + 1, "me", "rate", "", 1, 2),
        Action(T + 2, "me", "admit", "sub", None, "admitted"),
        Action(T + 2, "me", "admit", "vips.txt", None, {"players": 9, "done": 7, "no_change": 1, "failed": 1}),
        Action(T + 4, "me", "load run", "0a", None, {"players": 9, "synthetic": True}),
        Action(T + 5, "me", "disable user", "sub", "enabled", "disabled"),
    ]
    found = report_of([minute(1, 10)], actions=acts)
    assert [act.what for act in found.acts] == ["rate", "pause", "load run"]
    assert (found.on_players, found.by_hand) == (3, 8)


def test_a_week_has_no_more_points_than_a_chart_shows_and_the_highest_stays() -> None:
    week = [minute(n, 10 * n, reached=10 * n - (7_777 if n == 5_000 else 5)) for n in range(1, 10_081)]
    found = report_of(week)
    assert len(found.points) <= POINTS
    assert max(point.waiting for point in found.points) == 7_777
    assert {point.achieved for point in found.points} == {0.9}


def rows(*spans: tuple[int, int, int]) -> list[Minute]:
    """Minutes from, to (and not with), and by how many places the line grows in each; newest first."""
    tail, found = 0, []
    for start, end, grows in spans:
        for n in range(start, end):
            tail += grows
            found.append(minute(n, tail))
    return found[::-1]


@pytest.mark.parametrize(
    ("spans", "first", "last", "before"),
    [
        ([(0, 10, 5)], 0, 9, None),
        ([(0, 10, 5), (100, 110, 5)], 100, 109, 9),  # a rest before it
        ([(0, 10, 5), (39, 50, 5)], 0, 49, None),  # half an hour is no rest
        ([(0, 10, 5), (40, 50, 5)], 40, 49, 9),
        ([(0, 10, 5), (100, 103, 0)], 0, 9, None),  # a pause the next morning is no launch
        ([(0, 10, 5), (100, 110, 5), (300, 301, 0), (400, 404, 0)], 100, 109, 9),
        ([(0, 10, 0), (100, 103, 0)], 100, 102, None),  # nobody ever came
    ],
)
def test_which_launch_was_the_last(
    spans: list[tuple[int, int, int]], first: int, last: int, before: int | None
) -> None:
    earlier, found = last_launch(rows(*spans))
    assert [(each.at - T) // MINUTE for each in (found[0], found[-1])] == [first, last]
    assert (None if earlier is None else (earlier.at - T) // MINUTE) == before
    assert found == sorted(found, key=lambda each: each.at)


def test_of_a_queue_that_never_rests_it_is_the_last_week() -> None:
    earlier, found = last_launch(rows((0, 11_000, 1)))
    assert earlier is not None and found[-1].at - found[0].at == LONGEST
    assert last_launch([]) == (None, [])


def test_its_document_has_seconds_and_instants() -> None:
    document = report_of([minute(1, 10, reached=4), minute(2, 10)]).document()
    assert (document["since"], document["until"]) == (iso(T), iso(T + 2 * MINUTE))
    assert document["longest_line"] == {"players": 6, "at": iso(T + MINUTE)}
    assert document["over_time"][0] == {
        "at": iso(T + MINUTE), "waiting": 6, "in_game": 10, "asked_per_second": 1.0, "achieved_per_second": 0.9,
        "arriving_per_second": 1.5,
    }  # fmt: skip
