"""GET /login gives the player a ticket; DELETE /login takes it back."""

from typing import Any

from lambdas.http import Event, answers, standing_body
from lambdas.runtime import starts
from loginq.service.requests import login
from loginq.service.rules.player import Identity, State
from loginq.service.store.queue import Queue


def _login(queue: Queue, who: Identity, event: Event, line: dict[str, Any]) -> dict[str, Any]:
    if event["httpMethod"] == "DELETE":
        login.leave(queue, who)
        return {"state": State.REGISTERED}
    standing = login.request(queue, who)
    line["tickets"] = int(standing.is_new)
    body = {
        "ticket": standing.ticket,
        "sqs_length": queue.intake.length() + standing.before_game,
        **standing_body(standing),
    }
    return {**body, "admission_token": standing.token} if standing.token else body


handler = answers(_login)
starts("dynamodb", "sqs", "secretsmanager", signs=True)
