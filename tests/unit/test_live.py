"""The order of a proof, and what it puts back wherever it is cut off: on a table in memory."""

import json
from collections.abc import Callable
from contextlib import suppress
from dataclasses import replace
from itertools import count
from types import SimpleNamespace
from typing import Any, cast

import pytest

from loginq.client import Api
from loginq.doctor.checks import Patient
from loginq.doctor.live import PUT_BACK, STEPS, Outcome, Result, Step, alarms, api, asked, line, player, putting_back
from loginq.doctor.live.trial import NotAsked, Trial
from loginq.service.operations.accounts import Account
from loginq.service.rules.act import pace, to_undo
from loginq.service.rules.errors import Failed, LoginqError, Refused
from loginq.service.rules.line import Line
from loginq.service.rules.public import document
from loginq.service.store.audit import actions
from loginq.service.store.rosters import Place
from loginq.service.store.table import Row
from tests.memory import InMemory, Work
from tests.world import World, operator, someone


def trial_on(world: World) -> Trial:
    """A proof of a stack that is a table alone."""
    patient = cast(Patient, SimpleNamespace(queue=world.queue))
    game = Api("http://127.0.0.1/v1", "client", "us-east-1_Abc", "us-east-1")
    return Trial(patient, operator(world.queue), game, "1a2b", http=SimpleNamespace(), sleep=lambda seconds: None)


def outcomes(trial: Trial, *steps: Step) -> dict[str, Outcome]:
    return {each.step: each for each in asked(trial, steps)}


def test_what_builds_on_a_failed_step_is_not_asked_and_all_else_is(world: World) -> None:
    def fails(trial: Trial) -> str:
        raise Failed("It does not.", "Mend it.")

    def cannot(trial: Trial) -> str:
        raise NotAsked("no such thing")

    found = outcomes(
        trial_on(world),
        Step("one", lambda trial: "fine"),
        Step("two", fails, ("one",)),
        Step("three", lambda trial: "fine", ("two",)),
        Step("four", lambda trial: "fine", ("three",)),
        Step("five", cannot, ("one",), "Never said."),
        Step("six", lambda trial: "", ("five",)),
    )
    assert [(each.step, each.result, each.says, each.do) for each in found.values()] == [
        ("one", Result.OK, "fine", ""),
        ("two", Result.FAILED, "It does not.", "Mend it."),
        ("three", Result.NOT_ASKED, "needs: two", ""),
        ("four", Result.NOT_ASKED, "needs: three", ""),
        ("five", Result.NOT_ASKED, "not asked here: no such thing", ""),
        ("six", Result.OK, "nothing to do", ""),
    ]


def test_what_nobody_foresaw_ends_its_step_alone_and_whoever_may_not_makes_nobody(world: World) -> None:
    def divided(trial: Trial) -> str:
        return f"{1 // 0}"

    def refused(trial: Trial) -> str:
        raise Refused("Not yours.", "Ask.")

    trial = trial_on(world)
    found = outcomes(trial, Step("one", divided), Step("two", refused), Step("three", player.sign_up))
    assert [each.result for each in found.values()] == [Result.FAILED] * 3
    assert found["one"].says == "ZeroDivisionError: integer division or modulo by zero"
    assert found["three"].do == "A proof needs a deployer's rights."
    assert not trial.password


def test_undo_passes_over_what_a_proof_has_put_back_and_offers_what_it_could_not(world: World) -> None:
    mine = operator(world.queue)
    mine.set_capacity(100)
    trial = replace(trial_on(world), operator=replace(mine, part_of="proof 1a2b"))
    proved(trial)
    mine.close()  # by the same role meanwhile, at another terminal
    putting_back.line(trial)
    putting_back.record(trial, proved=True, put_back=True)
    act, _ = to_undo(actions(world.queue))
    assert act is not None and (act.what, act.subject) == ("close", "")
    world.later(1_000)
    again = replace(trial_on(world), operator=replace(mine, part_of="proof 3c4d"))
    proved(again)
    putting_back.record(again, proved=True, put_back=False)
    act, _ = to_undo(actions(world.queue))
    assert act is not None and act.subject == "proof 3c4d"


def test_each_step_builds_on_earlier_ones_and_has_a_name_of_its_own() -> None:
    names = [step.name for step in (*STEPS, *PUT_BACK)]
    assert len(names) == len(set(names))
    for n, step in enumerate(STEPS):
        assert set(step.after) <= {each.name for each in STEPS[:n]}


