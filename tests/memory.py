"""DynamoDB and SQS in memory, as much of them as the queue uses: for rules that stand in the condition of a write.

moto takes a hundred times as long, and cannot read our PartiQL. What is here is compared with the emulator, statement
by statement, in `tests/e2e/test_memory.py`.
"""

import re
import threading
from collections.abc import Callable, Iterator, Mapping, Sequence
from functools import partial
from operator import eq, ge, le, lt
from types import SimpleNamespace
from typing import Any

from botocore.exceptions import ClientError

from loginq.service.store.aws import Aws, Client, forever
from loginq.service.store.table import Row, chunks
from loginq.service.store.wire import unpack

Rows = dict[tuple[str, str], Row]
Work = Callable[..., Row]
Spoil = Callable[[str, Row, Work], Row]
"""Does a call in a test's own way: the operation, its parameters, and what would do it."""
PAGE = 100
"""Rows on one page of a query or a scan."""
_COMPARED = {"=": eq, "<": lt, "<=": le, ">=": ge}
_TOKEN = re.compile(r"\s*(\w+\(#\w+(?:, :\w+)?\)|#?\w+ (?:=|<=|>=|<) :\w+|[()]|AND\b|OR\b)")
_LARGEST = {"BatchGetItem": 100, "BatchWriteItem": 25, "BatchExecuteStatement": 25, "TransactWriteItems": 100}


class Dynamodb:
    """botocore's client `dynamodb` of one table, whatever its name."""

    def __init__(self) -> None:
        self.rows: Rows = {}
        self.calls: list[str] = []
        self.spoil: Spoil = lambda operation, parameters, work: work(**parameters)
        self._lock = threading.RLock()

    def __getattr__(self, operation: str) -> Callable[..., Any]:
        work = globals().get(f"_{operation}")
        if work is None:
            raise AttributeError(operation)

        def call(**parameters: Any) -> Row:
            with self._lock:
                return self._do(operation, parameters, partial(work, self.rows))

        return call

    def _do(self, operation: str, parameters: Row, work: Work) -> Row:
        self.calls.append(operation)
        return self.spoil(operation, parameters, work)

    def get_paginator(self, operation: str) -> Any:
        """As botocore has it, for `query` and `scan`: each page is a call."""

        def paginate(**parameters: Any) -> Iterator[Row]:
            found = (_queried if operation == "query" else _scanned)(self.rows, parameters)
            for some in list(chunks(found, PAGE)) or [[]]:
                page = {"Items": [dict(row) for row in some]}
                yield self._do(operation, parameters, lambda **_: page)  # noqa: B023 - called at once

        return SimpleNamespace(paginate=paginate)


def error(operation: str, code: str, **more: Any) -> ClientError:
    """What botocore raises."""
    return ClientError({"Error": {"Code": code, "Message": f"{code}!"}, **more}, operation)


# The operations


def _get_item(rows: Rows, Key: Row, **_: Any) -> Row:  # noqa: N803 - as botocore has it
    row = rows.get(_key(Key))
    return {} if row is None else {"Item": dict(row)}


def _put_item(rows: Rows, **put: Any) -> Row:
    _hold(rows, "PutItem", put)
    _write(rows, put)
    return {}


def _update_item(rows: Rows, ReturnValues: str, **update: Any) -> Row:  # noqa: N803
    _hold(rows, "UpdateItem", update)
    return {"Attributes": dict(_write(rows, update))}


def _transact_write_items(rows: Rows, TransactItems: Sequence[Row]) -> Row:  # noqa: N803
    writes = [write for each in TransactItems for write in each.values()]
    _check("TransactWriteItems", [_key(write.get("Key") or write["Item"]) for write in writes])
    reasons: list[Row] = [
        {"Code": "None"} if _holds(rows, write) else {"Code": "ConditionalCheckFailed", **_there(rows, write)}
        for write in writes
    ]
    if any(reason["Code"] != "None" for reason in reasons):
        raise error("TransactWriteItems", "TransactionCanceledException", CancellationReasons=reasons)
    for write in writes:
        _write(rows, write)
    return {}


