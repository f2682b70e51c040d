"""How a route is declared: method, path, guard, what it takes and what it gives, in one place and for three readers.

Flask serves the route, the OpenAPI document describes it, and a test walks all of them. A view gets what it asked for
already checked: the caller, then the query string, then the body, in the order in which they are paid for.
"""

from collections.abc import Callable
from dataclasses import dataclass
from functools import wraps
from typing import Any

from flask import Blueprint, Response
from pydantic import BaseModel

from app.domain.callers import Scope
from app.web.auth import Guard, admit
from app.web.faults import check
from app.web.reading import read_bytes, read_json, read_query
from app.web.schemas import NoQuery

View = Callable[..., Response]


@dataclass(frozen=True, slots=True, kw_only=True)
class Operation:
    """What a route promises.

    `query` and `body` are read, checked and handed to the view under these names. A body is optional when
    `body_optional`. `documented_body` describes a body that the view reads by itself, `body_media` its types; `headers`
    are the request headers that it looks at; `gives` describes the answer, `media` its type.
    """

    guard: Guard
    summary: str
    query: type[BaseModel] | None = None
    body: type[BaseModel] | None = None
    body_optional: bool = False
    documented_body: Any = None
    body_media: tuple[str, ...] = ("application/json",)
    headers: tuple[str, ...] = ()
    gives: Any = None
    media: str = "application/json"


class Routes(Blueprint):
    """A blueprint whose every route is an `Operation`."""

    def operation(self, method: str, path: str, operation: Operation) -> Callable[[View], View]:
        """Serve `path` with the decorated view, as `operation` says.

        OPTIONS is not answered: nothing here is for scripts of other origins.
        """

        def declare(view: View) -> View:
            self.add_url_rule(
                path,
                endpoint=view.__name__,
                view_func=_served(view, operation),
                methods=[method],
                provide_automatic_options=False,
            )
            return view

        return declare


def operation_of(view: Callable[..., Any]) -> Operation | None:
    """What the route of `view` promises, or None when it was not declared here."""
    operation: Operation | None = getattr(view, "operation", None)
    return operation


def _served(view: View, operation: Operation) -> View:
    @wraps(view)
    def serve(**arguments: Any) -> Response:
        if isinstance(operation.guard, Scope):
            arguments["caller"] = admit(operation.guard)
            query = check(operation.query or NoQuery, read_query())
            if operation.query is not None:
                arguments["query"] = query
        if operation.body is not None:
            arguments["body"] = check(operation.body, _body(operation))
        return view(**arguments)

    serve.operation = operation  # type: ignore[attr-defined]
    return serve


def _body(operation: Operation) -> Any:
    return {} if operation.body_optional and not read_bytes() else read_json()
