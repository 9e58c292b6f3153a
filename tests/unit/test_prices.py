"""What AWS asks for: an idle month, a launch against its counted calls, and Cognito's users."""

import secrets
from collections import Counter
from collections.abc import Iterator
from dataclasses import dataclass, field
from typing import Any

import pytest

from lambdas import get_line, get_login_status, process_login_queue, queue_player_login, runtime, settle_line
from loginq.rehearsal.prices import SERVED, Bill, Run, estimate
from loginq.service.rules.settings import Rules
from loginq.service.rules.ticket import Ticket
from loginq.service.rules.times import MINUTE, SECOND
from loginq.service.store.table import Row, chunks
from tests.benchmarks.costs import units
from tests.benchmarks.idle import month
from tests.benchmarks.measure import Call
from tests.benchmarks.stage import delivery, event
from tests.memory import InMemory, Work
from tests.world import T, World, made

RUN = Run(calls=4, reads=4, writes=1)
"""What a run may ask for while nothing moves."""


def test_an_idle_month_is_below_one_dollar_fifty() -> None:
    bill = month(RUN)
    assert bill.total <= 1.50
    assert {name: round(each, 2) for name, each in bill.dollars.items() if each > 0.1} == {
        "CloudWatch alarm metrics": 0.70, "Secrets Manager secrets": 0.40, "SQS requests": 0.28,
    }  # fmt: skip
    assert bill.counts["SQS requests"] == (5 * 3 + 1) * 60 * 24 * 30
    assert (bill.counts["CloudWatch dashboards"], bill.counts["WAF rules"]) == (0, 0)
    assert month(RUN, Edge="true").dollars == bill.dollars  # by list price nothing, when nobody asks


def test_a_launch_week_has_every_alarm_and_the_dashboard() -> None:
    bill = month(RUN, Monitoring="full")
    assert (bill.counts["CloudWatch alarm metrics"], bill.counts["CloudWatch dashboards"]) == (7 + 2 * 7 + 3, 1)
    assert month(RUN, Firewall="true").total - month(RUN).total == pytest.approx(8)


@pytest.mark.parametrize(
    ("users", "dollars"), [(0, 0), (10_000, 0), (10_001, 0.0055), (200_000, 955), (2_000_000, 495 + 4_140 + 3_250)]
)
def test_monthly_users_of_cognito_lite(users: int, dollars: float) -> None:
    assert Bill({}, users).cognito == pytest.approx(dollars)


# A launch, against the calls that the handlers make


@dataclass
class Day:
    """A launch that is played by the real handlers, in one warm Lambda that serves as many calls as one may."""

    world: World
    calls: list[Call]
    served: Counter[str] = field(default_factory=Counter)

    def ask(self, handler: Any, given: Row) -> None:
        """One call of the API."""
        assert handler.handler(given, None)["statusCode"] == 200
        self.served["API Gateway requests"] += 1
        if self.served["API Gateway requests"] % SERVED == 0:
            self.later(SECOND)

    def place(self, tickets: list[Ticket]) -> None:
        assert not process_login_queue.handler(delivery(tickets), None)["batchItemFailures"]
        self.served["batches"] += 1

    def later(self, ms: int) -> None:
        """Time passes, and settling runs at each full minute."""
        lines = self.world.queue.lines
        self.world.now[0] += ms
        if lines._cache is not None:
            at, line, consistent = lines._cache
            lines._cache = (at - ms / SECOND, line, consistent)
        if self.world.now[0] % MINUTE == 0:
            settle_line.handler({}, None)
            self.served["runs"] += 1

    def launch(self, players: int, polls: int, looks: int, batch: int) -> None:
        """They come, are placed in batches, wait while they poll and others look, and are let in by the last poll."""
        subs = [secrets.token_hex(18) for _ in range(players)]
        for sub in subs:
            self.ask(queue_player_login, event(sub))
        rows = self.world.queue.players.get_all(subs)
        del self.calls[-(players // 100) :]  # that was not asked by loginq
        tickets = [Ticket(sub, row.ticket or "", row.issued_at or 0) for sub, row in rows.items()]
        for some in chunks(tickets, batch):
            self.place(list(some))
        for _ in range(looks):
            self.ask(get_line, {})
        for n in range(polls):
            if n == polls - 1:
                self.world.queue.lines.change(lambda line, t: line.resume(t))
                self.later(10 * SECOND)
            for ticket in tickets:
                self.ask(get_login_status, event(ticket.sub, ticket.ticket))
        while self.served["runs"] < 8:
            self.later(SECOND)


@pytest.fixture
def day(monkeypatch: pytest.MonkeyPatch) -> Iterator[Day]:
    memory, calls = InMemory(), list[Call]()

    def seen(operation: str, parameters: Row, work: Work) -> Row:
        calls.append(Call("dynamodb", operation.title().replace("_", ""), parameters))
        return work(**parameters)

    world = made(memory, rules=Rules(initial_rate=40_000, claim_window=MINUTE))
    world.queue.lines.change(lambda line, t: line.pause(t))
    memory.dynamodb.spoil = seen
    monkeypatch.setattr(runtime, "connect", lambda *_, **__: world.queue)
    for name in ("DYNAMO_TABLE_NAME", "SQS_URL"):
        monkeypatch.setenv(name, "-")
    runtime.queue.cache_clear()
    yield Day(world, calls)
    runtime.queue.cache_clear()


def test_the_price_table_counts_what_the_handlers_ask_of_aws(day: Day) -> None:
    players, polls, looks, batch = 300, 6, 100, 50
    day.launch(players, polls, looks, batch)
    assert day.world.queue.lines.read().counted_to == players
    puts = [call.parameters["Item"] for call in day.calls if call.operation == "PutItem"]
    bill = estimate(
        players=players,
        polls=players * polls,
        admitted=players,
        batches=players // batch,
        line_writes=sum(each["SK"] == {"S": "LINE"} for each in puts),
        length=day.world.now[0] - T,
        sessions=False,
        looks=10_000,
        origin_looks=looks,
    )
    reads, writes = units(day.calls)
    served = day.served
    assert bill.counts["API Gateway requests"] == served["API Gateway requests"]
    assert bill.counts["Lambda requests"] == sum(served.values())
    assert bill.counts["DynamoDB write units"] == pytest.approx(writes, rel=0.03)
    assert bill.counts["DynamoDB read units"] == pytest.approx(reads, rel=0.03)
    assert bill.counts["CloudFront requests"] == players + players * polls + 10_000
