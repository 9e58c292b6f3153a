"""Who may change what: the rights of whoever asks, and the lock, as doctor tells them."""

from collections.abc import Iterator

from loginq.doctor.checks import Finding, Patient, Verdict, guarded
from loginq.service.rules.errors import ConditionFailed, Refused
from loginq.service.store import keys
from loginq.service.store.failures import is_forbidden
from loginq.service.store.lock import read


def examine(patient: Patient) -> Iterator[Finding]:
    """Both findings."""
    yield guarded("rights", lambda: _rights(patient))
    yield guarded("lock", lambda: _lock(patient))


def _rights(patient: Patient) -> Finding:
    """Whether these credentials may act. Whether they may deploy, nothing tells without making something.

    What tells is a write on a condition that never holds: it changes nothing, and only who may write hears of the
    condition.
    """
    table, key = patient.queue.table, keys.lock(patient.queue.name)
    try:
        table.update(*key, write={"asked": True}, when="attribute_exists(#asked)")
    except ConditionFailed:
        return Finding("rights", Verdict.OK, "these credentials may look and act; a deploy needs more")
    except Refused as exc:
        if not is_forbidden(exc):
            raise
    do = "Who operates the queue needs the policy `OperatorPolicyArn`, an output of the stack."
    return Finding("rights", Verdict.OK, "these credentials may look, and change nothing", do)


def _lock(patient: Patient) -> Finding:
    there = read(patient.queue.table, patient.queue.name)
    if there is None:
        return Finding("lock", Verdict.OK, "none: who may deploy, can")
    return Finding("lock", Verdict.WARN, f"the stack is {there.words}", "`loginq unlock` lifts it.")
