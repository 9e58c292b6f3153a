"""Parameters of `loginq deploy` are refused before anything is started, made or asked."""

import json
from pathlib import Path
from typing import Any

import pytest

from loginq.cli.console import DASH
from loginq.deploy import template
from tests.cli.conftest import Run
from tests.unit.test_deployment import planning, there
from tests.unit.test_stack import MISSING


@pytest.mark.parametrize(
    ("given", "says"),
    [
        ("Foo=1", "Error: The template has no parameter 'Foo'."),
        ("CodeKey=x", "Error: The template has no parameter 'CodeKey'."),
        ("InitialRate=200000", "Error: InitialRate cannot be '200000'."),
        ("LeaseSeconds=٦٠", "Error: LeaseSeconds must be a whole number, not '٦٠'."),
        ("CorsOrigin=https://play.example.com/", "Error: CorsOrigin cannot be 'https://play.example.com/'."),
    ],
)
def test_a_parameter_that_is_refused_starts_no_emulator(run: Run, tmp_path: Path, given: str, says: str) -> None:
    screen = run("deploy", "--local", "--yes", "--param", given)
    assert (screen.code, screen.out, screen.err.splitlines()[0]) == (2, "", says)
    assert list(tmp_path.iterdir()) == []


def told(run: Run, *words: str) -> dict[str, dict[str, Any]]:
    return {each["name"]: each for each in json.loads(run("deploy", "--params", *words, "--json").out)["items"]}


def test_every_parameter_is_listed_where_nothing_is_deployed(run: Run, tmp_path: Path) -> None:
    screen = run("deploy", "--params")
    assert (screen.code, screen.err) == (0, "What is deployed now could not be seen: No AWS region is set.")
    lines = screen.out.splitlines()
    assert lines[0].split() == ["parameter", "now", "default", "range"]
    at = next(n for n, line in enumerate(lines) if line.startswith("LeaseSeconds"))
    assert lines[at].split(maxsplit=3) == ["LeaseSeconds", DASH, "120", "2 to 3,600"]
    assert lines[at + 1] == "  How long the gate moves without any sign of life."
    listed = told(run)
    assert set(listed) == set(template.load().document["Parameters"]) - set(template.OURS)
    assert listed["LeaseSeconds"] == {
        "name": "LeaseSeconds",
        "now": None,
        "default": "120",
        "range": {"min": 2, "max": 3600},
        "means": "How long the gate moves without any sign of life.",
    }
    assert listed["Monitoring"]["range"] == {"allowed": ["lean", "full"]}
    assert list(listed["CorsOrigin"]["range"]) == ["pattern"] and "https://play.example.com" in screen.out
    assert run("deploy", "--params", "--local").err == "The emulator does not run: nothing is deployed there now."
    assert list(tmp_path.iterdir()) == []


def test_the_parameters_of_a_stack_have_their_values(run: Run, monkeypatch: pytest.MonkeyPatch) -> None:
    deployment, _ = planning(there(LeaseSeconds="60", CodeKey="k"))
    monkeypatch.setattr("loginq.cli.parameters.open_deployment", lambda local: deployment)
    listed = told(run)
    assert listed["LeaseSeconds"]["now"] == "60" and listed["InitialRate"]["now"] is None
    assert "LeaseSeconds                60   120      2 to 3,600" in run("deploy", "--params").out.splitlines()


def test_the_parameters_of_a_stack_that_is_not_there_yet(run: Run, monkeypatch: pytest.MonkeyPatch) -> None:
    deployment, _ = planning(MISSING)
    monkeypatch.setattr("loginq.cli.parameters.open_deployment", lambda local: deployment)
    screen = run("deploy", "--params")
    assert (screen.code, screen.err) == (0, "There is no stack 'loginq' yet.")
