"""Messages that cannot be placed end among the dead letters and hold nobody up."""

from loginq.service.intake import Ticket
from tests.e2e.conftest import Stack, until

PARAMETERS = {"IntakeVisibilitySeconds": "1", "PlacingTimeoutSeconds": "5", "MaxReceives": "3"}


def test_bad_messages_become_dead_letters_and_block_nobody(stack: Stack) -> None:
    send = stack.aws.client("sqs").send_message
    bad = ["not JSON", "{}", '{"sub": 7, "ticket": "t", "issued_at": "now"}', Ticket("nobody", "t", 0).body()]
    for body in bad:
        send(QueueUrl=stack.target.sqs_url, MessageBody=body)
    player = stack.player()
    ticket = player.game.login()["ticket"]
    until(lambda: player.game.status(ticket)["login_status"], 5)
    until(lambda: stack.queue.intake.dead_letters() == len(bad), 30)
    assert stack.queue.intake.depth().total == 0
    found = stack.aws.client("sqs").receive_message(
        QueueUrl=stack.queue.intake.dead_letter_url, MaxNumberOfMessages=10
    )["Messages"]
    assert sorted(message["Body"] for message in found) == sorted(bad)


def test_a_crowd_of_a_thousand_is_placed_once_each(stack: Stack) -> None:
    before = stack.queue.lines.read().tail
    stack.crowd(1_000)
    line = stack.queue.lines.read()
    assert line.tail - before == 1_000
    places = list(stack.queue.rosters.places(before + 1, line.tail))
    assert [place.position for place in places] == list(range(before + 1, line.tail + 1))
    rows = stack.queue.players.get_all([place.sub for place in places])
    assert {place.sub: place.position for place in places} == {sub: row.position for sub, row in rows.items()}
    assert all(place.synthetic and rows[place.sub].synthetic for place in places)
