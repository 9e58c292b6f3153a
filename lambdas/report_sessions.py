"""POST /sessions, for game servers (AWS_IAM): who joined the game, who left it."""

from typing import Any

from lambdas.http import Event, private
from loginq.service.queue import Queue
from loginq.service.rules.sessions import parse
from loginq.service.sessions import report


def _sessions(queue: Queue, event: Event) -> dict[str, Any]:
    events = parse(event.get("body"), queue.clock())
    return {"results": report(queue, events)}


handler = private(_sessions)
