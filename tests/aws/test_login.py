"""What a player may do, on moto: every state, every refusal, every second try."""

import json
from collections.abc import Callable
from dataclasses import replace

import pytest

from loginq.service.requests import login
from loginq.service.requests.placing import Message, place
from loginq.service.rules.errors import (
    Blocked,
    ConditionFailed,
    MissingTicket,
    QueueClosed,
    TicketExpired,
    TooManyTickets,
    Unavailable,
    UnknownTicket,
)
from loginq.service.rules.gate import DEFAULT_LEASE
from loginq.service.rules.line import Line
from loginq.service.rules.player import COOL_DOWN, Identity, State
from loginq.service.rules.ticket import Ticket
from loginq.service.rules.times import MINUTE, SECOND, iso
from loginq.service.rules.valve import bucket, limit
from loginq.service.store.queue import Queue

ADA = Identity("sub-ada", "ada", "ada@example.com")


def sent(queue: Queue) -> list[str]:
    """Everything in the intake."""
    sqs, bodies = queue.intake._sqs, []
    while found := sqs.receive_message(QueueUrl=queue.intake.url, MaxNumberOfMessages=10).get("Messages"):
        for message in found:
            bodies.append(message["Body"])
            sqs.delete_message(QueueUrl=queue.intake.url, ReceiptHandle=message["ReceiptHandle"])
    return bodies


def placed(queue: Queue) -> None:
    """Place the tickets of the intake by hand: moto does not know the PartiQL of placing (see tests/e2e)."""
    for ticket in map(Ticket.parse, sent(queue)):
        line = queue.lines.change(lambda line, t: line.join(t, 1))
        at = {"queuePosition": line.tail, "queuedAt": iso(queue.clock())}
        queue.table.update(f"USER#{ticket.sub}", f"METADATA#{ticket.sub}", write=at)


def operate(queue: Queue, change: Callable[[Line, int], Line]) -> None:
    queue.lines.change(change)
    queue.lines._cache = None


def pass_time(queue: Queue, now: list[int], ms: int) -> None:
    now[0] += ms
    queue.lines._cache = None


def test_the_first_login_makes_the_row_and_sends_one_ticket(queue: Queue) -> None:
    standing = login.request(queue, ADA)
    assert (standing.state, standing.position, standing.eta) == (State.QUEUED, None, None)
    player = queue.players.get("sub-ada")
    assert player is not None
    assert (player.username, player.email, player.ticket) == ("ada", "ada@example.com", standing.ticket)
    assert player.created_at == player.issued_at == player.sent_at == queue.clock()
    (body,) = sent(queue)
    assert json.loads(body) == {
        "sub": "sub-ada",
        "ticket": standing.ticket,
        "issued_at": "2027-01-15T08:00:00.000Z",
        "synthetic": False,
    }


def test_logging_in_again_is_the_same_ticket_and_sends_nothing(queue: Queue) -> None:
    first = login.request(queue, ADA)
    assert login.request(queue, ADA).ticket == first.ticket
    assert len(sent(queue)) == 1


def test_registering_touches_no_ticket(queue: Queue) -> None:
    ticket = login.request(queue, ADA).ticket
    player = queue.players.register(replace(ADA, email="new@example.com"), queue.clock() + MINUTE)
    assert (player.email, player.ticket, player.created_at) == ("new@example.com", ticket, queue.clock())


def test_the_way_in(queue: Queue, now: list[int]) -> None:
    operate(queue, lambda line, t: line.join(t, 100))
    ticket = login.request(queue, ADA).ticket
    placed(queue)
    waiting = login.status(queue, ADA, ticket)
    assert (waiting.state, waiting.position, waiting.ahead, waiting.eta) == (State.WAITING, 101, 100, 5_050)
    assert 1_000 <= waiting.poll_after <= 2_525
    pass_time(queue, now, 5_049)
    assert not login.status(queue, ADA, ticket).admitted
    pass_time(queue, now, 1)
    inside = login.status(queue, ADA, ticket)
    assert inside.admitted
    admitted_at = now[0]
    pass_time(queue, now, 5 * MINUTE - 1)
    assert login.status(queue, ADA, ticket).admitted
    assert login.request(queue, ADA).ticket == ticket
    player = queue.players.get("sub-ada")
    assert player is not None and player.admitted_at == admitted_at
    pass_time(queue, now, 1)
    with pytest.raises(TicketExpired):
        login.status(queue, ADA, ticket)
    assert login.request(queue, ADA).ticket != ticket


