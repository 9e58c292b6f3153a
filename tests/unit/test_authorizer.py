"""The authorizer, by its own handler against a provider on loopback: every way in which a token is no good."""

import base64
import json
import time
from collections.abc import Callable, Iterator
from typing import Any
from urllib.parse import unquote

import pytest
from cryptography.hazmat.primitives import serialization
from hypothesis import given
from hypothesis import strategies as st

from lambdas import authorize_player
from loginq.service.store.provider import Provider as Known
from tests import provider as providers
from tests.provider import AUDIENCE, KEYS, Provider, encoded, jwk_of, private, signed

ARN = "arn:aws:execute-api:eu-west-1:123456789012:a1b2c3/v1/GET/login"
STRANGER = private("RS256", "stranger")
Bad = Callable[[Provider], str]


def _with(header: dict[str, Any] | None = None, **claims: Any) -> Bad:
    """A token of the provider's own that says something else."""
    return lambda provider: provider.token(header=header, **claims)


def _by(key: Any, kind: str = "RS256", kid: str | None = "a", **header: Any) -> Bad:
    """A right token in all but who signed it."""
    return lambda provider: signed(provider.claims(), kind, key, kid, header)


def _parts(change: Callable[[list[str]], list[str]]) -> Bad:
    """A good token, taken apart and put together otherwise."""
    return lambda provider: ".".join(change(provider.token().split(".")))


def _raw(claims: bytes | None = None, header: bytes | None = None) -> Bad:
    """What the provider's key signed without looking."""
    return lambda provider: signed(claims or provider.claims(), *provider.signers["a"], header=header)


def _public_as_secret(provider: Provider) -> str:
    """The oldest trick: the public key, taken for a shared secret. https://www.rfc-editor.org/rfc/rfc8725#section-2.1"""
    pem = (
        provider.signers["a"][1]
        .public_key()
        .public_bytes(serialization.Encoding.PEM, serialization.PublicFormat.SubjectPublicKeyInfo)
    )
    return hmac_signed(provider.claims(), pem)


def hmac_signed(claims: Any, secret: bytes) -> str:
    import hashlib
    import hmac

    said = f"{encoded({'alg': 'HS256', 'kid': 'a', 'typ': 'JWT'})}.{encoded(claims)}"
    return f"{said}.{encoded(hmac.new(secret, said.encode(), hashlib.sha256).digest())}"


def _unsigned(alg: str) -> Bad:
    return lambda provider: f"{encoded({'alg': alg, 'kid': 'a'})}.{encoded(provider.claims())}."


