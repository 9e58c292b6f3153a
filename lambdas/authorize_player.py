"""The authorizer where players have accounts of another OpenID Connect provider: whose ID token this is, if anybody's.

API Gateway keeps an answer for five minutes, by the token alone: so it is one for every method of the stage, and says
until when the token is good. Who is denied gets the 401 of the gateway's own response: an error of this function would
be one of its alarms, and strangers could ring it.
"""

import os
from functools import cache
from typing import Any
from urllib.parse import quote

from lambdas.runtime import logged, note, starts
from loginq.service.rules.errors import BadToken, Unavailable
from loginq.service.rules.server_keys import bearer_of
from loginq.service.rules.times import SECOND
from loginq.service.store.clock import system_clock
from loginq.service.store.provider import Provider


@cache
def _provider() -> Provider:
    """Made once in a warm Lambda, with the keys that it knows."""
    return Provider(os.environ["IDENTITY_ISSUER"], os.environ["IDENTITY_AUDIENCE"], note)


def handler(event: dict[str, Any], context: Any) -> dict[str, Any]:
    """A policy; nothing while the provider's keys are not to be had, which API Gateway answers as 500 and forgets."""
    with logged(context) as line:
        try:
            token = bearer_of({"authorization": event.get("authorizationToken", "")})
            who, until = _provider().who(token, system_clock() // SECOND)
        except BadToken as exc:
            line |= {"status": exc.status, "code": exc.code, "reason": exc.message}
            return _policy("nobody", "Deny", event)
        except Unavailable as exc:
            line |= {"status": 503, "code": "unavailable", "reason": exc.message}
            return {}
        line |= {"status": 200, "sub": who.sub}
        # A value has to be plain text, whatever a subject is made of.
        context_of = {"sub": who.sub, "subject": quote(who.subject or "", safe=""), "exp": str(until)}
        return {**_policy(who.sub, "Allow", event), "context": context_of}


def _policy(who: str, effect: str, event: dict[str, Any]) -> dict[str, Any]:
    api, stage, *_ = event["methodArn"].split("/")
    statement = {"Action": "execute-api:Invoke", "Effect": effect, "Resource": f"{api}/{stage}/*"}
    return {"principalId": who, "policyDocument": {"Version": "2012-10-17", "Statement": [statement]}}


starts()
