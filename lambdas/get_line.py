"""GET /line: what anybody may know of the line; a cache before it may answer a million who wait."""

from typing import Any

from lambdas.http import public
from lambdas.runtime import starts
from loginq.service.rules.public import MAX_AGE, document
from loginq.service.rules.times import SECOND
from loginq.service.store.queue import Queue


def _line(queue: Queue) -> dict[str, Any]:
    line = queue.lines.cached()
    return document(line, queue.clock(), queue.rules.claim_window)


handler = public(_line, max_age=MAX_AGE // SECOND)
starts("dynamodb")
