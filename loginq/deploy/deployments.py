"""What was deployed: who, when, template, bundle and parameters, ten of them in the artifact bucket, to go back to."""

import hashlib
import json
from collections.abc import Callable, Mapping, Sequence
from dataclasses import asdict, dataclass, fields, replace
from typing import Any

from loginq.deploy import bundle, template
from loginq.deploy.artifacts import DEPLOYMENTS, template_key
from loginq.deploy.commit import commit
from loginq.deploy.deployment import Deployment
from loginq.deploy.stack import overtaken, parameters_of
from loginq.service.rules.act import name_of
from loginq.service.rules.errors import LoginqError, NotFound
from loginq.service.rules.times import iso
from loginq.service.store.row_format import FORMAT, KEPT_FROM
from loginq.service.store.table import attempts

KEPT = 10
"""Deployments of a stack that can be gone back to."""


@dataclass(frozen=True, slots=True)
class Deployed:
    """One deployment; `at` in ms since the epoch, by CloudFormation's clock."""

    at: int
    code: str
    """The key of its bundle."""
    template: str
    """The key of its template, without what its parameters make of it."""
    parameters: dict[str, str]
    """Without secrets."""
    id: str = ""
    who: str = ""
    """The ARN of whoever deployed; empty where that was not noted."""
    commit: str | None = None
    row_format: int = 0
    kept_from: int = 0
    """The lowest row format that keeps what this deployment and all before it wrote."""
    of: str = ""
    """The deployment that this one put back; empty for a deploy."""

    @property
    def version(self) -> str:
        """Of loginq."""
        return self.parameters.get("LoginqVersion", "unknown")

    @property
    def name(self) -> str:
        """Who deployed, without account and service, as the audit says it."""
        return name_of(self.who)

    @property
    def short_commit(self) -> str:
        """The commit as people say it; empty where it is not known."""
        hexadecimal, dash, dirty = (self.commit or "").partition("-")
        return hexadecimal[:8] + dash + dirty

    @property
    def words(self) -> str:
        """The deployment in short."""
        return f"{self.version}{f' {self.short_commit}' if self.commit else ''} ({self.id})"

    def runs_as(self, other: "Deployed") -> bool:
        """Whether both have the same code and the same template."""
        return (self.code, self.template) == (other.code, other.template)

    def document(self) -> dict[str, Any]:
        """The JSON form."""
        return {**asdict(self), "at": iso(self.at), "version": self.version}


@dataclass(frozen=True, slots=True)
class Running:
    """What runs now, and what is kept, the newest first."""

    now: Deployed
    every: list[Deployed]
    template: str | None = None
    """The text of its template where it is not kept yet."""


