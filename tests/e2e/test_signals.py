"""However a command is ended, it leaves the terminal, the stack and the player's place as they should be."""

import signal
from pathlib import Path

import pytest

from tests.e2e.conftest import PASSWORD, Stack
from tests.e2e.terminal import LOGINQ, Terminal

ENDS = [(signal.SIGTERM, 143), (signal.SIGHUP, 129), (signal.SIGINT, 130)]


@pytest.mark.parametrize(
    ("by", "code"),
    [pytest.param(by, code, marks=pytest.mark.drills if by != signal.SIGHUP else (), id=by.name) for by, code in ENDS],
)
def test_a_live_screen_gives_the_terminal_back(stack: Stack, tmp_path: Path, by: signal.Signals, code: int) -> None:
    watching = Terminal([*LOGINQ, "queue", "watch"], stack.target.names(), tmp_path)
    watching.shows("in the game")
    assert watching.end(by) == code
    assert watching.drawn.rindex("\x1b[?1049l") > watching.drawn.rindex("\x1b[?1049h")
    assert watching.drawn.rindex("\x1b[?25h") > watching.drawn.rindex("\x1b[?25l")


def test_who_is_ended_in_line_is_told_that_the_place_is_kept(stack: Stack, tmp_path: Path) -> None:
    stack.queue.lines.change(lambda line, t: line.pause(t))
    player = stack.player()
    playing = Terminal([*LOGINQ, "play", "--username", player.username], stack.target.names(), tmp_path)
    playing.shows("Password: ")
    playing.type(PASSWORD + "\n")
    playing.shows("the line is paused")
    assert playing.end(signal.SIGTERM) == 143
    assert "Your place is kept" in playing.drawn
    assert playing.drawn.rindex("\x1b[?25h") > playing.drawn.rindex("\x1b[?25l")


def test_a_deploy_that_is_ended_at_its_question_leaves_nothing(stack: Stack, tmp_path: Path) -> None:
    names = {name: value for name, value in stack.target.names().items() if name.startswith("AWS_")}
    deploying = Terminal([*LOGINQ, "deploy"], {**names, "LOGINQ_STACK": "never"}, tmp_path)
    deploying.shows(r"Apply \d+ changes\?")
    assert deploying.end(signal.SIGTERM) == 143
    there = [
        each["StackName"]
        for page in stack.aws.client("cloudformation").pages("list_stacks")
        for each in page["StackSummaries"]
        if each["StackStatus"] != "DELETE_COMPLETE"
    ]
    assert "never" not in there and list(tmp_path.iterdir()) == []
