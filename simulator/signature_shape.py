"""Whether a request is signed at all: the shape of AWS Signature Version 4, not its truth."""

import re

from simulator.http_server import Request

_AUTHORIZATION = re.compile(
    r"AWS4-HMAC-SHA256 Credential=[^/\s]+/\d{8}/[a-z0-9-]+/[a-z0-9-]+/aws4_request, ?"
    r"SignedHeaders=[a-z0-9;-]+, ?Signature=[0-9a-f]{64}"
)


def is_signed(request: Request) -> bool:
    """Tell whether the Authorization header has the form that boto3 gives it."""
    return _AUTHORIZATION.fullmatch(request.headers.get("authorization", "")) is not None
