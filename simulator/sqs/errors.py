"""The errors of SQS: the shape of the JSON protocol, and the code of the query protocol that boto3 shows.

https://docs.aws.amazon.com/AWSSimpleQueueService/latest/SQSDeveloperGuide/sqs-making-api-requests-json.html
"""

import json

from simulator.http.refusals import Kind, Refusal
from simulator.http.server import Response

CONTENT_TYPE = "application/x-amz-json-1.0"
OF_THE_SERVICE = "com.amazonaws.sqs#"
OF_EVERY_SERVICE = "com.amazon.coral.service#"
NAMES = {
    Kind.DENIED: "AccessDenied",
    Kind.EXPIRED: "ExpiredToken",
    Kind.UNKNOWN_CALLER: "InvalidClientTokenId",
    Kind.THROTTLED: "RequestThrottled",
    Kind.FAILED: "InternalFailure",
}
SHAPES = {
    "AccessDenied": OF_EVERY_SERVICE + "AccessDeniedException",
    "ExpiredToken": OF_EVERY_SERVICE + "ExpiredTokenException",
    "InvalidClientTokenId": OF_EVERY_SERVICE + "UnrecognizedClientException",
    "RequestThrottled": OF_THE_SERVICE + "RequestThrottled",
    "OverLimit": OF_THE_SERVICE + "OverLimit",
    "AWS.SimpleQueueService.NonExistentQueue": OF_THE_SERVICE + "QueueDoesNotExist",
}


class SqsError(Exception):
    """An error: `shape` names boto3's class, `code` is what `Error.Code` holds, from before the JSON protocol."""

    def __init__(self, status: int, code: str, message: str, *, shape: str) -> None:
        super().__init__(message)
        self.status = status
        self.code = code
        self.message = message
        self.shape = shape

    def response(self, request_id: str) -> Response:
        """Return the HTTP response."""
        fault = "Receiver" if self.status >= 500 else "Sender"
        return Response(
            self.status,
            json.dumps({"__type": self.shape, "message": self.message}).encode(),
            content_type=CONTENT_TYPE,
            headers=(("x-amzn-RequestId", request_id), ("x-amzn-query-error", f"{self.code};{fault}")),
        )


def modelled(shape: str, message: str, *, code: str | None = None) -> SqsError:
    """An error that SQS's model has; its older code is the same unless it is given."""
    return SqsError(400, code or shape, message, shape=OF_THE_SERVICE + shape)


def older(shape: str, message: str) -> SqsError:
    """A modelled error whose older code is that of the service's first years."""
    return modelled(shape, message, code=f"AWS.SimpleQueueService.{shape}")


def no_such_queue() -> SqsError:
    """The queue does not exist, or is not visible yet."""
    return modelled(
        "QueueDoesNotExist", "The specified queue does not exist.", code="AWS.SimpleQueueService.NonExistentQueue"
    )


def invalid_value(message: str) -> SqsError:
    """A parameter is out of its range; the model has no class for it."""
    return SqsError(400, "InvalidParameterValue", message, shape=OF_EVERY_SERVICE + "InvalidParameterValueException")


def missing(name: str) -> SqsError:
    """A required parameter is not there."""
    message = f"The request must contain the parameter {name}."
    return SqsError(400, "MissingParameter", message, shape=OF_EVERY_SERVICE + "MissingRequiredParameterException")


def of_every_service(status: int, code: str, message: str, *, shape: str | None = None) -> SqsError:
    """An error that any AWS service may answer, such as a refusal of the caller."""
    return SqsError(status, code, message, shape=OF_EVERY_SERVICE + (shape or code))


def refused(refusal: Refusal, denial: str) -> SqsError:
    """What a fault rule asks for; `denial` is what SQS says to a caller who may not do this."""
    code = refusal.code_among(NAMES)
    shape = SHAPES.get(code, OF_EVERY_SERVICE + code)
    return SqsError(refusal.status or 400, code, refusal.words(denial), shape=shape)
