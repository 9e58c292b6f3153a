"""A provider over time: a stack that turns to one and back, keys that rotate, a provider that is down."""

import json
import time
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import pytest

from loginq.client import Game, enter
from loginq.service.rules.errors import Invalid
from loginq.service.rules.identity import LEEWAY
from loginq.service.store.provider import LEAST
from tests import provider as providers
from tests.e2e.conftest import Stack, in_process, until
from tests.e2e.test_live import left, wrong
from tests.provider import AUDIENCE, DISCOVERY, KEYS, Provider

pytestmark = pytest.mark.drills


@pytest.fixture
def provider() -> Iterator[Provider]:
    with providers.running() as one:
        yield one


def changed(stack: Stack, **parameters: str) -> None:
    plan = stack.deployment.plan(parameters, lambda text: None)
    for _ in stack.deployment.apply(plan):
        pass
    stack.deployment.start_line()


def test_a_stack_turns_to_a_provider_and_back_to_the_pool_that_it_left(
    deploy: Callable[..., Stack], provider: Provider
) -> None:
    stack = deploy("turning")
    pool, client, player = stack.target.user_pool_id, stack.target.client_id, stack.player()
    stack.queue.lines.change(lambda line, t: line.pause(t))
    ticket = player.game.login()["ticket"]
    old = player.account.token()
    changed(stack, IdentityIssuer=provider.issuer, IdentityAudience=AUDIENCE)
    assert stack.deployment.target().user_pool_id == ""
    assert stack.aws.client("cognito-idp").describe_user_pool(UserPoolId=pool)["UserPool"]["Id"] == pool
    until(lambda: stack.get("/login", old).status_code == 401)
    stack.queue.lines.change(lambda line, t: line.resume(t))
    game = Game(stack.target.api_url, lambda renew=False: provider.token("ada"))
    assert enter(game, lambda standing: None, lambda trouble, pause: None)["admission_token"]
    row = stack.queue.players.get(player.sub)
    assert row and row.ticket == ticket  # nobody's place was touched
    with pytest.raises(Invalid, match="exclude each other"):
        changed(stack, UserPoolId=pool, UserClientId=client)
    back = {"UserPoolId": pool, "UserClientId": client}
    changed(stack, IdentityIssuer="", IdentityAudience="", **back)
    assert (stack.deployment.target().user_pool_id, stack.deployment.target().client_id) == (pool, client)
    assert "AuthorizePlayer" not in {each["LogicalResourceId"] for each in stack.deployment.stack.resources()}
    until(lambda: stack.get("/login", provider.token("ada")).status_code == 401)
    assert stack.get("/login", old).json()["ticket"] == ticket
    assert stack.player().game.login()["ticket"]


def test_keys_rotate_and_the_provider_falls_silent(deploy: Callable[..., Stack], provider: Provider) -> None:
    stack = deploy("rotating", IdentityIssuer=provider.issuer, IdentityAudience=AUDIENCE)

    def asks() -> tuple[int, str]:
        answer = stack.get("/login", provider.token("ada", kid=next(iter(provider.signers))))
        return answer.status_code, answer.json().get("error", {}).get("code", "")

    provider.says = {DISCOVERY: (503, {}, b""), KEYS: (503, {}, b"")}
    assert asks() == (500, "unavailable")
    provider.says = {}
    until(lambda: asks() == (200, ""))
    provider.says = {DISCOVERY: (503, {}, b""), KEYS: (503, {}, b"")}
    assert asks() == (200, "")  # by the keys that it has
    provider.says = {}
    provider.rotate("new")
    fetched = len(provider.fetches)
    for _ in range(5):
        assert asks() == (401, "unauthorized")
    assert len(provider.fetches) == fetched
    time.sleep(LEAST + 1)
    assert asks() == (200, "")


def test_a_token_that_ends_is_refused_though_the_gateway_still_knows_it(
    deploy: Callable[..., Stack], provider: Provider
) -> None:
    stack = deploy("ending", IdentityIssuer=provider.issuer, IdentityAudience=AUDIENCE)
    stack.get("/login", provider.token("ada"))  # what is cold is warm then
    ends = int(time.time()) + 15
    token = provider.token("ada", exp=ends - LEEWAY)

    def refused() -> Any:
        began = time.time()
        error = stack.get("/login", token).json().get("error")
        assert error or began < ends + 1
        return error

    assert not refused()
    assert until(refused) == {"code": "unauthorized", "message": "Sign in again: the ID token is over."}


def test_a_player_of_the_provider_proves_the_stack_twice_and_leaves_nothing(
    deploy: Callable[..., Stack], provider: Provider, monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    stack = deploy("guests", IdentityIssuer=provider.issuer, IdentityAudience=AUDIENCE)
    for name, value in stack.target.names().items():
        monkeypatch.setenv(name, value)
    words = ("doctor", "--live", "--report", str(tmp_path / "live.json"), "--json", "--yes")
    assert in_process(*words)[2].splitlines()[-1].startswith("Give an ID token of one of its players")
    for _ in range(2):
        before = left(stack)
        code, out, said = in_process(*words, "--token-stdin", stdin=f"{provider.token('auth0|doctor')}\n")
        document = json.loads(out)
        assert (code, document["proved"], wrong(document)) == (0, True, []), said
        assert document["steps"][9]["says"] == f"not asked here: players have accounts of {provider.issuer}"
        assert before == left(stack) | {"players": before["players"]}
    assert in_process("players", "show", "auth0|doctor", "--json")[0] == 0