@pytest.mark.parametrize(
    ("shown", "says"),
    [
        (lambda line: line, "https://edge.example/line shows the pause, and 2 places given out"),
        (lambda line: replace(line, paused=False), "later https://edge.example/line shows 'open'."),
        (lambda line: replace(line, tail=1), "shows another line: 1 places given out and 0 reached."),
        (None, "this stack has no public line"),
    ],
)
def test_whoever_looks_at_the_public_line_sees_the_pause(
    world: World, shown: Callable[[Line], Line] | None, says: str
) -> None:
    world.queue.lines.change(lambda line, t: line.set_rate(t, 1, 0))
    for who in (someone(), someone()):
        world.in_line(who)
    trial, now = trial_on(world), world.queue.clock
    trial.patient.stack = SimpleNamespace(outputs=lambda: {"LineUrl": "https://edge.example/line"} if shown else {})  # type: ignore[misc, assignment]
    world.queue.lines.change(lambda line, t: line.pause(t))

    def look(method: str, url: str, **_: Any) -> Any:
        body = document(shown(world.queue.lines.read()), now(), 240_000) if shown else {}
        return SimpleNamespace(status_code=200, headers={"Cache-Control": "public, max-age=1"}, json=lambda: body)

    trial.http = SimpleNamespace(request=look)
    try:
        said = line.public(trial)
    except (Failed, NotAsked) as exc:
        said = str(exc)
    assert said.endswith(says)


def like(line: Line) -> tuple[Any, ...]:
    """All that a proof changes of a line."""
    return pace(line), line.capacity, line.paused, line.closed


STATES: dict[str, Callable[[Line, int], Line]] = {
    "open": lambda line, t: line,
    "closed and paused": lambda line, t: line.close(t).pause(t),
    "before an opening": lambda line, t: line.set_rate(t, 0).plan(t, ((t + 3_600_000, 50_000),)),
    "bounded": lambda line, t: line.set_max_rate(t, 3_000).set_capacity(t, None),
}


def proved(trial: Trial) -> None:
    """All that changes the line; nobody is there to ask how it stands."""
    trial.standing = {"position": 1, "login_status": True, "line_state": "open"}
    for step in (line.pause, line.resume, line.let_in):
        with suppress(LoginqError):
            step(trial)


@pytest.mark.parametrize("state", STATES)
def test_wherever_it_is_cut_off_the_line_is_as_before(world: World, memory: InMemory, state: str) -> None:
    """Before and after each write of the line."""
    world.queue.lines.change(STATES[state])
    before = like(world.queue.lines.read())

    def cut(at: int, *, after: bool) -> int:
        writes = 0

        def spoil(operation: str, parameters: Row, work: Work) -> Row:
            nonlocal writes
            if operation != "put_item" or parameters["Item"]["SK"] != {"S": "LINE"}:
                return work(**parameters)
            writes += 1
            if writes == at and not after:
                raise KeyboardInterrupt
            done = work(**parameters)
            if writes == at:
                raise KeyboardInterrupt
            return done

        trial = trial_on(world)
        memory.dynamodb.spoil = spoil
        with suppress(KeyboardInterrupt):
            proved(trial)
        memory.dynamodb.spoil = lambda operation, parameters, work: work(**parameters)
        putting_back.line(trial)
        assert like(world.queue.lines.read()) == before
        assert putting_back.line(trial) == "nothing to put back"
        return writes

    every = cut(0, after=True)
    assert every >= 4
    for at in range(1, every + 1):
        cut(at, after=False)
        cut(at, after=True)


def test_what_somebody_else_changes_meanwhile_stays(world: World) -> None:
    trial = trial_on(world)
    line.pause(trial)
    operator(world.queue).set_rate(7_000)
    with pytest.raises(Failed, match="Somebody else has changed rate meanwhile: that stays as it is"):
        putting_back.line(trial)
    now = world.queue.lines.read()
    assert (now.rate, now.paused) == (7_000, False)


def crowded(world: World, *subs: str) -> Trial:
    """A proof whose crowd, and whoever else has these names, is in line."""
    trial = trial_on(world)
    trial.before, trial.sent, trial.patience = world.queue.lines.change(lambda line, t: line.renew(t)), 2, 0
    line = world.queue.lines.change(lambda line, t: line.join(t, len(subs)))
    first = line.tail - len(subs) + 1
    world.queue.rosters.write([Place(first + n, sub, synthetic=True) for n, sub in enumerate(subs)], world.now[0])
    return trial


OURS = [f"synthetic-doctor1a2b-{n:06}" for n in range(2)]


def test_places_are_forgotten_also_where_a_ticket_took_two(world: World) -> None:
    assert putting_back.places(crowded(world, *OURS, *OURS)) == "forgotten up to 4"
    assert world.queue.lines.read().waiting(world.now[0]) == 0


def test_places_stay_where_somebody_else_rehearses_or_tickets_are_on_their_way(world: World, memory: InMemory) -> None:
    world.queue.lines.change(lambda line, t: line.pause(t))
    trial = crowded(world, *OURS, "synthetic-other-000000")
    with pytest.raises(Failed, match="Others are in line: 2 places of nobody stay"):
        putting_back.places(trial)
    memory.sqs.visible = 1
    again = crowded(world, *OURS)
    with pytest.raises(Failed, match="Others are in line: 2 places"):
        putting_back.places(again)
    assert world.queue.lines.read().waiting(world.now[0]) == 5


