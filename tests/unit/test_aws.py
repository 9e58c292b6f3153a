"""Where requests go and with which credentials, and what a call that AWS never answered is called."""

import base64
import json
import subprocess
import sys
from collections.abc import Callable, Iterator
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import botocore.exceptions as raised
import pytest
from botocore.awsrequest import AWSResponse
from botocore.parsers import ResponseParserError
from botocore.session import Session
from hypothesis import given
from hypothesis import strategies as st

from loginq.cli.session import connection
from loginq.service.operations.resolver import ENDPOINT, REGION, STACK, Named, Resolved
from loginq.service.rules.errors import Invalid, LoginqError, Refused, Unavailable
from loginq.service.store.aws import Aws
from loginq.service.store.failures import code_of, translated
from loginq.service.store.wire import pack

TEST = {"aws_access_key_id": "test", "aws_secret_access_key": "test"}


@pytest.mark.parametrize(
    ("error", "kind", "says"),
    [
        (raised.ConfigParseError(path="c", error="x"), Invalid, "configuration"),
        (raised.ConfigNotFound(path="c"), Invalid, "configuration"),
        (raised.InvalidConfigError(error_msg="source_profile gone"), Invalid, "source_profile gone"),
        (raised.InfiniteLoopConfigError(source_profile="a", visited_profiles=["a"]), Invalid, "configuration"),
        (raised.InvalidRegionError(region_name="eu-west 1"), Invalid, "eu-west 1"),
        (raised.InvalidDefaultsMode(mode="x", valid_modes=["y"]), Invalid, "configuration"),
        (raised.NoRegionError(), Invalid, "No AWS region"),
        (raised.MissingDependencyException(msg="crt"), Refused, 'pip install "botocore[crt]"'),
        (raised.ProfileNotFound(profile="gone"), Refused, "gone"),
        (raised.NoCredentialsError(), Refused, "credentials"),
        (raised.TokenRetrievalError(provider="sso", error_msg="x"), Refused, "credentials"),
        (raised.UnauthorizedSSOTokenError(), Refused, "credentials"),
        (raised.EndpointConnectionError(endpoint_url="https://x"), Unavailable, "network"),
        (raised.ReadTimeoutError(endpoint_url="https://x"), Unavailable, "network"),
        (raised.SSLError(endpoint_url="https://x", error="x"), Unavailable, "network"),
        (raised.ProxyConnectionError(proxy_url="http://x"), Unavailable, "network"),
        (ResponseParserError("x"), Unavailable, "not AWS"),
    ],
    ids=lambda each: type(each).__name__ if isinstance(each, Exception) else None,
)
def test_a_fault_is_named_by_what_happened(error: Exception, kind: type[LoginqError], says: str) -> None:
    ours = translated(error)
    assert type(ours) is kind
    assert says in f"{ours.message} {ours.hint}"


@pytest.mark.parametrize(
    ("code", "says"),
    [
        ("AccessDenied", "OperatorPolicyArn"),
        ("AccessDeniedException", "OperatorPolicyArn"),
        ("UnauthorizedOperation", "OperatorPolicyArn"),
        ("AuthorizationError", "OperatorPolicyArn"),
        ("ExpiredToken", "aws sso login"),
        ("InvalidClientTokenId", "aws sso login"),
    ],
)
def test_who_is_known_and_may_not_is_not_told_to_log_in(code: str, says: str) -> None:
    ours = translated(raised.ClientError({"Error": {"Code": code, "Message": "No."}}, "Publish"))
    assert type(ours) is Refused and says in ours.hint


PORTAL = b"<html><body>Please accept the terms of this hotel.</body></html>"


class _Raw:
    def stream(self, *_: Any, **__: Any) -> Any:
        yield PORTAL


@pytest.mark.parametrize(
    ("service", "operation", "given"),
    [
        ("dynamodb", "get_item", {"TableName": "t", "Key": {"PK": {"S": "x"}}}),
        ("sts", "get_caller_identity", {}),
        ("cognito-idp", "admin_get_user", {"UserPoolId": "p_x", "Username": "u"}),
        ("sqs", "get_queue_attributes", {"QueueUrl": "https://x"}),
        ("lambda", "get_account_settings", {}),
    ],
)
def test_the_page_of_a_captive_portal_is_not_aws(service: str, operation: str, given: dict[str, Any]) -> None:
    client = Aws("eu-west-1", None, {**TEST}, patience=(1, 1)).client(service)
    page = AWSResponse("https://x", 200, {"content-type": "text/html; charset=utf-8"}, _Raw())
    client.meta.events.register("before-send.*.*", lambda **_: page)
    with pytest.raises(Unavailable, match="not AWS"):
        getattr(client, operation)(**given)


def emulated(port: int = 4566) -> Resolved:
    names = {ENDPOINT: f"http://127.0.0.1:{port}", REGION: "us-east-1", STACK: "loginq"}
    return Resolved({name: Named(value, ".env") for name, value in names.items()})


