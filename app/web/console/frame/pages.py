"""The declaration of a page or a change of the console: its path, role, and what it reads, in one place.

A test walks through all of them. A view gets its arguments already checked: the session, then the query string, then
the form.
"""

from collections.abc import Callable
from functools import wraps
from typing import Any, Final

from flask import Blueprint, Response, g, request, url_for
from werkzeug.exceptions import HTTPException

from app.domain.errors import MalformedRequest, NotFound, PosternError
from app.domain.users.roles import Role
from app.web.console.frame.access import RoleMissing, admit, is_way_back
from app.web.console.frame.compression import compressed
from app.web.console.frame.forms import HIDDEN_FIELD, PAGE_FIELD, Form, NoForm
from app.web.console.frame.masks import shown
from app.web.console.frame.operations import PageOperation
from app.web.console.frame.refusals.drawn import drawn
from app.web.console.frame.refusals.refill import refill
from app.web.console.frame.rendering import DONE, problem_page
from app.web.http.auth import Public
from app.web.http.faults.validation import check
from app.web.http.problem_details import note_unforeseen
from app.web.http.requests import read_query
from app.web.http.routing import View, add_route
from app.web.http.strict_json import UNSAFE_CHARACTER

_LONGEST_FORM: Final = 100_000
"""Octets of a form without a file."""


class Pages(Blueprint):
    """A blueprint of pages. A failure on one of them is answered by a page."""

    def __init__(self, name: str, import_name: str) -> None:
        super().__init__(name, import_name)
        self.after_request(compressed)
        self.register_error_handler(PosternError, problem_page)
        self.register_error_handler(HTTPException, _http_failure)
        self.register_error_handler(Exception, _unforeseen)

    def page(
        self, path: str, *, role: Role | Public, summary: str, query: type[Form] | None = None
    ) -> Callable[[View], View]:
        """Serve GET `path` with the decorated view."""
        return self._declare("GET", path, PageOperation(role=role, summary=summary, query=query))

    def change(
        self,
        path: str,
        *,
        role: Role | Public,
        summary: str,
        form: type[Form] = NoForm,
        done: str = "",
        upload: bool = False,
    ) -> Callable[[View], View]:
        """Serve POST `path` with the decorated view, which gets the checked `form`."""
        operation = PageOperation(role=role, summary=summary, form=form, done=done, upload=upload)
        return self._declare("POST", path, operation)

    def _declare(self, method: str, path: str, operation: PageOperation) -> Callable[[View], View]:
        def declare(view: View) -> View:
            add_route(self, method, path, _served(view, operation))
            return view

        return declare


def url_after(page: str, **values: Any) -> str:
    """The URL of a page, which then shows what the change of this request has done."""
    shown: dict[str, Any] = {**values, DONE: request.endpoint}
    return url_for(page, **shown)


def _served(view: View, operation: PageOperation) -> View:
    @wraps(view)
    def serve(**arguments: Any) -> Response:
        if any(isinstance(value, str) and UNSAFE_CHARACTER.search(value) for value in arguments.values()):
            raise NotFound("There is no such page.")
        if not operation.upload:
            request.max_content_length = _LONGEST_FORM
        if isinstance(operation.role, Role):
            admitted = admit(operation.role, changes=operation.form is not None)
            if isinstance(admitted, Response):
                return admitted
            arguments["session"] = admitted
            if operation.form is not None:
                return _changed(view, operation, arguments)
        return _answered(view, operation, arguments)

    serve.page_operation = operation  # type: ignore[attr-defined]
    return serve


def _changed(view: View, operation: PageOperation, arguments: dict[str, Any]) -> Response:
    """The answer of a change; if it is refused, the page of its form as it was typed."""
    g.form_page = request.form.get(PAGE_FIELD, "")
    try:
        return _answered(view, operation, arguments)
    except PosternError as refused:
        if refused.status >= 500 or isinstance(refused, RoleMissing) or (again := _shown_again(refused)) is None:
            raise
        return again


def _shown_again(error: PosternError) -> Response | None:
    """The page on which the form of this request is, filled as it was sent; None if that page cannot be shown now."""
    page, action = g.form_page, request.path
    typed = {name: values for name, values in request.form.lists() if name not in {HIDDEN_FIELD, PAGE_FIELD}}
    answer = drawn(page) if is_way_back(page) else None
    if answer is None or answer.status_code != 200 or answer.is_streamed:
        return None
    faults = {fault.pointer.strip("/").partition("/")[0]: shown(fault.detail) for fault in error.faults}
    filled = refill(answer.get_data(as_text=True), action, typed, faults, shown(error.detail))
    if filled is None:
        return None
    answer.set_data(filled)
    answer.status_code = error.status
    if error.retry_after is not None:
        answer.headers["Retry-After"] = str(error.retry_after)
    return answer


def _answered(view: View, operation: PageOperation, arguments: dict[str, Any]) -> Response:
    given = {name: value for name, value in read_query().items() if name != DONE}
    if operation.query is not None:
        arguments["query"] = check(operation.query, given)
    if operation.form is not None:
        arguments["form"] = check(operation.form, _form())
    return view(**arguments)


def _form() -> dict[str, str | list[str]]:
    """The fields of the form, but for files and those of every form. A field that is there several times is a list."""
    found: dict[str, str | list[str]] = {}
    for name, values in request.form.lists():
        if name not in {HIDDEN_FIELD, PAGE_FIELD}:
            found[name] = values if len(values) > 1 else values[0]
    return found


def _http_failure(error: HTTPException) -> Response:
    """What Flask or Werkzeug refused, without their words, which may repeat the request."""
    status = error.code or 500
    return problem_page(NotFound("There is no such page.") if status == 404 else _NOT_READ, status=status)


_NOT_READ: Final = MalformedRequest("The page could not be shown, or the form not be read. Go back and try again.")


def _unforeseen(error: Exception) -> Response:
    return problem_page(note_unforeseen(error))
