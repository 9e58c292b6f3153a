"""How fast the handlers are, against the bare calls that they make, in the same concurrency."""

import secrets
import time
from dataclasses import replace
from typing import Any

from lambdas import get_login_status, process_login_queue, queue_player_login
from loginq.rehearsal.prices import PRICES
from loginq.service.operations.stats import snapshot
from loginq.service.rules.ticket import Ticket
from tests.benchmarks.measure import ROOT, Row, against, instructions, median, recorded, seconds, send
from tests.benchmarks.stage import Handler, Stage, delivery, event, quiet

ANSWER = 4
"""Assumed: how long DynamoDB takes for one row inside a region, ms. Not measured."""
_READS = ("GetItem", "BatchGetItem")
"""Of the same rows: those of other names are not there, and nothing is soon read."""
_BARE = {"ours-": "bare-", "QUEUE#main": "QUEUE#bare", "ROSTER#main": "ROSTER#bare"}


def placing(stage: Stage) -> list[Row]:
    """Players placed per second."""
    rows = []
    for batch, rounds in ((10, 30), (1_000, 7), (10_000, 3)):
        ours, theirs = [], []
        for _ in range(rounds):
            tickets = stage.tickets(batch, "ours-")
            stage.write([_bare(ticket) for ticket in tickets])
            given = delivery(tickets)
            with quiet():
                with recorded() as calls:
                    ours.append(seconds(lambda: process_login_queue.handler(given, None)))  # noqa: B023
                bare = [call.renamed(_BARE) for call in calls]
                theirs.append(seconds(lambda: send(stage.client, bare)))  # noqa: B023
        rows.append(
            Row(
                f"`process_login_queue`, batches of {batch:,}",
                f"{batch / median(ours):,.0f} players/s",
                f"{batch / median(theirs):,.0f} players/s",
                f"{1 / against(ours, theirs):.2f}",
                "≥ 0.8",
            )
        )
    return rows


def _bare(ticket: Ticket) -> Ticket:
    """That of the player whom the bare calls place."""
    return replace(ticket, sub=ticket.sub.replace("ours-", "bare-"), ticket=ticket.ticket.replace("ours-", "bare-"))


def answering(stage: Stage) -> list[Row]:
    """A new ticket, and a poll of somebody who waits: a call of the warm handler against its bare calls."""
    stage.queue.lines.change(lambda line, t: line.pause(t))
    tickets = stage.tickets(300, "ours-")
    with quiet():
        process_login_queue.handler(delivery(tickets), None)
    run = secrets.token_hex(4)
    given: dict[str, tuple[Handler, list[dict[str, Any]]]] = {
        "get_login_status": (get_login_status.handler, [event(each.sub, each.ticket) for each in tickets]),
        "queue_player_login": (queue_player_login.handler, [event(f"ours-{run}-{n}") for n in range(300)]),
    }
    rows = []
    for name, (handler, events) in given.items():
        ours, theirs = [], []
        with quiet():
            for each in events:
                with recorded() as calls:
                    ours.append(seconds(lambda: handler(each, None)))  # noqa: B023
                bare = [call if call.operation in _READS else call.renamed(_BARE) for call in calls]
                with recorded():  # what looks on takes as long for both
                    theirs.append(seconds(lambda: send(stage.client, bare)))  # noqa: B023
        half = len(events) // 6
        rows.append(
            Row(
                f"`{name}`, warm",
                f"{median(ours[half:]) * 1_000:.2f} ms",
                f"{median(theirs[half:]) * 1_000:.2f} ms",
                f"{against(ours[half:], theirs[half:]):.2f}",
                "≤ 1.15",
            )
        )
    stage.queue.lines.change(lambda line, t: line.resume(t))
    return [*rows, *_counted(stage)]


