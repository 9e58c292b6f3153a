"""Charts, log lines, what needs attention, quotas, the launch on paper: what is drawn and said, without a target."""

from dataclasses import replace

import pytest
from hypothesis import given
from hypothesis import strategies as st
from rich.console import Console

from loginq.cli.chart import Chart, Charted, Series
from loginq.rehearsal.events import Events
from loginq.rehearsal.paper import Launch, on_paper
from loginq.rehearsal.stays import Exponential
from loginq.service.operations.logs import parse
from loginq.service.rules.attention import attention
from loginq.service.rules.line import Line
from loginq.service.rules.measure import Counts, Depth, Snapshot
from loginq.service.rules.times import MINUTE, SECOND
from tests.unit.histories import START

# Charts


def drawn(chart: Chart | Charted, width: int, **options: object) -> list[str]:
    console = Console(width=width, force_terminal=True, record=True, **options)  # type: ignore[arg-type]
    with console.capture() as capture:
        console.print(chart)
    return capture.get().splitlines()


POINTS = st.lists(st.tuples(st.floats(0, 1e6), st.floats(0, 1e6)), max_size=30).map(sorted)


@given(st.lists(POINTS, min_size=1, max_size=3), st.integers(20, 200), st.booleans())
def test_a_chart_fits_whatever_it_is_given(points: list[list[tuple[float, float]]], width: int, plain: bool) -> None:
    chart = Chart(
        [Series(f"s{n}", each) for n, each in enumerate(points)], x=lambda x: f"{x:.0f}", y=lambda y: f"{y:.0f}"
    )
    rows = drawn(chart, width, color_system=None, no_color=plain)
    assert all(len(row) <= max(width, 22) for row in rows)
    assert "<svg" in chart.svg("a < b")


def test_two_lines_without_colours_have_marks_of_their_own() -> None:
    chart = Chart(
        [Series("now", [(0, 10), (10, 0)]), Series("then", [(0, 10), (5, 0)])],
        x=lambda x: f"{x:.0f} s",
        y=lambda y: f"{y:.0f}",
        height=4,
    )
    assert [row.rstrip() for row in drawn(chart, 26, color_system=None)] == [
        "10 ┤+++**",
        "   ┤  +++++*****",
        "   ┤      ++++ ********",
        " 0 ┤         ++       ****",
        "    0 s               10 s",
        "* now   + then",
    ]


def test_charts_above_one_another_have_one_axis() -> None:
    """What happened at the same time is at the same place, however far back each goes and however wide its numbers."""
    few = Chart(
        [Series("few", [(5, 0), (6, 4), (7, 0)])], x=lambda x: f"{x:.0f} s", y=lambda y: f"{y:.0f}", title="few"
    )
    many = Chart([Series("many", [(0, 0), (5, 0), (6, 4e6), (7, 0), (10, 0)])], x=few.x, y=few.y, title="many")
    rows = [row.rstrip() for row in drawn(Charted(["above"], [few, many], "below", 15), 60, color_system=None)]
    assert len(rows) == 15 and (rows[0], rows[1], rows[7], rows[-1]) == ("above", "few", "many", "below")
    assert len(rows[2]) == len(rows[8])  # the highest, at the same instant
    assert [row.split() for row in rows if " s" in row] == [["0", "s", "10", "s"]] == [rows[-2].split()]


def test_charts_take_the_lines_that_are_left() -> None:
    charts = [Chart([Series("s", [(0, 1), (9, 2)])], x=str, y=str, title=name) for name in ("first", "second")]

    def titles(height: int) -> list[str]:
        rows = drawn(Charted(["what matters"] * 10, charts, "below", height), 60)
        assert len(rows) <= max(height, 11)
        return [name for name in ("first", "second") if any(name in row for row in rows)]

    assert titles(24) == titles(18) == ["first", "second"]
    assert titles(17) == titles(15) == ["first"]
    assert titles(14) == titles(5) == []


# Log lines


def test_log_lines() -> None:
    own = parse("f", 5, '{"level":"ERROR","message":"call","service":"f","sub":"ada","ms":1.5}')
    assert own is not None
    assert (own.level, own.text, own.fields) == ("ERROR", "call", {"sub": "ada", "ms": 1.5})
    assert own.document()["at"] == "1970-01-01T00:00:00.005Z"
    for platform in ("START RequestId: 1 Version: 2", "END RequestId: 1", "REPORT RequestId: 1 Duration: 3 ms"):
        assert parse("f", 5, platform) is None
    for bad in ("2026 1 Task timed out after 5.00 seconds", "[ERROR] Runtime.ImportModuleError: no", '["a list"]'):
        said = parse("f", 5, bad)
        assert said is not None and said.level == ("INFO" if bad.startswith('["') else "ERROR")


RAISED = (
    '{"timestamp":"2026-11-27T00:00:00Z","level":"ERROR","errorMessage":"no","errorType":"Runtime.ImportModuleError",'
    '"requestId":"1","stackTrace":[]}'
)