NOW = int(time.time())
DEEP = b'{"a":' + b"[" * 2_500 + b"]" * 2_500 + b"}"
DEEP_SAID = "form: its payload", "iss: it is missing"
"""How deep JSON is read differs from one Python to the next: what is read says nothing all the same."""
BAD: dict[str, tuple[Bad, str | tuple[str, ...]]] = {
    # No token at all
    "nothing": (lambda _: "", "form: the header is not `Bearer`"),
    "a word": (lambda _: "secret", "form: it has 1 parts"),
    "an opaque token": (lambda _: "ya29.a0AfH6SMBx", "form: it has 2 parts"),
    "encrypted": (_parts(lambda parts: [*parts, "a", "b"]), "form: it has 5 parts"),
    "too long": (_with(padding="x" * 8_000), "size: it has"),
    "a header that is no base64": (_parts(lambda parts: ["{}", *parts[1:]]), "form: its header"),
    "a padded header": (_parts(lambda parts: [parts[0] + "=", *parts[1:]]), "form: its header"),
    "a header that is a list": (_raw(header=b"[]"), "form: its header"),
    "a header that names alg twice": (
        _raw(header=b'{"alg": "RS256", "alg": "none", "kid": "a"}'), "form: its header"),
    "a payload that is no JSON": (_raw(b"ada"), "form: its payload"),
    "a payload that is a text": (_raw(b'"ada"'), "form: its payload"),
    "a payload of UTF-16": (_raw('{"iss": "é"}'.encode("utf-16")), "form: its payload"),
    "a payload without end": (_raw(DEEP), DEEP_SAID),
    "a payload with two subjects": (_raw(b'{"sub": "ada", "sub": "bob"}'), "form: its payload"),
    "an empty payload": (_parts(lambda parts: [parts[0], "", parts[2]]), "form: its payload"),
    # Algorithms
    "alg none": (_unsigned("none"), "alg: it is 'none'"),
    "alg nOnE": (_unsigned("nOnE"), "alg: it is 'nOnE'"),
    "alg missing": (_raw(header=b'{"kid": "a"}'), "alg: it is missing"),
    "alg is a list": (_raw(header=b'{"alg": ["RS256"], "kid": "a"}'), "alg: it is"),
    "the public key as a secret": (_public_as_secret, "alg: it is 'HS256'"),
    "an empty secret": (lambda provider: hmac_signed(provider.claims(), b""), "alg: it is 'HS256'"),
    "RS512": (lambda provider: signed(provider.claims(), "RS512", provider.signers["a"][1]), "alg: it is 'RS512'"),
    "PS256": (lambda provider: signed(provider.claims(), "PS256", provider.signers["a"][1]), "alg: it is 'PS256'"),
    "ES256 by an RSA key": (_parts(
        lambda parts: [encoded({"alg": "ES256", "kid": "a"}), *parts[1:]]), "kid: it is 'a', and the provider has 0"),
    # Headers
    "a critical extension": (_with({"crit": ["exp"]}), "crit: the header"),
    "an empty list of them": (_with({"crit": []}), "crit: the header"),
    "an unencoded payload": (_with({"b64": False}), "b64: the header"),
    "an access token": (_with({"typ": "at+jwt"}), "typ: it is 'at+jwt'"),
    "a logout token": (_with({"typ": "logout+jwt"}), "typ: it is 'logout+jwt'"),
    "a typ that is no text": (_with({"typ": 7}), "typ: it is '7'"),
    "a kid that is a number": (_with({"kid": 7}), "kid: it is no text"),
    "no kid among three keys of a kind": (_with({"kid": None}), "kid: it is missing, and the provider has 3"),
    "a key that nobody knows": (_with({"kid": "z"}), "kid: it is 'z', and the provider has 0"),
    "a kid that is a path": (_with({"kid": "../../a"}), "kid: it is '../../a', and the provider has 0"),
    "a weak key": (_by(private("RS256", "weak", 1_024), kid="weak"), "kid: its RSA key has 1,024 bits"),
    "a key for encryption": (_by(private("RS256", "enc"), kid="enc"), "kid: it is 'enc', and the provider has 0"),
    # Signatures
    "another key": (_by(STRANGER), "signature: it does not fit"),
    "another key, which it brings": (
        _by(STRANGER, jwk=jwk_of("a", "RS256", STRANGER)), "signature: it does not fit"),
    "another key, at an address": (_by(STRANGER, jku="http://127.0.0.1:9/keys"), "signature: it does not fit"),
    "another key, by certificate": (
        _by(STRANGER, x5u="http://127.0.0.1:9/c", x5c=["MIIB"]), "signature: it does not fit"),
    "another EC key": (_by(private("ES256", "other"), "ES256", "b"), "signature: it does not fit"),
    "no signature": (_parts(lambda parts: [*parts[:2], ""]), "signature: there is none"),
    "a short signature": (_parts(lambda parts: [*parts[:2], parts[2][:40]]), "signature: it does not fit"),
    "a signature of nothing": (
        lambda provider: provider.token(kid="b").rpartition(".")[0] + "." + encoded(bytes(64)), "signature: it does"),
    "another's payload": (
        lambda provider: ".".join((
            provider.token("ada").split(".")[0], provider.token("bob").split(".")[1], provider.token().split(".")[2],
        )), "signature: it does not fit"),
    "a changed payload": (
        lambda provider: ".".join((
            provider.token().split(".")[0], encoded(provider.claims("root")), provider.token().split(".")[2],
        )), "signature: it does not fit"),
    # Who it is of and for
    "no issuer": (_with(iss=None), "iss: it is missing"),
    "another issuer": (_with(iss="https://accounts.example.com"), "iss: it is 'https://accounts.example.com'"),
    "an issuer with a slash": (lambda provider: provider.token(iss=provider.issuer + "/"), "iss: it is"),
    "an issuer in capitals": (lambda provider: provider.token(iss=provider.issuer.upper()), "iss: it is 'HTTP"),
    "an issuer that is a list": (lambda provider: provider.token(iss=[provider.issuer]), "iss: it is"),
    "no audience": (_with(aud=None), "aud: it is missing"),
    "another audience": (_with(aud="shop"), "aud: it is 'shop'"),
    "an audience in capitals": (_with(aud="Game"), "aud: it is 'Game'"),
    "no audience in a list": (_with(aud=[]), "aud: it is '[]'"),
    "ours and another": (_with(aud=[AUDIENCE, "shop"]), "aud: it is '[\"game\", \"shop\"]'"),
    "another's, given to us": (_with(aud="shop", azp=AUDIENCE), "aud: it is 'shop'"),
    # When
    "no end": (_with(exp=None), "exp: it is missing"),
    "over": (_with(iat=NOW - 7_200, exp=NOW - 3_600), "exp: it is over since"),
    "over a minute ago": (_with(exp=NOW - 60), "exp: it is over since"),
    "an end that is a text": (_with(exp=str(NOW + 60)), "exp: it is"),
    "an end without end": (_raw(b'{"exp": 1e999}'), "iss: it is missing"),
    "an end that is true": (_with(exp=True), "exp: it is 'true'"),
    "an end after all dates": (_with(exp=10**15), "exp: it is"),
    "no beginning": (_with(iat=None), "iat: it is missing"),
    "made tomorrow": (_with(iat=NOW + 86_400), "iat: it begins in"),
    "not yet": (_with(nbf=NOW + 86_400), "nbf: it begins in"),
    "a not-before that is a text": (_with(nbf="now"), "nbf: it is 'now'"),
    # Whom
    "nobody": (_with(sub=None), "sub: it is missing"),
    "an empty subject": (_with(sub=""), "sub: it is ''"),
    "a subject that is a number": (_with(sub=7), "sub: it is '7'"),
    "a subject of 256 letters": (_with(sub="x" * 256), "sub: it is 'xxx"),
    "a subject with a line end": (_with(sub="ada\nbob"), "sub: it is 'ada\\nbob'"),
    "a subject with half a letter": (_with(sub="\ud800"), "sub: it is '\\ud800'"),
    "a security event": (_with(events={}), "events: it says"),
}  # fmt: skip


