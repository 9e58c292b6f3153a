"""What every benchmark is made of: AWS calls as botocore sees them, the same calls sent bare, medians, ratios."""

import json
import re
import shutil
import statistics
import subprocess
import sys
import time
from collections.abc import Callable, Iterator, Sequence
from concurrent.futures import ThreadPoolExecutor
from contextlib import contextmanager, suppress
from dataclasses import dataclass
from itertools import groupby
from pathlib import Path
from typing import Any

from botocore import handlers, xform_name
from botocore.exceptions import ClientError

from loginq.service.store.table import THREADS

ROOT = Path(__file__).parents[2]
_CONDITION = ("ConditionExpression", "ExpressionAttributeNames", "ExpressionAttributeValues")


@dataclass(frozen=True)
class Row:
    """One line of a table: what was measured, ours, what it is held against, their ratio, the aim."""

    what: str
    ours: str
    against: str
    ratio: str
    aim: str


@dataclass(frozen=True)
class Call:
    """One call of AWS."""

    service: str
    operation: str
    parameters: dict[str, Any]

    def renamed(self, names: dict[str, str]) -> "Call":
        """The same for other rows; a line is written without a condition, because nobody else writes that one."""
        text = json.dumps(self.parameters)
        for old, new in names.items():
            text = text.replace(old, new)
        parameters = json.loads(text)
        if self.operation == "PutItem":
            parameters = {
                k: v for k, v in parameters.items() if k not in (*_CONDITION, "ReturnValuesOnConditionCheckFailure")
            }
        return Call(self.service, self.operation, parameters)


_recording: list[Call] | None = None


def _seen(params: dict[str, Any], model: Any, **_: Any) -> None:
    if _recording is not None:
        _recording.append(Call(model.service_model.service_name, model.name, dict(params)))


# Every session of botocore that is made after this reports its calls.
handlers.BUILTIN_HANDLERS.append(("before-parameter-build", _seen))


@contextmanager
def recorded() -> Iterator[list[Call]]:
    """The calls that are made meanwhile."""
    global _recording
    calls: list[Call] = []
    _recording = calls
    try:
        yield calls
    finally:
        _recording = None


def send(client: Callable[[str], Any], calls: Sequence[Call]) -> None:
    """Send calls bare, like ones that follow each other in as many threads as ours."""

    def one(call: Call) -> None:
        with suppress(ClientError):
            getattr(client(call.service), xform_name(call.operation))(**call.parameters)

    for _, group in groupby(calls, key=lambda call: call.operation):
        some = list(group)
        if len(some) == 1:
            one(some[0])
        else:
            with ThreadPoolExecutor(min(THREADS, len(some))) as pool:
                list(pool.map(one, some))


def seconds(work: Callable[[], Any]) -> float:
    """How long it takes."""
    started = time.perf_counter()
    work()
    return time.perf_counter() - started


def median(values: Sequence[float]) -> float:
    return statistics.median(values)


def against(ours: Sequence[float], theirs: Sequence[float]) -> float:
    """The median of ratios of pairs that were measured next to each other."""
    return statistics.median(a / b for a, b in zip(ours, theirs, strict=True))


def script(code: str, environment: dict[str, str], *words: str, stdin: str = "") -> Any:
    """What a fresh interpreter prints as JSON."""
    done = subprocess.run(
        [sys.executable, "-c", code, *words], env=environment, cwd=ROOT, input=stdin, capture_output=True, text=True,
        check=False,
    )  # fmt: skip
    if done.returncode:
        raise RuntimeError(done.stderr)
    return json.loads(done.stdout.splitlines()[-1])


def instructions(code: str, environment: dict[str, str], *words: str, stdin: str = "") -> int | None:
    """How many instructions a fresh interpreter takes for it, which no other load on the machine can change.

    By valgrind, https://valgrind.org/docs/manual/cg-manual.html; None where there is none.
    """
    if shutil.which("valgrind") is None:
        return None
    counting = ["valgrind", "--tool=cachegrind", "--cache-sim=no", "--cachegrind-out-file=/dev/null"]
    done = subprocess.run(
        [*counting, sys.executable, "-c", code, *words], env={**environment, "PYTHONHASHSEED": "0"}, cwd=ROOT,
        input=stdin, capture_output=True, text=True, check=True,
    )  # fmt: skip
    found = re.search(r"I\s+refs:\s+([\d,]+)", done.stderr)
    return int(found[1].replace(",", "")) if found else None


HEADER = "| what | ours | against | ratio | aim |\n|---|---|---|---|---|"


def section(title: str, rows: Sequence[Row]) -> str:
    """Lines of the one table."""
    lines = [f"| {row.what} | {row.ours} | {row.against} | {row.ratio} | {row.aim} |" for row in rows]
    return "\n".join([f"| **{title}** | | | | |", *lines])
