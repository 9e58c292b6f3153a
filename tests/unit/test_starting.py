"""What a function makes ready while it starts, so that its first call is like any other."""

import importlib
import json
import os
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path
from types import SimpleNamespace

import botocore.endpoint
import pytest

from lambdas import runtime
from loginq.deploy import template

FUNCTIONS = {each["Module"]: each for each in template.load().document["Mappings"]["Functions"].values()}
ENVIRONMENT = {
    "AWS_ACCESS_KEY_ID": "testing",
    "AWS_SECRET_ACCESS_KEY": "testing",
    "AWS_REGION": "eu-west-1",
    "AWS_DEFAULT_REGION": "eu-west-1",
    "AWS_LAMBDA_FUNCTION_NAME": "a-function",
    "DYNAMO_TABLE_NAME": "table",
    "SQS_URL": "https://sqs.eu-west-1.amazonaws.com/1/queue",
    "SIGNING_KEYS": "keys",
}
UNCOLLECTED = SimpleNamespace(disable=lambda: None, freeze=lambda: None, enable=lambda: None)
"""For a process that lives on."""
_STARTED = """
import gc, json, socket, sys

def refuse(*_, **__):
    raise AssertionError("a call")

socket.socket.connect, socket.getaddrinfo = refuse, refuse
from lambdas import get_login_status, runtime
from tests.unit.starting import answering, event

clients = answering(runtime)
before = set(sys.modules)
made = dict(clients)
answer = get_login_status.handler(event(), None)
new = [name for name in sys.modules if name not in before]
print(json.dumps({
    "status": answer["statusCode"], "token": json.loads(answer["body"]).get("admission_token", ""),
    "imported": new, "made": sorted(made), "more": sorted(set(clients) - set(made)),
    "needless": [name for name in ("jwt", "boto3", "loginq.service.rules.minute") if name in sys.modules],
    "collector": [gc.isenabled(), gc.get_freeze_count() > 0],
}))
"""


def test_the_first_call_of_a_function_that_signs_imports_nothing_and_makes_no_client() -> None:
    """It runs in an interpreter of its own, in which nothing may be connected to."""
    done = subprocess.run(
        [sys.executable, "-c", _STARTED],
        env={"PATH": os.environ["PATH"], "PYTHONPATH": str(Path(__file__).parents[2]), **ENVIRONMENT},
        capture_output=True,
        text=True,
        check=False,
    )
    assert done.returncode == 0, done.stderr
    found = json.loads(done.stdout.splitlines()[-1])
    assert (found["status"], found["token"].count(".")) == (200, 2)
    assert (found["imported"], found["more"]) == ([], [])
    assert found["made"] == ["dynamodb", "secretsmanager"]
    assert (found["needless"], found["collector"]) == ([], [True, True])


@pytest.fixture
def tried(monkeypatch: pytest.MonkeyPatch) -> Iterator[list[str]]:
    """What functions make ready from here on."""
    found: list[str] = []
    monkeypatch.setattr(runtime.InTime, "try_out", lambda _, service: found.append(service))
    monkeypatch.setattr(runtime, "try_signing", lambda: found.append("signs"))
    monkeypatch.setattr(runtime, "gc", UNCOLLECTED)
    yield found
    runtime.queue.cache_clear()
    runtime._aws.cache_clear()


@pytest.mark.parametrize("name", FUNCTIONS)
def test_a_function_makes_ready_what_its_role_lets_it_use_and_only_where_lambda_starts_it(
    name: str, tried: list[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    module = importlib.import_module(f"lambdas.{name}")
    importlib.reload(module)
    assert tried == []
    monkeypatch.setenv(runtime.STARTED_BY_LAMBDA, "a-function")
    importlib.reload(module)
    may = {action.partition(":")[0] for action in FUNCTIONS[name].get("May", ["dynamodb:GetItem"])}
    assert "dynamodb" in tried and set(tried) - {"signs"} <= may
    assert ("signs" in tried) == ("secretsmanager" in tried) == ("secretsmanager" in may)


@pytest.mark.parametrize("service", ["dynamodb", "sqs", "secretsmanager"])
def test_a_client_goes_through_its_calls_and_sends_none(service: str, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(botocore.endpoint.Endpoint, "_send", lambda *_: pytest.fail("a call was sent"))
    aws = runtime.InTime("eu-west-1", credentials={"aws_access_key_id": "a", "aws_secret_access_key": "b"})
    aws.try_out(service)
    assert list(aws._made) == [service]


def test_what_cannot_be_made_ready_breaks_nothing(monkeypatch: pytest.MonkeyPatch) -> None:
    """Without a region, a table or a queue, as where a variable is missing: the first call will say so."""
    for name in ENVIRONMENT:
        monkeypatch.delenv(name, raising=False)
    monkeypatch.setenv(runtime.STARTED_BY_LAMBDA, "a-function")
    monkeypatch.setattr(runtime, "gc", UNCOLLECTED)
    runtime.queue.cache_clear()
    runtime._aws.cache_clear()
    runtime.starts("dynamodb", signs=True)
    with pytest.raises(KeyError, match="DYNAMO_TABLE_NAME"):
        runtime.queue()
    runtime._aws.cache_clear()
