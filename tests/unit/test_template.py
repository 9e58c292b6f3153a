"""The template: what its parameters take, by the very parser of the functions, and who may read what."""

import json
import re
from dataclasses import replace
from fnmatch import fnmatchcase
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import pytest
import yaml

from loginq.client import Trouble, game
from loginq.deploy import template
from loginq.deploy.foresight import _holds, resources
from loginq.service.rules.errors import Invalid
from loginq.service.rules.line import MAX_RATE
from loginq.service.rules.public import MAX_AGE
from loginq.service.rules.rates import parse_rate
from loginq.service.rules.settings import PARAMETERS, Rules
from loginq.service.rules.times import SECOND
from loginq.service.rules.token import JWKS_MAX_AGE

TEMPLATE = template.load()
OPENAPI = Path(__file__).parents[2] / "cloudformation" / "openapi.yaml"
SPECS: dict[str, dict[str, Any]] = TEMPLATE.document["Parameters"]
FLAG = (["true", "false"], ["", "True", "yes", "1", "true "])
ARN = "arn:aws:iam::123456789012:policy/"
CERTIFICATE = "arn:aws:acm:us-east-1:123456789012:certificate/"
SES = "arn:aws:ses:us-east-1:123456789012:identity/"

# Parameter -> (its extremes, what lies just beyond them).
VALUES: dict[str, tuple[list[str], list[str]]] = {
    "InitialRate": (
        ["0", "0.001", "20", "99999.999", "100000", "100000.000"],
        ["100000.001", "200000", "999999", "0.0001", "-1", "+1", "1e2", "50/s", "1,5", ".5", "5.", "٦٠", " 5", ""],
    ),
    "MaxRate": (["0", "0.001", "100000"], ["100000.001", "-1", "", "50/s", "unlimited", "1,000"]),
    "MeanSessionMinutes": (["0", "1440"], ["-1", "1441"]),
    "InitialCapacity": (["0", "1", "1000000000000"], ["1000000000001", "-1", "9" * 5_000]),
    "LeaseSeconds": (["2", "3600"], ["1", "3601", "٦٠", "060", "60.0", "6e1", "60s", " 60", "", "-60"]),
    "AdmissionSeconds": (["10", "86400"], ["9", "86401", "১০"]),
    "ClaimWindowSeconds": (["4", "86400"], ["3", "86401"]),
    "ReconnectGraceSeconds": (["0", "86400"], ["-1", "86401", "00"]),
    "ReturnRate": (["0", "100000"], ["-1", "100001", "0.5"]),
    "SessionReports": (["events", "counts"], ["", "Events", "both", "none"]),
    "ReportsJoined": FLAG,
    "IdentityIssuer": (
        ["", "https://accounts.example.com", "https://a-b.example.com:8443/realms/game/",
         "http://127.0.0.1:4810", "http://localhost"],
        ["accounts.example.com", "https://Accounts.example.com", "https://example", "http://accounts.example.com",
         "https://a.example.com?x=1", "https://a.example.com/#x", "https://someone@a.example.com",
         "https://a.example.com/ ",
         "http://127.0.0.1.example.com", "http://127.0.0.2", "https://a.example.com\n",
         "https://a.example.com/" + "a" * 240],
    ),
    "IdentityAudience": (
        ["", "game", "0a1b2c.apps.example.com", "https://api.example.com/", "!#~"],
        ["two games", "spiel-ä", "game\n", "a" * 256],
    ),
    "IdTokenHours": (["1", "24"], ["0", "25"]),
    "RefreshTokenDays": (["1", "3650"], ["0", "3651"]),
    "CorsOrigin": (
        ["*", "https://play.example.com", "http://localhost:3000", "https://a-b.example:65535", "http://127.0.0.1:8080"],
        ["", "https://play.example.com/", "https://a.example,https://b.example", "play.example.com", "it's", "**",
         "https://it's.example", "https://A.example", "https://a.example:443", "http://a.example:80", "null",
         "https://a.example/x", "https://", "https://a.example:", "https://a..example", "https://a.example\n",
         "https://ä.example", "ftp://a.example"],
    ),
    "PublicLine": FLAG,
    "Edge": FLAG,
    "DomainName": (
        ["", "queue.example.com", "a-1.b.co", "xn--queue-9o0m.example", f"{'a' * 63}.example.com"],
        ["https://queue.example.com", "queue.example.com.", "queue.example.com/login", "Queue.example.com", "queue",
         "*.example.com", "a..b.co", "-a.example.com", "a-.example.com", "10.0.0.1", "queue.example.com:443",
         "ä.example", f"{'a' * 64}.example.com", f"{'a.' * 126}example", "queue.example.com\n"],
    ),
    "CertificateArn": (
        ["", f"{CERTIFICATE}0a1b2c3d-0000-4000-8000-0123456789ab"],
        [CERTIFICATE, "0a1b2c3d", "arn:aws:iam::123456789012:server-certificate/a", f"{CERTIFICATE}0a1b\n"],
    ),
    "HostedZoneId": (
        ["", "Z0123456789ABCDEFGHIJ", "Z2FDTNDATAQYW2"], ["/hostedzone/Z2FDTNDATAQYW2", "z2fdtn", "Z", "Z2F-", "ABC"],
    ),
    "TableName": (["", "loginq-Table-1", "a.b_c", "a" * 255], ["ab", "a" * 256, "a b", "arn:aws:dynamodb:a", "tablé"]),
    "UserPoolId": (["", "us-east-1_AbCdEfGhI"], ["us-east-1", "us-east-1_", "_AbC", "us east_1", "a_b\n"]),
    "UserClientId": (["", "9yaUaCbTZjSfr57MumKlnHzjT8", "a" * 128], ["a" * 129, "a-b", "a b"]),
    "RequestsPerSecond": (["0", "1", "1000000"], ["-1", "1000001"]),
    "RequestsBurst": (["0", "1", "1000000"], ["-1", "1000001"]),
    "Firewall": FLAG,
    "AccessLogs": FLAG,
    "UserPoolTier": (["LITE", "ESSENTIALS", "PLUS"], ["", "lite", "FREE"]),
    "SesIdentityArn": (
        ["", f"{SES}example.com", f"{SES}no-reply@mail.example.com"],
        ["example.com", SES, "arn:aws:ses:us-east-1:12345:identity/example.com", f"{SES}example.com\n"],
    ),
    "EmailFromAddress": (
        ["", "no-reply@example.com", "The Game <no-reply@example.com>"],
        ["a", "a@b", "Game <a@b.co", "<a@b.co>", "Game\r\nBcc: x <a@b.co>", "a@b.co, c@d.co", "Für Dich <a@b.co>"],
    ),
    "Monitoring": (["lean", "full"], ["", "Lean", "none"]),
    "AlarmEmail": (
        ["", "a@b.co", "on.call+game@studio-x.example.com"],
        ["a", "a@b", "a@b.co,c@d.co", "a@b.co c@d.co", "A <a@b.co>", "a@b@c.co", "ops\u00a0@b.co", "a@ä.co",
         "a" * 250 + "@b.co"],
    ),
    "AlarmUrl": (
        ["", "https://events.pagerduty.com/integration/0a1b2c/enqueue", "https://hooks.example.com:8443/a?b=c-d"],
        ["http://example.com", "https://", "https://localhost/x", "https://example.com/a b", "****",
         "https://example.com/\n", "https://someone@example.com/"],
    ),
    "BatchSize": (["1", "10000"], ["0", "10001"]),
    "BatchWindowSeconds": (["0", "300"], ["-1", "301"]),
    "PlacingMaxConcurrency": (["2", "1000"], ["1", "1001"]),
    "PlacingReservedConcurrency": (["0", "1000"], ["-1", "1001"]),
    "PlacingTimeoutSeconds": (["1", "900"], ["0", "901"]),
    "IntakeVisibilitySeconds": (["1", "43200"], ["0", "43201"]),
    "MaxReceives": (["1", "1000"], ["0", "1001"]),
    "WarmReads": (["0", "12000", "10000000"], ["1", "11999", "10000001", "-1", "00"]),
    "WarmWrites": (["0", "4000", "10000000"], ["1", "3999", "10000001"]),
    "LogRetentionDays": (["1", "731"], ["0", "2", "732", "٣٠"]),
    "LogLevel": (["DEBUG", "ERROR"], ["debug", "TRACE", ""]),
    "PermissionsBoundaryArn": (
        ["", f"{ARN}b", "arn:aws:iam::aws:policy/PowerUserAccess", "arn:aws-eusc:iam::123456789012:policy/path/b"],
        ["boundary", "arn:aws:iam::123456789012:role/b", f"{ARN}", f"{ARN}b c", "arn:aws:iam::12345:policy/b"],
    ),
}  # fmt: skip
TOGETHER = {
    "MaxRate": {"0.001": {"InitialRate": "0"}},
    "LeaseSeconds": {"3600": {"ClaimWindowSeconds": "86400"}},
    "ClaimWindowSeconds": {"4": {"LeaseSeconds": "2"}},
    "EmailFromAddress": {
        value: {"SesIdentityArn": f"{SES}e.co"} for value in ("no-reply@example.com", "The Game <no-reply@example.com>")
    },
    **{
        name: {key: {"DomainName": "a.co", "CertificateArn": f"{CERTIFICATE}0a"} for key in VALUES[name][0][1:]}
        for name in ("CertificateArn", "HostedZoneId")
    },
    "DomainName": {key: {"CertificateArn": f"{CERTIFICATE}0a"} for key in VALUES["DomainName"][0][1:]},
    "BatchSize": {"10000": {"BatchWindowSeconds": "1"}},
    "BatchWindowSeconds": {"0": {"BatchSize": "10"}, "300": {"IntakeVisibilitySeconds": "480"}},
    "PlacingTimeoutSeconds": {"900": {"IntakeVisibilitySeconds": "5401"}},
    "IntakeVisibilitySeconds": {"1": {"PlacingTimeoutSeconds": "1"}},
}
"""What has to be given besides, for a value that is right but not with every default."""


