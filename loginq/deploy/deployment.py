"""One deployment, planned and then applied; and taking it down again."""

from collections.abc import Callable, Iterator, Mapping
from contextlib import suppress
from dataclasses import replace
from typing import Any
from urllib.parse import urlsplit

from loginq import __version__
from loginq.deploy import bundle, domain, limits, provider, removal, tags, taken, template
from loginq.deploy.artifacts import Artifacts, named_by_stacks
from loginq.deploy.effects import differences
from loginq.deploy.foresight import foreseen, real
from loginq.deploy.older import older_values
from loginq.deploy.plan import Crowd, Plan
from loginq.deploy.stack import Stack, StackEvent, outputs_of, overtaken, parameters_of, tags_of
from loginq.deploy.triggers import Guard, guard_of
from loginq.service.operations.stats import counts_of
from loginq.service.operations.target import Target
from loginq.service.rules.errors import Failed, LoginqError, NotFound
from loginq.service.rules.line import Line
from loginq.service.rules.settings import Rules
from loginq.service.rules.times import SECOND
from loginq.service.rules.token import LEEWAY, KeySet
from loginq.service.store.aws import Aws
from loginq.service.store.clock import system_clock
from loginq.service.store.queue import Queue, connect
from loginq.service.store.row_format import FORMAT
from loginq.service.store.rules import write as write_rules
from loginq.service.store.signing import Keys, Published

