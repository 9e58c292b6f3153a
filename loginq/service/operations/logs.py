"""What the lambdas said: their CloudWatch log lines, merged in order of time."""

import heapq
import json
import re
from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any

from loginq.service.rules.errors import Invalid, LoginqError
from loginq.service.rules.times import HOUR, SECOND, Clock, iso
from loginq.service.store.aws import Client

LEVELS = ("DEBUG", "INFO", "WARNING", "ERROR", "CRITICAL")
POLL = 2.0
"""Seconds between two looks while following."""
LATE = 15 * SECOND
"""How late CloudWatch may show a line, ms: while following that much is read again."""
_PLATFORM = re.compile(r"(INIT_)?(START|END|REPORT|EXTENSION)\b")
_OWN = ("level", "location", "message", "timestamp", "service", "xray_trace_id")
_OTHERS = {"TRACE": "DEBUG", "WARN": "WARNING", "FATAL": "CRITICAL"}
"""What Lambda calls some levels, and we do."""


@dataclass(frozen=True, slots=True)
class Said:
    """One log line; `at` in ms since the epoch."""

    at: int
    function: str
    level: str
    text: str
    fields: dict[str, Any] = field(default_factory=dict)

    def document(self) -> dict[str, Any]:
        """The JSON form."""
        return {
            "at": iso(self.at), "function": self.function, "level": self.level, "message": self.text, **self.fields
        }  # fmt: skip


class Logs:
    """The logs of some functions. `groups`: function -> log group."""

    def __init__(self, client: Client, groups: Mapping[str, str]) -> None:
        self._client, self._groups = client, groups

    @property
    def functions(self) -> list[str]:
        """The functions there are."""
        return sorted(self._groups)

    def read(
        self, functions: Sequence[str] = (), *, since: int, level: str = "DEBUG", containing: str = ""
    ) -> Iterator[Said]:
        """What these functions (all of them if none is named) said since an instant, ms, in order of time.

        Args:
            level: the least severe that is wanted. containing: a text that a line must have in it.

        Raises `Invalid` for a function that does not exist.
        """
        return heapq.merge(*self._each(functions, since, level, containing), key=lambda said: said.at)

    def follow(
        self,
        functions: Sequence[str],
        *,
        since: int,
        level: str,
        containing: str,
        clock: Clock,
        sleep: Callable[[float], None],
    ) -> Iterator[Said | LoginqError]:
        """The same, and on for ever. A fault on the way is given as it is, and the next look tries again."""
        seen: dict[tuple[int, str, str], None] = {}
        while True:
            asked_at = clock()
            try:
                for said in self.read(functions, since=since, level=level, containing=containing):
                    mark = (said.at, said.function, json.dumps(said.document(), sort_keys=True))
                    if mark not in seen:
                        seen[mark] = None
                        yield said
                since = max(since, asked_at - LATE)
            except Invalid:
                raise
            except LoginqError as exc:
                yield exc
            for mark in [mark for mark in seen if mark[0] < since]:
                del seen[mark]
            sleep(POLL)

    def _each(self, functions: Sequence[str], since: int, level: str, containing: str) -> list[Iterator[Said]]:
        unknown = [name for name in functions if name not in self._groups]
        if unknown:
            raise Invalid(f"There is no function {unknown[0]!r}.", f"There are {', '.join(self.functions)}.")
        return [self._of(name, since, level, containing) for name in functions or self.functions]

    def _of(self, function: str, since: int, level: str, containing: str) -> Iterator[Said]:
        pattern = {"filterPattern": '"' + containing.replace('"', "") + '"'} if containing else {}
        for page in self._client.pages(
            "filter_log_events", logGroupName=self._groups[function], startTime=since, **pattern
        ):
            for event in page["events"]:
                said = parse(function, event["timestamp"], event["message"])
                if said is not None and LEVELS.index(said.level) >= LEVELS.index(level) and containing in str(event):
                    yield said


def parse(function: str, at: int, message: str) -> Said | None:
    """A line of Powertools' JSON, or of anything else; None for metrics, and for what the platform says of a call that
    went well."""
    try:
        fields = json.loads(message)
        if not isinstance(fields, dict):
            raise TypeError
    except (ValueError, TypeError):
        if _PLATFORM.match(message) and "timeout" not in message.lower():
            return None
        bad = any(word in message for word in ("[ERROR]", "Traceback", "Task timed out", "timeout", "Runtime exited"))
        return Said(at, function, "ERROR" if bad else "INFO", message.rstrip())
    if "_aws" in fields:  # metrics, which CloudWatch shows better
        return None
    if str(fields.get("type", "")).startswith("platform."):
        return _of_the_platform(function, at, str(fields["type"]), fields.get("record"))
    level = str(fields.get("level", "INFO")).upper()
    level = _OTHERS.get(level, level)
    rest = {name: value for name, value in fields.items() if name not in _OWN}
    text = str(fields.get("message", ""))
    if "errorMessage" in rest:  # of the runtime itself: what a handler, or its import, has raised
        text = f"{rest.pop('errorType', '')}: {rest.pop('errorMessage')}".removeprefix(": ")
    return Said(at, function, level if level in LEVELS else "INFO", text, rest)


def _of_the_platform(function: str, at: int, kind: str, record: Any) -> Said | None:
    """What Lambda says in JSON: https://docs.aws.amazon.com/lambda/latest/dg/telemetry-schema-reference.html

    Of a call it says twice how that ended; an error of the function's own is told by the function, unless its process
    is gone.
    """
    found = record if isinstance(record, dict) else {}
    status, died = found.get("status", "success"), str(found.get("errorType", "")).startswith("Runtime.")
    is_told = status == "success" or (status == "error" and not died)
    if kind.endswith("untimeDone") or (kind != "platform.logsDropped" and is_told):
        return None
    rest = {name: value for name, value in found.items() if name in ("requestId", "errorType", "reason")}
    said = {"timeout": "timeout: the function's time was over", "failure": "failure: the function's process ended"}
    level = "WARNING" if kind == "platform.logsDropped" else "ERROR"
    return Said(at, function, level, f"{kind}: {said.get(status, status)}".removesuffix(": success"), rest)


def last_error(logs: Callable[[], Logs], function: str, now: int) -> str | None:
    """What a function said when it failed last, within the last hour; None when it did not, or cannot be asked."""
    try:
        said = list(logs().read([function], since=now - HOUR, level="ERROR"))
    except LoginqError:
        return None
    if not said:
        return None
    name = said[-1].fields.get("exception_name") or said[-1].fields.get("error")
    text = str(said[-1].fields.get("exception") or said[-1].text).strip().splitlines()
    return " · ".join(filter(None, (str(name or ""), text[-1] if text else "")))[:300]
