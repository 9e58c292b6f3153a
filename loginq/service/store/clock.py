"""Whose clock the time is: a Lambda's own, or on a laptop AWS's."""

import time
from typing import Any

from loginq.service.rules.times import Clock, offset_by


def system_clock() -> int:
    """This machine's clock, which a Lambda may trust."""
    return time.time_ns() // 1_000_000


class ServerClock:
    """A laptop's clock, set right by the `Date` of the AWS response that came last.

    Args:
        client: whose responses are listened to: a client of botocore, or ours of one.
    """

    def __init__(self, client: Any, clock: Clock = system_clock) -> None:
        self._clock = clock
        self.offset = 0
        """What is added to this machine's clock, in ms."""
        client.meta.events.register("before-call.*.*", self._asked)
        client.meta.events.register("after-call.*.*", self._answered)

    def __call__(self) -> int:
        return self._clock() + self.offset

    def _asked(self, context: dict[str, Any], **_: Any) -> None:
        context["loginq_asked"] = time.monotonic()

    def _answered(self, http_response: Any, context: dict[str, Any], **_: Any) -> None:
        round_trip = int((time.monotonic() - context.get("loginq_asked", time.monotonic())) * 1_000)
        offset = offset_by(http_response.headers.get("date") or "", self._clock(), round_trip)
        if offset is not None:
            self.offset = offset
