"""What AWS refuses late, or punishes later, of parameters that are right one by one: for deploy and doctor alike."""

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from loginq.service.rules.errors import Invalid, NotFound, Refused
from loginq.service.store.aws import Aws

TIMEOUTS = 6
"""How many timeouts of a function its queue hides a message, at the least, besides the batching window.

https://docs.aws.amazon.com/lambda/latest/dg/services-sqs-configure.html
"""
WITHOUT_WINDOW = 10
"""The largest batch that Lambda takes from a queue without a batching window; the same page."""
UNRESERVED = 100
"""Concurrency that nobody may reserve; in an account that has less, all of it.

https://docs.aws.amazon.com/lambda/latest/dg/configuration-concurrency.html
"""
REQUESTS = 10
"""Requests a second that a unit of concurrency serves at most, however short they are.

https://docs.aws.amazon.com/lambda/latest/dg/lambda-concurrency.html
"""
WARM = {"WarmReads": 12_000, "WarmWrites": 4_000}
"""Parameter -> units a second that a new table takes, and the least that may be asked for.

https://docs.aws.amazon.com/amazondynamodb/latest/developerguide/warm-throughput.html
"""
ASK = "Ask AWS for more: Service Quotas, lambda, “Concurrent executions”."


@dataclass(frozen=True, slots=True)
class Clash:
    """What cannot be, and what to do about it: two sentences. `of`: the parameters that are to blame for it."""

    says: str
    do: str
    of: frozenset[str] = frozenset()


@dataclass(frozen=True, slots=True)
class Concurrency:
    """How many functions an account runs at once, and how many of these no function has reserved, this stack's too."""

    all: int
    free: int

    def left(self, parameters: Mapping[str, str]) -> int:
        """For everything but placing, when placing runs as often as these parameters of the stack let it."""
        return self.free - max(_placing(parameters))


def ask(
    aws: Aws, parameters: Mapping[str, str], before: Mapping[str, str], table: str | None, say: Callable[[str], None]
) -> None:
    """Ask the account for what parameters want of it, and say what will be tight. Raises `Invalid` for what it denies.

    Args:
        before: the stack's parameters so far; empty for a new stack. table: its table; None for none.
    """
    try:
        concurrency = concurrency_of(aws, before)
        warm = warmth_of(aws, table)[0] if table and parameters["WarmReads"] != "0" else None
        lacking = absent(aws, parameters, before)
    except Refused as exc:
        say(f"Whether this account allows all of it could not be seen: {exc.message}")
        return
    refuse([*beyond(parameters, before, concurrency, warm), *lacking])
    if tight := cramped(parameters, concurrency):
        say(f"{tight.says} {tight.do}")


def refuse(clashes: Sequence[Clash]) -> None:
    """Raises `Invalid` with all of them, if there are any."""
    if clashes:
        raise Invalid(" ".join(each.says for each in clashes), " ".join(each.do for each in clashes))


def clashes(parameters: Mapping[str, str], *, on_aws: bool) -> list[Clash]:
    """What a stack's parameters say against one another. The emulator keeps no timeout and may hide tickets briefly."""
    found = []
    batch, window = int(parameters["BatchSize"]), int(parameters["BatchWindowSeconds"])
    if batch > WITHOUT_WINDOW and not window:
        says = f"A BatchSize of {batch}, above {WITHOUT_WINDOW}, needs a BatchWindowSeconds of at least 1."
        of = frozenset({"BatchSize", "BatchWindowSeconds"})
        found.append(Clash(says, "Give --param BatchWindowSeconds=1.", of))
    least = visibility(int(parameters["PlacingTimeoutSeconds"]), window)
    if on_aws and int(parameters["IntakeVisibilitySeconds"]) < least:
        says = (
            f"IntakeVisibilitySeconds must be at least {least}: six times PlacingTimeoutSeconds, plus "
            "BatchWindowSeconds. Otherwise SQS delivers a batch again while it is still being placed."
        )
        of = frozenset({"IntakeVisibilitySeconds", "PlacingTimeoutSeconds", "BatchWindowSeconds"})
        found.append(Clash(says, f"Give --param IntakeVisibilitySeconds={least}.", of))
    reserved, most = _placing(parameters)
    if 0 < reserved < most:
        says = (
            f"PlacingReservedConcurrency is {reserved}, less than a PlacingMaxConcurrency of {most}: what Lambda "
            "throttles is delivered again until it is a dead letter."
        )
        of = frozenset({"PlacingReservedConcurrency", "PlacingMaxConcurrency"})
        found.append(Clash(says, f"Give --param PlacingReservedConcurrency={most}, or 0 for none.", of))
    return found


