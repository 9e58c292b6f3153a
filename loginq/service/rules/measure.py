"""What is measured of a queue, as plain values."""

from dataclasses import dataclass


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
