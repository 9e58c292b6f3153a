"""A queue with a line of its own and a clock that is set by hand, on any table: for the rules of players."""

import secrets
from dataclasses import dataclass, replace
from typing import cast

from loginq.service.operations.accounts import Users
from loginq.service.operations.operator import Operator
from loginq.service.operations.stats import counts_of
from loginq.service.requests import login
from loginq.service.requests.departures import FOLDED, fold
from loginq.service.requests.placing import Message, place
from loginq.service.rules.player import Identity, Player
from loginq.service.rules.sessions import Event
from loginq.service.rules.settings import Rules
from loginq.service.rules.ticket import Ticket
from loginq.service.store.aws import Aws
from loginq.service.store.queue import Queue, connect
from loginq.service.store.rules import write

T = 1_800_000_000_000
RULES = Rules(initial_rate=1_000_000, initial_capacity=100, reports_joined=True)


@dataclass
class World:
    """The queue, and its clock."""

    queue: Queue
    now: list[int]

    def later(self, ms: int) -> None:
        self.now[0] += ms
        self.queue.lines._cache = None

    def player(self, who: Identity) -> Player:
        """The player's row."""
        found = self.queue.players.get(who.sub)
        assert found is not None
        return found

    def message(self, who: Identity) -> Message:
        """The player's ticket, as SQS delivers it."""
        login.request(self.queue, who)
        player = self.player(who)
        assert player.ticket and player.issued_at is not None
        return Message(secrets.token_hex(4), Ticket(who.sub, player.ticket, player.issued_at).body())

    def in_line(self, who: Identity) -> str:
        """At the end of the line; the ticket."""
        place(self.queue, [self.message(who)])
        ticket = self.player(who).ticket
        assert ticket
        return ticket

    def let_in(self, who: Identity) -> str:
        """Through the line into the game; the admission."""
        ticket = self.in_line(who)
        self.later(1_000)
        assert login.status(self.queue, who, ticket).admitted
        return ticket

    def departed(self) -> int:
        """How many have left, once the line has heard of it."""
        self.later(FOLDED)
        return fold(self.queue).departed

    def counts(self) -> tuple[int, int, int, int]:
        """(let in, in the game, no-shows, left), as `queue stats` shows them."""
        self.departed()
        found = counts_of(self.queue, self.queue.lines.read(), self.now[0])
        return found.admitted, found.in_game, found.no_shows, found.departed


def made(aws: Aws, table: str = "table", url: str = "url", rules: Rules = RULES) -> World:
    """A new one on this AWS."""
    now = [T]
    queue = connect(aws, table=table, sqs_url=url, clock=lambda: now[0], name=secrets.token_hex(4), begins=True)
    write(queue.table, queue.name, rules)
    return World(queue, now)


def rule(world: World, **changes: object) -> None:
    """The queue goes by these rules from now on."""
    write(world.queue.table, world.queue.name, replace(world.queue.rules, **changes))  # type: ignore[arg-type]
    world.queue.lines.read()


def operator(queue: Queue) -> Operator:
    """Somebody who acts on the line and on players, not on accounts."""
    return Operator(queue, "me", cast(Users, None))


def someone() -> Identity:
    return Identity(f"u-{secrets.token_hex(8)}", "name")


def joined(who: Identity, admission: str, at: int = T) -> Event:
    return Event(who.sub, admission, True, at)


def left(who: Identity, admission: str, at: int = T) -> Event:
    return Event(who.sub, admission, False, at)
