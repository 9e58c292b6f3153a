"""Who leaves, and who is back: counted once each, whoever reports at that moment, and known to the line in a second."""

from collections import defaultdict
from collections.abc import Iterator
from contextlib import suppress
from dataclasses import dataclass, field, replace
from random import Random

import pytest

from loginq.service.requests import departures, login
from loginq.service.requests.departures import FOLDED, fold
from loginq.service.requests.minute import settle
from loginq.service.requests.placing import Message, place
from loginq.service.requests.sessions import apply
from loginq.service.rules.errors import Conflict, LoginError, QueueClosed, Unavailable
from loginq.service.rules.player import Identity, State
from loginq.service.rules.sessions import Event
from loginq.service.rules.ticket import Ticket
from loginq.service.rules.times import DAY, HOUR, MINUTE, SECOND, iso
from loginq.service.store.keys import player as key
from loginq.service.store.leavings import SHARDS
from loginq.service.store.queue import Queue, connect
from loginq.service.store.rules import write
from loginq.service.store.table import Row
from tests.memory import InMemory, Work, error
from tests.world import RULES, T, World, left, operator, rule, someone

CALL = 5
"""How long a call of DynamoDB takes here, ms."""


@dataclass
class Contended:
    """A table on which two writes of an item that overlap in virtual time conflict, if one is a transaction: as on AWS.

    What runs later by the computer's order is what loses. Every call takes `CALL` of the virtual time.
    """

    memory: InMemory
    now: list[int]
    held: dict[str, list[tuple[int, int, bool]]] = field(default_factory=lambda: defaultdict(list))
    conflicts: int = 0
    line_writes: list[int] = field(default_factory=list)

    def __post_init__(self) -> None:
        self.memory.dynamodb.spoil = self.call

    def call(self, operation: str, parameters: Row, work: Work) -> Row:
        start = self.now[0]
        self.now[0] += CALL
        together = operation == "transact_write_items"
        writes = [next(iter(each.values())) for each in parameters["TransactItems"]] if together else [parameters]
        if not together and operation not in ("put_item", "update_item"):
            return work(**parameters)
        keys = [(write.get("Key") or write["Item"])["PK"]["S"] for write in writes]
        if any(self._overlaps(each, start, together) for each in keys):
            self.conflicts += 1
            if not together:
                raise error(operation, "TransactionConflictException")
            reasons = [{"Code": "TransactionConflict" if n == 0 else "None"} for n in range(len(keys))]
            raise error(operation, "TransactionCanceledException", CancellationReasons=reasons)
        for each in keys:
            self.held[each].append((start, self.now[0], together))
        if any(each.startswith("QUEUE#") for each in keys):
            self.line_writes.append(start)
        return work(**parameters)

    def _overlaps(self, item: str, start: int, together: bool) -> bool:
        recent = self.held[item] = [each for each in self.held[item] if each[1] > start - 10 * SECOND]
        return any(since < start + CALL and start < until and (kind or together) for since, until, kind in recent)


@pytest.fixture
def contended(monkeypatch: pytest.MonkeyPatch) -> Iterator[tuple[Contended, list[Queue]]]:
    """The table, and 50 warm functions of game servers, each with a cache of its own by the virtual clock."""
    memory, now = InMemory(), [T]
    monkeypatch.setattr("loginq.service.store.line.time.monotonic", lambda: now[0] / SECOND)
    servers = [
        connect(memory, table="t", sqs_url="u", clock=lambda: now[0], name="main", begins=True) for _ in range(50)
    ]
    write(servers[0].table, "main", RULES)
    for n, queue in enumerate(servers):
        queue.table.random, queue.table.sleep = (
            Random(n),
            lambda seconds: now.__setitem__(0, now[0] + int(seconds * SECOND)),
        )
    yield Contended(memory, now), servers


