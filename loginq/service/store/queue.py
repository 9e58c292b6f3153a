"""One queue with everything that its rules need, put together in one place from a target and AWS clients."""

from collections.abc import Callable
from dataclasses import dataclass
from random import Random, SystemRandom
from typing import TYPE_CHECKING, Any

from loginq.service.rules.settings import Rules
from loginq.service.rules.times import Clock
from loginq.service.store.admissions import Admissions
from loginq.service.store.aws import Aws, forever
from loginq.service.store.clock import ServerClock
from loginq.service.store.intake import Intake
from loginq.service.store.leavings import Leavings
from loginq.service.store.line import LineStore
from loginq.service.store.players import Players
from loginq.service.store.rosters import Rosters
from loginq.service.store.server_keys import ServerKeys
from loginq.service.store.servers import Servers
from loginq.service.store.signing import Keys
from loginq.service.store.table import Table

if TYPE_CHECKING:
    from loginq.service.store.history import History
    from loginq.service.store.settlement import Settlement


def _silent(event: str, **details: Any) -> None:
    """No log: the command line says what it does itself."""


@dataclass(frozen=True, slots=True)
class Queue:
    """The line, its players and its intake; clock, randomness and log are given."""

    name: str
    table: Table
    lines: LineStore
    players: Players
    rosters: Rosters
    valve: Admissions
    leavings: Leavings
    servers: Servers
    server_keys: ServerKeys
    intake: Intake
    clock: Clock
    random: Random
    keys: Keys | None = None
    """The signing keys; None where nobody is admitted."""
    issuer: str = ""
    provider: str = ""
    """The issuer of the players' accounts, where these are not of the stack's own pool."""
    log: Callable[..., None] = _silent
    time_left: Callable[[], float] = forever
    """Seconds in which this call may still begin something."""

    # What only settling needs, with rules that take a tenth of the time in which a function of players starts.

    @property
    def settlement(self) -> "Settlement":
        """What a run of settling leaves for the next."""
        from loginq.service.store.settlement import Settlement

        return Settlement(self.table, self.name)

    @property
    def history(self) -> "History":
        """The minutes in which anything moved."""
        from loginq.service.store.history import History

        return History(self.table, self.name)

    @property
    def rules(self) -> Rules:
        """The rules of the stack, as they were when the line was read last. Raises `NotReady` where none are."""
        return self.lines.rules


def connect(
    aws: Aws,
    *,
    table: str,
    sqs_url: str,
    name: str = "main",
    clock: Clock | None = None,
    keys_id: str | None = None,
    issuer: str = "",
    provider: str = "",
    begins: bool = False,
    older: Callable[[], Rules] | None = None,
    log: Callable[..., None] = _silent,
) -> Queue:
    """The queue `name` whose rows are in `table` and whose intake is `sqs_url`.

    `keys_id` is the secret of the signing keys, `issuer` the API's URL, for whoever signs admission tokens.
    `begins`, `older`: as `LineStore` has them; `provider`: as `Queue`. Without a clock it goes by the `Date` of AWS.
    """
    rows = Table(dynamodb := aws.client("dynamodb"), table)
    clock = clock or ServerClock(dynamodb)
    return Queue(
        name=name,
        table=rows,
        lines=LineStore(rows, name, clock, begins=begins, older=older),
        players=Players(rows),
        rosters=Rosters(rows, name),
        valve=Admissions(rows, name),
        leavings=Leavings(rows, name),
        servers=Servers(rows, name),
        server_keys=ServerKeys(rows, name),
        intake=Intake(aws.client("sqs"), sqs_url),
        clock=clock,
        random=SystemRandom(),
        keys=Keys(aws.client("secretsmanager"), keys_id) if keys_id else None,
        issuer=issuer,
        provider=provider,
        log=log,
        time_left=aws.time_left,
    )
