"""What every handler needs: the queue of this stack, made once in a warm Lambda, and one log line a call."""

import gc
import logging
import math
import os
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager, suppress
from functools import cache
from typing import Any

from aws_lambda_powertools import Logger
from aws_lambda_powertools.logging.formatter import LambdaPowertoolsFormatter

from lambdas.metrics import emit
from loginq.service.rules.errors import OutOfTime
from loginq.service.store.aws import Aws
from loginq.service.store.clock import system_clock
from loginq.service.store.queue import Queue, connect
from loginq.service.store.signing import try_signing

CONNECT_TIMEOUT, READ_TIMEOUT, ATTEMPTS = 1.0, 1.5, 3
"""Seconds for one attempt at a call of AWS, and how many there are: as many as begin in time."""
ROOM = CONNECT_TIMEOUT + READ_TIMEOUT + 0.5
"""Seconds before a function's timeout in which no attempt is begun: the one under way ends, and an error is an answer,
not a silence. At most three fifths of the whole."""


_OF_LOGGING = frozenset(vars(logging.makeLogRecord({})))
"""What every record has."""


class _Formatter(LambdaPowertoolsFormatter):
    """Powertools' lines, in half of its time where nothing failed: one in fifty parts of a whole poll."""

    def format(self, record: logging.LogRecord) -> str:
        """One line of JSON."""
        if record.exc_info:
            return super().format(record)
        said = {name: value for name, value in vars(record).items() if name not in _OF_LOGGING and value is not None}
        first = {"level": record.levelname, "message": record.getMessage(), "timestamp": self.formatTime(record)}
        return self.serialize(first | said)


@cache
def logger() -> Logger:
    """The function's structured logger, by its POWERTOOLS_* environment.

    Each of millions of polls writes a line: it does not say which function that was, as its log group does. With an
    instant by RFC 3339 Lambda takes the line as it is, and filters by its level, which Powertools would take for ours;
    that is lower, so that no metrics are lost.
    https://docs.aws.amazon.com/lambda/latest/dg/monitoring-cloudwatchlogs-log-level.html
    """
    made = Logger(logger_formatter=_Formatter(location=None, use_rfc3339=True))
    made.remove_keys(["service"])
    logging.getLogger(made.name).setLevel(os.environ.get("POWERTOOLS_LOG_LEVEL", "INFO"))
    return made


@cache
def queue() -> Queue:
    """The queue that this function's environment names. A Lambda trusts its own clock."""
    made = connect(
        _aws(),
        table=os.environ["DYNAMO_TABLE_NAME"],
        sqs_url=os.environ["SQS_URL"],
        clock=system_clock,
        keys_id=os.environ.get("SIGNING_KEYS"),
        issuer=os.environ.get("ISSUER", ""),
        provider=os.environ.get("IDENTITY_ISSUER", ""),
        log=note,
    )
    made.table.sleep = _pause
    return made


@cache
def _aws() -> "InTime":
    return InTime(
        endpoint_url=os.environ.get("AWS_ENDPOINT_URL"),
        read_timeout=READ_TIMEOUT,
        time_left=_time_left,
        patience=(ATTEMPTS, CONNECT_TIMEOUT),
    )


def _pause(seconds: float) -> None:
    """Between two tries, and never beyond the time in which there may be another."""
    time.sleep(max(0.0, min(seconds, _time_left())))


STARTED_BY_LAMBDA = "AWS_LAMBDA_FUNCTION_NAME"
"""Lambda sets it before it imports a handler, and so does the emulator; nobody may set it by hand.

https://docs.aws.amazon.com/lambda/latest/dg/configuration-envvars.html
"""
_TRIED: dict[str, tuple[tuple[str, dict[str, Any]], ...]] = {
    "dynamodb": (
        ("get_item", {"TableName": "none", "Key": {}, "ConsistentRead": True}),
        ("batch_get_item", {"RequestItems": {"none": {"Keys": [{}], "ConsistentRead": True}}}),
    ),
    "secretsmanager": (("get_secret_value", {"SecretId": "none"}),),
}
"""The calls that a first answer begins with."""