def test_every_parameter_that_may_be_given_is_walked_through() -> None:
    assert set(VALUES) == set(SPECS) - set(template.OURS)
    assert set(PARAMETERS) < set(VALUES)
    description = TEMPLATE.document["Resources"]["EachMinute"]["Properties"]["Description"]["Sub"]
    assert {name for name in SPECS if f"{name} ${{{name}}}" in description} == set(PARAMETERS)
    assert [name for name, spec in SPECS.items() if spec["Type"] == "Number" and "AllowedValues" not in spec
            and not {"MinValue", "MaxValue"} <= set(spec)] == []  # fmt: skip


@pytest.mark.parametrize("name", VALUES)
def test_the_extremes_of_a_parameter_are_taken_and_what_lies_beyond_is_refused_by_name(name: str) -> None:
    good, bad = VALUES[name]
    for value in good:
        given = {**TOGETHER.get(name, {}).get(value, {}), name: value}
        for pair in (
            {"WarmReads": "12000", "WarmWrites": "4000"},
            {"RequestsPerSecond": "1", "RequestsBurst": "1"},
            {"IdentityIssuer": "https://a.example.com", "IdentityAudience": "game"},
            {"UserPoolId": "us-east-1_a", "UserClientId": "a"},
        ):
            if name in pair and value not in ("", "0"):
                given = {**pair, **given}
        on_aws = (name, value) != ("IntakeVisibilitySeconds", "1") and not value.startswith("http://")
        every = TEMPLATE.checked(given, on_aws=on_aws)
        assert every[name] == value
        Rules.of_stack(every).new_line(0)
    for value in bad:
        with pytest.raises(Invalid) as refused:
            TEMPLATE.accept({name: value})
        assert refused.value.message.startswith(f"{name} "), value
        assert refused.value.hint, value