@pytest.mark.parametrize(
    ("line", "said"),
    [
        (RAISED, ("ERROR", "Runtime.ImportModuleError: no", {"requestId": "1", "stackTrace": []})),
        ('{"level":"WARN","message":"odd","logger":"x"}', ("WARNING", "odd", {"logger": "x"})),
        ('{"type":"platform.start","record":{"requestId":"1"}}', None),
        ('{"type":"platform.report","record":{"requestId":"1","status":"success","metrics":{"durationMs":3}}}', None),
        ('{"type":"platform.report","record":{"requestId":"1","status":"error"}}', None),  # RAISED has said it
        ('{"type":"platform.runtimeDone","record":{"requestId":"1","status":"timeout"}}', None),  # the report follows
        (
            '{"type":"platform.report","record":{"requestId":"1","status":"timeout","metrics":{"durationMs":5000}}}',
            ("ERROR", "platform.report: timeout: the function's time was over", {"requestId": "1"}),
        ),
        (
            '{"type":"platform.initReport","record":{"status":"failure","errorType":"Runtime.ExitError"}}',
            ("ERROR", "platform.initReport: failure: the function's process ended", {"errorType": "Runtime.ExitError"}),
        ),
        (
            '{"type":"platform.report","record":{"requestId":"1","status":"error","errorType":"Runtime.ExitError"}}',
            ("ERROR", "platform.report: error", {"requestId": "1", "errorType": "Runtime.ExitError"}),
        ),
        (
            '{"type":"platform.logsDropped","record":{"reason":"too many"}}',
            ("WARNING", "platform.logsDropped", {"reason": "too many"}),
        ),
        ('{"type":"platform.report","record":null}', None),
    ],
)
def test_what_lambda_says_in_json(line: str, said: tuple[str, str, dict[str, object]] | None) -> None:
    found = parse("f", 5, line)
    assert (found and (found.level, found.text, found.fields)) == said


# What needs attention


def snap(t: int, line: Line, intake: int = 0, dead: int = 0, admitted: float = 20.0) -> Snapshot:
    return Snapshot("main", t, Depth(intake, 0, 0), dead, line, Counts(0, 0, 0, 0), {}, 0, admitted, None)


LINE = Line(tail=100_000, anchored_at=START, alive_at=START, rate=20_000, lease=10 * MINUTE)


def minute(**change: object) -> list[Snapshot]:
    return [replace(snap(START + n * SECOND, LINE), **change) for n in range(66)]  # type: ignore[arg-type]


def test_nothing_needs_attention() -> None:
    assert attention(minute()) == []
    assert attention([snap(START, Line())]) == []


def test_each_thing_that_does() -> None:
    assert "3 dead letters" in attention(minute(dead_letters=3))[0]
    late = replace(LINE, expired_to=90_000, counted_to=10_000)
    assert attention(minute(line=late, counting_behind=6 * MINUTE)) == [
        "no-shows' places come back late: counting is 6 min behind, 80,000 positions: a run counts 180,000, so a lower "
        "rate lets it catch up; `loginq logs settle_line` says whether its runs are cut short"
    ]
    assert attention(minute(line=late, counting_behind=MINUTE)) == []
    slow = attention(minute(admitted_per_second=3.0))
    assert "3.0/s come through of 20/s asked" in slow[0]
    assert attention(minute(admitted_per_second=3.0)[:30]) == []
    paused = minute(line=replace(LINE, paused=True))
    assert attention(paused, START - 4 * MINUTE) == ["paused for 5 min: `loginq queue resume`"]
    assert attention(paused, START) == []
    assert "the gate stands still" in attention(minute(line=replace(LINE, lease=1_000)))[0]
    assert "the game is full" in attention(minute(line=replace(LINE, capacity=5)))[0]
    assert "the rate is 0" in attention(minute(line=replace(LINE, rate=0), admitted_per_second=0.0))[0]


def test_an_intake_that_only_grows() -> None:
    growing = [snap(START + n * SECOND, LINE, intake=100 + 10 * n) for n in range(40)]
    assert "the intake has grown from 100 to 490 in 39 s" in attention(growing)[0]
    draining = [snap(START + n * SECOND, LINE, intake=100 + 10 * (n % 25)) for n in range(40)]
    assert attention(draining) == []


# The launch on paper


def test_a_million_by_cohorts_looks_like_its_players_one_by_one() -> None:
    launch = Launch(players=3_000, rate=20_000, arrive=MINUTE, shape="steady", seed=3)
    assert launch.cohort() == 1
    alone = on_paper(launch)
    together = on_paper(_Cohorts(**{name: getattr(launch, name) for name in launch.__dataclass_fields__}))
    assert together.cohort == 20
    for name, wait in alone.waits.items():
        assert together.waits[name] == pytest.approx(wait, rel=0.02), name
    assert together.longest_line == pytest.approx(alone.longest_line, rel=0.02)
    assert together.bill.total == pytest.approx(alone.bill.total, rel=0.05)
    assert (together.admitted, alone.admitted) == (3_000, 3_000)


class _Cohorts(Launch):
    """The same launch, played by cohorts."""

    def cohort(self) -> int:
        """Twenty at a time."""
        return 20


def test_no_shows_give_their_places_back() -> None:
    base = Launch(players=3_000, rate=2_500, arrive=30 * SECOND, shape="steady", no_show=0.5, seed=1)
    report = on_paper(base)
    assert report.admitted + report.no_shows == 3_000
    assert report.expired == 0
    assert report.clear is not None and report.clear < 0.85 * 1_200 * SECOND


def test_a_capacity_holds_and_fills_again() -> None:
    report = on_paper(
        Launch(players=600, rate=50_000, arrive=SECOND, capacity=200, session=Exponential(20 * SECOND), seed=1)
    )
    assert report.admitted == 600
    assert report.clear is not None and report.clear > 20 * SECOND


def test_an_outage_is_survived() -> None:
    down = (5 * SECOND, 65 * SECOND)
    report = on_paper(Launch(players=600, rate=20_000, arrive=SECOND, events=Events(outages=(down,)), seed=1))
    calm = on_paper(Launch(players=600, rate=20_000, arrive=SECOND, seed=1))
    assert (report.admitted, calm.admitted) == (600, 600)
    assert report.waits["p50"] is not None and calm.waits["p50"] is not None
    assert report.waits["p50"] > calm.waits["p50"]
