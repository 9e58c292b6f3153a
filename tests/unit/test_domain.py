"""A domain of one's own: what AWS would refuse of its certificate and its zone, said before anything is made."""

from collections.abc import Mapping
from dataclasses import replace
from datetime import UTC, datetime
from types import SimpleNamespace
from typing import Any, cast

import pytest

from loginq.deploy import domain, template
from loginq.doctor import domain as doctor
from loginq.doctor.checks import Patient, Verdict
from loginq.service.rules.errors import Invalid
from loginq.service.rules.line import Line
from loginq.service.rules.times import DAY
from loginq.service.store.aws import Aws
from tests.unit.scripted import Answer, Refusal, Scripted, in_turn
from tests.unit.test_checks import Stack, patient, told
from tests.world import T

REGION, NAME = "eu-west-1", "queue.example.com"
ARN = "arn:aws:acm:{}:123456789012:certificate/0a1b"
HERE, EDGES = ARN.format(REGION), ARN.format("us-east-1")
NOT_FOUND = Refusal("ResourceNotFoundException")


def given(**parameters: str) -> dict[str, str]:
    return {**template.load().defaults, "DomainName": NAME, "CertificateArn": HERE, **parameters}


def certificate(days: int = 300, **said: Any) -> Answer:
    found = {"DomainName": "*.example.com", "SubjectAlternativeNames": ["example.com"], "Status": "ISSUED"}
    ends = datetime.fromtimestamp(T / 1_000 + days * 86_400, UTC)
    return in_turn({"Certificate": {**found, "NotAfter": ends, **said}})


def zone(name: str = "example.com.", private: bool = False) -> Answer:
    return in_turn({"HostedZone": {"Id": "Z1", "Name": name, "Config": {"PrivateZone": private}}})


def records(*kinds: str, name: str = f"{NAME}.") -> Answer:
    return in_turn({"ResourceRecordSets": [{"Name": name, "Type": kind} for kind in kinds]})


WELL: dict[str, Answer] = {
    "DescribeCertificate": certificate(),
    "GetDomainName": in_turn(Refusal("NotFoundException", status=404)),
    "GetHostedZone": zone(),
    "ListResourceRecordSets": records("NS", "TXT"),
}


def asked(
    parameters: dict[str, str], before: dict[str, str] | None = None, **answers: Answer
) -> tuple[list[str], Scripted]:
    aws, said = Scripted({**WELL, **answers}, REGION), list[str]()
    domain.ask(aws, parameters, before or {}, REGION, T, said.append)
    return said, aws


def test_where_all_is_well_nothing_is_said_and_without_a_change_nothing_is_asked() -> None:
    for parameters in (given(HostedZoneId="Z1"), given(), given(CertificateArn=EDGES, Edge="true")):
        said, aws = asked(parameters)
        assert said == [] and aws.calls
        assert asked(parameters, parameters)[1].calls == []
    assert asked({**template.load().defaults, "Edge": "true"})[1].calls == []


@pytest.mark.parametrize(
    ("parameters", "answers", "says", "do"),
    [
        ({}, {"DescribeCertificate": in_turn(NOT_FOUND)}, f"There is no certificate {HERE}.", "request-certificate"),
        ({"CertificateArn": EDGES}, {}, "in us-east-1, and without Edge it takes one of eu-west-1", "-west-1"),
        ({"Edge": "true"}, {}, "is in eu-west-1, and CloudFront takes one of us-east-1", "--region us-east-1"),
        ({"DomainName": "a.queue.example.com"}, {}, "is of *.example.com, example.com, and not of a.q", "request-cert"),
        ({"DomainName": "example.org"}, {}, "and not of example.org.", "request-certificate"),
        (
            {},
            {"DescribeCertificate": certificate(Status="PENDING_VALIDATION", NotAfter=None)},
            "is not issued yet.",
            "describe-certificate",
        ),
        ({}, {"DescribeCertificate": certificate(Status="REVOKED")}, "is REVOKED.", "request-certificate"),
        ({}, {"DescribeCertificate": certificate(0)}, "is EXPIRED.", "request-certificate"),
        ({}, {"GetDomainName": in_turn({"domainName": NAME})}, "is another API's in this account", "loginq destroy"),
        ({"HostedZoneId": "Z1"}, {"GetHostedZone": in_turn(Refusal("NoSuchHostedZone"))}, "no hosted zone Z1.", "none"),
        ({"HostedZoneId": "Z1"}, {"GetHostedZone": zone(private=True)}, "is private", "public zone"),
        ({"HostedZoneId": "Z1"}, {"GetHostedZone": zone("ample.com.")}, "is of ample.com, and queue", "the zone that"),
        ({"HostedZoneId": "Z1"}, {"ListResourceRecordSets": records("A", "CNAME")}, "A/CNAME of queue", "Delete it"),
    ],
)  # fmt: skip
def test_what_aws_would_refuse(parameters: dict[str, str], answers: dict[str, Answer], says: str, do: str) -> None:
    with pytest.raises(Invalid) as refused:
        asked(given(**parameters), None, **answers)
    assert says in refused.value.message and do in refused.value.hint


