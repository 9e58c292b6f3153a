"""Admission tokens and their keys: what is signed, what is refused, and how a rotation breaks nothing."""

import base64
import json
from dataclasses import replace
from typing import Any

import jwt
import pytest
from joserfc import jwt as other_jwt
from joserfc.errors import JoseError
from joserfc.jwk import KeySet as OtherKeySet

from lambdas import get_jwks, runtime
from loginq.service.operations.target import Target
from loginq.service.requests import login
from loginq.service.rules.errors import Failed, Invalid, NotFound, Unavailable
from loginq.service.rules.player import Identity
from loginq.service.rules.times import MINUTE, SECOND
from loginq.service.rules.token import AUDIENCE, JWKS_MAX_AGE, Jwk
from loginq.service.store.aws import Aws
from loginq.service.store.queue import Queue
from loginq.service.store.signing import Keys, Published, explain, mint, new_key, new_keys
from tests.aws.test_login import pass_time, placed
from tests.conftest import REGION
from tests.world import operator

ISSUER = "https://api.example/v1"
T = 1_800_000_000_000
ADA = Identity("sub-ada", "ada")


@pytest.fixture
def keys(aws: Aws) -> Keys:
    secrets = aws.client("secretsmanager")
    return Keys(secrets, secrets.create_secret(Name="signing-keys")["ARN"])


@pytest.fixture
def public(queue: Queue) -> Published:
    return Published(queue.table, queue.name)


def token(key: Jwk, **changes: Any) -> str:
    given = {"issuer": ISSUER, "sub": "s", "ticket": "t", "position": 7, "admitted_at": T, "admission": 5 * MINUTE}
    return mint(key, **{**given, **changes})


def wrong(text: str, jwks: Any, t: int = T + 1_000) -> set[str]:
    return {claim.name for claim in explain(text, jwks, ISSUER, t) if claim.wrong}


def test_a_token_says_who_was_let_in_and_until_when() -> None:
    keys = new_keys(T)
    text = token(keys.active)
    assert wrong(text, keys.jwks()) == set()
    assert jwt.get_unverified_header(text) == {"alg": "ES256", "typ": "JWT", "kid": keys.active["kid"]}
    assert jwt.decode(text, options={"verify_signature": False}) == {
        "iss": ISSUER, "aud": "loginq", "sub": "s", "jti": "t", "pos": 7, "iat": 1_800_000_000, "exp": 1_800_000_300,
    }  # fmt: skip


def test_what_is_published_is_public() -> None:
    keys = new_keys(T).rotated(new_key(), T)
    published = keys.jwks()["keys"]
    assert {key["kid"] for key in published} == set(keys.kids().values())
    assert len(published) == 3
    for key in published:
        assert set(key) == {"kty", "crv", "x", "y", "kid", "use", "alg"}
    secrets = [key["d"] for key in (keys.active, keys.next, keys.previous or {})]
    assert not [d for d in secrets if d in json.dumps(keys.document()) + json.dumps(published)]


def test_bad_tokens_are_told_apart() -> None:
    keys, foreign = new_keys(T), new_keys(T)
    jwks, good = keys.jwks(), token(keys.active)
    head, body, signature = good.split(".")
    altered = json.loads(base64.urlsafe_b64decode(body + "==")) | {"pos": 1}
    bodied = base64.urlsafe_b64encode(json.dumps(altered).encode()).rstrip(b"=").decode()
    unsigned = jwt.encode(altered, "", "none", headers={"kid": keys.active["kid"]})
    assert wrong(f"{head}.{bodied}.{signature}", jwks) == {"signature"}
    assert wrong(unsigned, jwks) == {"alg", "signature"}
    assert wrong(token(foreign.active), jwks) == {"kid", "signature"}
    assert wrong(token({**foreign.active, "kid": keys.active["kid"]}), jwks) == {"signature"}
    assert wrong(token(keys.active, issuer="https://other/v1"), jwks) == {"iss"}
    assert wrong(good, jwks, T + 5 * MINUTE) == {"exp"}
    assert wrong(good, jwks, T - 2 * MINUTE) == {"iat"}
    hmac = jwt.encode({"aud": AUDIENCE}, "x" * 32, "HS256", headers={"kid": keys.active["kid"]})
    assert {"alg", "signature", "iss", "exp", "sub"} <= wrong(hmac, jwks)
    for nonsense in ("", "x", "a.b.c", "é" * 5_000):
        with pytest.raises(Invalid, match="not a JWT"):
            explain(nonsense, jwks, ISSUER, T)


