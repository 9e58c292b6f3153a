"""The guard as a plain ASGI app, before one that records what it is given: who may ask the emulator for what."""

import asyncio
import json
from dataclasses import dataclass, field
from typing import Any
from urllib.parse import unquote

import pytest

from loginq.emulator.guard import Guard
from loginq.emulator.rule import PUBLIC

PORT = 4566
OURS = f"127.0.0.1:{PORT}"
OWN, ALIAS, LISTED, FOREIGN = (
    f"http://{OURS}",
    f"http://localhost:{PORT}",
    "https://game.example",
    "https://evil.example",
)
API = "/restapis/a1b2c3d4e5/v1/_user_request_"
IDP = "AWSCognitoIdentityProviderService."
FORM = "application/x-www-form-urlencoded"
SIGNED = "AWS4-HMAC-SHA256 Credential=test/20260101/us-east-1/execute-api/aws4_request, SignedHeaders=host, Signature=0"
CROSS, SAME = {"Sec-Fetch-Site": "cross-site"}, {"Sec-Fetch-Site": "same-origin"}


@dataclass
class Answer:
    """What came back."""

    status: int = 0
    headers: dict[str, str] = field(default_factory=dict)
    body: bytes = b""


class Inner:
    """An app in the emulator's place: it keeps what it is given, and answers as `says` says, by target or path."""

    def __init__(self, says: dict[str, tuple[int, dict[str, str], Any]] | None = None) -> None:
        self.says = says or {}
        self.asked: list[tuple[str, dict[str, str], bytes]] = []
        """(path, headers, body) of each request."""
        self.scopes: list[str] = []

    async def __call__(self, scope: dict[str, Any], receive: Any, send: Any) -> None:
        self.scopes.append(scope["type"])
        if scope["type"] == "lifespan":
            return
        body, more = b"", True
        while more:
            message = await receive()
            body, more = body + message.get("body", b""), message.get("more_body", False)
        headers = {name.decode(): value.decode() for name, value in scope["headers"]}
        self.asked.append((scope["path"], headers, body))
        key = headers.get("x-amz-target", scope["path"]).removeprefix(IDP)
        status, more_headers, document = self.says.get(key, (200, {}, {"inner": True}))
        given = [(name.encode(), value.encode()) for name, value in more_headers.items()]
        said = document(json.loads(body)) if callable(document) else document
        await send({"type": "http.response.start", "status": status, "headers": given})
        await send({"type": "http.response.body", "body": json.dumps(said).encode()})


Given = dict[str, str] | list[tuple[str, str]]


def ask(
    inner: Inner, method: str, target: str, headers: Given | None = None, body: bytes | list[bytes] = b""
) -> Answer:
    """One request to a guard before `inner`, with our Host unless `headers` is a list or names one."""
    given = headers if isinstance(headers, list) else list(({"Host": OURS} | (headers or {})).items())
    raw_path, _, query = target.encode().partition(b"?")
    scope = {
        "type": "http",
        "method": method,
        "path": unquote(raw_path.decode()),
        "raw_path": raw_path,
        "query_string": query,
        "headers": [(name.lower().encode(), value.encode()) for name, value in given],
    }
    parts = [body] if isinstance(body, bytes) else body
    left = [{"type": "http.request", "body": part, "more_body": part is not parts[-1]} for part in parts]
    answer = Answer()

    async def receive() -> dict[str, Any]:
        return left.pop(0) if left else {"type": "http.disconnect"}

    async def send(message: dict[str, Any]) -> None:
        if message["type"] == "http.response.start":
            answer.status = message["status"]
            answer.headers = {name.decode(): value.decode() for name, value in message["headers"]}
        else:
            answer.body += message["body"]

    asyncio.run(Guard(inner, PORT, "us-east-1", lambda *_: None, [LISTED])(scope, receive, send))
    return answer


def two(name: str, *values: str, **others: str) -> Given:
    """A header that is there more than once."""
    more = [(other.replace("_", "-"), value) for other, value in others.items()]
    return [("Host", OURS), *((name, value) for value in values), *more]


