"""GET /.well-known/jwks.json: the public keys with which a game server checks admission tokens, offline."""

from functools import cache
from typing import Any

from lambdas.http import public
from lambdas.runtime import starts
from loginq.service.rules.token import JWKS_MAX_AGE
from loginq.service.store.queue import Queue
from loginq.service.store.signing import Published

_FRESH = 60
"""Seconds that a warm Lambda keeps the keys; the next one is published long before it signs."""


@cache
def _published(queue: Queue) -> Published:
    """Made once in a warm Lambda."""
    return Published(queue.table, queue.name)


def _jwks(queue: Queue) -> dict[str, Any]:
    return dict(_published(queue).cached(_FRESH))


handler = public(_jwks, max_age=JWKS_MAX_AGE)
starts("dynamodb")
