"""`doctor --live`, in order: what is proved of a stack from outside, and what is put back afterwards, however it ended.

Each step is a small function of its room: it says what it saw, or raises what is wrong. What follows from a step that
failed is not asked; all else is, so that one run finds all that is wrong.
"""

from collections.abc import Callable, Iterator, Sequence
from dataclasses import asdict, dataclass
from enum import StrEnum
from functools import partial

from loginq.doctor.live import alarms, api, functions, line, player, putting_back
from loginq.doctor.live.trial import NotAsked, Trial
from loginq.service.rules.errors import LoginqError, Refused


class Result(StrEnum):
    """How a step came out."""

    UNDER_WAY = "under way"
    OK = "ok"
    FAILED = "failed"
    NOT_ASKED = "not asked"


@dataclass(frozen=True, slots=True)
class Step:
    """One thing to prove.

    Args:
        ask: says what it saw. Raises what is wrong, and `NotAsked` for what cannot be asked here.
        after: the steps that it builds on.
        do: what to do when it failed, unless the error says that.
    """

    name: str
    ask: Callable[[Trial], str]
    after: tuple[str, ...] = ()
    do: str = ""


@dataclass(frozen=True, slots=True)
class Outcome:
    """How one step was, what to do about it, and how long it took, in seconds."""

    step: str
    result: Result
    says: str
    do: str = ""
    seconds: float = 0.0

    def document(self) -> dict[str, object]:
        """The JSON form."""
        return asdict(self)


NEEDS = "needs: "
"""What is said of a step that was not asked, because one that it builds on failed, begins so."""
_LOG = "`loginq logs {} --level ERROR` says why."
STEPS = (
    Step("stack", functions.stable),
    Step("alone", player.alone, ("stack",)),
    Step("listener", alarms.listen, ("alone",)),
    Step("roles", functions.roles, ("stack",), "Undo that by hand: a deploy of the same does not."),
    Step("throttle", api.throttle, ("stack",), "Undo that by hand: a deploy of the same does not."),
    Step("too many calls", api.too_many, ("throttle", "alone")),
    Step("CORS", api.cors, ("stack",), "Undo that by hand: a deploy of the same does not."),
    Step("strangers", api.strangers, ("stack",), "Undo that by hand: a deploy of the same does not."),
    Step("keys", api.keys, ("stack",), _LOG.format("get_jwks")),
    Step("sign-up", player.sign_up, ("alone",), _LOG.format("put_player_info")),
    Step("sign-in", player.sign_in, ("sign-up",), "Look at the app client: it must allow USER_SRP_AUTH."),
    Step("pause", line.pause, ("sign-in",)),
    Step("public line", line.public, ("pause",), _LOG.format("get_line")),
    Step("crowd", line.crowd, ("pause",), _LOG.format("process_login_queue")),
    Step("ticket", player.ticket, ("crowd",), _LOG.format("queue_player_login")),
    Step("place", player.place, ("ticket",), _LOG.format("get_login_status")),
    Step("resume", line.resume, ("place",), _LOG.format("get_login_status")),
    Step("capacity", line.capacity, ("resume",), _LOG.format("get_login_status")),
    Step("rate", line.let_in, ("resume",), _LOG.format("get_login_status")),
    Step("token", player.token, ("rate",), "`loginq token verify`, and `loginq guide game-server`, say more."),
    Step("sessions", player.report, ("rate",), _LOG.format("report_sessions")),
    Step("settling", functions.settle, ("alone",), _LOG.format("settle_line")),
    Step("alarms", alarms.ring, ("listener",), "Undo that by hand: a deploy of the same does not."),
)
PUT_BACK = (
    Step(
        "line back",
        putting_back.line,
        do="`loginq queue audit` says what the proof has changed: what it made of it is to be undone.",
    ),
    Step("alarms back", alarms.quieten, do="`aws cloudwatch set-alarm-state`; on AWS each comes back by itself."),
    Step("listener gone", alarms.leave, do="Delete the SQS queue and its subscription to the topic by hand."),
    Step("account gone", putting_back.account, do="`loginq users delete` deletes it."),
    Step("crowd gone", putting_back.crowd, do="`loginq load clean` deletes it."),
    Step("places gone", putting_back.places, do="`loginq queue reset` forgets them."),
)
"""Each looks at what was made or changed, does nothing where that is nothing, and may be done again."""


def prove(trial: Trial) -> Iterator[Outcome]:
    """The proof."""
    yield from asked(trial, STEPS)


def put_back(trial: Trial, proved: bool) -> Iterator[Outcome]:
    """What is put back, however much of the proof there was. `proved`: whether all of that went well."""
    failed = set[str]()
    for outcome in asked(trial, PUT_BACK):
        failed |= {outcome.step} if outcome.result is Result.FAILED else set()
        yield outcome
    said = partial(putting_back.record, proved=proved and not failed, put_back="line back" not in failed)
    yield from asked(trial, (Step("audit", said),))


def asked(trial: Trial, steps: Sequence[Step]) -> Iterator[Outcome]:
    """These steps, one after the other: each when it is under way, and how it came out."""
    fine = set[str]()
    for step in steps:
        yield Outcome(step.name, Result.UNDER_WAY, "")
        missing = next((name for name in step.after if name not in fine), None)
        outcome = _ask(trial, step) if missing is None else Outcome(step.name, Result.NOT_ASKED, f"{NEEDS}{missing}")
        if missing is None and outcome.result is not Result.FAILED:
            fine.add(step.name)
        yield outcome


_NOTHING = "nothing to do"


def _ask(trial: Trial, step: Step) -> Outcome:
    began = trial.monotonic()
    try:
        result, says, do = Result.OK, step.ask(trial) or _NOTHING, ""
    except NotAsked as exc:
        result, says, do = Result.NOT_ASKED, f"not asked here: {exc}", ""
    except LoginqError as exc:
        result, says, do = Result.FAILED, exc.message, exc.hint or step.do
        trial.refused = trial.refused or isinstance(exc, Refused)
    except Exception as exc:  # noqa: BLE001 - the edge of a step: the others, and what is put back, are to follow
        result, says, do = Result.FAILED, f"{type(exc).__name__}: {exc}", step.do
    return Outcome(step.name, result, says, do, round(trial.monotonic() - began, 1))
