"""What an operator did, as the audit has it."""

from dataclasses import asdict, dataclass

from loginq.service.rules.times import iso


@dataclass(frozen=True, slots=True)
class Action:
    """One thing that an operator did; `at` in ms since the epoch."""

    at: int
    who: str
    what: str
    before: str
    after: str

    @property
    def name(self) -> str:
        """Who it was, without account and service: `user/ada`, `assumed-role/admin/ada`."""
        return self.who.rpartition(":")[2]

    def document(self) -> dict[str, str]:
        """The JSON form."""
        return {**asdict(self), "at": iso(self.at)}

    def concerns(self, sub: str) -> bool:
        """Whether it was done to this player."""
        return self.before == sub
