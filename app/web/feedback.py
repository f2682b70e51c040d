"""`/feedback/sns`: where SNS brings the news of SES.

200 means stored; 400 and 403 are final to SNS, and anything of 5xx makes it try again, so only what is malformed or not
authentic gets a 4xx. SNS posts JSON as `text/plain`: the type is not looked at, the signature is.
"""

from flask import Response, request

from app.domain.errors import ServiceUnavailable
from app.web.answers import written
from app.web.auth import PUBLIC
from app.web.context import current_gateway
from app.web.reading import read_bytes
from app.web.routing import Operation, Routes

feedback = Routes("feedback", __name__)

_LIMIT = 1024 * 1024
"""Four times the longest message of SNS, escaped at its worst."""


@feedback.operation(
    "POST", "/feedback/sns", Operation(guard=PUBLIC, summary="The target of SNS. Its signature is the guard.")
)
def receive_sns() -> Response:
    """Answer 200 once the notification is stored."""
    receive = current_gateway().receive
    if receive is None:
        raise ServiceUnavailable("This gateway listens to no topic.")
    receipt = receive(read_bytes(limit=_LIMIT), dict(request.headers.items()))
    return written({"status": receipt})
