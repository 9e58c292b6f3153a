"""Who may ask the emulator for what: a pure rule over a request's head, which refuses what it does not know.

The emulator asks nobody for credentials, and obeys a header, a query or a form on any path. So any page in the user's
browser could run code on this machine, and the page of a deployed API shares its origin with everything that manages
that API: no origin is trusted. Programs on this machine may do all but reset it; a browser may call a deployed API,
as on AWS, and Cognito's public operations from the origins that are allowed.
"""

import re
from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from enum import Enum
from typing import Any
from urllib.parse import parse_qs

Headers = list[tuple[bytes, bytes]]
"""As in an ASGI scope; the names are in lower case here."""

HEALTH = "/_loginq/health"
COGNITO = "AWSCognitoIdentityProviderService."
PUBLIC = {
    *("SignUp", "ConfirmSignUp", "ResendConfirmationCode", "InitiateAuth", "RespondToAuthChallenge"),
    *("ForgotPassword", "ConfirmForgotPassword", "GetUser", "ChangePassword", "RevokeToken", "GlobalSignOut"),
    "GetTokensFromRefreshToken",
}
"""Cognito's operations that need no credentials of AWS."""
_CLOSED = ("/_ministack/reset", "/_localstack/state/reset")
_API = re.compile(r"/restapis/[A-Za-z0-9-]+/[A-Za-z0-9_-]+/_user_request_(?:/(?!@connections/).*)?", re.DOTALL)
"""A call of a deployed API; behind `@connections` lies the management of its WebSockets."""
_ONCE = {b"origin", b"x-amz-target", b"authorization", b"content-type", b"content-length", b"transfer-encoding"}
"""Headers that mean something here: two of one would be read differently by whoever comes next."""
_SIGNATURE = {b"x-amz-date", b"x-amz-security-token", b"x-amz-content-sha256", b"x-amz-region-set"}
"""What a method with AWS_IAM needs beside `Authorization`."""
_OF_A_PAGE = {b"x-amz-target", b"x-amz-user-agent"}
_FORM = b"application/x-www-form-urlencoded"


class Do(Enum):
    """What becomes of a request."""

    REFUSE = "refused"
    HEALTH = "answered with the process"
    PREFLIGHT = "answered as a preflight"
    FORWARD = "passed on"
    FORWARD_FORM = "passed on unless its form names an operation"


@dataclass(frozen=True, slots=True)
class Verdict:
    """What becomes of a request, the headers that the emulator gets of it, and the allowed page that it comes from."""

    do: Do
    headers: Headers
    origin: bytes | None = None

    @property
    def operation(self) -> str | None:
        """The operation of Cognito that it asks for."""
        target = dict(self.headers).get(b"x-amz-target", b"").decode("latin-1")
        return target.removeprefix(COGNITO) if target.startswith(COGNITO) else None


class Rule:
    """The rule of an emulator on 127.0.0.1:`port`, where pages of `origins` may sign in."""

    def __init__(self, port: int, origins: Iterable[str] = ()) -> None:
        self._hosts = {f"{host}:{port}".encode() for host in ("127.0.0.1", "localhost")}
        self._origins = {b"http://" + host for host in self._hosts} | {origin.encode() for origin in origins}

    def verdict(self, scope: Mapping[str, Any]) -> Verdict:
        """What becomes of the request with this ASGI scope of type `http`."""
        headers = [(name.lower(), value) for name, value in scope["headers"]]
        path = scope["path"]
        raw_path = scope.get("raw_path") or path.encode()
        if not self._sound(headers) or not raw_path.startswith(b"/"):
            return _refused()
        browser = _is_browsers(headers)
        if calls_an_api(path, raw_path):
            return _to_the_api(scope["query_string"], headers, browser)
        if browser:
            return self._of_a_page(scope["method"], raw_path, scope["query_string"], headers)
        if path.startswith(_CLOSED):
            return _refused()
        return Verdict(Do.HEALTH if path == HEALTH else Do.FORWARD, headers)

    def _sound(self, headers: Headers) -> bool:
        """Whether it is for this very address and says nothing twice: a page that was rebound by DNS has its Host."""
        hosts = _values(headers, b"host")
        names = [name for name, _ in headers]
        return (
            len(hosts) == 1
            and hosts[0] in self._hosts
            and all(names.count(name) <= 1 for name in _ONCE)
            and not {b"content-length", b"transfer-encoding"} <= set(names)
        )

    def _of_a_page(self, method: str, raw_path: bytes, query: bytes, headers: Headers) -> Verdict:
        """The public operations of Cognito, from our own pages and the origins that are listed."""
        origin = next(iter(_values(headers, b"origin")), b"")
        if origin not in self._origins or raw_path != b"/" or query:
            return _refused()
        if method == "OPTIONS" and _values(headers, b"access-control-request-method") == [b"POST"]:
            return Verdict(Do.PREFLIGHT, [], origin)
        less = [(name, value) for name, value in headers if name in _OF_A_PAGE or not _is_for_aws(name)]
        verdict = Verdict(Do.FORWARD, less, origin)
        return verdict if method == "POST" and verdict.operation in PUBLIC else _refused()


def names_an_operation(query: bytes) -> bool:
    """Whether a query, or a form, is one that the emulator would obey on any path."""
    names = parse_qs(query.decode("latin-1"), keep_blank_values=True)
    return any(name in ("Action", "AWSAccessKeyId") or name.lower().startswith("x-amz-") for name in names)


def calls_an_api(path: str, raw_path: bytes) -> bool:
    """Whether it is plainly a call of a deployed API, as written and as the emulator decodes it."""
    written = raw_path.decode("latin-1")
    climbs = any(part in (".", "..") for part in re.split(r"[/\\]", path))
    return not climbs and _API.fullmatch(path) is not None and _API.fullmatch(written) is not None


def _to_the_api(query: bytes, headers: Headers, browser: bool) -> Verdict:
    """A program's signature goes with its call, for a method with AWS_IAM; a page has no keys of AWS to sign with."""
    if names_an_operation(query):
        return _refused()
    if browser:
        less = [(name, value) for name, value in headers if not _is_for_aws(name) or _is_a_players(name, value)]
    else:
        less = [(name, value) for name, value in headers if name in _SIGNATURE or not name.startswith(b"x-amz-")]
    is_form = any(value.strip().lower().startswith(_FORM) for value in _values(headers, b"content-type"))
    return Verdict(Do.FORWARD_FORM if is_form else Do.FORWARD, less)


def _is_for_aws(name: bytes) -> bool:
    return name.startswith(b"x-amz-") or name == b"authorization"


def _is_a_players(name: bytes, value: bytes) -> bool:
    """Whether this is a token of Cognito, and not a signature with a key of AWS."""
    return name == b"authorization" and not value.strip().upper().startswith(b"AWS")


def _is_browsers(headers: Headers) -> bool:
    """Whether a browser sent it. Some send neither Origin nor Sec-Fetch headers with an image, but all give a name."""
    return any(
        name == b"origin" or name.startswith(b"sec-") or (name == b"user-agent" and value.startswith(b"Mozilla/"))
        for name, value in headers
    )


def _values(headers: Headers, name: bytes) -> list[bytes]:
    return [value for each, value in headers if each == name]


def _refused() -> Verdict:
    return Verdict(Do.REFUSE, [])
