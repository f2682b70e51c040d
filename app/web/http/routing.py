"""The declaration of a route: its method, path, guard, request and response, in one place.

Flask serves the route, the OpenAPI document describes it, and a test walks through all routes. A view gets its
arguments already checked: the caller, then the query string, then the body, from the cheapest check to the dearest.
"""

from collections.abc import Callable
from dataclasses import dataclass
from functools import wraps
from typing import Any, get_origin

from flask import Blueprint, Response, request
from pydantic import BaseModel

from app.domain.apps.callers import Scope
from app.domain.errors import NotFound
from app.web.http.auth import Guard, admit
from app.web.http.faults.validation import check
from app.web.http.known import NoQuery
from app.web.http.requests import read_bytes, read_json, read_query
from app.web.http.strict_json import UNSAFE_CHARACTER

View = Callable[..., Response]


@dataclass(frozen=True, slots=True, kw_only=True)
class Operation:
    """The description of a route.

    `query` and `body` are read, checked and passed to the view under these names. A body is optional when
    `body_optional`. `documented_body` describes a body that the view reads by itself, `body_media` its media types.
    `headers` are the request headers that the view reads. `gives` describes the response, `media` its media type.
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
    """A blueprint in which every route has an `Operation`."""

    def operation(self, method: str, path: str, operation: Operation) -> Callable[[View], View]:
        """Serve `path` with the decorated view, as `operation` describes."""

        def declare(view: View) -> View:
            add_route(self, method, path, _served(view, operation))
            return view

        return declare


def add_route(blueprint: Blueprint, method: str, path: str, view: View) -> None:
    """Serve `path` with a view, under the name of the view.

    OPTIONS is not answered, since no route is for scripts of other origins.
    """
    blueprint.add_url_rule(
        path, endpoint=view.__name__, view_func=view, methods=[method], provide_automatic_options=False
    )


def operation_of(view: Callable[..., Any]) -> Operation | None:
    """The description of the route of `view`, or None when it was not declared with `Routes.operation`."""
    operation: Operation | None = getattr(view, "operation", None)
    return operation


def _served(view: View, operation: Operation) -> View:
    several = _several(operation.query) if operation.query else ()

    @wraps(view)
    def serve(**arguments: Any) -> Response:
        if isinstance(operation.guard, Scope):
            if any(isinstance(value, str) and UNSAFE_CHARACTER.search(value) for value in arguments.values()):
                raise NotFound("Nothing is served at this path.")
            arguments["caller"] = admit(operation.guard)
            if operation.query is not None:
                arguments["query"] = check(operation.query, read_query(several))
            elif request.query_string:
                check(NoQuery, read_query(several))
        if operation.body is not None:
            arguments["body"] = check(operation.body, _body(operation))
        return view(**arguments)

    serve.operation = operation  # type: ignore[attr-defined]
    return serve


def _several(query: type[BaseModel]) -> tuple[str, ...]:
    """The parameters that may be repeated: those that the query holds as lists."""
    return tuple(name for name, field in query.model_fields.items() if get_origin(field.annotation) is tuple)


def _body(operation: Operation) -> Any:
    return {} if operation.body_optional and not read_bytes() else read_json()
