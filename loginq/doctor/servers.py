"""Whether game servers that are to count do so, as doctor tells it."""

from collections.abc import Iterator

from loginq.doctor.checks import Finding, Patient, Verdict, guarded
from loginq.service.rules.errors import LoginqError
from loginq.service.rules.servers import summary, troubles

_NAME = "game servers"


def examine(patient: Patient) -> Iterator[Finding]:
    """One finding where they count, none where they report events: who plays nothing says nothing."""
    try:
        if not patient.queue.rules.by_counts:
            return
    except LoginqError:  # that there are no rules is a finding of its own
        return
    yield guarded(_NAME, lambda: _counting(patient))


def _counting(patient: Patient) -> Finding:
    servers = patient.queue.servers.every()
    if not servers:
        do = "`loginq guide game-server` has what they send; until then no seat comes free."
        return Finding(_NAME, Verdict.WARN, "none has said how many it holds", do)
    found = summary(servers, patient.queue.clock())
    for said in troubles(servers, patient.queue.clock()):
        return Finding(_NAME, Verdict.WARN, said)
    return Finding(_NAME, Verdict.OK, f"{found['heard']:,} count {found['in_game']:,} players")
