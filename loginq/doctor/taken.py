"""What a stack took of an earlier one, as doctor tells it."""

from collections.abc import Iterator

from loginq.deploy import taken
from loginq.doctor.checks import Finding, Patient, Verdict, guarded
from loginq.service.rules.errors import LoginqError

_TAKEN = "taken over"


def examine(patient: Patient) -> Iterator[Finding]:
    """What there is to say of it; nothing where a stack took nothing."""
    try:
        found = taken.of(patient.parameters())
    except LoginqError:  # that there is no stack is a finding of its own
        return
    if found:
        yield guarded(_TAKEN, lambda: _taken(patient, found))


def _taken(patient: Patient, found: dict[str, str]) -> Finding:
    pool = found.get("UserPool", "")
    if pool and taken.is_orphan(patient.aws, pool):
        return Finding(_TAKEN, Verdict.BAD, taken.ORPHAN.format(pool).removesuffix("."), taken.HOW_TO_MEND)
    says = f"of an earlier stack, and none of this one's to delete: {', '.join(found.values())}"
    return Finding(_TAKEN, Verdict.OK, says)
