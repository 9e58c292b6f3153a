"""AWS as a script: botocore's own clients, whose calls are checked against the service's model and answered here."""

from collections.abc import Callable
from dataclasses import dataclass
from functools import cache
from types import SimpleNamespace
from typing import Any

from loginq.service.store.aws import Aws

Answer = Callable[[dict[str, Any]], dict[str, Any]]


@cache
def _client(service: str, region: str | None, endpoint_url: str | None) -> Any:
    keys = {"aws_access_key_id": "testing", "aws_secret_access_key": "testing"}
    return Aws._client(Aws(region, endpoint_url, keys), service)


@dataclass
class Refusal(Exception):
    """An error of AWS, to be raised by an answer."""

    code: str
    message: str = "no."
    status: int = 400


class Scripted(Aws):
    """AWS that gives `answers`: operation -> a function of its parameters. `calls` are those made, in order."""

    def __init__(self, answers: dict[str, Answer], region: str = "eu-west-1", endpoint_url: str | None = None) -> None:
        super().__init__(region, endpoint_url)
        self._answers = answers
        self.calls: list[tuple[str, dict[str, Any]]] = []

    def made(self, *operations: str) -> list[dict[str, Any]]:
        """The parameters of the calls of some operations."""
        return [parameters for operation, parameters in self.calls if operation in operations]

    def _client(self, service: str) -> Any:
        """A client that the last script to ask for it answers: making one takes a tenth of a second."""
        client = _client(service, self.region, self.endpoint_url)
        for event, handler in (("provide-client-params.*.*", self._noted), ("before-call.*.*", self._answered)):
            client.meta.events.unregister(event, unique_id=event)
            client.meta.events.register_first(event, handler, unique_id=event)
        return client

    def _noted(self, params: dict[str, Any], context: dict[str, Any], **_: Any) -> None:
        context["given"] = dict(params)

    def _answered(self, model: Any, context: dict[str, Any], **_: Any) -> tuple[Any, dict[str, Any]]:
        given = context["given"]
        self.calls.append((model.name, given))
        if model.name not in self._answers:
            raise AssertionError(f"{model.name} was not expected: {given}")
        try:
            answer, status = self._answers[model.name](given), 200
        except Refusal as refusal:
            answer, status = {"Error": {"Code": refusal.code, "Message": refusal.message}}, refusal.status
        metadata = {"HTTPStatusCode": status, "HTTPHeaders": {}}
        return SimpleNamespace(status_code=status, headers={}), {**answer, "ResponseMetadata": metadata}


def in_turn(*answers: Any) -> Answer:
    """One answer after the other; the last one for ever. A `Refusal` is raised."""
    left = list(answers)

    def answer(_: dict[str, Any]) -> dict[str, Any]:
        found = left.pop(0) if len(left) > 1 else left[0]
        if isinstance(found, Refusal):
            raise found
        return dict(found)

    return answer
