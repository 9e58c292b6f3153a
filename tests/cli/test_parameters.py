"""Parameters of `loginq deploy` are refused before anything is started, made or asked."""

import json
from pathlib import Path

import pytest

from tests.cli.conftest import Run


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


def test_the_parameters_are_listed_and_nothing_is_done(run: Run) -> None:
    screen = run("deploy", "--params")
    assert (screen.code, screen.err) == (0, "")
    assert "InitialRate" in screen.out and "CodeBucket" not in screen.out
    listed = {each["name"]: each for each in json.loads(run("deploy", "--params", "--json").out)}
    assert listed["InitialRate"]["default"] == "20" and all(each["means"] for each in listed.values())
