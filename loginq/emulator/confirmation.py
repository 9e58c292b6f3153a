"""Cognito's Post Confirmation trigger, which the emulator never invokes, though it keeps it with the pool."""

import json
from collections.abc import AsyncIterator
from typing import Any
from urllib.parse import quote

from loginq.emulator.inside import Answer, Inside
from loginq.emulator.rule import COGNITO

JSON = "application/x-amz-json-1.1"
SOURCES = {
    "ConfirmSignUp": "PostConfirmation_ConfirmSignUp",
    "AdminConfirmSignUp": "PostConfirmation_ConfirmSignUp",
    "ConfirmForgotPassword": "PostConfirmation_ConfirmForgotPassword",
}
"""The operations that confirm somebody, and what the trigger is told then."""


class TriggerError(Exception):
    """The function could not be found, or failed."""


class Confirmation:
    """What follows a confirmation at an emulator."""

    def __init__(self, inside: Inside) -> None:
        self._inside = inside

    async def answer(self, operation: str, scope: dict[str, Any], request: bytes) -> Answer:
        """The emulator's answer to a confirmation, given when the pool's function has run; an error when it failed."""
        try:
            asked = json.loads(request)
        except ValueError as exc:  # compressed, for example: what cannot be read here must not confirm anybody there
            return _error("SerializationException", f"The request is no JSON: {exc}.")
        answer = await self._inside.ask(scope, request)
        if answer[0] != 200:
            return answer
        try:
            await self._invoke(SOURCES[operation], asked)
        except TriggerError as exc:
            return _error("UserLambdaValidationException", str(exc))
        return answer

    async def _invoke(self, source: str, asked: dict[str, Any]) -> None:
        pool_id = asked.get("UserPoolId") or await self._pool_of(asked["ClientId"])
        pool = (await self._cognito("DescribeUserPool", UserPoolId=pool_id))["UserPool"]
        function = pool.get("LambdaConfig", {}).get("PostConfirmation")
        if not function:
            return
        user = await self._cognito("AdminGetUser", UserPoolId=pool_id, Username=asked["Username"])
        attributes = {each["Name"]: each["Value"] for each in user["UserAttributes"]}
        event = {
            "version": "1",
            "triggerSource": source,
            "region": self._inside.region,
            "userPoolId": pool_id,
            "userName": user["Username"],
            "callerContext": {
                "awsSdkVersion": "loginq-emulator",
                "clientId": asked.get("ClientId", "CLIENT_ID_NOT_APPLICABLE"),
            },
            "request": {"userAttributes": {**attributes, "cognito:user_status": user["UserStatus"]}},
            "response": {},
        }
        path = f"/2015-03-31/functions/{quote(function, safe='')}/invocations"
        status, headers, body = await self._inside.ask(self._inside.scope(path, "lambda"), json.dumps(event).encode())
        if status != 200 or any(name.lower() == b"x-amz-function-error" for name, _ in headers):
            raise TriggerError(f"PostConfirmation failed with error {body.decode(errors='replace')[:200]}.")

    async def _pool_of(self, client_id: str) -> str:
        async for pool in self._pages("ListUserPools", "UserPools"):
            async for client in self._pages("ListUserPoolClients", "UserPoolClients", UserPoolId=pool["Id"]):
                if client["ClientId"] == client_id:
                    return str(pool["Id"])
        raise TriggerError("No user pool has this client.")

    async def _pages(self, operation: str, items: str, **parameters: Any) -> AsyncIterator[dict[str, Any]]:
        while True:
            page = await self._cognito(operation, MaxResults=60, **parameters)
            for item in page[items]:
                yield item
            if not page.get("NextToken"):
                return
            parameters["NextToken"] = page["NextToken"]

    async def _cognito(self, operation: str, **parameters: Any) -> dict[str, Any]:
        scope = self._inside.scope("/", "cognito-idp", {"x-amz-target": COGNITO + operation, "content-type": JSON})
        status, _, body = await self._inside.ask(scope, json.dumps(parameters).encode())
        if status != 200:
            raise TriggerError(f"{operation} failed: {body.decode(errors='replace')[:200]}.")
        return dict(json.loads(body))


def _error(kind: str, message: str) -> Answer:
    body = json.dumps({"__type": kind, "message": message}).encode()
    return 400, [(b"content-type", JSON.encode())], body
