"""A CloudFormation stack: what is there, how it is, what would change, and changing it."""

import time
from collections.abc import Callable, Iterator, Mapping, Sequence
from typing import Any

from loginq.deploy.changes import Change, change_of
from loginq.deploy.events import POLL_SECONDS, History, StackEvent, is_missing, patiently
from loginq.deploy.states import TAKEN_BACK, UNMADE, How, State, state_of
from loginq.service.rules.errors import Conflict, Failed, LoginqError, NotFound
from loginq.service.store import lock
from loginq.service.store.aws import Aws
from loginq.service.store.clock import system_clock
from loginq.service.store.failures import code_of
from loginq.service.store.table import Table

__all__ = ["Change", "Stack", "StackEvent"]
_NO_CHANGES = ("didn't contain changes", "No updates are to be performed")


class Busy(Conflict):
    """Another change of the stack is under way, and it can be followed to its end."""


class Stack:
    """The stack `name`."""

    def __init__(self, aws: Aws, name: str, sleep: Callable[[float], None] = time.sleep) -> None:
        self.name, self.sleep, self._aws = name, sleep, aws
        self._cloudformation = aws.client("cloudformation")

    def describe(self) -> dict[str, Any] | None:
        """What CloudFormation says of it, or None."""
        try:
            return dict(self._cloudformation.describe_stacks(StackName=self.name)["Stacks"][0])
        except LoginqError as exc:
            if is_missing(exc):
                return None
            raise

    def parameters(self) -> dict[str, str]:
        """Its parameters; none when there is no such stack."""
        return parameters_of(self.describe())

    def outputs(self) -> dict[str, str]:
        """Its outputs. Raises `NotFound` when there is no such stack."""
        found = self.describe()
        if found is None:
            raise NotFound(f"There is no stack {self.name!r} here.", "Deploy it with `loginq deploy`, or name another.")
        return outputs_of(found)

    def template(self) -> str:
        """The text of its template, as it was deployed."""
        return str(self._cloudformation.get_template(StackName=self.name, TemplateStage="Original")["TemplateBody"])

    def resources(self) -> list[dict[str, Any]]:
        """Its resources, as ListStackResources gives them."""
        pages = self._cloudformation.pages("list_stack_resources", StackName=self.name)
        return [each for page in pages for each in page["StackResourceSummaries"]]

    def state(self, found: dict[str, Any]) -> State:
        """How the stack is that `describe` found, with what took its last change back."""
        status = str(found["StackStatus"])
        cause = self._history(found["StackId"]).cause() if status in TAKEN_BACK else ""
        return state_of(status, self.name, cause)

    def skipped(self, found: dict[str, Any]) -> dict[str, str]:
        """What a creation or deletion that failed let stand: logical -> physical id."""
        failed = found["StackStatus"] in (*UNMADE, "DELETE_FAILED")
        return self._history(found["StackId"]).skipped() if failed else {}

    def ready(self, found: dict[str, Any] | None) -> bool:
        """Whether what `describe` found will be updated; False for a stack to be made, perhaps `clear`ed before.

        Raises `Busy` while another change is under way, `Conflict` while it is deleted, `Failed` for one that is stuck.
        """
        if found is None or found["StackStatus"] in UNMADE:
            return False
        state = state_of(found["StackStatus"], self.name)
        if state.how is How.BUSY:
            kind = Conflict if state.status.startswith("DELETE") else Busy
            raise kind(f"The stack {self.name!r} is being changed: {state.status}.", state.do)
        if state.how is How.BAD:
            raise Failed(f"The stack {self.name!r} is in {state.status}. {state.says}", state.do)
        return True

    def refuse_locked(self, found: dict[str, Any] | None) -> None:
        """Raises `Conflict` while somebody has locked what `describe` found; without a table there is no lock."""
        if table := outputs_of(found or {}).get("TableName"):
            lock.refuse(lock.read(Table(self._aws.client("dynamodb"), table)), self.name)

    def clear(self, found: dict[str, Any]) -> None:
        """Delete a stack that never worked, and wait until it is gone."""
        for _ in self.delete(found):
            pass

    def propose(
        self,
        template_url: str,
        parameters: Mapping[str, str | None],
        tags: Mapping[str, str],
        *,
        update: bool,
        rollback: Mapping[str, Any] | None = None,
    ) -> tuple[str | None, list[Change]]:
        """A change set: its ARN, None when there is nothing to change, and what it would do to resources: perhaps
        nothing, because a change of outputs is one, too.

        Args:
            parameters: None for one that keeps the value it has when the change set is made.
            rollback: a RollbackConfiguration; None for the one that CloudFormation remembers.
        Whatever ends this early leaves no change set behind. Raises `Conflict` when somebody else is changing it.
        """
        with _others():
            arn = self._cloudformation.create_change_set(
                StackName=self.name,
                ChangeSetName=f"loginq-{system_clock()}",
                ChangeSetType="UPDATE" if update else "CREATE",
                TemplateURL=template_url,
                Parameters=[_parameter(name, value) for name, value in parameters.items()],
                Capabilities=["CAPABILITY_IAM", "CAPABILITY_AUTO_EXPAND"],
                Tags=[{"Key": key, "Value": value} for key, value in tags.items()],
                **({} if rollback is None else {"RollbackConfiguration": rollback}),
            )["Id"]
        try:
            with _others():
                changes = self._changes(arn)
        except Conflict:
            raise
        except BaseException:
            self.withdraw(arn, update=update)
            raise
        if changes is None:
            self.withdraw(arn, update=update)
            return None, []
        return arn, changes

    def _changes(self, arn: str) -> list[Change] | None:
        """What a change set would change, once it is made; None for nothing. Raises `Failed` when it cannot be."""
        while True:
            found = patiently(lambda: self._change_set(arn), self.sleep)
            if found["Status"] == "CREATE_COMPLETE":
                break
            if found["Status"].startswith("DELETE"):
                raise overtaken()
            if found["Status"] == "FAILED":
                reason = found.get("StatusReason", "")
                if any(words in reason for words in _NO_CHANGES):
                    return None
                raise Failed(f"CloudFormation refuses the change set: {reason.rstrip('.')}.")
            self.sleep(POLL_SECONDS)
        return self._listed(arn, found)

    def kept(self, change_set: str) -> tuple[dict[str, Any], list[Change]] | None:
        """A change set by its name or ARN, as DescribeChangeSet has it, and its changes; None when there is none."""
        try:
            found = self._change_set(change_set)
        except LoginqError as exc:
            if code_of(exc) != "ChangeSetNotFound":
                raise
            return None
        return found, self._listed(change_set, found)

    def _listed(self, arn: str, found: dict[str, Any]) -> list[Change]:
        """The changes on this page of a change set and on those behind it."""
        changes = list(found["Changes"])
        while token := found.get("NextToken"):
            found = self._change_set(arn, NextToken=token)
            changes += found["Changes"]
        return [change_of(each["ResourceChange"]) for each in changes]

    def _change_set(self, arn: str, **page: str) -> dict[str, Any]:
        return dict(self._cloudformation.describe_change_set(ChangeSetName=arn, StackName=self.name, **page))

    def withdraw(self, change_set: str, *, update: bool) -> None:
        """Delete a change set that is not wanted, and the empty stack that proposing to create one leaves.

        Unless somebody else has begun to make that stack.
        """
        try:
            self._cloudformation.delete_change_set(ChangeSetName=change_set, StackName=self.name)
        except LoginqError as exc:
            if code_of(exc) != "ChangeSetNotFound":
                raise
        if not update and (self.describe() or {}).get("StackStatus") == "REVIEW_IN_PROGRESS":
            self._cloudformation.delete_stack(StackName=self.name)

    def execute(self, change_set: str) -> Iterator[StackEvent]:
        """Apply a change set and give the events as they come.

        Raises `Failed` with the event that caused a failure, `Conflict` when somebody else was first or has locked it.
        """
        found = self.describe()
        self.refuse_locked(found)
        history = self._history(found["StackId"] if found else self.name).mark()
        with _others():
            self._cloudformation.execute_change_set(ChangeSetName=change_set, StackName=self.name)
        yield from history.follow(self.name)

    def rejoin(self, found: dict[str, Any]) -> Iterator[StackEvent]:
        """The events of the change that is under way in the stack that `describe` found, from its beginning on.

        Raises as `execute` does.
        """
        yield from self._history(found["StackId"]).rejoin().follow(self.name)

    def delete(self, found: dict[str, Any]) -> Iterator[StackEvent]:
        """Delete the stack that `describe` found, and give the events. Raises `Failed` with the one that failed.

        Raises `Conflict` while it is locked.
        """
        self.refuse_locked(found)
        history = self._history(found["StackId"]).mark()
        self._cloudformation.delete_stack(StackName=self.name)
        return history.follow(self.name, deleting=True)

    def _history(self, stack: str) -> History:
        return History(self._cloudformation, stack, self.sleep)


