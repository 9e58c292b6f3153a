"""What AWS asks for: a price table with its date and source, and from it the bill of a launch and of an idle month."""

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

from loginq.service.rules.times import MINUTE

AS_OF = "2026-11"
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
    "Data out GB": 0.09,
    "CloudFront requests": 1.00 / MILLION,  # HTTPS, from the US, Canada and Mexico; 1.20 from Europe
    "CloudFront GB out": 0.085,  # the first 10 TB, in America and Europe
    "CloudWatch alarm metrics": 0.10,  # a month, standard resolution
    "CloudWatch dashboards": 3.00,  # a month
    "Secrets Manager secrets": 0.40,  # a month
    "WAF web ACLs": 5.00,  # a month
    "WAF rules": 1.00,  # a month, a group of AWS's own is one
}
"""US dollars for one."""
USER_TIERS = ((10_000, 0.0), (100_000, 0.0055), (1_000_000, 0.0046), (10_000_000, 0.00325), (float("inf"), 0.0025))
"""Up to how many monthly active users of Cognito Lite each costs how many US dollars; once a month, whoever asks.

https://aws.amazon.com/cognito/pricing/, list price. Essentials, Cognito's own default, costs 0.015 for each after the
first 10,000.
"""
MONTH = 30 * 24 * 60
"""Minutes."""
POLLERS, LONG_POLL = 5, 20
"""Lambda's pollers of an idle queue, and the seconds that each of their calls waits.

https://docs.aws.amazon.com/lambda/latest/dg/services-sqs-scaling.html
"""
GB, RUN_GB = 0.5, 1.0
"""Of memory, of each function; of settle_line, whose counting is CPU time, twice as much."""
CALL_GB_SECONDS = GB * 0.008
"""A call takes 8 ms: 1 to 3 ms of CPU as measured, at its share of a core; DynamoDB's answers, assumed 4 ms each."""
PLACING_GB_SECONDS = GB * 0.0007
"""To place one player: 500 take 338 ms, measured and assumed like that."""
SQS_BATCH = 10
"""Messages that one request takes or deletes, however large the batches are that Lambda makes of them."""
ANSWER_BYTES, LOOK_BYTES = 1_000, 1_100
"""What an answer has with its headers, 970 as measured; and assumed: what the public line has, with CloudFront's."""
LINE_BYTES = 260
"""What a call logs: 234 for its own line (216 as measured, with a shorter sub), and 26 that CloudWatch adds to each."""
RUN_SECONDS, CALL_SECONDS = 0.05, 0.01
"""Assumed: what a warm run of settle_line with 1 GB takes by itself, and for each call of DynamoDB."""
WARM_RUN = RUN_GB * RUN_SECONDS
SERVED = 10
"""Calls a second that a Lambda serves at most, so that a crowd makes one of as many; each reads line and rules once a
second.

https://docs.aws.amazon.com/lambda/latest/dg/lambda-concurrency.html
"""
GLANCE, LINE_READ = 1, 2
"""Read units of that: of a poll, eventually consistent; of whatever else goes by the line."""
PLACE_BYTES, UNIT = 20, 1_024
"""Of a roster for each place in it, about; and what a write unit writes."""
RUN_READS, SHARD_READS, PER_SHARD = 80, 3.5, 50
"""Read units of a run of settle_line while something moves: for what it always reads, and for each shard of the valve,
of which there is one for so many players a second."""


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
        """What the players cost as monthly active users of Cognito Lite, whatever stands before the game."""
        lows = (0, *(up_to for up_to, _ in USER_TIERS))
        return sum(
            max(0, min(self.sign_ins, up_to) - low) * price
            for low, (up_to, price) in zip(lows, USER_TIERS, strict=False)
        )

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
    *,
    players: int,
    polls: int,
    admitted: int,
    batches: int,
    line_writes: int,
    length: int,
    sessions: bool,
    looks: int = 0,
    origin_looks: int = 0,
) -> Bill:
    """The bill of a launch that takes `length` ms; what is counted exactly comes from the simulation.

    Args:
        players: who press Login. polls: status calls. batches: of placed tickets. line_writes: of the line's item.
        sessions: whether game servers report who leaves.
        looks: at the public line, through an edge, which then passes on `players` and `polls`, too; 0 without one.
        origin_looks: those of them that came to the function.
    """
    calls, minutes = players + polls, length / MINUTE
    asked = calls + origin_looks + (admitted / 100 if sessions else 0)
    lambdas = asked + batches + minutes
    out = calls * ANSWER_BYTES / 1e9
    counts = {
        "API Gateway requests": asked,
        "Lambda requests": lambdas,
        "Lambda GB-seconds": asked * CALL_GB_SECONDS + players * PLACING_GB_SECONDS + (batches + minutes) * WARM_RUN,
        "DynamoDB write units": _writes(players, admitted, batches, sessions) + line_writes + minutes,
        "DynamoDB read units": _reads(players, polls, admitted, sessions)
        + _line_reads(players + origin_looks, polls, line_writes)
        + _runs(admitted, minutes),
        "SQS requests": players * (1 + 2 / SQS_BATCH) + minutes * (60 / LONG_POLL * POLLERS + 1),
        "CloudWatch Logs GB": lambdas * LINE_BYTES / 1e9,
        "Data out GB": 0 if looks else out,  # what goes to CloudFront is free
    }
    if looks:
        counts |= {"CloudFront requests": calls + looks, "CloudFront GB out": out + looks * LOOK_BYTES / 1e9}
    return Bill(counts, players)


