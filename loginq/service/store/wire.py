"""Rows in DynamoDB's wire format and out of it."""

from collections.abc import Mapping
from typing import Any


def pack(row: Mapping[str, Any]) -> dict[str, Any]:
    """A row in wire format; an attribute that is None is left out.

    boto3 has this too, but importing it costs a Lambda's cold start more than everything else that is ours.
    https://docs.aws.amazon.com/amazondynamodb/latest/APIReference/API_AttributeValue.html
    """
    return {name: to_wire(value) for name, value in row.items() if value is not None}


def unpack(item: Mapping[str, Any]) -> dict[str, Any]:
    """A row out of wire format; its numbers are integers."""
    return {name: _from(value) for name, value in item.items()}


def to_wire(value: Any) -> dict[str, Any]:
    """One value in wire format. Raises `TypeError` for what a row cannot hold."""
    if isinstance(value, str):
        return {"S": value}
    if isinstance(value, bool):
        return {"BOOL": value}
    if isinstance(value, int):
        return {"N": str(value)}
    if isinstance(value, list | tuple):
        return {"L": [to_wire(each) for each in value]}
    if isinstance(value, dict):
        return {"M": {name: to_wire(each) for name, each in value.items()}}
    if isinstance(value, bytes):
        return {"B": value}
    if value is None:
        return {"NULL": True}
    raise TypeError(f"a row cannot hold {value!r}")


def _from(given: Mapping[str, Any]) -> Any:
    ((kind, value),) = given.items()
    if kind == "N":
        return int(value)
    if kind == "L":
        return [_from(each) for each in value]
    if kind == "M":
        return unpack(value)
    return None if kind == "NULL" else value
