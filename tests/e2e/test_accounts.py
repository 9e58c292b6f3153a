"""A stack whose players have accounts of another OpenID Connect provider."""

from collections.abc import Callable, Iterator

import jwt
import pytest

from loginq.client import Game, enter
from tests import provider as providers
from tests.e2e.conftest import Stack
from tests.provider import AUDIENCE, Provider


@pytest.fixture(scope="module")
def provider() -> Iterator[Provider]:
    with providers.running() as one:
        yield one


@pytest.fixture(scope="module")
def stack(provider: Provider, deploy: Callable[..., Stack]) -> Stack:
    return deploy("accounts", IdentityIssuer=provider.issuer, IdentityAudience=AUDIENCE)


def test_a_player_enters_by_a_token_of_the_provider_and_the_game_knows_the_provider_s_name(
    stack: Stack, provider: Provider
) -> None:
    game = Game(stack.target.api_url, lambda renew=False: provider.token("auth0|5f7c"))
    standing = enter(game, lambda standing: None, lambda trouble, pause: None)
    said = jwt.decode(standing["admission_token"], options={"verify_signature": False})
    assert said["sub"] == "auth0|5f7c"
