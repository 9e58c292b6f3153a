"""`loginq lock` and `loginq unlock`: whole screens and exit codes, on moto."""

import json
import re
from dataclasses import replace

import pytest

from loginq.service.operations.target import Target
from loginq.service.store import lock as store
from loginq.service.store.queue import Queue
from tests.cli.conftest import TARGET, Run

WHEN = r"\d{4}-\d\d-\d\dT\d\d:\d\d:\d\d\.\d{3}Z"


def test_a_lock_says_who_and_why_and_that_it_does_not_bind_the_console(
    run: Run, deployed: Target, queue: Queue, monkeypatch: pytest.MonkeyPatch
) -> None:
    screen = run("lock", "launch until 20:00")
    assert (screen.code, screen.out) == (0, "")
    assert re.fullmatch(
        rf"Target: {TARGET}\n✓ The stack is locked by user/moto since {WHEN}: launch until 20:00\. "
        r"That binds loginq, not AWS's console\. `loginq unlock` lifts it\.",
        screen.err,
    )
    again = run("lock", "mine")
    assert (again.code, again.err.splitlines()[-1].strip()) == (1, "Lift that first: `loginq unlock`.")
    (there,) = filter(None, [store.read(queue.table)])
    assert re.match(rf"Target: {TARGET}\n✓ Lifted; it was locked by user/moto since", run("unlock").err)
    assert run("unlock").err == f"Target: {TARGET}\n✓ It was not locked."
    store.write(queue.table, replace(there, who="arn:aws:iam::1:user/ada"))
    assert run("unlock").code == 2
    assert json.loads(run("unlock", "--yes", "--json").out)["lifted"]["who"] == "arn:aws:iam::1:user/ada"
    assert json.loads(run("lock", "x", "--json").out)["lock"]["reason"] == "x"
    assert [act["what"] for act in json.loads(run("queue", "audit", "--json").out)["items"]] == [
        "lock", "unlock", "unlock", "lock",
    ]  # fmt: skip


def test_there_is_nothing_to_lock(run: Run) -> None:
    assert run("lock", "launch").code == 3
    assert run("unlock").code == 3


def test_a_lock_without_a_reason(run: Run, deployed: Target) -> None:
    assert run("lock", " ").code == 2
