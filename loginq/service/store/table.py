"""The one DynamoDB table: rows as dicts, conditional writes, and batches that see to what DynamoDB left undone."""

import re
import time
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from concurrent.futures import ThreadPoolExecutor
from random import Random
from typing import Any, TypeVar

from loginq.service.rules.errors import LoginqError, OutOfTime, Raced, Unavailable
from loginq.service.store.wire import pack, to_wire, unpack

Row = dict[str, Any]
T = TypeVar("T")
R = TypeVar("R")

THREADS = 16
"""Requests of one batch that are under way at once; `aws` makes connection pools as large."""
GETS, WRITES, STATEMENTS = 100, 25, 25
"""What DynamoDB takes in one BatchGetItem, BatchWriteItem and BatchExecuteStatement."""
ATTEMPTS = 6
"""How often the undone part of a batch is tried: with the back-off below for about 3 s."""


def chunks(values: Sequence[T], size: int) -> Iterator[Sequence[T]]:
    """Slices of at most `size`."""
    for start in range(0, len(values), size):
        yield values[start : start + size]


def in_threads(work: Callable[[T], R], jobs: Iterable[T]) -> list[R]:
    """`work` on every job, in threads, results in order. All jobs end before the first error, if any, is raised."""
    waiting = list(jobs)
    if len(waiting) < 2:
        return [work(job) for job in waiting]
    with ThreadPoolExecutor(min(THREADS, len(waiting))) as pool:
        return list(pool.map(work, waiting))


def attempts(work: Callable[[T], R], jobs: Iterable[T]) -> list[R | LoginqError]:
    """The same, where an error of ours is a result like any other."""

    def attempt(job: T) -> R | LoginqError:
        try:
            return work(job)
        except LoginqError as exc:
            return exc

    return in_threads(attempt, jobs)


def back_off(attempt: int, random: Random) -> float:
    """Seconds to wait after the attempt with this number, from 0 on: up to 50 ms, doubled each time, full jitter.

    https://aws.amazon.com/builders-library/timeouts-retries-and-backoff-with-jitter/
    """
    return random.uniform(0, 0.05 * 2 ** min(attempt, 6))


