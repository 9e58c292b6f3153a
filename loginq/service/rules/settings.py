"""The rules of one stack, from its parameters."""

import re
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field, fields
from typing import Any, Self

from loginq.service.rules.errors import Invalid
from loginq.service.rules.gate import DEFAULT_LEASE
from loginq.service.rules.line import Line
from loginq.service.rules.rates import parse_rate
from loginq.service.rules.times import MINUTE, SECOND

EVENTS, COUNTS = "events", "counts"
"""What game servers report: who joined and who left, or how many they hold."""


def _whole(text: str) -> int:
    if not re.fullmatch("[0-9]{1,18}", text):
        raise Invalid(f"It must be a whole number, not {text!r}.", "Mend that with `loginq deploy --param`.")
    return int(text)


def _kind(text: str) -> str:
    if text not in (EVENTS, COUNTS):
        raise Invalid(f"It must be {EVENTS} or {COUNTS}, not {text!r}.", "Mend that with `loginq deploy --param`.")
    return text


def _rule(parameter: str, read: Callable[[str], Any], default: Any) -> Any:
    """A rule that the stack's `parameter` says, in words that `read` understands."""
    return field(default=default, metadata={"parameter": parameter, "read": read})


def _seconds(parameter: str, default: int) -> Any:
    return _rule(parameter, lambda text: _whole(text) * SECOND, default)


@dataclass(frozen=True, slots=True)
class Rules:
    """The parameters of the stack that the queue's rules need; durations in ms, rates in thousandths of a player a
    second.

    Each is an attribute of the row `RULES` by its name here, so that a rule of another name or another unit is
    another rule.
    """

    admission: int = _seconds("AdmissionSeconds", 5 * MINUTE)
    claim_window: int = _seconds("ClaimWindowSeconds", 4 * MINUTE)
    lease: int = _seconds("LeaseSeconds", DEFAULT_LEASE)
    reconnect_grace: int = _seconds("ReconnectGraceSeconds", 5 * MINUTE)
    return_rate: int = _rule("ReturnRate", lambda text: _whole(text) * 1_000, 0)
    """How fast players who were in the game may come back; 0 for five times the rate that is asked for."""
    session_reports: str = _rule("SessionReports", _kind, EVENTS)
    """By what the game servers say who is in the game: `EVENTS` or `COUNTS`."""
    reports_joined: bool = _rule("ReportsJoined", lambda text: text == "true", default=False)
    """Whether the game servers say who joined, so that an admission that nobody used can be told; of events only."""
    max_rate: int = _rule("MaxRate", parse_rate, 0)
    """What no rate passes; 0 for no such limit."""
    mean_session: int = _rule("MeanSessionMinutes", lambda text: _whole(text) * MINUTE, 0)
    """About how long players stay in the game; 0 where nobody says it."""
    initial_rate: int = _rule("InitialRate", parse_rate, 20_000)
    initial_capacity: int | None = _rule("InitialCapacity", lambda text: _whole(text) or None, None)

    @property
    def by_counts(self) -> bool:
        """Whether what game servers count is all by which it is known who has left."""
        return self.session_reports == COUNTS

    def new_line(self, t: int) -> Line:
        """The line before anybody came. Raises `Invalid` for a rate or a capacity that no line can have."""
        try:
            line = self.bound(Line(anchored_at=t, alive_at=t), t).set_capacity(t, self.initial_capacity)
            return line.set_rate(t, self.initial_rate)
        except ValueError as exc:
            raise Invalid(f"No line can be made: {exc}.", "Mend that with `loginq deploy --param`.") from exc

    def bound(self, line: Line, t: int) -> Line:
        """The line with those rules that are its fields, too. Raises `ValueError` for what no line can have."""
        return line.set_lease(t, self.lease).set_max_rate(t, self.max_rate)

    @classmethod
    def of_stack(cls, parameters: Mapping[str, str]) -> Self:
        """From the parameters of a stack; what is not among them has its default.

        Raises `Invalid` for one that cannot be read.
        """
        found = {}
        for rule in fields(cls):
            name = rule.metadata["parameter"]
            if name in parameters:
                try:
                    found[rule.name] = rule.metadata["read"](parameters[name])
                except Invalid as exc:
                    raise Invalid(f"{name} cannot be {parameters[name]!r}: {exc.message}", exc.hint) from exc
        return cls(**found)


PARAMETERS = tuple(rule.metadata["parameter"] for rule in fields(Rules))
"""The stack's parameters that are rules."""
