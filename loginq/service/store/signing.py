"""The signing keys in their secret, and what is made and checked with them.

Their public halves are also in a row of the table, which is all that the function behind the public key set may read.
They are written there before the secret is: a key that is not published never signs.
"""

import base64
import json
import threading
import time
from collections.abc import Iterator, Mapping
from typing import Any

from loginq.service.rules.errors import Invalid, NotFound, Unavailable
from loginq.service.rules.times import SECOND, Clock, iso
from loginq.service.rules.token import (
    ALGORITHM,
    AUDIENCE,
    JWKS_MAX_AGE,
    PUBLIC,
    Claim,
    Jwk,
    Jwks,
    KeySet,
    issuers_of,
    judged,
    shown,
)
from loginq.service.store import keys
from loginq.service.store.clock import system_clock
from loginq.service.store.table import Table

_RELOAD = 1.0


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
        """The private key that the line calls active; read anew, at most once a second, when it is not known.

        Raises `Unavailable` when none were written yet: whoever waits in a table that a new stack takes may be sooner.
        """
        try:
            return self.cached().by_kid(kid) or self.cached(_RELOAD).by_kid(kid) or self.cached().active
        except NotFound as exc:
            raise Unavailable(exc.message, exc.hint) from exc

    def ensure(self, t: int, public: "Published", lives: int = 0) -> KeySet:
        """The keys, made first when there are none, and their public halves in `public`.

        Where that has those of another secret, of a stack that had this table before, they stay for `lives` ms: as long
        as a token lives, whose player may be on the way into the game.
        """
        try:
            keys = self.read()
        except NotFound:
            public.retire(t, lives)
            return self._write(new_keys(t), public)
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
        made = self._write(keys.rotated(new_key(), t), public)
        if force:
            public.forget(t)
        return made

    def _write(self, keys: KeySet, public: "Published") -> KeySet:
        public.write(keys)
        self._secrets.put_secret_value(SecretId=self._id, SecretString=keys.text())
        self._cache = time.monotonic(), keys
        return keys


class Published:
    """The public key set of `queue`, in a row whose key nothing else has: who may read it can read nothing else.

    The row has the keys of the stack's secret, the `iss` of its tokens, and `before`: keys and `iss` that were so until
    lately, each with the instant, ms, until which tokens made with them live.
    """

    def __init__(self, table: Table, queue: str, clock: Clock = system_clock) -> None:
        self._table, self._key, self._clock = table, keys.jwks(queue), clock
        self._cache: tuple[float, Jwks] | None = None

    def read(self) -> Jwks:
        """The key set, with what was before as long as it counts. Raises `Unavailable` when none is published yet."""
        row = self._table.get(*self._key) or {}
        if "keys" not in row:
            raise Unavailable("No keys have been published yet.", "Publish them with `loginq deploy`.")
        found, before = json.loads(row["keys"]), _alive(row, self._clock())
        known = {key["kid"] for key in found["keys"]}
        found["keys"] += [key for key, _ in before["keys"] if key["kid"] not in known]
        if "issuer" in row:
            found["issuers"] = [row["issuer"], *(issuer for issuer, _ in before["issuers"])]
        self._cache = time.monotonic(), found
        return dict(found)

    def cached(self, max_age: float) -> Jwks:
        """The key set as it was at most `max_age` seconds ago."""
        if self._cache is None or time.monotonic() - self._cache[0] > max_age:
            return self.read()
        return self._cache[1]

    def write(self, new: KeySet) -> None:
        """Publish these keys; nothing is written where they are."""
        text = json.dumps(new.jwks())
        row = self._table.get(*self._key)
        if row is None or row.get("keys") != text:
            self._table.update(*self._key, write={"keys": text})

    def retire(self, t: int, lives: int) -> None:
        """Let the keys that are published count for `lives` ms more, whatever is written in their place."""
        row = self._table.get(*self._key) or {}
        there = json.loads(row["keys"])["keys"] if "keys" in row else []
        if there:
            before = _alive(row, t)
            others = [each for each in before["keys"] if each[0] not in there]
            self._before({**before, "keys": [*([key, t + lives] for key in there), *others]})

    def forget(self, t: int) -> None:
        """Let keys of before count no more, one of which may have leaked."""
        before = _alive(self._table.get(*self._key) or {}, t)
        if before["keys"]:
            self._before({**before, "keys": []})

    def name(self, issuer: str, t: int, lives: int) -> None:
        """Say that tokens name this `iss` from `t` on, and for `lives` ms more perhaps the one before."""
        row = self._table.get(*self._key) or {}
        if row.get("issuer") == issuer:
            return
        before = _alive(row, t)
        others = [each for each in before["issuers"] if each[0] != issuer]
        gone = [[row["issuer"], t + lives]] if "issuer" in row else []
        self._before({**before, "issuers": [*gone, *others]}, issuer=issuer)

    def _before(self, before: Mapping[str, Any], **more: str) -> None:
        self._table.update(*self._key, write={"before": json.dumps(before), **more})