def test_another_library_verifies_it_from_the_key_set_alone() -> None:
    keys, foreign = new_keys(T).rotated(new_key(), T), new_keys(T)
    published = OtherKeySet.import_key_set(json.loads(json.dumps(keys.jwks())))
    assert keys.previous is not None
    for key in (keys.active, keys.previous):
        assert other_jwt.decode(token(key), published, algorithms=["ES256"]).claims["sub"] == "s"
    with pytest.raises((JoseError, ValueError)):
        other_jwt.decode(token(foreign.active), published, algorithms=["ES256"])


def test_keys_are_written_once_and_published(keys: Keys, public: Published) -> None:
    with pytest.raises(Unavailable, match="no signing keys yet"):  # a player is told to ask again
        keys.signer("any")
    with pytest.raises(NotFound, match="no signing keys yet"):
        keys.read()
    first = keys.ensure(T, public)
    assert keys.ensure(T + 1, public) == first == keys.read()
    assert keys.cached() == first
    assert public.read() == first.jwks()


class Stopped(Exception):
    """The process is gone."""


class Cut:
    """Secrets Manager up to the moment in which it should write."""

    def __init__(self, secrets: Any) -> None:
        self.get_secret_value = secrets.get_secret_value

    def put_secret_value(self, **given: Any) -> None:
        raise Stopped


def test_a_key_is_published_before_it_can_sign_also_when_the_rotation_is_cut_off(
    queue: Queue, keys: Keys, public: Published, now: list[int]
) -> None:
    first = keys.ensure(T, public)
    queue.lines.change(lambda line, t: replace(line.anchored(t), kid=first.active["kid"]))
    with pytest.raises(Stopped):
        operator(queue).rotate_keys(Keys(Cut(keys._secrets), keys._id))
    assert keys.read() == first  # nothing signs with another key yet
    assert {first.active["kid"], first.next["kid"]} < _kids(public)
    assert operator(queue).rotate_keys(keys).act.after == first.next["kid"]
    assert public.read() == keys.read().jwks()


def test_what_is_not_published_is_made_good_by_the_next_deploy_or_rotation(
    queue: Queue, keys: Keys, public: Published
) -> None:
    first = keys.ensure(T, public)
    row = {"PK": "PUBLIC#main", "SK": "JWKS"}
    queue.table.write_all(deletes=[(row["PK"], row["SK"])])  # a stack of a version that had no such row
    with pytest.raises(Unavailable, match="No keys have been published yet"):
        public.read()
    keys.ensure(T, public)
    assert public.read() == first.jwks()
    queue.lines.change(lambda line, t: replace(line.anchored(t), kid=first.active["kid"]))
    keys.rotate(T, 5 * MINUTE, public)  # and then the process is gone
    queue.table.write_all(deletes=[(row["PK"], row["SK"])])
    operator(queue).rotate_keys(keys)
    assert public.read() == keys.read().jwks()


def test_the_public_row_holds_nothing_private_and_is_read_once_a_minute(
    queue: Queue, keys: Keys, public: Published
) -> None:
    first = keys.ensure(T, public)
    assert set(queue.table.get("PUBLIC#main", "JWKS") or {}) == {"PK", "SK", "keys"}
    assert not [key for key in public.read()["keys"] if "d" in key]
    reader = Published(queue.table, queue.name)
    assert reader.cached(60) == first.jwks()
    keys.rotate(T, 5 * MINUTE, public)
    assert reader.cached(60) == first.jwks()
    assert reader.cached(-1) == public.read() != first.jwks()


def test_another_iss_counts_beside_the_one_before_as_long_as_its_tokens_live(
    queue: Queue, keys: Keys, now: list[int]
) -> None:
    """A domain came, went and came again; each deploy says so, some of them twice."""
    keys.ensure(T, public := Published(queue.table, queue.name, lambda: now[0]))
    old, new, lives = "https://abc.example/v1", "https://queue.example.com", 6 * MINUTE
    assert "issuers" not in public.read()  # of a stack whose deploy did not say it
    public.name(old, T, lives)
    assert public.read()["issuers"] == [old]
    for t in (T, T + MINUTE):
        public.name(new, t, lives)
        assert public.read()["issuers"] == [new, old]
    keys.rotate(T, 5 * MINUTE, public)
    assert public.read() == {**keys.read().jwks(), "issuers": [new, old]}
    text = token(keys.read().active, issuer=old)
    assert [c for c in explain(text, public.read(), new, T) if c.wrong] == []
    now[0] = T + lives
    assert public.read()["issuers"] == [new]
    assert [(c.name, c.wrong) for c in explain(text, public.read(), new, T) if c.wrong] == [
        ("iss", f"it must be {new}")
    ]
    public.name(old, now[0], lives)
    assert public.read()["issuers"] == [old, new]
    for name, other in ((new, old), (old, new)):  # there and back before the tokens are over
        public.name(name, now[0], lives)
        assert public.read()["issuers"] == [name, other]


