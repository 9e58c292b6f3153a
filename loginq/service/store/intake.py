"""The intake: the SQS queue between `/login` and the line, and its dead letters."""

import json
import threading
import time
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from functools import cached_property
from random import Random
from typing import Any

from loginq.service.rules.errors import Invalid, NotFound, Unavailable
from loginq.service.rules.measure import Depth
from loginq.service.rules.ticket import Ticket
from loginq.service.store.table import chunks, in_threads

PER_REQUEST = 10
"""Messages that SQS takes in one SendMessageBatch."""
LENGTH_FRESH = 1.0
"""How old, in seconds, a cached length may be."""
HIDDEN = 30
"""Seconds for which a message that is looked at is hidden, at most: it is put back as soon as it has been seen."""
HASTY = 2
"""Deliveries after which a ticket comes again in seconds; the later ones have to outlast a longer fault, and wait for
the queue's visibility timeout."""
_DEPTH = (
    "ApproximateNumberOfMessages",
    "ApproximateNumberOfMessagesNotVisible",
    "ApproximateNumberOfMessagesDelayed",
)


@dataclass(frozen=True, slots=True)
class Letter:
    """One message as SQS holds it; instants in ms since the epoch."""

    id: str
    body: str
    sent_at: int
    received: int
    """How often it was delivered, the look at it included."""
    receipt: str

    @property
    def ticket(self) -> Ticket | None:
        """The ticket in it; None when it is none."""
        try:
            return Ticket.parse(self.body)
        except Invalid:
            return None


