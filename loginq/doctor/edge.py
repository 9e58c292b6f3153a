"""The public line, and the edge before it, as doctor tells them; where a stack has neither, nothing is asked."""

from collections.abc import Iterator
from typing import Any
from urllib.parse import urlsplit

from loginq.client import Trouble, session_for
from loginq.client.reaching import TIMEOUT, age, document, reach
from loginq.doctor.checks import Finding, Patient, Verdict, guarded
from loginq.service.rules.errors import Failed, LoginqError
from loginq.service.rules.public import BELIEVED, View
from loginq.service.rules.times import SECOND

_LINE, _EDGE, _ERRORS = "public line", "edge", "errors at the edge"
_LOG = "`loginq logs get_line --level ERROR` says why; players ask for themselves meanwhile."
_DEPLOY = "Run `loginq deploy`."
NOWHERE = "/.well-known/nothing"
"""What the edge may keep, and the API does not have."""


def examine(patient: Patient, http: Any = None) -> Iterator[Finding]:
    """What there is to say of them."""
    try:
        outputs, has_edge = patient.stack.outputs(), patient.parameters()["Edge"] == "true"
    except LoginqError:  # that there is no stack is a finding of its own
        return
    if url := outputs.get("LineUrl"):
        yield guarded(_LINE, lambda: _line(patient, url, http or session_for(url)))
    if url and has_edge and not patient.is_local:
        yield guarded(_EDGE, lambda: _distribution(patient))
        yield guarded(_ERRORS, lambda: _errors(outputs["RestEndpoint"], http or session_for(url)))


def seen(http: Any, url: str) -> tuple[View, int]:
    """The public line at `url`, and how long a cache has kept it, ms. Raises `Failed` for what no player could use."""
    answer = _asked(http, url)
    kept = f"{answer.headers.get('Cache-Control', '')} {answer.headers.get('Set-Cookie', '')}".strip()
    if answer.status_code != 200:
        raise Failed(f"{url} answers {answer.status_code}.", _LOG)
    if "public" not in kept or "Set-Cookie" in answer.headers:
        raise Failed(f"No cache may keep what {url} answers: {kept or 'no Cache-Control'}.", _DEPLOY)
    try:
        return View.of(document(answer)), age(answer.headers)
    except (Trouble, ValueError) as exc:
        raise Failed(f"What {url} answers is no public line.", _LOG) from exc


def never_kept(http: Any, url: str) -> bool:
    """Whether an error that `url` answers twice comes from the API each time. Raises `Failed` where it is none."""
    answers = [_asked(http, url) for _ in range(2)]
    if good := [each.status_code for each in answers if each.status_code < 400]:
        raise Failed(f"{url} answers {good[0]}.", _DEPLOY)
    return not any("Age" in each.headers for each in answers)


def _asked(http: Any, url: str) -> Any:
    try:
        return reach(lambda: http.request("GET", url, timeout=TIMEOUT))
    except Trouble as exc:
        raise Failed(f"{url} does not answer: {exc.message.rstrip('.')}.", _DEPLOY) from exc


def _line(patient: Patient, url: str, http: Any) -> Finding:
    view, _ = seen(http, url)
    patient.queue.lines.read()  # its answer's Date sets the clock right
    old = patient.queue.clock() - view.at
    if old > BELIEVED:
        says = f"{url} shows the line of {old // SECOND} s ago: players ask for themselves"
        return Finding(_LINE, Verdict.BAD, says, _LOG)
    return Finding(_LINE, Verdict.OK, f"{urlsplit(url).netloc} shows it to everybody")


def _distribution(patient: Patient) -> Finding:
    found = patient.aws.client("cloudfront").get_distribution(Id=patient.resource("Distribution"))["Distribution"]
    name = f"{found['Id']}, {found['DomainName']}"
    if not found["DistributionConfig"]["Enabled"]:
        return Finding(_EDGE, Verdict.BAD, f"{name}, is disabled: no client that goes by it gets in", "Enable it.")
    if found["Status"] != "Deployed":
        says = f"{name}, is in {found['Status']}: a change of it takes some minutes to be everywhere"
        return Finding(_EDGE, Verdict.WARN, says, "Look again then: `loginq doctor`.")
    return Finding(_EDGE, Verdict.OK, f"{name}, is deployed")


def _errors(url: str, http: Any) -> Finding:
    if not never_kept(http, url + NOWHERE):
        says = "a cache keeps them: what was wrong once stays wrong for everybody"
        return Finding(_ERRORS, Verdict.BAD, says, _DEPLOY)
    return Finding(_ERRORS, Verdict.OK, "none is kept")