def parameters_of(found: Mapping[str, Any] | None) -> dict[str, str]:
    """The parameters of a stack that `describe` found."""
    return {each["ParameterKey"]: each["ParameterValue"] for each in (found or {}).get("Parameters", [])}


def outputs_of(found: Mapping[str, Any]) -> dict[str, str]:
    """The outputs of a stack that `describe` found."""
    return {each["OutputKey"]: each["OutputValue"] for each in found.get("Outputs", [])}


def tags_of(found: Mapping[str, Any] | None) -> dict[str, str]:
    """The tags of a stack that `describe` found."""
    return {each["Key"]: each["Value"] for each in (found or {}).get("Tags", [])}


def failed_of(resources: Sequence[Mapping[str, Any]]) -> list[str]:
    """A sentence for each resource that could not be made, changed or deleted."""
    return [
        f"{each['LogicalResourceId']} is in {each['ResourceStatus']}."
        for each in resources
        if each["ResourceStatus"].endswith("_FAILED")
    ]


class _others:  # noqa: N801 - read as a word in a with statement
    """Somebody else's change, in the words of CloudFormation's errors, as a `Conflict`."""

    def __enter__(self) -> None: ...

    def __exit__(self, kind: Any, exc: BaseException | None, trace: Any) -> None:
        if not isinstance(exc, LoginqError):
            return
        gone = code_of(exc) in ("ChangeSetNotFound", "InvalidChangeSetStatus")
        if gone or (code_of(exc) == "ValidationError" and "_IN_PROGRESS" in exc.message):
            raise overtaken() from exc


def overtaken() -> Conflict:
    """What to tell whose plan was made for a stack that is another one now."""
    return Conflict(
        "Somebody else deployed meanwhile.", "Look at what is there with `loginq status`, and run it again."
    )


def _parameter(name: str, value: str | None) -> dict[str, Any]:
    kept = {"UsePreviousValue": True}
    return {"ParameterKey": name, **(kept if value is None else {"ParameterValue": value})}
