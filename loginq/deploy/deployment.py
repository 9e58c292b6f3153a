"""One deployment, planned and then applied; and taking it down again."""

import hashlib
from collections.abc import Callable, Iterator
from contextlib import suppress
from dataclasses import dataclass, replace
from typing import Any
from urllib.parse import urlsplit

from loginq import __version__
from loginq.deploy import bundle, template
from loginq.deploy.artifacts import Artifacts
from loginq.deploy.stack import Change, Event, Stack
from loginq.service.aws import Aws
from loginq.service.errors import Conflict, Failed, Invalid, NotFound
from loginq.service.line import Line
from loginq.service.queue import connect
from loginq.service.settings import Rules, Target
from loginq.service.times import system_clock
from loginq.service.tokens import Keys, KeySet, Published

Say = Callable[[str], None]


@dataclass(frozen=True, slots=True)
class Plan:
    """A change set that waits to be applied."""

    change_set: str
    changes: list[Change]
    update: bool
    parameters: dict[str, str]


class Deployment:
    """The stack `name`, on AWS or on the emulator that `aws` talks to. `profile`: the AWS profile that was named."""

    def __init__(self, aws: Aws, name: str, account: str, region: str, profile: str | None = None) -> None:
        self.aws, self.account, self.region, self._profile = aws, account, region, profile
        self.stack = Stack(aws, name)

    @property
    def is_local(self) -> bool:
        """Whether this is the emulator."""
        return self.aws.endpoint_url is not None

    @property
    def endpoint(self) -> str | None:
        """The emulator's host and port; None on AWS."""
        return urlsplit(self.aws.endpoint_url).netloc if self.aws.endpoint_url else None

    def plan(self, given: dict[str, str], say: Say) -> Plan:
        """Check, bundle, upload, and ask CloudFormation what would change; parameters not given keep their value."""
        source = template.load()
        local = template.LOCAL if self.is_local else {}
        parameters = source.checked({**local, **self._kept(source), **given}, on_aws=not self.is_local)
        say("Bundling the lambdas")
        bundled = bundle.build(for_aws=not self.is_local)
        artifacts = Artifacts(self.aws, self.account, self.region)
        if artifacts.make():
            say(f"Made the artifact bucket {artifacts.bucket}")
        uploaded = artifacts.put(bundled.key, bundled.content)
        size = f"{len(bundled.content) / 1024:,.0f} KB"
        say(f"{'Uploaded' if uploaded else 'Found'} the bundle {bundled.key[7:19]}… ({size})")
        parameters |= {
            "CodeBucket": artifacts.bucket,
            "CodeKey": bundled.key,
            "SourcesHash": bundle.sources_hash(),
            "LoginqVersion": __version__,
            "EmulatorEndpoint": self.aws.endpoint_url or "",
        }
        text = source.deployable(parameters).encode()
        key = f"loginq/{hashlib.sha256(text).hexdigest()}.yaml"
        artifacts.put(key, text)
        update = self.stack.ready(say)
        if not update:
            self._refuse_wiping()
        change_set, changes = self.stack.propose(artifacts.url(key), parameters, update=update)
        return Plan(change_set, changes, update, parameters)

    def apply(self, plan: Plan) -> Iterator[Event]:
        """Apply a plan; its events as they come. Raises `Failed` with the one that caused a failure."""
        if plan.update:  # from a version that published no keys: its functions do not miss them, the new ones would
            with suppress(NotFound):
                self._keys()
        yield from self.stack.execute(plan.change_set)

    def withdraw(self, plan: Plan) -> None:
        """Leave everything as it was before the plan was made."""
        if plan.changes:
            self.stack.withdraw(plan.change_set, update=plan.update)

    def target(self) -> Target:
        """What has been deployed. Raises `NotFound` when nothing is."""
        place: dict[str, Any] = {"account": self.account, "profile": self._profile}
        if self.is_local:
            place = {"endpoint_url": self.aws.endpoint_url, "access_key": "test", "secret_key": "test"}
        return Target.from_outputs(self.stack.name, self.region, self.stack.outputs(), **place)

    def start_line(self, parameters: dict[str, str]) -> Line:
        """Make what the stack needs and no template can: the signing keys and the line, with the stack's lease."""
        target, kid = self.target(), self._keys().active["kid"]
        rules = Rules.of_stack(parameters)
        lease = rules.lease
        lines = connect(self.aws, table=target.table, sqs_url=target.sqs_url, rules=rules).lines

        def started(line: Line, t: int) -> Line | None:
            if line.version and (line.lease, line.kid) == (lease, kid):
                return None
            return replace(line.set_lease(t, lease), kid=kid)

        return lines.change(started)

    def destroy(self, *, delete_data: bool) -> Iterator[Event]:
        """Delete the stack. Pool and table stay unless `delete_data`, which lifts their protection first."""
        found = self.stack.describe()
        if found is None:
            raise Conflict(f"There is no stack {self.stack.name!r}: nothing to take down.")
        kept = self.kept()
        if delete_data:
            for resource, physical in kept.items():
                self._unprotect(resource, physical)
        self.stack.delete()
        yield from self.stack.events_until_done(found["StackId"])
        if delete_data:
            self._delete(kept)

    def kept(self) -> dict[str, str]:
        """What outlives the stack: logical id -> physical id."""
        wanted = ("Table", "UserPool")
        return {
            each["LogicalResourceId"]: each["PhysicalResourceId"]
            for each in self.stack.resources()
            if each["LogicalResourceId"] in wanted and each["ResourceStatus"] != "DELETE_COMPLETE"
        }

    def _keys(self) -> KeySet:
        """The signing keys, made where there are none, and published where they are not."""
        target, secret = self.target(), self.stack.outputs()["SigningKeysId"]
        queue = connect(self.aws, table=target.table, sqs_url=target.sqs_url, rules=Rules())
        public = Published(queue.table, queue.name)
        return Keys(self.aws.client("secretsmanager"), secret).ensure(system_clock(), public)

    def _kept(self, source: template.Template) -> dict[str, str]:
        """The parameters that an earlier deploy gave, as far as this template has them."""
        known = set(source.document["Parameters"]) - set(template.OURS)
        return {name: value for name, value in self.stack.parameters().items() if name in known}

    def _unprotect(self, resource: str, physical: str) -> None:
        if resource == "Table":
            self.aws.client("dynamodb").update_table(TableName=physical, DeletionProtectionEnabled=False)
        else:
            cognito = self.aws.client("cognito-idp")
            pool = cognito.describe_user_pool(UserPoolId=physical)["UserPool"]
            # UpdateUserPool resets what it is not given; the pool has only moments to live.
            cognito.update_user_pool(UserPoolId=pool["Id"], DeletionProtection="INACTIVE")

    def _delete(self, kept: dict[str, str]) -> None:
        if "Table" in kept:
            self.aws.client("dynamodb").delete_table(TableName=kept["Table"])
        if "UserPool" in kept:
            self.aws.client("cognito-idp").delete_user_pool(UserPoolId=kept["UserPool"])

    def _refuse_wiping(self) -> None:
        """The emulator gives a new stack's table the name that a kept one has, and wipes it; AWS never would."""
        if not self.is_local:
            return
        tables = [name for page in self.aws.client("dynamodb").pages("list_tables") for name in page["TableNames"]]
        mine = [name for name in tables if name.startswith(f"{self.stack.name}-Table")]
        if mine:
            raise Failed(
                f"The table {mine[0]} was kept from an earlier stack, and deploying here would wipe it.",
                "Forget the emulator's state with `loginq local reset`, or use another name: `loginq --stack NAME`.",
            )


def parse_parameters(given: list[str]) -> dict[str, str]:
    """`K=V` words as a dict. Raises `Invalid` for anything else, and for a name given twice."""
    parameters: dict[str, str] = {}
    for word in given:
        name, equals, value = word.partition("=")
        if not equals or not name:
            raise Invalid(f"{word!r} is not a parameter.", "Write it like --param InitialRate=50.")
        if name in parameters:
            raise Invalid(f"The parameter {name} is given twice.")
        parameters[name] = value
    return parameters
