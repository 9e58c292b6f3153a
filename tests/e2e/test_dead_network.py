"""A network that stands still: what the operator and the player see meanwhile, and that neither is sent away."""

import json
import os
import pty
import select
import signal
import subprocess
import time
from collections.abc import Callable, Iterator
from dataclasses import replace
from pathlib import Path

import pytest

from loginq.emulator import Emulator, Running
from tests.e2e.conftest import LOGINQ, PASSWORD, Stack, deployed, free_port, until

Frozen = tuple[Running, Stack]


@pytest.fixture(scope="module")
def frozen(tmp_path_factory: pytest.TempPathFactory) -> Iterator[tuple[Running, Stack]]:
    """An emulator of its own, which a test may stop in its tracks."""
    emulator = Emulator(tmp_path_factory.mktemp("frozen") / ".loginq")
    running = emulator.up(free_port())
    yield running, deployed(running, "frozen")
    os.kill(running.pid, signal.SIGCONT)
    emulator.down()


class Terminal:
    """A command on a terminal of its own, 100 by 40, and everything it has drawn."""

    def __init__(self, words: list[str], environment: dict[str, str], cwd: Path) -> None:
        self._master, slave = pty.openpty()
        self.process = subprocess.Popen(
            [*LOGINQ, *words], env=environment, cwd=cwd, stdin=slave, stdout=slave, stderr=slave, start_new_session=True
        )
        os.close(slave)
        self.drawn = ""

    def saw(self, text: str) -> bool:
        """Whether this has been on the screen since the last `forget`."""
        while select.select([self._master], [], [], 0)[0]:
            try:
                self.drawn += os.read(self._master, 65_536).decode(errors="replace")
            except OSError:  # the command has ended
                break
        return text in self.drawn

    def forget(self) -> None:
        self.saw("")
        self.drawn = ""

    def type(self, text: str) -> None:
        os.write(self._master, text.encode())

    def interrupt(self) -> int:
        self.process.send_signal(signal.SIGINT)
        return self.process.wait(timeout=20)


@pytest.fixture
def terminal(frozen: Frozen, tmp_path: Path) -> Callable[..., Terminal]:
    environment = {
        **os.environ,
        **frozen[1].target.names(),
        "PYTHONPATH": str(Path(__file__).parents[2]),
        "TERM": "xterm-256color",
        "COLUMNS": "100",
        "LINES": "40",
        "LANG": "C.UTF-8",
    }
    return lambda *words: Terminal(list(words), environment, tmp_path)


def test_watch_and_play_outlive_a_dead_network(frozen: Frozen, terminal: Callable[..., Terminal]) -> None:
    running, stack = frozen
    stack.queue.lines.change(lambda line, t: replace(line, paused=True))
    player = stack.player()
    watching, playing = terminal("queue", "watch"), terminal("play", "--username", player.username)
    until(lambda: playing.saw("Password"), 20)
    playing.type(PASSWORD + "\n")
    until(lambda: playing.saw("the line is paused"), 30)
    until(lambda: watching.saw("nothing needs attention"), 20)
    os.kill(running.pid, signal.SIGSTOP)
    stopped = time.monotonic()
    watching.forget()
    playing.forget()
    until(lambda: watching.saw("AWS has not answered for"), 10)
    time.sleep(max(0.0, 10 - (time.monotonic() - stopped)))
    os.kill(running.pid, signal.SIGCONT)
    watching.forget()
    until(lambda: watching.saw("nothing needs attention"), 30)
    watching.forget()
    time.sleep(1)
    assert not watching.saw("AWS has not answered for")
    stack.queue.lines.change(lambda line, t: line.resume(t))
    until(lambda: playing.saw("You are in AWSome Game World"), 60)
    assert playing.process.wait(timeout=20) == 0
    assert watching.interrupt() == 130


def test_watch_as_a_stream(frozen: Frozen, tmp_path: Path) -> None:
    _, stack = frozen
    environment = {**os.environ, **stack.target.names(), "PYTHONPATH": str(Path(__file__).parents[2])}
    watching = subprocess.Popen(
        [*LOGINQ, "queue", "watch", "--json"],
        env=environment, cwd=tmp_path, stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True,
    )  # fmt: skip
    assert watching.stdout is not None
    documents = [json.loads(watching.stdout.readline()) for _ in range(2)]
    assert documents[0]["t"] < documents[1]["t"]
    assert documents[1]["attention"] == []
    assert documents[1]["line"]["state"] == "open"
    watching.send_signal(signal.SIGINT)
    assert watching.wait(timeout=20) == 130
