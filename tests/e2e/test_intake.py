"""Messages that cannot be placed end among the dead letters and hold nobody up."""

import pytest

from loginq.service.rules.player import Player
from loginq.service.rules.ticket import Ticket
from tests.e2e.conftest import Stack, until

PARAMETERS = {"IntakeVisibilitySeconds": "1", "PlacingTimeoutSeconds": "5", "MaxReceives": "3"}


def test_bad_messages_become_dead_letters_and_block_nobody(stack: Stack) -> None:
    send = stack.aws.client("sqs").send_message
    bad = ["not JSON", "{}", '{"sub": 7, "ticket": "t", "issued_at": "now"}', Ticket("nobody", "t", 0).body()]
    for body in bad:
        send(QueueUrl=stack.target.sqs_url, MessageBody=body)
    player = stack.player()
    ticket = player.game.login()["ticket"]
    until(lambda: player.game.status(ticket)["login_status"])
    until(lambda: stack.queue.intake.dead_letters() == len(bad))
    assert stack.queue.intake.depth().total == 0
    found = stack.aws.client("sqs").receive_message(
        QueueUrl=stack.queue.intake.dead_letter_url, MaxNumberOfMessages=10
    )["Messages"]
    assert sorted(message["Body"] for message in found) == sorted(bad)


@pytest.mark.parametrize("many", [300, pytest.param(1_000, marks=pytest.mark.drills)])
def test_a_crowd_is_placed_once_each(stack: Stack, many: int) -> None:
    """Batches that take longer than they are hidden are delivered again: that may leave holes, and moves nobody."""
    queue, before = stack.queue, stack.queue.lines.read().tail
    stack.crowd(many)

    def players() -> list[Player]:
        subs = {place.sub for place in queue.rosters.places(before + 1, queue.lines.read().tail)}
        return list(queue.players.get_all(sorted(subs)).values())

    until(lambda: len(placed := players()) == many and all(player.position for player in placed))
    positions = {player.position: player.sub for player in players()}
    assert len(positions) == many
    tail = queue.lines.read().tail
    places = list(queue.rosters.places(before + 1, tail))
    assert {place.position: place.sub for place in places if positions.get(place.position) == place.sub} == positions
    assert min(positions) > before and max(positions) <= tail  # type: ignore[type-var,operator]
    assert all(place.synthetic for place in places)