@pytest.fixture
def hostile(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> Path:
    """A laptop with real credentials, a proxy, a profile that is gone and a broken configuration."""
    config = tmp_path / "config"
    config.write_text("this is no configuration\n")
    for name, value in {
        "AWS_PROFILE": "gone",
        "AWS_CONFIG_FILE": str(config),
        "AWS_ACCESS_KEY_ID": "AKIAREAL",
        "AWS_SECRET_ACCESS_KEY": "real",
        "AWS_ENDPOINT_URL_DYNAMODB": "https://evil.example",
        "HTTP_PROXY": "http://127.0.0.1:9",
        "HTTPS_PROXY": "http://127.0.0.1:9",
    }.items():
        monkeypatch.setenv(name, value)
    return config


def test_nothing_of_the_laptop_reaches_an_emulator(hostile: Path) -> None:
    import socket

    with socket.create_server(("127.0.0.1", 0)) as there:
        port = there.getsockname()[1]
        client = connection(emulated(port)).client("dynamodb")._client
        assert client.meta.endpoint_url == f"http://127.0.0.1:{port}"
        assert client.meta.config.proxies == {}
        assert client._request_signer._credentials.access_key == "test"


def test_configured_endpoints_do_not_move_aws(monkeypatch: pytest.MonkeyPatch, tmp_path: Path, hostile: Path) -> None:
    hostile.write_text("[profile studio]\nregion = eu-north-1\nendpoint_url = https://evil.example\n")
    client = Aws(None, profile="studio").client("dynamodb")
    assert client.meta.endpoint_url == "https://dynamodb.eu-north-1.amazonaws.com"
    assert client.meta.region_name == "eu-north-1"


def test_an_assumed_role_is_kept_as_the_aws_cli_keeps_it(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    config = tmp_path / "config"
    config.write_text("[profile ops]\nrole_arn = arn:aws:iam::1:role/ops\nsource_profile = ops\nregion = eu-west-1\n")
    monkeypatch.setenv("AWS_CONFIG_FILE", str(config))
    session = Aws(profile="ops", kept_in=tmp_path / "cache")._session
    role = session.get_component("credential_provider").get_provider("assume-role")
    role.cache["key"] = {"Credentials": {"AccessKeyId": "A"}}
    (kept,) = (tmp_path / "cache").iterdir()
    assert json.loads(kept.read_text()) == {"Credentials": {"AccessKeyId": "A"}}
    assert kept.stat().st_mode & 0o077 == 0


MFA = """
[profile base]
aws_access_key_id = A
aws_secret_access_key = x
[profile ops]
role_arn = arn:aws:iam::1:role/ops
source_profile = base
mfa_serial = arn:aws:iam::1:mfa/ada
region = eu-west-1
"""


def test_a_code_for_mfa_is_asked_for_by_no_thread(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """The one that looks names up for TAB would take the terminal's echo, and the shell's line with it."""
    monkeypatch.setenv("AWS_CONFIG_FILE", str(tmp_path / "config"))
    (tmp_path / "config").write_text(MFA)
    client = Aws(profile="ops", kept_in=tmp_path / "cache").client("sts")
    with ThreadPoolExecutor(1) as pool, pytest.raises(Refused, match="wants a code for MFA"):
        pool.submit(client.get_caller_identity).result(timeout=30)


def test_without_a_terminal_a_code_for_mfa_is_not_asked_for() -> None:
    """Python's own question would echo the code, and end in a word that helps nobody."""
    code = "from loginq.service.store.aws import typed_code; typed_code('Code: ')"
    said = subprocess.run(
        [sys.executable, "-c", code], stdin=subprocess.DEVNULL, capture_output=True, text=True, start_new_session=True,
        check=False,
    )  # fmt: skip
    assert said.stderr.splitlines()[-1].endswith(
        "Refused: This role wants a code for MFA, and there is no terminal to type it at."
    )
    assert "echo" not in said.stderr.lower()


def test_a_call_without_an_answer_has_no_code_of_aws() -> None:
    """It was an AttributeError in the middle of a deploy: botocore's error has an answer that is None."""
    fault = raised.ReadTimeoutError(endpoint_url="https://x")
    ours = translated(fault)
    ours.__cause__ = fault
    assert code_of(ours) == ""


# Rows as they come

VALUES = st.recursive(
    st.one_of(st.none(), st.booleans(), st.integers(), st.text(max_size=8), st.just('"B":'), st.binary(max_size=4)),
    lambda some: st.one_of(
        st.lists(some, max_size=3), st.dictionaries(st.sampled_from(["B", "S", "x"]), some, max_size=2)
    ),
    max_leaves=6,
)


def dynamodb(body: list[bytes]) -> tuple[Any, Any]:
    """Our client, and botocore's own; both are answered with what is in `body`."""
    ours = Aws("eu-west-1", credentials=TEST)._client("dynamodb")
    bare = Session().create_client("dynamodb", region_name="eu-west-1", **TEST)
    headers = {"content-type": "application/x-amz-json-1.0"}
    for client in (ours, bare):
        client.meta.events.register(
            "before-send", lambda request, **_: AWSResponse(request.url, 200, headers, Raw(body[0]))
        )
    return ours, bare


@dataclass
class Raw:
    """What urllib3 gives of a body."""

    body: bytes

    def stream(self, *_: Any, **__: Any) -> Iterator[bytes]:
        yield self.body


def test_rows_are_read_as_botocores_parser_reads_them() -> None:
    body = [b""]
    ours, bare = dynamodb(body)

    @given(st.lists(st.dictionaries(st.sampled_from(["PK", "B", "c"]), VALUES, max_size=3), max_size=3))
    def same(rows: list[dict[str, Any]]) -> None:
        items = json.dumps([pack(row) for row in rows], default=lambda some: base64.b64encode(some).decode())
        for body[0] in (f'{{"Responses":{{"t":{items}}}}}'.encode(), f'{{"Responses": {{"t": {items}}}, "n":'.encode()):
            said = [
                read(client.batch_get_item, RequestItems={"t": {"Keys": [pack({"PK": "a"})]}})
                for client in (ours, bare)
            ]
            assert said[0] == said[1]

    same()


def read(call: Callable[..., Any], **parameters: Any) -> Any:
    try:
        return call(**parameters)
    except ResponseParserError:
        return "no answer"