def page(target: str, origin: str = OWN, **more: str) -> dict[str, str]:
    """A page's call of Cognito."""
    return {"Origin": origin, "X-Amz-Target": IDP + target} | SAME | {k.replace("_", "-"): v for k, v in more.items()}


def preflight(origin: str, method: str = "POST") -> dict[str, str]:
    return {"Origin": origin, "Access-Control-Request-Method": method} | CROSS


Case = tuple[str, str, Given]
REFUSED: dict[str, Case] = {
    # Not for this address, or said twice.
    "another host": ("GET", "/", {"Host": "evil.example"}),
    "dns rebinding, a get": ("GET", "/?Action=ListStacks", {"Host": f"evil.example:{PORT}"}),
    "dns rebinding, a post": ("POST", "/", {"Host": f"evil.example:{PORT}", "Origin": f"http://evil.example:{PORT}"}),
    "dns rebinding, the api": ("GET", API + "/login", {"Host": f"evil.example:{PORT}"}),
    "a subdomain of localhost": ("GET", API + "/login", {"Host": f"x.localhost:{PORT}"}),
    "host with a trailing dot": ("GET", "/", {"Host": f"localhost.:{PORT}"}),
    "host in upper case": ("GET", "/", {"Host": f"LOCALHOST:{PORT}"}),
    "host without the port": ("GET", "/", {"Host": "127.0.0.1"}),
    "host with another port": ("GET", "/", {"Host": "127.0.0.1:80"}),
    "host with a user": ("GET", "/", {"Host": f"evil@{OURS}"}),
    "no host": ("GET", "/", []),
    "an empty host": ("GET", "/", {"Host": ""}),
    "two hosts, ours first": ("GET", "/", [("Host", OURS), ("Host", "evil.example")]),
    "two hosts, both ours": ("GET", "/", [("Host", OURS), ("Host", OURS)]),
    "two hosts at the api": ("GET", API + "/login", [("Host", OURS), ("Host", OURS)]),
    "two origins": ("POST", "/", two("Origin", OWN, FOREIGN, X_Amz_Target=IDP + "SignUp")),
    "two origins at the api": ("GET", API + "/login", two("Origin", OWN, OWN)),
    "two targets of a page": ("POST", "/", two("X-Amz-Target", IDP + "SignUp", IDP + "ListUsers", Origin=OWN)),
    "two targets of a program": ("POST", "/", two("X-Amz-Target", IDP + "ConfirmSignUp", IDP + "ConfirmSignUp")),
    "two signatures": ("GET", "/", two("Authorization", SIGNED, SIGNED)),
    "two content types": ("POST", API + "/login", two("Content-Type", "application/json", FORM)),
    "length beside chunks": ("POST", "/", {"Content-Length": "5", "Transfer-Encoding": "chunked"}),
    "length beside chunks at the api": ("POST", API + "/x", {"Content-Length": "5", "Transfer-Encoding": "chunked"}),
    "two lengths": ("POST", "/", two("Content-Length", "5", "6")),
    "an absolute target": ("GET", f"http://{OURS}{API}/login", {}),
    "a target that is a star": ("OPTIONS", "*", {}),
    # Closed to everybody.
    "a reset": ("POST", "/_ministack/reset", {}),
    "a reset with a query": ("POST", "/_ministack/reset?init=1", {}),
    "a reset, encoded": ("POST", "/_ministack/%72eset", {}),
    "the other reset": ("POST", "/_localstack/state/reset", {}),
    # The management of everything, by a browser.
    "a foreign page invokes a function": ("POST", "/2015-03-31/functions/x/invocations", {"Origin": FOREIGN}),
    "our own page invokes a function": ("POST", "/2015-03-31/functions/x/invocations", {"Origin": OWN} | SAME),
    "our own page reads": ("GET", "/2015-03-31/functions", SAME),
    "a sandboxed iframe": ("POST", "/2015-03-31/functions", {"Origin": "null"} | CROSS),
    "a file's page": ("POST", "/", {"Origin": "null"} | CROSS),
    "a listed page reads": ("GET", "/2015-03-31/functions", {"Origin": LISTED} | CROSS),
    "an image": ("GET", "/?Action=ListStacks", CROSS | {"Sec-Fetch-Dest": "image", "Sec-Fetch-Mode": "no-cors"}),
    "an image, from an old browser": ("GET", "/?Action=DeleteStack&StackName=x", {"User-Agent": "Mozilla/5.0 Safari"}),
    "a browser that only hints": ("GET", "/", {"Sec-CH-UA": '"Chromium";v="156"'}),
    "the address bar": ("GET", "/_ministack/health", {"Sec-Fetch-Site": "none", "Sec-Fetch-Mode": "navigate"}),
    "a form from elsewhere": ("POST", "/", {"Origin": FOREIGN, "Content-Type": FORM} | CROSS),
    "a form of our own page": ("POST", "/", {"Origin": OWN, "Content-Type": FORM} | SAME),
    "a bucket": ("PUT", "/bucket/key", {"Origin": OWN} | SAME),
    "a head": ("HEAD", "/bucket/key", CROSS),
    "a page signs as the emulator's root": ("POST", "/", {"Origin": OWN, "Authorization": SIGNED} | SAME),
    "our health": ("GET", "/_loginq/health", SAME),
    "the emulator's settings": ("POST", "/_ministack/config", {"Origin": OWN} | SAME),
    "what a queue holds": ("GET", "/_aws/sqs/messages", SAME),
    "an api by its other path": ("GET", "/_aws/execute-api/a1b2c3d4e5/v1/login", CROSS),
    "a function's url": ("POST", "/_aws/lambda-url/x/", {"Origin": FOREIGN}),
    "a load balancer": ("GET", "/_alb/x/", CROSS),
    "the hosted sign-in": ("GET", "/oauth2/authorize", CROSS),
    "a catalog": ("GET", "/iceberg/v1/config", CROSS),
    # Below /restapis, and no call of an API.
    "the apis": ("GET", "/restapis", SAME),
    "an api's resources": ("GET", "/restapis/a1b2c3d4e5/resources", SAME),
    "an api is deleted": ("DELETE", "/restapis/a1b2c3d4e5", {"Origin": OWN} | SAME),
    "a resource that is named so": ("GET", "/restapis/a1b2c3d4e5/resources/v1/_user_request_/login", SAME),
    "a longer word": ("GET", "/restapis/a1b2c3d4e5/v1/_user_request_x/login", CROSS),
    "no stage": ("GET", "/restapis/a1b2c3d4e5/_user_request_/login", CROSS),
    "no api": ("GET", "/restapis//v1/_user_request_/login", CROSS),
    "two slashes before": ("GET", "//restapis/a1b2c3d4e5/v1/_user_request_/login", CROSS),
    "upper case": ("GET", API.replace("restapis", "RESTAPIS") + "/login", CROSS),
    "dots in place of the api": ("GET", "/restapis/../v1/_user_request_/login", CROSS),
    "dots behind": ("GET", API + "/../../../../2015-03-31/functions", CROSS),
    "encoded dots": ("GET", API + "/%2e%2e/%2e%2e/resources", CROSS),
    "encoded dots and slashes": ("GET", API + "/..%2f..%2fresources", CROSS),
    "a backslash": ("GET", API + "/..%5c..%5cresources", CROSS),
    "an encoded word": ("GET", "/restapis/a1b2c3d4e5/v1/%5Fuser_request_/login", CROSS),
    "an encoded slash in the stage": ("GET", "/restapis/a1b2c3d4e5/v1%2F_user_request_/login", CROSS),
    "an api's web sockets": ("POST", API + "/@connections/x", {"Origin": FOREIGN}),
    # Operations at an API's path, by anybody.
    "an action in a query": ("GET", API + "/login?Action=ListStacks", {}),
    "an action in a page's query": ("GET", API + "/login?Action=ListStacks", CROSS),
    "an encoded action": ("GET", API + "/login?a=b&%41ction=ListStacks", CROSS),
    "an empty action": ("GET", API + "/login?Action", CROSS),
    "a signed query": ("GET", API + "/login?X-Amz-Credential=test", CROSS),
    "a signed query in lower case": ("GET", API + "/login?x-amz-signature=0", CROSS),
    "an old signed query": ("GET", API + "/login?AWSAccessKeyId=test", CROSS),
    # Cognito, by a browser.
    "a page lists the users": ("POST", "/", page("ListUsers")),
    "a page confirms as an admin": ("POST", "/", page("AdminConfirmSignUp")),
    "a page makes a pool": ("POST", "/", page("CreateUserPool", LISTED)),
    "another service's operation": ("POST", "/", page("") | {"X-Amz-Target": "DynamoDB_20120810.ListTables"}),
    "an operation of that name elsewhere": ("POST", "/", page("") | {"X-Amz-Target": "Evil.SignUp"}),
    "an operation in the wrong case": ("POST", "/", page("signup")),
    "an operation with a tail": ("POST", "/", page("SignUp, DynamoDB_20120810.ListTables")),
    "no operation": ("POST", "/", {"Origin": OWN} | SAME),
    "a foreign page signs up": ("POST", "/", page("SignUp", FOREIGN)),
    "a page like a listed one": ("POST", "/", page("SignUp", LISTED + ".evil.example")),
    "a listed host with another scheme": ("POST", "/", page("SignUp", LISTED.replace("https", "http"))),
    "another port of this machine": ("POST", "/", page("SignUp", "http://127.0.0.1:3000")),
    "a page of nowhere signs up": ("POST", "/", page("SignUp", "null")),
    "a page without an origin signs up": ("POST", "/", {"X-Amz-Target": IDP + "SignUp"} | SAME),
    "a public operation with a query": ("POST", "/?Action=ListStacks", page("SignUp")),
    "a public operation elsewhere": ("POST", "/2015-03-31/functions", page("SignUp")),
    "a public operation, encoded": ("POST", "/%2e", page("SignUp")),
    "a public operation at two slashes": ("POST", "//", page("SignUp")),
    "a public operation by get": ("GET", "/", page("SignUp")),
    "a public operation by put": ("PUT", "/", page("SignUp")),
    "a foreign preflight": ("OPTIONS", "/", preflight(FOREIGN)),
    "a preflight of nowhere": ("OPTIONS", "/", preflight("null")),
    "a preflight for a delete": ("OPTIONS", "/", preflight(LISTED, "DELETE")),
    "a preflight for more": ("OPTIONS", "/2015-03-31/functions", preflight(LISTED)),
    "a preflight with a query": ("OPTIONS", "/?Action=x", preflight(LISTED)),
    "a preflight without a method": ("OPTIONS", "/", {"Origin": LISTED} | CROSS),
    "a preflight at another path of apis": ("OPTIONS", "/restapis/x", preflight(FOREIGN)),
}


