"""An OpenID Connect provider as the authorizer sees it: its keys, found by discovery, and kept."""

import json
import threading
import time
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from typing import Any
from urllib.parse import urlsplit

import jwt

from loginq.service.rules.errors import BadToken, Failed, LoginqError, Unavailable, quoted
from loginq.service.rules.identity import ALGORITHMS, Opened, check_addressed, check_claims, opened
from loginq.service.rules.player import Identity
from loginq.service.store.fetch import LOOPBACK, Fetch, fetch, soon

FRESH = 600
"""Seconds after which keys are asked for again."""
LEAST = 60
"""Seconds between two fetches at least, whatever strangers send."""
AGAIN = 5
"""The same while there are no keys at all."""
KEPT = 86_400
"""Seconds for which the last good keys are used while the provider does not answer."""
SOON = 6.0
"""Seconds for all that it takes to get them: the authorizer has ten, and one that runs out loses the keys it has."""
SMALLEST = 2_048
"""Bits of an RSA key: https://www.rfc-editor.org/rfc/rfc7518#section-3.3"""
_KINDS = {"RS256": {"kty": "RSA"}, "ES256": {"kty": "EC", "crv": "P-256"}}


@dataclass(frozen=True, slots=True)
class Key:
    """One key of a provider for one algorithm; `wrong`: why it must not be used."""

    kid: str | None
    algorithm: str
    key: Any = None
    wrong: str = ""


def keys_at(issuer: str, get: Fetch = fetch) -> list[Key]:
    """The keys that an issuer signs ID tokens with, within `SOON`.

    https://openid.net/specs/openid-connect-discovery-1_0.html#ProviderConfig Raises `Unavailable`, and `Failed` for a
    document that is of another issuer, or names no key that can be used.
    """
    return soon(lambda: _keys_at(issuer, get), SOON, f"{issuer} has not given its keys within {SOON:g} s.")


def _keys_at(issuer: str, get: Fetch) -> list[Key]:
    url = f"{issuer.removesuffix('/')}/.well-known/openid-configuration"
    said = _document(get, url)
    if said.get("issuer") != issuer:
        there = quoted(str(said.get("issuer")))
        raise Failed(f"{url} is of the issuer {there}, not of {issuer}.", "Give it letter by letter as it is there.")
    address = said.get("jwks_uri")
    if not isinstance(address, str) or not _is_safe(address, issuer):
        raise Failed(f"{url} names no address of keys that is https.")
    listed = _document(get, address).get("keys")
    given = [each for each in listed if isinstance(each, dict)] if isinstance(listed, list) else []
    found = [key for each in given for algorithm in ALGORITHMS if (key := _key(each, algorithm))]
    if not any(not key.wrong for key in found):
        why = next((f": {key.wrong}" for key in found), "")
        raise Failed(f"{address} has no key for {' or '.join(ALGORITHMS)}{why}.")
    return found


def _document(get: Fetch, url: str) -> dict[str, Any]:
    try:
        said = json.loads(get(url).decode())
    except (ValueError, RecursionError):
        said = None
    if not isinstance(said, dict):
        raise Failed(f"{url} is no JSON object.")
    return said


def _is_safe(address: str, issuer: str) -> bool:
    """Whether keys may come from there: by https from anywhere, on the emulator also from this machine."""
    try:
        parts = urlsplit(address)
    except ValueError:
        return False
    local = parts.scheme == "http" and parts.hostname in LOOPBACK and issuer.startswith("http:")
    return bool(parts.hostname) and "@" not in parts.netloc and (parts.scheme == "https" or local)


def _key(jwk: Mapping[str, Any], algorithm: str) -> Key | None:
    """This key for this algorithm; None where it is none. https://www.rfc-editor.org/rfc/rfc7517#section-4"""
    if any(jwk.get(name) != value for name, value in _KINDS[algorithm].items()):
        return None
    ops, kid = jwk.get("key_ops", ["verify"]), jwk.get("kid")
    verifies = isinstance(ops, list) and "verify" in ops
    if jwk.get("use", "sig") != "sig" or jwk.get("alg", algorithm) != algorithm or not verifies:
        return None
    try:
        key = jwt.PyJWK({name: jwk[name] for name in ("kty", "crv", "x", "y", "n", "e") if name in jwk}, algorithm).key
    except (jwt.PyJWTError, ValueError, TypeError, AttributeError) as exc:
        return Key(kid, algorithm, wrong=f"it cannot be read: {quoted(str(exc))}")
    if algorithm == "RS256" and key.key_size < SMALLEST:
        return Key(kid, algorithm, wrong=f"its RSA key has {key.key_size:,} bits, fewer than {SMALLEST:,}")
    return Key(kid, algorithm, key)


class Provider:
    """The provider `issuer`, and who its ID tokens for `audience` mean.

    Args:
        log: told of each fetch that failed. clock: seconds, of which only differences count.
    """

    def __init__(
        self,
        issuer: str,
        audience: str,
        log: Callable[..., None],
        get: Fetch = fetch,
        clock: Callable[[], float] = time.monotonic,
    ) -> None:
        self._issuer, self._audience = issuer, audience
        self._log, self._get, self._clock = log, get, clock
        self._keys: Sequence[Key] = ()
        self._at = self._tried = float("-inf")
        self._lock = threading.Lock()

    def who(self, token: str, now: int) -> tuple[Identity, int]:
        """Who a token means, and until when it is good, s. `now`: s since the epoch.

        Raises `BadToken`; `Unavailable` while the provider's keys are not to be had.
        """
        said = opened(token)
        check_addressed(said.claims, self._issuer, self._audience)
        key = self._signer(said)
        try:
            jwt.PyJWS(algorithms=[said.algorithm]).decode(said.text, key.key, [said.algorithm])
        except (jwt.PyJWTError, ValueError) as exc:
            raise BadToken("signature: it does not fit: altered, or made by somebody else.") from exc
        return check_claims(said.claims, self._issuer, now)

    def _signer(self, said: Opened) -> Key:
        """The key that a token names; asked for once more, at most once a minute, when it is not known yet."""
        with self._lock:
            now = self._clock()
            if now - self._at > FRESH:
                self._refresh(now)
            if now - self._at > KEPT:
                raise Unavailable("The provider's keys are not to be had.")
            found = self._named(said)
            if not found and self._refresh(now):
                found = self._named(said)
        if len(found) != 1:
            which = "missing" if said.kid is None else quoted(said.kid)
            raise BadToken(f"kid: it is {which}, and the provider has {len(found)} such keys for {said.algorithm}.")
        if found[0].wrong:
            raise BadToken(f"kid: {found[0].wrong}.")
        return found[0]

    def _named(self, said: Opened) -> list[Key]:
        """Without an id it is the only one, or nobody knows: there may be several only with an id."""
        fitting = [key for key in self._keys if key.algorithm == said.algorithm]
        return [key for key in fitting if said.kid is None or key.kid == said.kid]

    def _refresh(self, now: float) -> bool:
        """Ask for the keys, unless that was just done; and whether they came. Else the last good ones stay."""
        if now - self._tried < (LEAST if self._keys else AGAIN):
            return False
        try:
            self._keys = keys_at(self._issuer, self._get)
        except LoginqError as exc:
            self._log("keys_not_fetched", reason=exc.message)
            return False
        finally:
            self._tried = self._clock()  # not when it began: that may take longer than `AGAIN`
        self._at = self._tried
        return True
