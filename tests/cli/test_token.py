"""`loginq token verify`: what people paste, whatever is in it, by the clock of the API."""

import base64
import io
import json
import sys
import time
from collections.abc import Callable, Iterator
from dataclasses import replace
from email.utils import formatdate
from typing import Any

import jwt
import pytest

from loginq.service.operations.target import Target
from loginq.service.rules.times import SECOND
from loginq.service.store.signing import mint, new_keys
from tests.cli.conftest import Run
from tests.serving import PORTAL, Reply, serving

GOOD = "✓ This token is good: its player was let in."
NOW = 1_800_000_000
"""What the API says that the time is, s; this machine's clock is far off."""


class Api:
    """The API of the target, and its keys."""

    def __init__(self) -> None:
        self.keys, self.url = new_keys(NOW * SECOND), ""
        self.reply = Reply(self.keys.jwks(), headers={"Date": formatdate(NOW, usegmt=True)})

    def token(self, **changes: Any) -> str:
        given = {
            "issuer": self.url, "sub": "s", "ticket": "t", "position": 7,
            "admitted_at": NOW * SECOND, "admission": 300 * SECOND,
        }  # fmt: skip
        return mint(self.keys.active, **{**given, **changes})

    def signed(self, payload: bytes) -> str:
        """A token of the API's own key, whatever it says."""
        key = jwt.PyJWK(self.keys.active, "ES256").key
        return jwt.PyJWS().encode(payload, key, "ES256", {"kid": self.keys.active["kid"]})

    def claims(self, **changes: Any) -> dict[str, Any]:
        said = jwt.decode(self.token(), options={"verify_signature": False})
        return {**said, **changes}


@pytest.fixture
def api(monkeypatch: pytest.MonkeyPatch) -> Iterator[Api]:
    """A target of which nothing but the API is asked."""
    one = Api()
    with serving(lambda method, path: one.reply) as server:
        one.url = server.url
        target = Target("loginq", "eu-west-1", "table", "https://sqs", "eu-west-1_pool", "client", server.url)
        for name, value in target.names().items():
            monkeypatch.setenv(name, value)
        yield one


PASTED: dict[str, Callable[[str], str]] = {
    "as it is": lambda token: token,
    "a line": lambda token: f"{token}\r\n",
    "a header": lambda token: f"Authorization: Bearer {token}",
    "bearer": lambda token: f"bearer {token}",
    "quotes": lambda token: f'"{token}"',
    "other quotes": lambda token: f"`{token}`",
    "folded": lambda token: "\n".join(token[at : at + 80] for at in range(0, len(token), 80)),
    "a field": lambda token: f'  "admission_token": "{token}",\n',
    "a document": lambda token: json.dumps({"login_status": True, "admission_token": token, "ahead": None}, indent=2),
    "play --json": lambda token: (
        '{"ticket": "t", "state": "queued"}\n' + json.dumps({"id_token": f"{token}x", "admission_token": token})
    ),
    "a mark": lambda token: f"\ufeff{token}",
}


@pytest.mark.parametrize("way", PASTED)
def test_what_people_paste(run: Run, api: Api, way: str) -> None:
    text = PASTED[way](api.token())
    for screen in (run("token", "verify", stdin=text), run("token", "verify", text)):
        assert (screen.code, screen.err) == (0, GOOD)


@pytest.mark.parametrize(
    ("text", "says"),
    [
        ("", "There is no token."),
        (" \n", "There is no token."),
        ('{"login_status": false}', "There is no admission_token in this JSON."),
        ("[" * 100_000, "There is no admission_token in this JSON."),
        ("nonsense", "This is not a JWT: Not enough segments."),
        ("eyJ.eyJ.x", "This is not a JWT: "),
        ("eyJ\udcff.a.b", "'eyJ\\udcff.a.b' is no UTF-8 text."),
    ],
)
def test_what_is_no_token(run: Run, api: Api, text: str, says: str) -> None:
    screen = run("token", "verify", "--", text)
    assert screen.code == 2
    assert screen.err.startswith(f"Error: {says}")


def test_a_closed_stdin(run: Run, api: Api, monkeypatch: pytest.MonkeyPatch) -> None:
    from loginq.cli.token import _stdin

    monkeypatch.setattr(sys, "stdin", None)
    assert _stdin() == ""


def test_a_terminal_is_told_what_to_do(monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]) -> None:
    from loginq.cli.token import _stdin

    class Tty(io.TextIOWrapper):
        def isatty(self) -> bool:
            return True

    monkeypatch.setattr(sys, "stdin", Tty(io.BytesIO(b"x.y.z\n"), encoding="utf-8"))
    assert _stdin() == "x.y.z\n"
    assert capsys.readouterr().err == "Paste the token, then a line end and Ctrl-D.\n"


