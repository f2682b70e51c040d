"""The declaration of a page or a change of the console: its path, role, and what it reads, in one place.

A test walks through all of them. A view gets its arguments already checked: the session, then the query string, then
the form.
"""

from collections.abc import Callable
from dataclasses import dataclass
from functools import wraps
from typing import Any, Final

from flask import Blueprint, Response, request, url_for
from werkzeug.exceptions import HTTPException

from app.domain.errors import MalformedRequest, NotFound, PosternError
from app.domain.users.roles import Role
from app.web.console.frame.access import admit
from app.web.console.frame.compression import compressed
from app.web.console.frame.forms import HIDDEN_FIELD, Form, NoForm
from app.web.console.frame.rendering import DONE, problem_page
from app.web.http.auth import Public
from app.web.http.faults.validation import check
from app.web.http.requests import read_query
from app.web.http.routing import View
from app.web.http.strict_json import UNSAFE_CHARACTER


@dataclass(frozen=True, slots=True, kw_only=True)
class PageOperation:
    """The description of a page (GET) or a change (POST): what it is, and the least role that may have it.

    `query` and `form` are read, checked and passed to the view under these names. `done` is the sentence that the next
    page shows.
    """

    role: Role | Public
    summary: str
    query: type[Form] | None = None
    form: type[Form] | None = None
    done: str = ""


class Pages(Blueprint):
    """A blueprint of pages. A failure on one of them is answered by a page."""

    def __init__(self, name: str, import_name: str) -> None:
        super().__init__(name, import_name)
        self.after_request(compressed)
        self.register_error_handler(PosternError, problem_page)
        self.register_error_handler(HTTPException, _http_failure)

    def page(
        self, path: str, *, role: Role | Public, summary: str, query: type[Form] | None = None
    ) -> Callable[[View], View]:
        """Serve GET `path` with the decorated view."""
        return self._declare("GET", path, PageOperation(role=role, summary=summary, query=query))

    def change(
        self, path: str, *, role: Role | Public, summary: str, form: type[Form] = NoForm, done: str = ""
    ) -> Callable[[View], View]:
        """Serve POST `path` with the decorated view, which gets the checked `form`."""
        return self._declare("POST", path, PageOperation(role=role, summary=summary, form=form, done=done))

    def _declare(self, method: str, path: str, operation: PageOperation) -> Callable[[View], View]:
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


def page_operation_of(view: Callable[..., Any]) -> PageOperation | None:
    """The description of the page that `view` serves, or None when it is no page of the console."""
    operation: PageOperation | None = getattr(view, "page_operation", None)
    return operation


def url_after(page: str, **values: Any) -> str:
    """The URL of a page, which then shows what the change of this request has done."""
    shown: dict[str, Any] = {**values, DONE: request.endpoint}
    return url_for(page, **shown)


def _served(view: View, operation: PageOperation) -> View:
    @wraps(view)
    def serve(**arguments: Any) -> Response:
        if any(isinstance(value, str) and UNSAFE_CHARACTER.search(value) for value in arguments.values()):
            raise NotFound("There is no such page.")
        if isinstance(operation.role, Role):
            admitted = admit(operation.role, changes=operation.form is not None)
            if isinstance(admitted, Response):
                return admitted
            arguments["session"] = admitted
        given = {name: value for name, value in read_query().items() if name != DONE}
        if operation.query is not None:
            arguments["query"] = check(operation.query, given)
        if operation.form is not None:
            arguments["form"] = check(operation.form, _form())
        return view(**arguments)

    serve.page_operation = operation  # type: ignore[attr-defined]
    return serve


def _form() -> dict[str, str | list[str]]:
    """The fields of the form, but for files and the secret. A field that is there several times is a list."""
    found: dict[str, str | list[str]] = {}
    for name, values in request.form.lists():
        if name != HIDDEN_FIELD:
            found[name] = values if len(values) > 1 else values[0]
    return found


def _http_failure(error: HTTPException) -> Response:
    """What Flask or Werkzeug refused, without their words, which may repeat the request."""
    status = error.code or 500
    return problem_page(NotFound("There is no such page.") if status == 404 else _NOT_READ, status=status)


_NOT_READ: Final = MalformedRequest("The page could not be shown, or the form not be read. Go back and try again.")
