"""Storms: a third of all AWS calls fail, in every way that they can, while players ask and batches are placed.

On the emulator's DynamoDB and SQS, with the functions' own code in process, so that each call can be made to fail: it
is throttled, refused with a 5xx, times out after it took effect, does only half of a batch, or the process is gone.
"""

import secrets
from collections import Counter
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from contextlib import suppress
from dataclasses import dataclass, field
from random import Random
from typing import Any

import pytest
from botocore.exceptions import ClientError, ReadTimeoutError

from loginq.service.requests import login
from loginq.service.requests.minute import settle
from loginq.service.requests.placing import Message, place
from loginq.service.rules.errors import LoginError, LoginqError, Unavailable
from loginq.service.rules.minute import ADMITTING
from loginq.service.rules.player import Identity
from loginq.service.rules.settings import Rules
from loginq.service.rules.times import MINUTE
from loginq.service.store.aws import Aws, Client
from loginq.service.store.clock import system_clock
from loginq.service.store.intake import Letter
from loginq.service.store.queue import Queue, connect
from loginq.service.store.rules import write
from tests.e2e.conftest import Stack

PLAYERS, SKEW = 40, 500


class Gone(BaseException):
    """The process is gone between two lines."""


@dataclass
class Storm(Aws):
    """Clients of which each call fails with this probability."""

    real: Aws
    random: Random
    share: float
    seen: Counter[str] = field(default_factory=Counter)

    def client(self, service: str) -> Client:
        return Client(lambda: _Stormy(self, self.real.client(service)._client))


@dataclass
class _Stormy:
    storm: Storm
    real: Any

    def __getattr__(self, name: str) -> Any:
        method = getattr(self.real, name)
        return method if name in ("meta", "get_paginator") else lambda **given: self._call(name, method, given)

    def _call(self, name: str, method: Callable[..., Any], given: dict[str, Any]) -> Any:
        random = self.storm.random
        if random.random() >= self.storm.share:
            return method(**given)
        fault = random.choice(["throttled", "5xx", "late", "half", "gone before", "gone after"])
        self.storm.seen[fault] += 1
        if fault == "throttled":
            raise ClientError({"Error": {"Code": "ThrottlingException", "Message": "slow down"}}, name)
        if fault == "5xx":
            raise ClientError({"Error": {"Code": "InternalServerError", "Message": "sorry"}}, name)
        if fault == "gone before":
            raise Gone
        if fault == "half" and name in _HALVES:
            return _HALVES[name](method, given)
        answer = method(**given)
        if fault == "late":
            raise ReadTimeoutError(endpoint_url="aws")
        if fault == "gone after":
            raise Gone
        return answer


def _half_read(method: Callable[..., Any], given: dict[str, Any]) -> Any:
    ((table, asked),) = given["RequestItems"].items()
    half = len(asked["Keys"]) // 2
    left = {table: {**asked, "Keys": asked["Keys"][half:]}}
    if not half:
        return {"Responses": {table: []}, "UnprocessedKeys": left}
    answer = method(RequestItems={table: {**asked, "Keys": asked["Keys"][:half]}})
    return {**answer, "UnprocessedKeys": left}


def _half_written(method: Callable[..., Any], given: dict[str, Any]) -> Any:
    ((table, asked),) = given["RequestItems"].items()
    half = len(asked) // 2
    if half:
        method(RequestItems={table: asked[:half]})
    return {"UnprocessedItems": {table: asked[half:]}}


def _half_executed(method: Callable[..., Any], given: dict[str, Any]) -> Any:
    asked = given["Statements"]
    half = len(asked) // 2
    done = method(Statements=asked[:half])["Responses"] if half else []
    return {"Responses": [*done, *({"Error": {"Code": "ThrottlingError"}} for _ in asked[half:])]}


_HALVES = {
    "batch_get_item": _half_read,
    "batch_write_item": _half_written,
    "batch_execute_statement": _half_executed,
}


