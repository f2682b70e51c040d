"""`/v1/apps`: create, list, show, change and archive applications. `<app>` is a name or an id."""

from flask import Response

from app.domain.apps.callers import Caller, Scope
from app.web.apps.app_requests import AppBody, AppSettings
from app.web.apps.app_views import AppView
from app.web.http.context import current_gateway
from app.web.http.known import PageQuery
from app.web.http.responses import Listed
from app.web.http.routing import Operation, Routes

apps = Routes("apps", __name__, url_prefix="/v1/apps")


@apps.operation("POST", "", Operation(guard=Scope.ADMIN, summary="Create an application.", body=AppBody, gives=AppView))
def create_app(caller: Caller, body: AppBody) -> Response:
    """Answer with the application, which has no key yet."""
    return AppView.of(current_gateway().apps.create(caller, body.name, body.options())).answer()


@apps.operation(
    "GET",
    "",
    Operation(
        guard=Scope.ADMIN,
        summary="List the applications, archived ones too, newest first.",
        query=PageQuery,
        gives=Listed[AppView],
    ),
)
def list_apps(caller: Caller, query: PageQuery) -> Response:
    """Answer with one page."""
    found = current_gateway().apps.page(caller, query.page())
    return Listed[AppView](
        object="list", data=[AppView.of(app) for app in found.data], has_more=found.has_more
    ).answer()


@apps.operation("GET", "/<app>", Operation(guard=Scope.ADMIN, summary="Look up an application.", gives=AppView))
def get_app(caller: Caller, app: str) -> Response:
    """Answer with the application."""
    return AppView.of(current_gateway().apps.find(caller, app)).answer()


@apps.operation(
    "PATCH",
    "/<app>",
    Operation(
        guard=Scope.ADMIN,
        summary="Change the settings of an application that are given.",
        body=AppSettings,
        gives=AppView,
    ),
)
def change_app(caller: Caller, app: str, body: AppSettings) -> Response:
    """Answer with the changed application. Every process uses it within five seconds."""
    return AppView.of(current_gateway().apps.change(caller, app, body.options())).answer()


@apps.operation(
    "POST",
    "/<app>/archive",
    Operation(
        guard=Scope.ADMIN,
        summary="Archive an application: its keys are refused; what was accepted is still sent.",
        gives=AppView,
    ),
)
def archive_app(caller: Caller, app: str) -> Response:
    """Answer with the archived application."""
    return AppView.of(current_gateway().apps.archive(caller, app)).answer()


@apps.operation(
    "POST",
    "/<app>/unarchive",
    Operation(guard=Scope.ADMIN, summary="Unarchive an application: its keys are accepted again.", gives=AppView),
)
def unarchive_app(caller: Caller, app: str) -> Response:
    """Answer with the application."""
    return AppView.of(current_gateway().apps.unarchive(caller, app)).answer()
