"""The keys of another OpenID Connect provider: when they are asked for, how long they are kept, and from where."""

import json
import time
from collections.abc import Iterator
from itertools import pairwise
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from loginq.service.rules.errors import BadToken, Failed, LoginqError, Unavailable
from loginq.service.rules.identity import is_subject, key_of, meant
from loginq.service.store import fetch as fetching
from loginq.service.store import provider as store
from loginq.service.store.fetch import LARGEST, fetch
from loginq.service.store.provider import AGAIN, FRESH, KEPT, LEAST, SOON, Provider, keys_at
from tests import provider as providers
from tests.provider import AUDIENCE, DISCOVERY, KEYS, jwk_of, private


class World:
    """A provider within reach or not, on a clock of its own; `fetches`: when it was asked for anything."""

    def __init__(self) -> None:
        self.there = providers.Provider("https://accounts.example.com")
        self.t, self.down, self.takes, self.fetches, self.said = 0.0, False, 0.0, list[float](), list[str]()
        self.seen = Provider(self.there.issuer, AUDIENCE, self._note, self._get, lambda: self.t)

    def _get(self, url: str) -> bytes:
        path = url.removeprefix(self.there.issuer)
        if path == DISCOVERY:
            self.fetches.append(self.t)
        self.t += self.takes
        if self.down:
            raise Unavailable(f"{url} cannot be read.")
        return json.dumps(self.there.documents()[path]).encode()

    def _note(self, event: str, reason: str) -> None:
        self.said.append(reason)

    def lets(self, kid: str = "a", header: str | None = None) -> bool:
        """Whether a token by this key lets in, which says that it is by the key `header`."""
        try:
            self.seen.who(self.there.token(kid=kid, header={"kid": header or kid}), int(time.time()))
        except BadToken:
            return False
        return True


@given(st.lists(st.tuples(st.floats(0, 90), st.sampled_from(["a", "b", "z", "?"]), st.booleans()), max_size=60))
def test_whatever_strangers_send_and_however_it_answers_it_is_asked_at_most_once_a_minute(
    calls: list[tuple[float, str, bool]],
) -> None:
    world = World()
    assert world.lets()
    for pause, kid, down in calls:
        world.t, world.down = world.t + pause, down
        known = kid in world.there.signers
        assert world.lets(kid if known else "a", kid) == known
    assert all(second - first >= LEAST for first, second in pairwise(world.fetches))


def test_a_key_that_is_new_is_good_at_once_and_one_that_is_gone_is_not_for_long() -> None:
    world = World()
    assert world.lets("a")
    old = world.there.signers["a"]
    world.there.rotate("new")
    assert not world.lets("new")  # a moment ago there was none
    world.t += LEAST
    assert world.lets("new") and len(world.fetches) == 2
    world.there.signers["a"] = old
    assert not world.lets("a")


def test_a_key_that_is_withdrawn_without_another_is_not_for_long() -> None:
    world = World()
    assert world.lets("b")
    world.there.published.pop()
    world.t += FRESH - 1
    assert world.lets("b")
    world.t += 2
    assert not world.lets("b")


