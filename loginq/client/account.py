"""A player's account in the user pool."""

import os
from functools import cache
from pathlib import Path
from typing import Any

from loginq.client.api import Api
from loginq.client.faults import NOT_OURS, CodeNeeded, NewPasswordNeeded, SignInOver, Trouble
from loginq.client.reaching import is_loopback, no_bundle
from loginq.client.refusals import check, named
from loginq.service.rules.errors import Refused
from loginq.service.rules.times import SECOND, Clock
from loginq.service.store.clock import ServerClock, system_clock

REFRESH_BEFORE = 60
"""Seconds before its end that an ID token is refreshed."""
_ANSWERS = {
    "NEW_PASSWORD_REQUIRED": "NEW_PASSWORD",
    "SOFTWARE_TOKEN_MFA": "SOFTWARE_TOKEN_MFA_CODE",
    "SMS_MFA": "SMS_MFA_CODE",
    "EMAIL_OTP": "EMAIL_OTP_CODE",
}
"""The steps of signing in that a player answers -> what Cognito calls the answer."""


class Account:
    """One player's account; signed in, it has an ID token that is always fresh.

    It goes by the clock of Cognito, so that a machine whose own is an hour off can play.

    Args:
        cognito: botocore's client; made for the API when left out.
    """

    def __init__(self, api: Api, username: str, cognito: Any = None, clock: Clock = system_clock) -> None:
        self.username = username
        self._pool, self._client_id = api.pool_id, api.client_id
        self._cognito = cognito or client_for(api)
        self.clock = ServerClock(self._cognito, clock)
        self._step = "", "", username
        self._id_token, self._refresh_token, self._ends = "", "", 0

    def sign_up(self, password: str, email: str) -> str:
        """Make the account, and say to where a code was sent. Raises `Conflict`, `Invalid`."""
        attributes = [{"Name": "email", "Value": email}]
        answer = self._call("sign_up", Username=self.username, Password=password, UserAttributes=attributes)
        return _destination(answer)

    def confirm(self, code: str) -> None:
        """Prove the address with the code. Raises `Invalid` for a wrong one."""
        try:
            self._call("confirm_sign_up", Username=self.username, ConfirmationCode=code)
        except Refused as exc:
            # By an earlier attempt whose answer was lost, or by the operator in the meantime.
            if "status is CONFIRMED" not in exc.message:
                raise

    def send_code(self) -> str:
        """Send the code for `confirm` once more, and say to where."""
        return _destination(self._call("resend_confirmation_code", Username=self.username))

    def forgot(self) -> str:
        """Send a code with which `choose` gives the account another password, and say to where."""
        return _destination(self._call("forgot_password", Username=self.username))

    def choose(self, code: str, password: str) -> None:
        """Another password, with the code of `forgot`. Raises `Invalid` for a wrong code or a weak password."""
        self._call("confirm_forgot_password", Username=self.username, ConfirmationCode=code, Password=password)

    def sign_in(self, password: str) -> None:
        """SRP: the password itself is never sent.

        Raises `NewPasswordNeeded` and `CodeNeeded`, which `answer` answers; `NotConfirmed`, `ResetNeeded`; `Refused`,
        `Trouble`.
        """
        from pycognito.aws_srp import AWSSRP

        srp = AWSSRP(self.username, password, self._pool, self._client_id, client=self._cognito)
        given = srp.get_auth_params()
        asked = self._call("initiate_auth", AuthFlow="USER_SRP_AUTH", AuthParameters=given)
        if asked.get("ChallengeName") != "PASSWORD_VERIFIER":
            self._go_on(asked)
            return
        stamp = srp.get_cognito_formatted_timestamp
        srp.get_cognito_formatted_timestamp = lambda _: stamp(self._now())
        with named():
            proof = srp.process_challenge(asked["ChallengeParameters"], given)
        self._step = "PASSWORD_VERIFIER", "", proof["USERNAME"]
        self._respond(proof)

    def answer(self, text: str) -> None:
        """What the last step of signing in asked for: a new password, or a code. Raises as `sign_in` does."""
        self._respond({"USERNAME": self._step[2], _ANSWERS[self._step[0]]: text})

    def token(self, *, renew: bool = False) -> str:
        """The ID token, refreshed when it is about to end, or when `renew` says that it was refused.

        Raises `SignInOver` when that is not possible any more, `Trouble`.
        """
        if renew or self._ends - self.clock() < REFRESH_BEFORE * SECOND:
            try:
                answer = self._call(
                    "initiate_auth",
                    AuthFlow="REFRESH_TOKEN_AUTH",
                    AuthParameters={"REFRESH_TOKEN": self._refresh_token},
                )
            except Refused as exc:
                raise SignInOver(f"You are signed out: {exc.message}", "Sign in again; your place is kept.") from exc
            self._go_on(answer)
        return self._id_token

    def _respond(self, responses: dict[str, str]) -> None:
        name, session, _ = self._step
        given = {"Session": session} if session else {}
        self._go_on(self._call("respond_to_auth_challenge", ChallengeName=name, ChallengeResponses=responses, **given))

    def _go_on(self, answer: dict[str, Any]) -> None:
        if "AuthenticationResult" in answer:
            self._take(answer["AuthenticationResult"])
            return
        name = answer.get("ChallengeName")
        if not name:
            raise Trouble(NOT_OURS)
        self._step = name, answer.get("Session", ""), self._step[2]
        if name == "NEW_PASSWORD_REQUIRED":
            raise NewPasswordNeeded("This account has a temporary password.", "Choose one of your own.")
        if name in _ANSWERS:
            raise CodeNeeded(app=name == "SOFTWARE_TOKEN_MFA")
        raise Refused(f"Sign-in needs a step that this client does not know: {name}.", "Ask the operator of the game.")

    def _take(self, tokens: dict[str, Any]) -> None:
        """Keep the tokens. They come from Cognito itself by TLS; whether they are good is for the API to say."""
        import jwt

        claims = jwt.decode(tokens["IdToken"], options={"verify_signature": False})
        self._id_token, self._ends = str(tokens["IdToken"]), int(claims["exp"]) * SECOND
        self._refresh_token = str(tokens.get("RefreshToken") or self._refresh_token)

    def _call(self, operation: str, **parameters: Any) -> dict[str, Any]:
        with named():
            answer: dict[str, Any] = getattr(self._cognito, operation)(ClientId=self._client_id, **parameters)
        check(answer)
        return answer

    def _now(self) -> Any:
        from datetime import UTC, datetime

        return datetime.fromtimestamp(self.clock() / SECOND, UTC)


