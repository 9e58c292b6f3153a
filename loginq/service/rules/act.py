"""What an operator did, as the audit has it: values, the words for them, and how they are put back."""

from collections import Counter
from collections.abc import Callable, Sequence
from dataclasses import asdict, dataclass, field
from typing import Any

from loginq.service.rules.errors import Invalid
from loginq.service.rules.line import Line
from loginq.service.rules.rates import rate_text, steps_text
from loginq.service.rules.times import HOUR, iso

ON_PLAYERS = (
    *("admit", "issue token", "remove", "reset", "create user", "confirm user", "reset password"),
    *("disable user", "enable user", "delete user", "load run"),
)
"""Acts on somebody, or on a crowd: an older version wrote down whom where others have what was before."""
_OF_THE_GATE = ("rate", "plan", "capacity", "in game", "pause", "resume")


def name_of(arn: str) -> str:
    """Who it is, without account and service: `user/ada`, `assumed-role/admin/ada`."""
    return arn.rpartition(":")[2]


@dataclass(frozen=True, slots=True)
class Action:
    """One thing that an operator did; `at` in ms since the epoch.

    `before` and `after` are values of JSON's kinds: a capacity is a number or None, a rate what `pace` says of a line.
    """

    at: int
    who: str
    what: str
    subject: str = ""
    """Whom it was done to: a player's sub, a crowd's run, a file; of the line, what it is a part of, if anything."""
    before: Any = None
    after: Any = None
    id: str = field(default="", compare=False)
    """By which it can be asked for: which act it was, not what."""

    @property
    def name(self) -> str:
        """Who it was, in short."""
        return name_of(self.who)

    @property
    def changed(self) -> bool:
        """Whether anything was different afterwards."""
        return bool(self.before != self.after) and not (self.on_many and not self.after["done"])

    @property
    def on_many(self) -> bool:
        """Whether it was done to many players, who are members of its own."""
        return isinstance(self.after, dict) and "done" in self.after

    @property
    def kind(self) -> str:
        """What it changed: to take something back is of the same kind."""
        return self.what.removeprefix(UNDO)

    @property
    def sets_the_rate(self) -> bool:
        """Whether it changed the rate, or what is planned of it."""
        return KINDS.get(self.kind) is _PACE and self.changed

    @property
    def moves_the_gate(self) -> bool:
        """Whether it explains why the line moves as it does."""
        return self.kind in _OF_THE_GATE and self.changed

    @property
    def can_be_undone(self) -> bool:
        """Whether it changed what can be put back, and says what was before: an older version wrote words."""
        typed = not (isinstance(self.before, str) and self.kind in ("rate", "plan", "capacity"))
        return self.kind in KINDS and self.changed and typed

    def words(self, moment: Callable[[int], str] = iso) -> tuple[str, str]:
        """What was before and what was after, as people read it, and instants as `moment` has them."""
        if self.on_many:
            return "", _of_many(self.after)
        if self.kind == "plan" or (self.what.startswith(UNDO) and _replans(self.before, self.after)):
            return _plan(self.before, moment), _plan(self.after, moment)
        said = _WORDS.get(self.kind, _plainly)
        return said(self.before), said(self.after)

    def document(self) -> dict[str, Any]:
        """The JSON form."""
        return {**asdict(self), "at": iso(self.at)}

    def concerns(self, sub: str) -> bool:
        """Whether it was done to this player alone."""
        return self.subject == sub


def noted(text: str) -> str:
    """A note as it is kept, without blanks around it. Raises `Invalid` for one that is empty or too long."""
    text = " ".join(text.split())
    if not 0 < len(text) <= LONGEST_NOTE:
        raise Invalid(f"The note has {len(text):,} letters.", f"Write 1 to {LONGEST_NOTE:,}.")
    return text


def pace(line: Line) -> dict[str, Any]:
    """How fast a line lets in, now and by plan: all that a change of its rate or its plan can change."""
    return {"rate": line.rate, "burst": line.burst, "steps": [list(step) for step in line.steps]}


def paced(line: Line, t: int, value: dict[str, Any]) -> Line:
    """The line that lets in as `value`, a `pace` of before, says; what was planned until `t` has come."""
    t = max(t, line.anchored_at)
    rate = next((rate for at, rate in reversed(value["steps"]) if at <= t), value["rate"])
    line = line.set_rate(t, rate, value["burst"])
    return line.plan(t, tuple((at, rate) for at, rate in value["steps"] if at > t))


@dataclass(frozen=True, slots=True)
class Kind:
    """A kind of act on the line that can be taken back: what of it an act changes, and how that is put back."""

    value: Callable[[Line], Any]
    put: Callable[[Line, int, Any], Line]


