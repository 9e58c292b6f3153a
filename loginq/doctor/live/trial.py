"""One proof of a stack: what it works on, what it has made, and what it has to put back."""

import time
from collections.abc import Callable
from dataclasses import dataclass, field
from typing import Any, Protocol, TypeVar

from loginq.client import Account, Api, Game, Trouble, session_for
from loginq.client.api import Place
from loginq.client.reaching import TIMEOUT, reach
from loginq.doctor.checks import Patient
from loginq.service.operations.accounts import Account as Row
from loginq.service.operations.operator import Operator
from loginq.service.rules.errors import Failed
from loginq.service.rules.line import Line
from loginq.service.rules.times import SECOND

T = TypeVar("T")
MARK = "doctor-"
"""What the names of its accounts, and of what listens for it, begin with."""
PATIENCE = 60
"""Seconds after which something that AWS does by itself is not going to happen any more: a batch of tickets may be held
for 20 s, and an alarm's way to a listener takes a few."""
LOOK = 0.2
"""Seconds between two looks at what is to happen."""
CROWD_SECONDS = 5
"""For how long the synthetic crowd keeps the line busy."""
FASTEST = 8_000
"""The rate at which the crowd is let in, thousandths of a player per second; less where `MaxRate` is less."""
LARGEST = CROWD_SECONDS * FASTEST // SECOND
"""The largest crowd."""


class NotAsked(Exception):
    """This cannot be asked here, and why."""


class Guest(Protocol):
    """Somebody with an account of another provider, who lends ID tokens to a proof."""

    @property
    def username(self) -> str:
        """The `sub` of the token."""

    def token(self, *, renew: bool = False) -> str:
        """An ID token; another one, where there is one, when it was refused."""


@dataclass(slots=True)
class Trial:
    """A proof under way.

    Args:
        run: names what it makes: letters and digits.
        guest: who plays, where accounts are another provider's.
        patience: seconds to wait for what AWS does by itself.
    """

    patient: Patient
    operator: Operator
    api: Api | Place
    run: str
    guest: Guest | None = None
    patience: float = PATIENCE
    sleep: Callable[[float], None] = time.sleep
    monotonic: Callable[[], float] = time.monotonic
    http: Any = None
    began: int = 0

    password: str = field(default="", repr=False)
    account: Account | Guest | None = None
    row: Row | None = None
    standing: dict[str, Any] = field(default_factory=dict, repr=False)

    before: Line | None = None
    """The line before it was changed."""
    meant: list[tuple[str, Any]] = field(default_factory=list)
    """What was made of the line, noted before it was: the kind of act, and its value."""
    sent: int = 0
    """Synthetic players who were made, or may have been."""
    placed: bool = False
    """Whether all of these are known to be in line."""
    let_in: bool = False
    alarms: dict[str, str] = field(default_factory=dict)
    """Each alarm that was set, or may have been, and its state before."""
    refused: bool = False
    """Whether AWS has refused a step for want of a permission."""
    listens: bool = False
    """Whether something was made, or may have been, that hears the alarms."""

    def __post_init__(self) -> None:
        self.http = self.http or session_for(self.api.url)
        self.began = self.began or self.patient.queue.clock()

    @property
    def name(self) -> str:
        """Of the account that it makes, and of what listens for it."""
        return f"{MARK}{self.run}"

    @property
    def crowd(self) -> str:
        """Of its run of synthetic players."""
        return f"doctor{self.run}"

    @property
    def ticket(self) -> str:
        """Of that account."""
        return str(self.standing["ticket"])

    @property
    def player(self) -> Row:
        """That account. Raises `Failed` where it was not made."""
        if self.row is None:
            raise Failed("There is no account.")
        return self.row

    @property
    def subject(self) -> str:
        """What tokens and reports call that player."""
        return self.player.username if self.guest else self.player.sub

    @property
    def game(self) -> Game:
        """The player API, for whoever has signed in."""
        if self.account is None:
            raise Failed("Nobody has signed in.")
        return Game(self.api.url, self.account.token, self.http)

    def call(self, method: str, path: str, **given: Any) -> Any:
        """A bare call of the API, where clients ask. Raises `Trouble`."""
        return self._call(method, self.api.url + path, given)

    def call_itself(self, method: str, path: str, **given: Any) -> Any:
        """A bare call of the API itself, past an edge. Raises `Trouble`."""
        return self._call(method, self.api.own_url + path, given)

    def _call(self, method: str, url: str, given: dict[str, Any]) -> Any:
        return reach(lambda: self.http.request(method, url, timeout=TIMEOUT, **given))

    def status(self) -> dict[str, Any]:
        """How the ticket stands. Raises `Trouble`."""
        return self.patiently(lambda: self.game.status(self.ticket))

    def patiently(self, ask: Callable[[], T]) -> T:
        """The answer of `ask`, which may be in trouble twice: a cold function's first call, say."""
        for _ in range(2):
            try:
                return ask()
            except Trouble as exc:
                self.sleep(exc.retry_after or 1)
        return ask()

    def until(self, happens: Callable[[], bool]) -> bool:
        """Wait for something; whether it came before the patience was over."""
        ends = self.monotonic() + self.patience
        while not (came := happens()) and self.monotonic() < ends:
            self.sleep(LOOK)
        return came

    def now(self) -> int:
        """The instant by the service's clock, ms."""
        return self.patient.queue.clock()
