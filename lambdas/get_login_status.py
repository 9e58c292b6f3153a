"""GET /login/status says how a ticket stands; the first call that finds its position reached lets the player in."""

from typing import Any

from lambdas.http import Event, answers, standing_body
from lambdas.runtime import starts
from loginq.service.requests import login
from loginq.service.rules.player import Identity
from loginq.service.store.queue import Queue


def _status(queue: Queue, who: Identity, event: Event, line: dict[str, Any]) -> dict[str, Any]:
    ticket = (event.get("queryStringParameters") or {}).get("login_ticket")
    standing = login.status(queue, who, ticket)
    line["admitted"] = int(standing.is_new)
    if standing.came is not None:
        late = standing.came.late
        line |= {"eta_error_ms": standing.came.later, "eta_late": late, "untold": int(late is None)}
    body = {"login_ticket": standing.ticket, "login_status": standing.admitted, **standing_body(standing)}
    extra = {"message": standing.message, "admission_token": standing.token}
    return body | {name: value for name, value in extra.items() if value}


handler = answers(_status)
starts("dynamodb", "secretsmanager", signs=True)