@pytest.mark.parametrize("case", REFUSED.values(), ids=REFUSED)
def test_refused(case: Case) -> None:
    inner = Inner()
    answer = ask(inner, *case)
    assert (answer.status, [path for path, _, _ in inner.asked if not path.startswith("/domainnames/")]) == (403, [])
    assert "access-control-allow-origin" not in answer.headers
    assert "loginq local up --origin" in json.loads(answer.body)["message"]


NOISE = {"X-Amz-Target": IDP + "ListUsers", "X-Amz-Invocation-Type": "Event", "X-Amzn-Trace-Id": "1"}
SIGNATURE = {"Authorization": SIGNED, "X-Amz-Date": "d", "X-Amz-Security-Token": "t", "X-Amz-Content-Sha256": "s"}
BEARER = {"Authorization": "Bearer eyJ0.e30.x"}
AGENT = {"X-Amz-User-Agent": "aws-amplify/6"}
PASSED: dict[str, tuple[str, str, dict[str, str], dict[str, str]]] = {
    # A program on this machine may do what it likes; nothing of it is changed.
    "an sdk": ("POST", "/", SIGNATURE | {"X-Amz-Target": "DynamoDB_20120810.Query"}, {}),
    "an sdk by the other name": ("POST", "/", {"Host": f"localhost:{PORT}"} | SIGNATURE, {}),
    "a query protocol": ("POST", "/", {"Content-Type": FORM} | SIGNATURE, {}),
    "curl": ("GET", "/_ministack/health", {"User-Agent": "curl/8"}, {}),
    "a program's own options": ("OPTIONS", "/bucket", {}, {}),
    "the management of apis": ("GET", "/restapis/a1b2c3d4e5/resources", SIGNATURE, {}),
    "the keys of a pool": ("GET", "/us-east-1_x/.well-known/jwks.json", {}, {}),
    "a presigned object": ("GET", "/bucket/key?X-Amz-Credential=test", {}, {}),
    "a program signs up": ("POST", "/", {"X-Amz-Target": IDP + "SignUp"}, {}),
    "an admin's call": ("POST", "/", SIGNATURE | {"X-Amz-Target": IDP + "ListUsers"}, {}),
    # A deployed API, by anybody: the values are the headers that are taken away.
    "the api": ("GET", API + "/login", BEARER, {}),
    "the api's root": ("GET", API, {}, {}),
    "the api's root with a slash": ("GET", API + "/", {"Sec-Fetch-Site": "none"}, {}),
    "the api with a query": ("GET", API + "/status?ticket=1&action=x", BEARER, {}),
    "the api with an encoded value": ("GET", API + "/players/a%20b", BEARER, {}),
    "the api, a head": ("HEAD", API + "/login", {}, {}),
    "a foreign page at the api": ("POST", API + "/login", {"Origin": FOREIGN} | CROSS | BEARER, {}),
    "a sandboxed page at the api": ("POST", API + "/login", {"Origin": "null"} | CROSS | BEARER, {}),
    "our own page at the api": ("DELETE", API + "/login", {"Origin": OWN} | SAME | BEARER, {}),
    "a preflight at the api": ("OPTIONS", API + "/login", preflight(FOREIGN, "DELETE"), {}),
    "an operation in a page's headers at the api": (
        *("POST", API + "/login", {"Origin": FOREIGN} | BEARER | NOISE),
        {"x-amz-target": "", "x-amz-invocation-type": ""},
    ),
    "an operation in a program's headers at the api": (
        *("POST", API + "/login", BEARER | NOISE),
        {"x-amz-target": "", "x-amz-invocation-type": ""},
    ),
    "a game server's signature": ("POST", API + "/sessions", SIGNATURE, {}),
    "a page's signature": (
        *("POST", API + "/sessions", {"Origin": FOREIGN} | SIGNATURE),
        {"authorization": "", "x-amz-date": "", "x-amz-security-token": "", "x-amz-content-sha256": ""},
    ),
    "a page's signature in small letters": (
        *("POST", API + "/sessions", CROSS | {"Authorization": SIGNED.lower()}),
        {"authorization": ""},
    ),
    # Cognito's public operations, by our own pages and the listed ones.
    **{f"a page: {operation}": ("POST", "/", page(operation) | AGENT, {}) for operation in sorted(PUBLIC)},
    "a page at the other name": ("POST", "/", page("InitiateAuth", ALIAS), {}),
    "a listed page": ("POST", "/", page("InitiateAuth", LISTED) | CROSS, {}),
    "a page that signs beside it": (
        *("POST", "/", page("InitiateAuth") | SIGNATURE),
        {"authorization": "", "x-amz-date": "", "x-amz-security-token": "", "x-amz-content-sha256": ""},
    ),
}


