"""A domain of one's own, for deploy and doctor alike: what its certificate and its zone have to be, and its record."""

from collections.abc import Callable, Mapping
from typing import Any

from loginq.deploy.limits import Clash, refuse
from loginq.service.rules.errors import NotFound, Refused
from loginq.service.rules.times import DAY, iso
from loginq.service.store.aws import Aws

FOR_EDGES = "us-east-1"
"""Where CloudFront takes certificates from.

https://docs.aws.amazon.com/AmazonCloudFront/latest/DeveloperGuide/cnames-and-https-requirements.html
"""
NEAR = 30 * DAY
"""A certificate that ends sooner should have been renewed: ACM begins 60 days before, if it can.

https://docs.aws.amazon.com/acm/latest/userguide/managed-renewal.html
"""
_OURS = {"DomainName": "", "CertificateArn": "", "HostedZoneId": "", "Edge": "false"}
"""The parameters that it goes by, and what a stack has that is older than one."""


def ask(
    aws: Aws, parameters: Mapping[str, str], before: Mapping[str, str], region: str, t: int, say: Callable[[str], None]
) -> None:
    """Ask whether AWS will have the domain, where anything of it changes. Raises `Invalid` for what it would refuse.

    Args:
        before: the stack's parameters so far; empty for a new stack. t: the time, ms.
    """
    if not parameters["DomainName"] or all(before.get(name, none) == parameters[name] for name, none in _OURS.items()):
        return
    if aws.endpoint_url is not None:  # an emulator has neither certificates nor zones
        refuse([fault for fault in [_taken(aws, parameters, before)] if fault])
        return
    try:
        certificate = certificate_of(aws, parameters)
        looks = (look(aws, parameters, before) for look in (_taken, _unmade))
        faults = [unfit(parameters, region, certificate, t), *looks]
    except Refused as exc:
        say(f"Whether AWS will have that domain could not be seen: {exc.message}")
        return
    refuse([each for each in faults if each])
    if ends := ending(parameters, certificate or {}, t):
        say(f"{ends.says} {ends.do}")


def certificate_of(aws: Aws, parameters: Mapping[str, str]) -> dict[str, Any] | None:
    """The stack's certificate, as ACM has it; None where it has none. Raises `Refused`."""
    arn = parameters["CertificateArn"]
    try:
        found = aws.elsewhere(_region(arn)).client("acm").describe_certificate(CertificateArn=arn)
    except NotFound:
        return None
    return dict(found["Certificate"])


def unfit(parameters: Mapping[str, str], region: str, certificate: Mapping[str, Any] | None, t: int) -> Clash | None:
    """Why the domain cannot have this certificate. `region`: the stack's; `t`: the time, ms."""
    arn, domain = parameters["CertificateArn"], parameters["DomainName"]
    wanted = FOR_EDGES if parameters["Edge"] == "true" else region
    command = f"aws acm request-certificate --region {wanted} --validation-method DNS --domain-name {domain}"
    another = f"Ask for one with `{command}`."
    if _region(arn) != wanted:
        why = "CloudFront takes one" if parameters["Edge"] == "true" else "without Edge it takes one"
        return Clash(f"The certificate of {domain} is in {_region(arn)}, and {why} of {wanted} alone.", another)
    if certificate is None:
        return Clash(f"There is no certificate {arn}.", another)
    names = {certificate["DomainName"], *certificate.get("SubjectAlternativeNames", ())}
    if not any(_covers(name.lower(), domain) for name in names):
        return Clash(f"The certificate is of {', '.join(sorted(names))}, and not of {domain}.", another)
    if certificate["Status"] == "PENDING_VALIDATION":
        do = "ACM issues it once the records that it asks for are in the domain's zone: `aws acm describe-certificate`."
        return Clash(f"The certificate of {domain} is not issued yet.", do)
    if certificate["Status"] != "ISSUED" or _ends(certificate, t) <= t:
        status = certificate["Status"] if certificate["Status"] != "ISSUED" else "EXPIRED"
        return Clash(f"The certificate of {domain} is {status}.", another)
    return None


