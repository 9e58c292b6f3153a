"""What can go wrong, as one tree; the command line and the HTTP edge each turn it into words in one place.

LoginqError
├── Invalid             what was given is not right; nothing was done
├── NoTarget            nothing is deployed, or nothing says where
├── NotFound            the thing named does not exist
├── Refused             credentials or permissions
├── Conflict            it exists already, or has changed in the meantime
│   └── ConditionFailed a conditional write found another row, which it carries
├── Unavailable         AWS is throttling, failing or out of reach: try again
│   ├── NotReady        the deployment has not come to its end
│   ├── Lost            the line's item is gone, or spoilt
│   ├── Raced           a transaction had the item in hand: nothing was written
│   └── OutOfTime       the time for this call is over; nothing more was begun
├── Failed              anything else that AWS or the stack refused
└── LoginError          what a player is told, with its HTTP status
    ├── BadRequest, WrongReport, MissingTicket 400 · NotSignedIn, WrongKey 401 · UnknownTicket 404 · TicketExpired 410
    │   └── BadToken        why an ID token is no good, which only the log is told
    └── ByDesign        a refusal that somebody meant: no failure, and no alarm
        └── Blocked 403 · TooManyTickets 429 · QueueClosed 503
"""

from typing import Any, ClassVar

QUOTED = 60
"""Characters of what was given that an error shows at most: a number of 5,000 digits fills no screen."""


def quoted(text: str) -> str:
    """What was given, as an error shows it."""
    return repr(text if len(text) <= QUOTED else text[: QUOTED - 1] + "…")


class LoginqError(Exception):
    """One sentence that says what happened, and one that says what to do."""

    def __init__(self, message: str, hint: str = "") -> None:
        super().__init__(message)
        self.message = message
        self.hint = hint


class Invalid(LoginqError):
    """What was given is not right; nothing was done."""


class NoTarget(LoginqError):
    """Nothing is deployed, or nothing says where."""


class NotFound(LoginqError):
    """The thing named does not exist."""


class Refused(LoginqError):
    """Credentials or permissions do not allow it."""


class Conflict(LoginqError):
    """It exists already, or has changed in the meantime."""


class ConditionFailed(Conflict):
    """A conditional write found another row: `row`, empty for none; `index` is its place in a transaction."""

    def __init__(self, message: str, row: dict[str, Any], index: int = 0) -> None:
        super().__init__(message)
        self.row, self.index = row, index


class Unavailable(LoginqError):
    """AWS is throttling, failing or out of reach: the same call may work in a moment."""


class Lost(Unavailable):
    """The line's item is gone, or spoilt: nothing is known of the line but by what the other rows say."""


class NotReady(Unavailable):
    """The deployment has not come to its end: what every call needs is not there yet."""


class Raced(Unavailable):
    """A transaction had the item in hand, so that nothing was written: a lost race like any other.

    https://docs.aws.amazon.com/amazondynamodb/latest/developerguide/transaction-apis.html#transaction-conflict-handling
    """


class OutOfTime(Unavailable):
    """The time for this call is over; what was not begun by then was not begun."""


class Failed(LoginqError):
    """AWS or the stack refused it, and trying again would not help."""


class LoginError(LoginqError):
    """What a player is told: `code` and `status` are part of the published player API."""

    code: ClassVar[str]
    status: ClassVar[int]


class NotSignedIn(LoginError):
    """The token is not an ID token of this user pool."""

    code, status = "unauthorized", 401


class BadToken(NotSignedIn):
    """An ID token of another provider that is no good. The message says why, and is for the log alone."""


class WrongKey(LoginError):
    """Not a key of this game server, or no such game server: nobody is told which."""

    code, status = "unauthorized", 401


class MissingTicket(LoginError):
    """A status call without a ticket."""

    code, status = "missing_ticket", 400


class UnknownTicket(LoginError):
    """Not a ticket of this player."""

    code, status = "unknown_ticket", 404


class TicketExpired(LoginError):
    """A ticket whose time is over: `/login` gives a new one."""

    code, status = "ticket_expired", 410


class BadRequest(LoginError):
    """A request body that cannot be understood."""

    code, status = "bad_request", 400


class WrongReport(LoginError):
    """A game server's report of a kind that this stack does not take."""

    code, status = "wrong_report", 400


class ByDesign(LoginError):
    """A refusal that the queue or its operator meant, whatever its status: counted as `metric`, not as an error."""

    metric: ClassVar[str]


class Blocked(ByDesign):
    """The operator blocked this player."""

    code, status, metric = "blocked", 403, "Blocked"


class TooManyTickets(ByDesign):
    """One player took and gave up tickets faster than they can be counted."""

    code, status, metric = "too_many_requests", 429, "Resting"


class QueueClosed(ByDesign):
    """No new tickets at the moment."""

    code, status, metric = "queue_closed", 503, "Closed"
