"""Admission tokens: signed JWTs (ES256, RFC 7518) that a game server checks offline; what is in one, and in the keys.

Three keys live in one secret: the previous, the active and the next. All three are published, so that a rotation takes
effect at once and breaks nothing: the key that becomes active has long been known, and the one it replaces still is.
Which one is active is also in the line (`kid`), so every minter knows within a second; the others it already holds.
"""

import json
from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from typing import Any, Self

from loginq.service.rules.errors import Failed
from loginq.service.rules.times import SECOND, iso

AUDIENCE = "loginq"
ALGORITHM = "ES256"
JWKS_MAX_AGE = 300
"""Seconds that a game server may keep the key set; a key is published at least that long before it signs."""
PUBLIC = ("kty", "crv", "x", "y")
LEEWAY = 60
"""Seconds that the clocks of a game server and of the API may differ; the guide's snippets allow as many."""
_INSTANTS = "iat", "exp"
_LAST = 253_402_300_799
"""The last second of the year 9999, behind which there is no date."""

Jwk = dict[str, str]
Jwks = dict[str, Any]


@dataclass(frozen=True, slots=True)
class KeySet:
    """The signing keys as private JWKs, and when they were rotated last, ms."""

    active: Jwk
    next: Jwk
    previous: Jwk | None
    rotated_at: int

    @classmethod
    def parse(cls, text: str) -> Self:
        """From the secret's text. Raises `Failed`, without saying what is in it."""
        try:
            given = json.loads(text)
            return cls(given["active"], given["next"], given["previous"], int(given["rotated_at"]))
        except (ValueError, KeyError, TypeError):
            raise Failed("The signing keys' secret cannot be read.", "Write it anew: `loginq deploy`.") from None

    def text(self) -> str:
        """The secret's text."""
        every = {"active": self.active, "next": self.next, "previous": self.previous, "rotated_at": self.rotated_at}
        return json.dumps(every)

    def rotated(self, new: Jwk, t: int) -> Self:
        """The next key becomes active, the active one previous, and `new` next."""
        return type(self)(self.next, new, self.active, t)

    def by_kid(self, kid: str) -> Jwk | None:
        """The private key of this id."""
        return next((key for key in self._all() if key["kid"] == kid), None)

    def jwks(self) -> Jwks:
        """The public key set (RFC 7517)."""
        return {"keys": [_public(key) for key in self._all()]}

    def kids(self) -> dict[str, str]:
        """The id of each key by its role."""
        roles = {"previous": self.previous, "active": self.active, "next": self.next}
        return {role: key["kid"] for role, key in roles.items() if key is not None}

    def document(self) -> dict[str, Any]:
        """What may be shown."""
        return {"keys": self.kids(), "rotated_at": iso(self.rotated_at)}

    def _all(self) -> list[Jwk]:
        return [key for key in (self.active, self.next, self.previous) if key is not None]


@dataclass(frozen=True, slots=True)
class Claim:
    """One thing that a token says, what it means, and why it is wrong; "" for right."""

    name: str
    value: str
    means: str
    wrong: str = ""


def issuers_of(jwks: Mapping[str, Any], issuer: str) -> list[str]:
    """What a token may name as `iss`: `issuer`, and what the key set says that tokens have named until lately."""
    said = jwks.get("issuers")
    return [issuer, *(each for each in (said if isinstance(said, list) else ()) if isinstance(each, str))]


def judged(said: Mapping[str, Any], issuers: Sequence[str], now: int) -> Iterator[Claim]:
    """What the claims of an admission token say, each checked: it may name any of `issuers`. `now` in seconds."""
    checks: dict[str, tuple[str, Callable[[Any], str]]] = {
        "iss": (
            "the API that let the player in",
            lambda value: "" if value in issuers else f"it must be {issuers[0]}",
        ),
        "aud": ("who it is for", lambda value: "" if value == AUDIENCE else f"it must be {AUDIENCE}"),
        "sub": ("the player", lambda value: "" if _is_name(value) else "it names nobody"),
        "jti": (
            "the admission (the ticket)",
            lambda value: "" if _is_name(value) else "it names none",
        ),
        "pos": ("the place in line", lambda value: "" if type(value) is int and value > 0 else "it is no position"),
        "iat": ("let in", lambda value: "" if value <= now + LEEWAY else "it lies in the future"),
        "exp": ("good until", lambda value: "" if value > now else "it is over"),
    }
    for name, (means, check) in checks.items():
        if name not in said:
            yield Claim(name, "", means, "it is missing")
        elif name not in _INSTANTS:
            yield Claim(name, shown(said[name]), means, check(said[name]))
        elif type(said[name]) is int and 0 <= said[name] <= _LAST:
            yield Claim(name, iso(said[name] * SECOND), means, check(said[name]))
        else:
            yield Claim(name, shown(said[name]), means, "it is no instant, in whole seconds since 1970")


def _is_name(value: Any) -> bool:
    return isinstance(value, str) and bool(value)


def shown(value: Any) -> str:
    """A value as text that can be written: JSON may hold halves of letters."""
    return str(value).encode("utf-8", "backslashreplace").decode()


def _public(key: Jwk) -> Jwk:
    return {**{name: key[name] for name in PUBLIC}, "kid": key["kid"], "use": "sig", "alg": ALGORITHM}
