"""A guard in front of the emulator: refuses the web, and fills the gap of Cognito's Post Confirmation trigger.

Out of the box any page in the user's browser could create and run a Lambda on the emulator. So a request is passed on
only when its Host is this very address and it has no foreign Origin. The game's own API may be called from a browser.
"""

import json
import os
from collections.abc import Awaitable, Callable
from typing import Any
from urllib.parse import quote

App = Callable[[dict[str, Any], Callable[..., Any], Callable[..., Any]], Awaitable[None]]

HEALTH = "/_loginq/health"
_CLOSED = ("/_ministack/reset", "/_localstack/state/reset")
_GAME_API = "/restapis/"
_COGNITO = "AWSCognitoIdentityProviderService."
_TRIGGERS = {
    "ConfirmSignUp": "PostConfirmation_ConfirmSignUp",
    "AdminConfirmSignUp": "PostConfirmation_ConfirmSignUp",
    "ConfirmForgotPassword": "PostConfirmation_ConfirmForgotPassword",
}


class Guard:
    """An ASGI app in front of `app`, which listens on 127.0.0.1:`port`."""

    def __init__(self, app: App, port: int, region: str) -> None:
        self._app, self._region = app, region
        self._hosts = {f"{host}:{port}" for host in ("127.0.0.1", "localhost")}
        self._origins = {f"http://{host}" for host in self._hosts}

    async def __call__(self, scope: dict[str, Any], receive: Callable[..., Any], send: Callable[..., Any]) -> None:
        if scope["type"] == "lifespan":
            await self._app(scope, receive, send)
            return
        headers = {name.decode("latin-1").lower(): value.decode("latin-1") for name, value in scope["headers"]}
        if scope["type"] != "http" or not self._welcome(scope["path"], headers):
            await _answer(send, 403, {"message": "This emulator answers only programs on this machine."})
        elif scope["path"] == HEALTH:
            await _answer(send, 200, {"pid": os.getpid()})
        elif (operation := headers.get("x-amz-target", "").removeprefix(_COGNITO)) in _TRIGGERS:
            await self._confirm(operation, scope, receive, send)
        else:
            await self._app(scope, receive, send)

    def _welcome(self, path: str, headers: dict[str, str]) -> bool:
        if headers.get("host") not in self._hosts or path.startswith(_CLOSED):
            return False
        origin = headers.get("origin")
        return origin is None or origin in self._origins or path.startswith(_GAME_API)

    async def _confirm(self, operation: str, scope: dict[str, Any], receive: Any, send: Any) -> None:
        """Pass the confirmation on; after a success invoke the pool's trigger, and only then answer."""
        request = await _body(receive)
        status, headers, body = await self._ask(scope, request)
        if status == 200:
            try:
                await self._trigger(_TRIGGERS[operation], json.loads(request))
            except TriggerError as exc:
                error = {"__type": "UserLambdaValidationException", "message": str(exc)}
                await _answer(send, 400, error, "application/x-amz-json-1.1")
                return
        await send({"type": "http.response.start", "status": status, "headers": headers})
        await send({"type": "http.response.body", "body": body})

    async def _trigger(self, source: str, request: dict[str, Any]) -> None:
        pool_id = request.get("UserPoolId") or await self._pool_of(request["ClientId"])
        pool = (await self._cognito("DescribeUserPool", UserPoolId=pool_id))["UserPool"]
        function = pool.get("LambdaConfig", {}).get("PostConfirmation")
        if not function:
            return
        user = await self._cognito("AdminGetUser", UserPoolId=pool_id, Username=request["Username"])
        attributes = {each["Name"]: each["Value"] for each in user["UserAttributes"]}
        event = {
            "version": "1",
            "triggerSource": source,
            "region": self._region,
            "userPoolId": pool_id,
            "userName": user["Username"],
            "callerContext": {
                "awsSdkVersion": "loginq-emulator",
                "clientId": request.get("ClientId", "CLIENT_ID_NOT_APPLICABLE"),
            },
            "request": {"userAttributes": {**attributes, "cognito:user_status": user["UserStatus"]}},
            "response": {},
        }
        path = f"/2015-03-31/functions/{quote(function, safe='')}/invocations"
        status, headers, body = await self._ask(self._scope(path, "lambda", {}), json.dumps(event).encode())
        if status != 200 or any(name.lower() == b"x-amz-function-error" for name, _ in headers):
            raise TriggerError(f"PostConfirmation failed with error {body.decode(errors='replace')[:200]}.")

    async def _pool_of(self, client_id: str) -> str:
        for pool in (await self._cognito("ListUserPools", MaxResults=60))["UserPools"]:
            clients = await self._cognito("ListUserPoolClients", UserPoolId=pool["Id"], MaxResults=60)
            if any(client["ClientId"] == client_id for client in clients["UserPoolClients"]):
                return str(pool["Id"])
        raise TriggerError("No user pool has this client.")

    async def _cognito(self, operation: str, **parameters: Any) -> dict[str, Any]:
        headers = {"x-amz-target": _COGNITO + operation, "content-type": "application/x-amz-json-1.1"}
        status, _, body = await self._ask(self._scope("/", "cognito-idp", headers), json.dumps(parameters).encode())
        if status != 200:
            raise TriggerError(f"{operation} failed: {body.decode(errors='replace')[:200]}.")
        return dict(json.loads(body))

    def _scope(self, path: str, service: str, headers: dict[str, str]) -> dict[str, Any]:
        """A request of our own to the emulator, as an SDK would sign it."""
        signed = f"AWS4-HMAC-SHA256 Credential=test/20260101/{self._region}/{service}/aws4_request"
        sent = {"host": min(self._hosts), "authorization": signed, **headers}
        return {
            "type": "http",
            "asgi": {"version": "3.0"},
            "http_version": "1.1",
            "method": "POST",
            "scheme": "http",
            "path": path,
            "raw_path": path.encode(),
            "query_string": b"",
            "headers": [(name.encode(), value.encode()) for name, value in sent.items()],
        }

    async def _ask(self, scope: dict[str, Any], body: bytes) -> tuple[int, list[tuple[bytes, bytes]], bytes]:
        """The emulator's answer to one buffered request: status, headers, body."""
        status, headers, parts = 500, [], []

        async def receive() -> dict[str, Any]:
            return {"type": "http.request", "body": body, "more_body": False}

        async def send(message: dict[str, Any]) -> None:
            nonlocal status, headers
            if message["type"] == "http.response.start":
                status, headers = message["status"], list(message.get("headers", []))
            else:
                parts.append(message.get("body", b""))

        await self._app(scope, receive, send)
        return status, headers, b"".join(parts)


class TriggerError(Exception):
    """The Post Confirmation function could not be found or failed."""


async def _body(receive: Callable[..., Any]) -> bytes:
    parts = []
    while True:
        message = await receive()
        parts.append(message.get("body", b""))
        if not message.get("more_body"):
            return b"".join(parts)


async def _answer(send: Any, status: int, body: dict[str, Any], kind: str = "application/json") -> None:
    headers = [(b"content-type", kind.encode())]
    await send({"type": "http.response.start", "status": status, "headers": headers})
    await send({"type": "http.response.body", "body": json.dumps(body).encode()})
