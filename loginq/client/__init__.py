"""The player's side: sign up, sign in, ask for a place, wait, enter. For `loginq play`, and for a launcher of your own.

    from loginq.client import Account, Api, Game, Trouble, enter

    def trouble(exc: Trouble, pause: float) -> None:
        print(f"{exc.message}: again in {pause:.0f} s")

    api = Api("https://game.example/prod", client_id="abc123", pool_id="eu-west-1_AbC", region="eu-west-1")
    player = Account(api, "ada")
    player.sign_in("Correct-Horse-7-Battery")
    standing = enter(Game(api.url, player.token), lambda waiting: print(waiting["state"]), trouble)
    print(standing["admission_token"])

It reads no `.env`, and of the environment only what the network needs: proxies (HTTPS_PROXY, NO_PROXY) and
certificates (REQUESTS_CA_BUNDLE, CURL_CA_BUNDLE, AWS_CA_BUNDLE). What it raises is a `LoginqError`; `faults` draws
the tree.
"""

from loginq.client.account import Account
from loginq.client.api import Api
from loginq.client.faults import (
    CodeNeeded,
    Gone,
    NewPasswordNeeded,
    NotConfirmed,
    ResetNeeded,
    SessionOver,
    SignInOver,
    Trouble,
)
from loginq.client.game import Game, enter, patiently, published, published_keys
from loginq.client.looking import Look, Sights
from loginq.client.reaching import session_for
from loginq.service.rules.errors import Conflict, Failed, Invalid, LoginqError, NotFound, Refused

__all__ = [
    "Account",
    "Api",
    "CodeNeeded",
    "Conflict",
    "Failed",
    "Game",
    "Gone",
    "Invalid",
    "LoginqError",
    "Look",
    "NewPasswordNeeded",
    "NotConfirmed",
    "NotFound",
    "Refused",
    "ResetNeeded",
    "SessionOver",
    "Sights",
    "SignInOver",
    "Trouble",
    "enter",
    "patiently",
    "published",
    "published_keys",
    "session_for",
]