class Deployments:
    """Those of one stack, by the bucket."""

    def __init__(self, deployment: Deployment) -> None:
        self._aws, self._stack, self._artifacts = deployment.aws, deployment.stack, deployment.artifacts
        self._folder = f"{DEPLOYMENTS}{self._stack.name}/"

    def read(self) -> list[Deployed]:
        """Those that are kept, the newest first."""
        if not self._artifacts.exists():
            return []
        found = attempts(self._artifacts.get, self._keys()[::-1][:KEPT])
        if errors := [each for each in found if isinstance(each, LoginqError) and not isinstance(each, NotFound)]:
            raise errors[0]
        return [_deployed(each) for each in found if isinstance(each, bytes)]  # others delete what is old meanwhile

    def running(self, who: str = "", commit: str | None = None, of: Deployed | None = None) -> Running | None:
        """What runs now, and whether that is kept; None where no stack is up. Raises `Conflict` while it is changed.

        Without more it is what somebody deployed who could not note it: it is known by the deployment whose code and
        template it has, if there is one.

        Args:
            who: the ARN of whoever deployed it. commit: of what is here, which was deployed. of: what was put back.
        """
        found = self._stack.describe()
        if not found or not self._stack.ready(found):
            return None
        source = template.read(template.plain(self._stack.template()))
        if _changed(self._stack.describe()) != _changed(found):
            raise overtaken()
        parameters = {name: value for name, value in parameters_of(found).items() if name not in source.hidden}
        key = template_key(source.text.encode())
        now = Deployed(_changed(found), parameters.get("CodeKey", ""), key, parameters, who=who, commit=commit)
        every = self.read()
        if every and every[0].runs_as(now) and every[0].parameters == now.parameters:
            return Running(every[0], every)
        twin = of or (None if who else next((each for each in every if each.runs_as(now)), None))
        return Running(_known(now, every, twin), every, source.text)

    def note(self, running: Running) -> Deployed:
        """Keep what runs now, unless it is kept; as it is kept then."""
        if running.template is None:
            return running.now
        self._artifacts.add(running.template)
        now = running.now
        now = replace(now, id=hashlib.sha256(json.dumps(asdict(now), sort_keys=True).encode()).hexdigest()[:8])
        self._artifacts.put(f"{self._folder}{iso(now.at)}-{now.id}.json", json.dumps(asdict(now)).encode())
        for key in self._keys()[:-KEPT]:
            self._artifacts.delete(key)
        return now

    def keep(
        self, say: Callable[[str], None], wanted: Mapping[str, str] | None = None, of: Deployed | None = None
    ) -> None:
        """`note` what runs, for which no deploy is given up; that it cannot be done is said.

        Args:
            wanted: the parameters that whoever asks has applied, from what is here, or to put `of` back; nothing is
                kept where somebody else has deployed since. None for what somebody deployed before.
        """
        try:
            who = self._aws.client("sts").get_caller_identity()["Arn"] if wanted is not None else ""
            running = self.running(who, commit() if who else None, of)
            there = running.now.parameters if running else {}
            if running and all(there.get(name, value) == value for name, value in (wanted or {}).items()):
                self.note(running)
        except LoginqError as exc:
            say(f"`loginq rollback` will not know what is deployed now: {exc.message}")

    def _keys(self) -> list[str]:
        """Of what is kept, the oldest first: a key begins with the instant."""
        return sorted(self._artifacts.keys(self._folder))


def before(every: Sequence[Deployed]) -> Deployed | None:
    """What to go back to from `every[0]`, which runs: the newest before it with other code or another template.

    From what is itself a rollback it is what was before the deployment that was put back, so that a second rollback
    goes on, and never to what the first one left.
    """
    ids, at = [each.id for each in every], 0
    while at < len(every):
        each = every[at]
        if not each.runs_as(every[0]):
            return each
        if each.of and each.of not in ids:
            return None
        at = max(at + 1, ids.index(each.of) if each.of else 0)
    return None


def _known(now: Deployed, every: Sequence[Deployed], twin: Deployed | None) -> Deployed:
    """What runs, with what is known of it by `twin`, which has the same code and template, or by what is here."""
    if twin:
        back = "" if every and every[0].runs_as(now) else twin.id
        now = replace(now, of=back, commit=twin.commit, row_format=twin.row_format, kept_from=twin.kept_from)
    elif now.parameters.get("SourcesHash") == bundle.sources_hash():
        now = replace(now, row_format=FORMAT, kept_from=KEPT_FROM)
    else:
        now = replace(now, commit=None)
    if every:
        now = replace(now, at=max(now.at, every[0].at + 1), kept_from=max(now.kept_from, every[0].kept_from))
    return now


def _changed(found: Mapping[str, Any] | None) -> int:
    """When a stack that `describe` found was changed last, ms."""
    at = (found or {}).get("LastUpdatedTime") or (found or {}).get("CreationTime")
    return int(at.timestamp() * 1_000) if at else 0


def _deployed(text: bytes) -> Deployed:
    """What a later version noted besides is not for this one."""
    found, known = json.loads(text), {each.name for each in fields(Deployed)}
    return Deployed(**{name: value for name, value in found.items() if name in known})
