"""The embedded AWS for a laptop and for tests: a guarded subprocess on loopback, its state in one folder."""

import fcntl
import os
import shutil
import signal
import socket
import subprocess
import sys
import time
import warnings
from collections.abc import Iterable, Iterator
from contextlib import contextmanager, suppress
from pathlib import Path

from loginq.emulator import note
from loginq.emulator.note import CREDENTIALS, REGION, Running, origins_of
from loginq.service.rules.errors import Failed, Invalid

__all__ = ["CREDENTIALS", "FOLDER", "REGION", "Emulator", "Running"]

FOLDER = Path(".loginq")
FIRST_PORT = 4566
BOOT_SECONDS, STOP_SECONDS = 30, 30


class Emulator:
    """The emulator whose state is in `folder`. A state folder belongs to one port, which is part of stored URLs.

    Args:
        iam: policies are enforced, as far as the emulator can.
        stop_seconds: how long `down` waits for the process to write its state and end.

    Raises `Failed` when the folder is relative and the shell's own is gone.
    """

    def __init__(self, folder: Path = FOLDER, *, iam: bool = False, stop_seconds: float = STOP_SECONDS) -> None:
        try:
            self.folder = folder.absolute()
        except FileNotFoundError as exc:
            raise Failed("The folder that you are in is gone.", "cd to another one.") from exc
        self._iam, self._stop_seconds = iam, stop_seconds
        self._note = self.folder / "emulator.json"
        self._life = self.folder / "life"
        self.log = self.folder / "emulator.log"

    def noted(self) -> Running | None:
        """What this folder's emulator is or was, `pid` 0 when it was stopped; None when there never was one."""
        return note.read(self._note)

    def running(self) -> Running | None:
        """The emulator of this folder when it answers, or None; somebody else's on its port is none."""
        noted = self.noted()
        return noted if noted is not None and noted.pid != 0 and noted.answers() else None

    def lives(self) -> bool:
        """Whether its process lives, answering or not.

        It holds a lock until its end. A process number alone would not do: after a crash another program may have it.
        """
        try:
            with self._life.open() as file:
                fcntl.flock(file, fcntl.LOCK_SH | fcntl.LOCK_NB)
        except FileNotFoundError:
            return False
        except BlockingIOError:
            return True
        except OSError as exc:
            raise Failed(f"{self.folder} cannot be read: {exc}.", "Whoever started the emulator can.") from exc
        return False

    def died(self) -> bool:
        """Whether it was started, never stopped, and is gone: it was killed, and lost what it had not written."""
        noted = self.noted()
        return noted is not None and noted.pid != 0 and not self.lives()

    def up(self, port: int | None = None, origins: Iterable[str] | None = None) -> Running:
        """The live emulator, started if it is not running.

        Args:
            port: None for the one this folder has, or the first free one from 4566 on.
            origins: of pages that may sign in here, beside its own; None for those it had.

        Raises `Invalid` when the port is in use or is not this folder's, when it runs already with other origins or one
        is none; `Failed` when it does not start or does not answer.
        """
        asked = None if origins is None else origins_of(origins)
        with self._lock():
            found = self.running()
            if found is not None:
                return _as_asked(found, port, asked)
            if self.lives():
                raise Failed(
                    f"The emulator in {self.folder}{self._process()} lives but does not answer.",
                    "Wait a moment if it is busy, or stop it with `loginq local down`.",
                )
            noted = self.noted()
            if asked is None:
                asked = noted.origins if noted else ()
            fixed = port is not None or noted is not None
            while True:
                chosen = self._port(port)
                try:
                    return self._started(chosen, asked)
                except Failed:
                    if fixed or _free(chosen):
                        raise
                    self._note.unlink()  # somebody else took the port meanwhile: the next one

    def down(self) -> bool:
        """Stop it gently, so that it writes its state; False when it was not running.

        Raises `Failed` when it does not end in time.
        """
        if not self.lives():
            return False
        noted = self.noted()
        if noted is None or noted.pid == 0:
            raise Failed(
                f"An emulator lives in {self.folder}, and its note there does not say which process it is.",
                "Find it with `ps ax | grep loginq.emulator.serve`, and end it with `kill`.",
            )
        with suppress(ProcessLookupError):  # it has just ended
            os.kill(noted.pid, signal.SIGTERM)
        deadline = time.monotonic() + self._stop_seconds
        while self.lives():
            if time.monotonic() > deadline:
                raise Failed(
                    f"The emulator (process {noted.pid}) lives and does not stop.",
                    f"It may still be writing its state; see {self.log}. `kill -9 {noted.pid}` ends it at once, and "
                    "what it has not written is lost.",
                )
            time.sleep(0.05)
        self._write(0, noted.port, noted.origins)
        return True

    def reset(self) -> None:
        """Stop it and forget everything in it. Raises `Failed` when it lives on, and nothing is forgotten then."""
        self.down()
        shutil.rmtree(self.folder, ignore_errors=True)

    def _process(self) -> str:
        noted = self.noted()
        return f" (process {noted.pid})" if noted is not None and noted.pid else ""

    def _write(self, pid: int, port: int, origins: tuple[str, ...]) -> Running:
        running = Running(pid, port, origins)
        note.write(self._note, running)
        return running

    def _port(self, asked: int | None) -> int:
        noted = self.noted()
        if noted is not None:
            if asked not in (None, noted.port):
                raise Invalid(
                    f"The state in {self.folder} belongs to port {noted.port}.",
                    "Leave the port out, or forget the state with `loginq local reset`.",
                )
            asked = noted.port
        if asked is None:
            return next(port for port in range(FIRST_PORT, 65_536) if _free(port))
        if not _free(asked):
            raise Invalid(
                f"Port {asked} is in use by another program.",
                "Stop that program, or start anew on another port: `loginq local reset`, `loginq local up --port N`.",
            )
        return asked

    def _started(self, port: int, origins: tuple[str, ...]) -> Running:
        if _missing():
            raise Failed("The embedded emulator is not installed.", 'Install it with `pip install "loginq[local]"`.')
        self._write(0, port, origins)  # never an older process beside a lock that the new one holds
        process = self._start(port, origins)
        running = self._write(process.pid, port, origins)
        self._wait(process, running)
        with warnings.catch_warnings():
            warnings.simplefilter("ignore", ResourceWarning)  # that it goes on without us is what it is for
            del process
        return running

    def _start(self, port: int, origins: tuple[str, ...]) -> subprocess.Popen[bytes]:
        """The process, with the lock that says that it lives."""
        environment = self._environment(port)
        with self.log.open("ab") as log, self._life.open("w") as life:
            fcntl.flock(life, fcntl.LOCK_EX)
            return subprocess.Popen(
                [sys.executable, "-m", "loginq.emulator.serve", str(port), *origins],
                cwd=self.folder,
                env=environment,
                stdin=subprocess.DEVNULL,
                stdout=log,
                stderr=log,
                pass_fds=[life.fileno()],
                start_new_session=True,
            )

    def _environment(self, port: int) -> dict[str, str]:
        """An environment with nothing of the user's: Lambdas inherit all of it."""
        folders = {name: self.folder / name for name in ("state", "s3", "tmp")}
        for folder in folders.values():
            folder.mkdir(mode=0o700, exist_ok=True)
        return {
            "PATH": os.environ.get("PATH", os.defpath),
            "HOME": os.environ.get("HOME", str(self.folder)),
            "LANG": "C.UTF-8",
            "AWS_DEFAULT_REGION": REGION,
            "AWS_ENDPOINT_URL": f"http://127.0.0.1:{port}",
            "AWS_EC2_METADATA_DISABLED": "true",
            "MINISTACK_HOST": "127.0.0.1",
            "GATEWAY_PORT": str(port),
            "IOT_MTLS_ENABLED": "0",
            "SFTP_ENABLED": "0",
            "LOG_LEVEL": "WARNING",
            "AUTH": str(self._iam).lower(),
            "PERSIST_STATE": "1",
            "S3_PERSIST": "1",
            "STATE_DIR": str(folders["state"]),
            "S3_DATA_DIR": str(folders["s3"]),
            "TMPDIR": str(folders["tmp"]),
        }

    def _wait(self, process: subprocess.Popen[bytes], running: Running) -> None:
        deadline = time.monotonic() + BOOT_SECONDS
        while not running.answers():
            if process.poll() is not None or time.monotonic() > deadline:
                self._end(process)
                self._write(0, running.port, running.origins)
                last = self.log.read_text(errors="replace").strip().splitlines()[-1:] or ["it said nothing"]
                raise Failed(
                    f"The emulator did not start on port {running.port}: {last[0]}", f"All it said is in {self.log}."
                )
            time.sleep(0.05)

    def _end(self, process: subprocess.Popen[bytes]) -> None:
        process.terminate()
        try:
            process.wait(self._stop_seconds)
        except subprocess.TimeoutExpired:
            process.kill()
            process.wait()

    @contextmanager
    def _lock(self) -> Iterator[None]:
        """One `up` at a time for a folder, which is made if need be."""
        try:
            self.folder.mkdir(mode=0o700, parents=True, exist_ok=True)
            file = (self.folder / "lock").open("w")
        except OSError as exc:
            raise Failed(f"{self.folder} cannot be written: {exc}.", "Use another folder, or make it yours.") from exc
        with file:
            fcntl.flock(file, fcntl.LOCK_EX)
            yield


def _as_asked(found: Running, port: int | None, origins: tuple[str, ...] | None) -> Running:
    """What runs already, if it is what was asked for."""
    if port not in (None, found.port):
        raise Invalid(f"The emulator is already running on port {found.port}.", "Stop it first: `loginq local down`.")
    if origins not in (None, found.origins):
        lists = ", ".join(found.origins) or "no origin but its own"
        raise Invalid(f"The emulator is already running and lists {lists}.", "Stop it first: `loginq local down`.")
    return found


def _missing() -> bool:
    from importlib.util import find_spec

    return any(find_spec(name) is None for name in ("ministack", "hypercorn", "aws_lambda_powertools"))


def _free(port: int) -> bool:
    with socket.socket() as probe:
        probe.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
        try:
            probe.bind(("127.0.0.1", port))
        except OSError:
            return False
        return True
