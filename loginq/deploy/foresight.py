"""What a first deploy would make, by the template alone: for a dry run that may not ask AWS, and for prices."""

from collections.abc import Mapping, Sequence
from typing import Any

from loginq.deploy.changes import Change


def foreseen(document: Mapping[str, Any], parameters: Mapping[str, str]) -> list[Change]:
    """The resources of a template whose condition holds, each to be added."""
    return [Change("Add", name, each["Type"], "") for name, each in resources(document, parameters).items()]


def real(changes: Sequence[Change], document: Mapping[str, Any], parameters: Mapping[str, str]) -> list[Change]:
    """Those of an emulator's changes that it will make: it lists resources whose condition does not hold as well."""
    never = document["Resources"].keys() - resources(document, parameters).keys()
    return [change for change in changes if change.action == "Remove" or change.logical_id not in never]


def resources(document: Mapping[str, Any], parameters: Mapping[str, str]) -> dict[str, Any]:
    """The resources of a template whose condition holds."""
    return {
        name: resource
        for name, resource in document["Resources"].items()
        if "Condition" not in resource or _holds({"Condition": resource["Condition"]}, document, parameters)
    }


def _holds(condition: Mapping[str, Any], document: Mapping[str, Any], parameters: Mapping[str, str]) -> bool:
    ((kind, said),) = condition.items()
    if kind == "Condition":
        return _holds(document["Conditions"][said], document, parameters)
    if kind == "Equals":
        first, second = (str(parameters[side["Ref"]] if isinstance(side, dict) else side) for side in said)
        return first == second
    parts = (_holds(part, document, parameters) for part in said)
    return {"Not": lambda: not next(parts), "And": lambda: all(parts), "Or": lambda: any(parts)}[kind]()
