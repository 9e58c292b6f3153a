"""The target: every combination of its names gives the right stack, or a refusal that says which names disagree."""

from collections.abc import Mapping
from itertools import product

import pytest

from loginq.service.operations.resolver import (
    ACCOUNT,
    DEFAULT,
    ENDPOINT,
    ENVIRONMENT,
    FILE,
    OPTIONS,
    OWN,
    PROFILE,
    REGION,
    STACK,
    Given,
    Resolved,
    resolve,
)
from loginq.service.rules.errors import Invalid, LoginqError, NoTarget

Names = Mapping[str, str]


def on_aws(stack: str, region: str = "eu-west-1", account: str = "111111111111", **more: str) -> dict[str, str]:
    """What `deploy` writes for a stack on AWS."""
    return {
        "COGNITO_USER_CLIENT_ID": f"client-{stack}",
        "AWSOMEGAME_REST_ENDPOINT": f"https://{stack}.execute-api.{region}.amazonaws.com/v1",
        "DYNAMO_TABLE_NAME": f"{stack}-Table-1",
        "SQS_URL": f"https://sqs.{region}.amazonaws.com/{account}/{stack}-Intake-1",
        "COGNITO_USER_POOL_ID": f"{region}_{stack}",
        STACK: stack,
        REGION: region,
        ACCOUNT: account,
        **more,
    }


def emulated(stack: str, port: int = 4566) -> dict[str, str]:
    """The same for one on the emulator."""
    url = f"http://127.0.0.1:{port}"
    names = {name: value for name, value in on_aws(stack, "us-east-1").items() if name != ACCOUNT}
    return {
        **names,
        "AWSOMEGAME_REST_ENDPOINT": f"{url}/restapis/x/v1/_user_request_",
        "SQS_URL": f"{url}/000000000000/{stack}-Intake-1",
        ENDPOINT: url,
        "AWS_ACCESS_KEY_ID": "test",
        "AWS_SECRET_ACCESS_KEY": "test",
    }


EDGE = "LOGINQ_SESSIONS_ENDPOINT"
AWS, LOCAL, OTHER = on_aws("alpha"), emulated("local"), on_aws("beta", "us-east-1", "222222222222")
HERE = {"AWS_REGION": "eu-west-1"}


@pytest.mark.parametrize(
    ("given", "environment", "file", "expected"),
    [
        # one source
        (Given(), {}, AWS, ("alpha", "eu-west-1", None, FILE)),
        (Given(), AWS, {}, ("alpha", "eu-west-1", None, ENVIRONMENT)),
        (Given(), {}, LOCAL, ("local", "us-east-1", "http://127.0.0.1:4566", FILE)),
        (Given(), LOCAL, {}, ("local", "us-east-1", "http://127.0.0.1:4566", ENVIRONMENT)),
        (Given("gamma", None, "eu-north-1"), {}, {}, ("gamma", "eu-north-1", None, OPTIONS)),
        (Given("gamma"), {}, {}, ("gamma", None, None, OPTIONS)),
        # the environment wins as a whole, and a stray region or endpoint tears nothing apart
        (Given(), OTHER, AWS, ("beta", "us-east-1", None, ENVIRONMENT)),
        (Given(), {REGION: "us-east-1"}, AWS, ("alpha", "eu-west-1", None, FILE)),
        (Given(), {"AWS_REGION": "us-east-1"}, LOCAL, ("local", "us-east-1", "http://127.0.0.1:4566", FILE)),
        (Given(), {ENDPOINT: "http://127.0.0.1:9"}, AWS, ("alpha", "eu-west-1", None, FILE)),
        (Given(), {ENDPOINT: "http://127.0.0.1:9"}, LOCAL, ("local", "us-east-1", "http://127.0.0.1:4566", FILE)),
        (Given(), {"SQS_URL": AWS["SQS_URL"]}, AWS, ("alpha", "eu-west-1", None, FILE)),
        # a stack's name alone
        (Given(), {STACK: "gamma"}, AWS, ("gamma", "eu-west-1", None, ENVIRONMENT)),
        (Given(), {STACK: "gamma"}, LOCAL, ("gamma", "us-east-1", "http://127.0.0.1:4566", ENVIRONMENT)),
        (Given(), {STACK: "gamma", "AWS_REGION": "us-west-2"}, LOCAL, ("gamma", "us-west-2", None, ENVIRONMENT)),
        (Given("gamma"), {}, AWS, ("gamma", "eu-west-1", None, OPTIONS)),
        (Given("gamma"), HERE, AWS, ("gamma", "eu-west-1", None, OPTIONS)),
        (Given("gamma"), {}, LOCAL, ("gamma", "us-east-1", "http://127.0.0.1:4566", OPTIONS)),
        (Given("gamma"), OTHER, LOCAL, ("gamma", "us-east-1", "http://127.0.0.1:4566", OPTIONS)),
        (Given("gamma", None, "us-west-2"), HERE, LOCAL, ("gamma", "us-west-2", None, OPTIONS)),
        (Given("gamma", "studio"), HERE, AWS, ("gamma", "eu-west-1", None, OPTIONS)),
        (Given(None, "studio"), {}, AWS, ("alpha", "eu-west-1", None, FILE)),
        (Given(None, None, "eu-west-1"), {}, AWS, ("alpha", "eu-west-1", None, FILE)),
    ],
)
def test_the_right_stack(
    given: Given, environment: Names, file: Names, expected: tuple[str, str | None, str | None, str]
) -> None:
    found = resolve(given, environment, file)
    source = found.names[STACK].source
    assert (found.get(STACK), found.get(REGION), found.get(ENDPOINT), source) == expected


