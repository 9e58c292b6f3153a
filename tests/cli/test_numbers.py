"""Numbers with more digits than anybody means, wherever one can be typed: wrong usage, in a line or two."""

import pytest

from loginq.service.operations.target import Target
from loginq.service.rules.line import Line
from loginq.service.store.queue import Queue
from tests.cli.conftest import Run, settled

MANY, LONG = "9" * 5_000, "9" * 4_000
"""More digits than Python makes a number of, and fewer."""
SMALL = ("simulate", "--rate", "5", "--players", "5")
TYPED = [
    ("simulate", "--rate", "5", "--players", LONG),
    ("simulate", "--players", "5", "--rate", MANY),
    (*SMALL, "--arrive", MANY),
    (*SMALL, "--no-show", MANY),
    (*SMALL, "--session", "1m", "--capacity", LONG),
    (*SMALL, "--capacity", "5", "--session", MANY),
    (*SMALL, "--outage", f"1m@{MANY}s"),
    (*SMALL, "--ramp", "1", MANY),
    ("rate", "set", MANY),
    ("rate", "set", "--capacity", MANY),
    ("rate", "set", "--capacity", LONG),
    ("rate", "set", "--in-game", LONG),
    ("rate", "set", "50", "--burst", LONG),
    ("rate", "set", "50", "--in", MANY),
    ("rate", "ramp", "1", "2", "--over", MANY),
    ("players", "list", "--limit", LONG),
    ("queue", "peek", "--limit", LONG),
    ("load", "run", "--players", LONG),
    ("load", "run", "--players", "5", "--real", "--arrive", MANY),
    ("doctor", "--within", "10m", "--players", LONG),
    ("doctor", "--players", "5", "--within", MANY),
    ("local", "up", "--port", LONG),
]


def test_a_number_that_nobody_means(run: Run, deployed: Target, queue: Queue) -> None:
    settled(queue, Line(tail=0, rate=20_000, paused=True))
    for words in TYPED:
        screen = run(*words)
        assert (screen.code, screen.out) == (2, ""), words
        assert "Error" in screen.err and "Traceback" not in screen.err


@pytest.mark.parametrize("share", ["nan", "inf", "-inf", "1e400", "100%", "-1%", "nan%"])
def test_a_share_that_is_none(run: Run, share: str) -> None:
    screen = run(*SMALL, "--no-show", share)
    assert (screen.code, screen.err.splitlines()[0]) == (2, f"Error: {share!r} is not a share of the players.")
