"""POST /sessions, for game servers (AWS_IAM): who joined the game and who left it, or how many a server holds."""

from typing import Any

from lambdas.http import Event, private
from lambdas.runtime import starts
from loginq.service.requests.sessions import apply, hold
from loginq.service.rules.sessions import count_of, events_of, report_of
from loginq.service.store.queue import Queue


def _sessions(queue: Queue, event: Event) -> dict[str, Any]:
    t = queue.clock()
    queue.lines.cached()  # and the rules with it
    given = report_of(event.get("body"), queue.rules.session_reports)
    if queue.rules.by_counts:
        return {"results": [hold(queue, count_of(given, t))]}
    return {"results": apply(queue, events_of(given, t))}


handler = private(_sessions)
starts("dynamodb")