def test_keys_of_a_stack_that_is_gone_count_once_however_often_a_deploy_is_cut_off(
    queue: Queue, keys: Keys, now: list[int]
) -> None:
    old, lives = new_keys(T), 6 * MINUTE
    (public := Published(queue.table, queue.name, lambda: now[0])).write(old)
    public.retire(now[0], lives)  # and then the process is gone
    for _ in range(2):
        with pytest.raises(Stopped):
            Keys(Cut(keys._secrets), keys._id).ensure(now[0], public, lives)
    now[0] += MINUTE
    made = keys.ensure(now[0], public, lives)
    there = [key["kid"] for key in public.read()["keys"]]
    assert len(there) == len(set(there)) and {*made.kids().values(), *old.kids().values()} < set(there)
    now[0] += lives
    assert public.read() == made.jwks()


@pytest.mark.parametrize("said", [None, 7, "https://abc.example/v1", {"x": 1}, [7, None]])
def test_what_a_key_set_says_of_iss_may_be_anything(keys: Keys, public: Published, said: Any) -> None:
    made = keys.ensure(T, public)
    assert wrong(token(made.active), {**made.jwks(), "issuers": said}) == set()
    assert wrong(token(made.active, issuer="https://abc.example/v1"), {**made.jwks(), "issuers": said}) == {"iss"}


def test_the_keys_of_a_stack_that_had_the_table_before_count_as_long_as_its_tokens_live(
    queue: Queue, keys: Keys, now: list[int]
) -> None:
    """Its secret went with it; whoever was let in may still be on the way into the game."""
    public, lives = Published(queue.table, queue.name, lambda: now[0]), 6 * MINUTE
    old = keys.ensure(T, public, lives)
    keys._secrets.delete_secret(SecretId=keys._id, ForceDeleteWithoutRecovery=True)
    keys._secrets.create_secret(Name="another")
    taking = Keys(keys._secrets, "another")
    with pytest.raises(Stopped):
        Keys(Cut(keys._secrets), "another").ensure(T + 1, public, lives)  # and again
    new = taking.ensure(T + 2, public, lives)
    kids = _kids(public)
    assert {*old.kids().values(), *new.kids().values()} < kids and len(kids) == len(public.read()["keys"]) == 6
    assert wrong(token(old.active), public.read()) == set() == wrong(token(new.active), public.read())
    assert taking.ensure(T + 3, public, lives) == new
    assert len(public.read()["keys"]) == 6
    rotated = taking.rotate(T + 4, 5 * MINUTE, public)
    assert {*old.kids().values()} < _kids(public)
    now[0] = T + 2 + lives
    assert public.read() == rotated.jwks()
    now[0] = T + 4
    forced = taking.rotate(T + 4, 5 * MINUTE, public, force=True)  # one of them may have leaked
    assert public.read() == forced.jwks()


def test_the_public_call_says_503_until_there_are_keys(
    target: Target, keys: Keys, public: Published, monkeypatch: pytest.MonkeyPatch
) -> None:
    for name, value in {
        "DYNAMO_TABLE_NAME": target.table,
        "SQS_URL": target.sqs_url,
        "AWS_DEFAULT_REGION": REGION,
    }.items():
        monkeypatch.setenv(name, value)
    runtime.queue.cache_clear()
    try:
        early = get_jwks.handler({}, None)
        assert (early["statusCode"], early["headers"]["Cache-Control"]) == (503, "no-store")
        made = keys.ensure(T, public)
        answer = get_jwks.handler({}, None)
    finally:
        runtime.queue.cache_clear()
    assert (answer["statusCode"], answer["headers"]["Cache-Control"]) == (200, "public, max-age=300")
    assert json.loads(answer["body"]) == made.jwks()


def _kids(public: Published) -> set[str]:
    return {key["kid"] for key in public.read()["keys"]}


def test_a_secret_that_is_broken_is_said_without_being_shown(keys: Keys) -> None:
    keys._secrets.put_secret_value(SecretId=keys._id, SecretString='{"active": "hush"}')
    with pytest.raises(Failed) as failed:
        keys.read()
    assert "hush" not in str(failed.value) + failed.value.hint
    assert failed.value.__cause__ is None