@pytest.fixture(scope="module")
def provider() -> Iterator[Provider]:
    with providers.running() as one:
        one.sign_by("c")
        weak, other = private("RS256", "weak", 1_024), private("RS256", "enc")
        one.published += [jwk_of("weak", "RS256", weak), jwk_of("enc", "RS256", other, use="enc"), {"kty": "oct"}]
        yield one


@pytest.fixture
def asked(provider: Provider, monkeypatch: pytest.MonkeyPatch) -> None:
    """A function that has just started."""
    monkeypatch.setenv("IDENTITY_ISSUER", provider.issuer)
    monkeypatch.setenv("IDENTITY_AUDIENCE", AUDIENCE)
    authorize_player._provider.cache_clear()
    provider.fetches.clear()
    provider.says.clear()


def answered(token: str, header: str = "Bearer {}") -> dict[str, Any]:
    event = {"type": "TOKEN", "authorizationToken": header.format(token), "methodArn": ARN}
    return authorize_player.handler(event, None)


def effect(answer: dict[str, Any]) -> tuple[str, str]:
    (statement,) = answer["policyDocument"]["Statement"]
    return statement["Effect"], statement["Resource"]


def test_every_bad_token_is_refused_for_its_reason_and_none_costs_a_fetch(
    asked: None, provider: Provider, caplog: pytest.LogCaptureFixture
) -> None:
    assert len(BAD) >= 60
    answered(provider.token())
    assert len(provider.fetches) == 2
    for name, (made, reason) in BAD.items():
        caplog.clear()
        token = made(provider)
        answer = answered(token)
        assert effect(answer) == ("Deny", "arn:aws:execute-api:eu-west-1:123456789012:a1b2c3/v1/*"), name
        assert answer.keys() == {"principalId", "policyDocument"}, name  # nobody is told why
        (record,) = caplog.records
        line = vars(record)
        assert line["reason"].startswith(reason), (name, line["reason"])
        assert (record.levelname, line["status"], line["code"]) == ("INFO", 401, "unauthorized"), name
        assert not token or token not in repr(line), name
    assert len(provider.fetches) == 2
    assert effect(answered(provider.token()))[0] == "Allow"


