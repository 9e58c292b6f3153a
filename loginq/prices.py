"""What AWS asks for: a price table with its date and source, and the bill of a launch from it."""

from dataclasses import dataclass
from typing import Any

from loginq.service.polling import LONGEST
from loginq.service.times import MINUTE, SECOND

AS_OF = "2025-12"
SOURCE = "AWS list prices, us-east-1, free tiers left out: https://aws.amazon.com/pricing/"
MILLION = 1_000_000
PRICES = {
    "API Gateway requests": 3.50 / MILLION,  # REST API, first 333 million
    "Lambda requests": 0.20 / MILLION,
    "Lambda GB-seconds": 0.0000133334,  # arm64
    "DynamoDB write units": 0.625 / MILLION,  # on demand
    "DynamoDB read units": 0.125 / MILLION,
    "SQS requests": 0.40 / MILLION,
    "CloudWatch Logs GB": 0.50,
}
"""US dollars for one."""
MONTHLY_USER = 0.015
"""US dollars for a monthly active user of Cognito Essentials, after the first 10,000; once a month, whoever asks."""
CALL_GB_SECONDS = 0.5 * 0.030
"""Assumed: a call takes 30 ms of a function with 512 MB."""
LINE_BYTES = 350
"""Assumed: a log line of one call."""
WARM = 1 / 30
"""Assumed: one warm Lambda for each 30 calls a second, which reads the line once a second."""


@dataclass(frozen=True, slots=True)
class Bill:
    """How many of each thing AWS counts, and what they come to."""

    counts: dict[str, float]
    sign_ins: int

    @property
    def dollars(self) -> dict[str, float]:
        """What each comes to."""
        return {name: count * PRICES[name] for name, count in self.counts.items()}

    @property
    def total(self) -> float:
        """All of it, Cognito left out."""
        return sum(self.dollars.values())

    @property
    def cognito(self) -> float:
        """What the players cost as monthly active users, whatever stands before the game."""
        return max(0, self.sign_ins - 10_000) * MONTHLY_USER

    def document(self) -> dict[str, Any]:
        """The JSON form."""
        return {
            "requests": {name: round(count) for name, count in self.counts.items()},
            "bill": {
                "usd": {name: round(each, 2) for name, each in self.dollars.items()},
                "total_usd": round(self.total, 2),
                "cognito_monthly_users_usd": round(self.cognito, 2),
                "prices": AS_OF,
                "source": SOURCE,
            },
        }


def estimate(
    *, players: int, polls: int, admitted: int, batches: int, line_writes: int, length: int, sessions: bool
) -> Bill:
    """The bill of a launch that takes `length` ms; what is counted exactly comes from the simulation.

    Args:
        players: who press Login. polls: status calls. batches: of placed tickets. line_writes: of the line's item.
        sessions: whether game servers report who leaves.
    """
    calls = players + polls
    minutes = length / MINUTE
    seconds = length / SECOND
    reports = admitted / 100 if sessions else 0
    lambdas = calls + batches + minutes + reports
    warm = max(1.0, calls / max(1.0, seconds) * WARM)
    writes = (
        players  # /login makes the ticket
        + players  # the position
        + batches  # the roster, about
        + line_writes
        + 2 * admitted  # the valve, the admission
        + (2 * admitted if sessions else 0)  # leaving, in a transaction
    )
    reads = (
        0.5 * polls  # one row, eventually consistent
        + players  # placing reads rows consistently
        + admitted  # and so does the count
        + seconds * warm  # cached lines
        + line_writes
    )
    return Bill(
        {
            "API Gateway requests": calls + reports,
            "Lambda requests": lambdas,
            "Lambda GB-seconds": lambdas * CALL_GB_SECONDS,
            "DynamoDB write units": writes,
            "DynamoDB read units": reads,
            "SQS requests": players + 3 * batches + seconds / (LONGEST / SECOND) * 5,
            "CloudWatch Logs GB": lambdas * LINE_BYTES / 1e9,
        },
        players,
    )