def starts(*services: str, signs: bool = False) -> None:
    """Make ready what a function's calls need, if it is Lambda that imports its module; elsewhere do nothing.

    While a function starts it has whole cores, in its first call at 512 MB 0.29 of one: so the clients of these
    services are made now, each goes through its calls once, up to where they would be sent, and who `signs` does that
    once, with a key of no use. Nothing is asked of AWS. Whatever fails, for want of a variable or of credentials, fails
    again in the first call, as it did before, and that says so.

    Nothing of what is made now is ever given up. That the collector of garbage goes through it all the same would take
    a seventh of the start, and in a later call as long as twenty polls: so it never does.
    """
    if STARTED_BY_LAMBDA not in os.environ:
        return
    gc.disable()
    with suppress(Exception):  # the outermost edge
        logger()
        emit({})
        for service in services:
            _aws().try_out(service)
        if signs:
            try_signing()
        queue()
    gc.freeze()
    gc.enable()


class InTime(Aws):
    """Clients that begin no attempt at a call, be it the first or another, once its time is over."""

    def try_out(self, service: str) -> None:
        """Make the client of this service, and let it go through its calls without sending any of them."""
        client = self._client(service)
        client.meta.events.register_first("before-send", _unsent, unique_id="unsent")
        try:
            for name, parameters in _TRIED.get(service, ()):
                getattr(client, name)(**parameters)
        finally:
            client.meta.events.unregister("before-send", unique_id="unsent")

    def _client(self, service: str) -> Any:
        client = super()._client(service)
        client.meta.events.register("before-send", self._begin, unique_id="in-time-begin")
        name = client.meta.service_model.service_id.hyphenize()  # as botocore's own: a shorter name is asked later
        client.meta.events.register_first(f"needs-retry.{name}", self._give_up, unique_id="in-time-give-up")
        return client

    def _begin(self, **_: Any) -> None:
        if self.time_left() <= 0:
            raise OutOfTime("The time for this call is over.")

    def _give_up(self, **_: Any) -> bool | None:
        """False: no other attempt, and no sleep before it; None leaves it to botocore."""
        return False if self.time_left() <= 0 else None


class _Nothing:
    """The body of an answer in which nothing was found."""

    def stream(self) -> list[bytes]:
        return [b"{}"]


def _unsent(request: Any, **_: Any) -> Any:
    """An answer that botocore takes in place of AWS's."""
    from botocore.awsrequest import AWSResponse

    return AWSResponse(request.url, 200, {}, _Nothing())


@contextmanager
def logged(context: Any, within: float = math.inf, *, last_words: bool = False) -> Iterator[dict[str, Any]]:
    """Write one log line when the call is over: what the body puts into the dict, how long it took, what was noted.

    Args:
        within: seconds in which whoever calls wants an answer, where that is less than the function's timeout.
        last_words: whether something remains to be done when the time is over: `last_words` gives time for that.
    """
    started, line = time.monotonic(), {"aws_request_id": getattr(context, "aws_request_id", None)}
    _notes.clear()
    _begin(min(within, getattr(context, "get_remaining_time_in_millis", lambda: math.inf)() / 1_000), last_words)
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
        if time.monotonic() >= _over:
            line["out_of_time"] = True
        if line.get("status", 0) >= 500 and "refused" not in line:  # type: ignore[operator]
            log = logger().error
        line["ms"] = round((time.monotonic() - started) * 1_000, 1)
        log("call", extra=line)
        emit(line)
        _begin(math.inf, last_words=False)  # what is done between calls has no call's end


_over: float = math.inf
"""When the present call may begin nothing more but its last words, by the monotonic clock."""
_kept = _granted = 0.0
"""Seconds that are kept for these, and that they have been granted."""


def last_words() -> None:
    """From now on the call may use the time that was kept for its end."""
    global _granted
    _granted = _kept


def budget(has: float, *, last_words: bool) -> tuple[float, float]:
    """Of the `has` seconds of a call: in how many something may be begun, and in how many more its last words."""
    room = min(2 * ROOM if last_words else ROOM, 0.6 * has)
    return has - room, room / 2 if last_words else 0.0


def _begin(has: float, last_words: bool) -> None:
    global _over, _kept, _granted
    begin, _kept = budget(has, last_words=last_words)
    _over, _granted = time.monotonic() + begin, 0.0


def _time_left() -> float:
    return _over + _granted - time.monotonic()


_notes: list[dict[str, Any]] = []
"""What the service had to say during this call; a Lambda has one call at a time."""


def note(event: str, **details: Any) -> None:
    """Say something in the log line of this call."""
    _notes.append({"event": event, **details})