def _batch_get_item(rows: Rows, RequestItems: Row) -> Row:  # noqa: N803
    ((table, asked),) = RequestItems.items()
    keys = [_key(each) for each in asked["Keys"]]
    _check("BatchGetItem", keys)
    wanted = asked["ProjectionExpression"].split(", ") if "ProjectionExpression" in asked else None
    found = [rows[key] for key in keys if key in rows]
    return {"Responses": {table: [{k: v for k, v in row.items() if wanted is None or k in wanted} for row in found]}}


def _batch_write_item(rows: Rows, RequestItems: Row) -> Row:  # noqa: N803
    ((_, requests),) = RequestItems.items()
    writes = [(each.get("PutRequest") or {}, each.get("DeleteRequest") or {}) for each in requests]
    _check("BatchWriteItem", [_key(put.get("Item") or delete["Key"]) for put, delete in writes])
    for put, delete in writes:
        if put:
            _write(rows, put)
        else:
            rows.pop(_key(delete["Key"]), None)
    return {}


def _batch_execute_statement(rows: Rows, Statements: Sequence[Row]) -> Row:  # noqa: N803
    _check("BatchExecuteStatement", [tuple(map(str, each["Parameters"])) for each in Statements])
    return {"Responses": [_execute(rows, each["Statement"], list(each["Parameters"])) for each in Statements]}


def _execute(rows: Rows, statement: str, parameters: list[Row]) -> Row:
    """One of our PartiQL statements: `UPDATE "t" SET a=? SET b=? WHERE PK=? AND SK=? AND c=? AND d IS MISSING`."""
    found = re.fullmatch(
        r'UPDATE "[^"]+" ((?:SET \w+=\? )+)WHERE PK=\? AND SK=\? AND (\w+)=\? AND (\w+) IS MISSING', statement
    )
    assert found is not None, statement
    names = re.findall(r"\w+(?==)", found[1])
    pk, sk, expected = parameters[len(names) :]
    row = rows.get((pk["S"], sk["S"]))
    if row is None or row.get(found[2]) != expected or found[3] in row:
        return {"Error": {"Code": "ConditionalCheckFailed", "Message": "The conditional request failed"}}
    row |= dict(zip(names, parameters, strict=False))
    return {}


def _queried(rows: Rows, parameters: Row) -> list[Row]:
    values, condition = unpack(parameters["ExpressionAttributeValues"]), parameters["KeyConditionExpression"]
    in_order = sorted(rows, reverse=not parameters["ScanIndexForward"])
    found = [rows[key] for key in in_order if _true(condition, rows[key], values)]
    return found[: parameters.get("PaginationConfig", {}).get("MaxItems")]


def _scanned(rows: Rows, parameters: Row) -> list[Row]:
    values = unpack(parameters["ExpressionAttributeValues"])
    return [row for row in rows.values() if _true(parameters["FilterExpression"], row, values)]


# Conditions and changes


def _key(item: Mapping[str, Any]) -> tuple[str, str]:
    return item["PK"]["S"], item["SK"]["S"]


def _check(operation: str, keys: Sequence[Any]) -> None:
    """What DynamoDB refuses to look at."""
    if not 0 < len(keys) <= _LARGEST[operation] or len(set(keys)) < len(keys):
        raise error(operation, "ValidationException")


def _there(rows: Rows, write: Row) -> Row:
    row = rows.get(_key(write.get("Key") or write["Item"]))
    return {} if row is None else {"Item": dict(row)}


def _hold(rows: Rows, operation: str, write: Row) -> None:
    if not _holds(rows, write):
        raise error(operation, "ConditionalCheckFailedException", **_there(rows, write))


