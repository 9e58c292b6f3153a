"""Going back to a deployment before: its code and its template, with the parameters of now."""

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

from loginq.deploy import tags, taken, template
from loginq.deploy.deployment import Deployment, Plan
from loginq.deploy.deployments import Deployed, Deployments, before
from loginq.deploy.stack import overtaken, parameters_of, tags_of
from loginq.deploy.triggers import Guard
from loginq.service.rules.errors import Conflict, NotFound, quoted

_OF_THE_CODE = ("CodeKey", "LoginqVersion", "SourcesHash")
"""Parameters that go back with the code."""


@dataclass(frozen=True, slots=True)
class Back:
    """What a rollback would do."""

    running: Deployed
    to: Deployed
    dropped: dict[str, str]
    """Parameters with their values now, which the template before does not have."""
    plan: Plan

    @property
    def changes(self) -> bool:
        """Whether anything else runs then."""
        return not self.to.runs_as(self.running)


def plan(deployment: Deployment, named: str | None = None) -> Back:
    """Ask CloudFormation what going back would change: to the deployment before, or to the one whose id
    begins as `named`.

    What runs now is kept first, where nobody has. A rollback that was cut off is not gone on from, but finished: then
    nothing is left to apply. Raises `NotFound` where there is nothing to go back to; `Conflict` while the stack is
    changed or locked, and where the older code would lose what is in the rows; `Failed` for a stack that is stuck.
    """
    stack = deployment.stack
    found = stack.describe()
    if not found or not stack.ready(found):
        raise NotFound(f"No stack {stack.name!r} is up here.", "Deploy it with `loginq deploy`.")
    stack.refuse_locked(found)
    kept = Deployments(deployment)
    running = kept.running()
    if running is None:
        raise overtaken()
    every = running.every
    done = Plan(None, [], update=True, parameters=running.now.parameters)
    if running.now.of and running.template is not None and not named:
        return Back(every[0], _found(every, running.now.of), {}, done)
    now = kept.note(running)
    every = every if now in every else [now, *every]
    to = _found(every, named) if named else before(every)
    if to is None:
        says = "No deployment before this one that is kept has other code or another template."
        raise NotFound(says, "`loginq deployments` lists them; a parameter goes back with `loginq deploy --param`.")
    if to.runs_as(now):
        return Back(now, to, {}, done)
    _refuse(deployment, now, to)
    return _proposed(deployment, found, now, to)


def _found(every: list[Deployed], named: str) -> Deployed:
    found = [each for each in every if each.id.startswith(named)]
    if len(found) != 1:
        how = f"{len(found)} deployments have" if found else "No deployment that is kept has"
        raise NotFound(f"{how} an id that begins with {quoted(named)}.", "`loginq deployments` lists them.")
    return found[0]


def _refuse(deployment: Deployment, running: Deployed, to: Deployed) -> None:
    """What cannot be gone back to, before anything is made."""
    if to.row_format < running.kept_from:
        raise Conflict(
            f"{to.words} would lose what is in the rows: it knows their format {to.row_format}, and they need "
            f"{running.kept_from} or later.",
            "Nothing was changed. Mend what is wrong in the newer version, and deploy that.",
        )
    for key in (to.code, to.template):
        if not deployment.artifacts.holds(key):
            bucket = deployment.artifacts.bucket
            raise NotFound(f"{key} of {to.words} is not in the bucket {bucket} any more.", "Choose another deployment.")


def _proposed(deployment: Deployment, found: Mapping[str, Any], running: Deployed, to: Deployed) -> Back:
    stack, artifacts, present = deployment.stack, deployment.artifacts, parameters_of(found)
    source = template.read(artifacts.get(to.template).decode())
    known = set(source.document["Parameters"])
    if left := [present[name] for name in taken.NAMES if present.get(name) and name not in known]:
        raise Conflict(
            f"{to.words} cannot take over {', '.join(left)}: it would make its own, and leave everybody in these.",
            "Nothing was changed. Mend what is wrong in the newer version, and deploy that.",
        )
    stays = {name: value for name, value in present.items() if name in known and name not in _OF_THE_CODE}
    seen = {name: value for name, value in stays.items() if name not in template.OURS and value != template.MASKED}
    source.accept(seen)
    back = {name: value for name, value in to.parameters.items() if name in known and name not in stays}
    key = artifacts.add(source.deployable({**source.defaults, **stays, **back}))
    asked = {**dict.fromkeys(stays), **back}
    wanted = tags.merged(tags_of(found), {})
    none = None if deployment.is_local else Guard().configuration()  # what rings already must not take this back
    change_set, changes = stack.propose(artifacts.url(key), asked, wanted, update=True, rollback=none)
    if change_set and parameters_of(stack.describe()) != present:
        stack.withdraw(change_set, update=True)
        raise overtaken()
    dropped = {name: value for name, value in present.items() if value and name not in known.union(template.OURS)}
    return Back(running, to, dropped, Plan(change_set, changes, update=True, parameters={**stays, **back}))
