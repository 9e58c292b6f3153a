"""Ten functions that place at once, on a virtual clock: the races for the one line, and what they cost.

What loginq does is the real code. DynamoDB is the one in memory, and every call takes its time: a write of the line is
lost when another function's came between its read and its effect, as on AWS. Each back-off takes its time, too.
"""

import heapq
import threading
import time
from collections.abc import Callable, Iterator, Sequence
from concurrent.futures import ThreadPoolExecutor
from contextlib import contextmanager
from dataclasses import dataclass, field
from itertools import count
from random import Random
from types import SimpleNamespace
from typing import Any, Self
from unittest.mock import patch
from uuid import UUID

from lambdas import process_login_queue
from loginq.rehearsal.prices import MILLION, PRICES
from loginq.service.requests.placing import Message, place
from loginq.service.rules.errors import Unavailable
from loginq.service.rules.ticket import Ticket
from loginq.service.store import line as lines
from loginq.service.store import table
from loginq.service.store.intake import PER_REQUEST
from loginq.service.store.queue import Queue, connect
from loginq.service.store.rules import write
from loginq.service.store.wire import pack
from tests.benchmarks.costs import units
from tests.benchmarks.measure import Call, Row, recorded
from tests.benchmarks.stage import Stage, delivery, quiet, row_of
from tests.memory import Dynamodb, InMemory
from tests.world import RULES, T

FUNCTIONS = 10
"""That place at the same time: the template's default."""
MEMORY, WHOLE = 512, 1_769
"""MB that the template gives the function, and MB at which it would have a whole core.

https://docs.aws.amazon.com/lambda/latest/dg/configuration-memory.html
"""
ANSWER = 0.003, 0.007
"""Assumed: how long DynamoDB takes for a call, seconds: 5 ms on average, never twice the same."""
BATCHES = {10: 1_000, 100: 300, 500: 150}
"""Players in a batch -> batches that wait in the intake."""
ROUNDS = 15
Cpu = tuple[float, float]
"""Seconds that a function's part of a core is busy for a call of DynamoDB, and besides for each row in it."""
UNEVEN = 0.5, 1.5
"""What a call takes of that. Were it always the same, ten functions would fall into step, and rivals never meet."""


class Time:
    """A clock that goes on when all threads sleep. One of them runs at a time: who sleeps hands over to who is next."""

    def __init__(self) -> None:
        self.now = 0.0
        self._agenda: list[tuple[float, int, threading.Event]] = []
        self._order = count()

    def sleep(self, seconds: float) -> None:
        """Let others go on meanwhile."""
        turn = self._due(seconds)
        self._next()
        turn.wait()

    def run(self, works: Sequence[Callable[[], object]]) -> None:
        """Do these at once; go on when the last of them has ended, and raise what one of them raised."""
        ended, failures = threading.Event(), list[BaseException]()
        left = len(works)

        def begin(work: Callable[[], object], turn: threading.Event) -> None:
            nonlocal left
            turn.wait()
            try:
                work()
            except BaseException as exc:  # noqa: BLE001 - raised again below; the others would wait for ever
                failures.append(exc)
            left -= 1
            if not left:
                self._due(0, ended)
            self._next()

        for work in works:
            threading.Thread(target=begin, args=(work, self._due(0)), daemon=True).start()
        self._next()
        ended.wait()
        if failures:
            raise failures[0]

    def _due(self, seconds: float, turn: threading.Event | None = None) -> threading.Event:
        turn = turn or threading.Event()
        heapq.heappush(self._agenda, (self.now + seconds, next(self._order), turn))
        return turn

    def _next(self) -> None:
        if self._agenda:
            self.now, _, turn = heapq.heappop(self._agenda)
            turn.set()

    def pool(self, threads: int) -> "_Pool":
        """What stands for a `ThreadPoolExecutor`."""
        return _Pool(self, threads)

    @contextmanager
    def governing(self) -> Iterator[None]:
        """The caches and the threads of the queue go by this clock."""
        with (
            patch.object(lines, "time", SimpleNamespace(monotonic=lambda: self.now)),
            patch.object(table, ThreadPoolExecutor.__name__, self.pool),
        ):
            yield


@dataclass
class _Pool:
    time: Time
    threads: int

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *_: object) -> None: ...

    def map(self, work: Callable[[Any], Any], jobs: Sequence[Any]) -> list[Any]:
        """As that of an executor."""
        done: dict[int, Any] = {}
        open_ = iter(enumerate(jobs))

        def thread() -> None:
            for n, job in open_:
                done[n] = work(job)

        self.time.run([thread] * min(self.threads, len(jobs)))
        return [done[n] for n in range(len(jobs))]


@dataclass
class _Slow:
    """DynamoDB as one function sees it: the call takes effect in the middle of its time, after its share of the CPU."""

    dynamodb: Dynamodb
    rush: "Rush"
    free_at: float = 0.0

    def __getattr__(self, operation: str) -> Callable[..., Any]:
        clock, name = self.rush.time, "".join(map(str.capitalize, operation.split("_")))

        def call(**parameters: Any) -> Any:
            self.rush.calls.append(Call("dynamodb", name, parameters))
            a_call, a_row = self.rush.cpu
            busy = (a_call + a_row * _rows(parameters)) * self.rush.random.uniform(*UNEVEN)
            self.free_at = max(clock.now, self.free_at) + busy  # one core for all the threads of a function
            takes = self.rush.random.uniform(*ANSWER)
            clock.sleep(self.free_at - clock.now + takes / 2)
            try:
                return getattr(self.dynamodb, operation)(**parameters)
            finally:
                clock.sleep(takes / 2)

        return call


