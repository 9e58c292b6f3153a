"""What a player's client meets besides `loginq.service.rules.errors`.

Refused
├── NotConfirmed       the account waits for the code that was sent by e-mail
├── ResetNeeded        its password must be chosen anew, with a code that was sent by e-mail
├── NewPasswordNeeded  its password is a temporary one
├── CodeNeeded         it wants a code of an authenticator app, or one that was just sent
├── SessionOver        such a step took too long: sign-in begins again
└── SignInOver         what was signed in is so no longer; the place in line stays
Gone                   the ticket no longer counts
Trouble                ask again in a moment
"""

from loginq.service.rules.errors import LoginqError, Refused

NOT_OURS = "something else answered in its place: a login page of this network, or a proxy"
"""Said of an answer that is none of ours, for example the HTML of a captive portal."""


class NotConfirmed(Refused):
    """The account waits for the code that was sent by e-mail."""


class ResetNeeded(Refused):
    """The password must be chosen anew, with the code that was sent by e-mail."""


class NewPasswordNeeded(Refused):
    """The password is a temporary one: `Account.answer` with one of the player's own."""


class CodeNeeded(Refused):
    """A second factor is asked for: `Account.answer` with the code. `app`: from an authenticator app."""

    def __init__(self, *, app: bool) -> None:
        source = "your authenticator app" if app else "the message that was just sent to you"
        super().__init__(f"Sign-in wants a code from {source}.")
        self.app = app


class SessionOver(Refused):
    """A step of signing in took too long, or came twice: it begins again with the password."""


class SignInOver(Refused):
    """The refresh token is over or was revoked: sign in again. Whoever is in line keeps the place."""


class Gone(LoginqError):
    """The ticket no longer counts: 404 or 410."""


class Trouble(LoginqError):
    """Network fault, 429 or 5xx: ask again, after `retry_after` seconds if the server said so.

    `code` is the API's word for it, "" without one.
    """

    def __init__(self, message: str, retry_after: float | None = None, code: str = "") -> None:
        super().__init__(message)
        self.retry_after, self.code = retry_after, code
