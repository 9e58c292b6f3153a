"""A CloudFormation stack: what is there, what would change, apply it, follow it, say why it failed."""

import time
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from typing import Any

from loginq.service.aws import Aws
from loginq.service.errors import Conflict, Failed, LoginqError, NotFound
from loginq.service.times import system_clock

POLL_SECONDS = 1.0
_EMPTY = ("ROLLBACK_COMPLETE", "ROLLBACK_FAILED", "CREATE_FAILED", "REVIEW_IN_PROGRESS")
"""States of a stack that never worked: it is deleted before it is made."""
_HEALTHY = ("CREATE_COMPLETE", "UPDATE_COMPLETE", "UPDATE_ROLLBACK_COMPLETE", "IMPORT_COMPLETE")


@dataclass(frozen=True, slots=True)
class Change:
    """One line of a change set."""

    action: str
    logical_id: str
    type: str
    replacement: str


@dataclass(frozen=True, slots=True)
class Event:
    """One line of a stack's history."""

    id: str
    logical_id: str
    type: str
    status: str
    reason: str

    @property
    def failed(self) -> bool:
        """Whether this is where something went wrong, not a consequence of it."""
        return self.status.endswith("_FAILED") and "cancelled" not in self.reason.lower()


class Stack:
    """The stack `name`."""

    def __init__(self, aws: Aws, name: str, sleep: Callable[[float], None] = time.sleep) -> None:
        self.name, self._sleep = name, sleep
        self._cloudformation = aws.client("cloudformation")

    def describe(self) -> dict[str, Any] | None:
        """What CloudFormation says of it, or None."""
        try:
            return dict(self._cloudformation.describe_stacks(StackName=self.name)["Stacks"][0])
        except NotFound:
            return None
        except Failed as exc:
            if "does not exist" in exc.message:
                return None
            raise

    def parameters(self) -> dict[str, str]:
        """Its parameters; none when there is no such stack."""
        found = self.describe() or {}
        return {each["ParameterKey"]: each["ParameterValue"] for each in found.get("Parameters", [])}

    def outputs(self) -> dict[str, str]:
        """Its outputs. Raises `NotFound` when there is no such stack."""
        found = self.describe()
        if found is None:
            raise NotFound(f"There is no stack {self.name!r} here.", "Deploy it with `loginq deploy`, or name another.")
        return {each["OutputKey"]: each["OutputValue"] for each in found.get("Outputs", [])}

    def resources(self) -> list[dict[str, Any]]:
        """Its resources, as ListStackResources gives them."""
        pages = self._cloudformation.pages("list_stack_resources", StackName=self.name)
        return [each for page in pages for each in page["StackResourceSummaries"]]

    def ready(self, say: Callable[[str], None]) -> bool:
        """Make the stack fit for a change set; True when it is there and will be updated.

        One whose creation failed holds nothing and is deleted. Raises `Conflict` while another change is under way.
        """
        found = self.describe()
        if found is None:
            return False
        status = found["StackStatus"]
        if status in _EMPTY:
            if status != "REVIEW_IN_PROGRESS":
                say(f"The stack is in {status}: its creation failed and it never worked. It is deleted first.")
            self.delete()
            for _ in self.events_until_done(found["StackId"]):
                pass
            return False
        if status.endswith("_IN_PROGRESS"):
            raise Conflict(f"The stack {self.name!r} is being changed: {status}.", "Wait until that is over.")
        if status == "DELETE_FAILED":
            raise Failed(f"Taking the stack {self.name!r} down did not finish.", "Finish it with `loginq destroy`.")
        if status not in _HEALTHY:
            raise Failed(
                f"The stack {self.name!r} is stuck in {status}.",
                "Continue its rollback: `aws cloudformation continue-update-rollback --stack-name " + self.name + "`.",
            )
        return True

    def propose(self, template_url: str, parameters: dict[str, str], *, update: bool) -> tuple[str, list[Change]]:
        """A change set: its ARN and what it would change; no changes when there are none."""
        made = self._cloudformation.create_change_set(
            StackName=self.name,
            ChangeSetName=f"loginq-{system_clock()}",
            ChangeSetType="UPDATE" if update else "CREATE",
            TemplateURL=template_url,
            Parameters=[{"ParameterKey": name, "ParameterValue": value} for name, value in parameters.items()],
            Capabilities=["CAPABILITY_IAM"],
            Tags=[{"Key": "application", "Value": "loginq"}],
        )
        arn = made["Id"]
        while True:
            found = self._cloudformation.describe_change_set(ChangeSetName=arn, StackName=self.name)
            if found["Status"] in ("CREATE_COMPLETE", "FAILED"):
                break
            self._sleep(POLL_SECONDS)
        if found["Status"] == "FAILED":
            reason = found.get("StatusReason", "")
            self.withdraw(arn, update=update)
            if any(words in reason for words in ("didn't contain changes", "No updates are to be performed")):
                return arn, []
            raise Failed(f"CloudFormation refuses the change set: {reason.rstrip('.')}.")
        changes = [_change(each["ResourceChange"]) for each in self._all_changes(arn, found)]
        return arn, changes

    def _all_changes(self, arn: str, found: dict[str, Any]) -> Iterator[dict[str, Any]]:
        yield from found["Changes"]
        while token := found.get("NextToken"):
            found = self._cloudformation.describe_change_set(ChangeSetName=arn, StackName=self.name, NextToken=token)
            yield from found["Changes"]

    def withdraw(self, change_set: str, *, update: bool) -> None:
        """Delete a change set that is not wanted, and the empty stack that proposing to create one leaves."""
        self._cloudformation.delete_change_set(ChangeSetName=change_set, StackName=self.name)
        if not update:
            self.delete()

    def execute(self, change_set: str) -> Iterator[Event]:
        """Apply a change set and give the events as they come. Raises `Failed` with the event that caused a failure."""
        seen = {event.id for event in self._events(self.name)}
        found = self.describe()
        self._cloudformation.execute_change_set(ChangeSetName=change_set, StackName=self.name)
        yield from self.events_until_done(found["StackId"] if found else self.name, seen)

    def delete(self, retain: list[str] | None = None) -> None:
        """Ask for the stack's deletion."""
        self._cloudformation.delete_stack(StackName=self.name, **({"RetainResources": retain} if retain else {}))

    def events_until_done(self, stack_id: str, seen: set[str] | None = None) -> Iterator[Event]:
        """The stack's new events until it rests. Raises `Failed`, the one event that caused it first."""
        seen, cause, started = set() if seen is None else seen, None, False
        while True:
            status = self._status(stack_id)
            for event in reversed(list(self._events(stack_id))):
                if event.id in seen:
                    continue
                started = True
                seen.add(event.id)
                if cause is None and event.failed:
                    cause = event
                yield event
            if status.endswith(("_COMPLETE", "_FAILED")) and (started or status == "DELETE_COMPLETE"):
                break
            self._sleep(POLL_SECONDS)
        if "ROLLBACK" in status or status.endswith("_FAILED"):
            said = f"{cause.logical_id} ({cause.type}): {cause.reason.rstrip('.')}." if cause else "no event says why."
            raise Failed(f"{said} The stack is in {status}.", "Mend that and deploy again; nothing else is needed.")

    def _status(self, stack_id: str) -> str:
        try:
            return str(self._cloudformation.describe_stacks(StackName=stack_id)["Stacks"][0]["StackStatus"])
        except LoginqError as exc:
            if isinstance(exc, NotFound) or "does not exist" in exc.message:
                return "DELETE_COMPLETE"
            raise

    def _events(self, stack_id: str) -> Iterator[Event]:
        """Newest first; nothing for a stack that is gone."""
        try:
            for page in self._cloudformation.pages("describe_stack_events", StackName=stack_id):
                for each in page["StackEvents"]:
                    yield Event(
                        each["EventId"],
                        each["LogicalResourceId"],
                        each["ResourceType"],
                        each["ResourceStatus"],
                        each.get("ResourceStatusReason", ""),
                    )
        except LoginqError as exc:
            if not (isinstance(exc, NotFound) or "does not exist" in exc.message):
                raise


def _change(change: dict[str, Any]) -> Change:
    return Change(
        change["Action"], change["LogicalResourceId"], change["ResourceType"], change.get("Replacement", "") or ""
    )
