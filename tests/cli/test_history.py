"""`loginq queue history`: the minutes of a night on a screen, as JSON, and in a file."""

import csv
import json
import time
from dataclasses import replace
from pathlib import Path

import pytest

from loginq.cli import console
from loginq.service.operations.target import Target
from loginq.service.rules.history import Minute
from loginq.service.rules.times import MINUTE
from loginq.service.store.queue import Queue
from tests.cli.conftest import TARGET, Run

NIGHT = Minute(0, 120_000, 64_500, 310_250, 200_000, 74_000, 61_234, 12_000, 2_100, 12, 345, 18 * MINUTE + 1)


@pytest.fixture
def night(queue: Queue, deployed: Target) -> int:
    """Three minutes that moved, the last just now; when that was."""
    t = int(time.time() * 1_000)  # moto's answers bear the date
    for n in range(3):
        queue.history.write(replace(NIGHT, at=t - n * MINUTE, tail=200_000 - n))
    queue.history.write(replace(NIGHT, at=t - 50 * 60 * MINUTE, arrivals=None, intake=None, eta=None))
    return t


@pytest.mark.usefixtures("night")
def test_a_night_on_a_screen(run: Run, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("COLUMNS", "80")
    screen = run("queue", "history")
    assert (screen.code, screen.err) == (
        0, "Arriving, asked, came in: players a second. A file has more: `loginq queue history night.csv`.",
    )  # fmt: skip
    _, _, *rows = screen.out.splitlines()
    assert [" ".join(row[16:].split()) for row in rows] == [
        f"{waiting} 310.2 120.0 64.5 61,234 18 min 1 s" for waiting in ("126,000", "125,999", "125,998")
    ]
    assert all(len(line) <= 80 for line in screen.out.splitlines())
    assert run("queue", "history", "--limit", "2").err.endswith("These are the first 2 of 3; see more with --limit.")
    old = run("queue", "history", "--since", "90d").out.splitlines()
    assert old[-1].split()[-1] == console.DASH and len(old) == 6


def test_a_night_for_programs(run: Run, night: int) -> None:
    found = json.loads(run("queue", "history", "--json").out)
    assert (found["target"], found["total"]) == (TARGET, 3)
    assert [each["tail"] for each in found["items"]] == [200_000, 199_999, 199_998]
    assert found["items"][0] == replace(NIGHT, at=night).document()


@pytest.mark.usefixtures("night")
def test_a_night_in_a_file(run: Run) -> None:
    made = run("queue", "history", "night.csv", "--since", "3d")
    assert (made.code, made.err) == (0, "✓ 4 minutes are in night.csv.")
    rows = list(csv.DictReader(Path("night.csv").read_text(encoding="utf-8-sig").splitlines()))
    assert [(row["tail"], row["eta_seconds"], row["intake"]) for row in rows] == [
        ("200000", "", ""), ("199998", "1081", "345"), ("199999", "1081", "345"), ("200000", "1081", "345"),
    ]  # fmt: skip
    assert list(rows[0]) == list(NIGHT.document())
    again = run("queue", "history", "night.csv")
    assert again.code == 2 and "Replace night.csv?" in again.err
    assert run("queue", "history", "night.csv", "--yes", "--json").code == 0


@pytest.mark.usefixtures("deployed")
@pytest.mark.parametrize(
    ("words", "code", "says"),
    [
        (["night.txt"], 2, "night.txt is no .csv file."),
        (["--since", "10"], 2, "'10' has no unit."),
        ([], 0, "Nothing has moved in the last 24h."),
    ],
)
def test_what_is_no_file_or_no_time_and_a_quiet_day(run: Run, words: list[str], code: int, says: str) -> None:
    screen = run("queue", "history", *words)
    assert (screen.code, screen.err.splitlines()[0].removeprefix("Error: ")) == (code, says)
