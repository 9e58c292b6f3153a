"""The target that a command works on, and what it needs to work on it."""

import os
import re
import socket
import sys
from dataclasses import dataclass, replace
from functools import cached_property
from typing import TYPE_CHECKING
from urllib.parse import urlsplit

from loginq.cli import console
from loginq.cli.options import OPTIONS
from loginq.deploy import envfile
from loginq.service.aws import Aws
from loginq.service.errors import Invalid, NoTarget, NotFound
from loginq.service.queue import Queue, connect
from loginq.service.settings import DEFAULT_STACK, NAMES, Rules, Target

if TYPE_CHECKING:
    from loginq.deploy.stack import Stack
    from loginq.service.logs import Logs
    from loginq.service.tokens import Keys
    from loginq.service.users import Users

_OWN = [name for name in NAMES.values() if not name.startswith("AWS_")]


@dataclass
class Session:
    """A target, and the clients for it."""

    target: Target
    aws: Aws

    @cached_property
    def queue(self) -> Queue:
        """Its queue, by the clock of AWS."""
        return connect(self.aws, table=self.target.table, sqs_url=self.target.sqs_url, rules=Rules())

    @cached_property
    def ruled(self) -> Queue:
        """The same queue by the rules of its stack, for what depends on them: whose admission is over, who departs."""
        rules = replace(Rules.of_stack(self.stack.parameters()), initial_rate=None)
        return replace(self.queue, rules=rules)

    @cached_property
    def users(self) -> "Users":
        """Its accounts."""
        from loginq.service.users import Users

        return Users(self.aws.client("cognito-idp"), self.target.user_pool_id, self.queue)

    @cached_property
    def ruled_users(self) -> "Users":
        """The same, for taking accounts away, and the places with them."""
        from loginq.service.users import Users

        return Users(self.aws.client("cognito-idp"), self.target.user_pool_id, self.ruled)

    @cached_property
    def keys(self) -> "Keys":
        """Its signing keys."""
        from loginq.service.tokens import Keys

        return Keys(self.aws.client("secretsmanager"), self.stack.outputs()["SigningKeysId"])

    @cached_property
    def stack(self) -> "Stack":
        """Its stack."""
        from loginq.deploy.stack import Stack

        return Stack(self.aws, self.target.stack)

    @cached_property
    def logs(self) -> "Logs":
        """What its lambdas say: a log group `PutPlayerInfoLogs` is that of `put_player_info`."""
        from loginq.service.logs import Logs

        ends = "Logs"
        groups = {
            re.sub(r"(?<!^)(?=[A-Z])", "_", each["LogicalResourceId"].removesuffix(ends)).lower(): each[
                "PhysicalResourceId"
            ]
            for each in self.stack.resources()
            if each["ResourceType"] == "AWS::Logs::LogGroup" and each["LogicalResourceId"].endswith(ends)
        }
        return Logs(self.aws.client("logs"), groups)

    @cached_property
    def caller(self) -> str:
        """The ARN of whoever is typing."""
        return str(self.aws.client("sts").get_caller_identity()["Arn"])

    @cached_property
    def name(self) -> str:
        """The target in words: `aws 123456789012 ap-northeast-2 loginq`, `emulator 127.0.0.1:4566 loginq`."""
        if self.target.endpoint_url:
            return f"emulator {urlsplit(self.target.endpoint_url).netloc} {self.target.stack}"
        account = self.aws.client("sts").get_caller_identity()["Account"]
        return f"aws {account} {self.target.region} {self.target.stack}"

    def announce(self) -> None:
        """The first line of every command that changes something."""
        console.say(f"Target: {self.name}")


def names() -> dict[str, str]:
    """What `.env` and the environment name.

    The names of a target are one set: when the environment has any of ours it wins, else `.env` does, so that a
    region that happens to be exported does not tear a set apart.
    """
    file, here = envfile.read(), dict(os.environ)
    return {**file, **here} if any(name in here for name in _OWN) else {**here, **file}


def open_session() -> Session:
    """The session for the target that `--stack`, the environment and `.env` name.

    Raises `NoTarget` when there is none, also when it is an emulator that does not run.
    """
    given = names()
    endpoint = given.get("AWS_ENDPOINT_URL")
    if endpoint:
        _reach(endpoint)
    else:
        export(given)
    if OPTIONS.stack is None:
        target = Target.from_names(given)
        return Session(target, connection(given, target.region))
    region = given.get("AWS_DEFAULT_REGION") or given.get("AWS_REGION")
    aws = connection(given, region)
    emulator = {"endpoint_url": endpoint, "access_key": "test", "secret_key": "test"} if endpoint else {}
    from loginq.deploy.stack import Stack

    try:
        outputs = Stack(aws, OPTIONS.stack).outputs()
    except NotFound as exc:
        raise NoTarget(exc.message, exc.hint) from exc
    region = aws.client("cloudformation").meta.region_name
    return Session(Target.from_outputs(OPTIONS.stack, region, outputs, **emulator), aws)


def export(given: dict[str, str]) -> None:
    """Let boto3 see what `.env` says of AWS: AWS_PROFILE and the like."""
    for name, value in given.items():
        if name.startswith("AWS_"):
            os.environ.setdefault(name, value)


def connection(given: dict[str, str], region: str | None) -> Aws:
    """Clients for where `given` points; an emulator never gets real credentials."""
    endpoint = given.get("AWS_ENDPOINT_URL")
    if not endpoint:
        return Aws(region)
    file = envfile.read()
    return Aws(
        region,
        endpoint,
        {
            "aws_access_key_id": file.get("AWS_ACCESS_KEY_ID", "test"),
            "aws_secret_access_key": file.get("AWS_SECRET_ACCESS_KEY", "test"),
        },
    )


def stack_name() -> str:
    """The stack to deploy or destroy: `--stack`, else what `.env` and the environment name, else `loginq`."""
    return OPTIONS.stack or names().get("LOGINQ_STACK") or DEFAULT_STACK


def _reach(endpoint: str) -> None:
    address = urlsplit(endpoint)
    if address.hostname is None:
        raise Invalid(f"AWS_ENDPOINT_URL is not a URL: {endpoint!r}.")
    try:
        socket.create_connection((address.hostname, address.port or 80), timeout=3).close()
    except OSError as exc:
        hint = "Start it with `loginq local up`." if sys.platform != "win32" else ""
        raise NoTarget(f"The emulator at {endpoint} does not answer.", hint) from exc
