"""The embedded AWS for a laptop and for tests: a guarded subprocess on loopback, its state in one folder."""

import fcntl
import json
import os
import shutil
import signal
import socket
import subprocess
import sys
import time
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from urllib.error import URLError
from urllib.request import urlopen

from loginq.service.aws import Aws
from loginq.service.errors import Failed, Invalid

FOLDER = Path(".loginq")
FIRST_PORT = 4566
REGION = "us-east-1"
CREDENTIALS = {"aws_access_key_id": "test", "aws_secret_access_key": "test"}
"""Throw-away: the emulator takes any, and no real ones ever go to it."""
BOOT_SECONDS, STOP_SECONDS = 30, 30


@dataclass(frozen=True, slots=True)
class Running:
    """A live emulator."""

    pid: int
    port: int

    @property
    def url(self) -> str:
        """Its endpoint."""
        return f"http://127.0.0.1:{self.port}"

    def aws(self, region: str = REGION) -> Aws:
        """Clients for it."""
        return Aws(region, self.url, CREDENTIALS)


class Emulator:
    """The emulator whose state is in `folder`. A state folder belongs to one port, which is part of stored URLs.

    With `iam`, policies are enforced, as far as the emulator can.
    """

    def __init__(self, folder: Path = FOLDER, *, iam: bool = False) -> None:
        self.folder = folder.absolute()
        self._iam = iam
        self._note = self.folder / "emulator.json"
        self.log = self.folder / "emulator.log"

    def running(self) -> Running | None:
        """The live emulator of this folder, or None; a dead process or somebody else's on the port is none."""
        noted = self._noted()
        if noted is None or noted.pid == 0:
            return None
        try:
            with urlopen(f"{noted.url}/_loginq/health", timeout=5) as answer:  # noqa: S310 - our own http address
                pid = json.load(answer).get("pid")
        except (URLError, OSError, ValueError):
            return None
        return noted if pid == noted.pid else None

    def died(self) -> bool:
        """Whether it was started, never stopped, and does not run: it was killed, and lost what it had not written."""
        noted = self._noted()
        return noted is not None and noted.pid != 0 and self.running() is None

    def up(self, port: int | None = None) -> Running:
        """The live emulator, started if it is not running.

        Args:
            port: None for the one this folder has, or the first free one from 4566 on.

        Raises `Invalid` when the port is in use or is not this folder's, `Failed` when it does not start.
        """
        self.folder.mkdir(mode=0o700, parents=True, exist_ok=True)
        with self._lock():
            found = self.running()
            if found is not None:
                if port not in (None, found.port):
                    raise Invalid(
                        f"The emulator is already running on port {found.port}.", "Stop it first: `loginq local down`."
                    )
                return found
            fixed = port is not None or self._noted() is not None
            while True:
                chosen = self._port(port)
                try:
                    return self._started(chosen)
                except Failed:
                    if fixed or _free(chosen):
                        raise
                    self._note.unlink()  # somebody else took the port meanwhile: the next one

    def down(self) -> bool:
        """Stop it gently, so that it writes its state; False when it was not running."""
        found = self.running()
        if found is None:
            return False
        os.kill(found.pid, signal.SIGTERM)
        deadline = time.monotonic() + STOP_SECONDS
        while _alive(found.pid):
            if time.monotonic() > deadline:
                raise Failed(
                    f"The emulator (process {found.pid}) does not stop.",
                    f"It may still be writing its state; see {self.log}.",
                )
            time.sleep(0.05)
        self._write(Running(0, found.port))
        return True

    def reset(self) -> None:
        """Stop it and forget everything in it."""
        self.down()
        shutil.rmtree(self.folder, ignore_errors=True)

    def _noted(self) -> Running | None:
        try:
            noted = json.loads(self._note.read_text())
            return Running(int(noted["pid"]), int(noted["port"]))
        except (OSError, ValueError, KeyError, TypeError):
            return None

    def _write(self, running: Running) -> None:
        self._note.write_text(json.dumps({"pid": running.pid, "port": running.port}))

    def _port(self, asked: int | None) -> int:
        noted = self._noted()
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

    def _started(self, port: int) -> Running:
        process = self._start(port)
        self._write(Running(process.pid, port))
        self._wait(process, port)
        return Running(process.pid, port)

    def _start(self, port: int) -> subprocess.Popen[bytes]:
        """The process, in an environment with nothing of the user's: Lambdas inherit all of it."""
        folders = {name: self.folder / name for name in ("state", "s3", "tmp")}
        for folder in folders.values():
            folder.mkdir(mode=0o700, exist_ok=True)
        environment = {
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
        if _missing():
            raise Failed("The embedded emulator is not installed.", 'Install it with `pip install "loginq[local]"`.')
        with self.log.open("ab") as log:
            return subprocess.Popen(
                [sys.executable, "-m", "loginq.emulator.serve", str(port)],
                cwd=self.folder,
                env=environment,
                stdin=subprocess.DEVNULL,
                stdout=log,
                stderr=log,
                start_new_session=True,
            )

    def _wait(self, process: subprocess.Popen[bytes], port: int) -> None:
        deadline = time.monotonic() + BOOT_SECONDS
        while self.running() is None:
            if process.poll() is not None or time.monotonic() > deadline:
                process.terminate()
                self._write(Running(0, port))
                last = self.log.read_text(errors="replace").strip().splitlines()[-1:] or ["it said nothing"]
                raise Failed(f"The emulator did not start on port {port}: {last[0]}", f"All it said is in {self.log}.")
            time.sleep(0.05)

    @contextmanager
    def _lock(self) -> Iterator[None]:
        """One `up` at a time for a folder."""
        with (self.folder / "lock").open("w") as file:
            fcntl.flock(file, fcntl.LOCK_EX)
            yield


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


def _alive(pid: int) -> bool:
    try:
        if os.waitpid(pid, os.WNOHANG)[0] == pid:  # our own child, which would stay as a zombie
            return False
    except ChildProcessError:
        pass
    try:
        os.kill(pid, 0)
    except ProcessLookupError:
        return False
    return True
