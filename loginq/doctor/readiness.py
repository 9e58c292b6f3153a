"""A planned launch, examined: what of it AWS, the account or this very stack would not bear."""

from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from typing import Any

from loginq.deploy import limits
from loginq.doctor import ceilings, quotas
from loginq.doctor.ceilings import COUNTED, Allowed, Limit, about
from loginq.doctor.checks import Finding, Patient, Verdict, guarded
from loginq.doctor.quotas import Crowd, Held, Need
from loginq.service.rules.errors import LoginqError
from loginq.service.rules.polling import longest_poll
from loginq.service.rules.public import MEETING
from loginq.service.rules.settings import Rules
from loginq.service.rules.times import MINUTE, SECOND

MAILS = 50
"""A day, by Cognito's own sender: https://docs.aws.amazon.com/cognito/latest/developerguide/quotas.html"""
_PLACING = (
    "BatchSize", "BatchWindowSeconds", "PlacingMaxConcurrency", "PlacingReservedConcurrency", "IntakeVisibilitySeconds",
)  # fmt: skip


@dataclass(frozen=True, slots=True)
class Ceiling(Finding):
    """Where it breaks first: the limits as they are, and as they would be with an edge, where there is none."""

    limits: tuple[Limit, ...] = ()
    with_edge: tuple[Limit, ...] = ()

    def document(self) -> dict[str, Any]:
        """The JSON form."""
        return {
            **{name: getattr(self, name) for name in ("what", "verdict", "says", "do")},
            "limits": [each.document() for each in self.limits],
            "with_edge": [each.document() for each in self.with_edge],
        }


def examine_launch(patient: Patient, players: int, within: int) -> Iterator[Finding]:
    """The planned launch against every quota. `within`: in what time they come, ms."""
    try:
        given = patient.parameters()
    except LoginqError as exc:
        yield Finding("launch", Verdict.BAD, exc.message, exc.hint)
        return
    rules = Rules.of_stack(given)
    edge = given["Edge"] == "true" and not patient.is_local
    crowd = Crowd(players, within, longest_poll(rules.lease, rules.claim_window), edge)
    known = _held(patient, crowd, given)
    yield from map(_quota, known)
    if given["RequestsPerSecond"] != "0":
        yield _throttle(crowd, given)
    yield _polls(crowd)
    yield guarded("table", lambda: _warm(patient, crowd))
    yield _placing(crowd, given)
    yield guarded("counting", lambda: _counting(patient))
    yield guarded("ceiling", lambda: _ceiling(patient, crowd, given, known))
    if not given["IdentityIssuer"]:
        yield guarded("mail", lambda: _mail(patient))
    if not patient.is_local:
        yield guarded("protection", lambda: _protection(patient))


def _held(patient: Patient, crowd: Crowd, given: Mapping[str, str]) -> list[Held]:
    return quotas.held(patient.aws, quotas.needs(crowd, _shared(given), has_pool=not given["IdentityIssuer"]))


def _shared(given: Mapping[str, str]) -> int:
    """Lambdas of placing that share the account's with all others."""
    return 0 if int(given["PlacingReservedConcurrency"]) else int(given["PlacingMaxConcurrency"])


def _quota(held: Held) -> Finding:
    need = held.need
    source = "your account's quota" if held.known else "the documented default; yours could not be read"
    unit = "" if need.service == "lambda" else "/s"
    needed = " ".join(filter(None, (f"{need.needed:,}{unit} needed", need.only_if)))
    return Finding(
        need.name,
        Verdict.OK if held.enough else Verdict.WARN if need.only_if else Verdict.BAD,
        f"{needed}, {held.allowed:,}{unit} allowed ({source})",
        "" if held.enough else _more(need),
    )


def _more(need: Need) -> str:
    return f"{need.do} Service Quotas: {need.service}, “{need.quota}”."