def test_a_hidden_value_stays_and_is_nowhere_said() -> None:
    """CloudFormation says four asterisks in its place, which nobody can have given."""
    assert TEMPLATE.checked({}, {"AlarmUrl": template.MASKED}, on_aws=True)["AlarmUrl"] == template.MASKED
    with pytest.raises(Invalid, match=r"AlarmUrl cannot be this\."):
        TEMPLATE.checked({"AlarmUrl": template.MASKED}, on_aws=True)
    with pytest.raises(Invalid) as refused:
        TEMPLATE.accept({"AlarmUrl": "http://pager.example.com/secret"})
    assert "secret" not in f"{refused.value.message} {refused.value.hint}"


def test_what_the_functions_parser_refuses_is_refused_by_name_even_where_the_template_is_lax() -> None:
    lax = {**SPECS, "InitialRate": {"Type": "String", "Default": "20"}}
    loose = replace(TEMPLATE, document={**TEMPLATE.document, "Parameters": lax})
    with pytest.raises(
        Invalid, match=r"^InitialRate cannot be '200000': '200000' is more than 100,000 players a second"
    ):
        loose.checked({"InitialRate": "200000"}, on_aws=True)


def test_the_emulator_says_that_it_has_no_firewall() -> None:
    with pytest.raises(Invalid, match="The emulator has no firewall"):
        TEMPLATE.checked({"Firewall": "true", **template.LOCAL}, on_aws=False)


def test_the_pattern_of_the_rate_and_its_parser_agree_on_the_largest() -> None:
    assert parse_rate("100000.000") == MAX_RATE
    with pytest.raises(Invalid) as refused:
        TEMPLATE.accept({"InitialRate": "200000"})
    assert refused.value.hint == "Give players a second, from 0 to 100000, with at most three decimals, like 50 or 0.5."


