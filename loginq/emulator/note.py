"""What is known of an emulator: its process, its port, and the origins whose pages may sign in on it."""

import json
import re
from collections.abc import Iterable
from dataclasses import asdict, dataclass
from http.client import HTTPException
from pathlib import Path
from typing import Any
from urllib.request import ProxyHandler, build_opener

from loginq.service.rules.errors import Invalid
from loginq.service.store.aws import Aws

REGION = "us-east-1"
CREDENTIALS = {"aws_access_key_id": "test", "aws_secret_access_key": "test"}
"""Throw-away: the emulator takes any, and no real ones ever go to it."""
_HEALTH_SECONDS = 5
_ORIGIN = re.compile(r"(https?)://([a-z0-9._-]+|\[[0-9a-f:.]+\])(?::([0-9]{1,5}))?")
_DEFAULT_PORTS = {"http": 80, "https": 443}


@dataclass(frozen=True, slots=True)
class Running:
    """A live emulator, or with `pid` 0 one that was stopped."""

    pid: int
    port: int
    origins: tuple[str, ...] = ()

    @property
    def url(self) -> str:
        """Its endpoint."""
        return f"http://127.0.0.1:{self.port}"

    def aws(self, region: str = REGION) -> Aws:
        """Clients for it."""
        return Aws(region, self.url, CREDENTIALS)

    def answers(self) -> bool:
        """Whether this very process answers there. It is asked directly, whatever proxies the environment names."""
        direct = build_opener(ProxyHandler({}))
        try:
            with direct.open(f"{self.url}/_loginq/health", timeout=_HEALTH_SECONDS) as answer:
                said = json.load(answer)
        except (OSError, ValueError, HTTPException):  # nobody there, or another program
            return False
        return isinstance(said, dict) and said.get("pid") == self.pid


def read(file: Path) -> Running | None:
    """What is noted in a file; None when there is nothing, or nothing that makes sense."""
    try:
        noted = json.loads(file.read_text())
        origins = origins_of(str(each) for each in noted.get("origins", []))
        return Running(int(noted["pid"]), int(noted["port"]), origins)
    except (OSError, ValueError, KeyError, TypeError, AttributeError, Invalid):
        return None


def write(file: Path, running: Running) -> None:
    """Note it."""
    file.write_text(json.dumps(asdict(running)))


def origins_of(given: Iterable[Any]) -> tuple[str, ...]:
    """Origins as browsers send them: in lower case, without the port that goes without saying, each once, sorted.

    Raises `Invalid` for what is no origin of a web page: RFC 6454, 7, without `null`, which any page can have.
    """
    return tuple(sorted({_origin(each) for each in given}))


def _origin(text: str) -> str:
    match = _ORIGIN.fullmatch(text.strip().lower())
    port = int(match[3]) if match and match[3] else None
    if match is None or (port is not None and not 0 < port < 65_536):
        raise Invalid(
            f"{text!r} is not the origin of a web page.",
            "Give http://HOST[:PORT] or https://HOST[:PORT] with nothing behind it, for example http://localhost:3000.",
        )
    return f"{match[1]}://{match[2]}" + (f":{port}" if port not in (None, _DEFAULT_PORTS[match[1]]) else "")
