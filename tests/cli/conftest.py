"""The command line in process: exit code, stdout and stderr as a user sees them."""

import json
import re
from collections.abc import Callable, Sequence
from typing import Any

import pytest
from typer.testing import CliRunner

from loginq.cli import app
from loginq.cli.fields import DOCUMENTS, NOWHERE
from loginq.service.operations.front_door import FrontDoor
from loginq.service.operations.target import Target
from loginq.service.rules.door import CALLS, FAILED, REFUSED, Door
from loginq.service.rules.line import Line
from loginq.service.rules.times import MINUTE
from loginq.service.store.queue import Queue


class Screen:
    """What one command left on the screen."""

    def __init__(self, code: int, out: str, err: str) -> None:
        self.code, self.out, self.err = code, clean(out), clean(err)


def clean(text: str) -> str:
    """Without the blanks at the ends of lines, which nobody sees."""
    return "\n".join(line.rstrip() for line in text.splitlines()).strip("\n")


Run = Callable[..., Screen]
TARGET = "aws 123456789012 eu-west-1 loginq"


def settled(queue: Queue, line: Line) -> None:
    """Put a line there that stands still, so that a screen does not depend on the clock."""
    queue.lines.change(lambda _, t: line)


def door(t: int, calls: int = 40, **counts: int) -> Door:
    """A front door as it was seen at `t`, ms, at which all is well unless `counts` says otherwise."""
    return Door(t, MINUTE, {CALLS: calls, REFUSED: 0, FAILED: 0, **counts}, ringing=())


@pytest.fixture
def run() -> Run:
    def loginq(*words: str, stdin: str | bytes | None = None) -> Screen:
        result = CliRunner().invoke(app, list(words), input=stdin, prog_name="loginq")
        if result.exception is not None and not isinstance(result.exception, SystemExit):
            raise result.exception
        check_documents(words, result.stdout)
        return Screen(result.exit_code, result.stdout, result.stderr)

    return loginq


@pytest.fixture
def deployed(target: Target, monkeypatch: pytest.MonkeyPatch) -> Target:
    """The moto target, named by the environment, whose front door is quiet: there is no stack of it."""
    monkeypatch.setattr(FrontDoor, "read", lambda _, t: door(t))
    for name, value in target.names().items():
        monkeypatch.setenv(name, value)
    return target


def check_documents(words: Sequence[str], out: str) -> None:
    """Each document that a command prints is one that the guide says it prints, and begins with its target."""
    if "--json" not in words:
        return
    typed = " ".join(words)
    name = next(each for each in sorted(DOCUMENTS, key=len, reverse=True) if re.match(rf"(--\S+ \S+ )*{each}\b", typed))
    for document in (json.loads(line) for line in out.splitlines() if line.startswith("{")):
        assert any(_is(shape, document) for shape in DOCUMENTS[name]), (name, document)
        assert next(iter(document)) == "target"
        assert "--params" in words or (document["target"] is None) is (name in NOWHERE)


def _is(shape: str, document: dict[str, Any]) -> bool:
    """Whether it has this shape, and so has each of its items."""
    told = {found[1]: found for found in re.finditer(r"([\w*]+)(\?)?(?:\(([^)]*)\))?", shape)}
    always, others = {name for name in told if not told[name][2]} - {"*"}, document.keys() - told.keys()
    of_items = told["items"][3] if "items" in told else None
    if not always <= document.keys() or (others and "*" not in told):
        return False
    return of_items is None or all(_is(of_items, each) for each in document["items"])
