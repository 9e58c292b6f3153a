"""A line in which no real player waits, forgotten: what a rehearsal leaves behind."""

from dataclasses import dataclass, field

from loginq.service.rules.act import PROOF
from loginq.service.rules.errors import Conflict
from loginq.service.rules.line import Line
from loginq.service.rules.minute import ADMITTING, forgotten
from loginq.service.rules.player import Player
from loginq.service.rules.rates import rate_text
from loginq.service.rules.times import HOUR
from loginq.service.rules.valve import BUCKET
from loginq.service.store.audit import latest
from loginq.service.store.queue import Queue
from loginq.service.store.rosters import Place
from loginq.service.store.table import chunks

_AT_A_TIME = 1_000
_BUCKETS = 100
"""What the valve tells at once."""


@dataclass(frozen=True, slots=True)
class Occupants:
    """Who is at the positions that are not counted yet.

    Args:
        real: sub -> position and row of the real players who may still be let in there.
        claimed: how many real players were let in there.
        ghosts: how many positions that are not reached yet are nobody's, or synthetic, in front of the last of `real`.
        unnamed: how many are in no roster: a crash's, or those of a batch that is being placed.
    """

    real: dict[str, tuple[int, Player]] = field(default_factory=dict)
    claimed: int = 0
    ghosts: int = 0
    unnamed: int = 0


def occupants(queue: Queue, line: Line) -> Occupants:
    """Read it from the rosters, and the real players' rows: 1,000 synthetic ones take one item, as many real ones 10
    requests more."""
    places = list(queue.rosters.places(line.counted_to + 1, line.tail))
    real: dict[str, tuple[int, Player]] = {}
    claimed = 0
    for some in chunks([place for place in places if not place.synthetic], _AT_A_TIME):
        rows = queue.players.get_all([place.sub for place in some])
        for place in some:
            row = rows.get(place.sub)
            if row is None:
                continue
            claimed += row.has_claimed(place.position)
            if _may_come(row, place, line):
                real[place.sub] = place.position, row
    last, reached = max((position for position, _ in real.values()), default=0), line.reached(queue.clock())
    ahead = sum(reached < position < last for position, _ in real.values())
    ghosts = max(0, last - reached - 1) - ahead
    return Occupants(real, claimed, ghosts, line.tail - line.counted_to - len(places))


def _may_come(row: Player, place: Place, line: Line) -> bool:
    """Whether this player may still be let in at this place, or is on the way into the line. Until an expired one is
    counted, a call may be under way that lets in there."""
    unclaimed = row.ticket is not None and row.admitted_at is None
    return unclaimed and row.position in (None, place.position) and not row.is_void(line)


def check(queue: Queue, line: Line, found: Occupants) -> None:
    """Raises `Conflict` where the line may not be forgotten."""
    if found.real:
        raise Conflict(
            f"{len(found.real):,} real players wait in line, or may still be let in.",
            "A line is reset when there are none: let them in, or take their places away with `loginq players remove`.",
        )
    if found.unnamed and queue.clock() - line.anchored_at < ADMITTING:
        raise Conflict("Somebody is being placed in the line at this moment.", "Try again in a few seconds.")


def reset(queue: Queue) -> tuple[Line, Line]:
    """Forget every position so far; the line before and after. Raises `Conflict` as `check` says.

    Whoever joins meanwhile makes another version of the line, and that is looked at, too; who could be let in would be
    one of those for whom it is refused. The memory of settling comes last: if a crash, or a run of settling, leaves the
    old one there, its closings lie behind, and only the share of no-shows is theirs for three counts more.
    """
    before = queue.lines.read()

    def forget(line: Line, t: int) -> Line:
        nonlocal before
        found = occupants(queue, line)
        check(queue, line, found)
        before = line.anchored(t)
        return line.reset(t, found.claimed)

    line = queue.lines.change(forget)
    queue.settlement.write(forgotten(queue.settlement.read(), line, line.anchored_at))
    return before, line


def staying(queue: Queue, line: Line, found: Occupants) -> str:
    """What stays in a line that is not forgotten, because real players wait in it."""
    t = queue.clock()
    position, first = min(found.real.values(), key=lambda each: each[0])
    rate = line.passing(t)
    pace = f"the line passes them at {rate_text(rate)}" if rate else "while it stands, it passes none of them"
    return (
        f"{found.ghosts:,} places of nobody stay in front of {len(found.real):,} real players, "
        f"the first of whom is {first.username or first.sub} at {position:,}: {pace}."
    )


def let_in_lately(queue: Queue) -> int:
    """How many real players were let in within the last hour, by the valve's counters, those of a proof left out."""
    line, t = queue.lines.read(), queue.clock()
    ends = range(0, HOUR, _BUCKETS * BUCKET)
    came = sum(
        sum(queue.valve.admitted(line, t - back, min(_BUCKETS, (HOUR - back) // BUCKET)).values()) for back in ends
    )
    proofs = (act.after["let_in"] for act in latest(queue, since=t - HOUR) if act.what == PROOF) if came else ()
    return max(0, came - sum(proofs))
