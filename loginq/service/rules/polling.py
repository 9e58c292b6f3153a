"""When a client asks again, and what a reader owes the line meanwhile: pure rules."""

from random import Random

from loginq.service.rules.gate import MICRO
from loginq.service.rules.line import Line
from loginq.service.rules.times import MINUTE, SECOND

SOONEST, NEAR, LONGEST = 1 * SECOND, 2 * SECOND, 30 * SECOND
MANY, LONGEST_OF_MANY = 500, 60 * SECOND
"""Where so many wait the longest poll is twice as long: each of them still has a poll or two in its last minutes, and
with eight of them a second somebody always sees to the lease."""
RESEND_AFTER = 1 * MINUTE
SHORTEST_BREAK, CROWD = 30 * SECOND, 75
"""How soon to ask a closed queue again, and how many who do it within a minute make that two minutes."""
UNKNOWN = 20 * SECOND
"""What a pause counts as, and a full game of which nothing can be promised, so that who waits in one polls each 8 to
10 s and comes at most that late after it."""


def longest_poll(lease: int, claim_window: int, waiting: int = MANY) -> int:
    """The longest time between two polls, ms, where `waiting` wait: at most 30 s, or 60 s where they are many; half of
    the lease; a quarter of the claim window.

    So that two polls fall into a lease, and four into the window in which a reached player has to come.
    """
    return min(LONGEST if waiting < MANY else LONGEST_OF_MANY, lease // 2, claim_window // 4)


def poll_after(remaining: int | None, lease: int, claim_window: int, waiting: int, random: Random) -> int:
    """In how many ms to ask again, when about `remaining` ms are left; None for nobody knows. `waiting`: in the line.

    Half of what is left, so that a wait costs a number of polls that grows with its logarithm, then with its length
    over `longest_poll`. Within 4 s of its turn, at its turn, because an earlier poll would be in vain; in front of the
    gate after 1 to 2 s. Jittered, so that a crowd never polls in step.
    """
    longest = longest_poll(lease, claim_window, waiting)
    if remaining is not None and remaining <= 2 * NEAR:
        lower = max(SOONEST, remaining)
        upper = max(NEAR, remaining + SOONEST // 2)
        return random.randint(min(lower, longest), min(upper, longest))
    return jittered(longest if remaining is None else min(longest, remaining // 2), random)


def jittered(longest: int, random: Random) -> int:
    """Up to a fifth less than `longest`, ms, so that a crowd never asks in step."""
    return random.randint(longest * 4 // 5, longest)


def come_back_after(asking: int, random: Random) -> int:
    """In how many ms to ask a closed queue again, where `asking` were turned away within the last minute.

    30 to 45 s for who is alone, up to 80 to 120 s in a crowd. Jittered by a third, so that it never asks in step.
    """
    longest = SHORTEST_BREAK * 3 // 2 + min(asking, CROWD) * SECOND
    return random.randint(max(SHORTEST_BREAK, longest * 2 // 3), longest)


def remaining(line: Line, position: int, t: int) -> int | None:
    """About how long, in ms, `position` still has to wait, to choose a poll by: unlike `Line.eta` it may be wrong.

    In a full game it is what was promised. While there is no honest ETA it is how long the players ahead would take at
    the asked rate; and in front of a paused gate, or of a full game, at least `UNKNOWN`, because nobody there is next.
    """
    eta = line.eta(position, t)
    if eta is not None:
        return eta - t
    if (promised := line.wait(position, t)) is not None:
        return promised
    rate = line.rate_at(t)
    if not rate:
        return None
    held = line.paused or position > line.limit
    return max(UNKNOWN if held else 0, (position - line.reached(t)) * MICRO // rate)


def renewal_due(line: Line, t: int, random: Random) -> bool:
    """Whether a reader should stamp the line as alive: its last sign of life is older than a third of the lease.

    Jittered by up to a sixth of the lease, so that not every warm Lambda does it at the same moment.
    """
    return not line.paused and line.is_stale(t - random.randint(0, line.lease // 6))


def resend_due(sent_at: int | None, issued_at: int, intake_age: int, t: int) -> bool:
    """Whether a ticket that is not placed yet is to be sent to the intake again.

    After 60 s or twice the intake's age, and never sooner than the ticket's own age when it was last sent: each wait
    is at least as long as all those before it, so even a standing intake is multiplied only by the logarithm of time.
    """
    if sent_at is None:
        return True
    return t - sent_at > max(RESEND_AFTER, 2 * intake_age, sent_at - issued_at)