@pytest.mark.parametrize("seconds", [3, pytest.param(30, marks=pytest.mark.drills)])
def test_two_hundred_reporters_a_second_are_never_refused(
    contended: tuple[Contended, list[Queue]], seconds: int
) -> None:
    """Counts exact, the line written at most once a second on their account, never more departed than have left."""
    table, servers = contended
    queue, now, random = servers[0], table.now, Random(1)
    each, reports = 3, 200 * seconds
    for n in range(each * reports):
        row = {"loginTicket": f"t{n}", "queuePosition": n + 1, "loginProcessedAt": iso(T - n % (5 * HOUR))}
        queue.table.put({"PK": key(f"s{n}")[0], "SK": key(f"s{n}")[1], "username": "x", **row})
    now[0] = T
    queue.lines.change(lambda line, t: replace(line, tail=each * reports, reached_to=each * reports, capacity=100))
    table.held.clear()
    table.line_writes.clear()
    conflicts, seen = table.conflicts, list[tuple[int, int, int]]()
    starts = sorted(T + SECOND + random.randrange(seconds * SECOND) for _ in range(reports))
    for n, start in enumerate(starts):
        now[0] = start
        events = [Event(f"s{n * each + k}", f"t{n * each + k}", joined=False, at=start) for k in range(each)]
        assert apply(random.choice(servers), events) == ["counted"] * each
        line = servers[0].lines.read()
        seen.append((now[0], line.departed, each * (n + 1)))
    assert table.conflicts > conflicts  # they do meet
    assert len(table.line_writes) <= seconds + 2
    assert all(departed <= gone for _, departed, gone in seen)
    late = FOLDED + SECOND  # the age of the fold, and that of the cache by which somebody sees it is due
    for at, departed, _ in seen:
        known = sum(each for start in starts if start <= at - late)
        assert departed >= known - each * 10
    now[0] = starts[-1] + 2 * SECOND
    assert fold(queue).departed == each * reports == queue.leavings.total()


def test_a_first_fold_takes_over_what_an_older_version_counted(world: World) -> None:
    """That one knows no counters: what stands in the line is what has left so far."""
    ada = someone()
    admission = world.let_in(ada)
    queue = world.queue
    queue.lines.change(lambda line, t: replace(line, departed=7, departed_base=None))
    world.later(2 * SECOND)
    apply(queue, [left(ada, admission)])
    assert world.departed() == 8
    queue.lines.change(lambda line, t: replace(line, departed_base=None))  # an older function wrote in between
    assert world.departed() == 8


def test_what_is_a_day_old_moves_into_the_line_and_counts_no_less(world: World, memory: InMemory) -> None:
    players = [someone() for _ in range(5)]
    admissions = [world.let_in(each) for each in players]
    apply(world.queue, [left(who, admission) for who, admission in zip(players, admissions, strict=True)])
    assert world.departed() == 5
    counters = [row for (pk, _), row in memory.dynamodb.rows.items() if pk.startswith("LEFT#")]
    assert sum(len(row) - 2 for row in counters) >= 1
    world.later(DAY + 11 * MINUTE)
    departures.absorb(world.queue)
    counters = [row for (pk, _), row in memory.dynamodb.rows.items() if pk.startswith("LEFT#")]
    assert sum(len(row) - 2 for row in counters) == 0
    assert world.departed() == 5
    assert world.queue.lines.read().departed_base == 5


def test_admissions_of_hours_ago_share_a_counter_for_ten_minutes(world: World, memory: InMemory) -> None:
    queue = world.queue
    for minutes in range(24 * 60):
        queue.leavings.write([T - minutes * MINUTE], T, [])
    names = {name for (pk, _), row in memory.dynamodb.rows.items() if pk.startswith("LEFT#") for name in row}
    assert len(names - {"PK", "SK"}) <= 2 * 60 + 22 * 6 + 2
    assert queue.leavings.total() == 24 * 60
    assert len([pk for pk, _ in memory.dynamodb.rows if pk.startswith("LEFT#")]) == SHARDS


def test_a_leaving_whose_fold_fails_is_counted_all_the_same(world: World, memory: InMemory) -> None:
    ada = someone()
    admission = world.let_in(ada)
    world.later(2 * SECOND)
    world.queue.table.sleep = lambda seconds: None

    def down(operation: str, parameters: Row, work: Work) -> Row:
        if operation == "put_item":
            raise error(operation, "ThrottlingException")
        return work(**parameters)

    memory.dynamodb.spoil = down
    assert apply(world.queue, [left(ada, admission)]) == ["counted"]
    memory.dynamodb.spoil = lambda operation, parameters, work: work(**parameters)
    assert world.departed() == 1


