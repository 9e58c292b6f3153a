"""The line under an operator's hand: paused, filled, resumed, full, and moving at its rate."""

from loginq.doctor.edge import seen
from loginq.doctor.live.trial import CROWD_SECONDS, FASTEST, LARGEST, LOOK, NotAsked, Trial
from loginq.service.operations import crowds
from loginq.service.operations.resetting import occupants
from loginq.service.rules.errors import Failed
from loginq.service.rules.line import Line
from loginq.service.rules.public import View, document
from loginq.service.rules.rates import rate_text
from loginq.service.rules.times import MINUTE, SECOND

_HOLD = 2_000
"""For how long, ms, nobody may move where nobody should: a change holds everywhere within a second."""
_SKEW, _LATE = 1_000, 5_000
"""How much earlier, and later, than the arithmetic says, ms: clocks differ by half a second, a warm function goes by a
line that is a second old, and the valve may say "in a second or two"."""
_SEEN = 2_200 + _SKEW
"""After what time, ms, whoever looks at the public line sees a change: function and cache keep it for a second each."""
_TRIES = 3
"""How often it is looked at: somebody may join between a look and the line that it is compared with."""
_LONGEST = 2 * MINUTE
"""What a proof waits behind those who wait already, ms."""


def pause(trial: Trial) -> str:
    """The line takes new tickets, at a known rate, and nobody moves."""
    operator, line, t = trial.operator, trial.patient.queue.lines.read(), trial.now()
    _check(trial, line, t)
    trial.before = line
    if not line.waiting(t):
        rate = min(FASTEST, line.max_rate or FASTEST)
        _mean(trial, "rate", {"rate": rate, "burst": 1, "steps": []})
        operator.set_rate(rate, 1)
    if line.closed:
        _mean(trial, "open", "open")
        operator.open()
    _mean(trial, "pause", "paused")
    line = operator.pause().line
    return f"paused at {rate_text(line.rate_at(line.anchored_at))}, open to new tickets"


def public(trial: Trial) -> str:
    """Whoever looks at the public line sees the pause, and the line as it is."""
    queue, url = trial.patient.queue, trial.patient.stack.outputs().get("LineUrl")
    if not url:
        raise NotAsked("this stack has no public line")
    paused_at = queue.lines.read().anchored_at
    trial.sleep(max(0, paused_at + _SEEN - trial.now()) / SECOND)
    for _ in range(_TRIES):
        view, _ = trial.patiently(lambda: seen(trial.http, url))
        meant = View.of(document(queue.lines.read(), view.at, queue.rules.claim_window))
        if view == meant:
            return f"{url} shows the pause, and {view.tail:,} places given out"
        if view.line_state != "paused":
            seconds = (trial.now() - paused_at) / SECOND
            raise Failed(f"The line is paused, and {seconds:.1f} s later {url} shows {view.line_state!r}.")
        trial.sleep(_SEEN / SECOND)
    raise Failed(f"{url} shows another line: {view.tail:,} places given out and {view.reached:,} reached.")


def _check(trial: Trial, line: Line, t: int) -> None:
    """Raises `Failed` where those who wait would be let in before their time, or the proof would take too long."""
    waiting = line.waiting(t)
    if not waiting:
        return
    if not occupants(trial.patient.queue, line).real:
        raise Failed(f"{waiting:,} places of a rehearsal are in line.", "`loginq queue reset` forgets them.")
    wait = line.eta(line.tail, t)
    if line.closed or wait is None:
        raise Failed(f"{waiting:,} wait in a line that is closed or stands still: a proof would move it.")
    if wait - t > _LONGEST:
        raise Failed(f"{waiting:,} wait, and a proof would wait behind them for {(wait - t) // MINUTE} min.")


def crowd(trial: Trial) -> str:
    """Synthetic players go the way of every ticket: through the intake, into the line."""
    queue, before = trial.patient.queue, trial.before
    if before is None:
        raise Failed("The line was not looked at.")
    rate = queue.lines.read().rate_at(trial.now())
    trial.sent = min(LARGEST, max(2, CROWD_SECONDS * rate // SECOND))
    lambdas, function = trial.patient.aws.client("lambda"), trial.patient.stack.outputs()["GenerateLoadFunction"]
    for _ in crowds.send(lambdas, function, trial.crowd, trial.sent):
        pass
    trial.placed = trial.until(lambda: queue.lines.read().tail >= before.tail + trial.sent)
    if not trial.placed:
        raise Failed(f"{trial.sent} tickets were sent, and are not in line {trial.patience:.0f} s later.")
    return f"{trial.sent} synthetic players, placed"


def resume(trial: Trial) -> str:
    """The line is told to move, at a capacity that is full, and the player is told that it is open."""
    line = trial.patient.queue.lines.read()
    full = max(0, line.occupied(trial.now()))
    _mean(trial, "capacity", full)
    trial.operator.set_capacity(full)
    _mean(trial, "pause", "moving")
    trial.operator.resume()

    def is_told() -> bool:
        trial.standing |= trial.status()
        return bool(trial.standing["line_state"] == "open")

    if not trial.until(is_told):
        raise Failed(f"The line is resumed, and the player is told {trial.standing['line_state']!r}.")
    return "the player is told that it moves"


def capacity(trial: Trial) -> str:
    """While the game is full nobody moves, whatever the rate."""
    queue = trial.patient.queue
    before, limit = trial.standing["ahead"], queue.lines.read().limit
    trial.sleep(_HOLD / SECOND)
    trial.standing |= trial.status()
    freed = queue.lines.read().limit - limit
    if trial.standing["login_status"] or before - trial.standing["ahead"] > freed:
        raise Failed(f"The game is full, and {before - (trial.standing['ahead'] or 0)} were let in all the same.")
    return f"full: nobody moved for {_HOLD // SECOND} s"


def let_in(trial: Trial) -> str:
    """With room in the game the player is let in when the rate has got there: not before, and not long after."""
    _mean(trial, "capacity", None)
    line = trial.operator.set_capacity(None).line
    t, rate, position = line.anchored_at, line.rate_at(line.anchored_at), trial.standing["position"]
    ahead = line.ahead(position, t)
    if not rate:
        raise Failed("The rate is 0 now: somebody, or a plan, has set it.", "`loginq queue audit` says who.")
    soonest, latest = (t + each * 1_000 * SECOND // rate for each in (ahead, ahead + 1))
    while not trial.standing["login_status"]:
        trial.sleep(max(LOOK, min(1.0, float(trial.standing["poll_after_seconds"]))))
        asked = trial.now()
        trial.standing |= trial.status()
        if asked > latest + _LATE and not trial.standing["login_status"]:
            raise Failed(
                f"{ahead} were ahead at {rate_text(rate)}, and the player is not in {(asked - t) / SECOND:.0f} s later."
            )
    trial.let_in = True
    row = trial.patient.queue.players.get(trial.player.sub)
    if row is None or row.admitted_at is None:
        raise Failed("The player is told to be in, and the row does not say so.")
    if row.admitted_at < soonest - _SKEW:
        early = (soonest - row.admitted_at) / SECOND
        raise Failed(f"{ahead} were ahead at {rate_text(rate)}, and the player is in {early:.1f} s too early.")
    return f"in after {(row.admitted_at - t) / SECOND:.1f} s, behind {ahead} at {rate_text(rate)}"


def _mean(trial: Trial, kind: str, value: object) -> None:
    """Note what is about to be made of the line."""
    trial.meant.append((kind, value))
