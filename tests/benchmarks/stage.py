"""Where the benchmarks play: an emulator with a stack whose handlers are called in this process."""

import os
import secrets
import tempfile
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from functools import cache
from pathlib import Path
from typing import Any

from botocore.config import Config
from botocore.session import Session

from lambdas import runtime
from loginq.emulator import Emulator
from loginq.service.rules.ticket import Ticket
from loginq.service.rules.times import iso
from loginq.service.store.clock import system_clock
from loginq.service.store.keys import player as key
from loginq.service.store.queue import Queue
from loginq.service.store.table import THREADS
from tests.e2e.conftest import Stack, deployed, free_port


@dataclass(eq=False)
class Stage:
    """A stack, the environment of its functions, and bare clients."""

    stack: Stack
    environment: dict[str, str]

    @property
    def queue(self) -> Queue:
        """The queue as the handlers of this process see it."""
        return runtime.queue()

    @cache  # noqa: B019 - there is one stage
    def client(self, service: str) -> Any:
        """A client of botocore's, with the pool that ours have."""
        config = Config(max_pool_connections=THREADS, retries={"mode": "standard", "total_max_attempts": 3})
        return Session().create_client(service, config=config)

    def tickets(self, players: int, prefix: str) -> list[Ticket]:
        """Rows of players who have asked for a ticket: `sub`s and tickets begin with the prefix."""
        t = system_clock()
        run = secrets.token_hex(4)
        tickets = [Ticket(f"{prefix}{run}-{n:06}", f"{prefix}{run}-{n:06}-ticket", t) for n in range(players)]
        self.write(tickets)
        return tickets

    def write(self, tickets: list[Ticket]) -> None:
        """The rows of the players who have these tickets."""
        self.queue.table.write_all(puts=[row_of(ticket) for ticket in tickets])


def row_of(ticket: Ticket) -> dict[str, Any]:
    pk, sk = key(ticket.sub)
    at = iso(ticket.issued_at)
    return {
        "PK": pk, "SK": sk, "username": ticket.sub, "createdAt": at, "loginTicket": ticket.ticket,
        "ticketIssuedAt": at, "sentAt": at,
    }  # fmt: skip


def event(sub: str, ticket: str | None = None) -> dict[str, Any]:
    """What API Gateway sends for a player."""
    claims = {"token_use": "id", "sub": sub, "cognito:username": sub, "email": f"{sub}@example.com"}
    query = None if ticket is None else {"login_ticket": ticket}
    context = {"authorizer": {"claims": claims}}
    return {"httpMethod": "GET", "requestContext": context, "queryStringParameters": query}


def delivery(tickets: list[Ticket]) -> dict[str, Any]:
    """What the SQS trigger sends."""
    once = {"receiptHandle": "receipt", "attributes": {"ApproximateReceiveCount": "1"}}
    return {"Records": [{"messageId": ticket.sub, "body": ticket.body(), **once} for ticket in tickets]}


@contextmanager
def quiet() -> Iterator[None]:
    """Without the log lines that a handler writes to stdout."""
    saved = os.dup(1)
    with Path(os.devnull).open("w") as nowhere:
        os.dup2(nowhere.fileno(), 1)
        try:
            yield
        finally:
            os.dup2(saved, 1)
            os.close(saved)


@contextmanager
def opened() -> Iterator[Stage]:
    """The stage, and nothing left of it."""
    with tempfile.TemporaryDirectory() as folder:
        emulator = Emulator(Path(folder) / ".loginq")
        running = emulator.up(free_port())
        try:
            stack = deployed(running, "bench", InitialRate="1000")
            environment = _environment(stack)
            os.environ.update(environment)
            yield Stage(stack, {**os.environ, **environment})
        finally:
            emulator.down()


def _environment(stack: Stack) -> dict[str, str]:
    """The functions' environment; their trigger is off, so that nobody else places."""
    lambdas = stack.aws.client("lambda")
    resources = {each["LogicalResourceId"]: each["PhysicalResourceId"] for each in stack.deployment.stack.resources()}
    lambdas.update_event_source_mapping(UUID=resources["IntakeTrigger"], Enabled=False)
    found = lambdas.get_function_configuration(FunctionName=resources["GetLoginStatus"])["Environment"]["Variables"]
    names = stack.target.names()
    return {**found, **names, "AWS_REGION": names["AWS_DEFAULT_REGION"], "AWS_LAMBDA_FUNCTION_NAME": "bench"}


Handler = Callable[[dict[str, Any], Any], dict[str, Any]]
