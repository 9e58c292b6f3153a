"""One deployment, planned and then applied; and taking it down again."""

import hashlib
from collections.abc import Callable, Iterator, Mapping
from contextlib import suppress
from dataclasses import dataclass, field, replace
from typing import Any
from urllib.parse import urlsplit

from loginq import __version__
from loginq.deploy import bundle, limits, removal, tags, template
from loginq.deploy.artifacts import Artifacts, named_by_stacks
from loginq.deploy.foresight import foreseen
from loginq.deploy.stack import Change, Stack, StackEvent, outputs_of, overtaken, parameters_of, tags_of
from loginq.service.operations.target import Target
from loginq.service.rules.errors import Failed, LoginqError, NotFound
from loginq.service.rules.line import Line
from loginq.service.rules.settings import Rules
from loginq.service.rules.token import KeySet
from loginq.service.store.aws import Aws
from loginq.service.store.clock import system_clock
from loginq.service.store.queue import Queue, connect
from loginq.service.store.rules import ROW_FORMAT
from loginq.service.store.rules import write as write_rules
from loginq.service.store.signing import Keys, Published

Say = Callable[[str], None]


@dataclass(frozen=True, slots=True)
class Plan:
    """What a deploy would change: a change set that waits to be applied, or in a dry run what can be told without."""

    change_set: str | None
    """None when there is nothing to apply."""
    changes: list[Change]
    update: bool
    parameters: dict[str, str]
    """What the parameters will be; another deploy may change those that were not given until this one is applied."""
    tags: list[tuple[str, str | None, str]] = field(default_factory=list)
    """Tags of the stack that change: key, value before (None for no value), value after."""
    is_foreseen: bool = False
    """Whether this was told without asking CloudFormation: in a dry run that may make nothing."""

    @property
    def is_current(self) -> bool:
        """Whether there is nothing to apply."""
        return self.change_set is None and not self.is_foreseen


