"""Those who never come, on the emulator: minutes of real sign-ins, polls and settling, too long for the default run.

`pytest -m drills` runs them; tests/unit shows the same on the virtual clock.
"""

import json
import secrets
import threading
import time
from collections import Counter
from collections.abc import Callable, Iterator
from concurrent.futures import ThreadPoolExecutor
from contextlib import contextmanager
from dataclasses import dataclass, field

import boto3
import pytest
import requests
from botocore import UNSIGNED
from botocore.config import Config

from loginq.service.requests import login
from loginq.service.requests.sessions import apply
from loginq.service.rules.player import Identity
from loginq.service.rules.sessions import Event
from tests.e2e.conftest import PASSWORD, Stack, until

pytestmark = pytest.mark.drills

PARAMETERS: dict[str, str] = {}
"""A stack of its own: every count is of these players."""

SETTLE_EACH = 5.0


@dataclass
class Claimers:
    """Real players over HTTP, a few threads for all of them: each polls when the API told it to."""

    stack: Stack
    tokens: list[str]
    admitted: dict[int, float] = field(default_factory=dict)
    expired: int = 0
    polls: Counter[int] = field(default_factory=Counter)
    """Of each how many were answered."""
    stopped: threading.Event = field(default_factory=threading.Event)
    silent: bool = False
    """An outage of the API, as players see it: nobody gets through."""
    asking: int = 0
    """Calls under way."""
    _due: list[tuple[float, int, str]] = field(default_factory=list)
    _lock: threading.Lock = field(default_factory=threading.Lock)

    def come(self, n: int) -> None:
        """Player `n` presses Login."""
        with self._lock:
            self._due.append((time.monotonic(), n, ""))

    def run(self, http: requests.Session) -> None:
        while not self.stopped.is_set():
            with self._lock:
                self._due.sort()
                ready = bool(self._due) and self._due[0][0] <= time.monotonic()
                task = self._due.pop(0) if ready and not self.silent else None
                self.asking += task is not None
            if task is None:
                time.sleep(0.005)
                continue
            try:
                self.ask(http, task[1], task[2])
            finally:
                with self._lock:
                    self.asking -= 1

    @contextmanager
    def outage(self) -> Iterator[None]:
        """While entered nobody gets through; what was under way before has been answered."""
        with self._lock:
            self.silent = True
        until(lambda: not self.asking)
        yield
        self.silent = False

    def ask(self, http: requests.Session, n: int, ticket: str) -> None:
        path, query = ("/login/status", {"login_ticket": ticket}) if ticket else ("/login", {})
        headers = {"Authorization": f"Bearer {self.tokens[n]}"}
        answer = http.get(self.stack.target.api_url + path, params=query, headers=headers, timeout=30)
        body = answer.json()
        self.polls[n] += 1
        if answer.status_code == 200 and (body.get("login_status") or body["state"] == "admitted"):
            self.admitted[n] = time.monotonic()
            return
        self.expired += answer.status_code == 410
        after = body["poll_after_seconds"] if answer.status_code == 200 else 1.0
        keep = (
            body.get("ticket", ticket) if answer.status_code == 200 else ("" if answer.status_code == 410 else ticket)
        )
        with self._lock:
            self._due.append((time.monotonic() + after, n, keep))


def sign_in(stack: Stack, players: int) -> list[str]:
    """Accounts, and their ID tokens."""
    admin = stack.aws.client("cognito-idp")
    plain = boto3.client(
        "cognito-idp",
        region_name=stack.target.region,
        endpoint_url=stack.target.endpoint_url,
        config=Config(signature_version=UNSIGNED, max_pool_connections=8),
    )
    run = secrets.token_hex(3)

    def one(n: int) -> str:
        name = f"{run}-{n}"
        pool = stack.target.user_pool_id
        admin.admin_create_user(UserPoolId=pool, Username=name, MessageAction="SUPPRESS")
        admin.admin_set_user_password(UserPoolId=pool, Username=name, Password=PASSWORD, Permanent=True)
        signed = plain.initiate_auth(
            ClientId=stack.target.client_id,
            AuthFlow="USER_PASSWORD_AUTH",
            AuthParameters={"USERNAME": name, "PASSWORD": PASSWORD},
        )
        return str(signed["AuthenticationResult"]["IdToken"])

    with ThreadPoolExecutor(8) as pool:
        return list(pool.map(one, range(players)))


@pytest.fixture
def settled(stack: Stack) -> Iterator[None]:
    """settle_line, invoked each five seconds, as its schedule would each minute."""
    function = stack.deployment.stack.outputs()["SettleLineFunction"]
    stop = threading.Event()

    def loop() -> None:
        while not stop.wait(SETTLE_EACH):
            answer = stack.aws.client("lambda").invoke(FunctionName=function)
            assert "FunctionError" not in answer, answer["Payload"].read()

    thread = threading.Thread(target=loop)
    thread.start()
    yield
    stop.set()
    thread.join()


