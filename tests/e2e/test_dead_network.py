"""A network that stands still: what the operator and the player see meanwhile, and that neither is sent away."""

import json
import os
import signal
import subprocess
from collections.abc import Callable, Iterator
from dataclasses import replace
from pathlib import Path

import pytest

from loginq.emulator import Emulator, Running
from tests.e2e.conftest import PASSWORD, Stack, deployed, free_port
from tests.e2e.terminal import LOGINQ, Terminal, environment

Frozen = tuple[Running, Stack]


@pytest.fixture(scope="module")
def frozen(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Frozen]:
    """An emulator of its own, which a test may stop in its tracks."""
    emulator = Emulator(tmp_path_factory.mktemp("frozen") / ".loginq")
    running = emulator.up(free_port())
    yield running, deployed(running, "frozen")
    os.kill(running.pid, signal.SIGCONT)
    emulator.down()


@pytest.fixture
def terminal(frozen: Frozen, tmp_path: Path) -> Callable[..., Terminal]:
    return lambda *words: Terminal([*LOGINQ, *words], frozen[1].target.names(), tmp_path)


@pytest.mark.parametrize(
    "seconds", [r"\d", pytest.param(r"1\d", marks=pytest.mark.drills)], ids=["a few seconds", "ten seconds"]
)
def test_watch_and_play_outlive_a_dead_network(frozen: Frozen, terminal: Callable[..., Terminal], seconds: str) -> None:
    running, stack = frozen
    stack.queue.lines.change(lambda line, t: replace(line, paused=True))
    player = stack.player()
    watching, playing = terminal("queue", "watch"), terminal("play", "--username", player.username)
    playing.shows("Password")
    playing.type(PASSWORD + "\n")
    playing.shows("the line is paused")
    watching.shows("nothing needs attention")
    os.kill(running.pid, signal.SIGSTOP)
    watching.shows(rf"AWS has not answered for {seconds} s")
    os.kill(running.pid, signal.SIGCONT)
    watching.forget()
    watching.shows("nothing needs attention")
    watching.forget()
    watching.shows("(?s)nothing needs attention.*nothing needs attention")
    assert "AWS has not answered for" not in watching.drawn
    stack.queue.lines.change(lambda line, t: line.resume(t))
    playing.shows("You are In AWSome Game World")
    assert playing.end() == 0
    assert watching.end(signal.SIGINT) == 130


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
