"""POST /sessions (AWS_IAM) and /sessions/{server} (by a key of its own): who joined and left, or how many are held."""

from typing import Any

from lambdas.http import Event, Line, private
from lambdas.runtime import starts
from loginq.service.requests.sessions import apply, hold
from loginq.service.rules.errors import WrongKey
from loginq.service.rules.server_keys import bearer_of
from loginq.service.rules.sessions import count_of, events_of, report_of
from loginq.service.store.queue import Queue

KEYED = "/sessions/{server}"
"""The path at which API Gateway asks nobody who he is, as it names it itself."""


def _sessions(queue: Queue, event: Event, line: Line) -> dict[str, Any]:
    t = queue.clock()
    reporter = _reporter(queue, event, t)
    if reporter:
        line["server"] = reporter
    queue.lines.cached()  # and the rules with it
    given = report_of(event.get("body"), queue.rules.session_reports)
    if queue.rules.by_counts:
        return {"results": [hold(queue, count_of(given, t, reporter))]}
    return {"results": apply(queue, events_of(given, t, queue.provider))}


def _reporter(queue: Queue, event: Event, t: int) -> str:
    """Whose key this call has; "" where API Gateway has checked a signature. Raises `WrongKey`.

    Until then nothing is read but the row of that key: not the body, and not the line.
    """
    server = (event.get("pathParameters") or {}).get("server")
    if event.get("resource") != KEYED and server is None:
        return ""
    key = bearer_of(event.get("headers"))
    if not queue.server_keys.holds(str(server or ""), key, t):
        raise WrongKey("Send the key of this game server, as `Authorization: Bearer …`.")
    return str(server)


handler = private(_sessions)
starts("dynamodb")