def test_a_rotation_takes_effect_at_once_and_old_tokens_live_on(
    queue: Queue, keys: Keys, public: Published, now: list[int]
) -> None:
    first = keys.ensure(T, public)
    minter = Keys(keys._secrets, keys._id)  # a warm Lambda that read the secret before
    queue.lines.change(lambda line, t: replace(line.anchored(t), kid=first.active["kid"]))
    assert minter.signer(queue.lines.read().kid) == first.active
    old = token(first.active)
    done = operator(queue).rotate_keys(keys)
    assert (done.act.before, done.act.after) == (first.active["kid"], first.next["kid"])
    assert minter.signer(queue.lines.read().kid) == first.next
    assert wrong(old, keys.read().jwks()) == set()
    assert wrong(token(first.next), first.jwks()) == set()  # by a game server that has not asked again
    with pytest.raises(Invalid, match="still alive"):
        operator(queue).rotate_keys(keys)
    now[0] += max(5 * MINUTE, JWKS_MAX_AGE * SECOND)
    operator(queue).rotate_keys(keys)
    operator(queue).rotate_keys(keys, force=True)
    assert wrong(old, keys.read().jwks(), T) >= {"kid"}
    minter._cache = (minter._cache[0] - 2, minter._cache[1]) if minter._cache else None
    assert minter.signer(queue.lines.read().kid) == keys.read().active


def test_a_rotation_that_was_cut_off_is_finished_and_not_repeated(queue: Queue, keys: Keys, public: Published) -> None:
    first = keys.ensure(T, public)
    queue.lines.change(lambda line, t: replace(line.anchored(t), kid=first.active["kid"]))
    keys.rotate(T, 5 * MINUTE, public)  # and then the process is gone
    assert Keys(keys._secrets, keys._id).signer(queue.lines.read().kid) == first.active
    assert operator(queue).rotate_keys(keys).act.after == first.next["kid"]
    assert keys.read().active == first.next


def test_a_key_signs_no_sooner_than_every_game_server_can_know_it(keys: Keys, public: Published) -> None:
    """However short an admission is, a key set may be five minutes old."""
    keys.ensure(T, public)
    keys.rotate(T, 60 * SECOND, public)
    with pytest.raises(Invalid, match="rotated at 2027-01-15T08:00:00") as refused:
        keys.rotate(T + 5 * MINUTE - 1, 60 * SECOND, public)
    assert "2027-01-15T08:05:00.000Z" in refused.value.hint
    keys.rotate(T + 5 * MINUTE, 60 * SECOND, public)
    with pytest.raises(Invalid, match="still alive"):
        keys.rotate(T + 15 * MINUTE - 1, 10 * MINUTE, public)
    keys.rotate(T + 15 * MINUTE, 10 * MINUTE, public)


def test_a_clock_that_is_a_minute_behind_takes_a_new_token() -> None:
    keys = new_keys(T)
    text = token(keys.active)
    assert wrong(text, keys.jwks(), T - 60 * SECOND) == set()
    assert wrong(text, keys.jwks(), T - 61 * SECOND) == {"iat"}


def test_a_key_that_nobody_knows_costs_one_look_at_the_secret_a_second(keys: Keys, public: Published) -> None:
    made = keys.ensure(T, public)

    class Counted:
        reads = 0

        def get_secret_value(self, **parameters: Any) -> Any:
            self.reads += 1
            return keys._secrets.get_secret_value(**parameters)

    secrets = Counted()
    minter = Keys(secrets, keys._id)
    assert [minter.signer("unknown") for _ in range(20)] == [made.active] * 20
    assert secrets.reads < 20 / 2


def test_polling_again_is_the_same_admission(queue: Queue, keys: Keys, public: Published, now: list[int]) -> None:
    made = keys.ensure(T, public)
    signing = replace(queue, keys=keys, issuer=ISSUER)
    ticket = login.request(signing, ADA).ticket
    placed(signing)
    assert login.status(signing, ADA, ticket).token is None
    pass_time(signing, now, 1_000)
    first = login.status(signing, ADA, ticket).token
    pass_time(signing, now, 4 * MINUTE)
    again = login.status(signing, ADA, ticket).token
    assert first and again
    said = jwt.decode(first, options={"verify_signature": False})
    assert said == jwt.decode(again, options={"verify_signature": False})
    assert said["exp"] - said["iat"] == 300
    assert (said["jti"], said["sub"], said["pos"]) == (ticket, "sub-ada", 1)
    assert wrong(again, made.jwks(), now[0]) == set()


def test_who_cannot_sign_lets_nobody_in_and_gives_no_sign_of_life(queue: Queue, keys: Keys, now: list[int]) -> None:
    signing = replace(queue, keys=keys, issuer=ISSUER)  # no key was ever written
    ticket = login.request(signing, ADA).ticket
    placed(signing)
    before = signing.lines.read().alive_at
    pass_time(signing, now, 40_000)
    with pytest.raises(Unavailable):
        login.status(signing, ADA, ticket)
    player = signing.players.get("sub-ada")
    assert player is not None and player.admitted_at is None
    assert signing.lines.read().alive_at == before
