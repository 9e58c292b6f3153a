"""Admission tokens: signed JWTs (ES256, RFC 7518) that a game server checks offline, and the keys that sign them.

Three keys live in one secret: the previous, the active and the next. All three are published, so that a rotation takes
effect at once and breaks nothing: the key that becomes active has long been known, and the one it replaces still is.
Which one is active is also in the line (`kid`), so every minter knows within a second; the others it already holds.

Their public halves are also in a row of the table, which is all that the function behind the public key set may read.
They are written there before the secret is: a key that is not published never signs.
"""

import json
import threading
import time
from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass
from typing import Any, Self

from loginq.service.rules.errors import Failed, Invalid, NotFound, Unavailable
from loginq.service.rules.times import SECOND, iso
from loginq.service.table import Table

AUDIENCE = "loginq"
ALGORITHM = "ES256"
JWKS_MAX_AGE = 300
"""Seconds that a game server may keep the key set; a key is published at least that long before it signs."""
_PUBLIC = ("kty", "crv", "x", "y")
LEEWAY = 60
"""Seconds that the clocks of a game server and of the API may differ; README's snippets allow as many."""
_RELOAD = 1.0
_INSTANTS = "iat", "exp"
_LAST = 253_402_300_799
"""The last second of the year 9999, behind which there is no date."""

Jwk = dict[str, str]
Jwks = dict[str, list[Jwk]]


@dataclass(frozen=True, slots=True)
class KeySet:
    """The signing keys as private JWKs, and when they were rotated last, ms."""

    active: Jwk
    next: Jwk
    previous: Jwk | None
    rotated_at: int

    @classmethod
    def new(cls, t: int) -> Self:
        """The first keys of a stack."""
        return cls(_new_key(), _new_key(), None, t)

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

    def rotated(self, t: int) -> Self:
        """The next key becomes active, the active one previous, and a new one next."""
        return type(self)(self.next, _new_key(), self.active, t)

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


class Keys:
    """The secret `secret_id`, read once and again only for a key that is not known yet."""

    def __init__(self, secrets: Any, secret_id: str) -> None:
        self._secrets, self._id = secrets, secret_id
        self._cache: tuple[float, KeySet] | None = None
        self._lock = threading.Lock()

    def read(self) -> KeySet:
        """The keys as they are now. Raises `NotFound` when none were written yet."""
        try:
            text = self._secrets.get_secret_value(SecretId=self._id).get("SecretString", "")
        except NotFound:  # AWS; the emulator has an empty value instead
            text = ""
        if not text:
            raise NotFound("There are no signing keys yet.", "Write them with `loginq deploy`.")
        keys = KeySet.parse(text)
        self._cache = time.monotonic(), keys
        return keys

    def cached(self, max_age: float = float("inf")) -> KeySet:
        """The keys as they were at most `max_age` seconds ago."""
        with self._lock:
            if self._cache is None or time.monotonic() - self._cache[0] > max_age:
                return self.read()
            return self._cache[1]

    def signer(self, kid: str) -> Jwk:
        """The private key that the line calls active; read anew, at most once a second, when it is not known."""
        key = self.cached().by_kid(kid) or self.cached(_RELOAD).by_kid(kid)
        if key is not None:
            return key
        return self.cached().active

    def ensure(self, t: int, public: "Published") -> KeySet:
        """The keys, made first when there are none, and their public halves in `public`."""
        try:
            keys = self.read()
        except NotFound:
            return self._write(KeySet.new(t), public)
        public.write(keys)
        return keys

    def rotate(self, t: int, admission: int, public: "Published", *, force: bool = False) -> KeySet:
        """Rotate at `t`. `admission`: how long a token lives, ms. `public` has the new set before anything signs by it.

        Raises `Invalid` while the previous key may still have living tokens, or a game server may not know the next one
        yet; `force` does it all the same.
        """
        keys = self.read()
        safe_at = keys.rotated_at + max(admission, JWKS_MAX_AGE * SECOND)
        if keys.previous is not None and t < safe_at and not force:
            raise Invalid(
                f"The keys were rotated at {iso(keys.rotated_at)}; again now would break tokens that are still alive.",
                f"Wait until {iso(safe_at)}, or give --force if a key has leaked.",
            )
        return self._write(keys.rotated(t), public)

    def _write(self, keys: KeySet, public: "Published") -> KeySet:
        public.write(keys)
        self._secrets.put_secret_value(SecretId=self._id, SecretString=keys.text())
        self._cache = time.monotonic(), keys
        return keys