@pytest.mark.parametrize("case", PASSED.values(), ids=PASSED)
def test_passed(case: tuple[str, str, dict[str, str], dict[str, str]]) -> None:
    method, target, headers, less = case
    inner = Inner(dict.fromkeys(("ConfirmSignUp", "ConfirmForgotPassword"), (400, {}, {"inner": True})))
    answer = ask(inner, method, target, headers, b"{}")
    given = {"host": OURS} | {name.lower(): value for name, value in headers.items()}
    assert json.loads(answer.body) == {"inner": True}
    assert inner.asked == [
        (
            unquote(target.partition("?")[0]),
            {name: value for name, value in given.items() if name not in less},
            b"{}",
        )
    ]


DOMAIN = "queue.example.com"
LOOK_UP = f"/domainnames/{DOMAIN}/basepathmappings"
MAPPING = {"restApiId": API.split("/")[2], "stage": "v1"}
MAPPED: dict[str, Any] = {LOOK_UP: (200, {}, {"item": [MAPPING]})}


@pytest.mark.parametrize("host", [DOMAIN, f"{DOMAIN}:{PORT}", "Queue.Example.com"])
@pytest.mark.parametrize(
    "path", ["/", "/login", "/login/status?login_ticket=a", "/.well-known/jwks.json", "/sessions/eu%201"]
)
@pytest.mark.parametrize("more", [{}, {"Origin": FOREIGN} | CROSS | BEARER | NOISE], ids=["a program", "a page"])
def test_a_domain_of_a_deployed_api_is_that_api(host: str, path: str, more: dict[str, str]) -> None:
    inner = Inner(MAPPED)
    assert ask(inner, "GET", path, {"Host": host, **more}).status == 200
    (looked, _, _), (asked, headers, _) = inner.asked
    assert (looked, asked) == (LOOK_UP, API + unquote(path.partition("?")[0]))
    assert headers["host"] == OURS and "x-amz-target" not in headers


