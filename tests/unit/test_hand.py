"""The hand beats the plan, and what a hand did can be taken back: after any history, in any order."""

from collections.abc import Callable
from dataclasses import replace
from typing import Any

from hypothesis import assume, example, given
from hypothesis import strategies as st

from loginq.service.rules.act import KINDS, PROOF, UNDO, Action, holds, planned_since, to_undo
from loginq.service.rules.gate import MICRO
from loginq.service.rules.line import Line
from loginq.service.rules.plan import planning, setting
from loginq.service.rules.times import MINUTE, iso
from tests.unit.histories import RATES, START, Event, events, new_line

Act = tuple[str, Callable[[Line, int], Line]]
HOURS = 12 * 60 * MINUTE
WAITS = st.one_of(st.just(0), st.integers(0, MINUTE), st.integers(0, HOURS))
INSTANTS = st.lists(st.one_of(st.integers(0, 2 * MINUTE), st.integers(0, HOURS)), min_size=1, max_size=5)
STEPS = st.lists(st.tuples(st.integers(1, 60_000), RATES), min_size=1, max_size=4)
PACES: st.SearchStrategy[Act] = st.one_of(
    st.tuples(RATES, st.booleans()).map(lambda of: ("rate", lambda line, t: setting(line, t, of[0], keep_plan=of[1]))),
    STEPS.map(lambda steps: ("plan", lambda line, t: planning(line, t, _later(line, t, steps)))),
)
ACTS: st.SearchStrategy[Act] = st.one_of(
    PACES,
    st.one_of(st.none(), st.integers(0, 3_000)).map(lambda c: ("capacity", lambda line, t: line.set_capacity(t, c))),
    st.just(("pause", Line.pause)),
    st.just(("resume", Line.resume)),
    st.just(("close", Line.close)),
    st.just(("open", Line.open)),
    st.text(max_size=20).map(lambda text: ("message", lambda line, t: line.say(t, text))),
)
MEANWHILE = st.lists(
    st.one_of(
        st.integers(1, 500).map(lambda n: lambda line, t: line.join(t, n)),
        st.integers(1, 50).map(lambda n: lambda line, t: line.leave(t, n)),
        st.just(Line.renew),
    ),
    max_size=4,
)


def _later(line: Line, t: int, steps: list[tuple[int, int]]) -> list[tuple[int, int]]:
    at, found = max(t, line.anchored_at), []
    for wait, rate in steps:
        at += wait
        found.append((at, rate))
    return found


def after(history: list[Event]) -> tuple[Line, int]:
    """The line at the end of a history, with no more than four steps planned and no MaxRate, and when that is."""
    line, now = new_line(), START
    for event in history:
        now += event.wait
        line = event.op(line, now + event.skew)
    return replace(line, max_rate=0), now


def done(line: Line, t: int, act: Act) -> tuple[Line, Action]:
    """The line when somebody has done it, and how the audit has it."""
    what, change = act
    value = KINDS[what.removeprefix(UNDO)].value
    changed = change(line, t)
    return changed, Action(t, "me", what, "", value(line.anchored(t)), value(changed))


def undone(line: Line, t: int, act: Action) -> tuple[Line, Action]:
    return done(line, t, (UNDO + act.kind, lambda line, t: KINDS[act.kind].put(line, t, act.before)))


def course(line: Line, instants: list[int]) -> Any:
    """How the line is to let in from now on, at these instants, whoever is let in by then."""
    rates = [line.rate_at(line.anchored_at + wait) for wait in instants]
    return rates, line.burst, line.capacity, line.paused, line.closed, line.message


@given(events(), RATES, INSTANTS)
def test_after_a_rate_by_hand_no_planned_one_takes_effect(history: list[Event], rate: int, waits: list[int]) -> None:
    line, t = after(history)
    by_hand = setting(line, t, rate)
    assert {by_hand.rate_at(by_hand.anchored_at + wait) for wait in waits} == {rate}


@given(events(), RATES, INSTANTS)
def test_a_plan_that_is_kept_comes_as_it_was_planned(history: list[Event], rate: int, waits: list[int]) -> None:
    line, t = after(history)
    kept = setting(line, t, rate, keep_plan=True)
    for wait in waits:
        at = kept.anchored_at + wait
        planned = [planned for start, planned in line.steps if kept.anchored_at < start <= at]
        assert kept.rate_at(at) == (planned[-1] if planned else rate)


@given(events(), RATES, events(), INSTANTS)
def test_no_rate_passes_max_rate_whoever_asked_for_it_and_when(
    before: list[Event], most: int, later: list[Event], waits: list[int]
) -> None:
    """Not what was planned before it, nor what an older version's function writes, which knows no such limit."""
    line, t = after(before)
    line = line.set_max_rate(t, most)
    for event in [each for each in later if not each.name.startswith("at most")]:
        t += event.wait
        line = event.op(line, t + event.skew)
        assert line.rate <= most
        assert max(line.rate_at(line.anchored_at + wait) for wait in waits) <= most
        assert line.flow_at(line.anchored_at) <= 2 * most  # a refund is the rate again at most


def test_a_rate_of_nothing_keeps_the_plan_that_ends_it() -> None:
    opening = (START + MINUTE, 50_000)
    line = replace(new_line(), steps=(opening,))
    assert setting(line, START, 0).steps == (opening,)


