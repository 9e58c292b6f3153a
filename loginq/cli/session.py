"""The target that a command works on, and what it needs to work on it."""

import os
import re
import socket
from dataclasses import dataclass
from functools import cached_property
from pathlib import Path
from typing import TYPE_CHECKING
from urllib.parse import urlsplit

from loginq.cli import console
from loginq.cli.asking import ASKING, drawing
from loginq.cli.options import OPTIONS
from loginq.deploy import envfile
from loginq.service.operations.resolver import (
    ACCOUNT,
    ENDPOINT,
    FILE,
    PROFILE,
    REGION,
    STACK,
    Given,
    Resolved,
    from_file,
    resolve,
)
from loginq.service.operations.target import DEFAULT_STACK, Target, in_words
from loginq.service.rules.errors import NoTarget, NotFound, Refused
from loginq.service.rules.settings import Rules
from loginq.service.store.aws import Aws, typed_code
from loginq.service.store.queue import Queue, connect

if TYPE_CHECKING:
    from loginq.client import Api
    from loginq.deploy.stack import Stack
    from loginq.service.operations.accounts import Users
    from loginq.service.operations.front_door import FrontDoor
    from loginq.service.operations.logs import Logs
    from loginq.service.operations.operator import Operator
    from loginq.service.store.signing import Keys

EMULATOR = {"access_key": "test", "secret_key": "test"}
"""An emulator takes any credentials, so it gets none but these."""
ROLES = Path.home() / ".aws" / "cli" / "cache"
"""Where the AWS CLI keeps the credentials of assumed roles."""


@dataclass
class Session:
    """A target, and the clients for it."""

    target: Target
    aws: Aws

    @cached_property
    def queue(self) -> Queue:
        """Its queue, by the clock of AWS."""
        return connect(
            self.aws,
            table=self.target.table,
            sqs_url=self.target.sqs_url,
            older=lambda: self._older_rules,
            provider=self.target.provider or "",
        )

    @cached_property
    def _older_rules(self) -> Rules:
        return Rules.of_stack(self.stack.parameters())

    @cached_property
    def users(self) -> "Users":
        """Its accounts, or the players who have theirs elsewhere."""
        from loginq.service.operations.accounts import Users
        from loginq.service.operations.guests import Guests

        if self.target.provider:
            return Guests(self.queue)
        return Users(self.aws.client("cognito-idp"), self.target.user_pool_id, self.queue)

    @cached_property
    def operator(self) -> "Operator":
        """Whoever is typing, as the audit will know him."""
        from loginq.service.operations.operator import Operator

        return Operator(self.queue, self._identity["Arn"], self.users)

    @cached_property
    def keys(self) -> "Keys":
        """Its signing keys."""
        from loginq.service.store.signing import Keys

        return Keys(self.aws.client("secretsmanager"), self.stack.outputs()["SigningKeysId"])

    @cached_property
    def stack(self) -> "Stack":
        """Its stack."""
        from loginq.deploy.stack import Stack

        return Stack(self.aws, self.target.stack)

    @cached_property
    def door(self) -> "FrontDoor":
        """Its front door, as CloudWatch counts it."""
        from loginq.service.operations.front_door import FrontDoor

        return FrontDoor(self.aws, self.target, self.stack.resources, self.queue.history)

    @cached_property
    def logs(self) -> "Logs":
        """What its lambdas say: a log group `PutPlayerInfoLogs` is that of `put_player_info`."""
        from loginq.service.operations.logs import Logs

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
    def _identity(self) -> dict[str, str]:
        return dict(self.aws.client("sts").get_caller_identity())

    @cached_property
    def name(self) -> str:
        """The target in words, by the account that the credentials are for."""
        target = self.target
        return (
            target.words
            if target.endpoint_url
            else in_words(target.stack, target.region, None, self._identity["Account"])
        )

    def announce(self) -> None:
        """The first line of every command that changes something."""
        console.say(f"Target: {self.name}")

    def check_account(self) -> None:
        """Raises `Refused` when whoever is typing is not in the account that the target was deployed to."""
        if self.target.account:
            check_account(self.target.account, self._identity["Account"])


