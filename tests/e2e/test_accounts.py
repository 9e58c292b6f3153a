"""A stack whose players have accounts of another OpenID Connect provider."""

import json
import time
from collections.abc import Callable, Iterator

import jwt
import pytest

from loginq.client import Game, enter
from loginq.service.rules.identity import key_of
from loginq.service.rules.times import iso
from tests import provider as providers
from tests.e2e.conftest import Stack, in_process, until
from tests.e2e.test_sessions import post
from tests.provider import AUDIENCE, Provider

ADA = "auth0|5f7c 日本"


@pytest.fixture(scope="module")
def provider() -> Iterator[Provider]:
    with providers.running() as one:
        yield one


@pytest.fixture(scope="module")
def stack(provider: Provider, deploy: Callable[..., Stack]) -> Stack:
    stack = deploy("accounts", IdentityIssuer=provider.issuer, IdentityAudience=AUDIENCE)
    provider.fetches.clear()  # deploy has looked at it, too
    return stack


def test_a_player_of_the_provider_enters_and_the_game_knows_the_name_that_the_provider_gave(
    here: Stack, provider: Provider
) -> None:
    token = provider.token(ADA)
    game = Game(here.target.api_url, lambda renew=False: token)
    standing = enter(game, lambda standing: None, lambda trouble, pause: None)
    assert jwt.decode(standing["admission_token"], options={"verify_signature": False})["sub"] == ADA
    event = {"player": ADA, "admission": standing["login_ticket"], "event": "left", "at": iso(here.queue.clock())}
    assert post(here, {"events": [event]}, "test", "test").json() == {"results": ["counted"]}
    _, out, _ = in_process("players", "show", ADA, "--json")
    shown = json.loads(out)
    assert (shown["sub"], shown["subject"], shown["state"]) == (key_of(provider.issuer, ADA), ADA, "left")
    assert len(provider.fetches) == 2
    in_process("users", "disable", ADA)
    assert here.get("/login", token).json()["error"]["code"] == "blocked"
    assert here.get("/login", token, "DELETE").status_code == 200


def test_a_bad_token_is_a_401_that_says_nothing_and_the_log_says_why(here: Stack, provider: Provider) -> None:
    over = provider.token("bob", exp=int(time.time()) - 100, iat=int(time.time()) - 4_000)
    for token, why in (
        (over, "exp: it is over since"),
        (provider.token("bob", aud="shop"), "aud: it is 'shop'"),
        ("nonsense", "form: it has 1 parts"),
    ):
        answer = here.get("/login", token)
        assert (answer.status_code, answer.json()["error"]["code"]) == (401, "unauthorized")
        assert why.partition(":")[0] not in answer.json()["error"]["message"].split()
        assert answer.headers["Access-Control-Allow-Origin"] == "*"
        until(lambda: why in in_process("logs", "authorize_player", "--json")[1])  # noqa: B023 - called at once
    assert here.get("/login", None).json()["error"]["code"] == "unauthorized"


def test_the_reference_client_plays_by_tokens_from_stdin(here: Stack, provider: Provider) -> None:
    over = provider.token("cid", exp=int(time.time()) - 100, iat=int(time.time()) - 4_000)
    code, out, err = in_process("play", "--token-stdin", "--json", stdin=f"{over}\n'{provider.token('cid')}'\n")
    last = json.loads(out.splitlines()[-1])
    assert (code, last["login_status"], "cid" in err) == (0, True, False)
    code, _, err = in_process("play", "--token-stdin", stdin=f"{over}\n")
    assert code == 4 and err.splitlines()[0] == (
        "Error: The ID token is refused: it is over, or not of this game, and there is no other on stdin."
    )


def test_whoever_is_named_gets_a_token_past_the_line_also_before_he_ever_came(here: Stack) -> None:
    for name, sub in ((ADA, ADA), ("auth0|new", "auth0|new"), (key_of(here.target.provider or "", ADA), ADA)):
        code, out, _ = in_process("token", "issue", name, "--yes", "--json")
        document = json.loads(out)
        said = jwt.decode(document["admission_token"], options={"verify_signature": False})
        assert (code, document["sub"], said["sub"]) == (0, sub, sub)
    assert in_process("token", "issue", "x" * 256, "--yes")[0] == 2


def test_doctor_finds_all_of_it_well(here: Stack) -> None:
    _, out, _ = in_process("doctor", "--json")
    verdicts = {each["what"]: each["verdict"] for each in json.loads(out)["findings"]}
    assert {"provider", "authorizer", "functions", "API"} <= verdicts.keys()
    assert {what: verdict for what, verdict in verdicts.items() if verdict in ("bad", "unknown")} == {}
