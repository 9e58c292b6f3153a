"""What is counted of who came in: percentiles from bins, waiting times told and true, order over batches, its size."""

from dataclasses import replace
from itertools import pairwise
from random import Random
from typing import Any

from hypothesis import given
from hypothesis import strategies as st

from loginq.service.rules import histogram as bins
from loginq.service.rules.measure import percentile
from loginq.service.rules.tally import CARRIED, NOBODY, Came, Tally, tallied, together
from loginq.service.rules.times import DAY, HOUR, MINUTE, SECOND
from loginq.service.store.history import History, row_of, tally_of
from loginq.service.store.table import Table
from tests.cli.test_history import NIGHT
from tests.memory import InMemory

T = 1_800_000_000_000


def _bytes(value: dict[str, Any]) -> int:
    """What DynamoDB takes for a value: a number is a byte and one for each two digits, a list three and one for each.

    https://docs.aws.amazon.com/amazondynamodb/latest/developerguide/CapacityUnitCalculations.html
    """
    ((kind, held),) = value.items()
    if kind == "L":
        return 3 + sum(1 + _bytes(each) for each in held)
    return 2 + len(held) // 2 if kind == "N" else len(held)


def came(*admitted: int) -> list[Came]:
    return [Came(T, T, None, T + at) for at in admitted]


def batches(admitted: list[int], cuts: list[int]) -> Tally:
    """Those who were let in at these instants, in the order of their places, counted in several batches."""
    order, found = NOBODY, []
    for start, end in pairwise(sorted({0, *(cut for cut in cuts if cut < len(admitted)), len(admitted)})):
        found.append(tallied(came(*admitted[start:end]), start + 1, end, end - start, order))
        order = found[-1].order
    both = together(found)
    assert both is not None
    return both


@given(st.lists(st.integers(0, DAY - HOUR), min_size=1, max_size=60), st.sampled_from([0.5, 0.9, 0.99]))
def test_a_percentile_from_bins_is_right_to_a_fortieth_or_half_a_second(waits: list[int], share: float) -> None:
    found, exact = bins.percentile(bins.histogram(waits), share), percentile(sorted(waits), share)
    assert found is not None and exact is not None
    assert abs(found - exact) <= max(SECOND // 2, exact * 0.0251)


@given(st.lists(st.integers(0, 2 * DAY), max_size=60), st.lists(st.integers(0, 2 * DAY), max_size=60))
def test_bins_are_added_up_and_kept_small(some: list[int], others: list[int]) -> None:
    one, other = bins.histogram(some), bins.histogram(others)
    both = bins.histogram([*some, *others])
    assert bins.merged([one, other]) == both and bins.size(both) == len(some) + len(others)
    assert bins.unpack(bins.pack(both)) == both
    assert bins.longer(both, bins.STARTS[40]) == sum(ms >= bins.STARTS[40] for ms in (*some, *others))
    assert bins.percentile((), 0.5) is None


@given(
    st.lists(st.integers(0, 20_000), min_size=1, max_size=CARRIED),
    st.lists(st.integers(1, CARRIED), max_size=4),
)
def test_order_over_batches_is_the_order_of_all(admitted: list[int], cuts: list[int]) -> None:
    gains = [at - min(admitted[n + 1 :], default=at) for n, at in enumerate(admitted)]
    found = batches(admitted, cuts)
    assert found.overtaken == sum(gain > 0 for gain in gains)
    assert found.passed == sum(gain > 2 * SECOND for gain in gains)
    assert found.longest == max(0, *gains, 0)


def test_a_rush_that_is_counted_in_parts_is_the_same_as_counted_at_once() -> None:
    """12,000 a minute who ask each 1 to 2 s, and one in 50 who sleeps: what is carried is enough."""
    random = Random(1)
    admitted = [
        n * 5 + random.randint(0, 2_000) + (random.randint(0, 90_000) if random.random() < 0.02 else 0)
        for n in range(9_000)
    ]
    assert batches(admitted, [3_000, 6_000]) == batches(admitted, [])


def test_what_was_told_against_what_came() -> None:
    """One is let in as told, one a minute sooner, one much too late, one was told nothing."""
    each = [
        Came(T, T + 1_000, T + 61_000, T + 61_500),
        Came(T, T + 2_000, T + 122_000, T + 62_000),
        Came(T, T + 3_000, T + 63_000, T + 3 * MINUTE),
        Came(T, T + 4_000, None, T + 4 * MINUTE),
    ]
    found = tallied(each, 1, 5, 5, NOBODY)
    assert (found.came, bins.size(found.waits), found.told, found.late) == (5, 4, 3, 1)
    assert found.error == 500 + 60_000 + 117_000
    assert found.truth == 60_500 + 60_000 + 177_000
    assert (found.waited, found.worst) == (61_500 + 62_000 + 180_000 + 240_000, 240_000)
    assert bins.size(found.errors) == 3


def test_a_busy_minute_stays_below_a_kilobyte() -> None:
    """12,000 who came in, their waits and errors in every bin there is, and every number as large as it gets."""
    memory = InMemory()
    random, table = Random(1), Table(memory.client("dynamodb"), "table")
    lengths = [(round(10 ** random.uniform(2, 7.9)), round(10 ** random.uniform(2, 7.9))) for _ in range(12_000)]
    some = [Came(T, T, T + wait + error, T + wait) for wait, error in lengths]
    tally = tallied(some, 9_000_000, 9_012_000, 12_000, NOBODY)
    History(table, "main").write(
        replace(NIGHT, at=T, tail=9_999_999, reached=9_999_999, version=99_999_999, tally=tally)
    )
    (row,) = memory.dynamodb.rows.values()
    assert min(len(tally.waits), len(tally.errors)) > 220
    assert sum(len(name) + _bytes(value) for name, value in row.items()) < 1_024
    assert tally_of(row_of(tally)) == tally
