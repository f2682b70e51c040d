"""What a page or a change of the console is: the least role that may have it, and what it reads."""

from collections.abc import Callable
from dataclasses import dataclass
from typing import Any

from app.domain.users.roles import Role
from app.web.console.frame.forms import Form
from app.web.http.auth import Public


@dataclass(frozen=True, slots=True, kw_only=True)
class PageOperation:
    """The description of a page (GET) or a change (POST): what it is, and the least role that may have it.

    `query` and `form` are read, checked and passed to the view under these names. `done` is the sentence that the next
    page shows. With `upload` the form may have a file; any other is short.
    """

    role: Role | Public
    summary: str
    query: type[Form] | None = None
    form: type[Form] | None = None
    done: str = ""
    upload: bool = False


def page_operation_of(view: Callable[..., Any]) -> PageOperation | None:
    """The description of the page that `view` serves, or None when it is no page of the console."""
    operation: PageOperation | None = getattr(view, "page_operation", None)
    return operation
