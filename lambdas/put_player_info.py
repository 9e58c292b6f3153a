"""Cognito's Post Confirmation trigger: makes the player's row. It also fires after a forgotten password."""

from typing import Any

from lambdas.runtime import logged, queue
from loginq.service.players import Identity


def handler(event: dict[str, Any], context: Any) -> dict[str, Any]:
    """Cognito wants its event back."""
    with logged(context) as line:
        attributes = event["request"]["userAttributes"]
        line |= {"sub": attributes["sub"], "trigger": event["triggerSource"]}
        who = Identity(attributes["sub"], event["userName"], attributes.get("email"))
        queue().players.register(who, queue().clock())
        return event
