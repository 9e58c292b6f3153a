"""A line made anew from what the rows say, when its item is lost or spoilt.

Positions stand in the players' rows and in the rosters, so nobody's changes. What only the line knew is taken so that
nothing is given twice: what cannot be told counts as not reached, and as taken.
"""

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, replace

from loginq.service.rules.act import KINDS, Action
from loginq.service.rules.gate import MICRO
from loginq.service.rules.line import Line
from loginq.service.rules.minute import Memory, share
from loginq.service.rules.player import Player
from loginq.service.rules.settings import Rules
from loginq.service.rules.valve import BUCKET, bucket

_KEPT = ("capacity", "message", "close", "open")
"""What an operator set that holds on; the rate does not, because the line begins paused and at rate 0."""


@dataclass(frozen=True, slots=True)
class Positions:
    """What players' rows say of positions: whose each is, and how many were let in and are in the game.

    Args:
        waiting: of those who have a place and were not let in yet.
        admitted: at which somebody was let in. inside: of who is in the game.
    """

    waiting: frozenset[int]
    admitted: frozenset[int]
    inside: frozenset[int]

    @classmethod
    def of(cls, players: Iterable[Player]) -> "Positions":
        """From the rows of all players."""
        waiting, admitted, inside = set[int](), set[int](), set[int]()
        for player in players:
            admitted.update(player.claimed)
            if player.position is None:
                continue
            if player.admitted_at is None:
                waiting.add(player.position)
                continue
            admitted.add(player.position)
            if player.in_game():
                inside.add(player.position)
        return cls(frozenset(waiting), frozenset(admitted), frozenset(inside))

    @property
    def last(self) -> int:
        """The last of them all."""
        return max((max(each, default=0) for each in (self.waiting, self.admitted)), default=0)


@dataclass(frozen=True, slots=True)
class Remains:
    """What is left of a queue whose line is not.

    Args:
        positions: what players' rows say. tail: the last position of any roster.
        synthetic: the positions of synthetic players, by the rosters.
        memory: what settling left. admitted: how many real players were let in, by it and by the valve since.
        leavings: what the counters of the leavings hold. done: acts of operators, newest first.
    """

    positions: Positions
    tail: int
    synthetic: Sequence[int]
    memory: Memory
    admitted: int
    leavings: int
    done: Sequence[Action]


def rebuilt(of: Remains, rules: Rules, t: int) -> Line:
    """The line as it was, as far as that can be told, paused and at rate 0.

    What has expired is counted with it: no call is left that could still let somebody in there.

    Nobody waits further back than before, nobody who has not been let in counts as such, and as many are in the game as
    rows say. Who never came is told from who left only as far as `admitted` goes; no-shows and holes are one.
    """
    found, memory = of.positions, of.memory
    tail = max(of.tail, found.last)
    expired = min(tail, max(memory.unused_to, *(to for _, to in memory.expiries), 0))
    seen = max((reached for _, reached in memory.samples), default=0)
    front = min((position for position in found.waiting if position > max(seen, expired)), default=tail + 1)
    passed = max((position for position in found.admitted if position < front), default=0)  # not by an operator's word
    reached = min(tail, max(seen, expired, passed))
    ghosts = sum(position <= expired for position in of.synthetic)
    behind = sum(position > expired for position in found.admitted)
    claimed = max(0, min(of.admitted - behind, expired - ghosts))
    departed = claimed + behind - len(found.inside) + ghosts
    lived = max((at for at, _ in memory.samples), default=0) + memory.full
    line = Line(
        tail=tail,
        reached_to=reached,
        gate=reached * MICRO,
        anchored_at=t,
        alive_at=t,
        burst=0,
        paused=True,
        departed=departed,
        departed_base=departed - of.leavings,
        folded_at=t,
        no_shows=expired - claimed - ghosts,
        expired_to=expired,
        counted_to=expired,
        synthetic=ghosts,
        lived=lived,
        no_show_share=share(memory.counts),
    )
    return replace(_as_set(rules.bound(line, t), rules, of.done, t), rate=0, paused=True)


def remembered(of: Remains, line: Line, t: int) -> Memory:
    """What the next run of settling goes by beside the rebuilt line: as many were let in as rows and line say."""
    admitted = line.counted + sum(position > line.counted_to for position in of.positions.admitted)
    return replace(of.memory, admitted=admitted, buckets_to=bucket(t) + BUCKET)  # nobody comes in now


def _as_set(line: Line, rules: Rules, done: Sequence[Action], t: int) -> Line:
    """With what operators set last, else as the stack begins."""
    line = line.set_capacity(t, rules.initial_capacity)
    seen: Mapping[object, Action] = {
        KINDS[act.kind]: act for act in reversed(done) if act.kind in _KEPT and act.can_be_undone
    }
    for kind, act in seen.items():
        line = kind.put(line, t, act.after)  # type: ignore[attr-defined]
    return line
