"""A stack with a provider of its own: what deploy looks at beforehand, and what doctor says of it."""

import io
import json
from dataclasses import replace
from typing import Any

import pytest

from loginq.deploy import provider as deploying
from loginq.doctor import checks, provider, quotas
from loginq.doctor.checks import Verdict
from loginq.doctor.quotas import Crowd
from loginq.service.operations.target import Target
from loginq.service.rules.errors import Failed, NoTarget, Unavailable
from loginq.service.rules.identity import key_of
from tests import provider as providers
from tests.unit.test_checks import TARGET, Says, Stack, patient, resource, told

ISSUER = "https://accounts.example.com"
GUEST = replace(TARGET, user_pool_id="", client_id="", provider=ISSUER)
THERE = providers.Provider(ISSUER)


def get(url: str) -> bytes:
    return json.dumps(THERE.documents()[url.removeprefix(ISSUER)]).encode()


def down(url: str) -> bytes:
    raise Unavailable(f"{url} cannot be read: timed out.")


def other(url: str) -> bytes:
    return b'{"issuer": "https://accounts.example.com/"}'


# Deploy


def test_an_issuer_that_is_new_is_looked_at_and_one_that_stays_is_not() -> None:
    deploying.check({"IdentityIssuer": ""}, {}, down)
    deploying.check({"IdentityIssuer": ISSUER}, {"IdentityIssuer": ISSUER}, down)
    deploying.check({"IdentityIssuer": ISSUER}, {}, get)
    with pytest.raises(
        Unavailable, match=r"No ID token of https://accounts\.example\.com could be checked: .*timed out"
    ):
        deploying.check({"IdentityIssuer": ISSUER}, {"IdentityIssuer": ""}, down)
    with pytest.raises(Failed, match=r"is of the issuer 'https://accounts\.example\.com/', not of"):
        deploying.check({"IdentityIssuer": ISSUER}, {}, other)


@pytest.mark.parametrize(
    ("before", "after", "words"),
    [
        ("", ISSUER, f"Let in players of {ISSUER} alone, and no more of the user pool, and keep the user pool "
         "outside the stack"),
        ("https://old.example.com", ISSUER, f"Let in players of {ISSUER} alone, and no more of "
         "https://old.example.com; who has the same sub at both, of letters, digits and _ . : - alone, is taken for "
         "the same player, and who has another begins anew, banned or not"),
        (ISSUER, "", f"Let in accounts of a user pool, a new one, and no more of {ISSUER}"),
    ],
)  # fmt: skip
def test_who_gets_in_no_more_is_said(before: str, after: str, words: str) -> None:
    assert deploying.switch(before, after) == words
    back = f"Let in accounts of the user pool eu-west-1_a, and no more of {ISSUER}"
    assert deploying.switch(ISSUER, "", "eu-west-1_a") == back


@pytest.mark.parametrize(("sub", "is_same"), [("a_B-9.c:d", True), ("auth0|a", False), ("é", False)])
def test_of_two_providers_the_same_sub_is_the_same_player_where_it_is_a_safe_key(sub: str, is_same: bool) -> None:
    assert (key_of("https://old.example.com", sub) == key_of(ISSUER, sub)) is is_same


# The target


def test_a_target_without_a_pool_is_whole_where_it_names_a_provider() -> None:
    names = GUEST.names()
    assert not {"COGNITO_USER_POOL_ID", "COGNITO_USER_CLIENT_ID"} & set(names)
    assert Target.from_names(names) == GUEST
    outputs = {"RestEndpoint": GUEST.api_url, "TableName": "table", "IntakeUrl": "https://q", "IdentityIssuer": ISSUER}
    assert Target.from_outputs("loginq", "eu-west-1", outputs) == GUEST
    with pytest.raises(NoTarget, match="it has no output UserClientId"):
        Target.from_outputs("loginq", "eu-west-1", {**outputs, "IdentityIssuer": ""})
    with pytest.raises(NoTarget, match="COGNITO_USER_CLIENT_ID, COGNITO_USER_POOL_ID not set"):
        Target.from_names({name: value for name, value in names.items() if name != "LOGINQ_IDENTITY_ISSUER"})


# Doctor


def answering(said: Any, **more: Any) -> Says:
    return Says({"invoke": {"Payload": io.BytesIO(json.dumps(said).encode()), **more}})


def policy(effect: str) -> dict[str, Any]:
    return {"principalId": "nobody", "policyDocument": {"Statement": [{"Effect": effect}]}}


def examined(said: Any, fetch: Any = get, **more: Any) -> list[tuple[Verdict, str, str]]:
    lambdas = answering(said, **more)
    stack = Stack(of=[resource("AuthorizePlayer")], given={"IdentityAudience": "game"})
    found = list(provider.examine(patient({"lambda": lambdas}, stack, target=GUEST), fetch))
    assert [each.what for each in found] == ["provider", "authorizer"]
    ((_, asked),) = lambdas.asked
    assert json.loads(asked["Payload"])["authorizationToken"].startswith("Bearer ey")
    return [told(each) for each in found]


def test_doctor_looks_at_the_provider_from_here_and_from_where_the_authorizer_is() -> None:
    fine = (Verdict.OK, "it has the provider's keys, and refuses what they have not signed", "")
    assert examined(policy("Deny")) == [(Verdict.OK, f"{ISSUER} has keys for ES256, RS256", ""), fine]
    (unseen, *_), (wrong, *_) = examined(policy("Deny"), down), examined(policy("Deny"), other)
    assert unseen[:2] == (
        Verdict.UNKNOWN,
        f"it cannot be looked at from here: {ISSUER}/.well-known/openid-configuration cannot be read: timed out",
    )
    assert wrong[0] is Verdict.BAD and "letter by letter" in wrong[2]
    log = "`loginq logs authorize_player` says why; players who are in line keep their places."
    for said, more, words in (
        ({}, {}, "it cannot get the provider's keys: nobody gets in"),
        ({"errorMessage": "x"}, {"FunctionError": "Unhandled"}, "it fails: nobody gets in"),
        (None, {}, "it fails: nobody gets in"),
    ):
        assert examined(said, **more)[1] == (Verdict.BAD, words, log)
    assert examined(policy("Allow"))[1][0] is Verdict.BAD
    assert list(provider.examine(patient())) == []


def test_the_functions_are_asked_as_the_authorizer_would_let_a_player_through() -> None:
    def passed(target: Target) -> dict[str, Any]:
        return dict(checks._from_nobody(patient(target=target), "GET")["requestContext"]["authorizer"])

    assert set(passed(TARGET)) == {"claims"}
    assert passed(GUEST).keys() == {"sub", "subject", "exp"}


def test_a_launch_without_a_pool_asks_nothing_of_cognito_and_more_of_lambda() -> None:
    crowd = Crowd(200_000, 600_000)
    usual, guests = quotas.needs(crowd), quotas.needs(crowd, has_pool=False)
    assert {each.service for each in usual} - {each.service for each in guests} == {"cognito-idp"}
    assert guests[-1].needed > usual[-1].needed
