"""GET /.well-known/jwks.json: the public keys with which a game server checks admission tokens, offline."""

from typing import Any

from lambdas.http import public
from loginq.service.queue import Queue
from loginq.service.tokens import JWKS_MAX_AGE

_FRESH = 60
"""Seconds that a warm Lambda keeps the keys; the next one is published long before it signs."""


def _jwks(queue: Queue) -> dict[str, Any]:
    assert queue.keys is not None  # noqa: S101 - the template gives this function the secret
    return queue.keys.cached(_FRESH).jwks()


handler = public(_jwks, max_age=JWKS_MAX_AGE)