def test_the_last_good_keys_are_good_for_a_day_while_it_does_not_answer() -> None:
    world = World()
    assert world.lets()
    world.down = True
    for _ in range(int(KEPT // LEAST) - 1):
        world.t += LEAST
        assert world.lets()
    assert set(world.said) == {f"{world.there.issuer}{DISCOVERY} cannot be read."}
    world.t += 2 * LEAST
    with pytest.raises(Unavailable):
        world.lets()
    world.down = False
    world.t += LEAST
    assert world.lets()


def test_without_any_keys_it_is_asked_each_few_seconds_and_nobody_is_refused_for_it() -> None:
    world = World()
    world.down = True
    for _ in range(10):
        with pytest.raises(Unavailable):
            world.lets()
    assert len(world.fetches) == 1
    world.down, world.t = False, world.t + AGAIN
    assert world.lets() and len(world.fetches) == 2


def test_without_any_keys_one_that_is_slow_to_fail_costs_one_call_its_seconds_and_not_each() -> None:
    world = World()
    world.down, world.takes = True, SOON
    for pause in (0, 0, AGAIN - 1):
        world.t += pause
        with pytest.raises(Unavailable):
            world.lets()
    assert (world.fetches, world.t) == ([0], SOON + AGAIN - 1)
    world.t += 1
    with pytest.raises(Unavailable):
        world.lets()
    assert world.fetches == [0, SOON + AGAIN]


# Discovery


ISSUER = "https://accounts.example.com/game/"


def found(discovery: Any, keys: Any = None) -> int:
    """How many keys there are by these documents."""

    def get(url: str) -> bytes:
        said = discovery if url == "https://accounts.example.com/game/.well-known/openid-configuration" else keys
        return said if isinstance(said, bytes) else json.dumps(said).encode()

    return len(keys_at(ISSUER, get))


RIGHT = {"issuer": ISSUER, "jwks_uri": "https://keys.example.net/k"}
RSA = jwk_of("a", "RS256", private("RS256", "a"))
WEAK = jwk_of("a", "RS256", private("RS256", "weak", 1_024))


def test_keys_may_lie_elsewhere_and_those_of_no_use_are_left_alone() -> None:
    other = [{"kty": "oct", "k": "AA"}, {"kty": "EC", "crv": "P-521"}, {**RSA, "use": "enc"}, {**RSA, "alg": "PS256"}]
    assert found(RIGHT, {"keys": [RSA, *other, {"kty": "RSA"}, {**RSA, "key_ops": ["sign"]}, 7, None]}) == 2
    assert found(RIGHT, {"keys": [{name: RSA[name] for name in ("kty", "n", "e")}]}) == 1


@pytest.mark.parametrize("ops", [None, 7, True, "verify", {}])
def test_a_key_whose_uses_are_no_list_is_left_alone_and_takes_no_other_with_it(ops: Any) -> None:
    assert found(RIGHT, {"keys": [{**RSA, "key_ops": ops}, RSA]}) == 1


@pytest.mark.parametrize(
    ("discovery", "keys", "why"),
    [
        ({**RIGHT, "issuer": ISSUER.rstrip("/")}, None, "is of the issuer 'https://accounts.example.com/game', not of"),
        ({"jwks_uri": RIGHT["jwks_uri"]}, None, "is of the issuer 'None'"),
        (b"<html>", None, "is no JSON object"),
        (b"\xff", None, "is no JSON object"),
        (b"[" * 100_000, None, "is no JSON object"),
        ([RIGHT], None, "is no JSON object"),
        *(
            ({**RIGHT, "jwks_uri": address}, None, "names no address of keys that is https")
            for address in ("http://keys.example.net/k", "http://127.0.0.1/k", "file:///etc/passwd", "//k", "", 7,
                            "https://someone@keys.example.net/k", "https://[", "https:///k")
        ),
        (RIGHT, {"keys": []}, "has no key for RS256 or ES256."),
        (RIGHT, {"keys": {"a": RSA}}, "has no key for RS256 or ES256."),
        (RIGHT, {}, "has no key for RS256 or ES256."),
        (RIGHT, {"keys": [WEAK]}, "has no key for RS256 or ES256: its RSA key has 1,024 bits, fewer than 2,048."),
        (RIGHT, {"keys": [{"kty": "EC", "crv": "P-256", "x": "AA", "y": "AA"}]}, "it cannot be read"),
    ],
)  # fmt: skip
def test_a_provider_that_is_not_one_is_refused_in_words(discovery: Any, keys: Any, why: str) -> None:
    with pytest.raises(Failed) as refused:
        found(discovery, keys)
    assert why in refused.value.message


@pytest.fixture(scope="module")
def server() -> Iterator[providers.Provider]:
    with providers.running() as one:
        yield one


def test_what_is_fetched_is_small_soon_there_and_from_where_it_was_asked_for(
    server: providers.Provider, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("http_proxy", "http://127.0.0.1:9")  # for loopback there is none
    assert len(keys_at(server.issuer)) == 2
    away = {"Location": f"{server.issuer}/elsewhere"}
    for path, answer, why in (
        (DISCOVERY, (302, away, b""), "it answers 302 Found"),
        (KEYS, (307, away, b""), "it answers 307"),
        (KEYS, (500, {}, b""), "it answers 500"),
        (KEYS, (200, {}, b"x" * (LARGEST + 1)), "more than 131,072 bytes"),
        (KEYS, (200, {"Content-Length": "99"}, b'{"keys": ['), "is no JSON object"),
    ):
        server.says = {path: answer}
        with pytest.raises(LoginqError, match=why):
            keys_at(server.issuer)
    assert "/elsewhere" not in server.fetches
    server.says, server.pause = {}, 0.6
    with monkeypatch.context() as hasty:  # for this one alone: what follows is no test of the machine's pace
        hasty.setattr(fetching, "WITHIN", 0.3)
        with pytest.raises(Unavailable, match=r"no answer within 0\.3 s"):
            keys_at(server.issuer)
    server.pause = 0
    with pytest.raises(Unavailable, match=r"^http://127.0.0.1:9/keys cannot be read: Connection refused\.$"):
        fetch("http://127.0.0.1:9/keys")
    with pytest.raises(Unavailable, match=r"its certificate is not accepted here \(\w+\)"):
        fetch(server.issuer.replace("http://", "https://") + KEYS)  # plain HTTP in place of TLS


@pytest.mark.parametrize("first", [DISCOVERY, KEYS])
def test_one_whose_head_drips_is_waited_for_no_longer_than_for_one_that_is_silent(
    server: providers.Provider, first: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    said, now = list[str](), [0.0]
    seen = Provider(server.issuer, AUDIENCE, lambda _, reason: said.append(reason), clock=lambda: now[0])
    assert seen.who(server.token(), int(time.time()))
    now[0], server.drips = FRESH + 1, {first: 0.05}
    try:
        with monkeypatch.context() as hasty:
            hasty.setattr(store, "SOON", 0.3)
            assert seen.who(server.token(), int(time.time()))  # by the keys of before
    finally:
        server.drips = {}
    assert said == [f"{server.issuer} has not given its keys within 0.3 s."]
    now[0] += LEAST
    assert seen.who(server.token(), int(time.time())) and len(said) == 1


# Whom


@given(st.text(min_size=1), st.text(min_size=1))
def test_a_safe_key_is_of_one_subject_alone(one: str, other: str) -> None:
    if is_subject(one) and is_subject(other) and one != other:
        first, second = key_of(ISSUER, one), key_of(ISSUER, other)
        assert first != second
        assert len(first) <= 128 and first.isascii() and " " not in first


def test_a_subject_that_is_no_key_gets_one_and_a_synthetic_player_s_name_is_nobody_s() -> None:
    assert key_of(ISSUER, "5f7c-0a1b.2:3_4") == "5f7c-0a1b.2:3_4"
    assert key_of(ISSUER, "auth0|5f7c") == "~acHSVcmN6pXORR53-D3aNFlcfTegQFtRZE1lBsImHZQ"
    assert key_of("https://other.example.com", "auth0|5f7c") != key_of(ISSUER, "auth0|5f7c")
    assert key_of(ISSUER, "synthetic-1-000001").startswith("~")
    for name in ("auth0|5f7c", "ada"):
        assert meant(ISSUER, key_of(ISSUER, name)) == meant(ISSUER, name) == key_of(ISSUER, name)
    assert meant(ISSUER, "synthetic-1-000001") == "synthetic-1-000001"  # whom operators look at, too
    victim = key_of(ISSUER, "auth0|5f7c")
    assert key_of(ISSUER, victim) != victim  # nobody is somebody else by taking his key for a name
    assert key_of("", "auth0|5f7c") == "auth0|5f7c"