def _writes(players: int, admitted: int, batches: int, sessions: bool) -> float:
    """Write units: ticket, position, roster; the valve and the admission; leaving, in a transaction."""
    rosters = batches * max(1, players / max(1, batches) * PLACE_BYTES / UNIT)
    return 2 * players + rosters + 2 * admitted + (2 * admitted if sessions else 0)


def _reads(players: int, polls: int, admitted: int, sessions: bool) -> float:
    """Read units of the players' rows: those of polls and of the count are eventually consistent, the others not."""
    return 0.5 * polls + players + 0.5 * admitted + (admitted if sessions else 0)


def _line_reads(calls: int, polls: int, line_writes: int) -> float:
    """Those of the line and its rules by all Lambdas that answer, as many as Lambda needs at least, and by writers."""
    return (polls * GLANCE + calls * LINE_READ) / SERVED + LINE_READ * line_writes


def _runs(admitted: int, minutes: float) -> float:
    """Those of settle_line, the players' rows apart."""
    shards = 1 + admitted / max(1.0, minutes) / 60 // PER_SHARD
    return minutes * (RUN_READS + SHARD_READS * shards)


@dataclass(frozen=True, slots=True)
class Run:
    """What one run of settle_line asks of DynamoDB: how many calls, read and write units."""

    calls: int
    reads: float
    writes: float


def idle(resources: Mapping[str, Mapping[str, Any]], run: Run) -> Bill:
    """The bill of a month in which nobody comes.

    Args:
        resources: those of the template that a stack has. run: of settle_line, the one function that works then.
    """
    kinds = [each["Type"] for each in resources.values()]
    acls = [each["Properties"] for each in resources.values() if each["Type"] == "AWS::WAFv2::WebACL"]
    return Bill(
        {
            "CloudWatch alarm metrics": sum(map(_watched, resources.values())),
            "CloudWatch dashboards": kinds.count("AWS::CloudWatch::Dashboard"),
            "Secrets Manager secrets": kinds.count("AWS::SecretsManager::Secret"),
            "WAF web ACLs": len(acls),
            "WAF rules": sum(len(each["Rules"]) for each in acls),
            "SQS requests": MONTH * 60 / LONG_POLL * POLLERS + MONTH,  # and a look at the intake in each run
            "Lambda requests": MONTH,
            "Lambda GB-seconds": MONTH * RUN_GB * (RUN_SECONDS + run.calls * CALL_SECONDS),
            "DynamoDB read units": MONTH * run.reads,
            "DynamoDB write units": MONTH * run.writes,
            "CloudWatch Logs GB": MONTH * LINE_BYTES / 1e9,
        },
        0,
    )


def _watched(resource: Mapping[str, Any]) -> int:
    """How many metrics an alarm is charged for: metric math for each that it reads."""
    if resource["Type"] != "AWS::CloudWatch::Alarm":
        return 0
    return sum("MetricStat" in each for each in resource["Properties"].get("Metrics", ())) or 1
