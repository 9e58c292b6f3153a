"""A target made of moto: the table, the queues and the user pool of a stack, without Lambdas or an API."""

import gc
import json
import os
import re
import ssl
import sys
from collections.abc import Callable, Iterator
from dataclasses import asdict
from functools import cache
from pathlib import Path
from typing import Any

import boto3
import botocore.endpoint
import botocore.hooks
import botocore.httpsession
import botocore.loaders
import botocore.session
import moto.core.models
import moto.core.responses
import moto.sqs.models
import pytest
import typer.main
import typer.testing
from botocore.client import ClientCreator
from botocore.config import Config
from botocore.hooks import EventAliaser, NodeList
from hypothesis import HealthCheck, settings
from joserfc.jwk import RSAKey
from moto import mock_aws
from moto.core.serialize import ResponseSerializer
from moto.core.utils import camelcase_to_underscores
from responses import CallbackResponse
from xdist.scheduler import LoadFileScheduling  # type: ignore[import-untyped]

from loginq.service.operations.accounts import Users
from loginq.service.operations.target import Target
from loginq.service.rules.settings import Rules
from loginq.service.store import keys
from loginq.service.store.aws import Aws
from loginq.service.store.queue import Queue, connect

REGION = "eu-west-1"
_POLICY = {
    "MinimumLength": 12,
    "RequireLowercase": True,
    "RequireUppercase": True,
    "RequireNumbers": True,
    "RequireSymbols": True,
}

os.environ.pop("PYTHONDONTWRITEBYTECODE", None)  # else each `loginq` that a test starts compiles all of it anew
sys.dont_write_bytecode = False

_PATIENT = settings(deadline=None, suppress_health_check=[HealthCheck.too_slow])
"""How long an example takes is the machine's affair, and a busy one is no failure."""
settings.register_profile("default", _PATIENT, max_examples=50)
settings.register_profile("ci", _PATIENT, max_examples=1_000)
"""What one run in twenty would find: CI asks for it by HYPOTHESIS_PROFILE."""
settings.register_profile("long", _PATIENT, max_examples=20_000)
"""What one run of CI in twenty would find: half an hour of `tests/unit`, for whoever changed a rule."""
settings.load_profile(os.environ.get("HYPOTHESIS_PROFILE", "default"))


def _kept(make: Callable[[Any], RSAKey]) -> Callable[[Any], RSAKey]:
    """The same, remembering each key by what it was made from."""
    keys: dict[str, RSAKey] = {}

    def made(given: Any, *more: Any, **options: Any) -> RSAKey:
        if more or options:
            return make(given, *more, **options)
        text = json.dumps(given, default=repr)
        if text not in keys:
            keys[text] = make(given)
        return keys[text]

    return made


def _picked(serializer: ResponseSerializer, value: Any, key: str, shape: Any) -> Any:
    """A member of moto's answer; it tries four spellings of each kind that a DynamoDB value could have."""
    if shape.parent.name == "AttributeValue" and type(value) is dict:
        return value.get(key)
    return _PICK(serializer, value, key, shape)


_PICK = ResponseSerializer.get_value


def _copied(trie: Any, node: dict[str, Any]) -> dict[str, Any]:
    """The handlers of a new client, hundreds of lists, each of which botocore copies by way of `copy.copy`."""
    return {
        key: NodeList(*map(list.copy, each))
        if type(each) is NodeList
        else _copied(trie, each)
        if type(each) is dict
        else each
        for key, each in node.items()
    }


@pytest.fixture(scope="session", autouse=True)
def _made_once() -> Iterator[None]:
    """What never changes is made once a process, not once a test: it took most of these tests' time.

    botocore reads and parses megabytes of models for each session and looks at hundreds of its own handlers, moto reads
    a user pool's RSA key for each pool, and builds the class of each client and each pattern of a URL anew; Typer makes
    fifty commands of their functions for each call. And Python would look for garbage in all that is imported by now,
    and every 700 objects.
    """
    loader, renamed, alias = cache(botocore.loaders.create_loader), dict[str, str](), EventAliaser._alias_event_name
    classes, make_class = dict[str, type](), ClientCreator._create_client_class

    def aliased(of: EventAliaser, name: str) -> str:
        if name not in renamed:
            renamed[name] = alias(of, name)
        return renamed[name]

    def class_of(creator: ClientCreator, service: str, model: Any) -> type:
        if service not in classes:
            classes[service] = make_class(creator, service, model)
        return classes[service]

    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(typer.testing, "_get_command", cache(typer.main.get_command))
        patch.setattr(botocore.session, "create_loader", lambda path=None: loader(path))
        patch.setattr(EventAliaser, "_alias_event_name", aliased)
        patch.setattr(botocore.hooks, "accepts_kwargs", cache(botocore.hooks.accepts_kwargs))
        patch.setattr(botocore.hooks._PrefixTrie, "_recursive_copy", _copied)
        patch.setattr(ClientCreator, "_create_client_class", class_of)
        for name in ("camelcase_to_underscores", "method_names_from_class"):
            patch.setattr(moto.core.responses, name, cache(getattr(moto.core.responses, name)))
        patch.setattr(moto.sqs.models, "camelcase_to_underscores", cache(camelcase_to_underscores))
        patch.setattr(moto.core.models, "CallbackResponse", cache(CallbackResponse))
        patch.setattr(RSAKey, "import_key", _kept(RSAKey.import_key))
        patch.setattr(ResponseSerializer, "get_value", _picked)
        gc.freeze()
        gc.set_threshold(20_000)
        yield