def test_a_certificate_is_of_its_names_and_a_star_of_one_label() -> None:
    for name in (NAME, "*.example.com", "*.EXAMPLE.com", "QUEUE.example.com"):
        assert asked(given(), DescribeCertificate=certificate(DomainName=name, SubjectAlternativeNames=[name]))[0] == []
    for name in ("*.com", "*.queue.example.com", "example.com", "*example.com", "*"):
        with pytest.raises(Invalid, match="and not of queue"):
            asked(given(), DescribeCertificate=certificate(DomainName=name, SubjectAlternativeNames=[name]))


def test_a_certificate_that_ends_soon_is_said_and_refuses_nothing() -> None:
    failed = {"RenewalStatus": "FAILED", "DomainValidationOptions": [], "UpdatedAt": datetime.now(UTC)}
    ((said,), _) = asked(given(), DescribeCertificate=certificate(29, RenewalSummary=failed))
    assert "ends at 2027-02-13" in said and "has not renewed it (FAILED)" in said
    ((said,), _) = asked(given(), DescribeCertificate=certificate(29, Type="IMPORTED"))
    assert "It was imported" in said
    assert domain.NEAR == 30 * DAY and asked(given(), DescribeCertificate=certificate(30))[0] == []


def test_its_own_domain_and_its_own_records_are_in_nobodys_way() -> None:
    mine = {"GetDomainName": in_turn({"domainName": NAME}), "ListResourceRecordSets": records("A", "AAAA")}
    before = given(HostedZoneId="Z1", CertificateArn=ARN.format("old"))
    assert asked(given(HostedZoneId="Z1"), before, **mine)[0] == []
    after = records("A", name=f"www.{NAME}.")  # the list begins with the domain, or with what comes behind it
    assert asked(given(HostedZoneId="Z1"), ListResourceRecordSets=after)[0] == []
    with pytest.raises(Invalid, match="another API's"):  # at an edge it had none
        asked(given(HostedZoneId="Z1"), {**before, "Edge": "true"}, **mine)


def test_what_may_not_be_seen_is_said_and_aws_decides() -> None:
    ((said,), _) = asked(given(), DescribeCertificate=in_turn(Refusal("AccessDeniedException", "no")))
    assert said.startswith("Whether AWS will have that domain could not be seen:")


@pytest.mark.parametrize(
    ("outputs", "parameters", "record"),
    [
        ({}, {"DomainName": NAME}, ""),
        ({"DomainTarget": "d-1.example"}, {"DomainName": NAME, "HostedZoneId": "Z1"}, ""),
        ({"DomainTarget": "d-1.example"}, {"DomainName": NAME}, f"{NAME} CNAME d-1.example"),
    ],
)
def test_the_record_to_make(outputs: dict[str, str], parameters: dict[str, str], record: str) -> None:
    assert domain.record(outputs, parameters) == record


# As doctor tells it

TARGET = "d-1.execute-api.eu-west-1.amazonaws.com"
MADE = f"Make this record where its DNS is, in place of any other of that name: {NAME} CNAME {TARGET}"


