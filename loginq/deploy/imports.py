"""What the functions import, followed through our own files, against what is in the bundle."""

import ast
import sys
from collections.abc import Iterator, Mapping
from functools import cache
from pathlib import PurePosixPath

PROVIDED = ("boto3", "botocore")
"""What Lambda's Python brings: https://docs.aws.amazon.com/lambda/latest/dg/lambda-python.html"""


def missing(files: Mapping[str, bytes]) -> list[str]:
    """The modules that a handler needs, at once or in some call, and that nobody brings. `files`: content by name."""
    return sorted(_followed(files)[1])


def needed(files: Mapping[str, bytes]) -> list[str]:
    """Those of our own files that a handler needs, at once or in some call, with the packages that they are in."""
    reached = _followed(files)[0]
    packages = {f"{folder}/__init__.py" for name in reached for folder in PurePosixPath(name).parents}
    return sorted(reached | (packages & files.keys()))


def _followed(files: Mapping[str, bytes]) -> tuple[set[str], set[str]]:
    """Our own files that the handlers reach, themselves among them, and the modules that nobody brings."""
    waiting = [name for name in files if name.startswith("lambdas/")]
    seen, lost = set(waiting), set[str]()
    while waiting:
        for module, names in _imported(files[waiting.pop()]):
            top = module.partition(".")[0]
            if top in sys.stdlib_module_names or top in PROVIDED:
                continue
            if not _places(module, files):
                lost.add(module)
            elif top in ("lambdas", "loginq"):
                inner = {place for name in names for place in _places(f"{module}.{name}", files)}
                waiting += (new := {*_places(module, files), *inner} - seen)
                seen |= new
    return seen, lost


def _places(module: str, files: Mapping[str, bytes]) -> list[str]:
    """The files that are this module: its source, or its compiled half."""
    path = module.replace(".", "/")
    sources = [name for name in (f"{path}/__init__.py", f"{path}.py") if name in files]
    return sources or [name for name in files if name.startswith(f"{path}.") and name.endswith(".so")]


@cache
def _imported(source: bytes) -> list[tuple[str, list[str]]]:
    """What a file imports. Kept: one deploy asks three times."""
    return list(_imports(ast.parse(source)))


def _imports(node: ast.AST) -> Iterator[tuple[str, list[str]]]:
    """(module, names taken from it) of each import, those inside functions too, but not those for type checkers."""
    if isinstance(node, ast.Import):
        yield from ((alias.name, []) for alias in node.names)
    elif isinstance(node, ast.ImportFrom) and node.module:
        yield node.module, [alias.name for alias in node.names]
    for_checkers = isinstance(node, ast.If) and ast.unparse(node.test) == "TYPE_CHECKING"
    for child in node.orelse if isinstance(node, ast.If) and for_checkers else ast.iter_child_nodes(node):
        if not isinstance(child, ast.expr):
            yield from _imports(child)
