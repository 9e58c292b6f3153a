"""Game servers that count: their last words, summed, are all by which it is known who has left."""

from collections import Counter

import pytest

from loginq.service.operations.rebuilding import remains
from loginq.service.requests import login
from loginq.service.requests.departures import FOLDED, count, fold
from loginq.service.requests.minute import settle
from loginq.service.requests.sessions import apply
from loginq.service.rules.errors import Conflict
from loginq.service.rules.line import Line
from loginq.service.rules.rebuild import rebuilt
from loginq.service.rules.servers import ENTERING, SILENT, Server, departed, silence, summary, troubles
from loginq.service.rules.settings import COUNTS, EVENTS
from loginq.service.rules.times import MINUTE, SECOND, iso
from loginq.service.rules.valve import BUCKET
from loginq.service.store import keys
from loginq.service.store.queue import connect
from loginq.service.store.table import Row
from tests.memory import InMemory, Work
from tests.world import World, joined, left, operator, rule, someone

IN = ENTERING + BUCKET
"""After so long nobody who was let in is on the way any more, whatever the bucket, ms."""


@pytest.fixture(autouse=True)
def counting(world: World) -> None:
    rule(world, session_reports=COUNTS, reports_joined=True, initial_rate=10_000)


def says(world: World, in_game: int, server: str = "eu-1", *, ago: int = 0) -> str:
    """What a game server counts, once the line may hear of it again."""
    world.later(FOLDED)
    return count(world.queue, Server(server, in_game, world.now[0] - ago))


def free(world: World) -> int | None:
    """Seats that nobody has, and nobody was reached for."""
    line = world.queue.lines.read()
    return None if line.capacity is None else line.capacity - line.occupied(world.now[0])


def test_a_full_game_lets_in_as_many_as_are_gone_by_the_count(world: World) -> None:
    world.queue.lines.change(lambda line, t: line.set_capacity(t, 2))
    for _ in range(2):
        world.let_in(someone())
    third = someone()
    ticket = world.in_line(third)
    world.later(IN)
    assert says(world, 2) == "counted"
    assert not login.status(world.queue, third, ticket).admitted
    assert says(world, 1) == "counted"
    world.later(SECOND)
    assert login.status(world.queue, third, ticket).admitted
    assert world.counts() == (3, 2, 0, 1)


def test_who_was_let_in_is_on_the_way_for_a_minute_and_keeps_a_seat(world: World) -> None:
    world.queue.lines.change(lambda line, t: line.set_capacity(t, 5))
    for _ in range(3):
        world.let_in(someone())
    says(world, 0)
    assert free(world) == 2
    world.later(ENTERING - 10 * SECOND)
    says(world, 3)
    assert free(world) == -1  # counted, and still on the way: rather once too often
    world.later(IN)
    says(world, 3)
    assert free(world) == 2
    says(world, 1)
    assert free(world) == 4


def test_the_freshest_word_stays_and_an_older_one_is_told_so(world: World) -> None:
    says(world, 7)
    assert says(world, 5, ago=2 * SECOND) == "stale"
    (there,) = world.queue.servers.every()
    assert (there.name, there.in_game) == ("eu-1", 7)
    assert [says(world, 6), says(world, 6)] == ["counted", "counted"]


def test_every_last_word_is_summed_however_old_until_it_is_forgotten(world: World) -> None:
    world.queue.lines.change(lambda line, t: line.set_capacity(t, 100))
    says(world, 30, "eu-1")
    says(world, 20, "us-1")
    assert free(world) == 50
    world.later(3 * MINUTE)
    says(world, 31, "eu-1")
    assert free(world) == 49
    servers = world.queue.servers.every()
    odd: dict[str, list[str]] = {"fell": [], "two": [], "above": []}
    assert summary(servers, world.now[0]) == {"heard": 2, "in_game": 51, "silent": ["us-1"], **odd}
    assert silence(servers, world.now[0]) == [
        "us-1 has not said for 3 min how many it holds, and keeps 20 seats; if it is gone for good: "
        "`loginq servers forget us-1`"
    ]
    assert settle(world.queue).silent_servers == 1
    silent = [each for each in world.queue.servers.every() if each.is_silent(world.now[0])]
    for _ in range(2):  # two operators at once
        operator(world.queue).forget_servers(silent)
    world.later(FOLDED)
    assert (fold(world.queue), free(world)) == (world.queue.lines.read(), 69)
    says(world, 2, "us-1")
    assert free(world) == 67


def test_before_the_first_count_and_with_no_server_left_nothing_is_folded(world: World) -> None:
    world.let_in(someone())
    world.later(IN)
    before = world.queue.lines.read()
    assert (fold(world.queue), settle(world.queue).silent_servers) == (before, 0)
    says(world, 0)
    assert world.departed() == 1
    operator(world.queue).forget_servers(world.queue.servers.every())
    world.let_in(someone())
    world.later(IN)
    assert (world.departed(), world.counts()) == (1, (2, 1, 0, 1))


