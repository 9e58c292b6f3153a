"""How a stack is, by its state: one answer for `deploy`, `status` and `doctor`."""

from dataclasses import dataclass
from enum import StrEnum


class How(StrEnum):
    """What a state means for whoever asks."""

    WELL = "well"
    NOTED = "noted"
    BUSY = "busy"
    BAD = "bad"


WELL = ("CREATE_COMPLETE", "UPDATE_COMPLETE", "IMPORT_COMPLETE")
TAKEN_BACK = ("UPDATE_ROLLBACK_COMPLETE", "IMPORT_ROLLBACK_COMPLETE")
"""The last change was undone; what was there before it runs."""
UNMADE = ("ROLLBACK_COMPLETE", "ROLLBACK_FAILED", "CREATE_FAILED", "REVIEW_IN_PROGRESS")
"""The stack never worked: it is deleted before it is made."""
_GO_ON = {
    "UPDATE_ROLLBACK_FAILED": "Continue its rollback: `{aws} continue-update-rollback --stack-name {name}`.",
    "UPDATE_FAILED": "Roll it back: `{aws} rollback-stack --stack-name {name}`.",
}


@dataclass(frozen=True, slots=True)
class State:
    """A stack's status, what that means, and for all but `well` a sentence about it and one about what to do."""

    status: str
    how: How
    says: str = ""
    do: str = ""

    @property
    def works(self) -> bool:
        """Whether a queue runs in it: also while it is updated."""
        return self.how in (How.WELL, How.NOTED) or (
            self.how is How.BUSY and self.status.startswith(("UPDATE_", "IMPORT_"))
        )


def state_of(status: str, name: str, cause: str = "") -> State:
    """The state that CloudFormation's `status` of the stack `name` is.

    Args:
        cause: the event that failed, in words, where the last change was taken back; empty for unknown.
    Source of the names: https://docs.aws.amazon.com/AWSCloudFormation/latest/UserGuide/view-stack-events.html
    """
    if status in WELL:
        return State(status, How.WELL)
    if status in TAKEN_BACK:
        says = f"The last change was taken back{f': {cause}' if cause else ', and no event says why'}."
        return State(status, How.NOTED, says, "What was there before it runs. Mend that and deploy again.")
    if status == "REVIEW_IN_PROGRESS":
        says = "It was planned and never made."
        return State(status, How.BAD, says, "`loginq deploy` deletes it and makes it anew.")
    if status in UNMADE:
        says = "Its creation failed and it never worked."
        return State(status, How.BAD, says, "Mend that and deploy again; that deletes it first.")
    if status.endswith("_IN_PROGRESS"):
        return State(status, How.BUSY, "It is being changed.", "Wait until that is over.")
    if status == "DELETE_FAILED":
        return State(
            status, How.BAD, "Taking it down did not finish.", "Mend that, and finish it with `loginq destroy`."
        )
    look = "See why: `{aws} describe-stack-events --stack-name {name}`."
    return State(status, How.BAD, "It is stuck.", _GO_ON.get(status, look).format(name=name, aws="aws cloudformation"))
