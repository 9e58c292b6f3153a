"""The table in memory, by which the fast tests go, answers as the emulator does, statement by statement."""

from collections.abc import Callable
from typing import Any

import pytest

from loginq.emulator import Running
from loginq.service.rules.errors import ConditionFailed, LoginqError
from loginq.service.rules.player import Player
from loginq.service.store.players import Players
from loginq.service.store.table import Table
from tests.memory import InMemory

Step = Callable[[Table], Any]
T = 1_800_000_000_000
ADA, GONE = Player("ada", ticket="t1"), Player("gone", ticket="t1")
BLOCKED = "(attribute_not_exists(#blocked) OR #blocked = :no)"


def update(pk: str, **changes: Any) -> Step:
    return lambda table: table.update(pk, "s", **changes)


def transact(*updates: tuple[str, str], when: str = "") -> Step:
    """A put of `line`, on a condition, with updates of other rows, on theirs."""

    def do(table: Table) -> None:
        put = table.putting({"PK": "line", "SK": "s", "n": 1}, when=when)
        table.transact([put, *(table.updating(pk, "s", write={"in": "all"}, when=when) for pk, when in updates)])

    return do


STEPS: dict[str, Step] = {
    "put": lambda table: table.put({"PK": "a", "SK": "s", "n": 5, "l": [1, "x"], "b": False, "none": None}),
    "put if new": lambda table: table.put({"PK": "a", "SK": "s"}, when="attribute_not_exists(#PK)"),
    "put if the version is": lambda table: table.put({"PK": "a", "SK": "s", "n": 6}, when="#n = :n", values={"n": 5}),
    "put if it was": lambda table: table.put({"PK": "a", "SK": "s", "n": 7}, when="#n = :n", values={"n": 5}),
    "all changes": update("a", write={"w": "x", "v": True}, default={"n": 1, "d": 2}, add={"n2": 3}, remove=("b", "c")),
    "add": update("a", add={"n": 4, "n2": -1}, write={"w": "y"}),
    "no row": update("none", write={"w": "x"}, when="#n = :n", values={"n": 1}),
    "new counter": update("new", add={"n": 1}, when="attribute_not_exists(#n) OR #n < :limit", values={"limit": 2}),
    "counter": update("new", add={"n": 1}, when="attribute_not_exists(#n) OR #n < :limit", values={"limit": 2}),
    "full counter": update("new", add={"n": 1}, when="attribute_not_exists(#n) OR #n < :limit", values={"limit": 2}),
    "brackets": update("a", write={"x": 1}, when=f"#w = :w AND {BLOCKED}", values={"w": "y", "no": False}),
    "block": update("a", write={"blocked": True}),
    "blocked": update("a", write={"x": 2}, when=f"#w = :w AND {BLOCKED}", values={"w": "y", "no": False}),
    "or before and": update(
        "a", write={"x": 3}, when="attribute_exists(#w) OR attribute_exists(#no) AND #w <= :w", values={"w": "a"}
    ),
    "at most": update("a", write={"x": 4}, when="#w <= :w", values={"w": "y"}),
    "another type": update("a", write={"x": 5}, when="#w < :w", values={"w": 5}),
    "no attribute": update("a", write={"x": 6}, when="#nothing = :w", values={"w": 5}),
    "a value too many": update("a", write={"x": 7}, when="attribute_exists(#w)", values={"w": 5}),
    "nothing but a row": update("bare", remove=("x",)),
    "all of it": transact(("a", ""), ("b", "attribute_not_exists(#PK)")),
    "the put fails": transact(("a", ""), when="attribute_not_exists(#PK)"),
    "an update fails": transact(("a", ""), ("b", "attribute_not_exists(#PK)")),
    "one without a row fails": transact(("c", "attribute_exists(#PK)"), ("b", "attribute_not_exists(#PK)")),
    "one row twice": transact(("a", ""), ("a", "")),
    "ada": lambda table: table.put({"PK": "USER#ada", "SK": "METADATA#ada", "loginTicket": "t1"}),
    "place": lambda table: Players(table).place([(ADA, 7, None), (GONE, 8, T)], T),
    "place again": lambda table: Players(table).place([(ADA, 9, T)], T),
    "join": lambda table: Players(table).join([(ADA, T), (Player("ada", ticket="t2"), T)]),
    "join again": lambda table: Players(table).join([(ADA, T + 1)]),
    "read": lambda table: [table.get("USER#ada", "METADATA#ada"), table.get("none", "s")],
    "many": lambda table: table.write_all(puts=[{"PK": "p", "SK": f"{n:02}", "yes": n % 2 == 0} for n in range(60)]),
    "fewer": lambda table: table.write_all(deletes=[("p", f"{n:02}") for n in range(40, 60)]),
    "read many": lambda table: sorted(table.get_all([("p", f"{n:02}") for n in range(0, 60, 7)]).items()),
    "read some of it": lambda table: table.get_all(
        [("USER#ada", "METADATA#ada"), ("p", "07")], only=("yes", "queuePosition")
    ),
    "query": lambda table: list(table.query("p")),
    "from": lambda table: list(table.query("p", start="35")),
    "down from": lambda table: list(table.query("p", start="35", reverse=True, limit=3)),
    "none there": lambda table: list(table.query("nobody")),
    "scan": lambda table: sorted(row["SK"] for page in table.scan("#yes = :yes", {"yes": True}) for row in page),
    "players": lambda table: [player for page in Players(table).every() for player in page],
}


def result(step: Step, table: Table) -> Any:
    """What it gives, or the error with what that carries."""
    try:
        return step(table)
    except ConditionFailed as exc:
        return "ConditionFailed", exc.row, exc.index
    except LoginqError as exc:
        return type(exc).__name__


@pytest.fixture(scope="module")
def tables(emulator: Running) -> tuple[Table, Table]:
    dynamodb = emulator.aws().client("dynamodb")
    dynamodb.create_table(
        TableName="compared",
        BillingMode="PAY_PER_REQUEST",
        AttributeDefinitions=[{"AttributeName": name, "AttributeType": "S"} for name in ("PK", "SK")],
        KeySchema=[{"AttributeName": "PK", "KeyType": "HASH"}, {"AttributeName": "SK", "KeyType": "RANGE"}],
    )
    return Table(dynamodb, "compared"), Table(InMemory().client("dynamodb"), "compared")


def test_each_statement_does_the_same_in_memory(tables: tuple[Table, Table]) -> None:
    real, memory = tables
    for name, step in STEPS.items():
        assert (name, result(step, memory)) == (name, result(step, real))
