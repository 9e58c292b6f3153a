"""What a change set would do to resources, and why: CloudFormation's details in a few words."""

from collections.abc import Sequence
from dataclasses import dataclass
from enum import StrEnum
from typing import Any


class By(StrEnum):
    """What a change of a resource comes from."""

    TEMPLATE = "template"
    PARAMETER = "parameter"
    RESOURCE = "resource"
    TAGS = "tags"


_BY = {"ParameterReference": By.PARAMETER, "ResourceReference": By.RESOURCE, "ResourceAttribute": By.RESOURCE}
_RECREATES = {"Always": "replaces it", "Conditionally": "may replace it"}
_ACCESS = ("AWS::IAM::", "AWS::Lambda::Permission")


@dataclass(frozen=True, slots=True)
class Reason:
    """Why a resource changes: a property (or another part of it), and what that follows.

    Source of the details: https://docs.aws.amazon.com/AWSCloudFormation/latest/APIReference/API_ResourceChangeDetail.html
    """

    what: str
    by: By
    cause: str = ""
    """The parameter, or the resource and perhaps its attribute, that it follows; empty for none."""
    recreates: str = ""
    """`replaces it`, `may replace it`, or nothing."""

    def __str__(self) -> str:
        cause = {By.PARAMETER: f"parameter {self.cause}", By.RESOURCE: self.cause}.get(self.by, "the template")
        return f"{self.what} by {cause}" + (f" ({self.recreates})" if self.recreates else "")


@dataclass(frozen=True, slots=True)
class Change:
    """One line of a change set."""

    action: str
    logical_id: str
    type: str
    replacement: str
    """`True`, `False`, `Conditional`, or nothing, as CloudFormation has it."""
    reasons: tuple[Reason, ...] = ()

    @property
    def kind(self) -> str:
        """Its type without the AWS:: in front."""
        return self.type.removeprefix("AWS::")

    @property
    def is_access(self) -> bool:
        """Whether it is about who may do what: roles and policies of IAM, and those that a resource has itself."""
        return self.type.startswith(_ACCESS) or self.type.endswith("Policy")

    @property
    def own(self) -> tuple[Reason, ...]:
        """Why it changes, besides the stack's tags, which go to every resource."""
        return tuple(each for each in self.reasons if each.by is not By.TAGS)

    @property
    def is_tagged(self) -> bool:
        """Whether it only gets the stack's tags."""
        return bool(self.reasons) and not self.own

    @property
    def follows(self) -> bool:
        """Whether it only refers to others that change, and stays as it is unless one of these is replaced."""
        return self.action == "Modify" and {each.by for each in self.own} == {By.RESOURCE}


def change_of(change: dict[str, Any]) -> Change:
    """A `ResourceChange` of DescribeChangeSet."""
    return Change(
        change["Action"],
        change["LogicalResourceId"],
        change["ResourceType"],
        change.get("Replacement", "") or "",
        _reasons(change.get("Details", ())),
    )


def _reasons(details: Sequence[dict[str, Any]]) -> tuple[Reason, ...]:
    """One reason for each property and cause; a property that follows something is told twice, also as modified."""
    found = dict.fromkeys(map(_reason, details))
    explained = {each.what for each in found if each.by is not By.TEMPLATE}
    return tuple(each for each in found if each.by is not By.TEMPLATE or each.what not in explained)


def _reason(detail: dict[str, Any]) -> Reason:
    target = detail.get("Target", {})
    attribute = target.get("Attribute", "")
    by = By.TAGS if attribute == "Tags" else _BY.get(detail.get("ChangeSource", ""), By.TEMPLATE)
    recreates = _RECREATES.get(target.get("RequiresRecreation", ""), "")
    return Reason(target.get("Name") or attribute, by, detail.get("CausingEntity", ""), recreates)
