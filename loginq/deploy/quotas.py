"""A planned launch against what AWS allows: the account's own quotas, or the documented defaults where unreadable."""

from collections.abc import Callable, Iterable
from dataclasses import dataclass
from typing import Any

from loginq.service.aws import Aws
from loginq.service.errors import LoginqError
from loginq.service.polling import LONGEST
from loginq.service.times import SECOND

CALL_SECONDS = 0.1
"""Assumed: a call keeps a Lambda busy for this long, cold ones included."""
PLACING = 10
"""Batches placed at once, each by a Lambda."""


@dataclass(frozen=True, slots=True)
class Need:
    """What a launch asks of one service, per second unless the name says otherwise.

    Args:
        service, quota: how Service Quotas calls it: its code, and the name of the quota. default: as documented.
    """

    name: str
    needed: int
    service: str
    quota: str
    default: int
    do: str


@dataclass(frozen=True, slots=True)
class Held:
    """A need against what there is; `known` when that is the account's own, not the documented default."""

    need: Need
    allowed: int
    known: bool

    @property
    def enough(self) -> bool:
        """Whether there is as much as is needed."""
        return self.allowed >= self.need.needed


def needs(players: int, within: int) -> list[Need]:
    """What `players` who come evenly within `within` ms ask for at once, all of them in line at the end of it.

    The rates of a crowd that comes in a rush are higher: give the length of the rush.
    """
    per_second = -(-players * SECOND // max(1, within))
    polls = -(-players * SECOND * 10 // (9 * LONGEST))  # the longest poll, jittered downwards by up to a fifth
    requests = per_second + polls
    return [
        Need(
            "sign-ins",
            per_second,
            "cognito-idp",
            "Rate of UserAuthentication requests",
            120,
            "Ask for more, and let players sign in before the doors open: ID tokens last `IdTokenHours`.",
        ),
        Need("API requests", requests, "apigateway", "Throttle rate", 10_000, "Ask for more."),
        Need(
            "Lambdas at once",
            PLACING + round(requests * CALL_SECONDS + 0.5),
            "lambda",
            "Concurrent executions",
            1_000,
            "Ask for more; a new account may have far less than the default.",
        ),
    ]


def table_needs(players: int, within: int, rate: int) -> tuple[int, int]:
    """(reads, writes) a second that the table takes at the height; `rate` in thousandths of a player per second."""
    per_second = -(-players * SECOND // max(1, within))
    polls = -(-players * SECOND * 10 // (9 * LONGEST))
    return per_second + polls // 2 + 100, 2 * per_second + 2 * rate // 1_000 + 100


def held(aws: Aws, wanted: Iterable[Need]) -> list[Held]:
    """Each need against this account's quota, or the documented default where that cannot be read."""
    found: dict[str, dict[str, int]] = {}
    results = []
    for need in wanted:
        if need.service not in found:
            found[need.service] = _quotas(lambda service=need.service: aws.client("service-quotas").pages(  # type: ignore[misc]
                "list_service_quotas", ServiceCode=service
            ))  # fmt: skip
        value = found[need.service].get(need.quota)
        results.append(Held(need, need.default if value is None else value, value is not None))
    return results


def _quotas(pages: Callable[[], Iterable[dict[str, Any]]]) -> dict[str, int]:
    """Quotas by name; none when they cannot be read."""
    try:
        return {quota["QuotaName"]: int(quota["Value"]) for page in pages() for quota in page["Quotas"]}
    except LoginqError:
        return {}
