"""The clients that `loginq client` writes before a real stack, behind a crowd."""

from collections.abc import Sequence
from pathlib import Path

import jwt
import pytest

from loginq.client import published_keys
from tests.browser.chromium import needed, opened
from tests.conformance.clients import CLIENTS, PYTHON, TYPESCRIPT, Client, page
from tests.conformance.real import Hall, Token, hall
from tests.e2e.conftest import PATIENCE, Player, Stack, until
from tests.world import operator


def shown(place: Hall) -> list[bool]:
    """Of each player, whether it has been shown a position."""
    return [any("position" in standing for standing in rows) for rows in place.shown.values()]


def token_of(player: Player) -> Token:
    """What a studio gives to a client."""
    return lambda force: player.account.token(renew=force)


@pytest.mark.parametrize(
    "client",
    [each if each is PYTHON else pytest.param(each, marks=pytest.mark.drills) for each in CLIENTS],
    ids=lambda client: client.name,
)
def test_a_client_waits_behind_a_crowd_and_enters(stack: Stack, client: Client, tmp_path: Path) -> None:
    behind_a_crowd(stack, [client], tmp_path, 20)


def behind_a_crowd(stack: Stack, clients: Sequence[Client], folder: Path, crowd: int) -> Hall:
    """A paused line, a crowd, a player with each client; resumed, all of them enter by tokens that are good."""
    ready = [(each, each.made(folder / each.name)) for each in clients]
    operator(stack.queue).pause()
    stack.crowd(crowd)
    with hall(stack.target.api_url) as place:
        players = {each.name: stack.player() for each, _ in ready}
        for each, words in ready:
            place.send(each.name, words, token_of(players[each.name]))
        until(lambda: len(place.shown) == len(ready) and all(shown(place)))
        assert place.ended == {}
        operator(stack.queue).resume()
        ended = place.wait(PATIENCE)
    keys = jwt.PyJWKSet.from_dict(published_keys(stack.target.api_url))
    for name, player in players.items():
        word, _, token = ended[name].partition(" ")
        key = keys[jwt.get_unverified_header(token)["kid"]]
        claims = jwt.decode(token, key, algorithms=["ES256"], audience="loginq")
        assert (word, claims["sub"]) == ("admitted", player.sub)
    return place


@pytest.mark.drills
def test_a_page_of_another_origin_waits_and_enters(stack: Stack, tmp_path: Path) -> None:
    binary = needed()
    TYPESCRIPT.made(tmp_path)
    operator(stack.queue).pause()
    stack.crowd(20)
    player = stack.player()
    with hall(stack.target.api_url) as place, opened(binary) as tab:
        place.pages.update(page(tmp_path))
        place.pages["/web/"] = place.pages["/"]
        tab.open(place.expect("web", token_of(player)) + "/", 600)
        until(lambda: any("position" in standing for standing in place.shown["web"]))
        operator(stack.queue).resume()
        until(lambda: place.ended)
        assert place.ended["web"].startswith("admitted eyJ")
        assert tab.events("Log.entryAdded", "Runtime.exceptionThrown") == []
