"""What players are told comes true: through no-shows, holes and refunds, and past those whom an operator lets in."""

from collections.abc import Callable
from dataclasses import dataclass, replace

import pytest
from botocore.exceptions import ClientError
from hypothesis import given
from hypothesis import strategies as st

from loginq.service.requests import login
from loginq.service.requests.minute import settle
from loginq.service.requests.placing import place
from loginq.service.rules.errors import ConditionFailed, Raced, TicketExpired, Unavailable
from loginq.service.rules.line import Line
from loginq.service.rules.player import Identity, State
from loginq.service.rules.times import MINUTE, SECOND
from loginq.service.store.failures import translated
from loginq.service.store.rosters import Place
from loginq.service.store.table import Row
from tests.memory import InMemory, Work, error
from tests.unit.histories import START, new_line
from tests.world import RULES, World, operator, someone


@dataclass
class Told:
    """Somebody was told at `at` to be let in at `due`, and was `inside` at that."""

    at: int
    due: int
    inside: int

    @property
    def kept(self) -> bool:
        """Within 2 s and 2 % of the wait."""
        return abs(self.due - self.inside) <= 2 * SECOND + (self.inside - self.at) * 2 // 100


def crowd(world: World, many: int) -> list[tuple[Identity, str]]:
    """Players in line, in order, with their tickets."""
    who = [someone() for _ in range(many)]
    for start in range(0, many, 50):
        some = who[start : start + 50]
        place(world.queue, [world.message(each) for each in some])
        world.later(1)
    return [(each, world.player(each).ticket or "") for each in who]


