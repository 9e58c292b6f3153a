"""Cognito's errors in our words: what happened, and what a player does about it."""

from collections.abc import Callable, Iterator
from contextlib import contextmanager
from typing import Any

from loginq.client.faults import NOT_OURS, NotConfirmed, ResetNeeded, SessionOver, Trouble
from loginq.client.reaching import no_certificate
from loginq.service.rules.codes import kind_of
from loginq.service.rules.errors import Conflict, Failed, Invalid, LoginqError, NotFound, Refused, Unavailable

_WRONG = "The user name or the password is wrong.", "Check both and try again."
_OPERATOR = "Ask the operator of the game."
_SAID = {
    "incorrect username or password": _WRONG,
    "user is disabled": ("This account is disabled.", _OPERATOR),
    # Five wrong ones lock an account for a second, each one more for twice as long, up to about 15 minutes; what is
    # tried meanwhile is refused unseen (Cognito's developer guide, "Lockout behavior for failed sign-in attempts").
    "password attempts exceeded": (
        "There were too many wrong passwords: the account is locked for a while.",
        "Wait before the next attempt; after 15 minutes it is open in any case.",
    ),
    "temporary password has expired": (
        "The temporary password of this account is over.",
        "Ask the operator of the game for another (`loginq users reset-password NAME`).",
    ),
    "cannot be reset in the current state": (
        "This account still has its temporary password, which nobody can forget.",
        "Sign in with it, or ask the operator of the game for another (`loginq users reset-password NAME`).",
    ),
}
"""What `NotAuthorizedException` says -> what we say; Cognito has one code for all of these."""


@contextmanager
def named(whose: str = "sign-in") -> Iterator[None]:
    """Errors of botocore turned into ours."""
    from botocore import exceptions as faults
    from botocore.parsers import ResponseParserError

    try:
        yield
    except faults.ClientError as exc:
        error = exc.response["Error"]
        raise refusal(str(error.get("Code", "")), error.get("Message", "").rstrip(".")) from exc
    except faults.SSLError as exc:
        raise Trouble(no_certificate(whose)) from exc
    except (faults.ConnectionError, faults.HTTPClientError) as exc:
        raise Trouble(f"{whose} cannot be reached ({type(exc).__name__})") from exc
    except UnicodeEncodeError as exc:
        raise Invalid("What was typed is no text.", "Type it again, or give it in UTF-8.") from exc
    except (ResponseParserError, UnicodeDecodeError) as exc:
        raise Trouble(NOT_OURS) from exc
    except (faults.BotoCoreError, ValueError) as exc:
        said = str(exc).splitlines()[-1].rstrip(".")
        raise Invalid(f"{said}.", "Check what was given, and the AWS_ names of the environment and of .env.") from exc


def check(answer: dict[str, Any]) -> None:
    """Raises `Trouble` when a page of HTML answered: botocore takes it for an empty answer."""
    kind = answer.get("ResponseMetadata", {}).get("HTTPHeaders", {}).get("content-type", "")
    if "html" in kind:
        raise Trouble(NOT_OURS)


def refusal(code: str, said: str) -> LoginqError:
    """What an error of Cognito means. `said`: its own words, without the full stop."""

    if not code or code.isdigit():
        return Trouble(NOT_OURS)
    if code in _BY_CODE:
        return _BY_CODE[code](said)
    kind = kind_of(code)
    if kind is Unavailable:
        return Trouble(f"sign-in is busy ({code})")
    if kind is Conflict:
        return Conflict("This user name or e-mail address is taken.", "Choose another, or sign in.")
    if kind is NotFound:
        return NotFound(
            f"The user pool or its client is gone: {said}.", "Deploy again, or check COGNITO_USER_CLIENT_ID."
        )
    return (Invalid if kind is Invalid else Failed)(f"{said or code}.")


def _not_authorized(said: str) -> LoginqError:
    words = said.lower()
    if "invalid session" in words:
        return SessionOver("Signing in took too long.", "Sign in again.")
    found = next((ours for theirs, ours in _SAID.items() if theirs in words), None)
    return Refused(*found) if found else Refused(f"{said}.", _OPERATOR)


def _limit(said: str) -> LoginqError:
    """`LimitExceededException` lasts from minutes to a day (mails): patience of seconds would only hide it."""
    if "email" in said.lower():
        return Refused(
            f"No code can be sent: {said}.",
            "Come back tomorrow, or ask the operator of the game (`loginq users confirm NAME`).",
        )
    return Refused(f"Cognito takes no more of this for now: {said}.", "Wait a quarter of an hour, then come back.")


_BY_CODE: dict[str, Callable[[str], LoginqError]] = {
    "NotAuthorizedException": _not_authorized,
    "UserNotFoundException": lambda said: Refused(*_WRONG),
    "UserNotConfirmedException": lambda said: NotConfirmed(
        "This account is not confirmed yet.", "Enter the code that was sent by e-mail."
    ),
    "PasswordResetRequiredException": lambda said: ResetNeeded(
        "The password of this account must be chosen anew.", "Enter the code that was sent by e-mail."
    ),
    "LimitExceededException": _limit,
    "TooManyFailedAttemptsException": _limit,
    "CodeMismatchException": lambda said: Invalid("This code is wrong.", "Look again, or have a new one sent."),
    "ExpiredCodeException": lambda said: Invalid("This code is over, or a newer one was sent.", "Have a new one sent."),
    "PasswordHistoryPolicyViolationException": lambda said: Invalid(f"{said}."),
    "ForbiddenException": lambda said: Refused(f"{said}.", _OPERATOR),
}
