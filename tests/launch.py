"""A launch that is written down, minute by minute: for the report, its page and its benchmark."""

import math
from collections.abc import Iterator
from random import Random

from loginq.service.rules.act import Action
from loginq.service.rules.history import Minute
from loginq.service.rules.tally import NOBODY, Came, tallied
from loginq.service.rules.times import MINUTE, SECOND

ADA = "arn:aws:iam::123456789012:user/ada"


def launch(t: int, minutes: int, players: int) -> Iterator[Minute]:
    """So many players come within so many minutes, most of them at its beginning, and as many are let in each minute.

    One in eleven is a no-show, half of the others are told a time, and each fifth comes in a little out of order.
    `t`: when it begins, ms.
    """
    random, order, tail, reached, missed = Random(1), NOBODY, 0, 0, 0
    each = players // minutes
    for n in range(1, minutes + 1):
        before, counted = tail, reached
        tail = round(players * (1 - math.exp(-5 * n / minutes)) / (1 - math.exp(-5)))
        reached = min(tail, reached + each) if n < minutes else tail
        at = t + n * MINUTE
        shows = [position for position in range(counted + 1, reached + 1) if position % 11]
        missed += reached - counted - len(shows)
        came = [_came(random, at, position, (reached - counted), n) for position in shows]
        tally = tallied(came, counted + 1, reached, len(came), order) if came else None
        order = tally.order if tally else order
        yield Minute(
            at=at,
            asked=each * 1_000 // 60,
            achieved=len(came) * 1_000 // 60,
            arrivals=(tail - before) * 1_000 // 60,
            tail=tail,
            reached=reached,
            in_game=(reached - missed) * 3 // 4,
            departed=reached - missed - (reached - missed) * 3 // 4,
            no_shows=missed,
            holes=0,
            intake=0,
            eta=(tail - reached) * MINUTE // each if each else None,
            synthetic=0,
            version=3 * n,
            tally=tally,
        )


def _came(random: Random, at: int, position: int, many: int, n: int) -> Came:
    admitted = at + position % many * MINUTE // many + (random.randint(0, 5 * SECOND) if position % 5 == 0 else 0)
    placed = admitted - random.randint(2 * SECOND, 2 * SECOND + n * 10 * SECOND)
    told = None if position % 2 else admitted + random.randint(-3 * SECOND, 3 * SECOND)
    return Came(placed - random.randint(0, 2 * SECOND), placed, told, admitted)


def acts(t: int) -> list[Action]:
    """What was done in the first half hour of it, one of it by somebody who would have a page run a script."""
    return [
        Action(t + 5 * MINUTE, ADA, "rate", "", _pace(50_000), _pace(80_000)),
        Action(t + 16 * MINUTE, ADA, "pause", "", "moving", "paused"),
        Action(t + 17 * MINUTE, ADA, "note", "", None, "EU-2 is down </style><script>alert('x')</script> & \"back\""),
        Action(t + 18 * MINUTE, ADA, "resume", "", "paused", "moving"),
        Action(t + 25 * MINUTE, ADA, "admit", "a-sub", None, "admitted"),
    ]


def _pace(rate: int) -> dict[str, object]:
    return {"rate": rate, "burst": rate // 1_000, "steps": []}
