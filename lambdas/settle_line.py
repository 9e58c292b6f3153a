"""Each minute: keeps the lease for synthetic players, closes what was not claimed in time, and counts it."""

from dataclasses import asdict
from typing import Any

from lambdas.runtime import logged, queue
from loginq.service.requests.minute import settle


def handler(event: dict[str, Any], context: Any) -> dict[str, Any]:
    """What was done, out."""
    with logged(context) as line:
        done = asdict(settle(queue()))
        line |= done
        return done