_ON_THE_WORKERS_STACK = re.compile(r"^def test_\w+\([^)]*\b(stack|here): Stack\b", re.MULTILINE)


@pytest.hookimpl(optionalhook=True)
def pytest_xdist_make_scheduler(config: pytest.Config, log: Any) -> Any:
    """A file to a worker, but all that play on a worker's stack to one: that is deployed and warm, once."""

    @cache
    def shares(file: str) -> bool:
        text = (config.rootpath / file).read_text(encoding="utf-8")
        return "\nPARAMETERS" not in text and _ON_THE_WORKERS_STACK.search(text) is not None

    def unit(nodeid: str) -> str:
        file = nodeid.partition("::")[0]
        return "the worker's stack" if shares(file) else file

    scheduler = LoadFileScheduling(config, log)
    scheduler._split_scope = unit
    return scheduler


@pytest.fixture(autouse=True)
def _bare_environment(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    """No test sees this machine's AWS, nor a `.env` that lies about; screens are 100 wide, without colours, and say
    nothing of how slow this machine is.
    """
    monkeypatch.setattr("loginq.cli.asking.SILENCE", 3_600.0)
    for name in os.environ:
        if name.startswith(("AWS_", "COGNITO_", "LOGINQ_", "AWSOMEGAME_", "DYNAMO_", "SQS_")):
            monkeypatch.delenv(name)
    for name, value in {
        "AWS_EC2_METADATA_DISABLED": "true",
        "AWS_CONFIG_FILE": str(tmp_path / "no-config"),
        "AWS_SHARED_CREDENTIALS_FILE": str(tmp_path / "no-credentials"),
        "COLUMNS": "100",
        "NO_COLOR": "1",
        "TZ": "UTC",
    }.items():
        monkeypatch.setenv(name, value)
    monkeypatch.chdir(tmp_path)


@cache
def _boto3(service: str) -> Any:
    """A client to make targets by, once a process: it holds nothing of what moto keeps, and no test calls it."""
    session = boto3.Session("testing", "testing", region_name=REGION)
    config = Config(user_agent="tests")  # botocore's own is put together anew for each call
    return session.client(service, endpoint_url=f"https://{service}.{REGION}.amazonaws.com", config=config)


@cache
def _no_tls() -> ssl.SSLContext:
    return ssl.SSLContext(ssl.PROTOCOL_TLS_CLIENT)


@pytest.fixture
def target(monkeypatch: pytest.MonkeyPatch) -> Iterator[Target]:
    """A target on moto, with credentials in the environment. Its clients make no connections, and no TLS for them."""
    monkeypatch.setattr(botocore.httpsession, "create_urllib3_context", _no_tls)
    monkeypatch.setattr(botocore.endpoint, "get_environ_proxies", lambda url: {})
    monkeypatch.setenv("AWS_ACCESS_KEY_ID", "testing")
    monkeypatch.setenv("AWS_SECRET_ACCESS_KEY", "testing")
    with mock_aws():
        keys = [("PK", "HASH"), ("SK", "RANGE")]
        _boto3("dynamodb").create_table(
            TableName="loginq-table",
            BillingMode="PAY_PER_REQUEST",
            AttributeDefinitions=[{"AttributeName": name, "AttributeType": "S"} for name, _ in keys],
            KeySchema=[{"AttributeName": name, "KeyType": kind} for name, kind in keys],
        )
        sqs = _boto3("sqs")
        sqs.create_queue(QueueName="loginq-dead")
        arn = f"arn:aws:sqs:{REGION}:123456789012:loginq-dead"
        redrive = json.dumps({"deadLetterTargetArn": arn, "maxReceiveCount": "5"})
        intake = sqs.create_queue(QueueName="loginq-intake", Attributes={"RedrivePolicy": redrive})["QueueUrl"]
        cognito = _boto3("cognito-idp")
        pool = cognito.create_user_pool(
            PoolName="loginq", AliasAttributes=["email"], Policies={"PasswordPolicy": _POLICY}
        )["UserPool"]["Id"]
        client = cognito.create_user_pool_client(UserPoolId=pool, ClientName="loginq")["UserPoolClient"]["ClientId"]
        yield Target("loginq", REGION, "loginq-table", intake, pool, client, "https://api.example/v1")


@pytest.fixture
def aws(target: Target) -> Aws:
    return Aws(REGION)


@pytest.fixture
def now() -> list[int]:
    """The clock of `queue`, ms, to be set."""
    return [1_800_000_000_000]


@pytest.fixture
def queue(aws: Aws, target: Target, now: list[int]) -> Queue:
    queue = connect(aws, table=target.table, sqs_url=target.sqs_url, clock=lambda: now[0], begins=True)
    pk, sk = keys.rules(queue.name)
    rules = {name: value for name, value in asdict(Rules(initial_rate=20_000)).items() if value is not None}
    queue.table.put({"PK": pk, "SK": sk, **rules})  # moto takes six times as long for what `rules.write` asks of it
    return queue


@pytest.fixture
def users(aws: Aws, target: Target, queue: Queue) -> Users:
    return Users(aws.client("cognito-idp"), target.user_pool_id, queue)