def visibility(timeout: int, window: int) -> int:
    """The shortest time, s, to hide what a function of this timeout takes, in batches that gather for a window, s."""
    return TIMEOUTS * timeout + window


def beyond(
    parameters: Mapping[str, str],
    before: Mapping[str, str],
    concurrency: Concurrency,
    warm: tuple[int, int] | None,
) -> list[Clash]:
    """What this account does not give.

    Args:
        before: the stack's parameters so far; empty for a new stack. What stays as it is, is not asked for again.
        warm: reads and writes a second that the stack's table takes at once; None for no table.
    """
    found = []
    reserved, most = _placing(parameters)
    if reserved > int(before.get("PlacingReservedConcurrency", 0)):
        kept = min(UNRESERVED, concurrency.all)
        if concurrency.free - reserved < kept:
            may = concurrency.free - kept
            says = (
                f"PlacingReservedConcurrency cannot be {reserved}: this account runs {concurrency.all:,} functions at "
                f"once, {concurrency.free:,} of them are not reserved, and AWS keeps {kept} of these for all others."
            )
            give = f"Give at most {may}, or 0 for none." if may >= most else "Give 0 for none."
            found.append(Clash(says, f"{give} {ASK}"))
    wanted = {name: int(parameters[name]) for name in WARM}
    if warm and any(wanted.values()) and any(before.get(name) != parameters[name] for name in WARM):
        there = dict(zip(WARM, warm, strict=True))
        if any(wanted[name] < there[name] for name in WARM):
            words = " ".join(f"--param {name}={max(wanted[name], there[name])}" for name in WARM)
            says = (
                f"The table takes {warm[0]:,} reads/s and {warm[1]:,} writes/s already, and AWS makes none colder: "
                f"WarmReads cannot be {wanted['WarmReads']:,} with WarmWrites {wanted['WarmWrites']:,}."
            )
            found.append(Clash(says, f"Give {words}, or 0 for both."))
    return found


def absent(aws: Aws, parameters: Mapping[str, str], before: Mapping[str, str]) -> list[Clash]:
    """What the parameters rely on and the account has not; asked only where they have changed. Raises `Refused`."""
    found = []
    changed = {name: value for name, value in parameters.items() if before.get(name) != value}
    if changed.get("AccessLogs") == "true" and not aws.client("apigateway").get_account().get("cloudwatchRoleArn"):
        # https://docs.aws.amazon.com/apigateway/latest/developerguide/set-up-logging.html
        says = "AccessLogs=true needs a role by which API Gateway writes to CloudWatch, and this account has set none."
        patch = "op=replace,path=/cloudwatchRoleArn,value=ROLE_ARN"
        do = f"Set one: `aws apigateway update-account --patch-operations {patch}`, or give --param AccessLogs=false."
        found.append(Clash(says, do))
    if boundary := changed.get("PermissionsBoundaryArn"):
        try:
            aws.client("iam").get_policy(PolicyArn=boundary)
        except NotFound:
            found.append(Clash(f"There is no policy {boundary}.", "Give a PermissionsBoundaryArn that exists."))
    return found


def cramped(parameters: Mapping[str, str], concurrency: Concurrency) -> Clash | None:
    """A word about an account that runs few functions at once: a new one may have 10."""
    left = concurrency.left(parameters)
    if left >= UNRESERVED:
        return None
    polls = f"which answer at most {left * REQUESTS:,} requests/s" if left > 0 else "so that polls may fail"
    return Clash(
        f"This account runs {concurrency.all:,} functions at once. Beside placing that leaves {max(0, left)}, {polls}.",
        ASK,
    )


def concurrency_of(aws: Aws, before: Mapping[str, str]) -> Concurrency:
    """The account's. `before`: the parameters of the stack that runs; empty for none. Raises `Refused`."""
    limit = aws.client("lambda").get_account_settings()["AccountLimit"]
    reserved = int(before.get("PlacingReservedConcurrency", 0))
    return Concurrency(limit["ConcurrentExecutions"], limit["UnreservedConcurrentExecutions"] + reserved)


def warmth_of(aws: Aws, table: str) -> tuple[tuple[int, int], bool]:
    """Reads and writes a second that a table takes at once, and whether DynamoDB says so: else that of a new table."""
    said: dict[str, Any] = aws.client("dynamodb").describe_table(TableName=table)["Table"].get("WarmThroughput", {})
    reads, writes = said.get("ReadUnitsPerSecond"), said.get("WriteUnitsPerSecond")
    return (reads or WARM["WarmReads"], writes or WARM["WarmWrites"]), bool(writes)


def _placing(parameters: Mapping[str, str]) -> tuple[int, int]:
    """(Concurrency reserved for placing, batches placed at once)."""
    return int(parameters["PlacingReservedConcurrency"]), int(parameters["PlacingMaxConcurrency"])
