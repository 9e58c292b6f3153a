"""Which error of ours each error code of AWS means: one table for AWS's clients and for the players'."""

from loginq.service.rules.errors import Conflict, Failed, Invalid, LoginqError, NotFound, Refused, Unavailable

_CODES: dict[type[LoginqError], str] = {
    Refused: "AccessDenied AccessDeniedException UnauthorizedOperation AuthorizationError UnrecognizedClientException "
    "InvalidClientTokenId ExpiredToken ExpiredTokenException SignatureDoesNotMatch InvalidSignatureException "
    "AuthFailure OptInRequired MissingAuthenticationToken 403",
    Unavailable: "ProvisionedThroughputExceededException ThrottlingException Throttling RequestLimitExceeded SlowDown "
    "TooManyRequestsException TransactionCanceledException "
    "InternalServerError ServiceUnavailable InternalFailure "
    "InternalErrorException RequestThrottled ThrottledException 500 503",
    NotFound: "ResourceNotFoundException UserNotFoundException AWS.SimpleQueueService.NonExistentQueue "
    "QueueDoesNotExist NoSuchBucket NoSuchKey NoSuchEntity NoSuchHostedZone NotFoundException 404",
    Conflict: "UsernameExistsException AliasExistsException AlreadyExistsException "
    "AWS.SimpleQueueService.PurgeQueueInProgress PurgeQueueInProgress",
    Invalid: "InvalidPasswordException InvalidParameterException CodeMismatchException ExpiredCodeException",
}
_BY_CODE = {code: kind for kind, codes in _CODES.items() for code in codes.split()}


def kind_of(code: str) -> type[LoginqError]:
    """The error that a code of AWS means; `Failed` for a code that nobody knows."""
    return _BY_CODE.get(code, Failed)
