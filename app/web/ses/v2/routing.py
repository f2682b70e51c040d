"""The declaration of an operation of version 2: its name at SES, its path, its scope and its body, in one place.

An operation gets its arguments already checked: the caller, then the query string, then the body.
"""

from collections.abc import Callable
from dataclasses import dataclass
from functools import wraps
from typing import Any

from flask import Blueprint, Response, g
from pydantic import BaseModel

from app.domain.apps.callers import Scope
from app.web.http import strict_json
from app.web.http.faults.validation import check
from app.web.http.known import NoQuery
from app.web.http.requests import read_bytes, read_query
from app.web.http.responses import written
from app.web.http.routing import View, add_route
from app.web.ses.admission import admit
from app.web.ses.failures import V2, failure_of

PREFIX = "/v2/email"


@dataclass(frozen=True, slots=True, kw_only=True)
class SesOperation:
    """The description of an operation. Without a `scope` any key of this door may have it.

    `query` and `body` are read, checked and passed to the view under these names. `several` are parameters of the
    query string that may be repeated.
    """

    name: str
    scope: Scope | None = None
    query: type[BaseModel] | None = None
    several: tuple[str, ...] = ()
    body: type[BaseModel] | None = None


class SesRoutes(Blueprint):
    """A blueprint of operations. A failure of one of them is answered as SES answers it."""

    def __init__(self, name: str, import_name: str) -> None:
        super().__init__(name, import_name)
        self.register_error_handler(Exception, _failed)
        self.after_request(_with_request_id)

    def operation(self, methods: str, path: str, operation: SesOperation) -> Callable[[View], View]:
        """Serve `path` with the decorated view, as `operation` describes. `methods` are words."""

        def declare(view: View) -> View:
            served = _served(view, operation)
            for method in methods.split():
                add_route(self, method, PREFIX + path, served)
            return view

        return declare


def ses_operation_of(view: Callable[..., Any]) -> SesOperation | None:
    """The description of the operation that `view` answers, or None when it is none of SES."""
    operation: SesOperation | None = getattr(view, "ses_operation", None)
    return operation


def _served(view: View, operation: SesOperation) -> View:
    @wraps(view)
    def serve(**arguments: Any) -> Response:
        arguments["caller"] = caller = admit()
        if operation.scope is not None:
            caller.require(operation.scope)
        given = {name: value for name, value in read_query(operation.several).items() if not _is_of_signature(name)}
        query = check(operation.query or NoQuery, given)
        if operation.query is not None:
            arguments["query"] = query
        if operation.body is not None:
            arguments["body"] = check(operation.body, strict_json.load(read_bytes() or b"{}"))
        return view(**arguments)

    serve.ses_operation = operation  # type: ignore[attr-defined]
    return serve


def _is_of_signature(name: str) -> bool:
    """Whether a parameter belongs to the signature of a presigned request."""
    return name.lower().startswith("x-amz-")


def _failed(error: Exception) -> Response:
    failure = failure_of(error, V2)
    answer = written({"message": failure.message}, status=failure.status)
    answer.headers["x-amzn-ErrorType"] = failure.code
    if failure.retry_after is not None:
        answer.headers["Retry-After"] = str(failure.retry_after)
    return answer


def _with_request_id(answer: Response) -> Response:
    answer.headers["x-amzn-RequestId"] = g.request_id
    return answer
