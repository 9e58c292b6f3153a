"""`loginq target`, options before and behind a command, and the first line of commands that change something."""

import json
from pathlib import Path

import pytest

from loginq.service.operations.target import Target
from loginq.service.rules.line import Line
from loginq.service.store.queue import Queue
from tests.cli.conftest import Run, settled


def test_it_says_each_name_and_its_source_and_asks_nobody(
    run: Run, deployed: Target, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("AWS_PROFILE", "gone")
    screen = run("target")
    assert screen.code == 0
    assert "loginq · aws" in screen.out
    rows = [" ".join(line.split()) for line in screen.out.splitlines()]
    assert "LOGINQ_STACK loginq the environment" in rows
    assert "AWS_PROFILE gone the environment" in rows
    document = json.loads(run("target", "--json").out)
    assert document["names"]["AWS_DEFAULT_REGION"] == {"value": "eu-west-1", "from": "the environment"}


def test_a_name_alone_and_what_a_file_may_not_say(run: Run) -> None:
    names = {"LOGINQ_STACK": "alpha", "AWS_DEFAULT_REGION": "eu-west-1", "AWS_CONFIG_FILE": "config"}
    Path(".env").write_text("".join(f"{name}={value}\n" for name, value in names.items()))
    screen = run("--stack", "beta", "target")
    assert "beta · aws" in screen.out
    assert screen.err.splitlines() == [
        "Everything else comes from the outputs of that stack.",
        "Not taken from .env: AWS_CONFIG_FILE.",
    ]


@pytest.mark.parametrize("behind", [False, True])
@pytest.mark.parametrize("joined", [False, True])
def test_the_targets_options_stand_before_or_behind(run: Run, behind: bool, joined: bool) -> None:
    options = ["--stack=x", "--region=eu-north-1"] if joined else ["--stack", "x", "--region", "eu-north-1"]
    words = ["target", "--json", *options] if behind else [*options, "target", "--json"]
    names = json.loads(run(*words).out)["names"]
    assert (names["LOGINQ_STACK"]["value"], names["AWS_DEFAULT_REGION"]["value"]) == ("x", "eu-north-1")
    assert names["LOGINQ_STACK"]["from"] == "the options"


def test_behind_a_bare_double_dash_they_are_words(run: Run) -> None:
    assert "--stack" in run("target", "--", "--stack").err


def test_another_account_is_refused_by_name(
    run: Run, deployed: Target, queue: Queue, monkeypatch: pytest.MonkeyPatch
) -> None:
    settled(queue, Line(tail=5))
    monkeypatch.setenv("LOGINQ_ACCOUNT", "123456789012")
    assert run("queue", "pause").err.startswith("Target: aws 123456789012 eu-west-1 loginq\n")
    monkeypatch.setenv("LOGINQ_ACCOUNT", "999999999999")
    monkeypatch.setenv("SQS_URL", "https://sqs.eu-west-1.amazonaws.com/999999999999/loginq-intake")
    screen = run("queue", "resume")
    assert screen.code == 4
    assert "the account 999999999999" in screen.err and "123456789012" in screen.err
    assert queue.lines.read().paused