def check_account(noted: str | None, found: str) -> None:
    """Raises `Refused` when the credentials are for another account than the one that was noted, if any was."""
    if noted not in (None, found):
        raise Refused(
            f"This target is in the account {noted}, and your credentials are for {found}.",
            "Choose another profile: `loginq --profile NAME …`. `loginq target` says where the target is from.",
        )


def resolved(*, may_be_new: bool = False, quietly: bool = False) -> Resolved:
    """The target that options, environment and `.env` name; says what is not taken, unless `quietly`.

    Raises `NoTarget`, `Invalid`.
    """
    given = Given(OPTIONS.stack, OPTIONS.profile, OPTIONS.region)
    found = resolve(given, os.environ, envfile.read(), may_be_new=may_be_new)
    if found.ignored and not quietly:
        console.say(f"Not taken from {FILE}: {', '.join(found.ignored)}.")
    return found


def local_stack() -> str:
    """The stack on this folder's emulator: the one that is named, else that of a `.env` which names an emulator's."""
    taken, _ = from_file(envfile.read())
    noted = taken.get(STACK) if ENDPOINT in taken else None
    return OPTIONS.stack or os.environ.get(STACK) or noted or DEFAULT_STACK


def open_session(*, without_pool: str = "") -> Session:
    """The session for the target that options, the environment and `.env` name.

    Raises `NoTarget` when there is none, also when it is an emulator that does not run; `Refused` for another account;
    `Invalid`, with what to do instead, where players have accounts of another provider and `without_pool` says that.
    """
    found = resolved()
    aws = connection(found)
    session = Session(target_of(found, aws), aws)
    session.check_account()
    if without_pool and session.target.provider:
        from loginq.service.operations.guests import elsewhere

        raise elsewhere(session.target.provider, without_pool)
    return session


def target_of(found: Resolved, aws: Aws) -> Target:
    """The target itself: its names say it, else the outputs of the stack do."""
    if found.is_whole:
        return Target.from_names(found.values())
    from loginq.deploy.stack import Stack

    name = found.names[STACK].value
    try:
        outputs = Stack(aws, name).outputs()
    except NotFound as exc:
        raise NoTarget(exc.message, exc.hint) from exc
    region = aws.client("cloudformation").meta.region_name
    return Target.from_outputs(name, region, outputs, **place(found))


def api_of(target: Target) -> "Api":
    """What a player's client is told of a target."""
    from loginq.client import Api

    place = target.region, target.endpoint_url
    return Api(target.api_url, target.client_id, target.user_pool_id, *place, target.sessions_url, target.issuer)


def place(found: Resolved) -> dict[str, str | None]:
    """The fields of a target that say where it is, besides the region."""
    if found.get(ENDPOINT):
        return {"endpoint_url": found.get(ENDPOINT), **EMULATOR}
    return {"account": found.get(ACCOUNT), "profile": found.get(PROFILE)}


def connection(found: Resolved, *, patience: tuple[int, float] = (3, 2), read_timeout: float = 10) -> Aws:
    """Clients for where a target is; an emulator never gets real credentials. Raises `NoTarget` when it is down."""
    endpoint, region = found.get(ENDPOINT), found.get(REGION)
    if endpoint is None:
        return Aws(
            region,
            profile=found.get(PROFILE),
            kept_in=ROLES,
            patience=patience,
            read_timeout=read_timeout,
            asking=ASKING,
            prompt=_typed_code,
        )
    _reach(endpoint, patience[1])
    credentials = {"aws_access_key_id": EMULATOR["access_key"], "aws_secret_access_key": EMULATOR["secret_key"]}
    return Aws(region or "us-east-1", endpoint, credentials, read_timeout, patience=patience, asking=ASKING)


def _typed_code(prompt: str) -> str:
    """A code for MFA: whoever types it knows what is waited for."""
    with drawing():
        return typed_code(prompt)


def _reach(endpoint: str, seconds: float) -> None:
    address = urlsplit(endpoint)
    try:
        socket.create_connection((address.hostname or "", address.port or 80), timeout=seconds).close()
    except OSError as exc:
        raise NoTarget(f"The emulator at {endpoint} does not answer.", "Start it with `loginq local up`.") from exc
