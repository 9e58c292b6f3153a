"""A line that is forgotten: as many are in the game as before, and whoever comes next finds it empty."""

from dataclasses import replace

from hypothesis import given
from hypothesis import strategies as st

from loginq.service.rules.line import Line
from loginq.service.rules.minute import ADMITTING, UNUSED, Memory, countable, forgotten, unused_due
from tests.unit.histories import SKEW, START, Event, events, new_line
from tests.unit.test_hand import HOURS, after

SHARES = st.floats(0, 1)
INSTANTS = st.lists(st.integers(0, HOURS), min_size=1, max_size=4)


def reset(history: list[Event], share: float) -> tuple[Line, Line, int, int]:
    """The line at the end of a history, as it is once it is reset, when, and how many had come in at `share`."""
    line, t = after(history)
    line = line.anchored(t)
    claimed = int(share * (line.reached_to - line.counted_to))
    return line, line.reset(t, claimed), t, claimed


@given(events(), SHARES, INSTANTS)
def test_as_many_are_in_the_game_nobody_is_reached_and_no_position_comes_again(
    history: list[Event], share: float, waits: list[int]
) -> None:
    line, forgot, t, claimed = reset(history, share)
    held = line.reached_to - line.counted_to - claimed
    assert forgot.occupied(t) == line.occupied(t) - held
    assert forgot.counted == line.counted + claimed
    assert (forgot.departed, forgot.no_shows, forgot.synthetic) == (line.departed, line.no_shows, line.synthetic)
    assert {forgot.reached(t + wait) for wait in waits} == {forgot.expired_to} == {forgot.counted_to} == {line.tail}
    assert (forgot.waiting(t), forgot.join(t, 1).tail) == (0, line.tail + 1)
    assert forgot.void_before >= t - SKEW
    twice = forgot.reset(t, 0)
    assert (twice.occupied(t), twice.holes, twice.gate) == (forgot.occupied(t), forgot.holes, forgot.gate)


@given(events(), SHARES, st.integers(1, 3_000))
def test_who_comes_next_is_told_and_gets_what_an_empty_line_gives(
    history: list[Event], share: float, places: int
) -> None:
    line, forgot, t, _ = reset(history, share)
    room = None if line.capacity is None else line.capacity - forgot.occupied(t)
    empty = Line(
        anchored_at=line.anchored_at,
        alive_at=max(line.alive_at, line.anchored_at),
        rate=line.rate,
        steps=line.steps,
        burst=line.burst,
        paused=line.paused,
        capacity=room,
    )
    joined, fresh = forgot.join(t, places), empty.join(t, places)
    told = joined.wait(joined.tail, t), joined.ahead(joined.tail, t)
    assert told == (fresh.wait(places, t), fresh.ahead(places, t))
    eta = joined.eta(joined.tail, t)
    if eta is not None:
        lasting = replace(joined, lease=eta - joined.anchored_at + 1)
        assert lasting.reached(eta) >= joined.tail
        assert eta == joined.anchored_at or lasting.reached(eta - 1) < joined.tail


def test_settling_counts_nobody_of_it_again_and_still_sees_who_never_joined() -> None:
    forgot, t = new_line().join(START, 100).reset(START, 40), START
    old = Memory(samples=((0, 1),), expiries=((t - ADMITTING, 50),), counts=((1, 2),))
    memory = forgotten(old, forgot, t)
    assert (memory.samples, memory.counts) == ((), ())
    assert countable(memory, forgot, t + 10 * ADMITTING) <= forgot.counted_to
    assert unused_due(memory, forgot, t + ADMITTING + UNUSED - 1, 0) == 0
    assert unused_due(memory, forgot, t + ADMITTING + UNUSED, 0) == 100