@pytest.mark.parametrize(
    ("claim", "value", "shown", "why"),
    [
        ("exp", 10**18, "1000000000000000000", "it is no instant, in whole seconds since 1970"),
        ("exp", -(10**18), "-1000000000000000000", "it is no instant, in whole seconds since 1970"),
        pytest.param("exp", 10**4000, "1" + "0" * 4_000, "it is no instant, in whole seconds since 1970", id="endless"),
        ("iat", 1.5, "1.5", "it is no instant, in whole seconds since 1970"),
        ("iat", True, "True", "it is no instant, in whole seconds since 1970"),
        ("iat", float("nan"), "nan", "it is no instant, in whole seconds since 1970"),
        ("exp", None, "None", "it is no instant, in whole seconds since 1970"),
        ("exp", NOW, "2027-01-15T08:00:00.000Z", "it is over"),
        ("iat", NOW + 61, "2027-01-15T08:01:01.000Z", "it lies in the future"),
        ("pos", -1, "-1", "it is no position"),
        ("sub", 7, "7", "it names nobody"),
        ("sub", "half \ud800", "half \\ud800", ""),
        ("jti", [1], "[1]", "it names none"),
        ("aud", ["loginq"], "['loginq']", "it must be loginq"),
    ],
)
def test_odd_claims_are_said_and_the_signature_is_judged_by_itself(
    run: Run, api: Api, claim: str, value: Any, shown: str, why: str
) -> None:
    token = api.signed(json.dumps(api.claims(**{claim: value})).encode())
    screen = run("token", "verify", "--json", token)
    found = json.loads(screen.out)
    said = {each["name"]: each for each in found["claims"]}
    assert (screen.code, found["valid"]) == (1 if why else 0, not why)
    assert (said[claim]["value"], said[claim]["why"]) == (shown, why or None)
    assert [name for name, each in said.items() if not each["ok"]] == [claim] * bool(why)
    assert run("token", "verify", token).code == screen.code


@pytest.mark.parametrize("payload", [b"[" * 100_000, b'{"exp": ' + b"9" * 5_000 + b"}", b"[]", b"\xff", b"{}"])
def test_payloads_that_cannot_be_read(run: Run, api: Api, payload: bytes) -> None:
    screen = run("token", "verify", api.signed(payload))
    assert (screen.code, "This is not a JWT" in screen.err) == ((1, False) if payload == b"{}" else (2, True))


@pytest.mark.parametrize("header", [{"alg": ["x"], "kid": "k"}, {"alg": "ES256", "kid": {}}, {"alg": "ES256"}, [], {}])
def test_headers_that_are_none(run: Run, api: Api, header: Any) -> None:
    first = base64.urlsafe_b64encode(json.dumps(header).encode()).decode().rstrip("=")
    screen = run("token", "verify", first + api.token()[api.token().index(".") :])
    assert screen.code in (1, 2)
    assert "NOT good" in screen.err or "This is not a JWT" in screen.err


def test_a_token_is_judged_by_the_clock_of_the_api(run: Run, api: Api) -> None:
    """This machine's clock is nowhere near; the API's decides."""
    assert abs(time.time() - NOW) > 3_600
    assert run("token", "verify", api.token()).err == GOOD
    late = run("token", "verify", api.token(admitted_at=(NOW - 301) * SECOND))
    assert (late.code, late.err) == (1, "This token is NOT good: exp: it is over.")
    from loginq.cli.play import _ticket_in
    from loginq.cli.session import api_of, open_session

    assert "(verified with the game's public keys" in _ticket_in(api_of(open_session().target), api.token())
    assert ", not checked: This is not a JWT" in _ticket_in(api_of(open_session().target), "nonsense")


def test_behind_an_edge_a_token_is_of_the_api_itself(run: Run, api: Api, monkeypatch: pytest.MonkeyPatch) -> None:
    from loginq.cli.play import _ticket_in
    from loginq.cli.session import api_of, open_session

    monkeypatch.setenv("AWSOMEGAME_REST_ENDPOINT", "http://127.0.0.1:1")  # nobody is there, and nobody has to be
    monkeypatch.setenv("LOGINQ_SESSIONS_ENDPOINT", api.url)
    assert run("token", "verify", api.token()).err == GOOD
    assert "(verified with the game's public keys" in _ticket_in(api_of(open_session().target), api.token())


def test_at_a_domain_a_token_names_it_and_the_one_before_is_good_for_a_while(
    run: Run, api: Api, monkeypatch: pytest.MonkeyPatch
) -> None:
    """The keys are where the API is, also on an emulator, where no domain leads."""
    monkeypatch.setenv("LOGINQ_ISSUER", "https://queue.example.com")
    assert run("token", "verify", api.token(issuer="https://queue.example.com")).err == GOOD
    late = "This token is NOT good: iss: it must be https://queue.example.com."
    assert run("token", "verify", api.token()).err == late
    api.reply = replace(api.reply, body={**api.keys.jwks(), "issuers": ["https://queue.example.com", api.url]})
    assert run("token", "verify", api.token()).err == GOOD


def test_keys_that_cannot_be_had(run: Run, api: Api) -> None:
    api.reply = Reply(PORTAL)
    screen = run("token", "verify", api.token())
    assert (screen.code, screen.err.splitlines()) == (
        1,
        [
            f"Error: The keys of {api.url} cannot be had: something else answered in its place: a login page of this "
            "network, or a proxy.",
            "Try again.",
        ],
    )
