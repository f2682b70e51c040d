"""`/feedback/sns`: the route to which SNS posts the notifications of SES.

200 means that the notification is stored. A 4xx is final for SNS, and a 5xx makes it try again. Therefore only a
request that cannot come from AWS for this gateway gets a 4xx (`app.domain.feedback.rejections` has every reason). SNS
posts JSON as `text/plain`: the signature is checked, the media type is not.
"""

from flask import Response, request
from werkzeug.exceptions import ClientDisconnected, RequestEntityTooLarge

from app.domain.errors import PayloadTooLarge, PosternError, UnsupportedMediaType
from app.domain.feedback.rejections import Reason, rejected
from app.services.feedback.receive import Receive
from app.web.http.auth import PUBLIC
from app.web.http.context import current_gateway
from app.web.http.requests import read_bytes
from app.web.http.responses import written
from app.web.http.routing import Operation, Routes

feedback = Routes("feedback", __name__)

_LIMIT = 1024 * 1024
"""Four times the length of the longest SNS message, which leaves room for JSON escapes at their worst."""


@feedback.operation(
    "POST", "/feedback/sns", Operation(guard=PUBLIC, summary="Receive an SNS notification. Its signature is the guard.")
)
def receive_sns() -> Response:
    """Answer 200 once the notification is stored."""
    receive = current_gateway().receive
    if receive is None:
        raise rejected(Reason.NO_TOPIC)
    headers = dict(request.headers.items())
    return written({"status": receive(_body(receive, headers), headers)})


def _body(receive: Receive, headers: dict[str, str]) -> bytes:
    """The body of the request. When it cannot be read, the reason is logged and raised."""
    try:
        raw = read_bytes(limit=_LIMIT)
        # gunicorn ends the body by itself when the connection breaks, and returns what came before.
        if len(raw) >= (request.content_length or 0):
            return raw
        error: PosternError = rejected(Reason.CUT_OFF)
    except (RequestEntityTooLarge, PayloadTooLarge):
        error = rejected(Reason.TOO_LONG)
    except UnsupportedMediaType:
        error = rejected(Reason.ENCODED)
    except ClientDisconnected:
        error = rejected(Reason.CUT_OFF)
    receive.report(error, headers)
    raise error