def played(world: World, waiting: list[tuple[Identity, str]], seconds: int, asking: int = 20) -> list[Told]:
    """Everybody enters when reached; `asking` of them ask every ten seconds what they have to expect."""
    told: dict[str, list[tuple[int, int]]] = {}
    inside: dict[str, int] = {}
    left = {who.sub: (world.player(who).position or 0, who, ticket) for who, ticket in waiting}
    some = {who.sub for who, _ in waiting[:: max(1, len(waiting) // asking)]}
    for second in range(seconds):
        if second % 60 == 30:
            settle(world.queue)
        now = world.now[0]
        reached = world.queue.lines.cached().reached(now)
        asking_now = some if second % 10 == 0 else set()
        for position, who, ticket in list(left.values()):
            if position <= reached or who.sub in asking_now:
                standing = login.status(world.queue, who, ticket)
                if standing.admitted:
                    inside[who.sub] = now
                    del left[who.sub]
                elif standing.eta is not None:
                    told.setdefault(who.sub, []).append((now, now + standing.eta))
        world.later(1 * SECOND)
    assert not left
    return [Told(at, due, inside[sub]) for sub, each in told.items() for at, due in each]


def test_two_hundred_let_in_by_hand_take_two_hundred_positions_and_nobodys_time(world: World) -> None:
    """In a line of 500 at 2 a second: no hole, no no-show, and the waiting times that are told stay true."""
    queue = world.queue
    queue.lines.change(lambda line, t: line.set_capacity(t, None).set_rate(t, 2_000))
    waiting = crowd(world, 500)
    before = queue.lines.read().tail
    sent = len(_intake(world))
    assert operator(queue).admit([someone() for _ in range(200)]) == ["let in"] * 200
    assert queue.lines.read().tail - before <= 200
    assert len(_intake(world)) == sent  # nothing went through SQS
    told = played(world, waiting, 260)
    line = queue.lines.read()
    assert (line.no_shows, line.holes, line.no_show_share) == (0, 0, 0)
    assert len(told) >= 200
    assert [each for each in told if not each.kept] == []
    assert not queue.settlement.read().full


def _intake(world: World) -> list[str]:
    found: list[str] = world.queue.intake._sqs._client.bodies
    return found


def test_a_lost_race_is_a_hole_and_who_gave_up_is_a_no_show(world: World) -> None:
    """A ticket that two deliveries placed, a crash after the positions were taken, and two who really went away."""
    queue = world.queue
    queue.lines.change(lambda line, t: line.set_capacity(t, 10))
    twice, never, left, again = [someone() for _ in range(4)]
    messages = [world.message(each) for each in (twice, never, left, again)]
    place(queue, messages)  # 1 to 4
    line = queue.lines.change(lambda line, t: line.join(t, 2))  # 5 and 6: a crash before the roster
    queue.lines.change(lambda line, t: line.join(t, 1))
    queue.rosters.write([Place(7, twice.sub, False)], world.now[0])  # and one after it: `twice` has position 1
    world.later(1)
    login.leave(queue, left)
    login.leave(queue, again)
    world.now[0] += 11 * SECOND
    login.request(queue, again)  # a newer ticket
    assert line.tail == 6
    ticket = world.player(twice).ticket
    assert login.status(queue, twice, ticket).admitted
    for _ in range(6):
        queue.lines.change(lambda line, t: line.renew(t))
        world.later(RULES.claim_window // 4)
        settle(queue)
    line = queue.lines.read()
    assert (line.counted_to, line.counted, line.no_shows, line.holes) == (7, 1, 3, 3)
    assert line.no_show_share == 750  # of four real players three did not come; the holes are nobody
    assert line.limit == line.tail == 7


@given(
    st.integers(0, 500), st.sampled_from([2_000, 20_000, 100_000, 1_000_000]), st.integers(1, 600), st.integers(0, 59)
)
def test_with_a_steady_share_of_no_shows_what_is_told_comes_true(share: int, rate: int, wait: int, second: int) -> None:
    """Each minute the gate gets back those of a minute before; told is what the line says in between, at any second.

    Args:
        share: of a thousand positions. rate: as the line has it. wait: about how long, s. second: of the minute.
    """
    line = replace(new_line(), rate=rate, lease=10**9, tail=10**9, burst=1).renew(START)
    now, told, counted = START, None, 0
    for minute in range(40):
        if minute == 20:  # it has long been going so
            at = now + second * SECOND
            position = line.reached(at) + wait * rate // 1_000 + 1
            due = line.wait(position, at)
            assert due is not None
            told = (at, at + due, position)
        if told is not None and line.reached(now + MINUTE) >= told[2]:
            eta = line.eta(told[2], now)
            assert eta is not None
            assert Told(told[0], told[1], eta).kept
            return
        now += MINUTE
        reached = line.reached(now - MINUTE)  # a claim window ago
        line = line.expire_to(now, reached)
        missed = (reached * share // 1_000) - (counted * share // 1_000)
        line, counted = line.count_to(now, reached, missed, 0, MINUTE, share=share), reached
    raise AssertionError("nobody got in")


def test_a_join_whose_answer_was_lost_leaves_holes_and_every_other_change_is_made_once(
    world: World, memory: InMemory
) -> None:
    """Written, the answer lost, and another writer in between: the nonce is gone, and the change is made again."""
    queue = world.queue
    queue.table.sleep = lambda seconds: None
    lost: list[str] = []

    def losing(operation: str, parameters: Row, work: Work) -> Row:
        answer = work(**parameters)
        if operation == "put_item" and not lost:
            lost.append("answer")
            queue.lines.change(lambda line, t: line.say(t, "another writer"))
            return work(**parameters)  # botocore's retry, whose condition fails
        return answer

    def replayed(change: Callable[[Line, int], Line]) -> Line:
        lost.clear()
        memory.dynamodb.spoil = losing
        queue.lines.change(change)
        memory.dynamodb.spoil = lambda operation, parameters, work: work(**parameters)
        return queue.lines.read()

    assert replayed(lambda line, t: line.join(t, 5)).tail == 10  # five holes, and nobody placed twice
    assert replayed(lambda line, t: line.set_rate(t, 7_000)).rate == 7_000
    assert replayed(lambda line, t: line.set_capacity(t, 9)).capacity == 9
    assert replayed(lambda line, t: line.fold(t, 3)).departed == 3
    assert replayed(lambda line, t: line.expire_to(t, 4)).expired_to <= 4


def test_a_write_that_meets_a_transaction_is_made_again(world: World, memory: InMemory) -> None:
    queue, slept = world.queue, list[float]()
    queue.table.sleep = slept.append
    races = iter(["put_item", "put_item", "update_item"])
    following = [next(races)]

    def met(operation: str, parameters: Row, work: Work) -> Row:
        if following and operation == following[0]:
            following[:] = [each for each in [next(races, "")] if each]
            raise error(operation, "TransactionConflictException")
        return work(**parameters)

    memory.dynamodb.spoil = met
    assert queue.lines.change(lambda line, t: line.join(t, 3)).tail == 3
    queue.table.update("X", "y", write={"a": 1})
    assert len(slept) == 3
    memory.dynamodb.spoil = lambda operation, parameters, work: (_ for _ in ()).throw(
        error(operation, "TransactionConflictException")
    )
    with pytest.raises(Unavailable):
        queue.table.update("X", "y", write={"a": 1})
    assert isinstance(translated(_cancelled("TransactionConflict")), Raced)
    assert isinstance(translated(_cancelled("ConditionalCheckFailed")), ConditionFailed)
    assert not isinstance(translated(_cancelled("ThrottlingError")), Raced)


def _cancelled(reason: str) -> ClientError:
    reasons = [{"Code": "None"}, {"Code": reason}]
    return error("TransactWriteItems", "TransactionCanceledException", CancellationReasons=reasons)


def full(line: Line, t: int) -> Line:
    """Somebody was back in the game just before ada's position was reached."""
    return replace(line, reached_to=0, gate=0, anchored_at=t, capacity=0)


@pytest.mark.parametrize("meanwhile", [Line.pause, full])
def test_who_is_let_in_is_judged_by_a_line_of_a_second_ago_at_most(
    world: World, memory: InMemory, meanwhile: Callable[[Line, int], Line]
) -> None:
    """The valve's counter takes its time under faults; what was true before that is not true any more."""
    ada = someone()
    ticket = world.in_line(ada)
    world.later(1 * SECOND)
    queue, turned = world.queue, list[str]()

    def slow(operation: str, parameters: Row, work: Work) -> Row:
        answer = work(**parameters)
        if operation == "update_item" and parameters["Key"]["PK"]["S"].startswith("ADMITTED"):
            turned.append("by then")
            queue.lines.change(meanwhile)
            world.later(4 * SECOND)
        return answer

    memory.dynamodb.spoil = slow
    assert not login.status(queue, ada, ticket).admitted
    assert turned == ["by then"]
    assert world.player(ada).admitted_at is None


def test_a_token_is_not_over_when_it_is_given(world: World, memory: InMemory) -> None:
    """Reading the row took so long that the admission ended meanwhile."""
    ada = someone()
    ticket = world.let_in(ada)
    world.later(RULES.admission - 2 * SECOND)

    def slow(operation: str, parameters: Row, work: Work) -> Row:
        if operation == "get_item" and parameters["Key"]["PK"]["S"].startswith("USER#"):
            world.now[0] += 1_500
        return work(**parameters)

    memory.dynamodb.spoil = slow
    assert login.status(world.queue, ada, ticket).admitted
    with pytest.raises(TicketExpired):
        login.status(world.queue, ada, ticket)
    assert login.request(world.queue, ada).state is State.QUEUED
