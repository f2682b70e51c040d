"""Errors in the words of SES: the code by which an SDK chooses the class that it raises, and whether it tries again.

The codes of version 2 are those of https://docs.aws.amazon.com/ses/latest/APIReference-V2/CommonErrors.html and of its
operations; those of version 1 are at https://docs.aws.amazon.com/ses/latest/APIReference/CommonErrors.html. SDKs try
again after 429, 500, 503 and after a code that means too many requests.
"""

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Final

from werkzeug.exceptions import HTTPException

from app.domain import errors
from app.domain.apps.sigv4_claims import Refusal, SignatureRefused
from app.domain.errors import Fault, NotInTeam, PosternError, RateLimitExceeded, RestrictedApiKey
from app.web.http.faults.validation import refusal
from app.web.http.problem_details import named_failure, note_unforeseen


@dataclass(frozen=True, slots=True)
class Failure:
    """A failure as SES writes it. `retry_after` is in seconds."""

    code: str
    status: int
    message: str
    retry_after: int | None = None


class NotSupported(errors.MalformedRequest):
    """An operation of SES that Postern does not have."""


Code = tuple[str, int]


@dataclass(frozen=True, slots=True)
class Codes:
    """The codes and statuses of one version of the API: of the signatures that are refused, and of other errors."""

    of_signature: Mapping[Refusal, Code]
    of_error: Mapping[type[PosternError], Code]

    def of(self, error: PosternError) -> Code:
        """Those of an error."""
        if isinstance(error, SignatureRefused):
            return self.of_signature[error.code]
        return next(self.of_error[kind] for kind in type(error).__mro__ if kind in self.of_error)


_V2: Final[Mapping[type[PosternError], Code]] = {
    errors.RestrictedApiKey: ("AccessDeniedException", 403),
    errors.MalformedRequest: ("BadRequestException", 400),
    errors.ValidationFailed: ("BadRequestException", 400),
    errors.UnsupportedMediaType: ("BadRequestException", 400),
    errors.PayloadTooLarge: ("BadRequestException", 413),
    errors.NotFound: ("NotFoundException", 404),
    errors.Conflict: ("ConflictException", 409),
    errors.InvalidIdempotentRequest: ("ConflictException", 409),
    errors.ConcurrentIdempotentRequests: ("ServiceUnavailableException", 503),
    errors.RateLimitExceeded: ("TooManyRequestsException", 429),
    errors.RequestTimeout: ("RequestTimeoutException", 408),
    errors.ServiceUnavailable: ("ServiceUnavailableException", 503),
    PosternError: ("InternalServiceErrorException", 500),
}
_V1: Final[Mapping[type[PosternError], Code]] = {
    errors.RestrictedApiKey: ("AccessDenied", 403),
    errors.MalformedRequest: ("MalformedQueryString", 400),
    errors.ValidationFailed: ("InvalidParameterValue", 400),
    errors.UnsupportedMediaType: ("MalformedQueryString", 400),
    errors.PayloadTooLarge: ("InvalidParameterValue", 413),
    errors.NotFound: ("InvalidParameterValue", 400),
    errors.Conflict: ("InvalidParameterValue", 400),
    errors.InvalidIdempotentRequest: ("IdempotentParameterMismatch", 400),
    errors.ConcurrentIdempotentRequests: ("ServiceUnavailable", 503),
    errors.RateLimitExceeded: ("Throttling", 400),
    errors.RequestTimeout: ("RequestTimeout", 408),
    errors.ServiceUnavailable: ("ServiceUnavailable", 503),
    NotSupported: ("InvalidAction", 400),
    PosternError: ("InternalFailure", 500),
}
V2: Final = Codes(
    {
        Refusal.MISSING: ("MissingAuthenticationTokenException", 403),
        Refusal.INCOMPLETE: ("IncompleteSignatureException", 400),
        Refusal.UNKNOWN_KEY: ("UnrecognizedClientException", 403),
        Refusal.MISMATCH: ("InvalidSignatureException", 403),
    },
    _V2,
)
V1: Final = Codes({one: (one.value, 400 if one is Refusal.INCOMPLETE else 403) for one in Refusal}, _V1)

_PATIENCE_S: Final = 5
"""The longest wait that an SDK is told. It waits as long within the call of the application, for a whole day too."""

NOT_VERIFIED: Final = "Email address is not verified."
"""How SES begins its refusal of a From address, and in its sandbox of a recipient. Software looks for this sentence."""


def failure_of(error: Exception, codes: Codes) -> Failure:
    """How this error is written, with the codes of one version of the API. One that no code expects is logged."""
    found = _known(error)
    if isinstance(found, NotInTeam) or _is_of_sender(found):
        return Failure("MessageRejected", 400, f"{NOT_VERIFIED} {found.detail}")
    if isinstance(found, RateLimitExceeded) and found.retry_after is None and found.allowance is not None:
        # No wait helps: no SDK may try again.
        return Failure(*codes.of_error[errors.ValidationFailed], found.detail)
    wait = found.retry_after if (found.retry_after or 0) <= _PATIENCE_S else None
    return Failure(*codes.of(found), found.detail, wait)


def _is_of_sender(error: PosternError) -> bool:
    return isinstance(error, RestrictedApiKey) and any(one.code == "sender_not_allowed" for one in error.faults)


def under_names_of_ses(faults: tuple[Fault, ...], names: Mapping[str, str]) -> errors.ValidationFailed:
    """The error for these faults, with the names that SES has for the fields of `/v1/emails`."""
    return refusal(tuple(Fault(_named(fault.pointer, names), fault.code, fault.detail) for fault in faults))


def _named(pointer: str, names: Mapping[str, str]) -> str:
    field, slash, rest = pointer.removeprefix("/").partition("/")
    return f"{names.get(field, '/' + field)}{slash}{rest}"


def _known(error: Exception) -> PosternError:
    if isinstance(error, PosternError):
        return error
    if isinstance(error, HTTPException):
        return named_failure(error)
    return note_unforeseen(error)
