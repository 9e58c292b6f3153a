"""The target: one deployed stack, by the names that `.env`, the environment and its outputs have for it."""

from collections.abc import Container, Mapping
from dataclasses import dataclass, replace
from typing import Any, Self
from urllib.parse import urlsplit

from loginq.service.rules.errors import Invalid, NoTarget

DEFAULT_STACK = "loginq"


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


EDGE_NAMES = {
    "sessions_url": "LOGINQ_SESSIONS_ENDPOINT",
    "issuer": "LOGINQ_ISSUER",
    "provider": "LOGINQ_IDENTITY_ISSUER",
}
"""What is there besides: where game servers have another address than clients, where tokens name another than theirs,
and where players have accounts of another provider."""
_WHERE = {"sessions_url": "SessionsEndpoint", "issuer": "Issuer"}


_OF_A_POOL = ("client_id", "user_pool_id")
"""What is not there with such accounts."""


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


def needed(given: Container[str]) -> list[str]:
    """The names that a target must have, besides those that are `given`."""
    left_out = _OF_A_POOL if EDGE_NAMES["provider"] in given else ()
    return [name for field, name in NAMES.items() if field not in left_out and name not in given]


def in_words(stack: str, region: str | None, endpoint_url: str | None = None, account: str | None = None) -> str:
    """A target in words: `aws 123456789012 ap-northeast-2 loginq`, `emulator 127.0.0.1:4566 loginq`.

    What is not known is left out: of a place on AWS whoever asks nobody may know neither account nor region.
    """
    if endpoint_url:
        return f"emulator {urlsplit(endpoint_url).netloc} {stack}"
    return " ".join(filter(None, ("aws", account, region, stack)))


@dataclass(frozen=True, slots=True)
class Target:
    """One deployed stack. URLs have no slash at their end.

    Args:
        api_url: where clients ask: the domain, else the edge, else the API itself.
        sessions_url: where game servers do, where that is another one.
        issuer: what admission tokens name, where that is none of game servers' addresses: a domain at an edge, or on an
            emulator.
        provider: the issuer of the players' accounts where these are not of a user pool; then pool and client are "".
    """

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
    sessions_url: str | None = None
    issuer: str | None = None
    provider: str | None = None

    @property
    def own_url(self) -> str:
        """Where game servers ask, past an edge: what they report is signed for it."""
        return self.sessions_url or self.api_url

    @property
    def iss(self) -> str:
        """What admission tokens name: no edge changes it, nor another stack behind the same domain."""
        return self.issuer or self.own_url

    @classmethod
    def from_names(cls, given: Mapping[str, str]) -> Self:
        """The target that `.env` and the environment name together.

        Raises `NoTarget`, naming what is missing.
        """
        missing = needed({name for name, value in given.items() if value})
        if missing:
            nothing = len(missing) >= len(NAMES) - 1
            raise NoTarget(
                "No target: neither .env nor the environment names one."
                if nothing
                else f"No target: {', '.join(missing)} not set, here or in .env.",
                "Run `loginq deploy` here, go to the folder of your .env, or name a stack: `loginq --stack NAME …`.",
            )
        endpoint = given.get("AWS_ENDPOINT_URL") or None
        fields = {field: given.get(name, "") for field, name in NAMES.items()}
        more = {**EDGE_NAMES, **(EMULATOR_NAMES if endpoint else PLACE_NAMES)}
        fields |= {field: given[name] for field, name in more.items() if given.get(name)}
        return cls(**fields)._checked()

    @classmethod
    def from_outputs(cls, stack: str, region: str, outputs: Mapping[str, str], **place: Any) -> Self:
        """The target that a stack's outputs describe, at a place. Raises `NoTarget` when it is not one of ours."""
        provider = outputs.get("IdentityIssuer")
        wanted = {field: name for field, name in OUTPUTS.items() if not provider or field not in _OF_A_POOL}
        missing = [name for name in wanted.values() if name not in outputs]
        if missing:
            raise NoTarget(f"The stack {stack!r} is not a loginq: it has no output {missing[0]}.")
        fields = {field: outputs.get(name, "") for field, name in OUTPUTS.items()}
        fields |= {field: outputs[name] for field, name in _WHERE.items() if name in outputs}
        return cls(stack, region, **fields, provider=provider, **place)._checked()

    @property
    def words(self) -> str:
        """It in words, as far as it is known without asking."""
        return in_words(self.stack, self.region, self.endpoint_url, self.account)

    def names(self) -> dict[str, str]:
        """The same as lines of `.env`."""
        every = {**NAMES, **EDGE_NAMES, **PLACE_NAMES, **EMULATOR_NAMES}
        return {name: str(getattr(self, field)) for field, name in every.items() if getattr(self, field)}

    def _checked(self) -> Self:
        named = ((NAMES, "api_url", self.api_url), (EDGE_NAMES, "sessions_url", self.own_url))
        for name, url in ((names[field], url) for names, field, url in (*named, (EDGE_NAMES, "issuer", self.iss))):
            if not url.startswith(("https://", "http://")):
                raise Invalid(f"{name} is not a URL: {url!r}.", "Deploy again to write .env anew.")
        api, own, iss = (url.rstrip("/") for url in (self.api_url, self.own_url, self.iss))
        return replace(self, api_url=api, sessions_url=None if own == api else own, issuer=None if iss == own else iss)