@pytest.mark.parametrize(
    ("given", "environment", "file", "kind", "says"),
    [
        (Given(), {}, {}, NoTarget, ["No target"]),
        (Given(), {"AWS_REGION": "eu-west-1"}, {}, NoTarget, ["No target"]),
        (Given(), {"SQS_URL": OTHER["SQS_URL"]}, AWS, NoTarget, [ENVIRONMENT, "SQS_URL", FILE, STACK]),
        (Given(), {STACK: "gamma", "SQS_URL": "x"}, AWS, NoTarget, ["LOGINQ_STACK", "DYNAMO_TABLE_NAME", FILE]),
        (Given(), {}, {**AWS, STACK: ""}, NoTarget, [FILE, STACK]),
        (Given("gamma"), {"AWS_REGION": "us-west-2"}, AWS, Invalid, ["us-west-2", "eu-west-1", FILE, ENVIRONMENT]),
        (Given("gamma"), {"AWS_REGION": "a", REGION: "b"}, {}, Invalid, ["AWS_REGION=a", f"{REGION}=b"]),
        (Given("gamma"), {ENDPOINT: "http://127.0.0.1:9"}, {}, Invalid, ["gamma", "http://127.0.0.1:9"]),
        (Given(None, None, "us-west-2"), {}, AWS, Invalid, ["eu-west-1", "us-west-2"]),
        (Given(None, "studio"), {}, LOCAL, Invalid, ["http://127.0.0.1:4566", "studio"]),
        (Given(), {}, {**AWS, STACK: "gamma"}, Invalid, ["gamma", "alpha-Intake"]),
        (Given(), {}, {**AWS, REGION: "us-east-1"}, Invalid, ["us-east-1", "eu-west-1_alpha"]),
        (Given(), {}, {**AWS, ACCOUNT: "222222222222"}, Invalid, ["222222222222", "111111111111"]),
        (Given(), {}, {**LOCAL, ENDPOINT: "http://127.0.0.1:9"}, Invalid, ["http://127.0.0.1:9", "4566"]),
        (Given(), {**AWS, ENDPOINT: "http://127.0.0.1:9"}, {}, Invalid, ["127.0.0.1:9", "alpha.execute-api"]),
        (Given(), {**LOCAL, ENDPOINT: "https://evil.example"}, {}, Invalid, ["https://evil.example"]),
        (Given(), {**LOCAL, ENDPOINT: "http://127.0.0.1:99999"}, {}, Invalid, ["99999"]),
    ],
)
def test_a_refusal_that_names_both(
    given: Given, environment: Names, file: Names, kind: type[LoginqError], says: list[str]
) -> None:
    with pytest.raises(kind) as refused:
        resolve(given, environment, file)
    said = f"{refused.value.message} {refused.value.hint}"
    assert [word for word in says if word not in said] == []
    assert refused.value.hint


