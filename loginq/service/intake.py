"""The intake: the SQS queue between `/login` and the line, and its dead letters."""

import json
import threading
import time
from collections.abc import Sequence
from dataclasses import asdict, dataclass
from functools import cached_property
from typing import Any, Self

from loginq.service.errors import Invalid, NotFound, Unavailable
from loginq.service.table import chunks, in_threads
from loginq.service.times import from_iso, iso

PER_REQUEST = 10
"""Messages that SQS takes in one SendMessageBatch."""
LENGTH_FRESH = 1.0
"""How old, in seconds, a cached length may be."""
_DEPTH = (
    "ApproximateNumberOfMessages",
    "ApproximateNumberOfMessagesNotVisible",
    "ApproximateNumberOfMessagesDelayed",
)


@dataclass(frozen=True, slots=True)
class Ticket:
    """One message of the intake. `issued_at` in ms since the epoch."""

    sub: str
    ticket: str
    issued_at: int
    synthetic: bool = False

    def body(self) -> str:
        """The message's body."""
        return json.dumps({**asdict(self), "issued_at": iso(self.issued_at)}, separators=(",", ":"))

    @classmethod
    def parse(cls, body: str) -> Self:
        """The ticket of a message. Raises `Invalid` for anything that `body` does not write."""
        try:
            given = json.loads(body)
            sub, ticket, synthetic = given["sub"], given["ticket"], given.get("synthetic", False)
            issued_at = from_iso(given["issued_at"])
        except (ValueError, KeyError, TypeError, AttributeError) as exc:
            raise Invalid(f"Not a ticket message: {type(exc).__name__}.") from exc
        texts = (sub, ticket)
        if not all(isinstance(text, str) and 0 < len(text) <= 128 for text in texts) or type(synthetic) is not bool:
            raise Invalid("Not a ticket message: a field has the wrong type or length.")
        return cls(sub, ticket, issued_at, synthetic)


@dataclass(frozen=True, slots=True)
class Depth:
    """About how many messages SQS holds, by its own count."""

    visible: int
    in_flight: int
    delayed: int

    @property
    def total(self) -> int:
        """All of them."""
        return self.visible + self.in_flight + self.delayed


class Intake:
    """The intake at `url`."""

    def __init__(self, sqs: Any, url: str) -> None:
        self._sqs, self.url = sqs, url
        self._length: tuple[float, int] | None = None
        self._lock = threading.Lock()

    def send(self, tickets: Sequence[Ticket]) -> None:
        """Send tickets, ten a request. Raises `Unavailable` when SQS did not take all of them."""

        if len(tickets) == 1:
            self._sqs.send_message(QueueUrl=self.url, MessageBody=tickets[0].body())
            return

        def send(some: Sequence[Ticket]) -> int:
            entries = [{"Id": str(n), "MessageBody": ticket.body()} for n, ticket in enumerate(some)]
            return len(self._sqs.send_message_batch(QueueUrl=self.url, Entries=entries).get("Failed", []))

        if failed := sum(in_threads(send, chunks(tickets, PER_REQUEST))):
            raise Unavailable(f"SQS did not take {failed} of {len(tickets)} tickets.", "Try again in a moment.")

    def depth(self) -> Depth:
        """How much the intake holds."""
        return self._depth(self.url)

    def length(self) -> int:
        """`depth().total` as it was at most a second ago."""
        with self._lock:
            if self._length is None or time.monotonic() - self._length[0] >= LENGTH_FRESH:
                self._length = time.monotonic(), self.depth().total
            return self._length[1]

    def dead_letters(self) -> int:
        """How many messages gave up."""
        return self._depth(self.dead_letter_url).total

    @cached_property
    def dead_letter_url(self) -> str:
        """The URL of the dead-letter queue, from the intake's redrive policy."""
        answer = self._sqs.get_queue_attributes(QueueUrl=self.url, AttributeNames=["RedrivePolicy"])
        policy = answer.get("Attributes", {}).get("RedrivePolicy")
        if policy is None:
            raise NotFound("The intake has no dead-letter queue.", "Deploy again with `loginq deploy`.")
        name = json.loads(policy)["deadLetterTargetArn"].rpartition(":")[2]
        return str(self._sqs.get_queue_url(QueueName=name)["QueueUrl"])

    def _depth(self, url: str) -> Depth:
        attributes = self._sqs.get_queue_attributes(QueueUrl=url, AttributeNames=list(_DEPTH))["Attributes"]
        return Depth(*(int(attributes.get(name, 0)) for name in _DEPTH))
