"""Nothing is mute: that AWS is still asked is said, and of a change that was not answered what is known of it."""

import re
import threading
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field

from loginq.service.rules.errors import Unavailable

SILENCE, AGAIN = 2.0, 10.0
"""After how many seconds without an answer it is said that AWS is asked, and how long after that once more."""
_READS = re.compile("(admin_)?(get|describe|list|head|filter|detect|receive|assume)_|batch_get_|query$|scan$")
"""Operations that change nothing."""
_LOOKING = frozenset(
    {"audit", "deployments", "dlq", "export", "history", "list", "logs", "peek", "show", "stats", "status", "watch"}
)
"""Commands that change nothing, by their names: of them nobody has to be told so."""
AUDIT = "loginq queue audit"
"""What says who did what; of a rollback `loginq deployments` does."""
_UNKNOWN = "Whether this was done is not known"


def _tell(silent: float) -> None:
    from loginq.cli import console

    console.say("Asking AWS …" if silent < AGAIN else f"AWS has not answered for {silent:.0f} s; still asking …")


@dataclass(slots=True)
class Asking:
    """The calls of AWS that are under way, from any thread, and what became of the changes among them.

    Args:
        tell: says that there is no answer yet, for so many seconds.
    """

    tell: Callable[[float], None] = _tell
    changes: int = 0
    """How many were begun."""
    cut_off: bool = False
    """Whether one of them ended without an answer."""
    look: str = ""
    """What says whether the command has done it, where doing it twice is not the same; empty where it is."""
    hushed: int = 0
    """How much is drawn, or asked of somebody, that shows by itself that things go on."""
    _under_way: int = 0
    _since: float = 0.0
    _due: float = SILENCE
    _timer: threading.Timer | None = None
    _lock: threading.Lock = field(default_factory=threading.Lock)

    @contextmanager
    def __call__(self, operation: str) -> Iterator[None]:
        """A call of this operation, by botocore's name of it."""
        is_change = bool(operation) and not _READS.match(operation)
        self._moved(1)
        self.changes += is_change
        try:
            yield
        except (Unavailable, KeyboardInterrupt):
            self.cut_off = self.cut_off or is_change
            raise
        finally:
            self._moved(-1)

    def _moved(self, by: int) -> None:
        with self._lock:
            self._under_way += by
            self._since, self._due = time.monotonic(), SILENCE
            if self._timer is None:
                self._wait(SILENCE)

    def _wait(self, seconds: float) -> None:
        self._timer = threading.Timer(seconds, self._look)
        self._timer.daemon = True
        self._timer.start()

    def _look(self) -> None:
        with self._lock:
            self._timer = None
            if not self._under_way:
                return
            silent = time.monotonic() - self._since
            is_due = silent >= self._due
            if is_due:
                self._due = silent + AGAIN
            self._wait(min(self._due - silent, SILENCE))  # a call that begins meanwhile is not to wait for AGAIN
        if is_due and not self.hushed:
            self.tell(silent)


ASKING = Asking()
"""Those of this process."""


@contextmanager
def drawing() -> Iterator[None]:
    """While something is drawn, or asked of somebody, that shows by itself that things go on."""
    ASKING.hushed += 1
    try:
        yield
    finally:
        ASKING.hushed -= 1


@contextmanager
def working(what: str) -> Iterator[None]:
    """While something goes on of which nothing is drawn: if it takes long, it is said what it is."""
    from loginq.cli import console

    timer = threading.Timer(SILENCE, console.say, [f"{what} …"])
    timer.daemon = True
    timer.start()
    try:
        yield
    finally:
        timer.cancel()


@contextmanager
def outcome(command: str, look: str) -> Iterator[None]:
    """A command, by its name: where AWS does not answer, its error says what is known of what was to be done.

    `look`: what says so afterwards, where doing it twice is not the same as once.
    """
    ASKING.changes, ASKING.cut_off, ASKING.look = 0, False, look
    try:
        yield
    except Unavailable as exc:
        if command not in _LOOKING and _is_unanswered(exc):
            exc.hint = f"{exc.hint} {_known()}".strip()
        raise
    except KeyboardInterrupt:
        if ASKING.cut_off:
            from loginq.cli import console

            console.say(_known())
        raise


def _is_unanswered(exc: Unavailable) -> bool:
    """Whether AWS said nothing, or only that it failed: a throttle, say, is an answer, and what it met is undone."""
    from loginq.service.store.failures import code_of

    code = code_of(exc)
    return exc.__cause__ is not None and (not code or code.startswith(("Internal", "ServiceUnavailable", "5")))


def _known() -> str:
    if not ASKING.changes:
        return "Nothing was changed."
    if not ASKING.look:
        return f"{_UNKNOWN}; the same command again does no harm."
    return f"{_UNKNOWN}, and twice is not the same as once: look first, with `{ASKING.look}`."
