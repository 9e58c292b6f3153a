"""The intake's SQS trigger: places a batch of tickets in line, and hands back the messages that failed."""

from typing import Any

from lambdas.runtime import logged, queue
from loginq.service.placing import Message, place


def handler(event: dict[str, Any], context: Any) -> dict[str, Any]:
    """SQS event in, partial batch response out."""
    with logged(context) as line:
        messages = [Message(record["messageId"], record["body"]) for record in event["Records"]]
        outcome = place(queue(), messages)
        line |= {
            "messages": len(messages),
            "placed": outcome.placed,
            "duplicates": outcome.duplicates,
            "stale": outcome.stale,
            "invalid": outcome.invalid,
            "failed": len(outcome.failed),
            "first": outcome.first,
            "last": outcome.last,
            "intake_age_ms": outcome.intake_age,
        }
        return {"batchItemFailures": [{"itemIdentifier": each} for each in outcome.failed]}