@pytest.mark.parametrize(
    ("path", "more"),
    [
        ("/../../../_ministack/reset", {}), ("/%2e%2e/resources", {}), ("/login/..%2f..%2fx", {}), ("/..\\x", {}),
        ("/@connections/x", {}), ("/login?Action=ListStacks", {}), ("/?X-Amz-Target=x", {}), ("login", {}),
        ("/login", {"Host": "other.example.com"}), ("/login", {"Host": f"{DOMAIN}:443"}),
        ("/login", {"Host": f"{DOMAIN}."}), ("/login", {"Host": f"evil.{DOMAIN}"}), ("/login", {"Host": ""}),
        ("/login", {"Host": f"{DOMAIN}/domainnames/x"}), ("/login", {"Host": "10.0.0.1"}),
        ("/_loginq/health", {"Host": "other.example.com"}),
    ],
)  # fmt: skip
def test_a_domain_leads_nowhere_else(path: str, more: dict[str, str]) -> None:
    inner = Inner(MAPPED)
    assert ask(inner, "POST", path, {"Host": DOMAIN, **SIGNATURE, **more}).status == 403
    assert [asked for asked, _, _ in inner.asked if not asked.startswith("/domainnames/")] == []


def test_two_hosts_of_which_one_is_a_domain_are_refused() -> None:
    inner = Inner(MAPPED)
    assert ask(inner, "GET", "/login", [("Host", DOMAIN), ("Host", OURS)]).status == 403


