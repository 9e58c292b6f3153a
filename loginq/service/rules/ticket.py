"""A ticket on its way into the line: what is in a message of the intake."""

import json
from dataclasses import asdict, dataclass
from typing import Self

from loginq.service.rules.errors import Invalid
from loginq.service.rules.times import from_iso, iso


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
            sizes = len(sub.encode()), len(ticket.encode())
        except (ValueError, KeyError, TypeError, AttributeError, RecursionError) as exc:
            raise Invalid(f"Not a ticket message: {type(exc).__name__}.") from exc
        if not all(0 < size <= 128 for size in sizes) or type(synthetic) is not bool:
            raise Invalid("Not a ticket message: a field has the wrong type or length.")
        return cls(sub, ticket, issued_at, synthetic)
