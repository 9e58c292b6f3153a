"""The template without loops, as JSON, for tools that see into none: `python -m tests.expanded`."""

import json
from typing import Any

from loginq.deploy import template

_FUNCTIONS = ("And", "Equals", "FindInMap", "GetAtt", "If", "Not", "Or", "Sub")


def text() -> str:
    """A template that CloudFormation would take as it is."""
    document = dict(template.load().document)
    del document["Transform"], document["Mappings"]
    return json.dumps(_long(document), indent=2)


def _long(part: Any) -> Any:
    """With the full names of functions, which JSON asks for."""
    if isinstance(part, list):
        return [_long(each) for each in part]
    if not isinstance(part, dict):
        return part
    return {f"Fn::{name}" if name in _FUNCTIONS else name: _long(value) for name, value in part.items()}


if __name__ == "__main__":
    print(text())  # noqa: T201 - this is its output