@dataclass
class World:
    """Four warm Lambdas with clocks of their own, the players, and what was seen of each."""

    stack: Stack
    name: str
    url: str
    later: int = 0
    players: list[Identity] = field(default_factory=list)
    tickets: dict[str, str] = field(default_factory=dict)
    positions: dict[str, int] = field(default_factory=dict)
    admissions: dict[str, int] = field(default_factory=dict)
    errors: Counter[str] = field(default_factory=Counter)

    def queue(self, aws: Aws, skew: int = 0) -> Queue:
        clock = lambda: system_clock() + skew + self.later  # noqa: E731
        made = connect(aws, table=self.stack.target.table, sqs_url=self.url, clock=clock, name=self.name, begins=True)
        made.table.sleep = lambda seconds: None
        return made

    def attempt(self, work: Callable[[], Any]) -> Any:
        """One call of a Lambda: an answer, one clear error, or silence."""
        try:
            return work()
        except Gone:
            self.errors["gone"] += 1
        except (Unavailable, LoginError) as exc:
            self.errors[type(exc).__name__] += 1
        except LoginqError as exc:
            raise AssertionError(f"not a clear error: {exc!r}") from exc
        return None

    def ask(self, queue: Queue, who: Identity) -> None:
        standing = self.attempt(lambda: login.request(queue, who))
        if standing is not None:
            assert self.tickets.setdefault(who.sub, standing.ticket) == standing.ticket, "another ticket"

    def look(self, queue: Queue, who: Identity) -> None:
        if who.sub in self.tickets:
            self.attempt(lambda: login.status(queue, who, self.tickets[who.sub]))

    def deliver(self, queues: list[Queue], random: Random) -> None:
        """A batch of the intake to two handlers at once; sometimes it is delivered again all the same."""
        calm = self.queue(self.stack.aws)
        if not calm.intake.depth().visible:
            return
        letters: list[Letter] = calm.intake._receive(self.url, 10)
        batch = [Message(letter.id, letter.body) for letter in letters]
        random.shuffle(batch)
        if not batch:
            return
        with ThreadPoolExecutor(2) as pool:
            outcomes = list(pool.map(lambda queue: self.attempt(lambda: place(queue, batch)), queues))
        done = [out for out in outcomes if out is not None]
        failed = set.intersection(*({*out.failed} for out in done)) if done else {message.id for message in batch}
        twice = random.random() < 0.3
        calm.intake._put_back(self.url, [letter for letter in letters if twice or letter.id in failed])
        for letter in letters:
            if not twice and letter.id not in failed:
                self.stack.aws.client("sqs").delete_message(QueueUrl=self.url, ReceiptHandle=letter.receipt)

    def check(self) -> None:
        """Nobody is moved, nobody enters twice."""
        rows = self.queue(self.stack.aws).players.get_all([who.sub for who in self.players])
        for sub, player in rows.items():
            if player.position is not None:
                assert self.positions.setdefault(sub, player.position) == player.position, "moved"
            if player.admitted_at is not None:
                assert self.admissions.setdefault(sub, player.admitted_at) == player.admitted_at, "entered twice"
        assert len(set(self.positions.values())) == len(self.positions), "one position for two"


@pytest.mark.parametrize(
    ("seed", "steps"), [(1, 150), *(pytest.param(seed, 1_000, marks=pytest.mark.drills) for seed in range(1, 6))]
)
def test_after_the_storm_everybody_has_one_place_and_is_in_once(stack: Stack, seed: int, steps: int) -> None:
    random = Random(seed)
    name = f"storm{seed}-{steps}"
    url = str(stack.aws.client("sqs").create_queue(QueueName=name, Attributes={"VisibilityTimeout": "5"})["QueueUrl"])
    write(stack.queue.table, name, Rules(initial_rate=1_000_000))
    world = World(stack, name, url)
    world.players = [Identity(f"{name}-{secrets.token_hex(6)}", "name") for _ in range(PLAYERS)]
    storms = [Storm(stack.aws, Random(random.random()), 0.3) for _ in range(4)]
    lambdas = [world.queue(storm, random.randint(-SKEW, SKEW)) for storm in storms]

    def life(n: int) -> None:
        """What one warm Lambda is asked to do; now and then two handlers have the same batch."""
        mine = Random(seed * 10 + n)
        for _ in range(steps // len(lambdas)):
            action = mine.choice([world.ask, world.ask, world.look, world.look, None])
            if action is None:
                world.deliver([lambdas[n], mine.choice(lambdas)], mine)
            else:
                action(lambdas[n], mine.choice(world.players))

    with ThreadPoolExecutor(len(lambdas)) as pool:
        lives = [pool.submit(life, n) for n in range(len(lambdas))]
        while not all(each.done() for each in lives):
            world.check()
    for each in lives:
        each.result()
    assert all(sum(storm.seen[fault] for storm in storms) for fault in ("throttled", "5xx", "late", "gone after"))
    assert world.errors["Unavailable"] and world.errors["gone"]

    world.later = 2 * MINUTE  # calm: what was lost is due to be sent again, and no admission is over yet
    calm = world.queue(stack.aws)
    for _ in range(40):
        for who in world.players:
            world.ask(calm, who)
            world.look(calm, who)
        world.deliver([calm, calm], random)
        world.check()
        if len(world.admissions) == PLAYERS:
            break
    assert len(world.admissions) == PLAYERS == len(world.positions)

    for _ in range(6):  # closed and counted from the rows, whatever the storm did to the counters
        world.later += 2 * MINUTE + ADMITTING
        with suppress(Unavailable):
            settle(calm)
        calm.lines.change(lambda line, t: line.renew(t))
    line = calm.lines.read()
    holes = line.tail - PLAYERS  # of lost races and crashes: nobody gave up
    assert (line.counted_to, line.counted, line.no_shows, line.holes) == (line.tail, PLAYERS, 0, holes)
