"""Draw a page of ours while another request is answered."""

from collections.abc import Mapping
from io import BytesIO
from typing import Any, Final

import structlog
from flask import Response, current_app, request
from werkzeug.exceptions import HTTPException

from app.domain.errors import PosternError

_OF_A_BODY: Final = {"CONTENT_LENGTH", "CONTENT_TYPE", "HTTP_TRANSFER_ENCODING", "werkzeug.request"}


def drawn(page: str) -> Response | None:
    """What a request for the page is answered by, in the session of this request; None if it is refused."""
    logged = structlog.contextvars.get_contextvars()
    with current_app.request_context(_as_get(page, request.environ)):
        matched = request.url_rule
        try:
            answer = current_app.view_functions[matched.endpoint](**(request.view_args or {})) if matched else None
        except (PosternError, HTTPException):
            answer = None
    structlog.contextvars.bind_contextvars(**logged)
    return answer if isinstance(answer, Response) else None


def _as_get(page: str, environ: Mapping[str, Any]) -> dict[str, Any]:
    """The same request from the same browser, for a page and without a body."""
    path, _, query = page.partition("?")
    kept = {name: value for name, value in environ.items() if name not in _OF_A_BODY}
    octets = path.encode().decode("latin-1")  # as WSGI has them: PEP 3333
    return {**kept, "REQUEST_METHOD": "GET", "PATH_INFO": octets, "QUERY_STRING": query, "wsgi.input": BytesIO()}
