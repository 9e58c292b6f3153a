"""What API Gateway counts on AWS and the emulator does not: the answers of deployed APIs, in its CloudWatch."""

import asyncio
import json
import re
from collections import Counter
from collections.abc import Callable, Mapping
from typing import Any

from loginq.emulator.inside import Inside
from loginq.service.rules.door import CALLS, FAILED, REFUSALS, REFUSED

Record = Callable[[str, str, int, Mapping[str, str]], None]
"""Puts a value of now into CloudWatch: namespace, name, value, dimensions. Not by PutMetricData: with that the emulator
looks at every alarm, and it takes the errors of one function for those of all."""
EVERY = 2.0
"""Seconds between two times that something is put there, while APIs are called."""
LONG = 4_096
"""Bytes of a refusal that are read: ours are shorter."""
_CALL = re.compile(r"/restapis/([^/]+)/[^/]+/_user_request_(?:/|$)")
_SUFFIX = "-api"
"""Behind the stack's name, in the name that the template gives its API."""


class Meter:
    """The counts since they were put there last."""

    def __init__(self, inside: Inside, record: Record, every: float = EVERY) -> None:
        self._inside, self._record, self._every = inside, record, every
        self._seen = Counter[tuple[str, str]]()
        """(the API's id, the metric or the `error.code`) -> answers."""
        self._names: dict[str, str] = {}
        self._due: asyncio.Task[None] | None = None

    def metered(self, path: str, send: Any) -> Any:
        """`send` for the answer to a request for `path`, which counts it if that is a call of a deployed API."""
        call = _CALL.match(path)
        if call is None:
            return send
        status, body = 0, b""

        async def counting(message: dict[str, Any]) -> None:
            nonlocal status, body
            await send(message)
            if message["type"] == "http.response.start":
                status = message["status"]
                return
            if status >= 400 and len(body) < LONG:
                body += message.get("body", b"")
            if not message.get("more_body"):
                self._count(call[1], status, body)

        return counting

    def _count(self, api: str, status: int, body: bytes) -> None:
        kinds = [CALLS, *([REFUSED] if 400 <= status < 500 else [FAILED] if status >= 500 else []), _code(body)]
        self._seen.update((api, kind) for kind in kinds if kind)
        if self._due is None or self._due.done():
            self._due = asyncio.get_running_loop().create_task(self._later())

    async def _later(self) -> None:
        await asyncio.sleep(self._every)
        await self.put()

    async def put(self) -> None:
        """Put what was counted into CloudWatch, each API's under its name; the refusals are metrics of its stack."""
        seen, self._seen = self._seen, Counter()
        for api in {api for api, _ in seen}:
            name = await self._name(api)
            counts = {kind: number for (of, kind), number in seen.items() if of == api}
            if not name:  # it has been deleted meanwhile
                continue
            for kind in (CALLS, REFUSED, FAILED):
                self._record("AWS/ApiGateway", kind, counts.get(kind, 0), {"ApiName": name})
            for code, (metric, by) in REFUSALS.items():
                if code in counts:
                    self._record(name.removesuffix(_SUFFIX), metric, counts[code], {"service": by})

    async def _name(self, api: str) -> str:
        if api not in self._names:
            scope = self._inside.scope(f"/restapis/{api}", "apigateway", method="GET")
            status, _, body = await self._inside.ask(scope, b"")
            if status != 200:
                return ""
            self._names[api] = str(json.loads(body)["name"])
        return self._names[api]


def _code(body: bytes) -> str:
    """The `error.code` of a refusal; empty for none."""
    try:
        said = json.loads(body)
    except ValueError:
        return ""
    error = said.get("error") if isinstance(said, dict) else None
    code = error.get("code") if isinstance(error, dict) else None
    return code if isinstance(code, str) else ""
