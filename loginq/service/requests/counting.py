"""What became of closed positions, by rosters and rows: who claimed them, and who of these never joined the game.

It is read in parts, in order, and ends with the last part that time and table allow: what comes after it waits for the
next run. So nothing is counted twice, nothing is passed over, and a table that is too slow for all of it loses no part.
"""

from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass, field
from itertools import islice

from loginq.service.requests.departures import depart
from loginq.service.requests.keeping import came
from loginq.service.rules.errors import ConditionFailed, Unavailable
from loginq.service.rules.line import Line
from loginq.service.rules.minute import UNUSED, Memory, looked, unused_due
from loginq.service.rules.player import Player
from loginq.service.rules.tally import Came
from loginq.service.rules.times import SECOND
from loginq.service.store.leavings import TOGETHER
from loginq.service.store.players import CLAIMING
from loginq.service.store.queue import Queue
from loginq.service.store.rosters import Place
from loginq.service.store.table import GETS, THREADS, chunks

APART = 1 * SECOND
"""How far the clocks of two functions may be apart, ms: far less than the cool-down before a newer ticket."""
AT_A_TIME = GETS * THREADS
"""Positions looked at together."""
WRAP_UP = 15
"""Seconds that are left for writing down what was counted, when counting stops for want of time."""


@dataclass(slots=True)
class Found:
    """What there is to say of the positions from `first` to `to`: how many were claimed, how many not.

    `came`: those who were let in, in the order of their positions.
    """

    first: int
    to: int
    claimed: int = 0
    synthetic: int = 0
    no_shows: int = 0
    came: list[Came] = field(default_factory=list)

    @property
    def holes(self) -> int:
        """Positions that were nobody's."""
        return self.to - self.first + 1 - self.claimed - self.synthetic - self.no_shows


def count(queue: Queue, first: int, due: int) -> Found:
    """What became of the positions from `first` to `due`, or of as many of these as time and table allow.

    Raises `Unavailable` where the table allows none.
    """
    found = Found(first, first - 1)

    def look(places: Sequence[Place]) -> None:
        rows = _rows(queue, places, lambda place, player: player.has_claimed(place.position))
        claims = [_claimed(place, rows) for place in places if not place.synthetic]
        found.synthetic += len(places) - len(claims)
        found.claimed += claims.count(True)
        found.no_shows += claims.count(False)
        found.came += came(places, rows, APART)

    found.to = _look(queue, first, due, look)
    return found


def _look(queue: Queue, first: int, due: int, look: Callable[[Sequence[Place]], None]) -> int:
    """Have a look at the places from `first` to `due`, part by part; up to where that was done."""
    to = first - 1
    try:
        for places, end in _parts(queue, first, due):
            if to >= first and queue.time_left() < WRAP_UP:
                break
            look(places)
            to = end
    except Unavailable as exc:
        if to < first:
            raise
        queue.log("cut_short", looked_to=to, due=due, reason=exc.message)
    return to


def _parts(queue: Queue, first: int, due: int) -> Iterator[tuple[Sequence[Place], int]]:
    """(Places, up to which position they are all there are), in order, up to `due`."""
    places = queue.rosters.places(first, due)
    while some := list(islice(places, AT_A_TIME)):
        yield some, some[-1].position
    yield (), due


def _rows(queue: Queue, places: Sequence[Place], is_final: Callable[[Place, Player], bool]) -> dict[str, Player]:
    """The players of these places.

    They are read eventually consistently, which is half the units, and where that does not say what stays so,
    whatever comes, once more consistently.
    """
    real = [place for place in places if not place.synthetic]
    lately = queue.players.get_all([place.sub for place in real], consistent=False, only=CLAIMING)
    final = {place.sub for place in real if place.sub in lately and is_final(place, lately[place.sub])}
    now = queue.players.get_all([place.sub for place in real if place.sub not in final], only=CLAIMING)
    return {sub: player for sub, player in lately.items() if sub in final} | now


def _claimed(place: Place, rows: dict[str, Player]) -> bool | None:
    """Whether the player was let in at this position; None for a hole.

    That is one whose player still bears the ticket that was placed there, and has another position or none: somebody
    else's delivery was first, or the writer crashed. Any other ticket, or none, says that the player gave up.
    """
    player = rows.get(place.sub)
    if player is not None and player.has_claimed(place.position):
        return True
    if player is None or player.ticket is None or player.position == place.position:
        return False
    return None if place.at is not None and (player.issued_at or 0) <= place.at + APART else False


def free_unused(queue: Queue, memory: Memory, line: Line, t: int) -> tuple[Memory, int]:
    """Count as departed who was let in and did not join the game until 60 s after the admission's end, once.

    Only where game servers say who joined. Leaving is written as of the admission, so that no grace follows it.
    """
    if queue.rules.by_counts or not queue.rules.reports_joined:
        return looked(memory, line, line.counted_to), 0
    due, unused = unused_due(memory, line, t, queue.rules.admission), 0

    def look(places: Sequence[Place]) -> None:
        nonlocal unused
        rows = _rows(queue, places, _has_joined)
        idle = [player for place in places if (player := rows.get(place.sub)) and _is_unused(player, place, queue, t)]
        for few in chunks(idle, TOGETHER):
            unused += _leave(queue, few)

    first = memory.unused_to + 1
    return looked(memory, line, _look(queue, first, due, look) if due >= first else due), unused


def _has_joined(place: Place, player: Player) -> bool:
    return player.position == place.position and (player.joined_at is not None or player.left_at is not None)


def _is_unused(player: Player, place: Place, queue: Queue, t: int) -> bool:
    over = (player.admitted_at or 0) + queue.rules.admission + UNUSED
    return player.position == place.position and player.in_game() and player.joined_at is None and t >= over


def _leave(queue: Queue, players: Sequence[Player]) -> int:
    """All of them leave in one transaction; if one of them has joined meanwhile, the next run looks again."""
    admissions = [player.admitted_at or 0 for player in players]
    also = [queue.players.leaving(player, player.admitted_at or 0, unless_joined=True) for player in players]
    try:
        depart(queue, admissions, also)
    except ConditionFailed:
        return sum(_leave(queue, [player]) for player in players) if len(players) > 1 else 0
    return len(also)