def test_an_origin_that_no_browser_sends_is_refused_in_words() -> None:
    with pytest.raises(Invalid) as refused:
        TEMPLATE.accept({"CorsOrigin": "https://play.example.com/"})
    assert (refused.value.message, refused.value.hint) == (
        "CorsOrigin cannot be 'https://play.example.com/'.",
        "Give * for any, or one origin as a browser sends it, like https://play.example.com: in small letters, "
        "without a slash at its end.",
    )


def test_warm_throughput_is_nothing_or_what_aws_starts_at() -> None:
    with pytest.raises(Invalid) as refused:
        TEMPLATE.accept({"WarmReads": "11999"})
    assert (refused.value.message, refused.value.hint) == (
        "WarmReads cannot be 11999.", "It must be 0, or from 12000 to 10000000.",
    )  # fmt: skip


def test_the_throttle_of_the_stage_is_of_both_kinds_or_none() -> None:
    with pytest.raises(Invalid, match="RequestsPerSecond and RequestsBurst go together"):
        TEMPLATE.checked({"RequestsPerSecond": "8000"}, on_aws=True)
    older = {"RequestsPerSecond": "8000", "RequestsBurst": "4000"}  # what was the default keeps its value
    assert older.items() < TEMPLATE.checked({}, older, on_aws=True).items()


def test_a_provider_is_named_with_an_audience_and_on_aws_by_https() -> None:
    for one in ({"IdentityIssuer": "https://a.example.com"}, {"IdentityAudience": "game"}):
        with pytest.raises(Invalid, match="IdentityIssuer and IdentityAudience go together"):
            TEMPLATE.checked(one, on_aws=True)
    local = {"IdentityIssuer": "http://127.0.0.1:4810", "IdentityAudience": "game"}
    assert local.items() < TEMPLATE.checked(local, on_aws=False).items()
    with pytest.raises(Invalid, match="On AWS an IdentityIssuer is https"):
        TEMPLATE.checked(local, on_aws=True)


def test_a_sender_without_an_identity_is_refused() -> None:
    with pytest.raises(Invalid, match="EmailFromAddress needs a SesIdentityArn"):
        TEMPLATE.checked({"EmailFromAddress": "no-reply@example.com"}, on_aws=True)


def test_a_domain_and_its_certificate_go_together_but_on_an_emulator() -> None:
    domain, certificate = {"DomainName": "queue.example.com"}, {"CertificateArn": f"{CERTIFICATE}0a"}
    with pytest.raises(Invalid, match="DomainName needs a CertificateArn"):
        TEMPLATE.checked(domain, on_aws=True)
    assert TEMPLATE.checked({**domain, **certificate}, on_aws=True).items() > domain.items()
    assert TEMPLATE.checked({**domain, **template.LOCAL}, on_aws=False).items() > domain.items()
    for alone in (certificate, {"HostedZoneId": "Z1"}):
        with pytest.raises(Invalid, match=f"{next(iter(alone))} needs a DomainName"):
            TEMPLATE.checked({**alone, **template.LOCAL}, on_aws=False)


# What watches


def test_lean_is_seven_alarms_of_one_metric_each_and_no_dashboard() -> None:
    def watching(monitoring: str, endpoint: str = "") -> set[str]:
        given = {**TEMPLATE.defaults, "Monitoring": monitoring, "EmulatorEndpoint": endpoint}
        kinds = ("AWS::CloudWatch::Alarm", "AWS::CloudWatch::Dashboard")
        return {name for name, each in resources(TEMPLATE.document, given).items() if each["Type"] in kinds}

    lean = {
        "DeadLettersAlarm", "ServerErrorsAlarm", "PlacingErrorsAlarm", "SettleErrorsAlarm", "SettleSilentAlarm",
        "IntakeAgeAlarm", "SignInThrottlesAlarm",
    }  # fmt: skip
    assert TEMPLATE.defaults["Monitoring"] == "lean"
    assert watching("lean") == lean
    assert not [name for name in lean if "Metrics" in TEMPLATE.document["Resources"][name]["Properties"]]
    more = {"Dashboard", "FunctionErrorsAlarm", "ThrottlesAlarm", "ShortAlarm", "FewClaimsAlarm", "SilentServersAlarm"}
    assert watching("full") == lean | more
    # The emulator knows neither metric math nor how often a function ran.
    assert lean - watching("lean", "http://127.0.0.1:4566") == {"SettleSilentAlarm"}


def test_no_alarm_goes_by_an_answer_that_is_meant() -> None:
    """API Gateway's own 5XXError counts whoever is told that the queue is closed."""
    alarms = [each["Properties"] for each in TEMPLATE.document["Resources"].values() if "Alarm" in each["Type"]]
    assert "5XXError" not in [each.get("MetricName") for each in alarms]


