"""The front door as CloudWatch counts it: what the API was asked, what it refused or failed at, and what is wrong."""

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

from loginq.service.rules.errors import Blocked, QueueClosed, TicketExpired, TooManyTickets
from loginq.service.rules.times import MINUTE, SECOND

CALLS, REFUSED, FAILED = "Count", "4XXError", "5XXError"
"""What API Gateway counts of a REST API. It has no metric for what its throttle turns away: that is among the 4XXError.
https://docs.aws.amazon.com/apigateway/latest/developerguide/api-gateway-metrics-and-dimensions.html"""
REFUSALS = {
    QueueClosed.code: (QueueClosed.metric, "queue_player_login"),
    Blocked.code: (Blocked.metric, "queue_player_login"),
    TooManyTickets.code: (TooManyTickets.metric, "queue_player_login"),
    TicketExpired.code: ("Expired", "get_login_status"),
}
"""The `error.code` of an answer -> our metric of it, and its dimension `service`."""
TRUTH = {"told": ("EtaLate", "SampleCount"), "late": ("EtaLate", "Sum"), "untold": ("Untold", "Sum")}
"""How many who were let in had been told a waiting time, came in late by it, or had been told none -> our metric of it,
with the dimension `service` get_login_status, and the statistic that counts them."""
EDGE, EDGE_FAILED = "edge requests", "edge 5xx"
"""What CloudFront counts of the distribution before the API, where there is one."""
INVOKED = {"GetLine": "line calls", "ReportSessions": "reports"}
"""Function -> its invocations: what reached the API that is no login, the first through the edge, the other past it."""
PASSED_ON, MOSTLY = 20, 0.9
"""More looks a second than all caches of an edge should pass on, each one a second; and the share of looks that a busy
edge answers by itself, at the least."""
PERIOD = MINUTE
"""What one value of a metric is the sum of, ms."""
FEW_FAIL = 100
"""One failed call in so many is no trouble of the whole."""
MANY_REFUSED, SOME = 5, 10
"""One refused call in so many is trouble, if there are at least ten of them: a throttle, or wrong tokens or keys."""
SILENT = 3 * MINUTE
"""For how long settling, which is due each minute, may be late, ms: as long as `SettleSilentAlarm` waits."""
OLD = 30 * SECOND
"""When the metrics should have been read again, ms: that is three readings of `queue watch`."""
_WHY_REFUSED = (
    "the throttle (RequestsPerSecond), ID tokens that are not of this game, or a game server's wrong key: "
    "`loginq doctor`, `loginq servers list`"
)
_THROTTLED = {
    "functions": (
        "calls of functions were throttled",
        "the account's Lambda concurrency, or a reserved part, is used up: `loginq doctor --players N --within T`",
    ),
    "table": ("reads or writes of the table were throttled", "WarmReads and WarmWrites make room"),
    "sign_ins": ("sign-ins were turned away by Cognito", "`loginq doctor --players N --within T` says what to ask for"),
}
"""What may be throttled, what to say of it, and what to do."""


