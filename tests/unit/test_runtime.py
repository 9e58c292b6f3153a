"""A call of AWS from a function ends before the function's time does, whatever AWS does meanwhile."""

import json
import math
import time
from collections.abc import Callable
from types import SimpleNamespace
from typing import Any

import botocore.endpoint
import pytest
from botocore.awsrequest import AWSResponse
from botocore.exceptions import ReadTimeoutError

from lambdas import runtime
from lambdas.runtime import ATTEMPTS, CONNECT_TIMEOUT, READ_TIMEOUT, ROOM, InTime, budget, last_words, logged
from loginq.service.rules.errors import ConditionFailed, OutOfTime, Unavailable

KEYS = {"aws_access_key_id": "testing", "aws_secret_access_key": "testing"}
ATTEMPT = CONNECT_TIMEOUT + READ_TIMEOUT


class Raw:
    """The body of an HTTP answer."""

    def __init__(self, body: bytes) -> None:
        self._body = body

    def stream(self) -> list[bytes]:
        return [self._body]


def silence(**_: Any) -> None:
    raise ReadTimeoutError(endpoint_url="https://aws")


def refusal(code: str) -> Callable[..., AWSResponse]:
    body = b'{"__type": "com.amazonaws.dynamodb.v20120810#%s"}' % code.encode()
    return lambda request, **_: AWSResponse(request.url, 400, {}, Raw(body))


class Slow:
    """DynamoDB on a clock of its own, on which an attempt takes so many seconds, and sleeping what it says."""

    def __init__(self, monkeypatch: pytest.MonkeyPatch, left: float, takes: float, answer: Callable[..., Any]) -> None:
        self.left, self.attempts, self._takes, self._answer = left, 0, takes, answer
        monkeypatch.setattr(botocore.endpoint, "time", SimpleNamespace(sleep=self._sleep))
        aws = InTime("eu-west-1", credentials=KEYS, time_left=lambda: self.left, patience=(ATTEMPTS, CONNECT_TIMEOUT))
        self.dynamodb = aws.client("dynamodb")
        self.dynamodb.meta.events.register_last("before-send", self._attempt)

    def get(self) -> None:
        self.dynamodb.get_item(TableName="t", Key={})

    def _attempt(self, **given: Any) -> Any:
        self.attempts += 1
        self.left -= self._takes
        return self._answer(**given)

    def _sleep(self, seconds: float) -> None:
        assert self.left > 0
        self.left -= seconds


@pytest.mark.parametrize(("left", "attempts"), [(60, 3), (ATTEMPT + 1, 2), (0.1, 1)])
def test_no_attempt_begins_once_the_time_is_over(monkeypatch: pytest.MonkeyPatch, left: float, attempts: int) -> None:
    aws = Slow(monkeypatch, left, ATTEMPT, silence)
    with pytest.raises(Unavailable):
        aws.get()
    assert aws.attempts == attempts
    assert aws.left > -ROOM  # and no sleep that the function would not outlive


def test_a_pause_after_which_no_time_is_left_is_the_last(monkeypatch: pytest.MonkeyPatch) -> None:
    aws = Slow(monkeypatch, 1e-9, 0, refusal("ThrottlingException"))
    with pytest.raises(OutOfTime):
        aws.get()
    assert aws.attempts == 1


def test_what_is_answered_late_counts_all_the_same(monkeypatch: pytest.MonkeyPatch) -> None:
    aws = Slow(monkeypatch, 0.1, 1, refusal("ConditionalCheckFailedException"))
    with pytest.raises(ConditionFailed):
        aws.get()
    assert aws.attempts == 1


@pytest.mark.parametrize("timeout", [5, 10, 25, 55], ids=str)
def test_an_attempt_that_is_begun_ends_within_the_functions_time(timeout: int) -> None:
    begin, after = budget(timeout, last_words=False)
    assert (begin + ATTEMPT, after) == (timeout - 0.5, 0)


@pytest.mark.parametrize("timeout", [1, 5, 10, 30, 900], ids=str)
def test_there_is_time_kept_for_the_last_words(timeout: int) -> None:
    begin, after = budget(timeout, last_words=True)
    assert begin >= 0.4 * timeout and after >= 0.29 * min(timeout, 10)
    assert timeout < 10 or begin + after + ATTEMPT == timeout - 0.5


def test_no_call_has_more_time_than_whoever_waits_for_it() -> None:
    """Cognito gives its trigger 5 s, whatever the function's timeout is."""
    with logged(Context(), within=5.0):
        assert runtime._time_left() <= 5.0 - ROOM
    with logged(Context(), last_words=True):
        assert runtime._time_left() <= 30 - 2 * ROOM
        last_words()
        last_words()
        assert runtime._time_left() <= 30 - ROOM


def test_no_pause_is_longer_than_the_time_for_another_try(monkeypatch: pytest.MonkeyPatch) -> None:
    slept: list[float] = []
    monkeypatch.setattr(runtime, "time", SimpleNamespace(sleep=slept.append, monotonic=time.monotonic))
    for within in (30.0, 0.0):
        with logged(Context(), within=within):
            runtime._pause(2)
    assert slept == [2, 0]


def test_who_says_his_last_words_in_time_says_that_it_was_over(caplog: pytest.LogCaptureFixture) -> None:
    with logged(Context(), within=0.0, last_words=True):
        last_words()
    with logged(Context(), last_words=True):
        last_words()
    assert [getattr(record, "out_of_time", False) for record in caplog.records] == [True, False]


def test_what_is_done_between_calls_has_no_calls_end() -> None:
    with logged(Context(), within=0.0):
        assert runtime._time_left() <= 0
    assert runtime._time_left() == math.inf


class Context:
    """What Lambda says of a call."""

    def get_remaining_time_in_millis(self) -> int:
        return 30_000


def test_what_is_logged_goes_by_our_level_and_metrics_by_lambdas(
    monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    """Lambda drops what is below its own level, and metrics count as INFO there: so that is INFO when ours is ERROR."""
    for name, value in {"AWS_LAMBDA_LOG_LEVEL": "INFO", "POWERTOOLS_LOG_LEVEL": "ERROR"}.items():
        monkeypatch.setenv(name, value)
    monkeypatch.setenv("POWERTOOLS_SERVICE_NAME", "quiet")
    runtime.logger.cache_clear()
    try:
        with logged(SimpleNamespace()) as line:
            line["tickets"] = 1
    finally:
        runtime.logger.cache_clear()
    (said,) = capsys.readouterr().out.splitlines()
    assert json.loads(said)["Tickets"] == [1.0] and "level" not in json.loads(said)
