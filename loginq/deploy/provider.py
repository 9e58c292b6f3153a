"""The OpenID Connect provider that a deploy names: looked at before anybody is kept out by a slip."""

from collections.abc import Mapping

from loginq.service.rules.errors import LoginqError
from loginq.service.store.fetch import Fetch, fetch

PARAMETER = "IdentityIssuer"


def check(parameters: Mapping[str, str], before: Mapping[str, str], get: Fetch = fetch) -> None:
    """Raises `Failed` for a new issuer that is none, or has no key of use, `Unavailable` for one that does not answer.

    `before`: the stack's parameters so far; empty for a new stack. One that stays is doctor's business.
    """
    issuer = parameters[PARAMETER]
    if not issuer or issuer == before.get(PARAMETER):
        return
    from loginq.service.store.provider import keys_at

    try:
        keys_at(issuer, get)
    except LoginqError as exc:
        raise type(exc)(f"No ID token of {issuer} could be checked: {exc.message}", exc.hint) from exc


def switch(before: str, after: str, pool: str = "") -> str:
    """What a change of the issuer does to who plays already, in words; "" for a user pool, `pool` if it is taken."""
    if not after:
        accounts = f"the user pool {pool}" if pool else "a user pool, a new one"
        return f"Let in accounts of {accounts}, and no more of {before}"
    kept = "" if before else ", and keep the user pool outside the stack"
    same = (
        "; who has the same sub at both, of letters, digits and _ . : - alone, is taken for the same player, and who "
        "has another begins anew, banned or not"
    )
    return f"Let in players of {after} alone, and no more of {before or 'the user pool'}{kept}{same if before else ''}"