def _counting(patient: Patient) -> Finding:
    """Whether settling counts as fast as players are let in; no-shows give their places back when they are counted."""
    top = _top(patient) // 1_000
    says = f"{top:,}/s let in at most, {COUNTED:,}/s counted in time"
    if top <= COUNTED:
        return Finding("counting", Verdict.OK, says)
    return Finding("counting", Verdict.WARN, says, "No-shows give their places back later: no player waits for that.")


def _top(patient: Patient) -> int:
    line = patient.queue.lines.read()
    return max([line.rate, *(rate for _, rate in line.steps)])


def _ceiling(patient: Patient, crowd: Crowd, given: Mapping[str, str], known: list[Held]) -> Ceiling:
    """Which limit breaks first when ever more wait, and what the edge would change."""
    by = {held.need.name: held for held in known}
    (reads, _), _ = limits.warmth_of(patient.aws, patient.target.table)
    there = Allowed(
        throttle=int(given["RequestsPerSecond"]),
        requests=by["API requests"].allowed,
        lambdas=by["Lambdas at once"].allowed - _shared(given),
        reads=reads,
    )
    do = {
        **{name: _more(by[name].need) for name in ("API requests", "Lambdas at once")},
        "stage throttle": "`loginq deploy --param RequestsPerSecond=0 --param RequestsBurst=0`.",
        "reads of the table": f"`loginq deploy {_words({'WarmReads': 2 * reads})}`.",
    }
    has_pool = not given["IdentityIssuer"]
    now, other = (
        ceilings.limits(ceilings.asking(crowd.longest, edge=edge, has_pool=has_pool), there, crowd.per_second, do)
        for edge in (crowd.edge, True)
    )
    enough = now[0].waiting >= crowd.players
    says = f"{ceilings.first(now)}; then {', '.join(f'{each.name}, at {about(each.waiting)}' for each in now[1:])}"
    done = [] if enough else [now[0].do]
    if not crowd.edge:
        done.append(f"`loginq deploy --param Edge=true` makes it {about(other[0].waiting)}.")
    return Ceiling(
        "ceiling", Verdict.OK if enough else Verdict.BAD, says, " ".join(filter(None, done)), tuple(now),
        () if crowd.edge else tuple(other),
    )  # fmt: skip


def _throttle(crowd: Crowd, given: Mapping[str, str]) -> Finding:
    """The stage's own limits, which count for each method."""
    names = ("RequestsPerSecond", "RequestsBurst")
    needed, there = quotas.throttle_needs(crowd), tuple(int(given[name]) for name in names)
    says = (
        f"{needed[0]:,}/s and {needed[1]:,} at once needed of the busiest call, the stage lets {there[0]:,}/s and "
        f"{there[1]:,} through"
    )
    if needed[0] <= there[0] and needed[1] <= there[1]:
        return Finding("stage throttle", Verdict.OK, says)
    words = _words({name: max(pair) for name, *pair in zip(names, needed, there, strict=True)})
    return Finding("stage throttle", Verdict.BAD, says, f"`loginq deploy {words}`.")


def _polls(crowd: Crowd) -> Finding:
    says = f"who waits long polls each {crowd.longest // SECOND} s at the latest: {crowd.polls:,}/s"
    if crowd.edge:
        says = (
            f"who waits long looks each {crowd.longest // SECOND} s at the latest, {crowd.looks:,}/s at the edge, and "
            f"polls each {MEETING // MINUTE} min: {crowd.polls:,}/s"
        )
        return Finding("polls", Verdict.OK, says)
    if crowd.longest >= quotas.LONGEST:
        return Finding("polls", Verdict.OK, says)
    longest = quotas.LONGEST // SECOND
    words = _words({"LeaseSeconds": 2 * longest, "ClaimWindowSeconds": 4 * longest})
    least = Crowd(crowd.players, crowd.within).polls
    return Finding("polls", Verdict.WARN, says, f"`loginq deploy {words}` makes them {least:,}/s.")