_POLLS = 200
_WARM = """
import sys, types
from botocore.config import Config
from botocore.session import Session
from lambdas import get_login_status, runtime
from loginq.service.store import line
from tests.unit.starting import SUB, answer, answering, event

runtime._aws().try_out("secretsmanager")
answering(runtime, position=15)
line.time = types.SimpleNamespace(monotonic=lambda: 1.0)  # the line is known
config = Config(max_pool_connections=16, retries={"mode": "standard", "total_max_attempts": 3})
bare = Session().create_client("dynamodb", config=config)
answer(bare, 15)
given = event()
row = {"TableName": "table", "Key": {"PK": {"S": f"USER#{SUB}"}, "SK": {"S": f"METADATA#{SUB}"}}}
calls = {
    "ours": lambda: get_login_status.handler(given, None),
    "bare": lambda: bare.get_item(ConsistentRead=False, **row),
}
for call in calls.values():
    call()
for _ in range(int(sys.argv[2])):
    calls[sys.argv[1]]()
"""


def _counted(stage: Stage) -> list[Row]:
    """A poll of somebody who waits in instructions of the CPU, up to the network, which both have in common."""
    environment = {**stage.environment, "PYTHONPATH": str(ROOT), "DYNAMO_TABLE_NAME": "table"}
    counts = []
    for whose in ("ours", "bare"):
        few, many = (instructions(_WARM, environment, whose, str(polls)) for polls in (10, 10 + _POLLS))
        if few is None or many is None:
            return []
        counts.append((many - few) / _POLLS)
    ours, bare = counts
    what = "`get_login_status`, warm, up to the network"
    return [Row(what, _millions(ours), _millions(bare), f"{ours / bare:.2f} in instructions", "≤ 1.15")]


def _millions(instructions: float) -> str:
    return f"{instructions / 1e6:.2f} million"


def growing(stage: Stage) -> list[Row]:
    """Work for one player behind a line of 10³, 10⁴ and 10⁵."""
    rows = []
    first: tuple[int, float] | None = None
    for waiting in (1_000, 10_000, 100_000):
        stage.queue.lines.change(lambda line, t: line.pause(t))
        stage.queue.lines.change(lambda line, t: line.join(t, waiting - line.waiting(t)))  # noqa: B023
        times, made = [], 0
        for _ in range(15):
            tickets = stage.tickets(10, "ours-")
            with recorded() as calls, quiet():
                times.append(seconds(lambda: process_login_queue.handler(delivery(tickets), None)))  # noqa: B023
            made = len(calls)
        with recorded() as reads:
            snapshot(stage.queue)
        first = first or (made, median(times))
        rows.append(
            Row(
                f"placing 10 behind {waiting:,}; `queue stats`: {len(reads)} calls",
                f"{made} calls, {median(times) * 1_000:.1f} ms",
                f"behind 1,000: {first[0]} calls, {first[1] * 1_000:.1f} ms",
                f"{median(times) / first[1]:.2f}",
                "1",
            )
        )
    return rows


def sizes(stage: Stage) -> list[Row]:
    """What a poll takes and costs by the memory of its function, from the CPU time that it took here.

    A function has one core at 1,769 MB and its share below: https://docs.aws.amazon.com/lambda/latest/dg/configuration-memory.html
    """
    stage.queue.lines.change(lambda line, t: line.pause(t))
    tickets = stage.tickets(300, "ours-")
    with quiet():
        process_login_queue.handler(delivery(tickets), None)
        began = time.process_time()
        for each in tickets:
            get_login_status.handler(event(each.sub, each.ticket), None)
        cpu = (time.process_time() - began) / len(tickets) * 1_000
    stage.queue.lines.change(lambda line, t: line.resume(t))
    rows = []
    first = 0.0
    for memory in (128, 256, 512, 1_024, 1_769):
        took = ANSWER + cpu * 1_769 / memory
        million = PRICES["Lambda GB-seconds"] * memory / 1_024 * took * 1_000 + PRICES["Lambda requests"] * 1_000_000
        first = first or million
        rows.append(
            Row(
                f"{memory:,} MB; {cpu:.2f} ms of CPU here",
                f"{took:.1f} ms, {million:.2f} USD a million",
                f"128 MB: {first:.2f} USD",
                f"{million / first:.2f}",
                "–",  # noqa: RUF001
            )
        )
    return rows
