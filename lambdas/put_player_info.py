"""Cognito's Post Confirmation trigger: makes the player's row. It also fires after a forgotten password."""

from typing import Any

from lambdas.runtime import logged, queue, starts
from loginq.service.rules.player import Identity

PATIENCE = 5.0
"""Seconds that Cognito waits for an answer, whatever the function's timeout is.

https://docs.aws.amazon.com/cognito/latest/developerguide/cognito-user-identity-pools-working-with-aws-lambda-triggers.html
"""


def handler(event: dict[str, Any], context: Any) -> dict[str, Any]:
    """Cognito wants its event back."""
    with logged(context, within=PATIENCE) as line:
        attributes = event["request"]["userAttributes"]
        line |= {"sub": attributes["sub"], "trigger": event["triggerSource"]}
        who = Identity(attributes["sub"], event["userName"], attributes.get("email"))
        queue().players.register(who, queue().clock())
        return event


starts("dynamodb")
