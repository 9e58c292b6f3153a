"""POST /sessions, for game servers (AWS_IAM): who joined the game, who left it."""

from typing import Any

from lambdas.http import Event, private
from loginq.service.requests.sessions import apply
from loginq.service.rules.sessions import parse
from loginq.service.store.queue import Queue


def _sessions(queue: Queue, event: Event) -> dict[str, Any]:
    events = parse(event.get("body"), queue.clock())
    return {"results": apply(queue, events)}


handler = private(_sessions)
