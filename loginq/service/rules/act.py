"""What an operator did, as the audit has it: values, and the words for them."""

from collections.abc import Callable
from dataclasses import asdict, dataclass
from typing import Any

from loginq.service.rules.line import Line
from loginq.service.rules.rates import rate_text
from loginq.service.rules.times import iso

ON_PLAYERS = (
    *("admit", "remove", "reset", "create user", "confirm user", "reset password"),
    *("disable user", "enable user", "delete user", "load run"),
)
"""Acts on somebody, or on a crowd: an older version wrote down whom where others have what was before."""
_OF_THE_GATE = ("rate", "plan", "capacity", "in game", "pause", "resume")


@dataclass(frozen=True, slots=True)
class Action:
    """One thing that an operator did; `at` in ms since the epoch.

    `before` and `after` are values of JSON's kinds: a capacity is a number or None, a rate what `pace` says of a line.
    """

    at: int
    who: str
    what: str
    subject: str = ""
    """Whom it was done to: a player's sub, a crowd's run, a file; empty for the line."""
    before: Any = None
    after: Any = None

    @property
    def name(self) -> str:
        """Who it was, without account and service: `user/ada`, `assumed-role/admin/ada`."""
        return self.who.rpartition(":")[2]

    @property
    def changed(self) -> bool:
        """Whether anything was different afterwards."""
        return bool(self.before != self.after)

    @property
    def moves_the_gate(self) -> bool:
        """Whether it explains why the line moves as it does."""
        return self.what in _OF_THE_GATE and self.changed

    def words(self) -> tuple[str, str]:
        """What was before and what was after, as people read it."""
        said = _WORDS.get(self.what, _plainly)
        return said(self.before), said(self.after)

    def document(self) -> dict[str, Any]:
        """The JSON form."""
        return {**asdict(self), "at": iso(self.at)}

    def concerns(self, sub: str) -> bool:
        """Whether it was done to this player."""
        return self.subject == sub


def pace(line: Line) -> dict[str, Any]:
    """How fast a line lets in, now and by plan: all that a change of its rate or its plan can change."""
    return {"rate": line.rate, "burst": line.burst, "steps": [list(step) for step in line.steps]}


def _plainly(value: Any) -> str:
    return "" if value is None else f"{value:,}" if isinstance(value, int) else str(value)


def _of(words: Callable[[dict[str, Any]], str]) -> Callable[[Any], str]:
    """The words for a value of several parts; an older version wrote words."""
    return lambda value: words(value) if isinstance(value, dict) else _plainly(value)


_WORDS: dict[str, Callable[[Any], str]] = {
    "rate": _of(lambda value: f"{rate_text(value['rate'])} with a burst of {value['burst']:,}"),
    "plan": _of(
        lambda value: ", ".join(f"{rate_text(r)} from {iso(at)}" for at, r in value["steps"]) or "nothing planned"
    ),
    "capacity": lambda value: "no limit" if value is None else _plainly(value),
    "load run": _of(lambda value: f"{value['players']:,} {'synthetic' if value['synthetic'] else 'real'} players"),
    "import users": _of(lambda value: f"{value['created']:,} of {value['accounts']:,} created"),
}
