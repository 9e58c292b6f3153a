"""A network that stands still: what the operator and the player see meanwhile, and that neither is sent away."""

import json
import os
import signal
import subprocess
from collections.abc import Callable, Iterator
from dataclasses import replace
from pathlib import Path

import pytest

from loginq.emulator import Running
from tests.e2e.conftest import PASSWORD, Stack
from tests.e2e.terminal import LOGINQ, Terminal, environment

PARAMETERS: dict[str, str] = {}
"""A stack of its own: nothing else needs attention."""

Frozen = tuple[Running, Stack]
FEW = r"\d"


HEARD = r"(?s:paused(?:(?!AWS has not answered).)*?Ctrl-C ends this)"
"""A whole screen of a line that is paused, of which nothing is said to be old."""


@pytest.fixture
def frozen(emulator: Running, stack: Stack) -> Iterator[Frozen]:
    """The emulator of this worker, which does one thing at a time, so that a test may stop it in its tracks."""
    yield emulator, stack
    os.kill(emulator.pid, signal.SIGCONT)


@pytest.fixture
def terminal(frozen: Frozen, tmp_path: Path) -> Callable[..., Terminal]:
    return lambda *words: Terminal([*LOGINQ, *words], frozen[1].target.names(), tmp_path)


@pytest.mark.parametrize(
    "seconds", [FEW, pytest.param(r"1\d", marks=pytest.mark.drills)], ids=["a few seconds", "ten seconds"]
)
def test_watch_and_play_outlive_a_dead_network(frozen: Frozen, terminal: Callable[..., Terminal], seconds: str) -> None:
    running, stack = frozen
    stack.queue.lines.change(lambda line, t: replace(line, paused=True))
    player = stack.player()
    watching, playing = terminal("queue", "watch"), terminal("play", "--username", player.username)
    playing.shows("Password: ")
    playing.type(PASSWORD + "\n")
    playing.shows("the line is paused")
    watching.shows(HEARD)
    os.kill(running.pid, signal.SIGSTOP)
    watching.shows(rf"AWS has not answered for {seconds} s")
    os.kill(running.pid, signal.SIGCONT)
    watching.forget()
    watching.shows(HEARD)
    watching.forget()
    watching.shows(rf"{HEARD}[\s\S]*{HEARD}")
    assert "AWS has not answered for" not in watching.drawn
    assert watching.end(signal.SIGINT) == 130
    if seconds == FEW:
        assert playing.end(signal.SIGINT) == 130
        assert "Your place is kept" in playing.drawn
        return
    stack.queue.lines.change(lambda line, t: line.resume(t))
    playing.shows("You are In AWSome Game World")
    assert playing.end() == 0


def test_watch_as_a_stream(frozen: Frozen, tmp_path: Path) -> None:
    _, stack = frozen
    stack.queue.lines.change(lambda line, t: line.resume(t))
    watching = subprocess.Popen(
        [*LOGINQ, "queue", "watch", "--json"],
        env=environment(stack.target.names()), cwd=tmp_path,
        stdout=subprocess.PIPE, stderr=subprocess.DEVNULL, text=True,
    )  # fmt: skip
    assert watching.stdout is not None
    documents = [json.loads(watching.stdout.readline()) for _ in range(2)]
    assert documents[0]["t"] < documents[1]["t"]
    assert documents[1]["attention"] == []
    assert documents[1]["line"]["state"] == "open"
    watching.send_signal(signal.SIGINT)
    watching.communicate(timeout=120)
    assert watching.returncode == 130
