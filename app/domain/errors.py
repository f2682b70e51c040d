"""The error tree: each failure, its name in the API, its HTTP status, and whether a retry can help.

It decides names and statuses. It never formats a response and never carries a value that a client sent.
"""

from dataclasses import dataclass
from typing import ClassVar


@dataclass(frozen=True, slots=True)
class Fault:
    """One rule that one field of a request breaks.

    `pointer` is a JSON pointer (RFC 6901) into the request, `code` a stable word for the rule, `detail` one sentence
    that names the rule and never the rejected value.
    """

    pointer: str
    code: str
    detail: str


@dataclass(frozen=True, slots=True)
class Allowance:
    """What is left of a limit: `remaining` of `limit`, which begin anew in `reset_s` seconds."""

    limit: int
    remaining: int
    reset_s: int


class PosternError(Exception):
    """Base of all refusals and failures. `name` is part of the API, so that clients may rely on it."""

    name: ClassVar[str] = "application_error"
    status: ClassVar[int] = 500
    title: ClassVar[str] = "Internal error"
    retryable: ClassVar[bool] = False
    reason: str | None = None
    """Why a notification was not stored, for the log: an `app.domain.feedback.rejections.Reason`."""
    expected: str | None = None
    found: str | None = None
    """What was expected and found instead, for the operator alone: never in an answer."""

    def __init__(self, detail: str, *, faults: tuple[Fault, ...] = (), retry_after: int | None = None) -> None:
        super().__init__(detail)
        self.detail = detail
        self.faults = faults
        self.retry_after = retry_after


class MissingApiKey(PosternError):
    """The request carries no `Authorization: Bearer` header."""

    name, status, title = "missing_api_key", 401, "API key missing"


class InvalidApiKey(PosternError):
    """The key is malformed, unknown, expired or revoked."""

    name, status, title = "invalid_api_key", 403, "API key not valid"


class SignInRefused(PosternError):
    """A person could not be signed in to the console. It does not say why: that would show which names exist."""

    name, status, title = "sign_in_refused", 401, "Not signed in"


class SignInLocked(PosternError):
    """The name that a person gave is locked, after too many failures in a row; `retry_after` says for how long."""

    name, status, title = "sign_in_locked", 429, "Too many failures"
    retryable = True


class RestrictedApiKey(PosternError):
    """The key is valid, but lacks the scope or may not use this From address."""

    name, status, title = "restricted_api_key", 403, "API key not allowed to do this"


class NotInTeam(RestrictedApiKey):
    """The key writes only to the team of its application, and a recipient is not of it."""


class MalformedRequest(PosternError):
    """The body is not JSON, or breaks a bound that is checked before it is parsed."""

    name, status, title = "validation_error", 400, "Malformed request"


class ValidationFailed(PosternError):
    """The body is JSON, but a field breaks a rule; `faults` names each."""

    name, status, title = "validation_error", 422, "Validation failed"


class NotFound(PosternError):
    """This application has nothing by that id. The answer is the same when another application has."""

    name, status, title = "not_found", 404, "Not found"


class MethodNotAllowed(PosternError):
    """The path exists, the method does not."""

    name, status, title = "method_not_allowed", 405, "Method not allowed"


class Conflict(PosternError):
    """The request is well formed, but the email is past the point where it could be done."""

    name, status, title = "conflict", 409, "Not possible any more"


class InvalidIdempotencyKey(PosternError):
    """The `Idempotency-Key` header is empty, too long or not printable ASCII."""

    name, status, title = "invalid_idempotency_key", 400, "Idempotency key not valid"


class InvalidIdempotentRequest(PosternError):
    """The same idempotency key came with another body."""

    name, status, title = "invalid_idempotent_request", 409, "Idempotency key used for another request"


class ConcurrentIdempotentRequests(PosternError):
    """Another request with the same idempotency key is still being answered."""

    name, status, title = "concurrent_idempotent_requests", 409, "Same idempotency key in progress"
    retryable = True


class PayloadTooLarge(PosternError):
    """The body is longer than the configured bound; it was not read."""

    name, status, title = "payload_too_large", 413, "Request body too large"


class UnsupportedMediaType(PosternError):
    """The body has a content type or content encoding that the route does not read."""

    name, status, title = "unsupported_media_type", 415, "Media type not supported"


class RateLimitExceeded(PosternError):
    """The application sends requests, or email, faster than its limits allow. `allowance` is that of email, if any."""

    name, status, title = "rate_limit_exceeded", 429, "Too many requests"
    retryable = True

    def __init__(self, detail: str, *, retry_after: int | None = None, allowance: Allowance | None = None) -> None:
        super().__init__(detail, retry_after=retry_after)
        self.allowance = allowance


class RequestTimeout(PosternError):
    """The body stopped coming, or came too slowly."""

    name, status, title = "request_timeout", 408, "Request not received in time"
    retryable = True


class ServiceUnavailable(PosternError):
    """Something that Postern depends on is unavailable. Nothing was accepted; the same request may be repeated."""

    name, status, title = "service_unavailable", 503, "Service unavailable"
    retryable = True


class NotAuthentic(PosternError):
    """A notification is not provably from AWS, or not from a topic that this gateway listens to."""

    name, status, title = "not_authentic", 403, "Notification not authentic"


class MalformedNotification(PosternError):
    """A notification breaks the grammar of the SNS envelope."""

    name, status, title = "malformed_notification", 400, "Notification malformed"
