"""The house: which room may import which, and what only one room may know."""

import ast
import re
from functools import cache
from pathlib import Path

import loginq
from loginq.service.store import keys

ROOT = Path(loginq.__file__).parent.parent
RULES, STORE, REQUESTS, OPERATIONS = (f"loginq.service.{room}" for room in ("rules", "store", "requests", "operations"))
MAY = {
    RULES: (),
    STORE: (RULES,),
    REQUESTS: (RULES, STORE),
    OPERATIONS: (RULES, STORE, REQUESTS),
    "lambdas": (RULES, STORE, REQUESTS),
    "loginq.client": (RULES, f"{STORE}.clock"),
    "loginq.rehearsal": (RULES, "loginq.client"),
    "loginq.emulator": (RULES, f"{STORE}.aws"),
    "loginq.deploy": (RULES, STORE, OPERATIONS),
    "loginq.doctor": (RULES, STORE, OPERATIONS, "loginq.deploy", "loginq.client"),
    "loginq.cli": ("loginq",),
}
"""A room -> what it may import of ours, besides itself."""
LINES_OF_A_MODULE, LINES_OF_A_FUNCTION = 300, 40
CLIENTS, LINES_OF_A_CLIENT = Path("loginq/client/files"), 350
"""What `loginq client` writes stands alone in somebody else's tree: one file, with its documentation."""
TIME_AND_CHANCE = {"time", "random", "secrets", "os", "socket", "threading", "subprocess", "pathlib"}


@cache
def modules() -> list[tuple[str, ast.Module]]:
    return [
        (
            ".".join(file.relative_to(ROOT).with_suffix("").parts).removesuffix(".__init__"),
            ast.parse(file.read_text()),
        )
        for folder in ("loginq", "lambdas")
        for file in sorted((ROOT / folder).rglob("*.py"))
    ]


@cache
def imported(tree: ast.Module) -> list[str]:
    names = list[str]()
    for node in ast.walk(tree):
        if isinstance(node, ast.Import):
            names += [alias.name for alias in node.names]
        elif isinstance(node, ast.ImportFrom):
            names += [f"{node.module}.{alias.name}" for alias in node.names]
    return names


def within(name: str, rooms: tuple[str, ...]) -> bool:
    return any(name == room or name.startswith(f"{room}.") for room in rooms)


def test_each_room_imports_what_it_may() -> None:
    upward = [
        f"{name} imports {target}"
        for name, tree in modules()
        for room, may in MAY.items()
        if within(name, (room,))
        for target in imported(tree)
        if within(target, ("loginq", "lambdas")) and not within(target, (room, *may, "loginq.__version__"))
    ]
    assert upward == []


def test_no_module_is_in_no_room() -> None:
    roomless = [name for name, _ in modules() if not within(name, tuple(MAY))]
    assert roomless == ["loginq", "loginq.service"]


def test_rules_know_neither_time_nor_chance_nor_the_machine() -> None:
    """They may name the type of a source of chance, which is given to them."""
    known = {
        (name, target)
        for name, tree in modules()
        if within(name, (RULES,))
        for target in imported(tree)
        if target.partition(".")[0] in TIME_AND_CHANCE and target != "random.Random"
    }
    assert known == set()


def test_rooms_are_small_and_so_is_what_each_function_does() -> None:
    large = [
        f"{file.relative_to(ROOT)} has {lines} lines"
        for folder in ("loginq", "lambdas")
        for file in sorted((ROOT / folder).rglob("*.py"))
        if (lines := file.read_text().count("\n")) > LINES_OF_A_MODULE and file.parent != ROOT / CLIENTS
    ]
    large += [
        f"{file.name} has {lines} lines"
        for file in sorted((ROOT / CLIENTS).iterdir())
        if file.is_file() and (lines := file.read_text().count("\n")) > LINES_OF_A_CLIENT
    ]
    long = [
        f"{name}.{node.name} has {lines} lines"
        for name, tree in modules()
        for node in ast.walk(tree)
        if isinstance(node, ast.FunctionDef | ast.AsyncFunctionDef)
        and (lines := (node.end_lineno or 0) - node.lineno + 1) > LINES_OF_A_FUNCTION
    ]
    assert large + long == []


def test_only_the_operator_writes_into_the_audit() -> None:
    writes = {f"{STORE}.audit.record", f"{STORE}.audit.Ledger"}
    writers = [name for name, tree in modules() if writes & set(imported(tree))]
    assert writers == [f"{OPERATIONS}.line_acts", f"{OPERATIONS}.together"]


def test_nobody_else_spells_a_key() -> None:
    spelled = re.compile(r"^(USER|METADATA|QUEUE|AUDIT|MEMBERS|ROSTER|ADMITTED|RETURNED|LEFT|PUBLIC)[#$]")
    found = [
        name
        for name, tree in modules()
        if name != f"{STORE}.keys"
        for node in ast.walk(tree)
        if isinstance(node, ast.Constant) and isinstance(node.value, str) and spelled.match(node.value)
    ]
    assert found == []


def test_each_key_is_what_every_version_reads() -> None:
    t = "2027-01-15T08:00:00.000Z"
    known = {
        keys.player("ada"): ("USER#ada", "METADATA#ada"),
        keys.line("main"): ("QUEUE#main", "LINE"),
        keys.rules("main"): ("QUEUE#main", "RULES"),
        keys.lock("main"): ("QUEUE#main", "LOCK"),
        keys.settlement("main"): ("QUEUE#main", "SETTLEMENT"),
        keys.audit("main", 1_800_000_000_000, "n"): ("QUEUE#main", f"AUDIT#{t}#n"),
        keys.members("main", "0a1b2c3d", 7): ("MEMBERS#main#0a1b2c3d", "000007"),
        keys.roster("main", 123_456): ("ROSTER#main#1", "000000123456"),
        keys.admitted("main", 3, 1_800_000_000_000): ("ADMITTED#main#3", t),
        keys.returned("main", 3, 1_800_000_000_000): ("RETURNED#main#3", t),
        keys.left("main", 15): ("LEFT#main#15", "LEFT"),
        keys.count("main", "eu-1"): ("COUNT#main", "eu-1"),
        keys.jwks("main"): ("PUBLIC#main", "JWKS"),
    }
    assert list(known) == list(known.values())
