"""One small document by HTTPS: within seconds, no larger than it may be, and from where it was asked for."""

import http.client
import time
import urllib.request
from collections.abc import Callable
from typing import Any
from urllib.parse import urlsplit

from loginq.service.rules.errors import Unavailable

LARGEST = 128 * 1024
"""Bytes of a document."""
WITHIN = 2.5
"""Seconds for all of it."""
LOOPBACK = ("127.0.0.1", "localhost")
Fetch = Callable[[str], bytes]


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
        raise Unavailable(f"{url} cannot be read: {exc}.", "Is it within reach from here?") from exc
    return found