def test_nothing_but_counts_changes_who_has_left(world: World) -> None:
    """Not a new ticket, not a ticket given up, not a return within the grace, not an admission that nobody used."""
    queue = world.queue
    ada, bob, eve, tim = (someone() for _ in range(4))
    rule(world, session_reports=EVENTS)
    admission, back = world.let_in(ada), world.let_in(tim)
    apply(queue, [joined(ada, admission), joined(tim, back), left(tim, back, world.now[0])])
    rule(world, session_reports=COUNTS)
    for each in (bob, eve):
        world.let_in(each)
    world.later(IN)
    says(world, 4)
    assert world.departed() == 0
    login.leave(queue, bob)
    assert login.request(queue, tim).admitted
    world.later(6 * MINUTE)
    assert login.request(queue, ada).admitted  # still in the game, by her word of before
    assert not login.request(queue, eve).admitted  # a new ticket: her admission is over
    for _ in range(30):
        queue.lines.change(lambda line, t: line.renew(t))
        settle(queue)
        world.later(30 * SECOND)
    assert queue.lines.read().counted_to == 4
    assert (world.departed(), world.player(eve).left_at, queue.leavings.total()) == (0, None, 1)  # tim's, by an event
    with pytest.raises(Conflict, match="The game servers count who is in the game"):
        operator(queue).set_in_game(2)


def test_synthetic_players_are_neither_counted_nor_missed(world: World) -> None:
    says(world, 12)
    line = world.queue.lines.change(lambda line, t: line.join(t, 10))
    world.later(10 * SECOND)
    world.queue.lines.change(lambda line, t: line.expire_to(t, 10).count_to(t, 10, 0, 10, SECOND))
    world.later(IN)
    says(world, 12)
    line = world.queue.lines.read()
    assert (line.counted, line.synthetic, line.departed, free(world)) == (0, 10, -2, 88)
    assert world.counts()[1] == 12


def test_who_is_let_in_by_hand_is_on_the_way_and_then_counted(world: World) -> None:
    operator(world.queue).admit([someone(), someone()])
    says(world, 0)
    assert world.counts()[:2] == (2, 2)
    world.later(IN)
    says(world, 2)
    assert world.counts()[:2] == (2, 2)


def test_more_may_be_in_the_game_than_were_let_in(world: World) -> None:
    """Whoever comes past the queue takes a seat, too."""
    says(world, 40)
    assert (world.departed(), free(world)) == (-40, 60)


def test_one_kind_goes_on_where_the_other_ended(world: World) -> None:
    ada, bob = someone(), someone()
    rule(world, session_reports=EVENTS)
    one, two = world.let_in(ada), world.let_in(bob)
    apply(world.queue, [left(ada, one)])
    assert world.departed() == 1
    rule(world, session_reports=COUNTS)
    world.later(IN)
    assert world.departed() == 1  # until the first count
    says(world, 0)
    assert world.departed() == 2
    rule(world, session_reports=EVENTS)
    assert world.departed() == 2
    says_so = apply(world.queue, [left(bob, two)])
    assert (says_so, world.departed()) == (["counted"], 3)


def test_the_line_hears_of_counts_at_most_once_a_second(world: World, memory: InMemory) -> None:
    says(world, 1)
    writes = memory.dynamodb.calls.count("put_item")
    for n in range(5):
        count(world.queue, Server(f"s{n}", n, world.now[0]))
    assert memory.dynamodb.calls.count("put_item") == writes + 5  # their rows
    assert world.queue.lines.read().departed == -1
    assert world.departed() == -11


def test_a_count_is_heard_although_the_line_is_written_at_that_moment(world: World, memory: InMemory) -> None:
    says(world, 1)
    world.queue.table.sleep = lambda seconds: None
    met: list[str] = []

    def meanwhile(operation: str, parameters: Row, work: Work) -> Row:
        if operation == "query" and not met:
            met.append(operation)
            connected = connect(memory, table="table", sqs_url="url", clock=world.queue.clock, name=world.queue.name)
            connected.lines.change(lambda line, t: line.join(t, 1))
        return work(**parameters)

    memory.dynamodb.spoil = meanwhile
    says(world, 4)
    assert (met, world.queue.lines.read().departed) == (["query"], -4)


def test_a_night_in_which_nothing_changes_costs_a_sum_a_second(world: World, memory: InMemory) -> None:
    says(world, 0)
    world.later(FOLDED)
    before = Counter(memory.dynamodb.calls)
    for n in range(50):
        count(world.queue, Server("eu-1", 0, world.now[0] + n))
    assert Counter(memory.dynamodb.calls)["query"] == before["query"] + 1
    world.later(FOLDED)
    count(world.queue, Server("eu-1", 3, world.now[0]))
    assert world.queue.lines.read().departed == -3


