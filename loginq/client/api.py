"""Where a game's players sign in and wait: all that a client has to be told."""

import re
from dataclasses import dataclass
from typing import NamedTuple

from loginq.service.rules.errors import Invalid


class Place(NamedTuple):
    """Where players wait who have accounts elsewhere: each as `Api` has it."""

    url: str
    own_url: str
    iss: str


@dataclass(frozen=True, slots=True)
class Api:
    """One game's player API, and the accounts of its players. None of it is secret.

    Args:
        url: of the API, with its stage, or of the edge before it: the stack's output `RestEndpoint`.
        client_id: of the game's app client in Cognito: `UserClientId`.
        pool_id: the user pool, which signing in by SRP has to name, like `eu-west-1_AbCdEfGhI`: `UserPoolId`.
        region: of the user pool.
        endpoint: where Cognito is emulated; None for AWS.
        own: the API's own URL, past an edge: `SessionsEndpoint`; None for `url`.
        issuer: what admission tokens name, which only whoever checks them needs: `Issuer`; None for `own`.

    Raises `Invalid` for what is no user pool.
    """

    url: str
    client_id: str
    pool_id: str
    region: str
    endpoint: str | None = None
    own: str | None = None
    issuer: str | None = None

    @property
    def own_url(self) -> str:
        """The API's own URL, where its keys are whatever tokens name."""
        return self.own or self.url

    @property
    def iss(self) -> str:
        """What admission tokens name."""
        return self.issuer or self.own_url

    def __post_init__(self) -> None:
        if not re.fullmatch(r"[\w-]+_[0-9a-zA-Z]+", self.pool_id):
            raise Invalid(
                f"This is not a user pool: {self.pool_id!r}.",
                "It is the stack's output UserPoolId, COGNITO_USER_POOL_ID in .env: deploy again to write that anew.",
            )