# What is refused before a function runs


def _firewall(name: str) -> dict[str, Any]:
    rules = TEMPLATE.document["Resources"]["WebAcl"]["Properties"]["Rules"]
    return next(rule for rule in rules if rule["Name"] == name)


def test_who_is_over_the_firewalls_rate_is_told_to_wait_and_game_servers_are_not_counted() -> None:
    rule = _firewall("each-address")
    answer = rule["Action"]["Block"]["CustomResponse"]
    headers = {each["Name"]: each["Value"] for each in answer["ResponseHeaders"]}
    bodies = TEMPLATE.document["Resources"]["WebAcl"]["Properties"]["CustomResponseBodies"]
    body = json.loads(bodies[answer["CustomResponseBodyKey"]]["Content"])
    said = game._refusal(SimpleNamespace(status_code=answer["ResponseCode"], headers=headers, json=lambda: body))
    assert isinstance(said, Trouble)
    assert (said.code, said.retry_after) == ("too_many_requests", 30)
    assert headers["Access-Control-Allow-Origin"] == {"Ref": "CorsOrigin"}
    assert headers["Access-Control-Expose-Headers"] == "Date, Retry-After"
    left_out = rule["Statement"]["RateBasedStatement"]["ScopeDownStatement"]["NotStatement"]["Statement"]
    match = left_out["ByteMatchStatement"]
    assert (match["SearchString"], match["FieldToMatch"]) == ("/sessions", {"UriPath": {}})
    assert match["PositionalConstraint"] == "CONTAINS"  # with the name of a game server behind it, too


def test_the_firewall_lets_whole_reports_and_plain_clients_through() -> None:
    overrides = _firewall("common")["Statement"]["ManagedRuleGroupStatement"]["RuleActionOverrides"]
    assert {each["Name"]: each["ActionToUse"] for each in overrides} == {
        "SizeRestrictions_BODY": {"Count": {}}, "NoUserAgent_HEADER": {"Count": {}},
    }  # fmt: skip
    assert TEMPLATE.document["Resources"]["Filtered"]["Properties"]["ResponseType"] == "WAF_FILTERED"


def test_queues_and_topic_speak_tls_only_and_alarms_may_still_speak() -> None:
    found = TEMPLATE.document["Resources"]
    kinds = {"AWS::SQS::Queue": "Queues", "AWS::SNS::Topic": "Topics"}
    closed = set()
    for each in found.values():
        for kind in kinds.values():
            for target in each["Properties"].get(kind, []) if each["Type"].endswith("Policy") else []:
                denied = [one for one in each["Properties"]["PolicyDocument"]["Statement"] if one["Effect"] == "Deny"]
                assert [one["Condition"] for one in denied] == [{"Bool": {"aws:SecureTransport": "false"}}]
                closed.add(target["Ref"])
    assert closed == {name for name, each in found.items() if each["Type"] in kinds}
    allowed = found["AlarmsOverTls"]["Properties"]["PolicyDocument"]["Statement"][0]
    assert (allowed["Effect"], allowed["Principal"]) == ("Allow", {"Service": "cloudwatch.amazonaws.com"})


# Who may read what


def _policies(role: str) -> list[dict[str, Any]]:
    policies = TEMPLATE.document["Resources"][role]["Properties"]["Policies"]
    return [statement for policy in policies for statement in policy["PolicyDocument"]["Statement"]]


def test_no_function_that_anybody_may_call_can_read_the_secret() -> None:
    resources = TEMPLATE.document["Resources"]
    public = {
        str(each["Properties"]["Integration"]["Uri"]).partition("functions/${")[2].partition(".Arn")[0]
        for each in resources.values()
        if each["Type"] == "AWS::ApiGateway::Method"
        and each["Properties"]["AuthorizationType"] == "NONE"
        and each["Properties"]["Integration"]["Type"] == "AWS_PROXY"
    }
    assert public == {"GetJwks", "GetLine", "ReportSessions"}  # the last asks for a key itself
    for name in public:
        said = [action for statement in _policies(f"{name}Role") for action in statement["Action"]]
        assert [action for action in said if action.startswith("secretsmanager:")] == []
    for name, action, partition in (
        ("GetJwks", ["dynamodb:GetItem"], "PUBLIC#main"),
        ("GetLine", ["dynamodb:GetItem", "dynamodb:BatchGetItem"], "QUEUE#main"),
    ):
        first, log = _policies(f"{name}Role")
        assert (first["Action"], log["Resource"]) == (action, {"GetAtt": f"{name}Logs.Arn"})
        assert first["Condition"] == {"ForAllValues:StringEquals": {"dynamodb:LeadingKeys": [partition]}}