def test_a_loop_of_giving_up_burns_no_positions(queue: Queue, now: list[int]) -> None:
    """A bot: each round costs it ten seconds, and one write a call."""
    login.request(queue, ADA)
    for _ in range(3):
        login.leave(queue, ADA)
        for wait in (0, 1_000, COOL_DOWN - 1_001):
            now[0] += wait
            with pytest.raises(TooManyTickets):
                login.request(queue, ADA)
        now[0] += 1
        assert login.request(queue, ADA).ticket
    login.leave(queue, ADA, by_operator=True)
    assert login.request(queue, ADA).ticket


def test_refusals(queue: Queue) -> None:
    for none in (None, ""):
        with pytest.raises(MissingTicket):
            login.status(queue, ADA, none)
    with pytest.raises(UnknownTicket):
        login.status(queue, ADA, "guessed")
    with pytest.raises(UnknownTicket):
        login.leave(queue, ADA)
    ticket = login.request(queue, ADA).ticket
    for wrong in ("x" * 10_000, ticket[:-1], ticket + "x", "é\ud800"):
        with pytest.raises(UnknownTicket):
            login.status(queue, ADA, wrong)
    with pytest.raises(UnknownTicket):
        login.status(queue, Identity("sub-eve", "eve"), ticket)
    queue.table.update("USER#sub-ada", "METADATA#sub-ada", write={"blocked": True})
    with pytest.raises(Blocked):
        login.request(queue, ADA)
    with pytest.raises(Blocked):
        login.status(queue, ADA, ticket)


def test_a_player_who_is_blocked_at_the_gate_stays_out(queue: Queue, now: list[int]) -> None:
    ticket = login.request(queue, ADA).ticket
    placed(queue)
    pass_time(queue, now, 1_000)
    real = queue.players.get("sub-ada")
    queue.table.update("USER#sub-ada", "METADATA#sub-ada", write={"blocked": True})
    assert real is not None
    with pytest.raises(ConditionFailed):
        queue.players.admit(real, now[0])
    with pytest.raises(Blocked):
        login.enter(queue, real, now[0])
    assert real.ticket == ticket


def test_a_closed_queue_takes_nobody_new_and_keeps_who_is_there(queue: Queue) -> None:
    ticket = login.request(queue, ADA).ticket
    operate(queue, Line.close)
    assert login.request(queue, ADA).ticket == ticket
    with pytest.raises(QueueClosed):
        login.request(queue, Identity("sub-bob", "bob"))
    assert queue.players.get("sub-bob") is None


def test_a_paused_line_admits_nobody_who_is_reached(queue: Queue, now: list[int]) -> None:
    ticket = login.request(queue, ADA).ticket
    placed(queue)
    pass_time(queue, now, 1_000)
    operate(queue, Line.pause)
    standing = login.status(queue, ADA, ticket)
    assert (standing.state, standing.line_state, standing.eta, standing.ahead) == (State.WAITING, "paused", None, 0)
    operate(queue, Line.resume)
    assert login.status(queue, ADA, ticket).admitted


def test_a_full_valve_says_not_yet_and_keeps_the_place(queue: Queue, now: list[int]) -> None:
    ticket = login.request(queue, ADA).ticket
    placed(queue)
    pass_time(queue, now, 1_000)
    line = queue.lines.read()
    full = {"PK": "ADMITTED#main#0", "SK": "2027-01-15T08:00:00.000Z", "count": limit(line, now[0])}
    queue.table.put(full)
    assert bucket(now[0]) == 1_800_000_000_000
    standing = login.status(queue, ADA, ticket)
    assert (standing.state, standing.ahead) == (State.WAITING, 0)
    assert 1_000 <= standing.poll_after <= 2_000
    pass_time(queue, now, 10 * SECOND)
    assert login.status(queue, ADA, ticket).admitted
    assert queue.valve.admitted(queue.lines.read(), now[0])[bucket(now[0])] == 1


