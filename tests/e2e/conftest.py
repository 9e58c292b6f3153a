"""An emulator and a stack for each worker, and more for modules that ask: the real template, the real lambdas."""

import json
import secrets
import socket
import time
from collections.abc import Callable, Iterator
from dataclasses import dataclass, replace
from functools import cache, partial
from typing import Any

import pytest
import requests
from typer.testing import CliRunner

from loginq.cli import app
from loginq.cli.session import api_of
from loginq.client import Account, Game
from loginq.deploy import bundle
from loginq.deploy.deployment import Deployment
from loginq.emulator import REGION, Emulator, Running
from loginq.service.operations.accounts import Users
from loginq.service.operations.guests import Guests
from loginq.service.operations.target import Target
from loginq.service.requests.crowd import parts
from loginq.service.rules.gate import MICRO
from loginq.service.rules.line import Line
from loginq.service.store.aws import Aws
from loginq.service.store.queue import Queue, connect
from tests.cli.conftest import check_documents, clean

PASSWORD = "Correct-Horse-7-Battery"


@dataclass
class Stack:
    """A deployed stack, and what a test needs to play on it."""

    deployment: Deployment
    target: Target
    aws: Aws
    queue: Queue
    users: Users

    def player(self, username: str | None = None) -> "Player":
        """A real account, signed in: by the bare password, as SRP's proof takes a third of a second of CPU."""
        username = username or f"p-{secrets.token_hex(4)}"
        account = self.users.create(username, f"{username}@example.com", PASSWORD)
        signed, given = Account(api_of(self.target), username), {"USERNAME": username, "PASSWORD": PASSWORD}
        signed._go_on(signed._call("initiate_auth", AuthFlow="USER_PASSWORD_AUTH", AuthParameters=given))
        return Player(account.sub, username, signed, Game(self.target.api_url, signed.token))

    def crowd(self, players: int) -> None:
        """Synthetic players, placed."""
        function = self.deployment.stack.outputs()["GenerateLoadFunction"]
        before = self.queue.lines.read().tail
        for part in parts(secrets.token_hex(4), players):
            payload = json.dumps({"run": part.run, "start": part.start, "count": part.count})
            answer = self.aws.client("lambda").invoke(FunctionName=function, Payload=payload)
            assert "FunctionError" not in answer, answer["Payload"].read()
        until(lambda: self.queue.lines.read().tail >= before + players)

    def get(self, path: str, token: str | None, method: str = "GET", **query: str) -> requests.Response:
        """A bare HTTP call."""
        headers = {} if token is None else {"Authorization": f"Bearer {token}"}
        return requests.request(method, self.target.api_url + path, params=query, headers=headers, timeout=PATIENCE)


@dataclass
class Player:
    """A signed-in player."""

    sub: str
    username: str
    account: Account
    game: Game


def free_port() -> int:
    """A port of the system's choice: an emulator that is down must find it free again, whoever starts meanwhile."""
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        return int(probe.getsockname()[1])


PATIENCE = 120
"""Seconds after which something is not going to happen any more, on the busiest of machines."""


def until(true: Callable[[], Any]) -> Any:
    """Wait for something, and fail when it does not come. How fast it comes is no test's business but a benchmark's."""
    deadline = time.monotonic() + PATIENCE
    while not (found := true()):
        assert time.monotonic() < deadline, f"it did not happen within {PATIENCE} s"
        time.sleep(0.1)
    return found


_KEEPING = """
from importlib.machinery import SourceFileLoader
from pathlib import Path

compiled = SourceFileLoader.source_to_code

def kept(self, data, path, **options):
    import _imp, hashlib, marshal
    if "/ministack-lambda-" not in path:
        return compiled(self, data, path, **options)
    file = Path(__file__).with_name(hashlib.sha256(data).hexdigest())
    try:
        code = marshal.loads(file.read_bytes())
    except (OSError, EOFError, ValueError):  # nobody has compiled it, or somebody is about to write it
        code = compiled(self, data, path, **options)
        file.write_bytes(marshal.dumps(code))
    _imp._fix_co_filename(code, path)
    return code

SourceFileLoader.source_to_code = kept
"""


class Keeping(Emulator):
    """An emulator that compiles the functions' code once, and not at each start, of which that is a seventh."""

    def _environment(self, port: int) -> dict[str, str]:
        folder = self.folder / "compiled"
        folder.mkdir(exist_ok=True)
        (folder / "sitecustomize.py").write_text(_KEEPING)
        return super()._environment(port) | {"PYTHONPATH": str(folder), "PYTHONDONTWRITEBYTECODE": "1"}