_PACE = Kind(pace, paced)
_MOVING = Kind(
    lambda line: "paused" if line.paused else "moving",
    lambda line, t, value: line.pause(t) if value == "paused" else line.resume(t),
)
_DOOR = Kind(
    lambda line: "closed" if line.closed else "open",
    lambda line, t, value: line.close(t) if value == "closed" else line.open(t),
)
KINDS = {
    "rate": _PACE,
    "plan": _PACE,
    "capacity": Kind(lambda line: line.capacity, lambda line, t, value: line.set_capacity(t, value)),
    "pause": _MOVING,
    "resume": _MOVING,
    "close": _DOOR,
    "open": _DOOR,
    "message": Kind(lambda line: line.message or None, lambda line, t, value: line.say(t, value or "")),
}
"""The acts on the line that can be taken back."""
NOTE = "note"
"""An act that only says something."""
LONGEST_NOTE = 500
"""Letters: a note is a line in a table."""
UNDO = "undo "
"""What the name of an act begins with that takes another one back."""


PROOF = "doctor live"
"""What `doctor --live` did: one act, written at its end, though each of its changes of the line is one as well."""


def to_undo(done: Sequence[Action]) -> tuple[Action | None, Counter[str]]:
    """Of what was done, newest first, the act to undo next, if any, and how often what else since, which stays.

    What a proof changed it put back itself; where it could not, what it changed is to be undone as all else, and never
    what it has put back.
    """
    later, proofs = (
        Counter[str](),
        {act.subject: act.after["put_back"] for act in done if act.what == PROOF and act.subject},
    )
    for act in done:
        put_back = act.subject in proofs and (proofs[act.subject] or act.what.startswith(UNDO))
        if act.what in (NOTE, PROOF) or put_back:
            continue
        if act.can_be_undone:
            return act, later
        if act.changed:
            later[act.what] += 1
    return None, later


def last_note(done: Sequence[Action], t: int) -> Action | None:
    """What an operator said last, by what was done lately, newest first, if that was within the last hour."""
    return next((act for act in done if act.what == NOTE and act.at > t - HOUR), None)


def planned_since(done: Sequence[Action], line: Line, t: int) -> int | None:
    """Since when the rate is one that was planned, by what was done lately, newest first; None where a hand set it."""
    last = next((act for act in done if act.sets_the_rate), None)
    planned = last.after["steps"] if last and isinstance(last.after, dict) else []
    come = [(at, rate) for at, rate in planned if at <= t]
    return come[-1][0] if come and come[-1][1] == line.rate_at(t) else None


def holds(action: Action, line: Line, t: int) -> bool:
    """Whether what `action` made is still so: nothing but what it planned has changed it since."""
    kind = KINDS[action.kind]
    now = line.anchored(t)
    return bool(kind.value(kind.put(now, t, action.after)) == kind.value(now))


def _plainly(value: Any) -> str:
    return "" if value is None else f"{value:,}" if isinstance(value, int) else str(value)


def _of_many(value: dict[str, Any]) -> str:
    """How many of those who were named it changed, and what else there is to know."""
    said = [f"{value['done']:,} of {value['players']:,}"]
    said += [f"{value['failed']:,} failed"] if value["failed"] else []
    left = value["players"] - value["done"] - value["no_change"] - value["failed"]
    return ", ".join(said + ([f"{left:,} not reached"] if left else []))


def _replans(before: Any, after: Any) -> bool:
    """Whether two paces differ in what is planned."""
    return isinstance(before, dict) and isinstance(after, dict) and before.get("steps") != after.get("steps")


def _plan(value: Any, moment: Callable[[int], str]) -> str:
    """An older version wrote words."""
    if not isinstance(value, dict):
        return _plainly(value)
    return ", ".join([rate_text(value["rate"]), *steps_text(value["steps"], moment)])


def _of(words: Callable[[dict[str, Any]], str]) -> Callable[[Any], str]:
    """The words for a value of several parts; an older version wrote words."""
    return lambda value: words(value) if isinstance(value, dict) else _plainly(value)


_WORDS: dict[str, Callable[[Any], str]] = {
    "rate": _of(lambda value: f"{rate_text(value['rate'])} with a burst of {value['burst']:,}"),
    "capacity": lambda value: "no limit" if value is None else _plainly(value),
    "load run": _of(lambda value: f"{value['players']:,} {'synthetic' if value['synthetic'] else 'real'} players"),
    PROOF: _of(lambda value: "proved" if value["proved"] else "not proved"),
    "rebuild": _of(lambda value: f"a line of {value['tail']:,} places, {value['reached']:,} of them reached"),
    "import users": _of(lambda value: f"{value['created']:,} of {value['accounts']:,} created"),
}
