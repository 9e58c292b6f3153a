"""The OpenID Connect provider of the players, and the authorizer that takes its tokens; nothing where there is none."""

import base64
import json
from collections.abc import Iterator

from loginq.doctor.checks import Finding, Patient, Verdict, guarded
from loginq.service.rules.errors import LoginqError, Unavailable
from loginq.service.store.fetch import Fetch, fetch

_LOG = "`loginq logs authorize_player` says why; players who are in line keep their places."


def examine(patient: Patient, get: Fetch = fetch) -> Iterator[Finding]:
    """What there is to say of them."""
    issuer = patient.target.provider
    if not issuer:
        return
    yield guarded("provider", lambda: _provider(issuer, get))
    yield guarded("authorizer", lambda: _authorizer(patient, issuer))


def _provider(issuer: str, get: Fetch) -> Finding:
    from loginq.service.store.provider import keys_at

    try:
        keys = keys_at(issuer, get)
    except Unavailable as exc:
        says = f"it cannot be looked at from here: {exc.message.rstrip('.')}"
        return Finding("provider", Verdict.UNKNOWN, says, "The authorizer looks from AWS: see there.")
    except LoginqError as exc:
        do = f"{exc.hint} Mend it there, or deploy again with another IdentityIssuer.".strip()
        return Finding("provider", Verdict.BAD, exc.message.rstrip("."), do)
    good = ", ".join(sorted({key.algorithm for key in keys if not key.wrong}))
    return Finding("provider", Verdict.OK, f"{issuer} has keys for {good}")


def _authorizer(patient: Patient, issuer: str) -> Finding:
    """Ask it about a token that names a key of nobody: to refuse it, it has to have the provider's keys."""
    header = {"alg": "RS256", "kid": "loginq-doctor"}
    claims = {"iss": issuer, "aud": patient.parameters()["IdentityAudience"]}
    parts = (base64.urlsafe_b64encode(json.dumps(each).encode()).rstrip(b"=").decode() for each in (header, claims))
    asked = {"type": "TOKEN", "authorizationToken": f"Bearer {'.'.join(parts)}.AA", "methodArn": "doctor/v1/GET/login"}
    answer = patient.aws.client("lambda").invoke(
        FunctionName=patient.resource("AuthorizePlayer"), Payload=json.dumps(asked)
    )
    said = json.loads(answer["Payload"].read() or b"null")
    if "FunctionError" in answer or not isinstance(said, dict):
        return Finding("authorizer", Verdict.BAD, "it fails: nobody gets in", _LOG)
    if "policyDocument" not in said:
        return Finding("authorizer", Verdict.BAD, "it cannot get the provider's keys: nobody gets in", _LOG)
    if said["policyDocument"]["Statement"][0]["Effect"] != "Deny":
        return Finding("authorizer", Verdict.BAD, "it lets a token in that nobody has signed", "Run `loginq deploy`.")
    return Finding("authorizer", Verdict.OK, "it has the provider's keys, and refuses what they have not signed")
