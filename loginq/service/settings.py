"""The target, read once: which queue, where, and by which rules."""

import re
from collections.abc import Mapping
from dataclasses import dataclass, replace
from typing import Any, Self

from loginq.service.rules.errors import Invalid, NoTarget
from loginq.service.rules.line import DEFAULT_LEASE, Line
from loginq.service.rules.rates import parse_rate
from loginq.service.rules.times import MINUTE, SECOND

DEFAULT_STACK = "loginq"


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
NAMES = {
    "client_id": "COGNITO_USER_CLIENT_ID",
    "api_url": "AWSOMEGAME_REST_ENDPOINT",
    "table": "DYNAMO_TABLE_NAME",
    "sqs_url": "SQS_URL",
    "user_pool_id": "COGNITO_USER_POOL_ID",
    "stack": "LOGINQ_STACK",
    "region": "AWS_DEFAULT_REGION",
}
"""What `.env` and the environment call the fields of a target."""
PLACE_NAMES = {"account": "LOGINQ_ACCOUNT", "profile": "AWS_PROFILE"}
"""What is there besides when the target is on AWS, and known."""
EMULATOR_NAMES = {
    "endpoint_url": "AWS_ENDPOINT_URL",
    "access_key": "AWS_ACCESS_KEY_ID",
    "secret_key": "AWS_SECRET_ACCESS_KEY",
}
"""What is there besides when the target is an emulator."""
OUTPUTS = {
    "client_id": "UserClientId",
    "api_url": "RestEndpoint",
    "table": "TableName",
    "sqs_url": "IntakeUrl",
    "user_pool_id": "UserPoolId",
}
"""What the stack's outputs call them."""


@dataclass(frozen=True, slots=True)
class Target:
    """One deployed stack. The API's URL has no slash at its end."""

    stack: str
    region: str
    table: str
    sqs_url: str
    user_pool_id: str
    client_id: str
    api_url: str
    endpoint_url: str | None = None
    access_key: str | None = None
    secret_key: str | None = None
    account: str | None = None
    profile: str | None = None

    @classmethod
    def from_names(cls, given: Mapping[str, str]) -> Self:
        """The target that `.env` and the environment name together.

        Raises `NoTarget`, naming what is missing.
        """
        missing = [name for name in NAMES.values() if not given.get(name)]
        if missing:
            nothing = len(missing) >= len(NAMES) - 1
            raise NoTarget(
                "No target: neither .env nor the environment names one."
                if nothing
                else f"No target: {', '.join(missing)} not set, here or in .env.",
                "Run `loginq deploy` here, go to the folder of your .env, or name a stack: `loginq --stack NAME …`.",
            )
        endpoint = given.get("AWS_ENDPOINT_URL") or None
        fields = {field: given[name] for field, name in NAMES.items()}
        more = EMULATOR_NAMES if endpoint else PLACE_NAMES
        fields |= {field: given[name] for field, name in more.items() if given.get(name)}
        return cls(**fields)._checked()

    @classmethod
    def from_outputs(cls, stack: str, region: str, outputs: Mapping[str, str], **place: Any) -> Self:
        """The target that a stack's outputs describe, at a place. Raises `NoTarget` when it is not one of ours."""
        missing = [name for name in OUTPUTS.values() if name not in outputs]
        if missing:
            raise NoTarget(f"The stack {stack!r} is not a loginq: it has no output {missing[0]}.")
        return cls(stack, region, **{field: outputs[name] for field, name in OUTPUTS.items()}, **place)._checked()

    def names(self) -> dict[str, str]:
        """The same as lines of `.env`."""
        every = {**NAMES, **PLACE_NAMES, **EMULATOR_NAMES}
        return {name: str(getattr(self, field)) for field, name in every.items() if getattr(self, field)}

    def _checked(self) -> Self:
        if not self.api_url.startswith(("https://", "http://")):
            raise Invalid(
                f"AWSOMEGAME_REST_ENDPOINT is not a URL: {self.api_url!r}.", "Deploy again to write .env anew."
            )
        return replace(self, api_url=self.api_url.rstrip("/"))