_own_files = cache(lambda find=bundle._own_files: tuple(find()))


@pytest.fixture(scope="module", autouse=True)
def _read_once() -> Iterator[None]:
    """What the functions import is found once, not at each deploy."""
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(bundle, "_own_files", _own_files)
        yield


@pytest.fixture(scope="session")
def emulator(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Running]:
    one = Keeping(tmp_path_factory.mktemp("emulator") / ".loginq")
    yield one.up(free_port())
    one.down()


def deployed(emulator: Running, name: str, **parameters: str) -> Stack:
    """A new stack on an emulator."""
    aws = emulator.aws()
    deployment = Deployment(aws, name, aws.client("sts").get_caller_identity()["Account"], REGION)
    plan = deployment.plan(parameters, lambda text: None)
    for _ in deployment.apply(plan):
        pass
    deployment.start_line()
    return stack_of(deployment)


def stack_of(deployment: Deployment) -> Stack:
    """A stack that is deployed."""
    target, aws = deployment.target(), deployment.aws
    queue = connect(aws, table=target.table, sqs_url=target.sqs_url, provider=target.provider or "")
    users = Guests(queue) if target.provider else Users(aws.client("cognito-idp"), target.user_pool_id, queue)
    return Stack(deployment, target, aws, queue, users)


def placing_twice_at_once(stack: Stack) -> Stack:
    """The same, where a crowd starts two functions and not four, of which each takes most of a second of CPU."""
    every = stack.deployment.stack.resources()
    trigger = next(each["PhysicalResourceId"] for each in every if each["LogicalResourceId"] == "IntakeTrigger")
    stack.aws.client("lambda").update_event_source_mapping(UUID=trigger, ScalingConfig={"MaximumConcurrency": 2})
    return stack


@pytest.fixture(scope="session")
def deploy(emulator: Running) -> Callable[..., Stack]:
    return partial(deployed, emulator)


@pytest.fixture(scope="session")
def shared(deploy: Callable[..., Stack]) -> Stack:
    return placing_twice_at_once(deploy("shared"))


@pytest.fixture(scope="module")
def stack(request: pytest.FixtureRequest) -> Iterator[Stack]:
    """A stack of its own for a module that has `PARAMETERS`, else that of the worker, with nobody in line.

    A deploy and its cold functions cost 5 s of CPU, a third of all that these tests take.
    """
    parameters = getattr(request.module, "PARAMETERS", None)
    if parameters is not None:
        name = request.module.__name__.rpartition(".")[2].replace("_", "-")
        deploy: Callable[..., Stack] = request.getfixturevalue("deploy")
        yield (stack := deploy(name, **parameters))
        _left_alone(stack.aws)
        return
    stack = request.getfixturevalue("shared")
    until(lambda: not stack.queue.intake.depth().total)
    stack.queue.lines.change(lambda line, t: emptied(line).renew(t))
    yield stack


def _left_alone(aws: Aws) -> None:
    """No stack of a module that is over starts a function each minute."""
    events = aws.client("events")
    for name in (each["Name"] for each in events.list_rules()["Rules"]):
        if not name.startswith("shared-"):
            events.disable_rule(Name=name)


def emptied(line: Line) -> Line:
    """The same line, open and moving, with everybody in it let in."""
    line = replace(line, paused=False, closed=False, capacity=None, message="", steps=(), rate=20_000, burst=20)
    return replace(line, reached_to=line.tail, gate=line.tail * MICRO)


@pytest.fixture
def here(stack: Stack, monkeypatch: pytest.MonkeyPatch) -> Stack:
    """The stack as the target of commands in this process."""
    for name, value in stack.target.names().items():
        monkeypatch.setenv(name, value)
    return stack


def few(calls: range) -> list[Any]:
    """All of these, of which only the middle one is in the default run: what a crash does is the same rule at each."""
    middle = calls[len(calls) // 2]
    return [call if call == middle else pytest.param(call, marks=pytest.mark.drills) for call in calls]


def in_process(*words: str, stdin: str | None = None) -> tuple[int, str, str]:
    """One command of loginq: exit code, stdout, stderr."""
    result = CliRunner().invoke(app, list(words), input=stdin, prog_name="loginq")
    check_documents(words, result.stdout)
    return result.exit_code, clean(result.stdout), clean(result.stderr)