def test_the_public_call_has_a_bound_of_its_own() -> None:
    every, line, keyed, jwks = TEMPLATE.document["Resources"]["Stage"]["Properties"]["MethodSettings"]
    assert every["If"][0] == "Throttles" and every["If"][1]["ResourcePath"] == "/*"
    assert line["If"][0] == "HasEdge" and every["If"][2] == line["If"][2] == {"Ref": "AWS::NoValue"}
    names = ("HttpMethod", "ResourcePath", "ThrottlingRateLimit", "ThrottlingBurstLimit")
    assert [tuple(one[name] for name in names) for one in (line["If"][1], keyed, jwks)] == [
        ("GET", "/~1line", 100, 100), ("POST", "/~1sessions~1{server}", 100, 100),
        ("GET", "/~1.well-known~1jwks.json", 20, 50),
    ]  # fmt: skip


def test_every_role_has_the_boundary_that_was_given() -> None:
    resources = TEMPLATE.document["Resources"]
    roles = {name: each["Properties"] for name, each in resources.items() if each["Type"] == "AWS::IAM::Role"}
    assert len(roles) == 10
    asked = {"If": ["HasBoundary", {"Ref": "PermissionsBoundaryArn"}, {"Ref": "AWS::NoValue"}]}
    assert [name for name, properties in roles.items() if properties.get("PermissionsBoundary") != asked] == []


def _chosen(part: Any, every: dict[str, str]) -> Any:
    """A part of the template with what its conditions take of these parameters."""
    if isinstance(part, list):
        return [_chosen(each, every) for each in part]
    if not isinstance(part, dict):
        return part
    if "If" in part:
        condition, yes, no = part["If"]
        return _chosen(yes if _holds({"Condition": condition}, TEMPLATE.document, every) else no, every)
    return {key: _chosen(each, every) for key, each in part.items()}


# The edge


def _named(part: Any) -> set[str]:
    """What a part of the template refers to."""
    if isinstance(part, list):
        return {name for each in part for name in _named(each)}
    if not isinstance(part, dict):
        return set()
    found = {name for key, each in part.items() if key not in ("Ref", "GetAtt", "Sub") for name in _named(each)}
    texts = [part[key] if isinstance(part[key], str) else part[key][0] for key in ("Ref", "GetAtt") if key in part]
    found |= {text.partition(".")[0] for text in texts}
    if "Sub" in part:
        text = part["Sub"] if isinstance(part["Sub"], str) else part["Sub"][0]
        found |= set(re.findall(r"\$\{(\w+)", text)) | (_named(part["Sub"][1]) if text is not part["Sub"] else set())
    return found


def test_nothing_waits_for_itself_and_the_edge_waits_for_the_api_alone() -> None:
    every = TEMPLATE.document["Resources"]
    waits = {name: (_named(each) | set(each.get("DependsOn", ()))) & set(every) for name, each in every.items()}
    assert waits["Distribution"] == {"Api", "EdgeCache"} and waits["EdgeCache"] == set()
    assert waits["DomainMapping"] == {"Domain", "Api", "Stage"} and waits["Domain"] == set()
    while ready := {name for name, others in waits.items() if not others}:
        waits = {name: others - ready for name, others in waits.items() if name not in ready}
    assert waits == {}


def _there(**given: str) -> dict[str, Any]:
    return resources(TEMPLATE.document, {**TEMPLATE.defaults, **given})


def test_the_public_line_and_the_edge_are_there_where_they_are_asked_for() -> None:
    line = {"GetLine", "GetLineLogs", "GetLineRole", "GetLinePermission", "GetLineMethod", "LineResource"}
    usual = set(_there())
    assert set(_there(PublicLine="true")) - usual == line
    assert set(_there(Edge="true")) - usual == line | {"Distribution", "EdgeCache"}
    local = {"EmulatorEndpoint": "http://127.0.0.1:4566"}
    assert set(_there(Edge="true", **local)) - set(_there(**local)) == line


def test_what_an_earlier_stack_left_is_not_made_again_and_nothing_else_is_named() -> None:
    pool = {"UserPoolId": "us-east-1_a", "UserClientId": "a"}
    gone = {"Table", "UserPool", "UserClient"}
    assert set(_there()) - set(_there(TableName="left", **pool)) == gone
    made = {name for name, each in TEMPLATE.document["Resources"].items() if each.get("DeletionPolicy") == "Retain"}
    assert made == {"Table", "UserPool", "UserClient"}
    given = {"TableName": "left", **pool, "Monitoring": "full"}
    for name, each in _there(**given).items():
        assert not _named(_chosen(each, {**TEMPLATE.defaults, **given})) & gone, name