def again_after(received: int, random: Random) -> int | None:
    """In how many seconds to deliver a ticket again that could not be placed, when it was delivered so often.

    1 to 2 s after the first delivery and 4 to 8 s after the second, jittered, because a throttled table takes it then;
    None after that, when SQS should keep to its own time.
    """
    longest = 4**received // 2
    return random.randint(longest // 2, longest) if received <= HASTY else None


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

    @property
    def dead_letter_url(self) -> str:
        """The URL of the dead-letter queue, from the intake's redrive policy."""
        name = self._redrive["deadLetterTargetArn"].rpartition(":")[2]
        return str(self._sqs.get_queue_url(QueueName=name)["QueueUrl"])

    @cached_property
    def _redrive(self) -> dict[str, Any]:
        answer = self._sqs.get_queue_attributes(QueueUrl=self.url, AttributeNames=["RedrivePolicy"])
        policy = answer.get("Attributes", {}).get("RedrivePolicy")
        if policy is None:
            raise NotFound("The intake has no dead-letter queue.", "Deploy again with `loginq deploy`.")
        return dict(json.loads(policy))

    def peek(self, limit: int) -> list[Letter]:
        """Up to `limit` messages that wait, oldest first; they stay.

        SQS counts a look as a delivery. Whose last one it was is sent anew and only then deleted, so that looking makes
        no dead letters; a ticket that is there twice is placed once.
        """
        letters = self._look(self.url, limit)
        spent = [letter for letter in letters if letter.received >= int(self._redrive["maxReceiveCount"])]
        for some in chunks(spent, PER_REQUEST):
            self._move(some, self.url, self.url)
        self._put_back(self.url, [letter for letter in letters if letter not in spent])
        return letters

    def dead(self, limit: int) -> list[Letter]:
        """Up to `limit` dead letters, oldest first; they stay."""
        letters = self._look(self.dead_letter_url, limit)
        self._put_back(self.dead_letter_url, letters)
        return letters

    def purge(self, url: str) -> None:
        """Delete every message of a queue. Raises `Conflict` when that was asked for within the last minute."""
        self._sqs.purge_queue(QueueUrl=url)

    def redrive(self) -> Iterator[tuple[int, int]]:
        """Send dead letters that are tickets to the intake, then delete them; the others stay.

        Gives (sent, left) of each batch. A crash in between sends a ticket twice, and it is placed once. Ends when it
        has seen as many as there were: those that die again come back as new ones.
        """
        left: dict[str, Letter] = {}
        seen, there = set[str](), self.dead_letters()
        try:
            while len(seen) < there and (letters := self._receive(self.dead_letter_url, PER_REQUEST)):
                new = [letter for letter in letters if letter.id not in seen]
                if not new:  # only what is left has come back
                    break
                seen |= {letter.id for letter in new}
                sent = self._move([each for each in new if each.ticket is not None], self.dead_letter_url, self.url)
                left |= {letter.id: letter for letter in letters if letter.id not in sent}
                yield len(sent), len(new) - len(sent)
        finally:
            self._put_back(self.dead_letter_url, list(left.values()))

    def _move(self, letters: Sequence[Letter], source: str, to: str) -> set[str]:
        """Send up to ten messages to a queue, then delete those that it took from the source; the ids of these."""
        if not letters:
            return set()
        entries = [{"Id": str(n), "MessageBody": letter.body} for n, letter in enumerate(letters)]
        answer = self._sqs.send_message_batch(QueueUrl=to, Entries=entries)
        sent = [letters[int(each["Id"])] for each in answer.get("Successful", [])]
        if sent:
            receipts = [{"Id": str(n), "ReceiptHandle": letter.receipt} for n, letter in enumerate(sent)]
            self._sqs.delete_message_batch(QueueUrl=source, Entries=receipts)
        return {letter.id for letter in sent}

    def _look(self, url: str, limit: int) -> list[Letter]:
        found: dict[str, Letter] = {}
        try:
            while len(found) < limit and (letters := self._receive(url, min(PER_REQUEST, limit - len(found)))):
                found |= {letter.id: letter for letter in letters}
        except BaseException:
            self._put_back(url, list(found.values()))
            raise
        return sorted(found.values(), key=lambda letter: letter.sent_at)

    def _receive(self, url: str, count: int) -> list[Letter]:
        """Up to `count` messages, hidden from others for a while; asks all of SQS's servers, not some."""
        answer = self._sqs.receive_message(
            QueueUrl=url,
            MaxNumberOfMessages=count,
            VisibilityTimeout=HIDDEN,
            WaitTimeSeconds=1,
            MessageSystemAttributeNames=["SentTimestamp", "ApproximateReceiveCount"],
        )
        return [
            Letter(
                each["MessageId"],
                each["Body"],
                int(each["Attributes"]["SentTimestamp"]),
                int(each["Attributes"]["ApproximateReceiveCount"]),
                each["ReceiptHandle"],
            )
            for each in answer.get("Messages", [])
        ]

    def hand_back(self, deliveries: Sequence[tuple[str, int]], random: Random) -> None:
        """Have what could not be placed delivered again soon: `(receipt, how often received)` of each.

        What SQS does not take keeps its visibility timeout, and comes again later.
        """
        soon = [(receipt, again_after(received, random)) for receipt, received in deliveries]
        self._show(self.url, [(receipt, seconds) for receipt, seconds in soon if seconds is not None])

    def _put_back(self, url: str, letters: Sequence[Letter]) -> None:
        self._show(url, [(letter.receipt, 0) for letter in letters])

    def _show(self, url: str, receipts: Sequence[tuple[str, int]]) -> None:
        """Hide taken messages for so many seconds more, and no longer."""

        def show(some: Sequence[tuple[str, int]]) -> None:
            entries = [
                {"Id": str(n), "ReceiptHandle": receipt, "VisibilityTimeout": seconds}
                for n, (receipt, seconds) in enumerate(some)
            ]
            self._sqs.change_message_visibility_batch(QueueUrl=url, Entries=entries)

        in_threads(show, chunks(receipts, PER_REQUEST))

    def _depth(self, url: str) -> Depth:
        attributes = self._sqs.get_queue_attributes(QueueUrl=url, AttributeNames=list(_DEPTH))["Attributes"]
        return Depth(*(int(attributes.get(name, 0)) for name in _DEPTH))
