"""Whether game servers that are to count do so, as doctor tells it."""

from collections.abc import Iterator

from loginq.doctor.checks import Finding, Patient, Verdict, unchecked
from loginq.service.operations.stats import counts_of
from loginq.service.rules.errors import LoginqError
from loginq.service.rules.servers import summary, troubles
from loginq.service.store.queue import Queue

_NAME = "game servers"


def examine(patient: Patient) -> Iterator[Finding]:
    """Each trouble of those that count, or that there is none; nothing where they report events."""
    try:
        if not patient.queue.rules.by_counts:
            return
    except LoginqError:  # that there are no rules is a finding of its own
        return
    try:
        yield from _counting(patient.queue)
    except LoginqError as exc:
        yield unchecked(_NAME, exc)


def _counting(queue: Queue) -> list[Finding]:
    servers, t = queue.servers.every(), queue.clock()
    if not servers:
        do = "`loginq guide game-server` has what they send; until then no seat comes free."
        return [Finding(_NAME, Verdict.WARN, "none has said how many it holds", do)]
    found = summary(servers, t)
    said = troubles(servers, t, counts_of(queue, queue.lines.read(), t).admitted)
    well = Finding(_NAME, Verdict.OK, f"{found['heard']:,} count {found['in_game']:,} players")
    return [Finding(_NAME, Verdict.WARN, each) for each in said] or [well]
