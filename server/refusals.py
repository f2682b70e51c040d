"""What the server itself answers, without the application: to what is no HTTP, too slow, or too much.

The bodies have the shape of the API's own errors, but no request id. Nothing of the request is repeated.
"""

import json
from typing import Final


def _answer(status: int, reason: str, name: str, detail: str) -> bytes:
    problem = {
        "type": f"urn:postern:error:{name}",
        "title": reason,
        "status": status,
        "detail": detail,
        "errors": [],
        "statusCode": status,
        "name": name,
        "message": detail,
    }
    body = json.dumps(problem)
    again = "Retry-After: 1\r\n" if status == 503 else ""
    head = f"HTTP/1.1 {status} {reason}\r\nConnection: close\r\nContent-Type: application/json\r\n{again}"
    return f"{head}Content-Length: {len(body)}\r\n\r\n{body}".encode("ascii")


_SLOW: Final = ("request_timeout", "The request did not come in time; send it again.")

TOO_SLOW: Final = _answer(408, "Request Timeout", *_SLOW)
TOO_SLOW_FOR_NOW: Final = _answer(503, "Service Unavailable", *_SLOW)
TOO_MUCH: Final = _answer(
    431, "Request Header Fields Too Large", "validation_error", "The head of the request is too large."
)
NO_ROOM: Final = _answer(
    503, "Service Unavailable", "service_unavailable", "Too many unfinished requests; send it again."
)
MALFORMED: Final = _answer(400, "Bad Request", "validation_error", "The request is not HTTP.")
FAILED: Final = _answer(500, "Internal Server Error", "application_error", "The gateway failed.")

_TAKES_4XX_AS_FINAL: Final = b"POST /feedback/"


def too_slow(begun: bytes | bytearray) -> bytes:
    """The answer to an unfinished request that began so.

    SNS drops a notification for good after 408, and tries again after 503.
    """
    return TOO_SLOW_FOR_NOW if begun.startswith(_TAKES_4XX_AS_FINAL) else TOO_SLOW
