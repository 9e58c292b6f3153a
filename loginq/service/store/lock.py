"""The lock of a stack, one row: `QUEUE#<name>` / `LOCK`: who keeps everybody from deploying, since when, and why."""

from dataclasses import asdict, dataclass, fields

from loginq.service.rules.act import name_of
from loginq.service.rules.errors import ConditionFailed, Conflict, NotFound
from loginq.service.rules.times import iso
from loginq.service.store import keys
from loginq.service.store.table import Row, Table

MAIN = "main"
"""The queue that a stack has."""


@dataclass(frozen=True, slots=True)
class Lock:
    """What one row says; `at` in ms since the epoch, `nonce` tells it from every other lock."""

    reason: str
    who: str
    """The ARN of whoever locked."""
    at: int
    nonce: str

    @property
    def name(self) -> str:
        """Who it was, without account and service, as the audit says it."""
        return name_of(self.who)

    @property
    def words(self) -> str:
        """The lock in half a sentence."""
        return f"locked by {self.name} since {iso(self.at)}: {self.reason}"

    def document(self) -> dict[str, str]:
        """The JSON form."""
        return {"reason": self.reason, "who": self.who, "at": iso(self.at)}


_NAMES = [each.name for each in fields(Lock)]


def read(table: Table, queue: str = MAIN) -> Lock | None:
    """The lock that holds, if any does; none where there is no table."""
    try:
        return _lock(table.get(*keys.lock(queue)))
    except NotFound:
        return None


def write(table: Table, lock: Lock, queue: str = MAIN) -> None:
    """Lock, unless another lock holds. Raises `Conflict`, which says whose.

    A repetition of the same, by a client that heard no answer, is no other lock.
    """
    try:
        free = "attribute_not_exists(#nonce) OR #nonce = :nonce_"
        table.update(*keys.lock(queue), write=asdict(lock), when=free)
    except ConditionFailed as exc:
        there = _lock(exc.row)
        said = there.words if there else "locked by somebody else"
        raise Conflict(f"The stack is {said}.", "Lift that first: `loginq unlock`.") from exc


def lift(table: Table, lock: Lock, token: str, queue: str = MAIN) -> bool:
    """Take this lock away, and no other; whether it was still there. Raises `Conflict` where another has come.

    `token`: by which a client that heard no answer knows that it was itself who lifted it.
    """
    seen = {"seen": lock.nonce}
    try:
        table.update(*keys.lock(queue), write={"lifted": token}, remove=_NAMES, when="#nonce = :seen", values=seen)
    except ConditionFailed as exc:
        if exc.row.get("lifted") == token:
            return True
        if there := _lock(exc.row):
            raise Conflict(f"It is another lock now: {there.words}.", "Look, and run it again.") from exc
        return False
    return True


def refuse(lock: Lock | None, stack: str) -> None:
    """Raises `Conflict` while there is a lock."""
    if lock:
        raise Conflict(
            f"The stack {stack!r} is {lock.words}.", "Nothing was changed. Who may go on says `loginq unlock` first."
        )


def _lock(row: Row | None) -> Lock | None:
    return Lock(**{name: row[name] for name in _NAMES}) if row and "nonce" in row else None
