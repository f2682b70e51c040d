"""The errors of SES v2, each with the exception name, status and message that boto3 shows."""

import json

from simulator.http.refusals import Kind, Refusal
from simulator.http.server import Response

NAMES = {
    Kind.DENIED: "AccessDeniedException",
    Kind.EXPIRED: "ExpiredTokenException",
    Kind.UNKNOWN_CALLER: "UnrecognizedClientException",
    Kind.THROTTLED: "TooManyRequestsException",
    Kind.FAILED: "InternalServiceErrorException",
}


class SesError(Exception):
    """An error of the rest-json protocol: the name is in a header, the message in the body."""

    def __init__(self, status: int, code: str, message: str) -> None:
        super().__init__(message)
        self.status = status
        self.code = code
        self.message = message

    def response(self, request_id: str) -> Response:
        """Return the HTTP response."""
        return Response(
            self.status,
            json.dumps({"message": self.message}).encode(),
            headers=(("x-amzn-RequestId", request_id), ("x-amzn-ErrorType", self.code)),
        )


def refused(refusal: Refusal, denial: str) -> SesError:
    """What a fault rule asks for; `denial` is what SES says to a caller who may not do this."""
    words = refusal.words(denial)
    if refusal.kind is Kind.THROTTLED:
        words = refusal.message or "Maximum sending rate exceeded."
    return SesError(refusal.status or 429, refusal.code_among(NAMES), words)


def bad_request(message: str) -> SesError:
    """The request is malformed."""
    return SesError(400, "BadRequestException", message)


def not_found(message: str) -> SesError:
    """Something that the request names does not exist."""
    return SesError(404, "NotFoundException", message)


def already_exists(message: str) -> SesError:
    """Something with that name exists."""
    return SesError(400, "AlreadyExistsException", message)


def message_rejected(message: str) -> SesError:
    """The message will not be sent."""
    return SesError(400, "MessageRejected", message)


def too_many_requests(message: str) -> SesError:
    """A rate was exceeded."""
    return SesError(429, "TooManyRequestsException", message)


def limit_exceeded(message: str) -> SesError:
    """A quota was exceeded."""
    return SesError(400, "LimitExceededException", message)


def missing_authentication() -> SesError:
    """The request carries no Signature Version 4."""
    return SesError(403, "MissingAuthenticationTokenException", "Missing Authentication Token")


def invalid_signature(message: str) -> SesError:
    """The signature is not valid, or not valid now."""
    return SesError(403, "InvalidSignatureException", message)
