"""A planned launch against what AWS allows: the account's own quotas, or the documented defaults where unreadable."""

from collections.abc import Iterable, Mapping
from dataclasses import dataclass

from loginq.deploy.limits import REQUESTS
from loginq.service.rules.errors import LoginqError
from loginq.service.rules.polling import longest_poll
from loginq.service.rules.public import MEETING
from loginq.service.rules.times import HOUR, SECOND
from loginq.service.store.aws import Aws

LONGEST = longest_poll(HOUR, HOUR)
"""The longest poll of a crowd, ms, where neither the lease nor the claim window makes it shorter."""
BURST = 2
"""How many times its burst is a throttle's rate: as in API Gateway's own quota, 10,000/s and 5,000 at once.

https://docs.aws.amazon.com/apigateway/latest/developerguide/limits.html
"""
SMALL, LARGE = 10, 500
"""Players in a batch: the default, and for a launch that comes faster than that places. A large one needs a batching
window, because of which Lambda may hold a lone ticket for up to 20 s.

https://docs.aws.amazon.com/lambda/latest/dg/services-sqs-configure.html
"""
FUNCTIONS = 10
"""Those that place at once, by default and in `PLACED`."""
PLACED = {SMALL: 350, 100: 2_400, LARGE: 7_400}
"""Players in a batch -> players a second that are placed, the lower of two runs of `python -m tests.benchmarks rush`.

Ten functions race for the one line on a virtual clock, with calls of 5 ms and the CPU that Lambda gives for 512 MB. By
the calls alone it is 1,031, 11,024 and 52,227. Cold starts and what SQS takes between two batches are not in it.
"""


@dataclass(frozen=True, slots=True)
class Crowd:
    """Players who come evenly within `within` ms, all of them in line at the end of it, polling each `longest` ms; with
    an `edge` they look at the public line that often, and poll each ten minutes.

    The rates of a crowd that comes in a rush are higher: give the length of the rush.
    """

    players: int
    within: int
    longest: int = LONGEST
    edge: bool = False

    @property
    def per_second(self) -> int:
        """How many come each second."""
        return -(-self.players * SECOND // max(1, self.within))

    @property
    def polls(self) -> int:
        """How many polls come each second: the longest poll is jittered downwards by up to a fifth."""
        return -(-self.players * SECOND * 10 // (9 * (MEETING if self.edge else self.longest)))

    @property
    def looks(self) -> int:
        """How many looks at the public line come each second to the edge."""
        return -(-self.players * SECOND * 10 // (9 * self.longest)) if self.edge else 0


VERDICT = 300
"""Seconds for which API Gateway keeps what the authorizer says of a token, as the template has it."""


@dataclass(frozen=True, slots=True)
class Need:
    """What a launch asks of one service, per second unless the name says otherwise.

    Args:
        service, quota: how Service Quotas calls it: its code, and the name of the quota. default: as documented.
        only_if: on what condition, where that is for the operator to know; empty for always.
    """

    name: str
    needed: int
    service: str
    quota: str
    default: int
    do: str
    only_if: str = ""


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


def needs(crowd: Crowd, placing: int = FUNCTIONS, *, has_pool: bool = True) -> list[Need]:
    """What a crowd asks for at the height. `placing`: batches placed at once by Lambdas that share the account's.

    `has_pool`: whether players sign in at Cognito; else each who comes costs a call of the authorizer, and another one
    each `VERDICT`.

    Sources of the defaults: https://docs.aws.amazon.com/cognito/latest/developerguide/quotas.html,
    https://docs.aws.amazon.com/apigateway/latest/developerguide/limits.html,
    https://docs.aws.amazon.com/lambda/latest/dg/gettingstarted-limits.html
    """
    requests = crowd.per_second + crowd.polls
    calls = requests if has_pool else requests + crowd.per_second + min(crowd.polls, crowd.players // VERDICT)
    return [
        *(_of_cognito(crowd) if has_pool else []),
        Need("API requests", requests, "apigateway", "Throttle rate", 10_000, "Ask for more."),
        Need(
            "Lambdas at once",
            placing + -(-calls // REQUESTS),
            "lambda",
            "Concurrent executions",
            1_000,
            "Ask for more; a new account may have far less than the default.",
        ),
    ]


def _of_cognito(crowd: Crowd) -> list[Need]:
    return [
        Need(
            "sign-ins",
            crowd.per_second,
            "cognito-idp",
            "Rate of UserAuthentication requests",
            120,
            "Ask for more, and let players sign in before the doors open: ID tokens last `IdTokenHours`.",
        ),
        Need(
            "sign-ups",
            2 * crowd.per_second,  # SignUp and ConfirmSignUp
            "cognito-idp",
            "Rate of UserCreation requests",
            50,
            "Ask for more, and let players make their accounts before the doors open.",
            "if nobody has an account yet",
        ),
    ]


def table_needs(crowd: Crowd, rate: int) -> tuple[int, int]:
    """(reads, writes) a second that the table takes at the height; `rate` in thousandths of a player per second."""
    return crowd.per_second + crowd.polls // 2 + 100, 2 * crowd.per_second + 2 * rate // 1_000 + 100


def throttle_needs(crowd: Crowd) -> tuple[int, int]:
    """(requests a second, requests at once) that the stage lets through for each method: /login has its own share."""
    rate = max(crowd.per_second, crowd.polls)
    return rate, -(-rate // BURST)


def placed(batch: int, functions: int) -> int:
    """Players a second that are placed in batches of this size by so many functions at once; more than ten add none."""
    size = max((size for size in PLACED if size <= batch), default=SMALL)
    return PLACED[size] * min(batch, size) * min(functions, FUNCTIONS) // (size * FUNCTIONS)


def held(aws: Aws, wanted: Iterable[Need]) -> list[Held]:
    """Each need against this account's quota, or the documented default where that cannot be read."""
    found: dict[str, Mapping[str, int]] = {}
    results = []
    for need in wanted:
        if need.service not in found:
            found[need.service] = _quotas(aws, need.service)
        value = found[need.service].get(need.quota)
        results.append(Held(need, need.default if value is None else value, value is not None))
    return results


def _quotas(aws: Aws, service: str) -> Mapping[str, int]:
    """Quotas by name; none when they cannot be read. Of Lambda's concurrency what no function has reserved."""
    if aws.endpoint_url is not None:
        return {}  # those of an emulator are nobody's
    try:
        if service == "lambda":
            limit = aws.client("lambda").get_account_settings()["AccountLimit"]
            return {"Concurrent executions": limit["UnreservedConcurrentExecutions"]}
        pages = aws.client("service-quotas").pages("list_service_quotas", ServiceCode=service)
        return {quota["QuotaName"]: int(quota["Value"]) for page in pages for quota in page["Quotas"]}
    except LoginqError:
        return {}