def test_a_rate_of_nothing_is_no_accident_of_arithmetic(world: World) -> None:
    trial = trial_on(world)
    trial.standing = {"position": 1, "login_status": False, "poll_after_seconds": 1}
    world.queue.lines.change(lambda line, t: line.join(t, 1).set_rate(t, 0))
    with pytest.raises(Failed, match="The rate is 0 now"):
        line.let_in(trial)


def test_an_account_that_anybody_may_have_made_is_no_proof(world: World) -> None:
    def named(run: str, ago: int = 0) -> Account:
        email = f"success+{run}@simulator.amazonses.com"
        return Account("sub", f"doctor-{run}", email, "CONFIRMED", True, world.now[0] - ago)

    there = [named("a.b"), named("hello")]
    trial = trial_on(world)
    trial.operator = cast(Any, SimpleNamespace(users=SimpleNamespace(starting_with=lambda mark: there)))
    assert player.alone(trial) == "no other proof is under way"
    there.append(named("0a1b2c3d"))
    with pytest.raises(Failed, match="Another proof is under way, or was cut off a moment ago: doctor-0a1b2c3d"):
        player.alone(trial)


def test_whatever_else_is_said_on_the_topic_is_passed_over(world: World) -> None:
    trial = trial_on(world)
    ours = {"NewStateValue": "ALARM", "NewStateReason": alarms._why(trial), "AlarmName": "Short"}
    others = {**ours, "NewStateReason": "Threshold crossed", "AlarmName": "Other"}
    messages = ["hello", *map(json.dumps, (others, ours))]
    said = ["hello", *(json.dumps({"Message": each}) for each in messages)]
    gone = list[str]()
    sqs = SimpleNamespace(
        get_queue_url=lambda **_: {"QueueUrl": "url"},
        receive_message=lambda **_: {"Messages": [{"Body": each, "ReceiptHandle": each} for each in said]},
        delete_message=lambda ReceiptHandle, **_: gone.append(ReceiptHandle),  # noqa: N803 - as botocore has it
    )
    trial.patient = cast(Patient, SimpleNamespace(queue=world.queue, aws=SimpleNamespace(client=lambda _: sqs)))
    assert list(alarms._heard(trial)) == ["Short"]
    assert gone == said


def test_a_line_that_stands_before_those_who_wait_is_not_moved(world: World) -> None:
    world.queue.lines.change(lambda line, t: line.join(t, 3).pause(t))
    version = world.queue.lines.read().version
    with pytest.raises(Failed, match="3 places of a rehearsal are in line"):
        line.pause(trial_on(world))
    assert world.queue.lines.read().version == version


class Answer:
    """One of the API's."""

    def __init__(self, status: int, headers: Row | None = None) -> None:
        self.status_code, self.headers = status, headers or {}

    def json(self) -> Row:
        return {"error": {"code": "too_many_requests"}}


@pytest.mark.parametrize(
    ("refuses_from", "headers", "seconds", "says"),
    [
        (70, {"Retry-After": "5"}, 1.0, "429 after 72 calls, with Retry-After"),
        (70, {}, 1.0, "A refusal for too many calls has no Retry-After."),
        (10_000, {}, 4.0, "800 calls in 4 s were all let through, and 20/s and 50 at once are the bound."),
        (10_000, {}, 40.0, "this machine asks only 20 times a second"),
    ],
)
def test_more_than_the_bound_is_told_to_wait(refuses_from: int, headers: Row, seconds: float, says: str) -> None:
    calls = count(1)
    stage = {"methodSettings": {"~1jwks.json/GET": {"throttlingRateLimit": 20.0, "throttlingBurstLimit": 50}}}
    gateway = SimpleNamespace(get_stage=lambda **_: stage)
    patient = SimpleNamespace(is_local=False, resource=lambda name: name, aws=SimpleNamespace(client=lambda _: gateway))
    clock = iter([0.0, seconds])
    trial = SimpleNamespace(
        patient=patient,
        monotonic=lambda: next(clock),
        call_itself=lambda *_: Answer(429, headers) if next(calls) > refuses_from else Answer(200),
    )
    try:
        said = api.too_many(cast(Trial, trial))
    except (Failed, NotAsked) as exc:
        said = str(exc)
    assert said == says


def test_those_who_wait_are_neither_let_in_before_their_time_nor_waited_for_too_long(world: World) -> None:
    world.queue.lines.change(lambda line, t: line.set_rate(t, 1, 0))
    world.in_line(someone())
    with pytest.raises(Failed, match="1 wait, and a proof would wait behind them for 16 min"):
        line.pause(trial_on(world))
    world.queue.lines.change(lambda line, t: line.close(t))
    with pytest.raises(Failed, match="1 wait in a line that is closed or stands still: a proof would move it"):
        line.pause(trial_on(world))
    world.queue.lines.change(lambda line, t: line.open(t).set_rate(t, 500))
    trial = trial_on(world)
    assert line.pause(trial) == "paused at 0.5/s, open to new tickets"
    assert [kind for kind, _ in trial.meant] == ["pause"]
