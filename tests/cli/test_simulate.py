"""`loginq simulate`: needs no target; the same seed gives the same screen."""

import json
import re
from pathlib import Path
from typing import Any

import pytest

from tests.cli.conftest import Run

SMALL = ("simulate", "--players", "300", "--arrive", "5s", "--shape", "steady", "--rate", "20")


def test_a_small_launch(run: Run) -> None:
    screen = run(*SMALL, "--seed", "7")
    assert screen.code == 0
    assert run(*SMALL, "--seed", "7").out == screen.out
    rows = dict(re.findall(r"│ (\S.*?)  +(.*?) *│", screen.out))
    assert rows["let in"] == "300 of 300"
    assert rows["first number"].startswith("told 100 % · off by")
    assert rows["all polls"].startswith("told 100 % · off by")
    assert rows["polls"] == "each player polls by itself"
    assert "API Gateway requests" in screen.out
    assert "Prices of 20" in screen.err and "https://aws.amazon.com/pricing/" in screen.err


def test_its_json(run: Run) -> None:
    report = json.loads(run(*SMALL, "--json").out)
    assert (report["players"], report["admitted"], report["players_per_cohort"]) == (300, 300, 1)
    assert report["wait_seconds"]["p50"] <= report["wait_seconds"]["p90"] <= report["wait_seconds"]["worst"]
    assert 250 <= report["scores"]["first"]["count"] <= 300 and len(report["scores"]["first"]["deciles"]) == 10
    assert report["bill"]["total_usd"] == pytest.approx(sum(report["bill"]["usd"].values()), abs=0.05)


@pytest.mark.parametrize("players", [30_000, pytest.param(1_000_000, marks=pytest.mark.drills)])
def test_a_million_by_cohorts(run: Run, players: int) -> None:
    screen = run("simulate", "--players", str(players), "--arrive", "10m", "--rate", "500/s")
    assert screen.code == 0
    assert re.search(r"polls +computed by cohorts of \d+", screen.out)
    assert re.search(rf"let in +{players:,} of {players:,}", screen.out)


def test_everything_at_once(run: Run) -> None:
    words = ("--ramp", "5", "20s", "--capacity", "150", "--session", "30s", "--no-show", "20%", "--outage", "20s@10s")
    report = json.loads(run(*SMALL, *words, "--plot", "launch.svg", "--json").out)
    assert report["admitted"] + report["no_shows"] == 300
    assert report["no_shows"] == pytest.approx(60, abs=25)
    assert 0 < report["scores"]["polls"]["told_share"] < 1  # in a full game nothing is told of a place beyond it
    assert Path("launch.svg").read_text().startswith("<svg")


FULL = ("simulate", "--players", "80", "--arrive", "2s", "--rate", "20", "--capacity", "30", "--session", "30s")


def test_a_full_game_in_which_much_happens(run: Run) -> None:
    calm = json.loads(run(*FULL, "--json").out)
    for words in (
        ("--session-cv", "1.5"),
        ("--session-shape", "0.7"),
        ("--session-short", "10%"),
        ("--leaving", "late 60s, twice 10%, never 1%, back 15%"),
        ("--event", "leave 50% @ 20s", "--event", "stays x2@30s"),
        ("--event", "pause 20s@10s", "--event", "pause 10s@15s", "--event", "outage 5s@1m"),
    ):
        report = json.loads(run(*FULL, *words, "--json").out)
        assert report["admitted"] == 80
        assert report["wait_seconds"] != calm["wait_seconds"], words


def test_what_happens_shows(run: Run) -> None:
    def clear(*words: str) -> float:
        return float(json.loads(run(*FULL, *words, "--json").out)["clear_seconds"])

    assert clear("--event", "capacity 80@5s") < 20 < clear() < clear("--event", "stays x4@5s")
    polled = 10  # how long it is at most until the last of a full game's line asks again
    assert clear("--event", "leave 100%@5s", "--event", "leave 100%@12s") < 12 + polled + 1
    assert clear("--event", "pause 3m@1s", "--event", "pause 5s@10s") > 180
    assert clear("--outage", "1m@1s") == clear("--event", "outage 1m@1s") > 60