def test_cognitos_public_operations_are_twelve() -> None:
    """All are among those that an SDK sends unsigned."""
    from botocore.session import Session

    model = Session().get_service_model("cognito-idp")
    assert len(PUBLIC) == 12
    assert [operation for operation in PUBLIC if model.operation_model(operation).auth_type != "none"] == []


FORMS = {
    "an action": b"Action=ListStacks",
    "an action behind another field": b"a=b&Action=ListStacks",
    "an encoded action": b"%41ction=ListStacks",
    "a signature": b"X-Amz-Credential=test",
}


@pytest.mark.parametrize("kind", [FORM, FORM.upper(), f"{FORM}; charset=utf-8"])
@pytest.mark.parametrize("body", FORMS.values(), ids=FORMS)
def test_a_form_at_the_api_that_names_an_operation_is_refused(body: bytes, kind: str) -> None:
    inner = Inner()
    answer = ask(inner, "POST", API + "/login", {"Origin": FOREIGN, "Content-Type": kind}, [body[:3], body[3:]])
    assert (answer.status, inner.asked) == (403, [])


def test_another_form_reaches_the_api_whole() -> None:
    inner = Inner()
    form = {"Origin": FOREIGN, "Content-Type": FORM}
    assert ask(inner, "POST", API + "/login", form, [b"player=ada", b"&action=join"]).status == 200
    assert inner.asked[0][2] == b"player=ada&action=join"