STACKS = (None, "gamma")
PROFILES, REGIONS = (None, "studio"), (None, "eu-west-1", "us-west-2")
ENVIRONMENTS: dict[str, Names] = {
    "nothing": {},
    "the same": AWS,
    "another": OTHER,
    "an emulator": emulated("elsewhere", 4600),
    "a stack": {STACK: "delta"},
    "half": {"SQS_URL": OTHER["SQS_URL"], STACK: "beta"},
}
STRAY: list[Names] = [
    {**one, **two, **three}
    for one in ({}, {"AWS_REGION": "us-west-2"}, {REGION: "eu-west-1"})
    for two in ({}, {PROFILE: "shell"})
    for three in ({}, {ENDPOINT: "http://127.0.0.1:9"})
]
FILES: dict[str, Names] = {"none": {}, "aws": AWS, "emulator": LOCAL, "half": {STACK: "alpha", REGION: "eu-west-1"}}


@pytest.mark.parametrize("file", FILES.values(), ids=FILES)
@pytest.mark.parametrize("environment", ENVIRONMENTS.values(), ids=ENVIRONMENTS)
@pytest.mark.parametrize("may_be_new", [False, True])
def test_every_subset(environment: Names, file: Names, may_be_new: bool) -> None:
    for stack, profile, region, stray in product(STACKS, PROFILES, REGIONS, STRAY):
        given, here = Given(stack, profile, region), {**stray, **environment}
        try:
            found = resolve(given, here, file, may_be_new=may_be_new)
        except LoginqError as exc:
            assert exc.message and exc.hint
            continue
        _is_right(found, given, here, file)


def _is_right(found: Resolved, given: Given, environment: Names, file: Names) -> None:
    """What holds of every target, however it was named."""
    own = {found.names[name].source for name in OWN if name in found.names}
    assert len(own) == 1, "a queue's names are from one source"
    asked = given.stack or environment.get(STACK) or file.get(STACK)
    assert found.get(STACK) == asked or found.names[STACK].source == DEFAULT
    assert given.region in (None, found.get(REGION))
    if found.get(ENDPOINT):
        assert not given.profile and not given.region and found.get(PROFILE) is None
        assert found.get(ENDPOINT) in (environment.get(ENDPOINT), file.get(ENDPOINT))
    elif given.profile:
        assert found.get(PROFILE) == given.profile
    if found.is_whole:
        source = environment if own == {ENVIRONMENT} else file
        assert {name: found.get(name) for name in OWN} == {name: source[name] for name in OWN}
        assert found.get(REGION) == (given.region or source.get(REGION))


def test_of_awss_names_a_file_gives_only_a_few() -> None:
    """Whoever wrote the file must not choose what gives the credentials, or where they go."""
    hostile = {
        **AWS,
        PROFILE: "studio",
        "AWS_CONFIG_FILE": "config",
        "AWS_ENDPOINT_URL_DYNAMODB": "https://evil.example",
        ENDPOINT: "https://evil.example",
        "AWS_ACCESS_KEY_ID": "AKIA",
    }
    found = resolve(Given(), {}, hostile)
    assert found.get(PROFILE) == "studio"
    assert ENDPOINT not in found.names and "AWS_ACCESS_KEY_ID" not in found.names
    assert found.ignored == ("AWS_ACCESS_KEY_ID", "AWS_CONFIG_FILE", ENDPOINT, "AWS_ENDPOINT_URL_DYNAMODB")
    assert resolve(Given(), {}, LOCAL).ignored == ()


def test_what_may_be_new_is_called_loginq_and_is_where_the_rest_says() -> None:
    assert resolve(Given(), HERE, {}, may_be_new=True).values() == {STACK: "loginq", REGION: "eu-west-1"}
    elsewhere = resolve(Given(None, "studio", "eu-north-1"), {}, LOCAL, may_be_new=True)
    assert elsewhere.values() == {STACK: "loginq", PROFILE: "studio", REGION: "eu-north-1"}
    torn = resolve(Given(), {}, {STACK: "alpha", REGION: "eu-west-1"}, may_be_new=True)
    assert torn.values() == {STACK: "alpha", REGION: "eu-west-1"}


def test_the_apis_own_address_behind_an_edge_is_taken_with_the_set_that_names_it() -> None:
    behind = on_aws("alpha", **{EDGE: "https://own"})
    assert resolve(Given(), {}, behind).get(EDGE) == resolve(Given(), behind, OTHER).get(EDGE) == "https://own"
    assert resolve(Given(), OTHER, behind).get(EDGE) is None
    assert resolve(Given("alpha"), {}, behind).get(EDGE) is None  # its outputs say it
