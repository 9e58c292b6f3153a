"""Domains of deployed APIs, none of which leads to this machine: whoever gives one as Host means that API."""

import json
import re
from typing import Any

from loginq.emulator.inside import Inside
from loginq.emulator.rule import calls_an_api

_NAME = re.compile(r"(?:[a-z0-9-]+\.)+[a-z][a-z0-9-]*")


class Domains:
    """The domains that APIs of this emulator have, which listens on `port`."""

    def __init__(self, inside: Inside, port: int) -> None:
        self._inside, self._port = inside, port

    async def led(self, scope: dict[str, Any]) -> dict[str, Any]:
        """The ASGI scope of what a request to a domain asks of its API; what asks for anything else, as it is."""
        hosts = [value for name, value in scope["headers"] if name.lower() == b"host"]
        name = hosts[0].decode("latin-1").lower().removesuffix(f":{self._port}") if len(hosts) == 1 else ""
        raw_path = scope.get("raw_path") or scope["path"].encode()
        if not _NAME.fullmatch(name) or not raw_path.startswith(b"/"):
            return scope
        prefix = await self._prefix(name)
        path, raw_path = prefix + scope["path"], prefix.encode() + raw_path
        if not prefix or not calls_an_api(path, raw_path):
            return scope
        others = [(name, value) for name, value in scope["headers"] if name.lower() != b"host"]
        own = (b"host", f"127.0.0.1:{self._port}".encode())
        return {**scope, "path": path, "raw_path": raw_path, "headers": [own, *others]}

    async def _prefix(self, name: str) -> str:
        """What stands before a path of the domain's API; empty for no such domain."""
        asked = self._inside.scope(f"/domainnames/{name}/basepathmappings", "apigateway", method="GET")
        status, _, body = await self._inside.ask(asked, b"")
        mappings = json.loads(body).get("item") if status == 200 else None
        return "/restapis/{restApiId}/{stage}/_user_request_".format(**mappings[0]) if mappings else ""