def test_what_does_nothing_beside_what_is_taken_is_refused() -> None:
    pool = {"UserPoolId": "us-east-1_a", "UserClientId": "a"}
    for given in ({"WarmReads": "12000", "WarmWrites": "4000", "TableName": "left"}, {"IdTokenHours": "5", **pool}):
        with pytest.raises(Invalid, match=r"does nothing beside (TableName|UserPoolId)"):
            TEMPLATE.checked(given, on_aws=True)
    provider = {"IdentityIssuer": "https://a.example.com", "IdentityAudience": "game"}
    for given, there in ((provider, pool), (pool, provider)):
        with pytest.raises(Invalid, match="exclude each other") as refused:
            TEMPLATE.checked(given, there, on_aws=True)
        words = dict.fromkeys(there, "")
        assert all(f"--param {name}=" in refused.value.hint for name in words)
        assert TEMPLATE.checked({**given, **words}, there, on_aws=True).items() > {**given, **words}.items()
    there = {"IdTokenHours": "5", **pool}  # an earlier loginq made it so
    assert TEMPLATE.checked({"LogLevel": "DEBUG"}, there, on_aws=True).items() > there.items()


def test_a_domain_is_at_the_edge_where_there_is_one_and_its_record_where_there_is_a_zone() -> None:
    domain, zone = {"DomainName": "queue.example.com", "CertificateArn": f"{CERTIFICATE}0a"}, {"HostedZoneId": "Z1"}
    at_api, records = {"Domain", "DomainMapping"}, {"RecordA", "RecordAAAA"}
    assert set(_there(**domain)) - set(_there()) == at_api
    assert set(_there(**domain, **zone)) - set(_there()) == at_api | records
    assert set(_there(**domain, **zone, Edge="true")) - set(_there(Edge="true")) == records
    local = {"EmulatorEndpoint": "http://127.0.0.1:4566"}
    assert set(_there(**domain, **zone, **local, Edge="true")) - set(_there(**local, Edge="true")) == at_api
    own = TEMPLATE.document["Resources"]["Domain"]["Properties"]
    assert (own["SecurityPolicy"], own["EndpointConfiguration"]["Types"]) == ("TLS_1_2", ["REGIONAL"])
    assert "BasePath" not in TEMPLATE.document["Resources"]["DomainMapping"]["Properties"]
    assert "DisableExecuteApiEndpoint" not in TEMPLATE.document["Resources"]["Api"]["Properties"]
    config = TEMPLATE.document["Resources"]["Distribution"]["Properties"]["DistributionConfig"]
    assert config["ViewerCertificate"]["If"][1]["MinimumProtocolVersion"] == "TLSv1.2_2021"


WHERE = ("RestEndpoint", "SessionsEndpoint", "LineUrl", "Issuer", "ApiEndpoint")
OWN, EDGE, DOMAIN = "https://api.execute-api.r.s/v1", "https://its DomainName", "https://queue.example.com"
LOCAL_API = "http://127.0.0.1:4566/restapis/api/v1/_user_request_"


@pytest.mark.parametrize(
    ("given", "there"),
    [
        ({}, (OWN, OWN, f"{OWN}/line", OWN, OWN)),
        ({"Edge": "true"}, (EDGE, OWN, f"{EDGE}/line", OWN, OWN)),
        ({"DomainName": "queue.example.com"}, (DOMAIN, DOMAIN, f"{DOMAIN}/line", DOMAIN, OWN)),
        ({"DomainName": "queue.example.com", "Edge": "true"}, (DOMAIN, OWN, f"{DOMAIN}/line", DOMAIN, OWN)),
        (
            {"DomainName": "queue.example.com", "Edge": "true", "EmulatorEndpoint": "http://127.0.0.1:4566"},
            (LOCAL_API, LOCAL_API, f"{LOCAL_API}/line", DOMAIN, LOCAL_API),
        ),
    ],
)
def test_the_functions_and_the_outputs_name_the_same_addresses(given: dict[str, str], there: tuple[str, ...]) -> None:
    every = {**TEMPLATE.defaults, "PublicLine": "true", **given}

    def said(part: Any) -> str:
        if isinstance(part, str):
            return part
        ((kind, value),) = part.items()
        if kind == "If":
            return said(value[1] if _holds({"Condition": value[0]}, TEMPLATE.document, every) else value[2])
        names = {"Api": "api", "Stage": "v1", "AWS::Region": "r", "AWS::URLSuffix": "s"}
        assert kind == "Sub"
        return re.sub(r"\$\{([\w:.]+)}", lambda m: names.get(m[1]) or every.get(m[1]) or f"its {m[1][13:]}", value)

    outputs = TEMPLATE.document["Outputs"]
    assert tuple(said(outputs[name]["Value"]) for name in WHERE) == there
    variables = TEMPLATE.document["Resources"]["GetLoginStatus"]["Properties"]["Environment"]["Variables"]
    assert (said(variables["LINE_URL"]), said(variables["ISSUER"])) == there[2:4]


