"""The player's side: sign up, sign in, ask for a place, ask how it stands. `play` drives it."""

from loginq.client.account import Account
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
from loginq.client.reaching import session_for

__all__ = [
    "Account",
    "CodeNeeded",
    "Game",
    "Gone",
    "NewPasswordNeeded",
    "NotConfirmed",
    "ResetNeeded",
    "SessionOver",
    "SignInOver",
    "Trouble",
    "enter",
    "patiently",
    "published",
    "published_keys",
    "session_for",
]
