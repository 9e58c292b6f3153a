"""A command on a terminal of its own, as a person has it: everything it draws is read at once, whoever looks."""

import os
import pty
import re
import signal
import struct
import subprocess
import sys
import termios
import threading
from fcntl import ioctl
from pathlib import Path

from tests.e2e.conftest import until

LOGINQ = [
    sys.executable,
    "-c",
    # A background job's children ignore SIGINT, and Python with them, unless somebody takes that back.
    "import signal; signal.signal(signal.SIGINT, signal.default_int_handler); from loginq.cli import main; main()",
]
"""The command, in a process that hears Ctrl-C."""
LEADER = [
    sys.executable,
    "-c",
    "import fcntl, os, sys, termios; os.setsid(); fcntl.ioctl(0, termios.TIOCSCTTY, 0); "
    "os.execvp(sys.argv[1], sys.argv[1:])",
]
"""What makes the terminal on stdin a command's own, as a terminal's window does: job control and fish want that."""
ROOT = Path(__file__).parents[2]


def environment(names: dict[str, str]) -> dict[str, str]:
    """That of a process which finds this checkout, and the target that `names` are."""
    return {**os.environ, **names, "PYTHONPATH": str(ROOT), "LANG": "C.UTF-8"}


class Terminal:
    """A command on a terminal, 100 by 40. A thread drains it: a full terminal would stop the command."""

    def __init__(self, command: list[str], names: dict[str, str], cwd: Path) -> None:
        self._master, slave = pty.openpty()
        ioctl(slave, termios.TIOCSWINSZ, struct.pack("HHHH", 40, 100, 0, 0))
        environ = {**environment(names), "TERM": "xterm-256color", "COLUMNS": "100", "LINES": "40"}
        self.process = subprocess.Popen(
            [*LEADER, *command], env=environ, cwd=cwd, stdin=slave, stdout=slave, stderr=slave
        )
        os.close(slave)
        self.drawn = ""
        self._reader = threading.Thread(target=self._drain, daemon=True)
        self._reader.start()

    def _drain(self) -> None:
        while True:
            try:
                some = os.read(self._master, 65_536)
            except OSError:  # the command has ended
                return
            self.drawn += some.decode(errors="replace")

    def shows(self, pattern: str) -> None:
        """Wait until this, a regular expression, has been drawn since the last `forget`.

        Of a hidden question the last blank, too: what is typed before the echo is off is thrown away with it.
        """
        until(lambda: re.search(pattern, self.drawn))

    def forget(self) -> None:
        """Look only at what is drawn from now on."""
        self.drawn = ""

    def type(self, text: str) -> None:
        """Keys, as if somebody pressed them."""
        os.write(self._master, text.encode())

    def end(self, by: signal.Signals | None = None) -> int:
        """The exit code, once everything is drawn; `by` a signal if it does not end by itself."""
        if by is not None:
            self.process.send_signal(by)
        code = self.process.wait(timeout=120)
        self._reader.join(timeout=120)
        return code