def ending(parameters: Mapping[str, str], certificate: Mapping[str, Any], t: int) -> Clash | None:
    """A word about a certificate that ends soon, though ACM renews those that it can."""
    ends = _ends(certificate, t + 2 * NEAR)
    if ends - t >= NEAR:
        return None
    said = f"The certificate of {parameters['DomainName']} ends at {iso(ends)}."
    if certificate.get("Type") == "IMPORTED":
        return Clash(
            said, "It was imported, so nobody renews it but you: `aws acm import-certificate`, under the same ARN."
        )
    how = certificate.get("RenewalSummary", {}).get("RenewalStatus", "unknown")
    return Clash(said, f"ACM has not renewed it ({how}): are the records that it asks for still in the domain's zone?")


def record(outputs: Mapping[str, str], parameters: Mapping[str, str]) -> str:
    """The record by which the domain leads to the stack, where the stack does not make it; empty for none."""
    target = outputs.get("DomainTarget", "")
    by_hand = target and parameters.get("DomainName") and not parameters.get("HostedZoneId")
    return f"{parameters['DomainName']} CNAME {target}" if by_hand else ""


def _taken(aws: Aws, parameters: Mapping[str, str], before: Mapping[str, str]) -> Clash | None:
    """Another API of this account and region that has the domain: API Gateway gives it to one alone."""
    has_edge, had_edge = (each.get("Edge") == "true" and aws.endpoint_url is None for each in (parameters, before))
    if has_edge or (before.get("DomainName") == parameters["DomainName"] and not had_edge):
        return None
    domain = parameters["DomainName"]
    try:
        aws.client("apigateway").get_domain_name(domainName=domain)
    except NotFound:
        return None
    command = f"aws apigateway delete-domain-name --domain-name {domain}"
    do = f"Take it from there first: `loginq destroy` where it is a stack of loginq, or `{command}`."
    return Clash(f"{domain} is another API's in this account and region.", do)


def _unmade(aws: Aws, parameters: Mapping[str, str], before: Mapping[str, str]) -> Clash | None:
    """Why its records cannot be made in the zone."""
    zone, domain = parameters["HostedZoneId"], parameters["DomainName"]
    if not zone or (before.get("HostedZoneId"), before.get("DomainName")) == (zone, domain):
        return None
    route53 = aws.client("route53")
    try:
        found = route53.get_hosted_zone(Id=zone)["HostedZone"]
    except NotFound:
        return Clash(f"There is no hosted zone {zone}.", "Give a HostedZoneId that exists, or none.")
    name = found["Name"].rstrip(".")
    if found.get("Config", {}).get("PrivateZone"):
        return Clash(f"The zone {zone} is private, and no player sees it.", "Give the public zone of that name.")
    if domain != name and not domain.endswith(f".{name}"):
        return Clash(
            f"The zone {zone} is of {name}, and {domain} is not in it.", "Give the zone that it is in, or none."
        )
    there = route53.list_resource_record_sets(HostedZoneId=zone, StartRecordName=domain, MaxItems="10")
    kinds = [each["Type"] for each in there["ResourceRecordSets"] if each["Name"].rstrip(".") == domain]
    if there := [kind for kind in kinds if kind in ("A", "AAAA", "CNAME")]:
        do = "Delete it right before the deploy, or leave HostedZoneId out and point that record here yourself."
        return Clash(f"The zone {zone} has a record {'/'.join(there)} of {domain} already.", do)
    return None


def _covers(name: str, domain: str) -> bool:
    """Whether a certificate's name is this one; a star stands for one label: RFC 9525, 6.3."""
    return name == domain or (name.startswith("*.") and domain.partition(".")[2] == name[2:])


def _region(arn: str) -> str:
    return arn.split(":")[3]


def _ends(certificate: Mapping[str, Any], otherwise: int) -> int:
    """When it ends, ms; one that is not issued does not say it."""
    at = certificate.get("NotAfter")
    return int(at.timestamp() * 1_000) if at else otherwise
