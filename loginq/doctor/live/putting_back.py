"""What a proof has made goes, and what it has changed is put back, wherever it was cut off: it was noted before."""

from contextlib import suppress

from loginq.doctor.live.trial import Trial
from loginq.service.operations import crowds
from loginq.service.operations.forgetting import left
from loginq.service.rules.act import KINDS, PROOF, Action, holds
from loginq.service.rules.errors import Conflict, Failed, LoginqError, NotFound
from loginq.service.rules.player import Identity
from loginq.service.rules.times import iso
from loginq.service.store.rosters import Place

_STRAGGLERS = 2
"""Seconds in which a function that was making synthetic players has made them, though nobody waits for it any more."""


def line(trial: Trial) -> str:
    """The line is as it was, by undo, but for what somebody else has changed meanwhile: that stays."""
    before, operator = trial.before, trial.operator
    if before is None:
        return ""
    back, stays = list[str](), list[str]()
    for kind in dict.fromkeys(kind for kind, _ in trial.meant):
        now, t = trial.patient.queue.lines.read(), trial.now()
        was = Action(t, operator.who, kind, after=KINDS[kind].value(before))
        made = [Action(t, operator.who, kind, before=was.after, after=value) for of, value in trial.meant if of == kind]
        if holds(was, now, t):
            continue
        try:
            there = next(act for act in reversed(made) if holds(act, now, t))
            operator.undo(there, unless_changed=True)
            back.append(kind)
        except (StopIteration, Conflict):
            stays.append(kind)
    if stays:
        raise Failed(f"Somebody else has changed {', '.join(stays)} meanwhile: that stays as it is.")
    return f"{' and '.join(back)} as before" if back else "nothing to put back"


def account(trial: Trial) -> str:
    """The account is gone, and so is the player, from line and game. A guest has only the place to lose."""
    if trial.guest:
        return _guest(trial)
    if not trial.password:
        return ""
    with suppress(NotFound):
        there = trial.operator.users.get(trial.name)
        left(trial.patient.queue, there.sub)  # who is deleted is not counted where nobody reports
        trial.operator.users.delete(there)
    return f"{trial.name} is deleted"


def _guest(trial: Trial) -> str:
    if trial.row is None:
        return ""
    left(trial.patient.queue, trial.row.sub)
    (outcome,) = trial.operator.remove([Identity(trial.row.sub, trial.row.username)])
    if isinstance(outcome, LoginqError):
        raise outcome
    return f"{trial.row.username} has no place any more"


def crowd(trial: Trial) -> str:
    """The synthetic players are gone; a ticket of theirs that is still under way is nobody's then."""
    if not trial.sent:
        return ""
    if not trial.placed:
        trial.sleep(_STRAGGLERS)
    crowds.clean_run(trial.patient.queue, trial.crowd, trial.sent)
    return f"{trial.sent} synthetic players are deleted"


def places(trial: Trial) -> str:
    """The line forgets the places, where nobody else is in it. Raises `Failed` where some stay in front of others."""
    queue = trial.patient.queue
    now = queue.lines.read()
    if trial.before is None or now.tail == trial.before.tail:
        return ""
    # By the rosters, not by how many there should be: a ticket that came twice has taken two.
    there = list(queue.rosters.places(trial.before.tail + 1, now.tail))
    ours = [place.position for place in there if _is_ours(trial, place)]
    if len(ours) == len(there) and trial.until(lambda: not queue.intake.depth().total):  # its tickets would be void
        with suppress(Conflict):
            return f"forgotten up to {trial.operator.reset_line().line.tail:,}"
    if stay := sum(position > now.reached(trial.now()) for position in ours):
        raise Failed(f"Others are in line: {stay} places of nobody stay, which it passes at its rate.")
    return "all are reached; they are counted as any, because others are there"


def _is_ours(trial: Trial, place: Place) -> bool:
    return (place.synthetic and trial.crowd in place.sub) or (trial.row is not None and place.sub == trial.row.sub)


def record(trial: Trial, proved: bool, put_back: bool) -> str:
    """The audit has the proof as one act."""
    said = {"began": iso(trial.began), "let_in": int(trial.let_in), "proved": proved, "put_back": put_back}
    now = trial.patient.queue.lines.read()
    trial.operator.acted(PROOF, after=said, line=now if now.anchored_at > trial.now() else None)
    return "`loginq queue audit` has it"
