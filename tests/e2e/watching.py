"""A crowd of watchers of the public line, each on a connection of its own."""

import asyncio
import json
import time
from collections.abc import Callable
from dataclasses import dataclass
from random import Random
from typing import Any


@dataclass(frozen=True, slots=True)
class Look:
    """One look: when it began and ended, seconds; what it got, and how often the cache had given that before."""

    began: float
    ended: float
    status: int
    kept: int
    body: dict[str, Any]


async def _watch(port: int, until: float, pause: float, found: list[Look]) -> None:
    """Look at the line through the cache, again and again on one connection."""
    reader, writer = await asyncio.open_connection("127.0.0.1", port)
    await asyncio.sleep(Random(id(reader)).uniform(0, pause))
    while (began := time.monotonic()) < until:
        writer.write(b"GET /line HTTP/1.1\r\nHost: edge.example\r\n\r\n")
        head = (await reader.readuntil(b"\r\n\r\n")).decode().split("\r\n")
        said = {name.lower(): value.strip() for name, _, value in (each.partition(":") for each in head[1:])}
        body = await reader.readexactly(int(said["content-length"]))
        ended = time.monotonic()
        found.append(Look(began, ended, int(head[0].split()[1]), int(said.get("x-kept", 0)), json.loads(body)))
        await asyncio.sleep(max(0.0, pause - (ended - began)))
    writer.close()
    await writer.wait_closed()


def watched(port: int, watchers: int, seconds: float, acts: list[tuple[float, Callable[[], Any]]]) -> list[Look]:
    """The looks of so many who look once a second, while things are done at their seconds."""
    return asyncio.run(_watched(port, watchers, seconds, acts))


async def _watched(port: int, watchers: int, seconds: float, acts: list[tuple[float, Callable[[], Any]]]) -> list[Look]:
    start, found = time.monotonic(), list[Look]()

    async def act(at: float, does: Callable[[], Any]) -> None:
        await asyncio.sleep(at)
        await asyncio.to_thread(does)

    await asyncio.gather(
        *(_watch(port, start + seconds, 1.0, found) for _ in range(watchers)), *(act(*each) for each in acts)
    )
    return found
