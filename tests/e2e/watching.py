"""A crowd of watchers of the public line, each on a connection of its own."""

import asyncio
import json
import time
from collections.abc import Callable
from dataclasses import dataclass
from random import Random
from typing import Any

EACH = 1.0
"""How often each looks, seconds."""


@dataclass(frozen=True, slots=True)
class Look:
    """One look: when it began and ended, seconds; what it got, and how often the cache had given that before."""

    began: float
    ended: float
    status: int
    kept: int
    body: dict[str, Any]


async def _watch(port: int, over: Callable[[], bool], found: list[Look]) -> None:
    """Look at the line through the cache, again and again on one connection, until it is over."""
    reader, writer = await asyncio.open_connection("127.0.0.1", port)
    await asyncio.sleep(Random(id(reader)).uniform(0, EACH))
    while not over():
        began = time.monotonic()
        writer.write(b"GET /line HTTP/1.1\r\nHost: edge.example\r\n\r\n")
        head = (await reader.readuntil(b"\r\n\r\n")).decode().split("\r\n")
        said = {name.lower(): value.strip() for name, _, value in (each.partition(":") for each in head[1:])}
        body = await reader.readexactly(int(said["content-length"]))
        ended = time.monotonic()
        found.append(Look(began, ended, int(head[0].split()[1]), int(said.get("x-kept", 0)), json.loads(body)))
        await asyncio.sleep(max(0.0, EACH - (ended - began)))
    writer.close()
    await writer.wait_closed()


def watched(port: int, watchers: int, act: Callable[[], Any], seconds: float) -> list[Look]:
    """The looks of so many who look once a second, until so many seconds after something has been done."""
    return asyncio.run(_watched(port, watchers, act, seconds))


async def _watched(port: int, watchers: int, act: Callable[[], Any], seconds: float) -> list[Look]:
    found, over = list[Look](), asyncio.Event()
    watching = [asyncio.create_task(_watch(port, over.is_set, found)) for _ in range(watchers)]
    await asyncio.to_thread(act)
    await asyncio.sleep(seconds)
    over.set()
    await asyncio.gather(*watching)
    return found