def client_for(api: Api) -> Any:
    """A client for Cognito's public calls, which are not signed: nothing of this machine's AWS is read for it.

    Raises `Invalid` for certificates that are gone, and for an address or a region that is none.
    """
    from botocore import UNSIGNED
    from botocore.config import Config

    endpoint = api.endpoint or ""
    if not endpoint.startswith("http://"):
        _check_bundle()
    with named():
        return _session().create_client(
            "cognito-idp",
            region_name=api.region,
            endpoint_url=api.endpoint,
            config=Config(
                signature_version=UNSIGNED,
                connect_timeout=5,
                read_timeout=15,
                ignore_configured_endpoint_urls=True,
                **({"proxies": {}} if is_loopback(endpoint) else {}),
            ),
        )


@cache
def _session() -> Any:
    """A session to which only the certificates come from outside: no variable, file or profile of AWS's tools counts.

    One for all players of a swarm, as each parses Cognito's model anew.
    """
    from botocore.session import Session

    known = Session.SESSION_VARIABLES
    bare = {name: (None, None, default, kind) for name, (_, _, default, kind) in known.items()}
    no_file = dict.fromkeys(("config_file", "credentials_file"), (None, None, os.devnull, None))
    return Session(session_vars={**bare, **no_file, "ca_bundle": known["ca_bundle"]})


def _check_bundle() -> None:
    """botocore takes certificates that are gone for a fault of the network, which would be waited out for ever."""
    for name in ("AWS_CA_BUNDLE", "REQUESTS_CA_BUNDLE"):
        path = os.environ.get(name)
        if path and not Path(path).exists():
            raise no_bundle(f"{name} is {path}, which is not there")


def _destination(answer: dict[str, Any]) -> str:
    """To where a code was sent, as Cognito shows it: `a***@e***`."""
    return str(answer.get("CodeDeliveryDetails", {}).get("Destination") or "your e-mail address")