@given(events(), ACTS, MEANWHILE, st.integers(0, HOURS), INSTANTS)
def test_an_act_that_is_taken_back_might_never_have_been(
    history: list[Event], act: Act, meanwhile: list[Callable[[Line, int], Line]], wait: int, waits: list[int]
) -> None:
    """But for whoever was let in, or was not, in between; and to take that back, too, does it again."""
    line, t = after(history)
    other, acted = done(line, t, act)
    never = line.renew(t)
    for op in meanwhile:
        other, never = op(other, t), op(never, t)
    later = max(t, other.anchored_at) + wait
    then, back = undone(other, later, acted)
    assert course(then, waits) == course(never.renew(later), waits)
    again, _ = undone(then, later, back)
    assert course(again, waits) == course(other.renew(later), waits)
    assert holds(acted, again, later)


OPENING: Act = ("plan", lambda line, t: planning(line, t, [(t + MINUTE, 50_000), (t + 2 * MINUTE, 80_000)]))
BY_HAND: Act = ("rate", lambda line, t: setting(line, t, 5_000))


@example([Event(0, 0, "", Line.renew)], [(0, OPENING), (0, BY_HAND)], [], 90_000, [1, 20_000, MINUTE])
@given(
    events(),
    st.lists(st.tuples(st.integers(0, MINUTE), st.one_of(PACES, ACTS)), min_size=1, max_size=5),
    MEANWHILE,
    WAITS,
    INSTANTS,
)
def test_after_any_acts_undo_of_the_last_gives_back_who_is_reached_when(
    history: list[Event],
    acting: list[tuple[int, Act]],
    meanwhile: list[Callable[[Line, int], Line]],
    wait: int,
    waits: list[int],
) -> None:
    """Hand and plan in any order: from the undo on the gate moves as it would have, from where it has come to, for a
    crowd that never ends and polls all the time."""
    line, t = after(history)
    audit, before = list[Action](), list[tuple[Line, int]]()
    for pause, act in acting:
        t = max(t, line.anchored_at) + pause
        before.insert(0, (line, t))
        line, acted = done(line, t, act)
        audit.insert(0, acted)
    last, _ = to_undo(audit)
    assume(last)
    assert last
    at = audit.index(last)
    never, _ = before[at]
    for _, done_at in reversed(before[: at + 1]):  # of the last, and of those since that changed nothing
        never = never.renew(done_at)
    for op in meanwhile:
        line, never = op(line, t), op(never, t)
    later = max(t, line.anchored_at) + wait
    then, never = undone(line, later, last)[0], never.renew(later)
    if later == last.at:
        assert 0 <= never.gate - then.gate <= (never.burst + 1) * MICRO  # a burst that nobody waited for is not kept
    there = {name: getattr(never, name) for name in ("gate", "reached_to", "refund_until")}  # as was let in meanwhile
    then, never = (replace(each, **there, lease=2 * HOURS).join(later, 10**9) for each in (then, never))
    free: dict[str, Any] = {"paused": False, "capacity": None}  # and as if neither held it back
    for one, other in ((then, never), (replace(then, **free), replace(never, **free))):
        assert [one.reached(later + wait) for wait in waits] == [other.reached(later + wait) for wait in waits]


def test_the_newest_act_that_can_be_undone_and_what_was_done_since() -> None:
    fast = {"rate": 5, "burst": 1, "steps": []}
    acts = [
        Action(9, "me", "admit", "ada", None, "admitted"),
        Action(8, "me", "admit", "bob", None, "admitted"),
        Action(7, "me", "pause", "", "paused", "paused"),
        Action(6, "me", "rate", "", "20/s with a burst of 20", "5/s with a burst of 5"),
        Action(5, "me", "rate", "", {**fast, "rate": 7}, fast),
    ]
    assert to_undo(acts) == (acts[-1], {"admit": 2, "rate": 1})
    assert to_undo(acts[:4]) == (None, {"admit": 2, "rate": 1})


def test_what_a_proof_put_back_is_not_undone_and_what_it_could_not_is() -> None:
    """Its acts are those of whoever began it, between its beginning and its end; others' stay what they are."""

    def proof(*, put_back: bool) -> Action:
        said = {"began": iso(START + 5), "let_in": 1, "proved": False, "put_back": put_back}
        return Action(START + 9, "me", PROOF, "proof 1", None, said)

    mine = Action(START + 3, "me", "pause", "", "moving", "paused")
    begun = Action(START + 6, "me", "resume", "proof 1", "paused", "moving")
    others = Action(START + 7, "me", "capacity", "", None, 5)  # by the same role, at another terminal
    ended = Action(START + 9, "me", "undo resume", "proof 1", "moving", "paused")
    assert to_undo([proof(put_back=True), ended, begun, mine]) == (mine, {})
    assert to_undo([ended, proof(put_back=True), others, begun, mine]) == (others, {})
    assert to_undo([proof(put_back=False), ended, begun, mine]) == (begun, {})
    unnamed = Action(START + 9, "me", PROOF, "", None, proof(put_back=True).after)
    assert to_undo([unnamed, mine]) == (mine, {})
    assert to_undo([ended, begun, mine]) == (ended, {})  # it was killed: nobody knows what is put back


def test_since_when_a_rate_is_by_plan() -> None:
    line, planned = done(
        new_line(), START, ("plan", lambda line, t: line.plan(t, ((t + 10, 50_000), (t + 20, 70_000))))
    )
    assert [planned_since([planned], line, START + at) for at in (0, 10, 25)] == [None, START + 10, START + 20]
    by_hand, act = done(line, START + 30, ("rate", lambda line, t: setting(line, t, 5_000)))
    assert planned_since([act, planned], by_hand, START + 40) is None
