"""Locking a stack against every deploy, and lifting that: what an operator does, and the audit has."""

import secrets

from loginq.service.operations.operator import Operator
from loginq.service.rules.errors import Invalid
from loginq.service.store import lock as store
from loginq.service.store.lock import Lock

LONGEST = 200
"""Characters of a reason."""


def lock(operator: Operator, reason: str) -> Lock:
    """Refuse every deploy, rollback and destroy of the stack from now on, for this reason.

    Raises `Invalid` for no reason or one that is too long, `Conflict` when the stack is locked already.
    """
    reason = " ".join(reason.split())
    if not 0 < len(reason) <= LONGEST:
        raise Invalid("A lock needs a reason that others can read.", f"Give 1 to {LONGEST} characters.")
    queue = operator.queue
    made = Lock(reason, operator.who, queue.clock(), secrets.token_hex(8))
    store.write(queue.table, made, queue.name)
    operator.acted("lock", after=reason)
    return made


def unlock(operator: Operator, lock: Lock) -> bool:
    """Lift this lock; whether it was still there. Raises `Conflict` when it is another one by now."""
    lifted = store.lift(operator.queue.table, lock, secrets.token_hex(8), operator.queue.name)
    if lifted:
        operator.acted("unlock", before=lock.reason)
    return lifted
