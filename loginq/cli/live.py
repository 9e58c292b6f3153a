"""`loginq doctor --live`: a stack proved from outside, step by step, and its result in a file to keep."""

import math
import secrets
import signal
import threading
from collections.abc import Callable, Iterable, Iterator, Sequence
from contextlib import contextmanager
from dataclasses import replace
from functools import partial
from pathlib import Path
from typing import Any

from loginq import __version__
from loginq.cli import console
from loginq.cli.command import Found
from loginq.cli.irreversible import Loss, confirm_loss
from loginq.cli.load import disturbed
from loginq.cli.options import confirm
from loginq.cli.rehearsal import keep
from loginq.cli.session import Session, api_of, open_session
from loginq.cli.sign_in import Pasted
from loginq.client import Api
from loginq.client.api import Place
from loginq.doctor.checks import Patient
from loginq.doctor.live import NEEDS, Outcome, Result, prove, put_back
from loginq.doctor.live.trial import FASTEST, LARGEST, Trial
from loginq.rehearsal.prices import AS_OF, CALL_GB_SECONDS, Bill
from loginq.service.operations.target import Target
from loginq.service.rules.errors import Invalid
from loginq.service.rules.rates import rate_text
from loginq.service.rules.times import SECOND, iso

_BY_GUEST = "Give an ID token of one of its players: `loginq doctor --live --token-stdin < id-token.txt`."
_MAIL = " (its mail goes to AWS's test mailbox),"
_CALLS, _UNITS = 1_000, 2_000
"""More calls of the API, of its functions and of SQS, and more units of the table, than a proof makes."""
_SIGNS = {Result.UNDER_WAY: "…", Result.OK: console.Mark.OK, Result.FAILED: console.Mark.BAD}
_ENDS = (signal.SIGINT, signal.SIGTERM, signal.SIGHUP)
Show = Callable[[Sequence[Outcome]], None]


def run(report: Path | None, yes: bool, *, is_alone: bool, token_stdin: bool = False) -> Iterator[Found]:
    """Ask, prove, put back, and say and keep how it was, also when it is cut off.

    Args:
        token_stdin: whether stdin has an ID token of somebody who plays, where accounts are another provider's.
    """
    if not is_alone:
        raise Invalid("--live goes alone, and --report with it.", "`loginq doctor` has its other questions by itself.")
    session, guest = _opened(token_stdin)
    _ask(session, yes)
    patient = Patient(session.target, session.aws, session.queue, session.stack)
    session.queue.settlement.read()  # its answer's Date sets the clock right
    name = secrets.token_hex(4)
    operator = replace(session.operator, part_of=f"proof {name}")
    trial = Trial(patient, operator, _place(session.target, guest), name, guest)
    file = report or Path(f"loginq-live-{session.target.stack}-{trial.run}.json")
    keep(file, {"target": session.name, "run": trial.run})
    steps, back, over = list[Outcome](), list[Outcome](), False
    try:
        with _shown() as show:
            try:
                _follow(prove(trial), steps, show)
                over = True
            finally:
                with _uninterrupted():
                    _follow(put_back(trial, over and _fine(steps)), back, lambda some: show([*steps, *some]))
    finally:
        document = {
            "target": session.name,
            "run": trial.run,
            "version": __version__,
            "began": iso(trial.began),
            "seconds": (trial.now() - trial.began) // SECOND,
            "proved": over and _fine([*steps, *back]),
            "steps": [each.document() for each in steps],
            "put_back": [each.document() for each in back],
        }
        keep(file, document)
        yield Found(document, partial(draw, document, [*steps, *back], file), ok=bool(document["proved"]))


def _opened(token_stdin: bool) -> tuple[Session, Pasted | None]:
    """The stack, and who plays where accounts are another provider's. Raises `Invalid` where that does not fit."""
    session = open_session(without_pool="" if token_stdin else _BY_GUEST)
    if token_stdin and not session.target.provider:
        raise Invalid("The players of this stack have accounts of its own pool.", "Leave --token-stdin away.")
    session.announce()
    return session, Pasted() if token_stdin else None


def _place(target: Target, guest: Pasted | None) -> Api | Place:
    return Place(target.api_url, target.own_url, target.iss) if guest else api_of(target)


def _ask(session: Session, yes: bool) -> None:
    """Say what it makes, changes and costs, where that is somebody's money or somebody's night, and ask."""
    harm = "" if yes else disturbed(session)
    if not harm and session.target.endpoint_url:
        return
    guest = session.target.provider
    makes = "lets the player come whose token you give, makes" if guest else "makes an account" + _MAIL
    for words in (
        f"It {makes} {LARGEST} synthetic players and an SQS queue.",
        "For a minute it changes rate, pause and capacity of the line, and opens it: who comes is let in at "
        f"{rate_text(FASTEST)}.",
        "It rings every alarm once, and all who listen are told.",
        *([] if session.target.endpoint_url else [_cost("" if guest else ", and one active user of Cognito")]),
        "It removes what it made, and puts back what it changed, also after Ctrl-C.",
    ):
        console.say(words)
    if harm:
        console.say(harm)
        confirm_loss(session.name, lambda: Loss("Prove the stack all the same", [], harms=True), yes)
    else:
        confirm("Go on?", yes)