def test_a_form_whose_sender_went_away_goes_nowhere() -> None:
    inner = Inner()
    assert ask(inner, "POST", API + "/login", {"Content-Type": FORM}, []).status == 0
    assert inner.asked == []


def test_json_at_the_api_is_not_looked_into() -> None:
    inner = Inner()
    kind = {"Origin": FOREIGN, "Content-Type": "application/json"}
    assert ask(inner, "POST", API + "/login", kind, b"Action=ListStacks").status == 200
    assert inner.asked[0][2] == b"Action=ListStacks"


@pytest.mark.parametrize("origin", [OWN, ALIAS, LISTED])
def test_the_guard_answers_a_preflight_itself(origin: str) -> None:
    inner = Inner()
    answer = ask(inner, "OPTIONS", "/", preflight(origin) | {"Access-Control-Request-Headers": "authorization"})
    assert (answer.status, answer.body, inner.scopes) == (204, b"", [])
    assert answer.headers == {
        "access-control-allow-origin": origin,
        "access-control-allow-methods": "POST",
        "access-control-allow-headers": "content-type, x-amz-target, x-amz-user-agent",
        "access-control-max-age": "600",
        "vary": "origin",
    }


def test_a_program_learns_which_process_it_is() -> None:
    inner = Inner()
    answer = ask(inner, "GET", "/_loginq/health")
    assert (answer.status, list(json.loads(answer.body)), inner.scopes) == (200, ["pid"], [])


def test_a_web_socket_is_closed_and_not_answered_with_http() -> None:
    inner, sent = Inner(), []

    async def receive() -> dict[str, str]:
        return {"type": "websocket.connect"}

    async def send(message: dict[str, Any]) -> None:
        sent.append(message)

    scope = {"type": "websocket", "path": API, "query_string": b"", "headers": [(b"host", OURS.encode())]}
    asyncio.run(Guard(inner, PORT, "us-east-1", lambda *_: None)(scope, receive, send))
    assert (sent, inner.scopes) == ([{"type": "websocket.close", "code": 1008}], [])


def test_the_emulator_is_told_when_it_starts_and_ends() -> None:
    inner = Inner()

    async def nothing(*_: Any) -> None: ...

    asyncio.run(Guard(inner, PORT, "us-east-1", lambda *_: None)({"type": "lifespan"}, nothing, nothing))
    assert inner.scopes == ["lifespan"]


FUNCTION = "arn:aws:lambda:us-east-1:000000000000:function:confirmed"
INVOCATION = f"/2015-03-31/functions/{FUNCTION.replace(':', '%3A')}/invocations"


def emulated(function: tuple[int, dict[str, str], Any], **says: Any) -> Inner:
    """An emulator with two pools, whose function answers so."""
    user = {"Username": "ada", "UserStatus": "CONFIRMED", "UserAttributes": [{"Name": "sub", "Value": "s"}]}
    answers: dict[str, Any] = {
        "ListUserPools": {"UserPools": [{"Id": "other"}, {"Id": "pool"}]},
        "ListUserPoolClients": {"UserPoolClients": [{"ClientId": "client"}]},
        "DescribeUserPool": {"UserPool": {"LambdaConfig": {"PostConfirmation": FUNCTION}}},
        "AdminGetUser": user,
    } | says
    return Inner({name: (200, {}, answer) for name, answer in answers.items()} | {INVOCATION: function})


def confirmed(inner: Inner, operation: str = "ConfirmSignUp", origin: str | None = None, **asked: str) -> Answer:
    headers = page(operation, origin) if origin else {"X-Amz-Target": IDP + operation}
    body = {"ClientId": "client", "Username": "ada"} | asked
    return ask(inner, "POST", "/", headers, json.dumps(body).encode())