class Web:
    """What answers at the domain; what was asked of it."""

    def __init__(self, document: Any = None, status: int = 200) -> None:
        self.answer = SimpleNamespace(status_code=status, headers={}, json=lambda: document)
        self.asked: list[tuple[str, dict[str, str]]] = []

    def request(self, method: str, url: str, headers: dict[str, str], **_: Any) -> Any:
        self.asked.append((url, headers))
        if isinstance(self.answer, Exception):
            raise self.answer
        return self.answer


def ill(endpoint: str | None = None, answers: Mapping[str, Answer] = WELL, **more: str) -> Patient:
    stack = Stack(said={"DomainTarget": TARGET}, given=given(**more))
    found = patient(stack=stack, line=Line(kid="k"), clock=lambda: T, endpoint=endpoint)
    aws: Any = SimpleNamespace(endpoint_url=endpoint) if endpoint else Scripted(dict(answers), REGION)
    return replace(found, aws=cast(Aws, aws), target=replace(found.target, region=REGION))


def examined(ill: Patient, web: Web, *there: str) -> dict[str, tuple[Verdict, str, str]]:
    return {each.what: told(each) for each in doctor.examine(ill, web, lambda name: list(there))}


KEYS = {"keys": [{"kid": "j"}, {"kid": "k"}]}


def test_a_stack_without_a_domain_is_asked_nothing() -> None:
    assert examined(ill(DomainName="", CertificateArn=""), Web()) == {}


def test_a_domain_that_leads_here() -> None:
    assert examined(ill(), Web(KEYS), TARGET, "192.0.2.1") == {
        "certificate": (Verdict.OK, f"issued, and good for {NAME}", ""),
        "domain": (Verdict.OK, f"{NAME} leads to this stack", ""),
    }


@pytest.mark.parametrize(
    ("web", "there", "says"),
    [
        (Web(), [], f"{NAME} does not resolve: nobody finds the queue by it"),
        (
            Web({"keys": [{"kid": "j"}]}),
            ["d-2.example", "192.0.2.1"],
            f"{NAME} leads to d-2.example, 192.0.2.1: that is another loginq, whose keys are not this stack's",
        ),
        (Web({"keys": [7]}), ["192.0.2.1"], f"{NAME} leads to 192.0.2.1: what answers there is no loginq (HTTP 200)"),
        (Web({"error": {}}, 403), ["::1"], f"{NAME} leads to ::1: what answers there is no loginq (HTTP 403)"),
    ],
)
def test_a_domain_that_leads_elsewhere(web: Web, there: list[str], says: str) -> None:
    assert examined(ill(), web, *there)["domain"] == (Verdict.BAD, says, MADE)
    verdict, _, do = examined(ill(HostedZoneId="Z1"), web, *there)["domain"]
    assert verdict is Verdict.BAD and do.startswith("The stack made its record in the zone Z1: do the name servers")


def test_an_emulator_is_asked_by_the_host_alone() -> None:
    web = Web(KEYS)
    assert examined(ill("http://127.0.0.1:4566"), web) == {"domain": (Verdict.OK, f"{NAME} leads to this stack", "")}
    assert web.asked == [("http://127.0.0.1:4566/.well-known/jwks.json", {"Host": NAME})]


@pytest.mark.parametrize(
    ("answer", "verdict", "says"),
    [
        (certificate(29, Type="IMPORTED"), Verdict.WARN, f"The certificate of {NAME} ends at 2027-02-13T08:00:00.000Z"),
        (certificate(0), Verdict.BAD, f"The certificate of {NAME} is EXPIRED"),
        (in_turn(NOT_FOUND), Verdict.BAD, f"There is no certificate {HERE}"),
        (in_turn(Refusal("AccessDeniedException")), Verdict.UNKNOWN, "DescribeCertificate: no."),
    ],
)
def test_a_certificate_that_is_not_well(answer: Answer, verdict: Verdict, says: str) -> None:
    found = examined(ill(answers={"DescribeCertificate": answer}), Web(KEYS), TARGET)["certificate"]
    assert found[:2] == (verdict, says) and found[2]


def test_a_name_that_nobody_has_leads_nowhere() -> None:
    assert doctor.addresses("queue.invalid") == []
    assert doctor.addresses("localhost")[-1].startswith("127.")