def test_a_line_made_anew_and_one_that_is_reset_go_by_the_counts(world: World) -> None:
    for _ in range(3):
        world.let_in(someone())
    world.later(IN)
    says(world, 2)
    queue, t = world.queue, world.now[0]
    of = remains(queue)
    made = rebuilt(of, queue.rules, t)
    lost = queue.lines.read()
    queue.lines.change(lambda line, _: made)
    world.later(FOLDED)
    again = fold(queue)
    assert (again.departed, again.capacity) == (lost.departed, lost.capacity) == (1, 100)
    operator(queue).reset_line()
    says(world, 2)
    assert (world.counts()[1], free(world)) == (2, 98)


@pytest.mark.parametrize(("ago", "silent"), [(0, False), (SILENT, False), (SILENT + 1, True)])
def test_a_minute_is_not_silence_and_an_empty_server_is_not_missed(ago: int, silent: bool) -> None:
    t = 10 * MINUTE
    for in_game in (0, 3):
        server = Server("eu-1", in_game, t - ago)
        assert (server.is_silent(t), server.is_missed(t)) == (silent, silent and in_game > 0)
    assert silence([Server("a", 0, 0)], t) == []
    assert silence([Server(name, 2_000, 0) for name in "abc"], t) == [
        "3 game servers are silent and keep 6,000 seats: `loginq servers list`; one that is gone for good: "
        "`loginq servers forget NAME`"
    ]


def test_the_minute_on_the_way_is_never_shorter_than_a_minute() -> None:
    for t in range(0, BUCKET, 999):
        through = dict.fromkeys(range(-200 * SECOND, t + 1, BUCKET), 1)
        on_the_way = -departed(Line(), t, 0, through, [])
        assert on_the_way == sum(start + BUCKET > t - ENTERING for start in through)


def _told(world: World, *words: tuple[int, str]) -> Server:
    """What is known of a server after these counts of its runs, 5 s apart."""
    for in_game, instance in words:
        world.later(5 * SECOND)
        count(world.queue, Server("eu-1", in_game, world.now[0], instance))
    (there,) = world.queue.servers.every()
    return there


@pytest.mark.parametrize(
    ("words", "fell", "two"),
    [
        ([(300, ""), (290, ""), (150, "")], 0, False),  # an evening ends
        ([(300, ""), (30, "")], 300, False),  # it does not end so
        ([(300, ""), (31, "")], 0, False),
        ([(19, ""), (0, "")], 0, False),  # a match ends
        ([(19, "a"), (9, "b")], 19, False),  # another run, known as such
        ([(300, "a"), (298, "b")], 0, False),  # one that took its players along
        ([(0, "a"), (0, "b")], 0, False),
        ([(300, "a"), (5, "b"), (300, "a")], 300, True),
        ([(300, "a"), (300, "b"), (300, "a")], 0, True),
        ([(300, "a"), (300, "b"), (300, "c")], 0, False),
        ([(300, ""), (5, ""), (300, ""), (5, "")], 300, False),
        ([(300, ""), (5, "")] * 3, 300, True),  # two that do not say who they are, or one that cannot start
        ([(300, "a"), (300, ""), (300, "a")], 0, False),  # one that says it only now and then
    ],
)
def test_a_server_that_starts_anew_and_two_under_one_name(
    world: World, words: list[tuple[int, str]], fell: int, two: bool
) -> None:
    there, t = _told(world, *words), world.now[0]
    assert (there.fell_from, there.has_fallen(t), there.is_two(t)) == (fell, fell > 0, two)
    assert (there.has_fallen(t + 6 * MINUTE), there.is_two(t + 6 * MINUTE)) == (False, False)
    said = troubles([there], t)
    assert [each.split(" report as ")[0].split(" fell ")[0] for each in said] == (
        ["two game servers"] if two else ["eu-1"] if fell else []
    )


def test_two_runs_that_are_minutes_apart_are_no_two(world: World) -> None:
    _told(world, (300, "a"), (300, "b"))
    world.later(2 * MINUTE)
    assert not _told(world, (300, "a")).is_two(world.now[0])


def test_more_than_were_ever_let_in_is_said_by_server() -> None:
    servers = [Server(name, 10 + n, MINUTE) for n, name in enumerate("abcde")]
    assert summary(servers, MINUTE, 11)["above"] == ["c", "d", "e"]
    assert troubles(servers, MINUTE, 10) == [
        "b, c, d …: more players than were ever let in (10); they came past the queue, or it counts wrong"
    ]
    assert troubles(servers, MINUTE) == troubles(servers, MINUTE, 14) == []


def test_a_row_of_an_older_function_is_where_it_begins_again(world: World) -> None:
    """Which writes no more than the count: what was known is gone, and the next word is taken as it is."""
    _told(world, (300, "a"), (5, "b"))
    key = keys.count(world.queue.name, "eu-1")
    world.queue.table.put({**keys.keyed(key), "count": 4, "at": iso(world.now[0])})
    assert _told(world, (5, "b")) == Server("eu-1", 5, world.now[0], "b")
