"""An OpenID Connect provider on loopback: discovery, keys, ID tokens, and every way in which one misbehaves."""

import base64
import json
import secrets
import threading
import time
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from dataclasses import dataclass, field
from functools import cache
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from typing import Any

import jwt
from cryptography.hazmat.primitives.asymmetric import ec, rsa
from jwt.algorithms import ECAlgorithm, RSAAlgorithm

AUDIENCE = "game"
DISCOVERY, KEYS = "/.well-known/openid-configuration", "/keys"


@cache
def private(kind: str, name: str = "", bits: int = 2_048) -> Any:
    """A private key, made once a process: RSA takes its time."""
    if kind == "RS256":
        return rsa.generate_private_key(65_537, bits)
    return ec.generate_private_key(ec.SECP256R1())


def jwk_of(kid: str | None, kind: str, key: Any, **more: Any) -> dict[str, Any]:
    """The public half of a key, as a key set has it."""
    algorithm: Any = RSAAlgorithm if kind == "RS256" else ECAlgorithm
    named = {} if kid is None else {"kid": kid}
    return {**algorithm.to_jwk(key.public_key(), as_dict=True), **named, "use": "sig", "alg": kind, **more}


def encoded(part: Any) -> str:
    """A part of a JWT: of an object, or of bytes that may be anything."""
    body = part if isinstance(part, bytes) else json.dumps(part).encode()
    return base64.urlsafe_b64encode(body).rstrip(b"=").decode()


def signed(
    claims: Any, kind: str, key: Any, kid: str | None = "a", header: dict[str, Any] | bytes | None = None
) -> str:
    """A JWT of any claims and any header, signed by the rules of `kind` all the same; `None` takes a name away."""
    if not isinstance(header, bytes):
        named = {"alg": kind, "typ": "JWT", "kid": kid, **(header or {})}
        header = json.dumps({name: value for name, value in named.items() if value is not None}).encode()
    said = f"{encoded(header)}.{encoded(claims)}"
    algorithm = jwt.get_algorithm_by_name(kind)
    return f"{said}.{encoded(algorithm.sign(said.encode(), algorithm.prepare_key(key)))}"


@dataclass
class Provider:
    """One that signs by RS256 with the key `a`, and by ES256 with the key `b`, and publishes both.

    Args:
        fetches: the paths that were asked for, in order.
        says: instead of its own documents: path -> (status, headers, body), of which `Content-Length` may lie.
        pause: seconds before each answer.
        drips: path -> seconds between any two bytes of a head, for 200 of them.
    """

    issuer: str = ""
    fetches: list[str] = field(default_factory=list)
    says: dict[str, tuple[int, dict[str, str], bytes]] = field(default_factory=dict)
    pause: float = 0
    drips: dict[str, float] = field(default_factory=dict)
    signers: dict[str, tuple[str, Any]] = field(default_factory=dict)
    published: list[dict[str, Any]] = field(default_factory=list)

    def __post_init__(self) -> None:
        self.sign_by("a", "RS256")
        self.sign_by("b", "ES256")

    def sign_by(self, kid: str, kind: str = "RS256") -> None:
        """Another key, published."""
        key = private(kind, kid)
        self.signers[kid] = kind, key
        self.published.append(jwk_of(kid, kind, key))

    def rotate(self, kid: str) -> None:
        """A new key, and none of those before."""
        self.published.clear()
        self.signers.clear()
        self.sign_by(kid)

    def claims(self, subject: str = "ada", **other: Any) -> dict[str, Any]:
        """What an ID token says; `None` takes a claim away."""
        now = int(time.time())
        said = {"iss": self.issuer, "aud": AUDIENCE, "sub": subject, "iat": now, "exp": now + 3_600, **other}
        return {name: value for name, value in said.items() if value is not None}

    def token(self, subject: str = "ada", kid: str = "a", header: dict[str, Any] | None = None, **other: Any) -> str:
        """An ID token for `subject`, each unlike the others; `other`: claims."""
        return signed(self.claims(subject, nonce=secrets.token_hex(4), **other), *self.signers[kid], kid, header or {})

    def documents(self) -> dict[str, Any]:
        """What it publishes."""
        return {
            DISCOVERY: {"issuer": self.issuer, "jwks_uri": self.issuer + KEYS},
            KEYS: {"keys": self.published},
        }


@contextmanager
def running(port: int = 0) -> Iterator[Provider]:
    """A provider that answers until the end."""
    provider = Provider()

    class Handler(BaseHTTPRequestHandler):
        def do_GET(self) -> None:
            provider.fetches.append(self.path)
            time.sleep(provider.pause)
            with suppress(ConnectionError):
                for _ in range(200):  # whoever waits on and on fails a test, and does not hang it
                    if rest := provider.drips.get(self.path):
                        self.wfile.write(b"H")
                        time.sleep(rest)
            body = json.dumps(provider.documents().get(self.path, {})).encode()
            status, headers, body = provider.says.get(self.path, (200, {}, body))
            self.send_response(status)
            for name, value in {"Content-Length": str(len(body)), **headers}.items():
                self.send_header(name, value)
            self.end_headers()
            with suppress(ConnectionError):  # whoever asked has lost patience
                self.wfile.write(body)

        def log_message(self, *_: Any) -> None: ...

    with ThreadingHTTPServer(("127.0.0.1", port), Handler) as server:
        provider.issuer = f"http://127.0.0.1:{server.server_port}"
        threading.Thread(target=server.serve_forever, args=(0.05,), daemon=True).start()
        try:
            yield provider
        finally:
            server.shutdown()