class Published:
    """The public key set of `queue`, in a row whose key nothing else has: who may read it can read nothing else."""

    def __init__(self, table: Table, queue: str) -> None:
        self._table, self._pk = table, f"PUBLIC#{queue}"
        self._cache: tuple[float, Jwks] | None = None

    def read(self) -> Jwks:
        """The key set. Raises `Unavailable` when none has been published yet."""
        row = self._table.get(self._pk, "JWKS")
        if row is None:
            raise Unavailable("No keys have been published yet.", "Publish them with `loginq deploy`.")
        found: Jwks = json.loads(row["keys"])
        self._cache = time.monotonic(), found
        return found

    def cached(self, max_age: float) -> Jwks:
        """The key set as it was at most `max_age` seconds ago."""
        if self._cache is None or time.monotonic() - self._cache[0] > max_age:
            return self.read()
        return self._cache[1]

    def write(self, keys: KeySet) -> None:
        """Publish these keys; nothing is written where they are."""
        text = json.dumps(keys.jwks())
        row = self._table.get(self._pk, "JWKS")
        if row is None or row["keys"] != text:
            self._table.put({"PK": self._pk, "SK": "JWKS", "keys": text})


def mint(key: Jwk, *, issuer: str, sub: str, ticket: str, position: int, admitted_at: int, admission: int) -> str:
    """The admission token of one admission: the same claims whenever it is made. Instants and durations in ms."""
    import jwt

    claims = {
        "iss": issuer,
        "aud": AUDIENCE,
        "sub": sub,
        "jti": ticket,
        "pos": position,
        "iat": admitted_at // SECOND,
        "exp": (admitted_at + admission) // SECOND,
    }
    return jwt.encode(claims, jwt.PyJWK(key, ALGORITHM).key, ALGORITHM, headers={"kid": key["kid"]})


@dataclass(frozen=True, slots=True)
class Claim:
    """One thing that a token says, what it means, and why it is wrong; "" for right."""

    name: str
    value: str
    means: str
    wrong: str = ""


def explain(token: str, jwks: Mapping[str, Any], issuer: str, t: int) -> list[Claim]:
    """Everything that an admission token says, each checked. Raises `Invalid` for what is no JWT at all."""
    import jwt

    try:
        header = jwt.get_unverified_header(token)
        said = jwt.decode(token, options={"verify_signature": False})
        claims = [*_signing(token, header, jwks), *_claims(said, issuer, t // SECOND)]
    except (jwt.PyJWTError, ValueError, RecursionError) as exc:
        # ValueError and RecursionError: letters that are none, numbers without end, brackets a thousand deep.
        why = str(exc) if isinstance(exc, jwt.PyJWTError) else "what is in it cannot be read"
        raise Invalid(f"This is not a JWT: {why}.", "Give the admission_token of /login/status.") from exc
    return claims


def _signing(token: str, header: Mapping[str, Any], jwks: Mapping[str, Any]) -> Iterator[Claim]:
    algorithm, kid = header.get("alg"), header.get("kid", "")
    key = next((each for each in jwks.get("keys", []) if each.get("kid") == kid), None)
    right = algorithm == ALGORITHM
    yield Claim("alg", _shown(algorithm), "how it is signed", "" if right else f"it must be {ALGORITHM}")
    yield Claim("kid", _shown(kid), "the key that signed it", "" if key else "the stack has no such key (any more)")
    wrong = _signature(token, key) if key and right else "it cannot be checked"
    yield Claim("signature", "", "made with that key", wrong)


def _claims(said: Mapping[str, Any], issuer: str, now: int) -> Iterator[Claim]:
    """What the claims say. `now` in seconds."""
    checks: dict[str, tuple[str, Callable[[Any], str]]] = {
        "iss": ("the API that let the player in", lambda value: "" if value == issuer else f"it must be {issuer}"),
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
            yield Claim(name, _shown(said[name]), means, check(said[name]))
        elif type(said[name]) is int and 0 <= said[name] <= _LAST:
            yield Claim(name, iso(said[name] * SECOND), means, check(said[name]))
        else:
            yield Claim(name, _shown(said[name]), means, "it is no instant, in whole seconds since 1970")


def _is_name(value: Any) -> bool:
    return isinstance(value, str) and bool(value)


def _shown(value: Any) -> str:
    """A value as text that can be written: JSON may hold halves of letters."""
    return str(value).encode("utf-8", "backslashreplace").decode()


def _signature(token: str, key: Mapping[str, Any]) -> str:
    import jwt

    try:
        jwt.PyJWS().decode(token, jwt.PyJWK(dict(key), ALGORITHM).key, [ALGORITHM])
    except jwt.PyJWTError:
        return "it does not fit: the token was altered, or made by somebody else"
    return ""


def _new_key() -> Jwk:
    """A private P-256 key, its id the RFC 7638 thumbprint of the public one."""
    import base64
    import hashlib

    from cryptography.hazmat.primitives.asymmetric import ec
    from jwt.algorithms import ECAlgorithm

    jwk: Jwk = dict(ECAlgorithm.to_jwk(ec.generate_private_key(ec.SECP256R1()), as_dict=True))
    text = json.dumps({name: jwk[name] for name in sorted(_PUBLIC)}, separators=(",", ":"))
    digest = hashlib.sha256(text.encode()).digest()
    return {**jwk, "kid": base64.urlsafe_b64encode(digest).rstrip(b"=").decode()}


def _public(key: Jwk) -> Jwk:
    return {**{name: key[name] for name in _PUBLIC}, "kid": key["kid"], "use": "sig", "alg": ALGORITHM}
