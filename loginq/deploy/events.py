"""A stack's history, followed while it is made: what is new, until it rests, whatever AWS answers meanwhile."""

import time
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from typing import Any, TypeVar

from loginq.deploy.states import TAKEN_BACK, WELL, state_of
from loginq.service.rules.errors import Conflict, Failed, LoginqError, NotFound, Unavailable
from loginq.service.store.aws import Client

POLL_SECONDS = 1.0
LONGEST_PAUSE_SECONDS = 16.0
"""The longest pause after calls that AWS did not take."""
_GONE = "DELETE_COMPLETE"
_BEGINNINGS = ("CREATE_IN_PROGRESS", "UPDATE_IN_PROGRESS", "IMPORT_IN_PROGRESS")

T = TypeVar("T")


@dataclass(frozen=True, slots=True)
class StackEvent:
    """One line of a stack's history; `of_stack` when it is about the stack itself."""

    id: str
    logical_id: str
    type: str
    status: str
    reason: str
    of_stack: bool = False
    physical_id: str = ""

    @property
    def failed(self) -> bool:
        """Whether this is where something went wrong, not a consequence of it."""
        told = bool(self.reason) or not self.of_stack
        return self.status.endswith("_FAILED") and told and "cancelled" not in self.reason.lower()

    @property
    def words(self) -> str:
        """What went wrong, without a full stop."""
        return f"{self.logical_id} ({self.type}): {self.reason.rstrip('.')}"


class History:
    """The events of the stack with this id or name."""

    def __init__(self, cloudformation: Client, stack: str, sleep: Callable[[float], None] = time.sleep) -> None:
        self._cloudformation, self._stack, self._sleep = cloudformation, stack, sleep
        self._seen: set[str] = set()

    def mark(self) -> "History":
        """What has happened so far is not news. Call it before the change that is to be followed."""
        self._seen = {event.id for event in next(self._pages(), [])}
        return self

    def rejoin(self) -> "History":
        """What was before the change that is under way is not news; what has happened in it is."""
        begun = False
        for page in self._pages():
            for event in page:
                if begun:
                    self._seen.add(event.id)
                begun = begun or (event.of_stack and event.status in _BEGINNINGS)
            if self._seen:
                break
        return self

    def cause(self) -> str:
        """The event that made the last change fail, in words; empty when none says so."""
        found = ""
        for page in self._pages():
            for event in page:
                if event.failed:
                    found = event.words
                if event.of_stack and event.status in ("UPDATE_IN_PROGRESS", "IMPORT_IN_PROGRESS"):
                    return found
        return found

    def skipped(self) -> dict[str, str]:
        """What was let stand since the stack was last well, though it was to be deleted: logical -> physical id."""
        found: dict[str, str] = {}
        for page in self._pages():
            for event in page:
                if event.of_stack and event.status in (*WELL, *TAKEN_BACK):
                    return found
                if event.status == "DELETE_SKIPPED":
                    found.setdefault(event.logical_id, event.physical_id)
        return found

    def follow(self, name: str, *, deleting: bool = False) -> Iterator[StackEvent]:
        """New events until the stack rests.

        It rests when its status says so and the newest event about the stack itself agrees: for some seconds after a
        call, CloudFormation may still tell the status before it. A call that AWS does not take is made again, for as
        long as that lasts, because the stack goes on meanwhile. Raises `Failed`, the first event that failed in it;
        `Conflict` when somebody else takes the stack down.
        """
        cause, last = None, ""
        while True:
            status = patiently(self._status, self._sleep)
            for event in patiently(self._news, self._sleep):
                self._seen.add(event.id)
                cause = cause or (event if event.failed else None)
                last = event.status if event.of_stack else last
                yield event
            if status == _GONE or (status == last and status.endswith(("_COMPLETE", "_FAILED"))):
                break
            self._sleep(POLL_SECONDS)
        if status == _GONE and not deleting:
            raise Conflict(
                f"The stack {name!r} is gone: somebody else took it down meanwhile.", "Look, and deploy again."
            )
        if status.endswith("_FAILED") or status in (*TAKEN_BACK, "ROLLBACK_COMPLETE"):
            said = cause.words if cause else "No event says why"
            raise Failed(f"{said}. The stack is in {status}.", state_of(status, name).do)

    def _status(self) -> str:
        try:
            return str(self._cloudformation.describe_stacks(StackName=self._stack)["Stacks"][0]["StackStatus"])
        except LoginqError as exc:
            if is_missing(exc):
                return _GONE
            raise

    def _news(self) -> list[StackEvent]:
        """Events that were not seen yet, oldest first; reads no page behind the first that holds a known one."""
        news: list[StackEvent] = []
        for page in self._pages():
            unseen = [event for event in page if event.id not in self._seen]
            news += unseen
            if len(unseen) < len(page):
                break
        return news[::-1]

    def _pages(self) -> Iterator[list[StackEvent]]:
        """Newest first; nothing for a stack that is gone."""
        try:
            for page in self._cloudformation.pages("describe_stack_events", StackName=self._stack):
                yield [_event(each) for each in page["StackEvents"]]
        except LoginqError as exc:
            if not is_missing(exc):
                raise


def is_missing(exc: LoginqError) -> bool:
    """Whether CloudFormation says that there is no such stack, for which it has no code of its own."""
    return isinstance(exc, NotFound) or "does not exist" in exc.message


def patiently(ask: Callable[[], T], sleep: Callable[[float], None]) -> T:
    """The answer, however long AWS is throttling or out of reach."""
    pause = POLL_SECONDS
    while True:
        try:
            return ask()
        except Unavailable:
            sleep(pause)
            pause = min(2 * pause, LONGEST_PAUSE_SECONDS)


def _event(each: dict[str, Any]) -> StackEvent:
    return StackEvent(
        each["EventId"],
        each["LogicalResourceId"],
        each["ResourceType"],
        each["ResourceStatus"],
        each.get("ResourceStatusReason", ""),
        each.get("PhysicalResourceId") == each["StackId"],
        each.get("PhysicalResourceId", ""),
    )
