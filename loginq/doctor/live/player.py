"""A player's way: an account signs up, signs in, takes a place, is let in, and is gone."""

import re
from contextlib import suppress
from dataclasses import replace

from loginq.client import Account, Api, Gone, published
from loginq.doctor.live import alarms, putting_back
from loginq.doctor.live.api import reported
from loginq.doctor.live.trial import LARGEST, MARK, Guest, NotAsked, Trial
from loginq.service.operations.accounts import generated_password
from loginq.service.rules.errors import Failed, Refused
from loginq.service.rules.identity import meant
from loginq.service.rules.times import MINUTE, iso
from loginq.service.store.signing import explain

_MAILBOX = "success+{}@simulator.amazonses.com"
"""AWS's own mailbox for tests, which takes every mail, at no harm to the sender's name:
https://docs.aws.amazon.com/ses/latest/dg/send-an-email-from-console.html"""
_RUN = re.compile("[0-9a-f]{8}")
"""What a proof is called."""
_HOLD = 1.5
"""Seconds for which a paused line is watched: a change holds everywhere within one."""
_AS_LONG = 10 * MINUTE
"""An account of another proof that is younger than this may be in use."""


def sign_up(trial: Trial) -> str:
    """An account signs up as any other; it is confirmed in its stead, and then has its row."""
    operator, patient = trial.operator, trial.patient
    if trial.guest:
        raise NotAsked(f"players have accounts of {patient.target.provider}")
    if trial.refused:
        raise Refused("These credentials may not do all of it: nobody signs up.", "A proof needs a deployer's rights.")
    trial.password = generated_password()
    assert isinstance(trial.api, Api)  # noqa: S101 - whoever is no guest has an account of the pool
    trial.account = account = Account(trial.api, trial.name)
    account.sign_up(trial.password, _MAILBOX.format(trial.run))
    pool = patient.target.user_pool_id
    patient.aws.client("cognito-idp").admin_confirm_sign_up(UserPoolId=pool, Username=trial.name)
    trial.row = operator.users.get(trial.name)
    if patient.parameters()["UserPoolId"]:  # its trigger, if it has one, is nothing of this stack's
        return f"{trial.name} is confirmed; /login makes its row"
    if patient.queue.players.get(trial.row.sub) is None:
        raise Failed("The account is confirmed, and put_player_info has made no row for it.")
    return f"{trial.name} is confirmed, and has a row"


def alone(trial: Trial) -> str:
    """One proof at a time; what one that was killed has left goes."""
    gone_with = 0
    for each in list(trial.operator.users.starting_with(MARK)):
        run = each.username.removeprefix(MARK)
        if not _RUN.fullmatch(run) or each.email != _MAILBOX.format(run):
            continue  # anybody may sign up by such a name
        if trial.now() - each.created_at < _AS_LONG:
            raise Failed(
                f"Another proof is under way, or was cut off a moment ago: {each.username}, {iso(each.created_at)}.",
                f"Wait ten minutes, or delete that account: `loginq users delete {each.username}`.",
            )
        dead = replace(trial, run=run, listens=True, sent=LARGEST, placed=True, password=generated_password())
        for gone in (alarms.leave, putting_back.crowd, putting_back.account):
            gone(dead)
        gone_with += 1
    return f"what {gone_with} that were killed have left is gone" if gone_with else "no other proof is under way"


def sign_in(trial: Trial) -> str:
    """SRP: the password is never sent. A guest's ID token is taken."""
    if trial.guest:
        return _come(trial, trial.guest)
    if not isinstance(trial.account, Account):
        raise Failed("There is no account.")
    trial.account.sign_in(trial.password)
    return "by SRP, with an ID token"


def _come(trial: Trial, guest: Guest) -> str:
    """The API takes the token of a guest who has nothing to lose here."""
    queue, trial.account = trial.patient.queue, guest
    row = queue.players.get(meant(queue.provider, guest.username))
    if row is not None and row.ticket is not None:
        raise Failed("This player has a place, or was let in.", "Give a token of somebody who has not.")
    with suppress(Gone):
        trial.patiently(lambda: trial.game.status("none"))
    return f"by an ID token of {queue.provider}"


def ticket(trial: Trial) -> str:
    """`/login` gives a ticket."""
    trial.standing = trial.patiently(trial.game.login)
    again = trial.patiently(trial.game.login)
    if again["ticket"] != trial.ticket:
        raise Failed("A second /login gives another ticket: a disconnect would cost the place.")
    if trial.guest:
        trial.row = trial.operator.users.get(trial.guest.username)
    return "one, and the same again"


def place(trial: Trial) -> str:
    """The ticket gets a place behind the crowd, and stays there while the line is paused."""

    def placed() -> bool:
        trial.standing |= trial.status()
        return trial.standing["position"] is not None

    if not trial.until(placed):
        raise Failed("The ticket gets no place.", "`loginq logs process_login_queue --level ERROR` says why.")
    trial.sleep(_HOLD)
    trial.standing |= trial.status()
    told = trial.standing
    if told["line_state"] != "paused" or told["login_status"]:
        raise Failed(f"The line is paused, and the player is told {told['line_state']!r}.")
    if told["ahead"] < trial.sent:
        raise Failed(f"{trial.sent} were in front, the line is paused, and only {told['ahead']} still are.")
    return f"{told['position']:,}, with {told['ahead']:,} ahead"


def token(trial: Trial) -> str:
    """The admission token holds, by the public keys alone."""
    text = str(trial.standing.get("admission_token", ""))
    jwks, now = trial.patiently(lambda: published(trial.api.own_url))
    claims = {claim.name: claim for claim in explain(text, jwks, trial.api.iss, now)}
    meant = {"sub": trial.subject, "jti": trial.ticket, "pos": str(trial.standing["position"])}
    wrong = [f"{name}: {claim.wrong}" for name, claim in claims.items() if claim.wrong]
    wrong += [f"{name}: it is somebody else's" for name, value in meant.items() if claims[name].value != value]
    if wrong:
        raise Failed(f"The token is not good: {'; '.join(wrong)}.")
    return f"{len(claims)} claims, each of them right"


def report(trial: Trial) -> str:
    """A game server says that the player joined and left, and the queue counts it."""
    if trial.patient.queue.rules.by_counts:
        raise NotAsked("this stack takes counts, and one of a proof would say who is in the game")
    at = {"player": trial.subject, "admission": trial.ticket, "at": iso(trial.now())}
    events = [{**at, "event": event} for event in ("joined", "left")]
    said = reported(trial, events), reported(trial, events)
    if said != (["counted", "counted"], ["unchanged", "unchanged"]):
        raise Failed(f"A report was answered {said[0]}, and the same again {said[1]}.")
    row = trial.patient.queue.players.get(trial.player.sub)
    if row is None or row.left_at is None:
        raise Failed("A report was counted, and the row does not say that the player left.")
    return "joined and left, counted once"