class Table:
    """The table `name`, with the clients, randomness and sleep that it is given."""

    def __init__(
        self, dynamodb: Any, name: str, random: Random | None = None, sleep: Callable[[float], None] = time.sleep
    ) -> None:
        self.dynamodb, self.name = dynamodb, name
        self.random = random or Random()  # noqa: S311 - jitter, no secret
        self.sleep = sleep

    def get(self, pk: str, sk: str, *, consistent: bool = True) -> Row | None:
        """One row, or None."""
        answer = self.dynamodb.get_item(TableName=self.name, Key=pack({"PK": pk, "SK": sk}), ConsistentRead=consistent)
        return unpack(answer["Item"]) if "Item" in answer else None

    def put(self, row: Row, *, when: str = "", values: Mapping[str, Any] | None = None) -> None:
        """Write a whole row. `when` is a condition in which `#name` is an attribute and `:name` one of `values`.

        Raises `ConditionFailed`, carrying the row that is there.
        """
        self.dynamodb.put_item(**self.putting(row, when=when, values=values))

    def putting(self, row: Row, *, when: str = "", values: Mapping[str, Any] | None = None) -> Row:
        """The parameters of `put`, for a transaction."""
        return {"TableName": self.name, "Item": pack(row), **_condition(when, _names(when), values or {})}

    def update(self, pk: str, sk: str, **changes: Any) -> Row:
        """Change attributes of one row, as `updating` says, and return it as it is then.

        One that meets a transaction is tried again. Raises `ConditionFailed`, carrying the row that is there.
        """
        update = {**self.updating(pk, sk, **changes), "ReturnValues": "ALL_NEW"}
        for attempt in range(ATTEMPTS - 1):
            try:
                return unpack(self.dynamodb.update_item(**update)["Attributes"])
            except Raced:
                self.sleep(back_off(attempt, self.random))
        return unpack(self.dynamodb.update_item(**update)["Attributes"])

    def updating(
        self,
        pk: str,
        sk: str,
        *,
        write: Mapping[str, Any] | None = None,
        default: Mapping[str, Any] | None = None,
        add: Mapping[str, int] | None = None,
        remove: Sequence[str] = (),
        when: str = "",
        values: Mapping[str, Any] | None = None,
    ) -> Row:
        """The parameters of an update of one row.

        Args:
            write: attributes to set. default: to set where they are missing. add: to add to. remove: to take away.
            when: a condition in which `#name` is an attribute and `:name` one of `values`.
        """
        write, default, add = write or {}, default or {}, add or {}
        sets = [f"#{name} = :{name}_" for name in write]
        sets += [f"#{name} = if_not_exists(#{name}, :{name}_)" for name in default]
        parts = {
            "SET": ", ".join(sets),
            "ADD": ", ".join(f"#{name} :{name}_" for name in add),
            "REMOVE": ", ".join(f"#{name}" for name in remove),
        }
        given = {f"{name}_": value for changes in (write, default, add) for name, value in changes.items()}
        return {
            "TableName": self.name,
            "Key": pack({"PK": pk, "SK": sk}),
            "UpdateExpression": " ".join(f"{verb} {part}" for verb, part in parts.items() if part),
            **_condition(when, {*write, *default, *add, *remove, *_names(when)}, {**given, **(values or {})}),
        }

    def transact(self, writes: Sequence[Row]) -> None:
        """Up to 100 writes of different rows, all or none: what `putting` and `updating` return.

        Raises `ConditionFailed` with the `index` of the first that did not hold, `Raced` when another has one of the
        rows in hand.
        """
        items = [{"Put" if "Item" in write else "Update": write} for write in writes]
        self.dynamodb.transact_write_items(TransactItems=items)

    def get_all(
        self, keys: Sequence[tuple[str, str]], *, consistent: bool = True, only: Sequence[str] = ()
    ) -> dict[tuple[str, str], Row]:
        """The rows that exist of these (PK, SK), which must differ.

        `only`: the attributes wanted, besides the keys; none for all. It makes answers smaller, not cheaper.
        Raises `Unavailable` when DynamoDB does not give all of them within `ATTEMPTS`.
        """

        def fetch(some: Sequence[tuple[str, str]]) -> list[Row]:
            asked: list[Row] = [pack({"PK": pk, "SK": sk}) for pk, sk in some]
            how: Row = {"ConsistentRead": consistent}
            if only:
                how["ProjectionExpression"] = ", ".join(("PK", "SK", *only))
            found: list[Row] = []
            for attempt in range(ATTEMPTS):
                request = {self.name: {"Keys": asked, **how}}
                answer = self.dynamodb.batch_get_item(RequestItems=request)
                found += map(unpack, answer["Responses"].get(self.name, []))
                asked = answer.get("UnprocessedKeys", {}).get(self.name, {}).get("Keys", [])
                if not asked:
                    return found
                self.sleep(back_off(attempt, self.random))
            raise Unavailable(f"DynamoDB left {len(asked)} rows unread.", "Try again in a moment.")

        pages = in_threads(fetch, chunks(keys, GETS))
        return {(row["PK"], row["SK"]): row for page in pages for row in page}

    def write_all(self, *, puts: Sequence[Row] = (), deletes: Sequence[tuple[str, str]] = ()) -> None:
        """Put and delete rows without a condition.

        Raises `Unavailable` when DynamoDB does not take all of them within `ATTEMPTS`.
        """
        requests: list[Row] = [{"PutRequest": {"Item": pack(row)}} for row in puts]
        requests += [{"DeleteRequest": {"Key": pack({"PK": pk, "SK": sk})}} for pk, sk in deletes]

        def send(some: Sequence[Row]) -> None:
            left: Sequence[Row] = some
            for attempt in range(ATTEMPTS):
                answer = self.dynamodb.batch_write_item(RequestItems={self.name: left})
                left = answer.get("UnprocessedItems", {}).get(self.name, [])
                if not left:
                    return
                self.sleep(back_off(attempt, self.random))
            raise Unavailable(f"DynamoDB left {len(left)} rows unwritten.", "Try again in a moment.")

        in_threads(send, chunks(requests, WRITES))

    def execute_all(self, statement: str, jobs: Sequence[T], parameters: Callable[[T], Sequence[Any]]) -> list[str]:
        """One PartiQL statement for each job, with the parameters that it means; `{table}` in it is the table.

        Returns, in order, an error code for each: "" when it took effect, `ConditionalCheckFailed` or `DuplicateItem`
        when its condition did not hold, else what DynamoDB still said after `ATTEMPTS`, or `unsent`.
        """
        text = statement.format(table=f'"{self.name}"')

        def run(some: Sequence[T]) -> list[str]:
            codes = ["unsent"] * len(some)
            for attempt in range(ATTEMPTS):
                open_ = [n for n, code in enumerate(codes) if code not in _FINAL]
                if not open_:
                    break
                if attempt:
                    self.sleep(back_off(attempt, self.random))
                batch = [
                    {"Statement": text, "Parameters": [to_wire(value) for value in parameters(some[n])]} for n in open_
                ]
                try:
                    answers = self.dynamodb.batch_execute_statement(Statements=batch)["Responses"]
                except OutOfTime:
                    break
                except Unavailable:
                    continue
                for n, answer in zip(open_, answers, strict=True):
                    codes[n] = answer.get("Error", {}).get("Code", "")
            return codes

        return [code for page in in_threads(run, chunks(jobs, STATEMENTS)) for code in page]

    def query(
        self, pk: str, *, start: str = "", reverse: bool = False, limit: int | None = None, page: int | None = None
    ) -> Iterator[Row]:
        """The rows of one partition in the order of SK, from `start` on (down from it with `reverse`).

        Args:
            limit: how many at most. page: how many are read together, where not all may be looked at.
        """
        condition, values = "PK = :pk", {":pk": pk}
        if start:
            condition, values = f"PK = :pk AND SK {'<=' if reverse else '>='} :sk", {":pk": pk, ":sk": start}
        size = page or limit
        parameters: Row = {"PaginationConfig": {"MaxItems": limit, "PageSize": size}} if size else {}
        for answer in self.dynamodb.pages(
            "query",
            TableName=self.name,
            KeyConditionExpression=condition,
            ExpressionAttributeValues=pack(values),
            ScanIndexForward=not reverse,
            ConsistentRead=True,
            **parameters,
        ):
            yield from map(unpack, answer["Items"])

    def scan(self, when: str, values: Mapping[str, Any]) -> Iterator[list[Row]]:
        """The rows that fulfil `when`, a list for each page read: the whole table is read and paid for."""
        for page in self.dynamodb.pages(
            "scan",
            TableName=self.name,
            FilterExpression=when,
            ExpressionAttributeNames={f"#{name}": name for name in _names(when)},
            ExpressionAttributeValues=pack({f":{name}": value for name, value in values.items()}),
        ):
            yield [unpack(item) for item in page["Items"]]


_FINAL = ("", "ConditionalCheckFailed", "DuplicateItem", "ValidationError", "AccessDenied", "ResourceNotFound")


def _names(expression: str) -> list[str]:
    return re.findall(r"#(\w+)", expression)


def _condition(when: str, names: Iterable[str], values: Mapping[str, Any]) -> Row:
    """The parameters of a conditional write: all the names and values it mentions."""
    parameters: Row = {}
    if when:
        parameters = {"ConditionExpression": when, "ReturnValuesOnConditionCheckFailure": "ALL_OLD"}
    if names := sorted(set(names)):
        parameters["ExpressionAttributeNames"] = {f"#{name}": name for name in names}
    if values:
        parameters["ExpressionAttributeValues"] = pack({f":{name}": value for name, value in values.items()})
    return parameters
