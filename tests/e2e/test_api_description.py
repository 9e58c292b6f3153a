"""The published description of the API: it is the template's API, and whatever a fuzzer sends, the answer is in it."""

import json
import logging
from contextlib import suppress
from typing import Any

import pytest
import yaml
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from lambdas import http
from loginq.deploy.assets import TEMPLATE
from loginq.deploy.template import load
from loginq.service.rules.errors import Invalid
from loginq.service.rules.line import Line
from loginq.service.rules.public import document
from loginq.service.rules.ticket import Ticket
from tests.e2e.conftest import Stack

DESCRIPTION = TEMPLATE.with_name("openapi.yaml")


def test_it_describes_what_the_template_has() -> None:
    resources = load().document["Resources"]

    def path(name: str) -> str:
        resource = resources[name]["Properties"]
        parent = resource["ParentId"]
        above = "" if "GetAtt" in parent else path(parent["Ref"])
        return f"{above}/{resource['PathPart']}"

    methods = {
        (path(each["Properties"]["ResourceId"]["Ref"]), each["Properties"]["HttpMethod"].lower())
        for each in resources.values()
        if each["Type"] == "AWS::ApiGateway::Method" and each["Properties"]["HttpMethod"] != "OPTIONS"
    }
    described = yaml.safe_load(DESCRIPTION.read_text())["paths"]
    assert {(name, method) for name, item in described.items() for method in item} == methods


def test_the_public_line_is_described_as_it_is() -> None:
    schema = yaml.safe_load(DESCRIPTION.read_text())["components"]["schemas"]["Line"]
    said, line = schema["properties"], Line(tail=1_000, anchored_at=1, alive_at=1, rate=20_000, lease=120_000)
    shown = json.loads(json.dumps(document(line, 1, 240_000)))
    assert list(shown) == list(said) == schema["required"]
    kinds: dict[str, Any] = {"integer": int, "number": (int, float), "string": str, "array": list}
    assert all(isinstance(shown[name], kinds[spec["type"]]) for name, spec in said.items())
    assert 2 <= len(shown["curve"]) <= said["curve"]["maxItems"] and {len(pair) for pair in shown["curve"]} == {2}
    assert shown["line_state"] in said["line_state"]["enum"]


@pytest.fixture(scope="module")
def token(stack: Stack) -> str:
    return stack.player().account.token()


@pytest.mark.parametrize("examples", [5, pytest.param(50, marks=pytest.mark.drills)])
def test_whatever_is_sent_the_answer_is_in_the_description(stack: Stack, token: str, examples: int) -> None:
    import schemathesis  # takes seconds to import, and every worker reads every module of tests
    from schemathesis.checks import not_a_server_error
    from schemathesis.specs.openapi.checks import response_schema_conformance, status_code_conformance

    checks = [not_a_server_error, status_code_conformance, response_schema_conformance]
    schema: Any = schemathesis.openapi.from_path(str(DESCRIPTION))
    operations = [each.ok() for each in schema.get_all_operations()]
    assert len(operations) >= 5
    for operation in operations:

        @settings(max_examples=examples, deadline=None, suppress_health_check=list(HealthCheck), database=None)
        @given(operation.as_strategy())
        def answers(case: Any) -> None:
            response = case.call(base_url=stack.target.api_url, headers={"Authorization": f"Bearer {token}"})
            case.validate_response(response, checks=checks)
            assert "Traceback" not in response.text and "boto" not in response.text

        answers()


ANYTHING = st.recursive(
    st.none() | st.booleans() | st.integers() | st.floats() | st.text(),
    lambda inner: st.lists(inner, max_size=4) | st.dictionaries(st.text(), inner, max_size=4),
    max_leaves=12,
)


@given(ANYTHING | st.fixed_dictionaries({"sub": ANYTHING, "ticket": ANYTHING, "issued_at": ANYTHING}))
def test_a_message_body_is_a_ticket_or_invalid(body: Any) -> None:
    for text in (json.dumps(body), str(body)):
        with suppress(Invalid):
            assert Ticket.parse(text).sub


@given(st.dictionaries(st.sampled_from(["httpMethod", "requestContext", "queryStringParameters", "body"]), ANYTHING))
def test_a_handler_answers_any_event_with_an_error_of_its_own(event: dict[str, Any]) -> None:
    """Beyond what API Gateway lets through: nothing of it comes back, and no traceback does."""

    def never(*_: Any) -> dict[str, Any]:
        raise AssertionError("nobody is signed in")

    logging.disable()
    try:
        answer = http.answers(never)({**event, "secret": "s3cr3t"}, None)
    finally:
        logging.disable(logging.NOTSET)
    error = json.loads(answer["body"])["error"]
    assert answer["statusCode"] in (401, 500) and set(error) == {"code", "message"}
    assert "s3cr3t" not in answer["body"] and "Traceback" not in answer["body"]
    assert answer["headers"]["X-Content-Type-Options"] == "nosniff"
