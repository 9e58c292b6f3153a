"""Every row of the table by its key (PK, SK): no other module writes one down."""

from collections.abc import Mapping
from typing import Any

from loginq.service.rules.times import MINUTE, iso

Key = tuple[str, str]
NAMES = ("PK", "SK")
"""The attributes that a key is kept in."""
PLAYERS = "USER#"
"""What the partition of each player begins with, and no other."""
AUDIT_END = "AUDIT$"
"""Sorts behind every audit row and before every other row of the queue."""
PER_PARTITION = 100_000
"""Positions whose rosters share a partition, so that writes spread."""


def keyed(key: Key) -> dict[str, Any]:
    """The attributes that make a row this one."""
    return dict(zip(NAMES, key, strict=True))


def player(sub: str) -> Key:
    """A player, by subject."""
    return f"{PLAYERS}{sub}", f"METADATA#{sub}"


def sub_of(row: Mapping[str, Any]) -> str:
    """Whose row of a player it is."""
    return str(row["PK"]).removeprefix(PLAYERS)


def queue(name: str) -> str:
    """The partition of what there is once a queue, and of its audit."""
    return f"QUEUE#{name}"


def line(name: str) -> Key:
    """The line of a queue."""
    return queue(name), "LINE"


def rules(name: str) -> Key:
    """The rules of the stack for a queue."""
    return queue(name), "RULES"


def lock(name: str) -> Key:
    """Who keeps everybody from deploying the stack of a queue, and why."""
    return queue(name), "LOCK"


def settlement(name: str) -> Key:
    """What one run of settling leaves for the next."""
    return queue(name), "SETTLEMENT"


def audit(name: str, t: int, nonce: str) -> Key:
    """One act of an operator, at `t` ms; `nonce` tells those of one instant apart."""
    return queue(name), f"AUDIT#{iso(t)}#{nonce}"


def members(name: str, act: str, part: int = 0) -> Key:
    """Some of those whom one act on many was done to; the parts sort in their order."""
    return f"MEMBERS#{name}#{act}", f"{part:06}"


def roster(name: str, position: int) -> Key:
    """The item of a roster that begins at `position`; the items of a partition sort by their positions."""
    return f"ROSTER#{name}#{position // PER_PARTITION}", f"{position:012}"


def first_of(row: Mapping[str, Any]) -> int:
    """The position at which an item of a roster begins."""
    return int(row["SK"])


def admitted(name: str, shard: int | str, bucket: int) -> Key:
    """How many came in, in the 10 s from `bucket` ms on, by one shard of the valve."""
    return f"ADMITTED#{name}#{shard}", iso(bucket)


def returned(name: str, shard: int, bucket: int) -> Key:
    """How many came back into the game, in the 10 s from `bucket` ms on, by one shard of the valve."""
    return f"RETURNED#{name}#{shard}", iso(bucket)


def left(name: str, shard: int) -> Key:
    """One of the counters of those who have left the game."""
    return f"LEFT#{name}#{shard}", "LEFT"


def count(name: str, server: str) -> Key:
    """What a game server said last of how many it holds."""
    return f"COUNT#{name}", server


def server_key(name: str, server: str) -> Key:
    """The key of a game server that holds no AWS identity."""
    return f"KEY#{name}", server


def history(name: str, t: int) -> Key:
    """What stays of the minute in which `t` ms is; the minutes sort in their order."""
    return f"HISTORY#{name}", iso(t // MINUTE * MINUTE)


def jwks(name: str) -> Key:
    """The public key set, alone in its partition: who may read it can read nothing else."""
    return f"PUBLIC#{name}", "JWKS"
