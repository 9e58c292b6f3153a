"""A call of AWS that failed, as one of our errors: by AWS's code, and where it has none, by botocore's class."""

from typing import Any

from loginq.service.rules.codes import kind_of
from loginq.service.rules.errors import (
    ConditionFailed,
    Invalid,
    LoginqError,
    NotFound,
    Raced,
    Refused,
    Unavailable,
)
from loginq.service.store.wire import unpack

_CREDENTIALS = (
    "Log in to AWS (for example `aws sso login`), choose a profile with AWS_PROFILE, and check with "
    "`aws sts get-caller-identity`."
)
_FORBIDDEN = ("AccessDenied", "AccessDeniedException", "UnauthorizedOperation", "AuthorizationError")
_RIGHTS = (
    "These credentials may not do that. The stack's policies, its outputs `ObserverPolicyArn` and `OperatorPolicyArn`, "
    "let somebody look, and act; who deploys needs more."
)
_CONFIGURATION = "Look at the AWS_ variables and at ~/.aws/config: `aws configure list` shows what is in force."
RETRY = "Try again in a moment."
_HINTS = {
    Refused: _CREDENTIALS,
    Unavailable: RETRY,
    Raced: RETRY,
    NotFound: "If it belongs to the stack, see `loginq status`, or deploy again with `loginq deploy`.",
}
_RACED = ("TransactionConflict", "TransactionConflictException")
"""A reason of a cancelled transaction, and the error of a lone write."""


def translated(exc: Exception) -> LoginqError:
    """The error of ours that an error of botocore means, by its code."""
    response = getattr(exc, "response", None)
    if response is None:
        return _unreached(exc)
    error = response.get("Error", {})
    code, said = error.get("Code", ""), error.get("Message", "") or str(exc)
    if code == "ConditionalCheckFailedException":
        return ConditionFailed(said, unpack(response.get("Item", {})))
    reasons = [reason.get("Code") for reason in response.get("CancellationReasons", [])]
    if "ConditionalCheckFailed" in reasons:
        index = reasons.index("ConditionalCheckFailed")
        return ConditionFailed(said, unpack(response["CancellationReasons"][index].get("Item", {})), index)
    kind = Raced if code == _RACED[1] or _RACED[0] in reasons else kind_of(code)
    hint = _RIGHTS if code in _FORBIDDEN else _HINTS.get(kind, "")
    return kind(f"{getattr(exc, 'operation_name', 'AWS')}: {said.rstrip('.')}.", hint)


_NO_ANSWER = {"HTTPClientError", "ConnectionError", "IncompleteReadError", "ChecksumError", "FlexibleChecksumError"}
_CREDENTIAL = ("Credential", "Token", "SSO", "Login", "ProfileNotFound", "RefreshWithMFA")


def code_of(exc: LoginqError) -> str:
    """AWS's own code of the error that became this one; empty for none."""
    response = getattr(exc.__cause__, "response", None) or {}  # a call without an answer has one that is None
    return str(response.get("Error", {}).get("Code", ""))


def is_forbidden(exc: Refused) -> bool:
    """Whether AWS knows who asks, and says that this is not allowed."""
    return code_of(exc) in _FORBIDDEN


def _unreached(exc: Exception) -> LoginqError:
    """What an error of botocore without an answer of AWS means: by its class, because it has no code."""
    name, said = type(exc).__name__, str(exc).rstrip(".")
    if name == "NoRegionError":
        return Invalid("No AWS region is set.", "Set AWS_DEFAULT_REGION, or give --region or a profile that has one.")
    if name == "ParamValidationError":
        return Invalid(str(exc))
    if name == "MissingDependencyException":
        return Refused(
            f"These credentials need a library that is missing: {said}.", 'Install it: `pip install "botocore[crt]"`.'
        )
    if any(word in name for word in _CREDENTIAL):
        return Refused(f"AWS credentials are missing or cannot be used: {said}.", _CREDENTIALS)
    if name == "ResponseParserError":
        return Unavailable(
            "What answered is not AWS.", "A proxy, a captive portal or a wrong endpoint stands in between: check that."
        )
    if _NO_ANSWER.isdisjoint(kind.__name__ for kind in type(exc).__mro__):
        return Invalid(f"AWS cannot be asked with this configuration: {said}.", _CONFIGURATION)
    return Unavailable(f"AWS did not answer: {said}.", "Check the network, or `loginq local status`.")


class translating:  # noqa: N801 - read as a word in a with statement, like those of contextlib
    """What is called in it raises our errors."""

    def __enter__(self) -> None: ...

    def __exit__(self, kind: Any, exc: BaseException | None, trace: Any) -> None:
        if exc is None:
            return
        from botocore.exceptions import BotoCoreError, ClientError
        from botocore.parsers import ResponseParserError

        if isinstance(exc, ClientError | BotoCoreError | ResponseParserError):
            raise translated(exc) from exc