def test_behind_the_edge_looks_take_the_place_of_polls_and_an_outage_of_either_lets_nobody_down(run: Run) -> None:
    def played(*words: str) -> dict[str, Any]:
        found: dict[str, Any] = json.loads(run(*SMALL[:-1], "3", *words, "--json").out)
        assert (found["admitted"], found["expired"]) == (300, 0)
        return found

    polled, looked = played(), played("--edge")
    assert polled["looks"] == 0 and "CloudFront requests" not in polled["requests"]
    assert looked["requests"]["CloudFront requests"] > looked["looks"] > 1_000
    assert played("--edge", "--event", "line down 1m@10s")["looks"] < looked["looks"]
    assert played("--edge", "--event", "status down 1m@10s")["clear_seconds"] > looked["clear_seconds"]


def test_arrivals_of_a_file(run: Run) -> None:
    Path("doors.csv").write_text("seconds,players\n0,10\n5,100\n10,0\n")
    report = json.loads(run("simulate", "--shape", "doors.csv", "--rate", "10", "--json").out)
    assert (report["players"], report["admitted"]) == (110, 110)
    assert report["longest_line"] > 40


@pytest.mark.parametrize(
    ("words", "says"),
    [
        ((), "How many players?"),
        (("--players", "5", "--no-show", "120%"), "'120%' is not a share of the players."),
        (("--players", "5", "--no-show", "some"), "'some' is not a share."),
        (("--players", "5", "--outage", "5m"), "'5m' is not an outage."),
        (("--players", "5", "--capacity", "3"), "With a capacity, somebody has to leave."),
        (("--players", "5", "--capacity", "3", "--session", "0s"), "Nobody stays in a game for less than a second."),
        (("--players", "5", "--session-cv", "1.5"), "How long do they stay, on average?"),
        (("--players", "5", "--session", "5m", "--session-cv", "1", "--session-shape", "1"), "--session-cv and --ses"),
        (("--players", "5", "--session", "5m", "--session-short", "100%"), "'100%' is not a share of the players."),
        (("--players", "5", "--leaving", "late 5m"), "Nobody leaves the game."),
        (("--players", "5", "--leaving", "slow 5m"), "'slow 5m' does not say what becomes of those who leave."),
        (("--players", "5", "--leaving", "late"), "'late' does not say what becomes of those who leave."),
        (("--players", "5", "--leaving", "late 5"), "'5' has no unit."),
        (("--players", "5", "--leaving", "never 5%, never 9%"), "'never' is said twice."),
        (
            ("--players", "9", "--capacity", "3", "--session", "5m", "--leaving", "never 40%"),
            "Those whose leaving is never reported would fill the game for good.",
        ),
        (("--players", "5", "--event", "party"), "'party' is not an event."),
        (("--players", "5", "--event", "dance 5@5m"), "'dance' is nothing that can happen in a launch."),
        (("--players", "5", "--event", "line down 5m@1m"), "Nobody looks at a public line in this launch."),
        (("--players", "5", "--event", "leave 101%@5m"), "'101%' is not a share of the players."),
        (("--players", "5", "--event", "stays x2@5m"), "Nobody leaves the game."),
        (("--players", "5", "--event", "stays double@5m"), "'double' does not say how long stays become."),
        (("--players", "5", "--event", "capacity 5@5m"), "With a capacity, somebody has to leave."),
        (("--players", "5", "--event", "pause 5m@8d"), "'pause 5m@8d' comes after the week that is played."),
        (("--players", "5", "--event", "line 5m@5m"), "'5m' does not say for how long it is down."),
        (("--players", "5", "--event", "outage 8d@5m"), "'8d' is longer than what is left of the week that is played."),
        (("--players", "5", "--arrive", "later"), "'later' is not a length of time."),
        (("--shape", "wave"), "wave cannot be read"),
        (("--shape", "bad.csv"), "Line 2 is not `seconds,players`"),
        (("--players", "5", "--shape", "bad.csv"), "--players and a file of arrivals exclude each other."),
    ],
)
def test_what_cannot_be_played(run: Run, words: tuple[str, ...], says: str) -> None:
    Path("bad.csv").write_text("0,5\nsoon,6\n")
    screen = run("simulate", "--rate", "10", *words)
    assert screen.code == 2
    assert f"Error: {says}" in screen.err


def test_a_rate_of_nothing_never_ends(run: Run) -> None:
    assert run("simulate", "--players", "5", "--rate", "0").code == 2
