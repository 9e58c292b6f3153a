"""What a deploy would change, as it is shown, kept and applied."""

from dataclasses import dataclass, field

from loginq.deploy.changes import Change
from loginq.deploy.effects import Difference
from loginq.deploy.triggers import Guard


@dataclass(frozen=True, slots=True)
class Plan:
    """What a deploy would change: a change set that waits to be applied, or in a dry run what can be told without."""

    change_set: str | None
    """None when there is nothing to apply."""
    changes: list[Change]
    update: bool
    parameters: dict[str, str]
    """What the parameters will be; another deploy may change those that were not given until this one is applied."""
    tags: list[tuple[str, str | None, str]] = field(default_factory=list)
    """Tags of the stack that change: key, value before (None for no value), value after."""
    is_foreseen: bool = False
    """Whether this was told without asking CloudFormation: in a dry run that may make nothing."""
    differences: list[Difference] = field(default_factory=list)
    """The parameters that change."""
    guard: Guard = field(default_factory=Guard)

    @property
    def is_current(self) -> bool:
        """Whether there is nothing to apply."""
        return self.change_set is None and not self.is_foreseen

    @property
    def id(self) -> str | None:
        """The name of the change set within its stack; None for none. Its ARN is `…:changeSet/NAME/UUID`."""
        return self.change_set.split("/")[-2] if self.change_set and "/" in self.change_set else self.change_set


@dataclass(frozen=True, slots=True)
class Crowd:
    """How many real and synthetic players wait, and how many real ones are in the game."""

    waiting: int
    in_game: int
