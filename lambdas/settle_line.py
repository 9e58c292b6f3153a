"""Each minute: keeps the line's lease alive while synthetic players, who never poll, are next."""

from typing import Any

from lambdas.runtime import logged, queue
from loginq.service.settling import settle


def handler(event: dict[str, Any], context: Any) -> dict[str, Any]:
    """`{"renewed": bool}` out."""
    with logged(context) as line:
        line["renewed"] = settle(queue())
        return {"renewed": line["renewed"]}