GOOD: dict[str, Callable[[Provider], str]] = {
    "by RSA": lambda provider: provider.token(),
    "by an elliptic curve": lambda provider: provider.token(kid="b"),
    "without a typ": lambda provider: provider.token(header={"typ": None}),
    "with a small typ": lambda provider: provider.token(header={"typ": "jwt"}),
    "the only key of its kind, not named": lambda provider: provider.token(kid="b", header={"kid": None}),
    "an audience in a list": lambda provider: provider.token(aud=[AUDIENCE]),
    "given to us": lambda provider: provider.token(azp=AUDIENCE),
    "given to our app on another platform": lambda provider: provider.token(azp="game-on-android"),
    "over for half a minute": lambda provider: provider.token(exp=int(time.time()) - 30),
    "made in half a minute": lambda provider: provider.token(iat=int(time.time()) + 30),
    "from now on": lambda provider: provider.token(nbf=int(time.time())),
    "instants with a fraction": lambda provider: provider.token(iat=time.time() - 0.5, exp=time.time() + 60.5),
    "with keys of its own, which nobody reads": lambda provider: provider.token(header={"jku": "http://127.0.0.1:9"}),
    "small letters": lambda provider: provider.token(),
}


@pytest.mark.parametrize("name", GOOD)
def test_a_good_token_lets_its_player_do_all_that_players_do(asked: None, provider: Provider, name: str) -> None:
    answer = answered(GOOD[name](provider), "bearer {}" if name == "small letters" else "Bearer {}")
    assert effect(answer) == ("Allow", "arn:aws:execute-api:eu-west-1:123456789012:a1b2c3/v1/*")
    assert (answer["principalId"], answer["context"]["sub"], answer["context"]["subject"]) == ("ada", "ada", "ada")
    assert int(answer["context"]["exp"]) > time.time() - 60


def test_what_a_function_is_told_of_a_player_is_plain_text(asked: None, provider: Provider) -> None:
    for subject in ("auth0|5f7c", "日本語 €", "x" * 255, "~", "synthetic-1-000001", 'a"b\\c%20'):
        answer = answered(provider.token(subject))
        told = answer["context"]
        assert unquote(told["subject"]) == subject
        assert all(isinstance(value, str) and value.isascii() and value.isprintable() for value in told.values())
        assert answer["principalId"] == told["sub"]
        assert json.dumps(answer)


def test_a_provider_that_does_not_answer_is_no_stranger_s_fault(
    asked: None, provider: Provider, caplog: pytest.LogCaptureFixture
) -> None:
    """No policy: API Gateway answers 500, keeps nothing, and the client asks again."""
    provider.says[KEYS] = (503, {}, b"")
    assert answered(provider.token()) == {}
    (record,) = caplog.records
    assert (record.levelname, vars(record)["code"]) == ("ERROR", "unavailable")
    assert "answers" not in repr(vars(record)["reason"])
    provider.says.clear()


PARTS = st.text(st.characters(codec="utf-8"), max_size=40) | st.binary(max_size=40).map(encoded) | st.builds(
    encoded, st.dictionaries(st.sampled_from(["alg", "kid", "typ", "iss", "aud", "exp", "sub", "crit"]), st.none()
                             | st.booleans() | st.integers() | st.floats() | st.text(max_size=9) | st.lists(st.text()))
)  # fmt: skip


@pytest.fixture(scope="module")
def warm(provider: Provider) -> Iterator[None]:
    """A function that has been there for a while."""
    seen = Known(provider.issuer, AUDIENCE, lambda *_: None, clock=lambda: 0.0)
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(authorize_player, "_provider", lambda: seen)
        yield


@given(st.lists(PARTS, max_size=4), st.sampled_from(["Bearer {}", "bearer  {}", "{}", "Basic {}"]))
def test_whatever_is_sent_is_denied_and_nothing_fails(warm: None, parts: list[str], header: str) -> None:
    assert effect(answered(".".join(parts), header))[0] == "Deny"


@given(st.integers(0, 10_000), st.sampled_from("AZaz09-_.="))
def test_a_token_in_which_a_letter_is_another_is_denied(
    warm: None, provider: Provider, place: int, letter: str
) -> None:
    token = provider.token(kid="b")
    at = place % len(token)
    changed = token[:at] + letter + token[at + 1 :]
    assert effect(answered(changed))[0] == "Deny" or same(changed) == same(token)


def same(token: str) -> list[bytes]:
    """What a token comes to: the last letter of base64 may carry bits that nobody reads."""
    return [base64.urlsafe_b64decode(part + "=" * (-len(part) % 4)) for part in token.split(".")]
