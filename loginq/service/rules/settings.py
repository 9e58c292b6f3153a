"""The rules of one stack, from its parameters."""

import re
from collections.abc import Mapping
from dataclasses import dataclass, replace
from typing import Self

from loginq.service.rules.errors import Invalid
from loginq.service.rules.line import DEFAULT_LEASE, Line
from loginq.service.rules.rates import parse_rate
from loginq.service.rules.times import MINUTE, SECOND


@dataclass(frozen=True, slots=True)
class Rules:
    """The parameters of the stack that the queue's rules need; durations in ms, the rate as in the line."""

    admission: int = 5 * MINUTE
    claim_window: int = 4 * MINUTE
    lease: int = DEFAULT_LEASE
    reconnect_grace: int = 5 * MINUTE
    return_rate: int = 0
    """How fast players who were in the game may come back, in thousandths of a player per second; 0 for five times the
    rate that is asked for."""
    reports_joined: bool = False
    """Whether the game servers say who joined, so that an admission that nobody used can be told."""
    initial_rate: int | str | None = None
    """As `parse_rate` reads it, where it comes from outside: only when a line is made, because a function that finds
    one has no need of it. None where no line may be made: on the command line, but for `deploy`."""

    initial_capacity: int | str | None = None
    """As text where it comes from outside, for the same reason; 0 for none."""

    def new_line(self, t: int) -> Line:
        """The line before anybody came. Raises `Invalid` for a rate or a capacity that no line can have."""
        rate, capacity = self.initial_rate, self.initial_capacity
        if isinstance(rate, str):
            rate = parse_rate(rate)
        if isinstance(capacity, str):
            capacity = _whole("INITIAL_CAPACITY", capacity) or None
        try:
            line = Line(anchored_at=t, alive_at=t).set_lease(t, self.lease).set_capacity(t, capacity)
            return line.set_rate(t, rate or 0)
        except ValueError as exc:
            raise Invalid(f"No line can be made: {exc}.", "Mend that with `loginq deploy --param`.") from exc

    @classmethod
    def of_stack(cls, parameters: Mapping[str, str]) -> Self:
        """From the parameters of a stack; what is not among them has its default."""
        return cls.parse({name: parameters[known] for known, name in PARAMETERS.items() if known in parameters})

    @classmethod
    def parse(cls, given: Mapping[str, str]) -> Self:
        """From a Lambda's environment, where durations are in seconds.

        Raises `Invalid` for a duration that is no number. What only a new line needs is not read before there is one.
        """
        names = {
            "admission": "ADMISSION_SECONDS",
            "claim_window": "CLAIM_WINDOW_SECONDS",
            "lease": "LEASE_SECONDS",
            "reconnect_grace": "RECONNECT_GRACE_SECONDS",
        }
        found = {field: _whole(name, given[name]) * SECOND for field, name in names.items() if name in given}
        return replace(
            cls(),
            **found,
            return_rate=_whole("RETURN_RATE", given.get("RETURN_RATE", "0")) * 1_000,
            reports_joined=given.get("REPORTS_JOINED") == "true",
            initial_rate=given.get("INITIAL_RATE"),
            initial_capacity=given.get("INITIAL_CAPACITY"),
        )


def _whole(name: str, text: str) -> int:
    if not re.fullmatch("[0-9]{1,18}", text):
        raise Invalid(f"{name} must be a whole number, not {text!r}.", "Mend that with `loginq deploy --param`.")
    return int(text)


PARAMETERS = {
    "AdmissionSeconds": "ADMISSION_SECONDS",
    "ClaimWindowSeconds": "CLAIM_WINDOW_SECONDS",
    "LeaseSeconds": "LEASE_SECONDS",
    "ReconnectGraceSeconds": "RECONNECT_GRACE_SECONDS",
    "ReturnRate": "RETURN_RATE",
    "ReportsJoined": "REPORTS_JOINED",
    "InitialRate": "INITIAL_RATE",
    "InitialCapacity": "INITIAL_CAPACITY",
}
"""The stack's parameters that are rules -> what a Lambda's environment calls them."""