def test_polling_renews_the_lease_once_it_is_a_third_old(queue: Queue, now: list[int]) -> None:
    operate(queue, lambda line, t: line.join(t, 5_000))
    ticket = login.request(queue, ADA).ticket
    placed(queue)
    start = now[0]
    pass_time(queue, now, DEFAULT_LEASE // 3)
    login.status(queue, ADA, ticket)
    assert queue.lines.read().alive_at == start
    pass_time(queue, now, DEFAULT_LEASE // 6 + SECOND)
    login.status(queue, ADA, ticket)
    assert queue.lines.read().alive_at == now[0]


def test_after_a_silence_the_gate_has_moved_for_one_lease(queue: Queue, now: list[int]) -> None:
    operate(queue, lambda line, t: line.join(t, 5_000))
    ticket = login.request(queue, ADA).ticket
    placed(queue)
    pass_time(queue, now, 60 * MINUTE)
    standing = login.status(queue, ADA, ticket)
    assert standing.ahead == 5_000 - 20 * DEFAULT_LEASE // SECOND


def test_a_ticket_that_the_line_does_not_take_is_sent_again_once_an_interval(queue: Queue, now: list[int]) -> None:
    ticket = login.request(queue, ADA).ticket
    assert len(sent(queue)) == 1  # and lost
    pass_time(queue, now, 60 * SECOND)
    login.status(queue, ADA, ticket)
    assert sent(queue) == []
    pass_time(queue, now, 1)
    login.status(queue, ADA, ticket)
    login.request(queue, ADA)
    assert len(sent(queue)) == 1
    pass_time(queue, now, 60 * SECOND + 2)
    login.request(queue, ADA)
    assert len(sent(queue)) == 1


def test_a_slow_intake_is_given_more_time(queue: Queue, now: list[int]) -> None:
    operate(queue, lambda line, t: line.join(t, 1, intake_age=5 * MINUTE))
    ticket = login.request(queue, ADA).ticket
    sent(queue)
    pass_time(queue, now, 10 * MINUTE)
    login.status(queue, ADA, ticket)
    assert sent(queue) == []
    pass_time(queue, now, 1)
    login.status(queue, ADA, ticket)
    assert len(sent(queue)) == 1


def test_a_failed_send_is_told_and_the_next_call_sends(queue: Queue, monkeypatch: pytest.MonkeyPatch) -> None:
    class Down:
        def send(self, tickets: object) -> None:
            raise Unavailable("SQS is down.")

    broken = replace(queue, intake=Down())  # type: ignore[arg-type]
    with pytest.raises(Unavailable):
        login.request(broken, ADA)
    login.request(queue, ADA)
    assert len(sent(queue)) == 1


def test_a_purge_makes_tickets_void(queue: Queue, now: list[int]) -> None:
    ticket = login.request(queue, ADA).ticket
    bodies = sent(queue)
    pass_time(queue, now, 1_000)
    operate(queue, lambda line, t: replace(line.anchored(t), void_before=t))
    assert place(queue, [Message("1", bodies[0])]).stale == 1
    with pytest.raises(TicketExpired):
        login.status(queue, ADA, ticket)
    assert login.request(queue, ADA).ticket != ticket


def test_what_is_behind_the_closed_positions_has_expired(queue: Queue) -> None:
    ticket = login.request(queue, ADA).ticket
    placed(queue)
    operate(queue, lambda line, t: replace(line.anchored(t), expired_to=1))
    with pytest.raises(TicketExpired):
        login.status(queue, ADA, ticket)
    assert login.request(queue, ADA).ticket != ticket


def test_a_login_that_comes_twice_at_once_makes_one_ticket(queue: Queue) -> None:
    """Both calls try to write; the second finds the first one's ticket and takes it."""
    first = queue.players.update(ADA.sub, queue.players.issuing(ADA, "first", queue.clock(), None))
    with pytest.raises(ConditionFailed) as failed:
        queue.players.update(ADA.sub, queue.players.issuing(ADA, "second", queue.clock(), None))
    assert failed.value.row["loginTicket"] == "first"
    assert login.request(queue, ADA).ticket == first.ticket
