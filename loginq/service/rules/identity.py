"""Players of another OpenID Connect provider: what their ID tokens must say, and by what key the table knows them."""

import base64
import hashlib
import json
import re
import unicodedata
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from loginq.service.rules.errors import BadToken, quoted
from loginq.service.rules.player import Identity

ALGORITHMS = ("RS256", "ES256")
LEEWAY = 60
"""Seconds that the provider's clock may differ from ours."""
LONGEST = 8_192
"""Letters of a token: API Gateway takes no more than 10,240 bytes of headers in all.

https://docs.aws.amazon.com/apigateway/latest/developerguide/limits.html
"""
SUBJECT = 255
"""Characters of a subject: https://openid.net/specs/openid-connect-core-1_0.html#IDToken"""
_KEY = re.compile("[A-Za-z0-9_.:-]{1,128}")
_HASHED, _SYNTHETIC = "~", "synthetic-"
_MADE = re.compile(f"{_HASHED}[A-Za-z0-9_-]{{43}}|{_SYNTHETIC}.*")
_BASE64 = re.compile("[A-Za-z0-9_-]+")
_LAST = 253_402_300_799
"""The last second of the year 9999, behind which there is no date."""


def key_of(issuer: str, subject: str) -> str:
    """By what the table knows the subject of a provider: by its own name where that is a safe one.

    A safe name is nobody else's key: no safe one begins with `~`. Names of synthetic players are nobody's. Where there
    is no provider but the stack's own pool, each name is a key.
    """
    if not issuer or (_KEY.fullmatch(subject) and not subject.startswith(_SYNTHETIC)):
        return subject
    digest = hashlib.sha256(f"{issuer}\0{subject}".encode()).digest()
    return _HASHED + base64.urlsafe_b64encode(digest).rstrip(b"=").decode()


def meant(issuer: str, name: str) -> str:
    """The key of whom an operator names: by the subject, or by the key itself."""
    return name if not issuer or is_key(name) else key_of(issuer, name)


def is_key(name: str) -> bool:
    """Whether this is the key of a player, and no subject."""
    return _MADE.fullmatch(name) is not None


def is_subject(value: Any) -> bool:
    """Whether this can be somebody's subject: a text of at most 255 characters that can be written."""
    return (
        isinstance(value, str)
        and 0 < len(value) <= SUBJECT
        and not any(unicodedata.category(each) in ("Cc", "Cs") for each in value)
    )


@dataclass(frozen=True, slots=True)
class Opened:
    """An ID token taken apart, and not yet believed."""

    text: str
    algorithm: str
    kid: str | None
    claims: Mapping[str, Any]


def opened(token: str) -> Opened:
    """What a token says of itself. Raises `BadToken` for what no provider that keeps to RFC 7515 and 7519 gives.

    Keys and addresses in its header (`jwk`, `jku`, `x5u`, `x5c`) are not looked at: https://www.rfc-editor.org/rfc/rfc8725
    """
    if not token:
        raise BadToken("form: the header is not `Bearer` and a token.")
    if len(token) > LONGEST:
        raise BadToken(f"size: it has {len(token):,} letters, more than {LONGEST:,}.")
    parts = token.split(".")
    if len(parts) != 3:
        raise BadToken(f"form: it has {len(parts)} parts, and a signed JWT has 3.")
    header = _object(parts[0], "header")
    algorithm, kid = header.get("alg"), header.get("kid")
    if algorithm not in ALGORITHMS:
        raise BadToken(f"alg: it is {_said(algorithm)}, and it must be {' or '.join(ALGORITHMS)}.")
    for name in ("crit", "b64"):
        if name in header:
            raise BadToken(f"{name}: the header asks for an extension, and there is none.")
    typ = header.get("typ", "JWT")
    if not isinstance(typ, str) or typ.upper() != "JWT":
        raise BadToken(f"typ: it is {_said(typ)}, and an ID token is JWT.")
    if kid is not None and not isinstance(kid, str):
        raise BadToken("kid: it is no text.")
    claims = _object(parts[1], "payload")
    if not _BASE64.fullmatch(parts[2]):
        raise BadToken("signature: there is none, or it is no base64url.")
    return Opened(token, str(algorithm), kid, claims)


def _object(part: str, name: str) -> dict[str, Any]:
    try:
        if not _BASE64.fullmatch(part):
            raise ValueError(part)
        text = base64.urlsafe_b64decode(part + "=" * (-len(part) % 4)).decode()
        said = json.loads(text, object_pairs_hook=_once, parse_constant=_no_number)
    except (ValueError, RecursionError):
        said = None
    if not isinstance(said, dict):
        raise BadToken(f"form: its {name} is no JSON object in base64url, or names something twice.")
    return said


def _once(pairs: Sequence[tuple[str, Any]]) -> dict[str, Any]:
    """Of two of the same name each reader might take another: https://www.rfc-editor.org/rfc/rfc7519#section-4"""
    found = dict(pairs)
    if len(found) != len(pairs):
        raise ValueError("a name is there twice")
    return found


def _no_number(text: str) -> None:
    raise ValueError(text)


def check_addressed(claims: Mapping[str, Any], issuer: str, audience: str) -> None:
    """Raises `BadToken` for a token of another issuer, or for somebody else, also for somebody else besides.

    https://openid.net/specs/openid-connect-core-1_0.html#IDTokenValidation (2 and 3). Whose client asked for it (`azp`)
    is no matter: a game of many platforms has a client on each, of which all name the one audience.
    """
    if claims.get("iss") != issuer:
        raise BadToken(f"iss: it is {_said(claims.get('iss'))}, and it must be {issuer}.")
    aud = claims.get("aud")
    if (aud if isinstance(aud, list) else [aud]) != [audience]:
        raise BadToken(f"aud: it is {_said(aud)}, and it must be {audience} alone.")


def check_claims(claims: Mapping[str, Any], issuer: str, now: int) -> tuple[Identity, int]:
    """Who a token with a right signature means, and until when, s. Raises `BadToken`. `now` in seconds."""
    if "events" in claims:  # https://openid.net/specs/openid-connect-backchannel-1_0.html#LogoutToken
        raise BadToken("events: it says that something happened, and nobody signs in by it.")
    exp, iat = _instant(claims, "exp"), _instant(claims, "iat")
    if now >= exp + LEEWAY:
        raise BadToken(f"exp: it is over since {int(now - exp):,} s.")
    for name, at in (("iat", iat), ("nbf", _instant(claims, "nbf") if "nbf" in claims else 0)):
        if at > now + LEEWAY:
            raise BadToken(f"{name}: it begins in {int(at - now):,} s.")
    subject = claims.get("sub")
    if not is_subject(subject):
        raise BadToken(f"sub: it is {_said(subject)}, and it must be a text of 1 to {SUBJECT} characters.")
    return identity_of(issuer, str(subject)), int(exp)


def identity_of(issuer: str, subject: str) -> Identity:
    """A player of a provider, whose name is the subject: the provider's other words are not ours to keep."""
    return Identity(key_of(issuer, subject), subject, subject=subject)


def _instant(claims: Mapping[str, Any], name: str) -> float:
    at = claims.get(name)
    if type(at) not in (int, float) or not 0 <= at <= _LAST:  # type: ignore[operator]
        raise BadToken(f"{name}: it is {_said(at)}, and it must be an instant, in seconds since 1970.")
    return float(at)  # type: ignore[arg-type]


def _said(value: Any) -> str:
    return "missing" if value is None else quoted(value if isinstance(value, str) else json.dumps(value))