def _rows(parameters: dict[str, Any]) -> int:
    """How many rows a batch call is about; 0 for another."""
    for some in parameters.get("RequestItems", {}).values():
        return len(some["Keys"] if isinstance(some, dict) else some)
    return len(parameters.get("Statements", ()))


@dataclass
class Rush:
    """So many batches of one size for some functions."""

    batch: int
    batches: int
    cpu: Cpu = (0.0, 0.0)
    functions: int = FUNCTIONS
    time: Time = field(default_factory=Time)
    random: Random = field(default_factory=lambda: Random(0))
    dynamodb: Dynamodb = field(default_factory=Dynamodb)
    calls: list[Call] = field(default_factory=list)
    placed: int = 0
    refused: int = 0
    """Deliveries that failed, because the line was written by too many at once."""
    busy: float = 0.0
    """Seconds of all functions together."""
    pace: float = 0.0
    """Players placed in a second, until the intake was empty."""

    def play(self) -> Self:
        """To its end."""
        write(table.Table(self.dynamodb, "table"), "main", RULES)
        batches = iter([self._messages() for _ in range(self.batches)])
        with self.time.governing():
            self.time.run([lambda: self._function(batches)] * self.functions)
        return self

    def _messages(self) -> list[Message]:
        subs = [str(UUID(int=self.random.getrandbits(128), version=4)) for _ in range(self.batch)]
        tickets = [Ticket(sub, f"{sub}-ticket", T) for sub in subs]
        for ticket in tickets:
            row = row_of(ticket)
            self.dynamodb.rows[row["PK"], row["SK"]] = pack(row)
        return [Message(ticket.sub, ticket.body()) for ticket in tickets]

    def _queue(self) -> Queue:
        """As one function has it, which is warm."""
        aws = InMemory()
        aws.dynamodb = _Slow(self.dynamodb, self)  # type: ignore[assignment]
        clock = lambda: T + round(self.time.now * 1_000)  # noqa: E731
        queue = connect(aws, table="table", sqs_url="url", clock=clock, begins=True)
        queue.table.sleep, queue.table.random = self.time.sleep, self.random
        return queue

    def _function(self, batches: Iterator[list[Message]]) -> None:
        queue = self._queue()
        for messages in batches:
            began = self.time.now
            while True:
                try:
                    outcome = place(queue, messages)
                    break
                except Unavailable:
                    self.refused += 1
            assert not outcome.failed
            self.placed += outcome.placed
            self.busy += self.time.now - began
        self.pace = self.pace or self.placed / self.time.now

    @property
    def lost(self) -> float:
        """Writes of the line that another function's made void, for each batch."""
        return sum(call.operation == "PutItem" for call in self.calls) / self.batches - 1

    @property
    def dollars(self) -> float:
        """What a million players cost to place, once they are in the intake: SQS's pollers take and delete ten at once.

        https://docs.aws.amazon.com/lambda/latest/dg/services-sqs-scaling.html
        """
        reads, writes = units(self.calls)
        used = {
            "DynamoDB read units": reads,
            "DynamoDB write units": writes,
            "Lambda requests": self.batches + self.refused,
            "Lambda GB-seconds": self.busy * MEMORY / 1_024,
            "SQS requests": 2 * self.placed / PER_REQUEST,
        }
        return sum(PRICES[name] * n for name, n in used.items()) / self.placed * MILLION


def placing(stage: Stage) -> list[Row]:
    """Players a second, races and cost; with the calls alone, and with the functions' own CPU time."""
    a_call, a_row = own = _cpu(stage)
    with_it = f" with the CPU time of {MEMORY} MB, {a_call * 1_000:.1f} ms a call and {a_row * 1_000:.2f} ms a row"
    rows = []
    first = 0.0
    for cpu, how in (((0.0, 0.0), ""), (own, with_it)):
        for batch, batches in BATCHES.items():
            rush = Rush(batch, batches, cpu).play()
            first = first or rush.pace
            rows.append(
                Row(
                    f"batches of {batch}{how}: {rush.lost:.2f} races lost a batch, {rush.refused} of {batches:,} "
                    f"delivered again, {len(rush.calls) / rush.placed:.3f} calls a player",
                    f"{rush.pace:,.0f} players/s, {rush.dollars:.2f} USD a million",
                    f"of 10: {first:,.0f} players/s",
                    f"{rush.pace / first:.1f}",
                    "–",  # noqa: RUF001
                )
            )
        first = 0.0
    return rows


def _cpu(stage: Stage) -> Cpu:
    """What the handler took of this machine's CPU for its smallest and its largest batch, as `MEMORY` would have it."""
    small, large = (_taken(stage, batch) for batch in (min(BATCHES), max(BATCHES)))
    whole = small[1] * large[2] - large[1] * small[2]
    a_call = (small[0] * large[2] - large[0] * small[2]) / whole
    a_row = (large[0] * small[1] - small[0] * large[1]) / whole
    return a_call * WHOLE / MEMORY, a_row * WHOLE / MEMORY


def _taken(stage: Stage, batch: int) -> tuple[float, int, int]:
    """(seconds of CPU, calls of DynamoDB, rows in them) to place one batch."""
    found = []
    for _ in range(ROUNDS):
        given = delivery(stage.tickets(batch, "ours-"))
        with quiet(), recorded() as calls:
            began = time.process_time()
            process_login_queue.handler(given, None)
            took = time.process_time() - began
        found.append((took, len(calls), sum(_rows(call.parameters) for call in calls)))
    return min(found)
