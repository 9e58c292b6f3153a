"""The benchmark of races: it is evidence only if nobody is lost in it, and if only who has rivals loses a race."""

import pytest

from tests.benchmarks.rush import Rush


@pytest.mark.parametrize("functions", [1, 10])
def test_everybody_gets_a_place_of_their_own(functions: int) -> None:
    rush = Rush(batch=30, batches=20, functions=functions).play()
    positions = sorted(
        int(row["queuePosition"]["N"]) for (pk, _), row in rush.dynamodb.rows.items() if pk.startswith("USER#")
    )
    assert positions == list(range(1, 601))
    assert rush.placed == 600
    assert (rush.lost > 0) == (functions > 1)


def test_calls_of_a_batch_are_under_way_together() -> None:
    """Sixteen requests take about as long as one, in as many threads as the code has."""
    few, many = (Rush(batch, batches=1, functions=1).play() for batch in (10, 400))
    assert few.time.now < many.time.now < 1.5 * few.time.now


def test_cpu_is_not() -> None:
    """A function has one core's part for all its threads."""
    free, busy = (Rush(batch=400, batches=1, cpu=(cpu, 0), functions=1).play() for cpu in (0.0, 0.01))
    assert busy.time.now > free.time.now + 0.005 * len(busy.calls)