def test_a_stack_with_a_provider_of_its_own_makes_no_pool() -> None:
    gone = {"UserPool", "UserClient", "Authorizer", "PutPlayerInfoPermission", "SignInThrottlesAlarm"}
    foreign = {"IdentityIssuer": "https://a.example.com", "IdentityAudience": "game"}
    assert set(_there()) - set(_there(**foreign)) == gone
    for name, each in _there(**foreign, Monitoring="full").items():  # nor does anything speak of it
        assert not _named(_chosen(each, {**TEMPLATE.defaults, **foreign})) & gone, name


def test_what_a_role_that_may_not_report_is_answered_is_described() -> None:
    answer = TEMPLATE.document["Resources"]["AccessDenied"]["Properties"]["StatusCode"]
    described = yaml.safe_load(OPENAPI.read_text(encoding="utf-8"))
    assert (
        {answer["If"][1], answer["If"][2]}
        == {"401", "403"}
        <= set(described["paths"]["/sessions"]["post"]["responses"])
    )


def test_an_operator_may_ask_each_function_that_doctor_asks() -> None:
    foreign = {"IdentityIssuer": "https://a.example.com", "IdentityAudience": "game"}
    for given, more in (({}, set()), (foreign, {"AuthorizePlayer"})):
        policy = _chosen(_there(**given)["OperatorPolicy"], {**TEMPLATE.defaults, **given})
        statements = policy["Properties"]["PolicyDocument"]["Statement"]
        (may,) = [each["Resource"] for each in statements if "lambda:InvokeFunction" in each["Action"]]
        assert {"GetLoginStatus", "QueuePlayerLogin"} | more <= _named(may)


def test_the_edge_keeps_the_line_and_the_keys_and_never_an_error() -> None:
    config = TEMPLATE.document["Resources"]["Distribution"]["Properties"]["DistributionConfig"]
    default, by_path = config["DefaultCacheBehavior"], {each["PathPattern"]: each for each in config["CacheBehaviors"]}
    disabled, all_but_host = "4135ea2d-6df8-44a3-9df3-4b5a84be39ad", "b689b0a8-53d0-40ab-baf2-68738e2966ac"
    assert (default["CachePolicyId"], default["OriginRequestPolicyId"]) == (disabled, all_but_host)
    assert {"DELETE", "OPTIONS"} < set(default["AllowedMethods"])
    assert set(by_path) == {"/line", "/.well-known/*", "/sessions*"}
    assert fnmatchcase("/sessions/eu-1", "/sessions*")  # nor does a game server's key
    for each in by_path.values():  # GET and HEAD alone: a report is refused, and no token passes
        assert not {"AllowedMethods", "OriginRequestPolicyId"} & set(each)
        assert each["CachePolicyId"] == {"Ref": "EdgeCache"}
    assert {each["ViewerProtocolPolicy"] for each in (default, *by_path.values())} == {"https-only"}
    cache = TEMPLATE.document["Resources"]["EdgeCache"]["Properties"]["CachePolicyConfig"]
    assert (cache["MinTTL"], cache["DefaultTTL"]) == (0, 0) and cache["MaxTTL"] >= JWKS_MAX_AGE > MAX_AGE // SECOND
    key = cache["ParametersInCacheKeyAndForwardedToOrigin"]
    assert [key[f"{name}sConfig"][f"{name}Behavior"] for name in ("Header", "Cookie", "QueryString")] == ["none"] * 3
    kept = {each["ErrorCode"]: each["ErrorCachingMinTTL"] for each in config["CustomErrorResponses"]}
    assert kept == dict.fromkeys((400, 403, 404, 405, 414, 416, 500, 501, 502, 503, 504), 0)


def test_whose_requests_the_firewall_counts_behind_an_edge() -> None:
    """Else it would shut CloudFront out, and with it everybody."""
    rate = _firewall("each-address")["Statement"]["RateBasedStatement"]
    assert rate["AggregateKeyType"] == {"If": ["EdgeOnAws", "FORWARDED_IP", "IP"]}
    assert rate["ForwardedIPConfig"]["If"][1] == {"HeaderName": "X-Forwarded-For", "FallbackBehavior": "NO_MATCH"}
