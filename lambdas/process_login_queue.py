"""The intake's SQS trigger: places a batch of tickets in line, and hands back the messages that failed."""

from collections.abc import Sequence
from typing import Any

from lambdas.runtime import last_words, logged, queue, starts
from loginq.service.requests.placing import Message, place
from loginq.service.rules.errors import LoginqError, Unavailable

Record = dict[str, Any]
"""One message, as SQS's event has it."""


def handler(event: dict[str, Any], context: Any) -> dict[str, Any]:
    """SQS event in, partial batch response out.

    A batch of which nothing could be placed raises: the alarm hears of it, and Lambda takes fewer batches at once.
    """
    with logged(context, last_words=True) as line:
        records = {record["messageId"]: record for record in event["Records"]}
        try:
            outcome = place(queue(), [Message(name, record["body"]) for name, record in records.items()])
        except Unavailable:
            _again_soon(list(records.values()))
            raise
        line |= {
            "messages": len(records),
            "placed": outcome.placed,
            "duplicates": outcome.duplicates,
            "stale": outcome.stale,
            "invalid": outcome.invalid,
            "failed": len(outcome.failed),
            "first": outcome.first,
            "last": outcome.last,
            "intake_age_ms": outcome.intake_age,
        }
        _again_soon([records[name] for name in outcome.failed])
        return {"batchItemFailures": [{"itemIdentifier": name} for name in outcome.failed]}


def _again_soon(records: Sequence[Record]) -> None:
    """Have them delivered again in seconds. If that fails they come again all the same, when they are visible again."""
    last_words()
    deliveries = [(record["receiptHandle"], int(record["attributes"]["ApproximateReceiveCount"])) for record in records]
    try:
        queue().intake.hand_back(deliveries, queue().random)
    except LoginqError as exc:
        queue().log("handed_back_late", tickets=len(records), reason=exc.message)


starts("dynamodb")