# Those who are back


def dropped(world: World, many: int) -> list[Identity]:
    """Players who were in the game and have left it just now."""
    who = [someone() for _ in range(many)]
    admissions = [world.let_in(each) for each in who]
    for each, admission in zip(who, admissions, strict=True):
        assert apply(world.queue, [left(each, admission, world.now[0])]) == ["counted"]
    return who


def test_a_pause_holds_for_who_was_in_the_game(world: World) -> None:
    (ada,) = dropped(world, 1)
    world.queue.lines.change(lambda line, t: line.pause(t))
    world.later(SECOND)
    back = login.request(world.queue, ada)
    assert (back.state, back.position, back.ahead, back.token) == (State.WAITING, None, None, None)
    world.later(10 * MINUTE)  # longer than the grace: it was judged when the ticket was issued
    assert not login.status(world.queue, ada, back.ticket).admitted
    assert login.request(world.queue, ada).ticket == back.ticket
    assert world.departed() == 1
    world.queue.lines.change(lambda line, t: line.resume(t))
    world.later(SECOND)
    assert login.status(world.queue, ada, back.ticket).admitted
    assert world.departed() == 0
    assert world.player(ada).has_claimed(1)


def test_a_realm_that_crashed_comes_back_at_the_return_rate(world: World) -> None:
    who = dropped(world, 60)
    rule(world, return_rate=2_000)  # 2 a second
    world.now[0] += 10 * SECOND - world.now[0] % (10 * SECOND)
    inside, tickets = set[str](), dict[str, str]()
    for ten_seconds in range(1, 4):
        before = len(inside)
        for each in [each for each in who if each.sub not in inside]:
            if each.sub not in tickets:
                standing = login.request(world.queue, each)
                tickets[each.sub] = standing.ticket
            else:
                standing = login.status(world.queue, each, tickets[each.sub])
            assert standing.admitted or 1_000 <= standing.poll_after <= 10_000
            inside |= {each.sub} if standing.admitted else set()
        assert len(inside) - before == min(21, 60 - before)  # two a second, and one
        world.later(10 * SECOND)
        assert world.departed() == 60 - len(inside), ten_seconds
        world.now[0] -= FOLDED