class Deployment:
    """The stack `name`, on AWS or on the emulator that `aws` talks to. `profile`: the AWS profile that was named."""

    def __init__(self, aws: Aws, name: str, account: str, region: str, profile: str | None = None) -> None:
        self.aws, self.account, self.region, self._profile = aws, account, region, profile
        self.stack = Stack(aws, name)
        self.artifacts = Artifacts(aws, account, region)

    @property
    def is_local(self) -> bool:
        """Whether this is the emulator."""
        return self.aws.endpoint_url is not None

    @property
    def endpoint(self) -> str | None:
        """The emulator's host and port; None on AWS."""
        return urlsplit(self.aws.endpoint_url).netloc if self.aws.endpoint_url else None

    def plan(
        self, given: dict[str, str], say: Say, *, given_tags: Mapping[str, str] | None = None, dry_run: bool = False
    ) -> Plan:
        """Check, bundle, upload, and ask CloudFormation what would change; parameters not given keep their value.

        A stack whose creation failed is deleted for that, with a word about what it leaves. A dry run neither deletes
        anything nor makes a bucket: there it says what a deploy would do. Raises `Invalid` for parameters and tags
        that cannot be or that this account does not give, `Conflict` while or when somebody else changes the stack,
        `Failed` for one that is stuck.
        """
        source, found = template.load(), self.stack.describe()
        parameters = self._parameters(source, given, found)
        tags.merged(tags_of(found), given_tags or {})
        update = self.stack.ready(found)
        if not self.is_local:
            there = found if update else None
            limits.ask(self.aws, parameters, parameters_of(there), outputs_of(there or {}).get("TableName"), say)
        if not update:
            self._refuse_wiping(found)
        if dry_run and ((found and not update) or not self.artifacts.exists()):
            return self._foresee(source, parameters, found, say)
        say("Bundling the lambdas")
        bundled = bundle.build(for_aws=not self.is_local)
        self._upload(bundled, say)
        if found and not update:
            self._clear(found, say)
        return self._propose(source, given, given_tags or {}, bundled.key, update=update)

    def apply(self, plan: Plan) -> Iterator[StackEvent]:
        """Apply a plan; its events as they come. Raises `Failed` with the one that caused a failure."""
        assert plan.change_set is not None  # noqa: S101 - whoever has changes to apply has their change set
        if plan.update:  # from a version without published keys or a row of rules: its functions do not miss them
            self._prepare()
        try:
            yield from self.stack.execute(plan.change_set)
        except Failed as exc:
            if plan.update:
                raise
            left = ""
            with suppress(LoginqError):  # why it failed is what matters, whether the rest can be told or not
                left = self._left()
            also = f" {left}: `{self._away()}` deletes these with it." if left else ""
            raise Failed(exc.message, exc.hint + also) from exc

    def withdraw(self, plan: Plan) -> None:
        """Leave everything as it was before the plan was made."""
        if plan.change_set is not None:
            self.stack.withdraw(plan.change_set, update=plan.update)

    def target(self) -> Target:
        """What has been deployed. Raises `NotFound` when nothing is."""
        place: dict[str, Any] = {"account": self.account, "profile": self._profile}
        if self.is_local:
            place = {"endpoint_url": self.aws.endpoint_url, "access_key": "test", "secret_key": "test"}
        return Target.from_outputs(self.stack.name, self.region, self.stack.outputs(), **place)

    def start_line(self) -> Line:
        """Make what the stack needs and no template can: its rules, the signing keys, and the line with its lease."""
        found = self.stack.describe()
        if not self.stack.ready(found):  # which refuses while another deploy is at it: the parameters would be its own
            raise overtaken()
        kid, queue, rules = self._keys().active["kid"], self._queue(), Rules.of_stack(parameters_of(found))
        write_rules(queue.table, queue.name, rules, row_format=ROW_FORMAT)  # no older function is there any more

        def started(line: Line, t: int) -> Line | None:
            if line.version and (line.lease, line.max_rate, line.kid) == (rules.lease, rules.max_rate, kid):
                return None
            return replace(rules.bound(line, t), kid=kid)

        return queue.lines.change(started)

    def tidy(self, say: Say) -> None:
        """Let go in the bucket what no deployment needs; that this cannot be done is said, and harms nothing."""
        try:
            named = named_by_stacks(self.aws, self.artifacts.bucket)
            self.artifacts.supersede({key for each in named.values() for key in each})
        except LoginqError as exc:
            say(f"Old bundles stay in the bucket {self.artifacts.bucket}: {exc.message}")

    def plan_removal(self, *, delete_data: bool) -> removal.Removal:
        """What `destroy` would do. Pool and table stay unless `delete_data`. Raises `Conflict` when it may not be."""
        return removal.plan(self.aws, self.stack, delete_data=delete_data)

    def destroy(self, planned: removal.Removal) -> Iterator[StackEvent]:
        """Delete the stack, and then the data if that is planned. Raises `Failed` with the event that failed."""
        yield from removal.carry_out(self.aws, self.stack, planned)

    def kept(self) -> dict[str, str]:
        """What outlives the stack: logical id -> physical id; nothing when there is no stack."""
        found = self.stack.describe()
        return removal.kept(self.stack, found, self.stack.resources()) if found else {}

    def _prepare(self) -> None:
        """What this version's functions need from their first call on, as the stack is before they come."""
        with suppress(NotFound):
            self._keys()
        queue = self._queue()
        write_rules(queue.table, queue.name, Rules.of_stack(self.stack.parameters()))

    def _queue(self) -> Queue:
        target = self.target()
        return connect(self.aws, table=target.table, sqs_url=target.sqs_url, begins=True)

    def _keys(self) -> KeySet:
        """The signing keys, made where there are none, and published where they are not."""
        queue, secret = self._queue(), self.stack.outputs()["SigningKeysId"]
        public = Published(queue.table, queue.name)
        return Keys(self.aws.client("secretsmanager"), secret).ensure(system_clock(), public)

    def _parameters(
        self, source: template.Template, given: dict[str, str], found: dict[str, Any] | None
    ) -> dict[str, str]:
        """All that are not `deploy`'s own: given, else what an earlier deploy gave, as far as this template has it."""
        known = set(source.document["Parameters"]) - set(template.OURS)
        there = {name: value for name, value in parameters_of(found).items() if name in known}
        older = self._older(found, there) if found and there else {}
        local = template.LOCAL if self.is_local else {}
        return source.checked(given, {**local, **older, **there}, on_aws=not self.is_local)

    def _older(self, found: dict[str, Any], there: Mapping[str, str]) -> dict[str, str]:
        """What a stack has that is older than a parameter; of its pool also what was set by hand, for CloudFormation
        would take that back with the first change of the pool."""
        outputs = {each["OutputKey"]: each["OutputValue"] for each in found.get("Outputs", [])}
        if "SesIdentityArn" in there or "UserPoolId" not in outputs:
            return template.OLDER
        pool = self.aws.client("cognito-idp").describe_user_pool(UserPoolId=outputs["UserPoolId"])["UserPool"]
        mail = pool.get("EmailConfiguration", {})
        older = {**template.OLDER, "UserPoolTier": pool.get("UserPoolTier", template.OLDER["UserPoolTier"])}
        if mail.get("EmailSendingAccount") == "DEVELOPER":
            older |= {"SesIdentityArn": mail["SourceArn"], "EmailFromAddress": mail.get("From", "")}
        return older

    def _upload(self, bundled: bundle.Bundle, say: Say) -> None:
        if self.artifacts.make():
            say(f"Made the artifact bucket {self.artifacts.bucket}")
        uploaded = self.artifacts.put(bundled.key, bundled.content)
        size = f"{len(bundled.content) / 1024:,.0f} KB"
        say(f"{'Uploaded' if uploaded else 'Found'} the bundle {bundled.key[7:19]}… ({size})")

    def _propose(
        self,
        source: template.Template,
        given: dict[str, str],
        given_tags: Mapping[str, str],
        code: str,
        *,
        update: bool,
    ) -> Plan:
        """The change set, from what the stack is now: bundling takes a while, in which others deploy, too."""
        found = self.stack.describe()
        if self.stack.ready(found) != update or (found and not update):
            raise overtaken()
        ours = {
            "CodeBucket": self.artifacts.bucket,
            "CodeKey": code,
            "SourcesHash": bundle.sources_hash(),
            "LoginqVersion": __version__,
            "EmulatorEndpoint": self.aws.endpoint_url or "",
        }
        parameters = self._parameters(source, given, found) | ours
        text = source.deployable(parameters).encode()
        key = f"loginq/{hashlib.sha256(text).hexdigest()}.yaml"
        self.artifacts.put(key, text)
        kept = set(parameters_of(found)) - set(given) - set(ours)
        asked = {name: None if name in kept else value for name, value in parameters.items()}
        wanted = tags.merged(tags_of(found), given_tags)
        change_set, changes = self.stack.propose(self.artifacts.url(key), asked, wanted, update=update)
        if update and parameters_of(self.stack.describe()) != parameters_of(found):
            # The template's text follows some of the parameters, so that it belongs to those that were there.
            if change_set:
                self.stack.withdraw(change_set, update=update)
            raise overtaken()
        differ = tags.changed(tags_of(found), wanted) if update else []
        return Plan(change_set, changes, update, parameters, differ)

    def _foresee(
        self, source: template.Template, parameters: dict[str, str], found: dict[str, Any] | None, say: Say
    ) -> Plan:
        """A dry run's plan where asking CloudFormation would delete or make something."""
        if not self.artifacts.exists():
            say(f"A deploy would make the artifact bucket {self.artifacts.bucket}")
        if self.stack.ready(found):
            say("What it would change can be told only with that bucket.")
            return Plan(None, [], update=True, parameters=parameters, is_foreseen=True)
        if found:
            left = self._left()
            also = f" {left}: `{self._away()}` would delete these, too." if left else ""
            say(f"A deploy would delete the stack first. {self._unmade(found)}{also}")
        local = {"EmulatorEndpoint": self.aws.endpoint_url or ""}
        changes = foreseen(source.document, {**source.defaults, **parameters, **local})
        return Plan(None, changes, update=False, parameters=parameters, is_foreseen=True)

    def _clear(self, found: dict[str, Any], say: Say) -> None:
        """Delete a stack that never worked, and say what of it stays."""
        removal.refuse_protected(found, self.stack.name)
        say(f"The stack is deleted first. {self._unmade(found)}")
        if left := self._left():
            say(f"{left}. To delete these:")
            for command in removal.how_to_delete(self.kept(), self.region):
                say(f"  {command}")
        self.stack.clear(found)

    def _unmade(self, found: dict[str, Any]) -> str:
        state = self.stack.state(found)
        return f"It is in {state.status}: {state.says[0].lower()}{state.says[1:]}"

    def _left(self) -> str:
        """What a creation that failed leaves behind, in words without a full stop; empty for nothing."""
        names = [f"the {removal.KEPT[name]} {physical}" for name, physical in self.kept().items()]
        return f"It leaves {' and '.join(names)}, protected" if names else ""

    def _away(self) -> str:
        return "loginq destroy --delete-data" + (" --local" if self.is_local else "")

    def _refuse_wiping(self, found: dict[str, Any] | None) -> None:
        """The emulator gives a new stack's table the name that a kept one has, and wipes it; AWS never would."""
        if not self.is_local:
            return
        tables = [name for page in self.aws.client("dynamodb").pages("list_tables") for name in page["TableNames"]]
        mine = [name for name in tables if name.startswith(f"{self.stack.name}-Table")]
        if mine and found:
            raise Failed(
                f"The table {mine[0]} is left from a creation that failed, and deploying here would wipe it.",
                f"Delete both: `{self._away()}`.",
            )
        if mine:
            raise Failed(
                f"The table {mine[0]} was kept from an earlier stack, and deploying here would wipe it.",
                "Forget the emulator's state with `loginq local reset`, or use another name: `loginq --stack NAME`.",
            )
