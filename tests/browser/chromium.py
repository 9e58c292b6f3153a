"""A headless Chromium, spoken to over a pipe: what a page says, asks for and looks like.

The protocol is https://chromedevtools.github.io/devtools-protocol/: JSON, each message ended by a zero byte.
"""

import base64
import json
import os
import shutil
import subprocess
import tempfile
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from itertools import count
from typing import IO, Any

import pytest

NAMES = ("chromium", "chromium-browser", "google-chrome")
_TALKS = ("--headless", "--remote-debugging-pipe", "--disable-gpu", "--no-first-run", "--hide-scrollbars")
_ITS_OWN = (
    "--disable-background-networking",
    "--disable-component-update",
    "--disable-sync",
    "--no-default-browser-check",
)


def chromium() -> str | None:
    """Where it is; None where there is none."""
    return next(filter(None, map(shutil.which, NAMES)), None)


def needed() -> str:
    """Where it is; skips where there is none."""
    binary = chromium()
    if binary is None:
        pytest.skip(f"no page can be opened without {' or '.join(NAMES)}: `apt-get install chromium`; CI has it")
    return binary


@dataclass
class Page:
    """An open page. `said`: every event of it so far."""

    _out: IO[bytes]
    _in: IO[bytes]
    session: str = ""
    said: list[dict[str, Any]] = field(default_factory=list)
    _ids: Iterator[int] = field(default_factory=count)

    def do(self, method: str, **parameters: Any) -> dict[str, Any]:
        """One command, and what it gives. Raises `RuntimeError` with what Chromium says of it."""
        asked = next(self._ids)
        message = {"id": asked, "method": method, "params": parameters}
        self._out.write(json.dumps(message | ({"sessionId": self.session} if self.session else {})).encode() + b"\0")
        self._out.flush()
        answer = self._until(lambda said: said.get("id") == asked)
        if "error" in answer:
            raise RuntimeError(f"{method}: {answer['error']}")
        return dict(answer["result"])

    def open(self, url: str, width: int) -> None:
        """Load a page on a screen of this width, all of it."""
        self.do("Emulation.setDeviceMetricsOverride", width=width, height=800, deviceScaleFactor=1, mobile=width < 600)
        self.do("Page.navigate", url=url)
        self._until(lambda said: said.get("method") == "Page.loadEventFired")

    def value(self, expression: str) -> Any:
        """What an expression is in the page; the page itself may not run any."""
        found = self.do("Runtime.evaluate", expression=expression, returnByValue=True)
        return found["result"].get("value")

    def png(self, width: int, top: int = 0, height: int = 0) -> bytes:
        """A picture of the page, or of a part of it."""
        clip = {
            "x": 0,
            "y": top,
            "width": width,
            "height": height or self.value("document.body.scrollHeight"),
            "scale": 1,
        }
        return base64.b64decode(self.do("Page.captureScreenshot", clip=clip, captureBeyondViewport=True)["data"])

    def pdf(self) -> bytes:
        """The page as it is printed."""
        return base64.b64decode(self.do("Page.printToPDF", preferCSSPageSize=True, printBackground=True)["data"])

    def events(self, *methods: str) -> list[dict[str, Any]]:
        """What it said by itself."""
        return [said["params"] for said in self.said if said.get("method") in methods]

    def _until(self, is_it: Callable[[dict[str, Any]], bool]) -> dict[str, Any]:
        while True:
            said = json.loads(self._line())
            self.said.append(said)
            if is_it(said):
                return dict(said)

    def _line(self) -> bytes:
        line = bytearray()
        while (byte := self._in.read(1)) != b"\0":
            if not byte:
                raise RuntimeError("Chromium has ended")
            line += byte
        return bytes(line)


@contextmanager
def opened(binary: str) -> Iterator[Page]:
    """A Chromium with an empty page of its own, which is told to speak of all that happens in it."""
    to_it, from_us = os.pipe()
    to_us, from_it = os.pipe()
    with tempfile.TemporaryDirectory(ignore_cleanup_errors=True) as profile:
        root = ("--no-sandbox",) if os.geteuid() == 0 else ()
        words = [binary, *_TALKS, *_ITS_OWN, *root, f"--user-data-dir={profile}", "about:blank"]
        # It reads from its descriptor 3 and writes to its descriptor 4.
        script = f'exec 3<&{to_it} 4>&{from_it}; exec "$@"'
        browser = subprocess.Popen(
            ["bash", "-c", script, "bash", *words], pass_fds=(to_it, from_it), stderr=subprocess.DEVNULL
        )
        os.close(to_it)
        os.close(from_it)
        try:
            with os.fdopen(from_us, "wb") as out, os.fdopen(to_us, "rb") as in_:
                page = Page(out, in_)
                target = page.do("Target.createTarget", url="about:blank")["targetId"]
                page.session = page.do("Target.attachToTarget", targetId=target, flatten=True)["sessionId"]
                for domain in ("Page", "Network", "Log", "Runtime"):
                    page.do(f"{domain}.enable")
                yield page
        finally:
            browser.terminate()
            browser.wait(timeout=30)
