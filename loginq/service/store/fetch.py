"""One small document by HTTPS: within seconds, no larger than it may be, and from where it was asked for."""

import http.client
import ssl
import threading
import time
import urllib.error
import urllib.request
from collections.abc import Callable
from concurrent.futures import Future
from typing import Any, TypeVar
from urllib.parse import urlsplit

from loginq.service.rules.errors import Unavailable

LARGEST = 128 * 1024
"""Bytes of a document."""
WITHIN = 2.5
"""Seconds that a socket may be silent, and that a body may take."""
LOOPBACK = ("127.0.0.1", "localhost")
Fetch = Callable[[str], bytes]
Found = TypeVar("Found")


class _Stay(urllib.request.HTTPRedirectHandler):
    """A redirect is no answer."""

    def redirect_request(self, *_: Any) -> None: ...


def fetch(url: str) -> bytes:
    """The document at `url`. Raises `Unavailable` for one that does not come, or is too large."""
    proxies: dict[str, str] | None = {} if urlsplit(url).hostname in LOOPBACK else None
    opener = urllib.request.build_opener(_Stay, urllib.request.ProxyHandler(proxies))
    request = urllib.request.Request(url, headers={"Accept": "application/json", "User-Agent": "loginq"})  # noqa: S310
    deadline, found = time.monotonic() + WITHIN, b""
    try:
        with opener.open(request, timeout=WITHIN) as answer:
            while part := answer.read1(LARGEST):
                found += part
                if len(found) > LARGEST or time.monotonic() > deadline:
                    raise Unavailable(f"{url} gives more than {LARGEST:,} bytes, or takes longer than {WITHIN} s.")
    except (OSError, http.client.HTTPException, ValueError) as exc:
        raise Unavailable(f"{url} cannot be read: {_why(exc)}.", "Is it within reach from here?") from exc
    return found


def _why(exc: Exception) -> str:
    """What went wrong, without what only Python calls so."""
    if isinstance(exc, urllib.error.HTTPError):
        exc.close()
        return f"it answers {exc.code} {exc.reason}".rstrip()
    cause = exc.reason if isinstance(exc, urllib.error.URLError) else exc
    if isinstance(cause, ssl.SSLError):
        return f"its certificate is not accepted here ({cause.reason or cause})".lower()
    if isinstance(cause, TimeoutError):
        return f"no answer within {WITHIN} s"
    return (isinstance(cause, OSError) and cause.strerror) or str(cause) or type(cause).__name__


def soon(work: Callable[[], Found], within: float, late: str) -> Found:
    """What `work` gives or raises, if it does so within seconds. Raises `Unavailable`, which says `late`, if not.

    No timeout of a socket holds for names, several addresses and heads that drip: it goes on alone, and is not heard.
    """
    found = Future[Found]()

    def run() -> None:
        try:
            found.set_result(work())
        except BaseException as exc:  # noqa: BLE001 - raised where it is waited for
            found.set_exception(exc)

    thread = threading.Thread(target=run, daemon=True)
    thread.start()
    thread.join(within)
    if not found.done():
        raise Unavailable(late)
    return found.result()
