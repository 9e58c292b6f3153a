"""Each minute: keeps the lease for synthetic players, closes what was not claimed in time, and counts it."""

from dataclasses import asdict
from typing import Any

from lambdas.runtime import logged, queue, starts
from loginq.service.requests.minute import settle
from loginq.service.rules.errors import NotReady


def handler(event: dict[str, Any], context: Any) -> dict[str, Any]:
    """What was done, out."""
    with logged(context) as line:
        try:
            done = asdict(settle(queue()))
        except NotReady as exc:  # the schedule begins before the deployment's end
            done = {"not_ready": exc.message}
        line |= done
        return done


starts("dynamodb", "sqs")
