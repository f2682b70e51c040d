"""What the code of an AWS error means. The services spell the same refusal in several ways.

https://docs.aws.amazon.com/AWSSimpleQueueService/latest/APIReference/CommonErrors.html, and each service's own page.
"""

from typing import Final

from botocore.exceptions import ClientError

_DENIED: Final = ("AccessDenied", "AuthorizationError", "NotAuthorized", "UnauthorizedOperation")
_THROTTLED: Final = ("Throttl", "TooManyRequests", "RequestThrottled", "RequestLimitExceeded", "LimitExceeded")
_ABSENT: Final = frozenset(
    {"NotFound", "NotFoundException", "ResourceNotFound", "ResourceNotFoundException"}
    | {"QueueDoesNotExist", "AWS.SimpleQueueService.NonExistentQueue"}
)
_THERE_ALREADY: Final = frozenset({"AlreadyExistsException", "QueueNameExists", "QueueAlreadyExists"})
_DELETED_RECENTLY: Final = frozenset({"QueueDeletedRecently", "AWS.SimpleQueueService.QueueDeletedRecently"})
_NO_SUCH_KEY: Final = frozenset(
    {"ExpiredToken", "ExpiredTokenException", "InvalidClientTokenId", "InvalidAccessKeyId"}
    | {"UnrecognizedClientException", "MissingAuthenticationToken", "MissingAuthenticationTokenException"}
)
_BAD_SIGNATURE: Final = frozenset(
    {"SignatureDoesNotMatch", "InvalidSignatureException", "IncompleteSignature", "RequestExpired", "InvalidSecurity"}
)


def code_of(error: ClientError) -> str:
    """AWS's code of a refusal."""
    return str(error.response.get("Error", {}).get("Code", "an error"))


def is_denied(error: ClientError) -> bool:
    """Whether the credentials lack the permission for this call."""
    return code_of(error).startswith(_DENIED)


def is_throttled(error: ClientError) -> bool:
    """Whether AWS takes no more calls of this kind for now."""
    return code_of(error).startswith(_THROTTLED)


def is_absent(error: ClientError) -> bool:
    """Whether AWS has no such thing."""
    return code_of(error) in _ABSENT


def is_there_already(error: ClientError) -> bool:
    """Whether what was to be made exists."""
    return code_of(error) in _THERE_ALREADY


def was_deleted_recently(error: ClientError) -> bool:
    """Whether the name of a queue cannot be used yet, since one of that name was deleted within a minute."""
    return code_of(error) in _DELETED_RECENTLY


def is_unknown_key(error: ClientError) -> bool:
    """Whether AWS does not know the key, or not any more."""
    return code_of(error) in _NO_SUCH_KEY


def is_bad_signature(error: ClientError) -> bool:
    """Whether AWS knows the key and not the signature: a wrong secret, or a clock that is wrong."""
    return code_of(error) in _BAD_SIGNATURE
