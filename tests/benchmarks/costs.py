"""What a player costs in AWS calls, against the least that any such queue needs."""

import json
from collections import Counter
from collections.abc import Sequence
from dataclasses import replace

from lambdas import get_login_status, process_login_queue, queue_player_login
from loginq.rehearsal.scenario import Arrival, Played, Scenario, Visitor
from loginq.rehearsal.simulation import simulate
from loginq.service.rules.ticket import Ticket
from loginq.service.rules.times import MINUTE, SECOND
from tests.benchmarks.measure import Call, Row, recorded
from tests.benchmarks.stage import Stage, delivery, event, quiet
from tests.unit.test_simulation import crowd, line_at

READ, WRITE = 4_096, 1_024
"""Bytes in a DynamoDB request unit."""


def units(calls: Sequence[Call]) -> tuple[float, float]:
    """(read, write) request units of these calls, by their own parameters; rows of players are below 1 KB.

    https://docs.aws.amazon.com/amazondynamodb/latest/developerguide/on-demand-capacity-mode.html
    """
    reads = writes = 0.0
    for call in calls:
        given = call.parameters
        if call.operation == "GetItem":
            reads += 1 if given.get("ConsistentRead") else 0.5
        elif call.operation == "Query":
            reads += 1
        elif call.operation == "BatchGetItem":
            for each in given["RequestItems"].values():
                reads += len(each["Keys"]) * (1 if each.get("ConsistentRead") else 0.5)
        elif call.operation in ("UpdateItem", "PutItem"):
            writes += _size(given.get("Item"))
        elif call.operation == "BatchWriteItem":
            for requests in given["RequestItems"].values():
                writes += sum(_size(each.get("PutRequest", {}).get("Item")) for each in requests)
        elif call.operation == "BatchExecuteStatement":
            writes += len(given["Statements"])
        elif call.operation == "TransactWriteItems":
            writes += 2 * len(given["TransactItems"])
    return reads, writes


def _as_long(packed: bytes) -> str:
    """Of bytes: a text that is half as long again, as the JSON of all else is."""
    return "." * (len(packed) * 3 // 2)


def _size(item: object) -> int:
    """Units to write it; DynamoDB counts names and values alone, about two thirds of what is sent as JSON."""
    return 1 if item is None else -(-len(json.dumps(item, default=_as_long)) * 2 // 3 // WRITE) or 1


def per_player(stage: Stage, batch: int, capacity: int | None) -> tuple[list[Call], int]:
    """Everything that is called for `players` who ask, are placed in batches, and come in with one poll."""
    players = max(100, batch)
    queue = stage.queue
    queue.lines.change(lambda line, t: replace(line.set_rate(t, 50_000_000), capacity=capacity))
    subs = [f"cost-{batch}-{capacity}-{n:05}" for n in range(players)]
    with recorded() as calls, quiet():
        for sub in subs:
            assert queue_player_login.handler(event(sub), None)["statusCode"] == 200
    tickets = [Ticket.parse(call.parameters["MessageBody"]) for call in calls if call.operation == "SendMessage"]
    with recorded() as placing, quiet():
        for start in range(0, players, batch):
            assert not process_login_queue.handler(delivery(tickets[start : start + batch]), None)["batchItemFailures"]
    with recorded() as polls, quiet():
        for ticket in tickets:
            answer = get_login_status.handler(event(ticket.sub, ticket.ticket), None)
            assert json.loads(answer["body"])["login_status"], answer
    return [*calls, *placing, *polls], players


def of_a_player(stage: Stage) -> list[Row]:
    """DynamoDB units, requests and calls for one admitted player, with one poll; a unit written costs five read.

    The floor: a ticket, a position, the valve and the admission written, a row read consistently and one for the poll.
    """
    rows = []
    for batch, aim in ((1, "–"), (10, "≤ 1.5"), (1_000, "≤ 1.1")):  # noqa: RUF001
        for capacity in (None, 10**6):
            calls, players = per_player(stage, batch, capacity)
            reads, writes = (each / players for each in units(calls))
            kinds = Counter(call.operation for call in calls)
            shown = ", ".join(f"{name} {count / players:.3g}" for name, count in sorted(kinds.items()))
            with_one = " with a capacity" if capacity else ""
            rows.append(
                Row(
                    f"batches of {batch:,}{with_one}: Lambda {2 + 1 / batch:.4g}, {shown}",
                    f"{writes:.2f} writes, {reads:.2f} reads",
                    "4 writes, 1.5 reads",
                    f"{(writes + reads / 5) / (4 + 1.5 / 5):.2f}",
                    aim,
                )
            )
    return rows


def _late(player: Visitor, outcome: Played) -> int:
    """How long after the player's turn, as the line foresaw it on placing, the admission came, ms."""
    placed, admitted = player.placed_at or 0, player.admitted_at or 0
    line = [line for at, line in outcome.lines if at <= placed][-1]
    return admitted - (line.eta(player.position or 0, placed) or admitted)


def polls(_: Stage) -> list[Row]:
    """Polls of a player who waits this long, and how late the admission is seen."""
    rows = []
    for wait, name, aim in ((10 * SECOND, "10 s", 0.40), (5 * MINUTE, "5 min", 0.06), (60 * MINUTE, "1 h", 0.04)):
        ahead = 20 * wait // SECOND
        arrivals = (*crowd(ahead, 0, synthetic=True), *(Arrival(1) for _ in range(40)))
        outcome = simulate(Scenario(line_at(20_000), arrivals, until=2 * wait + MINUTE, batch=100_000))
        real = [player for player in outcome.players if not player.arrival.synthetic]
        count = sum(player.polls for player in real) / len(real)
        waited = sum((player.admitted_at or 0) - (player.placed_at or 0) for player in real) / len(real) / SECOND
        late = sorted(_late(player, outcome) for player in real)
        rows.append(
            Row(
                f"a wait of {name}; let in {late[len(late) // 2] / SECOND:.1f} s after its turn at the median",
                f"{count:.1f} polls",
                f"one a second: {waited:.0f}",
                f"{count / waited:.3f}",
                f"≤ {aim:.2f}, ≤ 2 s",
            )
        )
    return rows