@dataclass(frozen=True, slots=True)
class Door:
    """What was read at the instant `t`.

    Args:
        window: of which time the counts are, ms.
        counts: `Count`, `4XXError`, `5XXError`, each `error.code`, how many were throttled, by what, and what `TRUTH`
            names; what is not in it was not measured.
        newest: until when the newest value reaches, ms; None where there was none.
        ringing: the alarms that ring, by their names in the template; None where that could not be read.
        unread: what was asked for, and why there was no answer; empty when all is known.
        counted: where what `TRUTH` names is of those whose places were counted lately: of which time, ms; None where
            it is of those who were let in within the window.
    """

    t: int
    window: int
    counts: Mapping[str, int]
    newest: int | None = None
    ringing: tuple[str, ...] | None = None
    unread: str = ""
    counted: int | None = None

    @property
    def age(self) -> int | None:
        """How old the newest value is, ms: AWS counts a minute or two late."""
        return None if self.newest is None else max(0, self.t - self.newest)

    @property
    def failed(self) -> int:
        """The calls that failed, without those that were told that the queue is closed: they are 5XXError, too."""
        return max(0, self.counts.get(FAILED, 0) - self.counts.get(QueueClosed.code, 0))

    @property
    def refused(self) -> int:
        """The calls that were refused, and that neither an operator nor a ticket's age explains."""
        meant = self.counts.get(Blocked.code, 0) + self.counts.get(TicketExpired.code, 0)
        return max(0, self.counts.get(REFUSED, 0) - meant)

    @property
    def waiting_times(self) -> dict[str, int] | None:
        """How many were told, late, untold; None where that is not measured."""
        return {what: self.counts[what] for what in TRUTH} if TRUTH.keys() <= self.counts.keys() else None

    @property
    def looks(self) -> tuple[int, int] | None:
        """How many looks at the public line came to the edge, and how many of them it answered; None without one.

        What came to the edge is looks and all that it passed on to the API: there, what is neither look nor report.
        """
        if not {EDGE, CALLS, *INVOKED.values()} <= self.counts.keys():
            return None
        fetched, reports = (self.counts[each] for each in INVOKED.values())
        looks = max(0, self.counts[EDGE] - max(0, self.counts[CALLS] - fetched - reports))
        return looks, max(0, looks - fetched)

    @property
    def edge(self) -> dict[str, Any] | None:
        """The JSON form of what the edge did; None without one, or where it is not known."""
        if self.looks is None:
            return None
        looks, answered = self.looks
        share = round(answered / looks, 4) if looks else None
        return {"looks": looks, "answered": answered, "share": share, "errors_5xx": self.counts.get(EDGE_FAILED)}

    def edge_words(self) -> str:
        """That in a line; empty without an edge."""
        if self.looks is None:
            return ""
        looks, answered = self.looks
        share = f", {100 * answered / looks:.1f} % answered by it" if looks else ""
        return f"{looks:,} looks in {self.span}{share}"

    def _edge_faults(self) -> list[tuple[str, str]]:
        """What the edge failed at by itself, or passes on though it should keep it."""
        said = []
        asked, own = self.counts.get(EDGE, 0), self.counts.get(EDGE_FAILED, 0) - self.counts.get(FAILED, 0)
        if own > 0 and own * FEW_FAIL >= asked:
            says = f"{own:,} of {asked:,} requests failed at the edge (5xx) in {self.span}{self._old}"
            said.append((says, "`loginq doctor` asks through it, and past it; then AWS's own page on its health"))
        looks, answered = self.looks or (0, 0)
        if (looks - answered) * SECOND > PASSED_ON * self.window and answered < MOSTLY * looks:
            says = f"the edge answers {answered / looks:.0%} of {looks:,} looks by itself in {self.span}{self._old}"
            said.append((says, "what it should keep for a second reaches the API: `loginq doctor`"))
        return said

    def document(self) -> dict[str, Any]:
        """The JSON form; null for what was not measured or could not be read."""
        return {
            "window_seconds": self.window // SECOND,
            "metrics_age_seconds": None if self.age is None else self.age // SECOND,
            "calls": self.counts.get(CALLS),
            "errors_4xx": self.counts.get(REFUSED),
            "errors_5xx": self.counts.get(FAILED),
            "refused": {code: self.counts.get(code) for code in REFUSALS},
            "throttled": {what: self.counts.get(what) for what in _THROTTLED},
            "waiting_times": self.waiting_times,
            "edge": self.edge,
            "alarms": None if self.ringing is None else list(self.ringing),
            "unread": self.unread,
        }

    def words(self) -> str:
        """In a line."""
        if CALLS not in self.counts:
            return "not known"
        said = f"{self.counts[CALLS]:,} calls in {self.span}, {self._of(REFUSED, '4xx')}, {self._of(FAILED, '5xx')}"
        refusals = [f"{self.counts[code]:,} {code}" for code in REFUSALS if self.counts.get(code)]
        return ", ".join([said, *refusals]) + self._old

    def _of(self, metric: str, name: str) -> str:
        return f"{self.counts[metric]:,} {name}" if metric in self.counts else f"{name} not known"

    @property
    def span(self) -> str:
        """The window in words."""
        return _last(self.window)

    @property
    def told_within(self) -> str:
        """Whose waiting times those of `waiting_times` are, in words."""
        return f"let in within {self.span}" if self.counted is None else f"counted within {_last(self.counted)}"

    @property
    def _old(self) -> str:
        return f" (metrics {self.age // MINUTE} min old)" if self.age is not None and self.age >= MINUTE else ""

    def faults(self) -> list[tuple[str, str]]:
        """What is wrong by the counts, the worst first, and what to do about each."""
        calls, said = self.counts.get(CALLS, 0), list[tuple[str, str]]()
        if self.failed and self.failed * FEW_FAIL >= calls:
            says = f"{self.failed:,} of {calls:,} calls of the API failed (5xx) in {self.span}{self._old}"
            said.append((says, "`loginq logs --level ERROR` and `loginq doctor` say why"))
        if self.refused >= SOME and self.refused * MANY_REFUSED >= calls:
            says = f"{self.refused:,} of {calls:,} calls of the API were refused (4xx) in {self.span}{self._old}"
            said.append((says, _WHY_REFUSED))
        said += self._edge_faults()
        said += [
            (f"{self.counts[what]:,} {says}", do) for what, (says, do) in _THROTTLED.items() if self.counts.get(what)
        ]
        return said

    def unseen(self, t: int) -> str:
        """What cannot be seen at the instant `t`, ms, and why; empty when all is known."""
        if not self.unread and t - self.t <= OLD:
            return ""
        why = self.unread or f"AWS has not answered for {(t - self.t) // SECOND} s"
        return f"the front door cannot be seen: {why}"

    def troubles(self, t: int) -> list[str]:
        """All that is wrong at the instant `t`, ms, the worst first, each with what to do."""
        ringing = [f"{name} rings: `loginq guide alarms` says what to do" for name in self.ringing or ()]
        return [*(f"{says}: {do}" for says, do in self.faults()), *ringing, *filter(None, [self.unseen(t)])]


def _last(window: int) -> str:
    return "the last minute" if window == MINUTE else f"the last {window // MINUTE} min"


def silence(settled_at: int, t: int) -> list[str]:
    """What to say at `t` when settling ran last at `settled_at`, ms; 0 where that is not known."""
    if not settled_at or t - settled_at <= SILENT:
        return []
    return [
        f"settling has not run for {(t - settled_at) // MINUTE} min: no-shows keep their places, and synthetic players "
        "stand still: `loginq doctor`, `loginq logs settle_line`"
    ]
