"""How fast one run counts: rosters and rows read, and what is made of them, in the CPU time of the real function."""

import time
from collections.abc import Callable
from uuid import uuid4

from lambdas.runtime import ROOM
from loginq.service.requests.counting import WRAP_UP, count
from loginq.service.rules.minute import COUNTED_A_MINUTE, COUNTED_A_SECOND
from loginq.service.rules.tally import NOBODY, tallied
from loginq.service.rules.ticket import Ticket
from loginq.service.rules.times import SECOND, iso
from loginq.service.store.keys import player as key
from loginq.service.store.rosters import Place
from loginq.service.store.table import GETS, chunks
from loginq.service.store.wire import pack
from tests.benchmarks.measure import Row, against, median
from tests.benchmarks.rush import WHOLE
from tests.benchmarks.stage import Stage, row_of

POSITIONS, FIRST, ROUNDS = 4_000, 5_000_001, 7
TIMEOUT, MEMORY = 55, 1_024
"""Seconds and MB that the template gives the function."""


def one_run(stage: Stage) -> list[Row]:
    """Positions a second, all claimed, against the same rows read bare."""
    subs = _crowd(stage)
    last = FIRST + POSITIONS - 1
    client = stage.client("dynamodb")

    def ours() -> None:
        found = count(stage.queue, FIRST, last)
        assert found.claimed == POSITIONS
        tallied(found.came, FIRST, last, found.claimed, NOBODY)

    def bare() -> None:
        for some in chunks(subs, GETS):
            keys = [pack(dict(zip(("PK", "SK"), key(sub), strict=True))) for sub in some]
            client.batch_get_item(RequestItems={stage.queue.table.name: {"Keys": keys, "ConsistentRead": True}})

    pairs = [(_cpu(ours), _cpu(bare)) for _ in range(ROUNDS)]
    mine, theirs = ([each[n] for each in pairs] for n in (0, 1))
    a_position = median(mine) / POSITIONS * WHOLE / MEMORY
    in_a_run = (TIMEOUT - ROOM - WRAP_UP) / a_position
    return [
        Row(
            f"a run of {MEMORY} MB, {a_position * 1_000:.3f} ms of its CPU a position; one run, nobody beside it; its "
            f"time is enough for {in_a_run:,.0f}, and it takes {COUNTED_A_MINUTE:,} at the most",
            f"{1 / a_position:,.0f} positions/s",
            f"rows read bare: {POSITIONS / median(theirs) * MEMORY / WHOLE:,.0f} rows/s",
            f"{against(mine, theirs):.2f} of the CPU time",
            f"≥ {COUNTED_A_SECOND:,} positions/s",
        )
    ]


def _crowd(stage: Stage) -> list[str]:
    t, subs = stage.queue.clock(), [str(uuid4()) for _ in range(POSITIONS)]
    stage.queue.rosters.write([Place(FIRST + n, sub, synthetic=False) for n, sub in enumerate(subs)], t)
    tickets = [Ticket(sub, f"{sub}-ticket", t) for sub in subs]
    came = {"queuedAt": iso(t), "etaAt": iso(t + SECOND), "loginProcessedAt": iso(t + SECOND)}
    stage.queue.table.write_all(
        puts=[
            {**row_of(ticket), "email": f"{n}@example.com", "queuePosition": FIRST + n, **came}
            for n, ticket in enumerate(tickets)
        ]
    )
    return subs


def _cpu(work: Callable[[], None]) -> float:
    began = time.process_time()
    work()
    return time.process_time() - began