@pytest.fixture
def crowd(stack: Stack) -> Iterator[Callable[[list[str]], Claimers]]:
    """Starts the threads that play all claimers."""
    started: list[tuple[Claimers, list[threading.Thread]]] = []

    def start(tokens: list[str]) -> Claimers:
        claimers = Claimers(stack, tokens)
        threads = [threading.Thread(target=claimers.run, args=(requests.Session(),)) for _ in range(12)]
        for thread in threads:
            thread.start()
        started.append((claimers, threads))
        return claimers

    yield start
    for claimers, threads in started:
        claimers.stopped.set()
        for thread in threads:
            thread.join()


def silent(stack: Stack) -> None:
    """Somebody who asks for a ticket and never comes back."""
    login.request(stack.queue, Identity(f"silent-{secrets.token_hex(6)}", "silent"))


QUICK = {"InitialRate": "20", "ClaimWindowSeconds": "10", "LeaseSeconds": "5"}


@pytest.fixture(scope="module")
def stack(deploy: Callable[..., Stack]) -> Stack:
    return deploy("no-shows", **QUICK)


@pytest.mark.realtime
def test_thirty_in_a_hundred_never_come_and_twenty_a_second_enter(
    stack: Stack, settled: None, crowd: Callable[[list[str]], Claimers]
) -> None:
    tokens = sign_in(stack, 2_000)
    claimers = crowd(tokens)
    start, joined, real = time.monotonic(), 0, 0
    while (elapsed := time.monotonic() - start) < 92:
        while joined < 150 + 29 * elapsed:
            joined += 1
            if joined % 10 < 3:
                silent(stack)
            else:
                claimers.come(real)
                real += 1
        time.sleep(0.02)
    times = [at - start for at in claimers.admitted.values()]
    entered = sum(30 <= at < 90 for at in times) / 60
    print(json.dumps({"entered_per_second": entered, "expired": claimers.expired, "real": real}))  # noqa: T201
    assert 18 <= entered <= 22
    assert claimers.expired == 0


def test_a_capacity_of_a_hundred_is_reached_and_kept_also_behind_a_hundred_no_shows(
    deploy: Callable[..., Stack], crowd: Callable[[list[str]], Claimers]
) -> None:
    stack = deploy("capacity", **QUICK, InitialCapacity="100")
    for _ in range(100):
        silent(stack)
    tokens = sign_in(stack, 160)
    time.sleep(1)
    claimers = crowd(tokens)
    claimers.stack = stack
    function = stack.deployment.stack.outputs()["SettleLineFunction"]
    for n in range(160):
        claimers.come(n)
    for _ in range(36):
        stack.aws.client("lambda").invoke(FunctionName=function)
        time.sleep(SETTLE_EACH)
        if len(claimers.admitted) >= 100:
            break
    assert len(claimers.admitted) == 100
    for _ in range(4):
        stack.aws.client("lambda").invoke(FunctionName=function)
        time.sleep(3)
    assert len(claimers.admitted) == 100
    leaving = list(claimers.admitted)[:10]
    events: list[Event | None] = []
    for n in leaving:
        row = stack.queue.players.get(_sub(tokens[n]))
        assert row is not None and row.ticket is not None
        events.append(Event(row.sub, row.ticket, False, stack.queue.clock()))
    assert apply(stack.queue, events) == ["counted"] * 10
    before, inside = claimers.polls.copy(), set(claimers.admitted)
    until(lambda: len(claimers.admitted) >= 110)
    # By a poll that was under way, by one within the second that a function keeps the line for, or by the next
    assert max(claimers.polls[n] - before[n] for n in claimers.admitted if n not in inside) <= 3
    time.sleep(3)
    assert len(claimers.admitted) == 110


def _sub(token: str) -> str:
    import jwt

    return str(jwt.decode(token, options={"verify_signature": False})["sub"])


def test_an_outage_of_a_minute_expires_nobody_who_polls(
    deploy: Callable[..., Stack], crowd: Callable[[list[str]], Claimers]
) -> None:
    stack = deploy("outage", InitialRate="5", ClaimWindowSeconds="60", LeaseSeconds="10")
    function = stack.deployment.stack.outputs()["SettleLineFunction"]
    tokens = sign_in(stack, 250)
    claimers = crowd(tokens)
    claimers.stack = stack
    for n in range(250):
        claimers.come(n)
    time.sleep(10)
    with claimers.outage():
        before = stack.queue.lines.read().reached(stack.queue.clock())
        for _ in range(12):
            time.sleep(5)
            stack.aws.client("lambda").invoke(FunctionName=function)
        line = stack.queue.lines.read()
        assert line.reached(stack.queue.clock()) - before <= 5 * 10 + line.burst + 1

    def all_in() -> bool:
        stack.aws.client("lambda").invoke(FunctionName=function)
        return len(claimers.admitted) == 250

    until(all_in)
    assert claimers.expired == 0
