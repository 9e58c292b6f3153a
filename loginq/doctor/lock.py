"""Whether somebody keeps everybody from deploying: the lock, as doctor tells it."""

from collections.abc import Iterator

from loginq.doctor.checks import Finding, Patient, Verdict, guarded
from loginq.service.store.lock import read


def examine(patient: Patient) -> Iterator[Finding]:
    """The one finding."""
    yield guarded("lock", lambda: _lock(patient))


def _lock(patient: Patient) -> Finding:
    there = read(patient.queue.table, patient.queue.name)
    if there is None:
        return Finding("lock", Verdict.OK, "none: who may deploy, can")
    return Finding("lock", Verdict.WARN, f"the stack is {there.words}", "`loginq unlock` lifts it.")