def _holds(rows: Rows, write: Row) -> bool:
    condition = write.get("ConditionExpression", "")
    for kind, sign in (("Names", "#"), ("Values", ":")):
        used = re.findall(rf"{sign}\w+", f"{condition} {write.get('UpdateExpression', '')}")
        if set(used) != set(write.get(f"ExpressionAttribute{kind}", {})):
            raise error("Write", "ValidationException")  # DynamoDB wants each to be given, and used
    row = _there(rows, write).get("Item", {})
    return not condition or _true(condition, row, unpack(write.get("ExpressionAttributeValues", {})))


def _true(condition: str, item: Row, values: Row) -> bool:
    """Whether a condition holds: atoms, AND, OR and brackets."""
    row, tokens = unpack(item), _TOKEN.findall(condition)
    assert "".join(tokens).replace(" ", "") == condition.replace(" ", ""), condition

    def either() -> bool:
        found = both()
        while tokens and tokens[0] == "OR":
            tokens.pop(0)
            found = both() or found
        return found

    def both() -> bool:
        found = one()
        while tokens and tokens[0] == "AND":
            tokens.pop(0)
            found = one() and found
        return found

    def one() -> bool:
        token = tokens.pop(0)
        if token != "(":
            return _atom(token, row, values)
        found = either()
        tokens.pop(0)
        return found

    return either()


def _atom(token: str, row: Row, values: Row) -> bool:
    function, name, sign, value = re.match(r"(\w+(?=\())?\(?#?(\w+)[, ]*([<=>]*) ?(:?\w*)", token).groups()  # type: ignore[union-attr]
    if function in ("attribute_exists", "attribute_not_exists"):
        return (name in row) == (function == "attribute_exists")
    if name not in row or type(row[name]) is not type(values[value]):
        return False
    return row[name].startswith(values[value]) if function else bool(_COMPARED[sign](row[name], values[value]))


def _write(rows: Rows, write: Row) -> Row:
    """A put or an update; the row as it is then."""
    if "Item" in write:
        row = rows[_key(write["Item"])] = dict(write["Item"])
        return row
    row, values = rows.setdefault(_key(write["Key"]), dict(write["Key"])), write.get("ExpressionAttributeValues", {})
    parts = re.split(r" ?(SET|ADD|REMOVE) ", write["UpdateExpression"])
    changes = dict(zip(parts[1::2], parts[2::2], strict=True))
    for name, default, value in re.findall(r"#(\w+) = (if_not_exists\(#\w+, )?(:\w+)", changes.get("SET", "")):
        if not default or name not in row:
            row[name] = values[value]
    for name, value in re.findall(r"#(\w+) (:\w+)", changes.get("ADD", "")):
        row[name] = {"N": str(int(row.get(name, {"N": "0"})["N"]) + int(values[value]["N"]))}
    for name in re.findall(r"#(\w+)", changes.get("REMOVE", "")):
        row.pop(name, None)
    return row


class Sqs:
    """botocore's client `sqs` of one queue."""

    def __init__(self) -> None:
        self.bodies: list[str] = []
        self.visible = 0
        """How many it says that it holds: tests hand out what was sent by themselves."""

    def send_message(self, MessageBody: str, **_: Any) -> Row:  # noqa: N803
        """As botocore has it."""
        self.bodies.append(MessageBody)
        return {}

    def send_message_batch(self, Entries: Sequence[Row], **_: Any) -> Row:  # noqa: N803
        """As botocore has it."""
        self.bodies += [each["MessageBody"] for each in Entries]
        return {"Successful": [{"Id": each["Id"]} for each in Entries]}

    def get_queue_attributes(self, **_: Any) -> Row:
        """As botocore has it."""
        return {"Attributes": {"ApproximateNumberOfMessages": str(self.visible)}}


class InMemory(Aws):
    """What `connect` needs of AWS."""

    def __init__(self, time_left: Callable[[], float] = forever) -> None:
        super().__init__(time_left=time_left)
        self.dynamodb, self.sqs = Dynamodb(), Sqs()

    def client(self, service: str) -> Client:
        """`dynamodb` or `sqs`, with the errors that the real ones raise."""
        return Client(lambda: getattr(self, service), self.time_left)
