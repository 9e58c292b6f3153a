"""AWS's answers to the calls of a function, without AWS: a player whose turn has come is let in, others wait."""

import json
import time
from dataclasses import asdict, replace
from typing import Any

from botocore.awsrequest import AWSResponse

from loginq.service.rules.settings import Rules
from loginq.service.rules.times import iso
from loginq.service.rules.token import KeySet
from loginq.service.store import keys
from loginq.service.store.line import to_row
from loginq.service.store.wire import pack

KEY = {"kty": "EC", "crv": "P-256", "d": "AQ", "x": "", "y": "", "kid": "a-key"}
SUB, TICKET = "a-sub", "a-ticket"


class _Body:
    def __init__(self, content: bytes) -> None:
        self._content = content

    def stream(self) -> list[bytes]:
        return [self._content]


def event() -> dict[str, Any]:
    """What API Gateway sends for a poll."""
    claims = {"token_use": "id", "sub": SUB, "cognito:username": "ada"}
    return {"requestContext": {"authorizer": {"claims": claims}}, "queryStringParameters": {"login_ticket": TICKET}}


def answering(runtime: Any, position: int = 5) -> dict[str, Any]:
    """Have the clients of this module `lambdas.runtime` answered; service -> client, as they are made.

    `position`: the player's; up to 10 it is reached.
    """
    clients: dict[str, Any] = runtime._aws()._made
    for client in clients.values():
        answer(client, position)
    return clients


def answer(client: Any, position: int) -> None:
    """Have a client of botocore answered, each time with the same bytes."""
    known: dict[str, bytes] = {}

    def said(request: Any, event_name: str, **_: Any) -> AWSResponse:
        operation = event_name.rpartition(".")[2]
        if operation not in known:
            known[operation] = json.dumps(_said(operation, position)).encode()
        return AWSResponse(request.url, 200, {}, _Body(known[operation]))

    client.meta.events.register_last("before-send", said)


def _said(operation: str, position: int) -> dict[str, Any]:
    t = time.time_ns() // 1_000_000
    row = {
        **keys.keyed(keys.player(SUB)),
        "loginTicket": TICKET,
        "ticketIssuedAt": iso(t - 9_000),
        "queuedAt": iso(t - 8_000),
        "queuePosition": position,
    }
    if operation == "GetSecretValue":
        return {"SecretString": KeySet(KEY, KEY, None, t).text()}
    if operation == "GetItem":
        return {"Item": pack(row)}
    if operation == "BatchGetItem":
        rules = Rules(initial_rate=100_000)
        line = replace(rules.new_line(t - 5_000), tail=20, capacity=10)
        known = {name: value for name, value in asdict(rules).items() if value is not None}
        rows = [keys.keyed(keys.line("main")) | to_row(line), keys.keyed(keys.rules("main")) | known]
        return {"Responses": {"table": [pack(each) for each in rows]}}
    return {"Attributes": pack({**row, "loginProcessedAt": iso(t)})}