CONFIRMATIONS = {
    "ConfirmSignUp": "PostConfirmation_ConfirmSignUp",
    "AdminConfirmSignUp": "PostConfirmation_ConfirmSignUp",
    "ConfirmForgotPassword": "PostConfirmation_ConfirmForgotPassword",
}


@pytest.mark.parametrize("operation", CONFIRMATIONS)
def test_a_confirmation_runs_the_trigger_before_it_is_answered(operation: str) -> None:
    inner = emulated((200, {}, {}))
    answer = confirmed(inner, operation)
    assert (answer.status, json.loads(answer.body)) == (200, {"inner": True})
    path, headers, body = inner.asked[-1]
    assert (path, headers["host"]) == (INVOCATION, OURS)
    assert json.loads(body) == {
        "version": "1",
        "triggerSource": CONFIRMATIONS[operation],
        "region": "us-east-1",
        "userPoolId": "other",
        "userName": "ada",
        "callerContext": {"awsSdkVersion": "loginq-emulator", "clientId": "client"},
        "request": {"userAttributes": {"sub": "s", "cognito:user_status": "CONFIRMED"}},
        "response": {},
    }


FAILURES: dict[str, Inner] = {
    "the function raised": emulated((200, {"X-Amz-Function-Error": "Unhandled"}, {"errorMessage": "no row"})),
    "the function is gone": emulated((404, {}, {"message": "Function not found"})),
    "nobody has the client": emulated((200, {}, {}), ListUserPoolClients={"UserPoolClients": []}),
}


@pytest.mark.parametrize("inner", FAILURES.values(), ids=FAILURES)
@pytest.mark.parametrize("origin", [None, LISTED])
def test_a_trigger_that_fails_is_no_success(inner: Inner, origin: str | None) -> None:
    answer = confirmed(inner, origin=origin)
    assert (answer.status, json.loads(answer.body)["__type"]) == (400, "UserLambdaValidationException")
    assert answer.headers.get("access-control-allow-origin") == origin


def test_a_lookup_that_fails_is_no_success() -> None:
    inner = emulated((200, {}, {}))
    inner.says["AdminGetUser"] = (400, {}, {"__type": "UserNotFoundException"})
    answer = confirmed(inner)
    assert (answer.status, "AdminGetUser failed" in json.loads(answer.body)["message"]) == (400, True)


def test_a_confirmation_that_is_refused_runs_nothing() -> None:
    inner = emulated((200, {}, {}))
    inner.says["ConfirmSignUp"] = (400, {"x-amzn-requestid": "1"}, {"__type": "CodeMismatchException"})
    answer = confirmed(inner)
    assert (answer.status, answer.headers) == (400, {"x-amzn-requestid": "1"})
    assert len(inner.asked) == 1


def test_a_confirmation_that_cannot_be_read_confirms_nobody() -> None:
    inner = emulated((200, {}, {}))
    answer = ask(inner, "POST", "/", {"X-Amz-Target": IDP + "ConfirmSignUp", "Content-Encoding": "gzip"}, b"\x1f\x8b")
    assert (answer.status, json.loads(answer.body)["__type"]) == (400, "SerializationException")
    assert inner.asked == []


def test_a_pool_without_a_trigger() -> None:
    inner = emulated((500, {}, {}), DescribeUserPool={"UserPool": {}})
    assert confirmed(inner, UserPoolId="pool").status == 200
    assert INVOCATION not in [path for path, _, _ in inner.asked]


def test_a_pool_on_the_second_page_is_found() -> None:
    """More pools than one answer holds: a long test run makes them."""
    first = {"UserPools": [], "NextToken": "n"}
    second = {"UserPools": [{"Id": "pool"}]}
    inner = emulated((200, {}, {}), ListUserPools=lambda asked: second if "NextToken" in asked else first)
    assert confirmed(inner).status == 200
    assert json.loads(inner.asked[-1][2])["userPoolId"] == "pool"