__all__ = ["Deployment", "Plan"]
Say = Callable[[str], None]


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

    @property
    def usual(self) -> dict[str, str]:
        """What is not the template's default here."""
        return template.LOCAL if self.is_local else {}

    def plan(
        self,
        given: dict[str, str],
        say: Say,
        *,
        given_tags: Mapping[str, str] | None = None,
        dry_run: bool = False,
        triggers: bool = True,
    ) -> Plan:
        """Check, bundle, upload, and ask CloudFormation what would change; parameters not given keep their value.

        A stack whose creation failed is deleted for that, with a word about what it leaves. A dry run neither deletes
        anything nor makes a bucket: there it says what a deploy would do. `triggers`: whether alarms take an update
        back; never on the emulator, which would not heed them. Raises `Invalid` for parameters and tags
        that cannot be or that this account does not give, `Conflict` while or when somebody else changes the stack
        or has locked it, `Failed` for one that is stuck.
        """
        source, found = template.load(), self.stack.describe()
        self.stack.refuse_locked(found)
        parameters = self._parameters(source, given, found)
        tags.merged(tags_of(found), given_tags or {})
        update = self.stack.ready(found)
        there = found if update else None
        provider.check(parameters, parameters_of(there))
        taken.ask(self.aws, self.stack.name, parameters, parameters_of(there) if there else None, say)
        domain.ask(self.aws, parameters, parameters_of(there), self.region, system_clock(), say)
        if not self.is_local:
            limits.ask(self.aws, parameters, parameters_of(there), outputs_of(there or {}).get("TableName"), say)
        if not update and not parameters["TableName"]:
            removal.refuse_wiping(self.aws, self.stack.name, found, self._away())
        if dry_run and ((found and not update) or not self.artifacts.exists()):
            return self._foresee(source, parameters, found, say)
        say("Bundling the lambdas")
        bundled = bundle.build(for_aws=not self.is_local)
        self._upload(bundled, say)
        if found and not update:
            self._clear(found, say)
        guard = guard_of(self.aws, self.stack, source.document["Resources"], say) if update and triggers else Guard()
        say("Asking CloudFormation what would change")
        return self._propose(source, given, given_tags or {}, bundled.key, guard, update=update)

    def pick_up(self) -> Iterator[StackEvent]:
        """The change that is under way, whoever began it: its events from the beginning on, until the stack rests.

        Raises as `apply` does.
        """
        found = self.stack.describe()
        return self.stack.rejoin(found) if found else iter(())

    def crowd(self) -> Crowd:
        """Who waits and who plays while this is deployed. Raises when that cannot be read."""
        queue = self._queue()
        line, t = queue.lines.read(), queue.clock()
        return Crowd(line.waiting(t), counts_of(queue, line, t).in_game)

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
        queue, rules = self._queue(), Rules.of_stack(parameters_of(found))
        kid = self._keys(rules).active["kid"]
        write_rules(queue.table, queue.name, rules, row_format=FORMAT)  # no older function is there any more
        if not rules.by_counts:  # what was counted once is not what is so when servers count again
            queue.servers.forget([server.name for server in queue.servers.every()])

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
        queue, rules = self._queue(), Rules.of_stack(self.stack.parameters())
        with suppress(NotFound):
            self._keys(rules)
        write_rules(queue.table, queue.name, rules)

    def _queue(self) -> Queue:
        target = self.target()
        return connect(self.aws, table=target.table, sqs_url=target.sqs_url, begins=True)

    def _keys(self, rules: Rules) -> KeySet:
        """The signing keys, made where there are none, and published where they are not, with what tokens name."""
        queue, secret, lives = self._queue(), self.stack.outputs()["SigningKeysId"], rules.admission + LEEWAY * SECOND
        public = Published(queue.table, queue.name)
        made = Keys(self.aws.client("secretsmanager"), secret).ensure(t := system_clock(), public, lives)
        public.name(self.target().iss, t, lives)
        return made

    def _parameters(
        self, source: template.Template, given: dict[str, str], found: dict[str, Any] | None
    ) -> dict[str, str]:
        """All that are not `deploy`'s own: given, else what an earlier deploy gave, as far as this template has it."""
        known = set(source.document["Parameters"]) - set(template.OURS)
        there = {name: value for name, value in parameters_of(found).items() if name in known}
        older = older_values(self.aws, outputs_of(found), there) if found and there else {}
        return source.checked(given, {**self.usual, **older, **there}, on_aws=not self.is_local)

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
        guard: Guard,
        *,
        update: bool,
    ) -> Plan:
        """The change set, from what the stack is now: bundling takes a while, in which others deploy, too."""
        found = self.stack.describe()
        if self.stack.ready(found) != update or (found and not update):
            raise overtaken()
        self.stack.refuse_locked(found)
        ours = {
            "CodeBucket": self.artifacts.bucket,
            "CodeKey": code,
            "SourcesHash": bundle.sources_hash(),
            "LoginqVersion": __version__,
            "EmulatorEndpoint": self.aws.endpoint_url or "",
        }
        parameters = self._parameters(source, given, found) | ours
        key = self.artifacts.add(source.deployable(parameters))
        kept = set(parameters_of(found)) - set(given) - set(ours)
        asked = {name: None if name in kept else value for name, value in parameters.items()}
        wanted = tags.merged(tags_of(found), given_tags)
        rollback = guard.configuration() if update and not self.is_local else None
        url = self.artifacts.url(key)
        change_set, changes = self.stack.propose(url, asked, wanted, update=update, rollback=rollback)
        if self.is_local:
            changes = real(changes, source.document, {**source.defaults, **parameters})
        if update and parameters_of(self.stack.describe()) != parameters_of(found):
            # The template's text follows some of the parameters, so that it belongs to those that were there.
            if change_set:
                self.stack.withdraw(change_set, update=update)
            raise overtaken()
        retagged = tags.changed(tags_of(found), wanted) if update else []
        differ = differences(source, parameters_of(found) if update else self.usual, parameters, update=update)
        return Plan(change_set, changes, update, parameters, retagged, differences=differ, guard=guard)

    def _foresee(
        self, source: template.Template, parameters: dict[str, str], found: dict[str, Any] | None, say: Say
    ) -> Plan:
        """A dry run's plan where asking CloudFormation would delete or make something."""
        if not self.artifacts.exists():
            say(f"A deploy would make the artifact bucket {self.artifacts.bucket}")
        if self.stack.ready(found):
            say("What it would change can be told only with that bucket.")
            differ = differences(source, parameters_of(found), parameters, update=True)
            return Plan(None, [], update=True, parameters=parameters, is_foreseen=True, differences=differ)
        if found:
            left = self._left()
            also = f" {left}: `{self._away()}` would delete these, too." if left else ""
            say(f"A deploy would delete the stack first. {self._unmade(found)}{also}")
        local = {"EmulatorEndpoint": self.aws.endpoint_url or ""}
        changes = foreseen(source.document, {**source.defaults, **parameters, **local})
        differ = differences(source, self.usual, parameters, update=False)
        return Plan(None, changes, update=False, parameters=parameters, is_foreseen=True, differences=differ)

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
        kept = self.kept()
        names = [f"the {what} {kept[name]}" for name, what in removal.KEPT.items() if name in kept]
        return f"It leaves {' and '.join(names)}, protected" if names else ""

    def _away(self) -> str:
        return "loginq destroy --delete-data" + (" --local" if self.is_local else "")
