"""GET /login/status says how a ticket stands; the first call that finds its position reached lets the player in."""

from typing import Any

from lambdas.http import Event, answers, standing_body
from loginq.service import login
from loginq.service.players import Identity
from loginq.service.queue import Queue


def _status(queue: Queue, who: Identity, event: Event) -> dict[str, Any]:
    ticket = (event.get("queryStringParameters") or {}).get("login_ticket")
    standing = login.status(queue, who, ticket)
    body = {"login_ticket": standing.ticket, "login_status": standing.admitted, **standing_body(standing)}
    return {**body, "message": standing.message} if standing.message else body


handler = answers(_status)
