"""A broken `/login` is red on every screen within seconds, with what to do; mended, it is quiet soon."""

import json
import time
from collections.abc import Iterator

import pytest

from loginq.cli.session import Session
from loginq.cli.watch import run
from tests.e2e.broken import BROKEN
from tests.e2e.conftest import Stack, in_process
from tests.e2e.test_iam import guarded

__all__ = ["guarded"]
pytestmark = pytest.mark.drills
WATCH, QUIET = 15, 75
"""After how many looks of a watch, one a second where the machine keeps up, it has to say it, and no longer does."""


@pytest.fixture(scope="module")
def stack(guarded: Stack) -> Stack:
    return guarded


def watched(stack: Stack) -> Iterator[tuple[int, list[str]]]:
    """Which look of a watch it is, and what needs attention by it."""
    for look, found in enumerate(run(Session(stack.target, stack.aws), json=True)):
        assert found.document is not None
        yield look, found.document["attention"]


def screens() -> dict[str, str]:
    """What the others say is wrong at the door."""
    door = {each["what"]: each for each in json.loads(in_process("doctor", "--json")[1])["findings"]}["front door"]
    return {
        "stats": " ".join(json.loads(in_process("queue", "stats", "--json")[1])["attention"]),
        "status": " ".join(json.loads(in_process("status", "--json")[1])["attention"]),
        "doctor": f"{door['says']}: {door['do']}" if door["verdict"] == "bad" else "",
    }


@pytest.mark.parametrize("what", BROKEN)
def test_a_broken_login_is_red_everywhere_and_quiet_once_mended(here: Stack, what: str) -> None:
    token = here.player().account.token()

    def call() -> int:
        return here.get("/login", token).status_code

    assert call() == 200
    says = "were refused (4xx)" if what == "throttle" else "failed (5xx)"
    with BROKEN[what](here):
        while call() < 400:  # a warm function is not replaced at once
            time.sleep(0.1)
        for _ in range(20):
            assert call() >= 400
        look, said = next((look, said) for look, said in watched(here) if any(says in each for each in said))
        assert look <= WATCH, said
        assert any("`loginq doctor`" in each for each in said)
        for name, words in screens().items():
            assert says in words and "`loginq doctor`" in words, (name, words)
        assert in_process("status")[0] == in_process("doctor")[0] == 1
    while call() >= 400:
        time.sleep(0.1)
    assert next(look for look, said in watched(here) if not said) <= QUIET
    assert set(screens().values()) == {""}
    assert json.loads(in_process("status", "--json")[1])["healthy"]
