"""The keys of game servers that hold no AWS identity: 256 random bits each, of which only the hash is kept."""

import hashlib
import hmac
from dataclasses import dataclass
from typing import Any

from loginq.service.rules.times import DAY, MINUTE, SECOND, iso

KNOWN = 5 * SECOND
"""For how long a function goes by what it read of a key, or that there is none, ms: then a revoked one is refused."""
USED = 1 * MINUTE
"""How exactly the last use of a key is known, ms: a server that reports each second costs no write each second."""
GRACE = 1 * DAY
"""How long the key before stays good beside the one that follows it, ms."""
NOBODYS = "0" * 64
"""Compared where there is no hash, so that it takes as long; nothing is known that hashes to it."""


def hash_of(key: str) -> str:
    """What is kept of a key: of so many random bits a plain hash gives nothing back."""
    return hashlib.sha256(key.encode(errors="replace")).hexdigest()


@dataclass(frozen=True, slots=True)
class ServerKey:
    """The key of one game server, and the one before where that is still good; instants in ms, None for never.

    Args:
        since: when it was made. used_at, old_used_at: when each was used last, to a minute.
        old_until: until when the one before is good.
    """

    server: str
    hash: str
    since: int
    used_at: int | None = None
    old_hash: str = ""
    old_until: int = 0
    old_used_at: int | None = None

    def has_old(self, t: int) -> bool:
        """Whether the key before is still good at `t`."""
        return bool(self.old_hash) and t < self.old_until

    def document(self, t: int) -> dict[str, Any]:
        """The JSON form, at the instant `t`, with nothing of the key itself."""
        old = {"until": iso(self.old_until), "last_used": _when(self.old_used_at)} if self.has_old(t) else None
        return {"since": iso(self.since), "last_used": _when(self.used_at), "old": old}


def opened(there: ServerKey, presented: str, t: int) -> str:
    """The hash of that key of a server which was presented, or "" for none of its keys.

    Whatever is presented and whatever is there, it takes the same time.
    """
    given = hash_of(presented)
    is_new = hmac.compare_digest(given, there.hash)
    is_old = hmac.compare_digest(given, there.old_hash if there.has_old(t) else NOBODYS)
    return given if is_new or is_old else ""


def bearer_of(headers: dict[str, Any] | None) -> str:
    """What stands behind `Authorization: Bearer`, or ""; names of headers may be written in any letters."""
    said = next((value for name, value in (headers or {}).items() if name.lower() == "authorization"), None) or ""
    scheme, _, key = str(said).strip().partition(" ")
    return key.strip() if scheme.lower() == "bearer" else ""


def _when(t: int | None) -> str | None:
    return None if t is None else iso(t)
