"""What every handler needs: the queue of this stack, made once in a warm Lambda, and one log line a call."""

import math
import os
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from functools import cache
from typing import Any

import botocore.session  # noqa: F401 - now: while a function starts it has whole cores, in its first call a third of one
from aws_lambda_powertools import Logger

from lambdas.metrics import emit
from loginq.service.aws import Aws
from loginq.service.queue import Queue, connect
from loginq.service.settings import Rules
from loginq.service.times import system_clock

READ_TIMEOUT = 1.5
"""Seconds for one of three attempts at a call of AWS."""
ROOM = 5.0
"""Seconds before a function's timeout in which no call of AWS is begun, at most half of the whole: those under way end,
and an error is an answer, not a silence."""


@cache
def logger() -> Logger:
    """The function's structured logger, by its POWERTOOLS_* environment."""
    return Logger()


@cache
def queue() -> Queue:
    """The queue that this function's environment names. A Lambda trusts its own clock."""
    return connect(
        Aws(endpoint_url=os.environ.get("AWS_ENDPOINT_URL"), read_timeout=READ_TIMEOUT, time_left=_time_left),
        table=os.environ["DYNAMO_TABLE_NAME"],
        sqs_url=os.environ["SQS_URL"],
        rules=Rules.parse(os.environ),
        clock=system_clock,
        keys_id=os.environ.get("SIGNING_KEYS"),
        issuer=os.environ.get("ISSUER", ""),
        log=_note,
    )


@contextmanager
def logged(context: Any) -> Iterator[dict[str, Any]]:
    """Write one log line when the call is over: what the body puts into the dict, how long it took, what was noted."""
    started, line = time.monotonic(), {"aws_request_id": getattr(context, "aws_request_id", None)}
    _notes.clear()
    _begin(context)
    log: Callable[..., None] = logger().info
    try:
        yield line
    except BaseException as exc:
        line["error"] = type(exc).__name__
        log = logger().exception
        raise
    finally:
        if _notes:
            line["notes"] = list(_notes)
        if _time_left() <= 0:
            line["out_of_time"] = True
        if line.get("status", 0) >= 500 and "refused" not in line:  # type: ignore[operator]
            log = logger().error
        line["ms"] = round((time.monotonic() - started) * 1_000, 1)
        log("call", extra=line)
        emit(line)


_over: float = math.inf
"""When the present call may begin nothing more, by the monotonic clock."""


def _begin(context: Any) -> None:
    global _over
    has = getattr(context, "get_remaining_time_in_millis", lambda: math.inf)() / 1_000
    _over = time.monotonic() + has - min(ROOM, has / 2)


def _time_left() -> float:
    return _over - time.monotonic()


_notes: list[dict[str, Any]] = []
"""What the service had to say during this call; a Lambda has one call at a time."""


def _note(event: str, **details: Any) -> None:
    _notes.append({"event": event, **details})
