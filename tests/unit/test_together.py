"""One act on many, on a table in memory: what the audit has of it, wherever it is cut off."""

import json
from collections.abc import Sequence
from dataclasses import replace

import pytest

from loginq.service.operations.operator import Operator, Outcome
from loginq.service.operations.stats import LATELY, lately
from loginq.service.operations.together import TOGETHER, Together, Verb
from loginq.service.rules.act import Action, last_note, to_undo
from loginq.service.rules.errors import Invalid, LoginqError, NotFound, Refused
from loginq.service.rules.player import Identity
from loginq.service.store import keys
from loginq.service.store.audit import DONE, FAILED, SAME, actions, concerning, members, record
from loginq.service.store.table import Row
from loginq.service.store.wire import pack
from tests.memory import Dynamodb, Work, error
from tests.world import World, operator, someone


def known(me: Operator, names: Sequence[str]) -> list[Identity | LoginqError]:
    return [NotFound(f"{name} is nobody.") if name.startswith("nobody") else Identity(name, name) for name in names]


REMOVE = Verb("remove", known, Operator.remove)


def removing(world: World, *names: str) -> Together:
    return Together(operator(world.queue), REMOVE, names, "bots.txt")


def test_an_act_on_many_is_one_record_with_its_count_and_its_members(world: World) -> None:
    ada, eve = someone(), someone()
    world.in_line(ada)
    act = removing(world, ada.sub, eve.sub, "nobody")
    (outcomes,) = act
    assert [str(outcome) for _, outcome in outcomes] == ["removed", "had no place", "nobody is nobody."]
    (done,) = actions(world.queue)
    assert (done.id, done.what, done.subject, done.changed) == (act.id, "remove", "bots.txt", True)
    assert done.after == {"players": 3, "done": 1, "no_change": 1, "failed": 1}
    assert done.words() == ("", "1 of 3, 1 failed")
    assert list(members(world.queue, act.id)) == [(ada.sub, DONE), (eve.sub, SAME)]
    assert [each.id for each in concerning(world.queue, ada.sub)] == [act.id]
    assert list(concerning(world.queue, eve.sub)) == []


def test_again_it_changes_nothing_and_says_so(world: World) -> None:
    ada, eve = someone(), someone()
    world.in_line(ada)
    for _ in range(2):
        list(removing(world, ada.sub, eve.sub))
        world.later(1)
    again, first = actions(world.queue)
    assert (first.changed, again.changed, again.words()[1]) == (True, False, "0 of 2")
    assert to_undo([again, first]) == (None, {"remove": 1})


def test_one_name_is_one_act_on_one_player(world: World) -> None:
    ada = someone()
    world.in_line(ada)
    act = removing(world, ada.sub)
    assert (list(act), act.id) == ([[(ada.sub, "removed")]], "")
    assert [each.subject for each in actions(world.queue)] == [ada.sub]


def test_two_names_of_one_player_are_one_member(world: World) -> None:
    ada = someone()
    world.in_line(ada)
    verb = replace(REMOVE, find=lambda me, names: [ada for _ in names])
    act = Together(operator(world.queue), verb, ["ada", ada.sub], "2 names")
    assert [outcome for some in act for _, outcome in some] == ["removed", "removed"]
    assert list(members(world.queue, act.id)) == [(ada.sub, DONE)]


def test_what_was_done_before_an_interrupt_is_there_and_what_nobody_knows_is_without_a_result(world: World) -> None:
    people = [someone() for _ in range(TOGETHER + 3)]
    for who in people[-3:]:
        world.in_line(who)

    def work(me: Operator, some: Sequence[Identity]) -> list[Outcome]:
        if len(some) == TOGETHER:
            return me.remove(some)
        me.remove(some[:1])
        raise KeyboardInterrupt

    act = Together(operator(world.queue), replace(REMOVE, work=work), [who.sub for who in people], "bots.txt")
    with pytest.raises(KeyboardInterrupt):
        list(act)
    found = list(members(world.queue, act.id))
    assert found == [(who.sub, SAME) for who in people[:-3]] + list(
        zip([who.sub for who in people[-3:]], [DONE, None, None], strict=True)
    )
    (done,) = actions(world.queue)
    assert done.words()[1] == f"1 of {TOGETHER + 3}, 2 not reached"


