"""Where a launch breaks first: each limit that it meets, and how many may wait until then. Pure arithmetic, told once.

A waiting player takes a share of every limit, who comes and who is let in another: what is left over for those who
wait, divided by what one of them takes, is how many may.
"""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from loginq.deploy.limits import REQUESTS
from loginq.doctor.quotas import VERDICT
from loginq.service.rules.minute import COUNTED_A_MINUTE
from loginq.service.rules.public import MEETING
from loginq.service.rules.times import MINUTE, SECOND

JITTERED = 0.9
"""What a jittered wait is on average of the longest: https://docs.python.org/3/library/random.html#random.randint"""
PARTITION = 3_000
"""Read units a second of one partition, which an item cannot leave, however large its table.

https://docs.aws.amazon.com/amazondynamodb/latest/developerguide/bp-partition-key-design.html
"""
GLANCE = 1
"""Read units in which a warm Lambda that answers polls reads line and rules, eventually consistently, once a second."""
EDGE = 250_000
"""Requests a second of one CloudFront distribution, by default.

https://docs.aws.amazon.com/AmazonCloudFront/latest/DeveloperGuide/cloudfront-limits.html
"""
COUNTED = COUNTED_A_MINUTE * SECOND // MINUTE
"""Admissions a second that settling counts in time, whoever waits."""


@dataclass(frozen=True, slots=True)
class Asking:
    """What one waiting player asks for, on average, a second: of the API, of the public line at the edge, and of the
    authorizer of another provider."""

    calls: float
    looks: float = 0
    verdicts: float = 0


def asking(longest: int, *, edge: bool, has_pool: bool = True) -> Asking:
    """That of one who waits with this longest poll, ms: without an edge a poll, with one a look, and a meeting.

    `has_pool`: as `quotas.needs` has it.
    """
    each = SECOND / (JITTERED * longest)
    calls = SECOND / (JITTERED * MEETING) if edge else each
    return Asking(calls, each if edge else 0, 0 if has_pool else min(calls, 1 / VERDICT))


@dataclass(frozen=True, slots=True)
class Limit:
    """One limit of so many `unit` a second.

    Args:
        name, do: as the finding that is about it has them. allowed: as documented, or the account's own.
        each: how much of it one waiting player takes. taken: how much is gone before anybody waits.
    """

    name: str
    allowed: int
    unit: str
    each: float
    taken: float = 0
    do: str = ""

    @property
    def waiting(self) -> int:
        """How many may wait until it breaks."""
        return max(0, int((self.allowed - self.taken) / self.each))

    @property
    def words(self) -> str:
        """What it is."""
        return f"{self.name}, {self.allowed:,} {self.unit}/s"

    def document(self) -> dict[str, Any]:
        """The JSON form."""
        return {"what": self.name, "allowed_per_second": self.allowed, "of": self.unit, "waiting": self.waiting}


@dataclass(frozen=True, slots=True)
class Allowed:
    """What there is: by the documented defaults, unless the account says otherwise; a second but for `lambdas`.

    Args:
        throttle: the stage's own for each method; 0 for the account's. lambdas: at once, beside placing. reads: of the
            table.
    """

    throttle: int = 0
    requests: int = 10_000
    lambdas: int = 1_000
    reads: int = 12_000
    edge: int = EDGE


def limits(of: Asking, there: Allowed, newcomers: int = 0, do: Mapping[str, str] | None = None) -> list[Limit]:
    """Those that waiting players meet, the first to break first; `newcomers`: a second, each of whom calls once."""
    told = do or {}
    of_lambda = there.lambdas * REQUESTS
    found = [
        Limit("stage throttle", there.throttle, "requests", of.calls) if there.throttle else None,
        Limit("API requests", there.requests, "requests", of.calls, newcomers),
        Limit("Lambdas at once", of_lambda, "requests", of.calls + of.verdicts, newcomers * (2 if of.verdicts else 1)),
        Limit("reads of the line", PARTITION, "units", of.calls * GLANCE / REQUESTS, newcomers * 2 * GLANCE / REQUESTS),
        Limit("reads of the table", there.reads, "units", of.calls * (0.5 + GLANCE / REQUESTS), newcomers),
        Limit("CloudFront requests", there.edge, "requests", of.calls + of.looks, newcomers) if of.looks else None,
    ]
    named = [Limit(e.name, e.allowed, e.unit, e.each, e.taken, told.get(e.name, "")) for e in found if e is not None]
    return sorted(named, key=lambda each: each.waiting)


def first(of: Sequence[Limit]) -> str:
    """Which breaks first, and at how many."""
    return f"breaks first: {of[0].words}, at {about(of[0].waiting)} waiting"


def about(number: int) -> str:
    """A number as it is said: by its first three digits."""
    unit = 10 ** max(0, len(str(number)) - 3)
    return f"{number // unit * unit:,}"