def test_who_never_came_back_waits_like_everybody_once_the_claim_window_is_over(world: World) -> None:
    (ada,) = dropped(world, 1)
    rule(world, return_rate=1)
    queue = world.queue
    assert login.request(queue, ada).admitted  # one of ten seconds is always let in
    assert apply(queue, [left(ada, world.player(ada).ticket or "", world.now[0])]) == ["counted"]
    back = login.request(queue, ada)
    assert back.state is State.WAITING
    for _ in range(11):  # past the grace, too
        world.later(RULES.claim_window // 8)
        queue.lines.change(lambda line, t: line.renew(t))
    after = login.request(queue, ada)
    assert after.ticket != back.ticket
    assert after.state is State.QUEUED
    assert world.departed() == 1


def test_who_gives_up_on_the_way_back_departs_if_he_counted_as_in(world: World) -> None:
    ada, bob = someone(), someone()
    first = world.let_in(ada)
    apply(world.queue, [Event(ada.sub, first, joined=True, at=world.now[0])])
    (bob,) = dropped(world, 1)
    assert world.departed() == 1
    world.queue.lines.change(lambda line, t: line.pause(t))
    world.later(6 * MINUTE)  # the admission is over: the realm crashed without a word
    bob_left = world.player(bob).left_at
    assert bob_left is not None
    back = login.request(world.queue, ada)
    assert (back.state, back.position) == (State.WAITING, None)
    login.leave(world.queue, ada)
    assert world.departed() == 2


def test_an_operator_lets_in_through_a_closed_door_and_past_the_valve(world: World) -> None:
    ada = someone()
    queue = world.queue
    queue.lines.change(lambda line, t: line.close(t))
    with pytest.raises(QueueClosed):
        login.request(queue, ada)
    assert operator(queue).admit([ada]) == ["let in"]
    assert world.player(ada).in_game()
    assert world.counts() == (1, 1, 0, 0)


@pytest.mark.parametrize("seed", [1, 2, *(pytest.param(seed, marks=pytest.mark.drills) for seed in range(3, 40))])
def test_after_a_storm_of_leavings_and_returns_the_count_is_that_of_the_rows(
    world: World, memory: InMemory, seed: int
) -> None:
    """One call in ten fails, before or after it took effect: nobody departs twice, and nobody is forgotten."""
    random, queue = Random(seed), world.queue
    queue.table.sleep, queue.table.random = lambda seconds: None, random
    players = [someone() for _ in range(12)]
    codes = ("ThrottlingException", "InternalServerError", "TransactionConflictException")

    def storm(operation: str, parameters: Row, work: Work) -> Row:
        fault = random.random()
        if fault < 0.05:
            raise error(operation, random.choice(codes))
        answer = work(**parameters)
        if fault < 0.1:
            raise error(operation, codes[1])
        return answer

    for _ in range(400):
        who = random.choice(players)
        memory.dynamodb.spoil = lambda operation, parameters, work: work(**parameters)
        row = queue.players.get(who.sub)
        ticket = (row.ticket if row else None) or "none"
        memory.dynamodb.spoil = storm
        act = random.choice(["ask", "place", "look", "look", "left", "left", "joined", "give up", "settle"])
        with suppress(Unavailable, LoginError, Conflict):
            if act == "ask":
                login.request(queue, who)
            elif act == "place" and row is not None and row.issued_at:
                place(queue, [Message("m", Ticket(who.sub, ticket, row.issued_at).body())])
            elif act == "look":
                login.status(queue, who, ticket)
            elif act in ("left", "joined"):
                apply(queue, [Event(who.sub, ticket, joined=act == "joined", at=world.now[0])])
            elif act == "give up":
                login.leave(queue, who)
            else:
                settle(queue)
        world.later(random.choice([10, 2_000, 40_000]))
    memory.dynamodb.spoil = lambda operation, parameters, work: work(**parameters)
    for _ in range(12):
        queue.lines.change(lambda line, t: line.renew(t))
        world.later(RULES.admission)
        settle(queue)
    rows = queue.players.get_all([who.sub for who in players])
    line = queue.lines.read()
    assert (line.counted_to, queue.leavings.total() + (line.departed_base or 0)) == (line.tail, line.departed)
    assert line.counted - line.departed == sum(player.in_game() for player in rows.values())


# Settling, for ever


@pytest.mark.parametrize("minutes", [500, pytest.param(50_000, marks=pytest.mark.drills)])
@pytest.mark.parametrize("state", ["idle", "after a launch", "paused"])
def test_a_stack_that_waits_for_its_launch_stays_small(
    world: World, memory: InMemory, state: str, minutes: int
) -> None:
    """Rows bounded, and five read units a run or fewer while the line is empty."""
    queue = world.queue
    if state == "after a launch":
        world.let_in(someone())
        for _ in range(10):
            queue.lines.change(lambda line, t: line.renew(t))
            world.later(MINUTE)
            settle(queue)
    if state == "paused":
        world.in_line(someone())
        queue.lines.change(lambda line, t: line.pause(t))
    units, rows = 0.0, len(memory.dynamodb.rows)

    def counted(operation: str, parameters: Row, work: Work) -> Row:
        nonlocal units
        answer = work(**parameters)
        if operation == "get_item":
            units += 1 if parameters["ConsistentRead"] else 0.5
        elif operation == "batch_get_item":
            for asked in parameters["RequestItems"].values():
                units += len(asked["Keys"]) * (1 if asked["ConsistentRead"] else 0.5)
        elif operation in ("query", "scan"):
            units += 1
        return answer

    memory.dynamodb.spoil = counted
    for _ in range(minutes):
        settle(queue)
        world.later(MINUTE)
    left_behind = queue.settlement.read()
    assert len(left_behind.samples) <= 3
    assert len(left_behind.expiries) <= 1
    minutes_kept = sum(pk.startswith("HISTORY#") for pk, _ in memory.dynamodb.rows)
    assert minutes_kept <= 12  # until who came was counted, and the lease had run out
    assert len(memory.dynamodb.rows) - minutes_kept <= rows + 1
    if state != "paused":
        assert units <= 5 * minutes
