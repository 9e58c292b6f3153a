"""Invoked by the operator: makes a part of a crowd of synthetic players and sends their tickets to the intake."""

from typing import Any

from lambdas.runtime import logged, queue, starts
from loginq.service.requests.crowd import Part, generate


def handler(event: dict[str, Any], context: Any) -> dict[str, Any]:
    """`{"run": str, "start": int, "count": int}` in, `{"made": int}` out."""
    with logged(context) as line:
        part = Part(str(event["run"]), int(event["start"]), int(event["count"]))
        line |= {"run": part.run, "start": part.start, "count": part.count}
        return {"made": generate(queue(), part)}


starts("dynamodb", "sqs")
