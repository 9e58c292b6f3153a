"""The line's arithmetic, and a million players on the virtual clock."""

import timeit
from collections.abc import Callable

from loginq.service.rules.line import Line
from loginq.service.rules.times import SECOND
from tests.benchmarks.cold import PEAK
from tests.benchmarks.measure import Row, script
from tests.benchmarks.stage import Stage

START = 1_800_000_000_000
_SIMULATE = (
    PEAK
    + """
import json, sys, time
from loginq.rehearsal.paper import Launch, on_paper
began = time.perf_counter()
report = on_paper(Launch(players=int(sys.argv[1]), rate=500_000, arrive=600_000))
print(json.dumps({"took": time.perf_counter() - began,
                  "mb": peak()}))
"""
)


def calls(_: Stage) -> list[Row]:
    """Microseconds a call, without planned steps and with twenty."""
    plain = Line(rate=500_000, burst=500, anchored_at=START, alive_at=START).join(START, 200_000)
    planned = plain.plan(START, tuple((START + n * 60 * SECOND, 500_000 + n) for n in range(1, 21)))
    t = START + 20 * SECOND
    rows = []
    work: dict[str, Callable[[Line], object]] = {
        "join": lambda line: line.join(t, 10),
        "reached": lambda line: line.reached(t),
        "eta": lambda line: line.eta(199_000, t),
    }
    for name, call in work.items():
        one, twenty = (min(timeit.repeat(lambda: call(line), number=500, repeat=7)) / 500 for line in (plain, planned))  # noqa: B023
        rows.append(
            Row(
                f"`line.{name}`, with 20 planned steps",
                f"{twenty * 1e6:.1f} µs",
                f"without: {one * 1e6:.1f} µs",
                f"{twenty / one:.1f}",
                "–",  # noqa: RUF001
            )
        )
    return rows


def launches(stage: Stage) -> list[Row]:
    """`simulate` with ten thousand and with a million players."""
    small, large = (script(_SIMULATE, stage.environment, players) for players in ("10000", "1000000"))
    return [
        Row(
            "`simulate`, 1,000,000 players",
            f"{large['took']:.1f} s, {large['mb']:.0f} MB",
            f"10,000: {small['took']:.1f} s, {small['mb']:.0f} MB",
            f"{large['took'] / small['took']:.1f}",
            "–",  # noqa: RUF001
        )
    ]
