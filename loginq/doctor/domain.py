"""A domain of one's own, as doctor tells it: its certificate, and whether it leads to this stack."""

import socket
from collections.abc import Callable, Iterator
from typing import Any

from loginq.client import Trouble, session_for
from loginq.client.reaching import TIMEOUT, document, reach
from loginq.deploy import domain
from loginq.doctor.checks import Finding, Patient, Verdict, guarded
from loginq.service.rules.errors import LoginqError

_DOMAIN, _CERTIFICATE = "domain", "certificate"
_KEYS = "/.well-known/jwks.json"


def addresses(name: str) -> list[str]:
    """Where a name leads, as this machine sees it: its canonical name, where that is another, and its addresses."""
    try:
        canonical, _, found = socket.gethostbyname_ex(name)
    except OSError:
        return []
    return [*([canonical] if canonical != name else []), *found]


def examine(patient: Patient, http: Any = None, resolve: Callable[[str], list[str]] = addresses) -> Iterator[Finding]:
    """What there is to say of it; nothing where a stack has none."""
    try:
        given, outputs = patient.parameters(), patient.stack.outputs()
    except LoginqError:  # that there is no stack is a finding of its own
        return
    if name := given["DomainName"]:
        if not patient.is_local:
            yield guarded(_CERTIFICATE, lambda: _certificate(patient, given))
        do = _do(given, outputs)
        yield guarded(_DOMAIN, lambda: _domain(patient, name, do, http or session_for(f"https://{name}"), resolve))


def _certificate(patient: Patient, given: dict[str, str]) -> Finding:
    patient.queue.lines.read()  # its answer's Date sets the clock right
    found, t = domain.certificate_of(patient.aws, given), patient.queue.clock()
    if bad := domain.unfit(given, patient.target.region, found, t):
        return Finding(_CERTIFICATE, Verdict.BAD, bad.says.removesuffix("."), bad.do)
    if ends := domain.ending(given, found or {}, t):
        return Finding(_CERTIFICATE, Verdict.WARN, ends.says.removesuffix("."), ends.do)
    return Finding(_CERTIFICATE, Verdict.OK, f"issued, and good for {given['DomainName']}")


def _do(given: dict[str, str], outputs: dict[str, str]) -> str:
    """What makes the domain lead here."""
    if made := domain.record(outputs, given):
        return f"Make this record where its DNS is, in place of any other of that name: {made}"
    zone = given["HostedZoneId"]
    return (
        f"The stack made its record in the zone {zone}: do the name servers of the domain name that zone? "
        f"`aws route53 get-hosted-zone --id {zone}` says which it has."
    )


def _domain(patient: Patient, name: str, do: str, http: Any, resolve: Callable[[str], list[str]]) -> Finding:
    """Whether who asks there hears this stack: by the key that signs, which no other has."""
    url, more, there = f"https://{name}{_KEYS}", {}, list[str]()
    if patient.is_local:
        url, more = f"{patient.aws.endpoint_url}{_KEYS}", {"Host": name}
    elif not (there := resolve(name)):
        return Finding(_DOMAIN, Verdict.BAD, f"{name} does not resolve: nobody finds the queue by it", do)
    leads = f"{name} leads to {', '.join(there)}" if there else name
    try:
        answer = reach(lambda: http.request("GET", url, headers=more, timeout=TIMEOUT, allow_redirects=False))
    except Trouble as exc:
        return Finding(_DOMAIN, Verdict.BAD, f"{leads}: {exc.message.rstrip('.')}", do)
    try:
        kids = [key["kid"] for key in document(answer, keys=list)["keys"]]
    except (Trouble, KeyError, TypeError):
        says = f"{leads}: what answers there is no loginq (HTTP {answer.status_code})"
        return Finding(_DOMAIN, Verdict.BAD, says, do)
    if patient.queue.lines.read().kid not in kids:
        return Finding(_DOMAIN, Verdict.BAD, f"{leads}: that is another loginq, whose keys are not this stack's", do)
    return Finding(_DOMAIN, Verdict.OK, f"{name} leads to this stack")
