"""A deleted account's tokens live on for a day; what is left of the row keeps them out, and nobody is shown it."""

import pytest

from loginq.service.operations.accounts import Users
from loginq.service.operations.crowds import clean_real, real_accounts
from loginq.service.operations.forgetting import forget
from loginq.service.operations.found import find, identity, players_in
from loginq.service.requests import login
from loginq.service.rules.errors import Blocked, NotFound, UnknownTicket
from loginq.service.rules.player import Identity, State
from loginq.service.rules.times import HOUR, MINUTE, SECOND
from loginq.service.store.keys import player as key
from loginq.service.store.queue import Queue

GOOD = "Correct-Horse-7-Battery"


@pytest.fixture
def ada(users: Users) -> Identity:
    """A player with an account, and an ID token that is out."""
    return Identity(users.create("ada", "ada@example.com", GOOD).sub, "ada", "ada@example.com")


def shown(queue: Queue) -> list[str]:
    """Everybody whom an export would name."""
    line = queue.lines.change(lambda line, t: line.renew(t))
    return [seen.name for page in players_in(queue, line, queue.clock(), tuple(State)) for seen in page]


def test_what_is_left_of_a_deleted_player(queue: Queue, users: Users, ada: Identity, now: list[int]) -> None:
    ticket = login.request(queue, ada).ticket
    users.delete("ada")
    left = queue.table.get(*key(ada.sub))
    assert left == {
        "PK": f"USER#{ada.sub}",
        "SK": f"METADATA#{ada.sub}",
        "createdAt": "2027-01-15T08:00:00.000Z",
        "deleted": True,
        "blocked": True,
        "ttl": (now[0] + 25 * HOUR) // SECOND,
    }
    now[0] += MINUTE
    with pytest.raises(Blocked):
        login.request(queue, ada)
    with pytest.raises(UnknownTicket):
        login.status(queue, ada, ticket)
    with pytest.raises(UnknownTicket):
        login.leave(queue, ada)
    assert queue.players.register(ada, now[0]).deleted  # what put_player_info does
    assert queue.table.get(*key(ada.sub)) == left
    assert shown(queue) == []
    for name in (ada.sub, "ada", "ada@example.com"):
        with pytest.raises(NotFound):
            find(queue, users, name)
        with pytest.raises(NotFound):
            identity(queue, users, name)


def test_the_same_name_again_is_somebody_else(queue: Queue, users: Users, ada: Identity) -> None:
    users.delete("ada")
    again = users.create("ada", "ada@example.com", GOOD)
    assert again.sub != ada.sub
    assert login.request(queue, Identity(again.sub, "ada")).ticket
    assert shown(queue) == ["ada"]
    assert find(queue, users, "ada").seen.player.sub == again.sub
    with pytest.raises(Blocked):
        login.request(queue, ada)


def test_who_never_logged_in_or_was_blocked_is_kept_out_the_same(queue: Queue, users: Users, ada: Identity) -> None:
    users.disable("ada")
    users.delete("ada")
    with pytest.raises(Blocked):
        login.request(queue, ada)
    queue.players.delete([ada.sub])  # an account that was made past put_player_info has no row
    forget(queue, ada)
    with pytest.raises(Blocked):
        login.request(queue, ada)


def test_refusing_a_deleted_player_costs_one_write(queue: Queue, users: Users, ada: Identity) -> None:
    users.delete("ada")
    queue.lines.cached()
    calls: list[str] = []
    events = queue.table.dynamodb.meta.events
    events.register("before-call.dynamodb.*", lambda model, **_: calls.append(model.name))
    with pytest.raises(Blocked):
        login.request(queue, ada)
    assert calls == ["UpdateItem"]


def test_the_claim_of_a_deleted_player_is_still_counted(queue: Queue, users: Users, ada: Identity) -> None:
    ticket = login.request(queue, ada).ticket
    queue.lines.change(lambda line, t: line.join(t, 1))
    inside = {"queuePosition": 1, "loginProcessedAt": "2027-01-15T08:00:00.000Z"}
    queue.table.update(*key(ada.sub), write=inside)
    users.delete("ada")
    player = queue.players.get(ada.sub)
    assert player is not None and player.deleted and player.ticket is None and ticket
    assert player.has_claimed(1)
    with pytest.raises(Blocked):
        login.request(queue, ada)


def test_a_deletion_that_was_cut_off_is_finished_or_taken_back(queue: Queue, users: Users, ada: Identity) -> None:
    """Between the row and the account: the player is out, until the operator says which of the two it is to be."""
    forget(queue, ada)
    with pytest.raises(Blocked):
        login.request(queue, ada)
    users.enable("ada")
    assert login.request(queue, ada).ticket
    row = queue.table.get(*key(ada.sub))
    assert row is not None and row["username"] == "ada" and not {"ttl", "deleted", "blocked"} & set(row)
    forget(queue, ada)
    assert users.delete("ada").sub == ada.sub
    with pytest.raises(NotFound):
        users.get("ada")


def test_the_accounts_of_a_rehearsal_are_kept_out_as_well(queue: Queue, users: Users) -> None:
    for new in real_accounts("abc", 3, GOOD):
        users.ensure(new)
    who = [Identity(account.sub, account.username) for account in users.starting_with("load-")]
    assert sum(clean_real(users)) == 3
    assert (shown(queue), list(users.list())) == ([], [])
    for each in who:
        with pytest.raises(Blocked):
            login.request(queue, each)


def test_a_nameless_row_of_an_older_version_is_nobody_either(queue: Queue) -> None:
    queue.table.put({"PK": "USER#old", "SK": "METADATA#old", "claimed": [7], "ttl": 1_900_000_000})
    queue.table.put({"PK": "USER#s-1", "SK": "METADATA#s-1", "username": "s-1", "synthetic": True, "ttl": 1})
    assert shown(queue) == ["s-1"]
    old = queue.players.get("old")
    assert old is not None and old.has_claimed(7)