def test_it_is_true_wherever_a_write_fails(world: World) -> None:
    """Each write to the audit in turn does not come through: whoever lost a place is a member, done or not known."""
    memory = world.queue.table.dynamodb._client
    assert isinstance(memory, Dynamodb)
    for failing in range(5):
        people = [someone() for _ in range(TOGETHER + 1)]
        for who in (people[0], people[-1]):
            world.in_line(who)
        before = {each.id for each in actions(world.queue)}
        writes = 0

        def spoiled(operation: str, parameters: Row, work: Work, failing: int = failing) -> Row:
            nonlocal writes
            if any(f'"S": "{kind}' in json.dumps(parameters, default=str) for kind in ("AUDIT#", "MEMBERS#")):
                writes += operation in ("put_item", "transact_write_items")
                if writes > failing:
                    raise error(operation, "InternalServerError")
            return work(**parameters)

        memory.spoil = spoiled
        with pytest.raises(LoginqError):
            list(Together(operator(world.queue), REMOVE, [who.sub for who in people], "bots.txt"))
        memory.spoil = lambda operation, parameters, work: work(**parameters)
        acts = [each for each in actions(world.queue) if each.id not in before]
        told = dict(pair for act in acts for pair in members(world.queue, act.id))
        lost = {who.sub for who in (people[0], people[-1]) if world.player(who).ticket is None}
        assert lost == {sub for sub in lost if told.get(sub, FAILED) in (DONE, None)}
        counted = sum(act.after["done"] for act in acts)
        assert counted == sum(result == DONE for result in told.values()) <= len(lost)


def test_without_credentials_it_stops(world: World) -> None:
    def refused(me: Operator, some: Sequence[Identity]) -> list[Outcome]:
        return [Refused("Your credentials are over.") for _ in some]

    act = Together(operator(world.queue), replace(REMOVE, work=refused), [f"p{n}" for n in range(300)], "bots.txt")
    assert len(next(iter(act))) == TOGETHER
    with pytest.raises(Refused):
        list(act)


def test_the_members_of_a_part_are_far_below_what_a_row_may_hold(world: World) -> None:
    act = removing(world, *(f"{n:0128}" for n in range(TOGETHER)))
    list(act)
    (row,) = world.queue.table.query(keys.members(world.queue.name, act.id)[0])
    assert len(json.dumps(pack(row))) < 40_000


def test_the_last_change_of_the_line_is_found_behind_many_acts_on_players(world: World) -> None:
    me = operator(world.queue)
    me.pause()
    for _ in range(200):
        world.later(1)
        who = someone()
        world.in_line(who)
        me.remove([who])
    assert [act.what for act in lately(world.queue) if act.moves_the_gate] == ["pause"]


def test_no_act_is_lost_behind_a_thousand_others(world: World) -> None:
    """`queue audit` and `players show` knew the last thousand acts only."""
    ada = someone()
    world.in_line(ada)
    operator(world.queue).remove([ada])
    for n in range(1, 1_002):
        record(world.queue, Action(world.now[0] + n, "me", "pause"), n)
    assert [act.what for act in concerning(world.queue, ada.sub)] == ["remove"]
    assert [act.what for act in actions(world.queue)][-1] == "remove"


def test_a_note_is_in_the_audit_and_shown_for_an_hour(world: World) -> None:
    me = operator(world.queue)
    me.pause()
    assert me.note("  EU-2\trestarted ").after == "EU-2 restarted"
    said = last_note(lately(world.queue), world.now[0])
    assert said is not None and (said.what, said.after) == ("note", "EU-2 restarted")
    act, later = to_undo(actions(world.queue))
    assert (act and act.what, later) == ("pause", {})
    world.later(3_600_000)
    assert last_note(lately(world.queue), world.now[0]) is None
    for text in ("", " ", "x" * 501):
        with pytest.raises(Invalid):
            me.note(text)


def test_a_look_at_the_audit_reads_no_further_than_it_has_to(world: World) -> None:
    me = operator(world.queue)
    for n in range(300):
        world.later(1)
        me.set_rate(1_000 * (n % 7 + 1))
    memory = world.queue.table.dynamodb._client
    assert isinstance(memory, Dynamodb)
    memory.calls.clear()
    assert len(lately(world.queue)) == LATELY
    assert memory.calls == ["query"]
