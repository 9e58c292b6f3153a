"""What an operator should look at, in words: pure rules over what was seen lately."""

from collections.abc import Sequence

from loginq.service.rules.door import Door, silence
from loginq.service.rules.measure import SHORT, Snapshot, asked
from loginq.service.rules.minute import falls_behind
from loginq.service.rules.rates import rate_text
from loginq.service.rules.servers import troubles
from loginq.service.rules.times import MINUTE, SECOND

GROWING = 30 * SECOND
"""For how long the intake must have grown, ms: a spike that is being placed is none."""
PAUSED_LONG = 5 * MINUTE


def attention(seen: Sequence[Snapshot], paused_since: int | None = None, door: Door | None = None) -> list[str]:
    """What needs attention, the worst first.

    Args:
        seen: snapshots in order of time, the last one is now; a minute of them lets every rule speak.
        paused_since: when the line was paused, ms, if it is and that is known.
        door: what was seen of the front door last; None where nobody has looked, and nothing may be called quiet.
    """
    now = seen[-1]
    return [
        *(door.troubles(now.t) if door else ()),
        *silence(now.settled_at, now.t),
        *falls_behind(now.counting_behind, now.line),
        *_uncounted(now),
        *_of_the_line(seen, paused_since),
    ]


def _uncounted(now: Snapshot) -> list[str]:
    """Who does not say how many are in the game, where game servers count."""
    if now.servers or now.servers is None:
        return troubles(now.servers or (), now.t, now.players.admitted)
    if now.line.capacity is None or not now.players.in_game:
        return []
    return ["no game server has said how many it holds, so no seat comes free: `loginq servers list` says how"]


def _of_the_line(seen: Sequence[Snapshot], paused_since: int | None) -> list[str]:
    now = seen[-1]
    line, t = now.line, now.t
    said: list[str] = []
    if now.dead_letters:
        said.append(
            f"{now.dead_letters:,} dead letters: `loginq queue dlq` says why, `loginq queue redrive` puts them back"
        )
    if (grown := _grown(seen)) is not None:
        said.append(
            f"the intake has grown from {grown:,} to {now.intake.total:,} in {(t - seen[0].t) // SECOND} s: "
            "`loginq logs process_login_queue --level ERROR`"
        )
    if line.paused:
        if paused_since is not None and t - paused_since > PAUSED_LONG:
            said.append(f"paused for {(t - paused_since) // MINUTE} min: `loginq queue resume`")
        return said
    waiting, wanted = line.waiting(t), asked(line, t)
    if waiting and t > line.alive_at + line.lease:
        said.append("the gate stands still: nobody has polled for longer than the lease, and nobody could come through")
    elif waiting and line.reached(t) >= line.limit:
        said.append("the game is full: nobody enters until players leave; `loginq rate set --capacity N` makes room")
    elif _short(seen):
        said.append(
            f"{now.admitted_per_second:.1f}/s come through of {rate_text(wanted)} asked: synthetic players, no-shows, "
            "or failing status calls (`loginq logs get_login_status --level ERROR`)"
        )
    elif waiting and not wanted:
        said.append("the rate is 0: nobody is let in" + (" until the next planned step" if line.steps else ""))
    return said


def _grown(seen: Sequence[Snapshot]) -> int | None:
    """The intake's depth when this began, if it has grown all the while and nobody drains it."""
    first, now = seen[0], seen[-1]
    if now.t - first.t < GROWING or now.intake.total <= first.intake.total:
        return None
    recent = [each.intake.total for each in seen if now.t - each.t <= GROWING]
    lowest = min(recent)
    return first.intake.total if now.intake.total > lowest and recent[0] == lowest else None


def _short(seen: Sequence[Snapshot]) -> bool:
    """Whether fewer came through for a minute than were asked for, all that time with people waiting."""
    now = seen[-1]
    steady = all(
        not each.line.paused and each.line.waiting(each.t) and each.line.rate_at(each.t) == now.line.rate_at(now.t)
        for each in seen
    )
    return steady and now.t - seen[0].t >= MINUTE and now.admitted_per_second < SHORT * asked(now.line, now.t) / 1_000