def _alive(row: Mapping[str, Any], t: int) -> dict[str, list[Any]]:
    """What a published row says was before, as far as it counts at `t`."""
    said = json.loads(row.get("before", "{}"))
    return {name: [each for each in said.get(name, []) if each[1] > t] for name in ("keys", "issuers")}


def mint(key: Jwk, *, issuer: str, sub: str, ticket: str, position: int, admitted_at: int, admission: int) -> str:
    """The admission token of one admission: the same claims whenever it is made. Instants and durations in ms."""
    claims = {
        "iss": issuer,
        "aud": AUDIENCE,
        "sub": sub,
        "jti": ticket,
        "pos": position,
        "iat": admitted_at // SECOND,
        "exp": (admitted_at + admission) // SECOND,
    }
    header = {"alg": ALGORITHM, "kid": key["kid"], "typ": "JWT"}
    said = ".".join(_base64(json.dumps(part, separators=(",", ":")).encode()) for part in (header, claims))
    return f"{said}.{_base64(_es256(key['d'], said.encode()))}"


def try_signing() -> None:
    """Sign once what nobody will see, with a key that is none: the first signature is the slow one."""
    _es256("AQ", b"")


def _es256(private: str, said: bytes) -> bytes:
    """ECDSA on P-256 with SHA-256 by the private key of a JWK: https://www.rfc-editor.org/rfc/rfc7518#section-3.4

    Without PyJWT, which imports what fetches keys by HTTP, too: 18 of 25 ms of a cold start.
    """
    from cryptography.hazmat.primitives import hashes
    from cryptography.hazmat.primitives.asymmetric import ec, utils

    number = int.from_bytes(base64.urlsafe_b64decode(private + "=" * (-len(private) % 4)))
    signature = ec.derive_private_key(number, ec.SECP256R1()).sign(said, ec.ECDSA(hashes.SHA256()))
    return b"".join(half.to_bytes(32) for half in utils.decode_dss_signature(signature))


def _base64(data: bytes) -> str:
    return base64.urlsafe_b64encode(data).rstrip(b"=").decode()


def explain(token: str, jwks: Mapping[str, Any], issuer: str, t: int) -> list[Claim]:
    """Everything that an admission token says, each checked. Raises `Invalid` for what is no JWT at all."""
    import jwt

    try:
        header = jwt.get_unverified_header(token)
        said = jwt.decode(token, options={"verify_signature": False})
        claims = [*_signing(token, header, jwks), *judged(said, issuers_of(jwks, issuer), t // SECOND)]
    except (jwt.PyJWTError, ValueError, RecursionError) as exc:
        # ValueError and RecursionError: letters that are none, numbers without end, brackets a thousand deep.
        why = str(exc) if isinstance(exc, jwt.PyJWTError) else "what is in it cannot be read"
        raise Invalid(f"This is not a JWT: {why}.", "Give the admission_token of /login/status.") from exc
    return claims


def _signing(token: str, header: Mapping[str, Any], jwks: Mapping[str, Any]) -> Iterator[Claim]:
    algorithm, kid = header.get("alg"), header.get("kid", "")
    key = next((each for each in jwks.get("keys", []) if each.get("kid") == kid), None)
    right = algorithm == ALGORITHM
    yield Claim("alg", shown(algorithm), "how it is signed", "" if right else f"it must be {ALGORITHM}")
    yield Claim("kid", shown(kid), "the key that signed it", "" if key else "the stack has no such key (any more)")
    wrong = _signature(token, key) if key and right else "it cannot be checked"
    yield Claim("signature", "", "made with that key", wrong)


def _signature(token: str, key: Mapping[str, Any]) -> str:
    import jwt

    try:
        jwt.PyJWS().decode(token, jwt.PyJWK(dict(key), ALGORITHM).key, [ALGORITHM])
    except jwt.PyJWTError:
        return "it does not fit: the token was altered, or made by somebody else"
    return ""


def new_keys(t: int) -> KeySet:
    """The first keys of a stack, made at `t`, ms."""
    return KeySet(new_key(), new_key(), None, t)


def new_key() -> Jwk:
    """A private P-256 key, its id the RFC 7638 thumbprint of the public one."""
    import hashlib

    from cryptography.hazmat.primitives.asymmetric import ec
    from jwt.algorithms import ECAlgorithm

    jwk: Jwk = dict(ECAlgorithm.to_jwk(ec.generate_private_key(ec.SECP256R1()), as_dict=True))
    text = json.dumps({name: jwk[name] for name in sorted(PUBLIC)}, separators=(",", ":"))
    digest = hashlib.sha256(text.encode()).digest()
    return {**jwk, "kid": _base64(digest)}