def _cost(more: str) -> str:
    counts = {"Lambda GB-seconds": _CALLS * CALL_GB_SECONDS}
    counts |= dict.fromkeys(("API Gateway requests", "Lambda requests", "SQS requests"), float(_CALLS))
    counts |= dict.fromkeys(("DynamoDB write units", "DynamoDB read units"), float(_UNITS))
    dollars = math.ceil(100 * Bill(counts, 1).total) / 100
    return f"It costs less than ${dollars:.2f} (prices of {AS_OF}){more}."


def _fine(outcomes: Iterable[Outcome]) -> bool:
    return all(each.result in (Result.OK, Result.NOT_ASKED) for each in outcomes)


def _follow(coming: Iterable[Outcome], known: list[Outcome], show: Show) -> None:
    """Keep what comes, in place of what it was under way, and show it."""
    for outcome in coming:
        if known and known[-1].step == outcome.step:
            known.pop()
        known.append(outcome)
        show(known)


@contextmanager
def _shown() -> Iterator[Show]:
    """The list so far on a terminal; a line for each step that is over without one."""
    if not console.is_live(console.err()):
        yield lambda known: _say(known[-1])
        return
    with console.live() as screen:
        yield lambda known: screen(console.stacked(*map(_drawn, fitting(known, *console.err().size))))


def fitting(known: Sequence[Outcome], width: int, height: int) -> list[Outcome]:
    """Of these the ones that failed, and of the others the newest, as many as a terminal has room for; in order."""
    room, shown = height - 1, set[str]()
    failed = [each for each in known if each.result is Result.FAILED]
    for each in (*failed, *(each for each in reversed(known) if each not in failed)):
        room -= sum(-(-len(words) // width) for words in _words(each))
        if room < 0:
            break
        shown.add(each.step)
    return [each for each in known if each.step in shown]


def _say(outcome: Outcome) -> None:
    if outcome.result is not Result.UNDER_WAY:
        console.err().print(_drawn(outcome), soft_wrap=True)


def _drawn(outcome: Outcome) -> Any:
    style = {Result.FAILED: "bold red", Result.OK: ""}.get(outcome.result, "dim")
    says, *do = _words(outcome)
    return console.stacked(console.text(says, style), *map(console.text, do))


def _words(outcome: Outcome) -> list[str]:
    """One step in a line, and what to do about it in another."""
    took = f" ({outcome.seconds:g} s)" if outcome.seconds >= 1 else ""
    says = f": {outcome.says}{took}" if outcome.says else ""
    line = f"{_SIGNS.get(outcome.result, console.DASH)} {outcome.step}{says}"
    return [line, *([f"  {outcome.do}"] if outcome.do else [])]


def draw(document: dict[str, Any], outcomes: Sequence[Outcome], file: Path) -> None:
    """What failed first, then what was not asked, then how many went well."""
    ended = [replace(each, result=Result.FAILED, says="it was stopped here") for each in outcomes if _is_open(each)]
    bad = [*ended, *(each for each in outcomes if each.result is Result.FAILED)]
    idle = [each for each in outcomes if each.says.startswith(NEEDS)]
    left = [each for each in outcomes if each.result is Result.NOT_ASKED and each not in idle]
    well = [each for each in outcomes if each.result is Result.OK]
    drawn = [_drawn(each) for each in (*bad, *left)]
    for sign, some, what in ((console.DASH, idle, "not asked, after what failed"), (console.Mark.OK, well, "ok")):
        if some:
            drawn.append(console.text(f"{sign} {len(some)} {what}: {', '.join(each.step for each in some)}"))
    console.draw(*drawn)
    proved = "proved" if document["proved"] else "NOT proved"
    console.say(f"{document['target']}: {proved} in {document['seconds']} s. The result is in {file}.")


def _is_open(outcome: Outcome) -> bool:
    return outcome.result is Result.UNDER_WAY


@contextmanager
def _uninterrupted() -> Iterator[None]:
    """Nothing but a kill ends what is put back."""
    if threading.current_thread() is not threading.main_thread():
        yield
        return
    before = [(each, signal.signal(each, signal.SIG_IGN)) for each in _ENDS]
    try:
        yield
    finally:
        for number, handler in before:
            signal.signal(number, handler)