def _warm(patient: Patient, crowd: Crowd) -> Finding:
    reads, writes = quotas.table_needs(crowd, _top(patient))
    there, known = limits.warmth_of(patient.aws, patient.target.table)
    source = "the table's warm throughput" if known else "the documented default of a new table"
    says = f"{reads:,} reads/s and {writes:,} writes/s needed, {there[0]:,} and {there[1]:,} at once ({source})"
    if reads <= there[0] and writes <= there[1]:
        return Finding("table", Verdict.OK, says)
    words = _words({"WarmReads": max(reads, there[0]), "WarmWrites": max(writes, there[1])})  # never colder
    return Finding("table", Verdict.BAD, says, f"Before the launch: `loginq deploy {words}`; AWS bills the rise once.")


def _placing(crowd: Crowd, given: Mapping[str, str]) -> Finding:
    """Whether tickets are placed as fast as they come; else they wait in the intake, and none is lost."""
    batch, window, functions = (
        int(given[name]) for name in ("BatchSize", "BatchWindowSeconds", "PlacingMaxConcurrency")
    )
    able = quotas.placed(batch, functions)
    gathered = f", which gather for {window} s" if window else ""
    says = f"{crowd.per_second:,}/s come, {functions} functions place about {able:,}/s in batches of {batch}{gathered}"
    if crowd.per_second > able:
        words, large = _words(_rushing(given)), quotas.placed(quotas.LARGE, quotas.FUNCTIONS)
        if not words:
            return Finding("placing", Verdict.WARN, says, "The others wait in the intake: let them come more slowly.")
        return Finding("placing", Verdict.WARN, says, f"Before the launch: `loginq deploy {words}`: {large:,}/s.")
    if window and crowd.per_second <= quotas.placed(quotas.SMALL, functions):
        words = _words({"BatchSize": quotas.SMALL, "BatchWindowSeconds": 0})
        return Finding(
            "placing", Verdict.OK, says, f"`loginq deploy {words}` is enough, and places who comes alone at once."
        )
    return Finding("placing", Verdict.OK, says)


def _rushing(given: Mapping[str, str]) -> dict[str, int]:
    """The parameters to change for large batches, those that have to follow included."""
    there = {name: int(given[name]) for name in _PLACING}
    window, reserved = max(there["BatchWindowSeconds"], 1), there["PlacingReservedConcurrency"]
    most = max(there["PlacingMaxConcurrency"], quotas.FUNCTIONS)
    wanted = {
        "BatchSize": max(there["BatchSize"], quotas.LARGE),
        "BatchWindowSeconds": window,
        "PlacingMaxConcurrency": most,
        "PlacingReservedConcurrency": reserved and max(reserved, most),
        "IntakeVisibilitySeconds": max(
            there["IntakeVisibilitySeconds"], limits.visibility(int(given["PlacingTimeoutSeconds"]), window)
        ),
    }
    return {name: value for name, value in wanted.items() if value != there[name]}


def _mail(patient: Patient) -> Finding:
    pool = patient.aws.client("cognito-idp").describe_user_pool(UserPoolId=patient.target.user_pool_id)["UserPool"]
    settings = pool.get("EmailConfiguration", {})
    if settings.get("EmailSendingAccount") == "DEVELOPER":
        return Finding("mail", Verdict.OK, f"SES sends it: {settings.get('From') or settings.get('SourceArn')}")
    says = f"Cognito's own sender sends {MAILS} a day, and each player who signs up needs one"
    return Finding("mail", Verdict.WARN, says, "Let SES send it: `loginq deploy --param SesIdentityArn=ARN`.")


def _protection(patient: Patient) -> Finding:
    if (patient.stack.describe() or {}).get("EnableTerminationProtection"):
        return Finding("protection", Verdict.OK, "nobody can delete the stack before that is lifted")
    says = "whoever deletes the stack takes the API from every client that is out there"
    command = "aws cloudformation update-termination-protection --enable-termination-protection --stack-name"
    return Finding("protection", Verdict.WARN, says, f"`{command} {patient.stack.name}`")


def _words(parameters: dict[str, int]) -> str:
    """Parameters as `deploy` takes them."""
    return " ".join(f"--param {name}={value}" for name, value in parameters.items())
