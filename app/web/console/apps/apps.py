"""`/console/apps`: all applications, and a new one."""

from enum import StrEnum
from functools import partial
from typing import Annotated, Final

from flask import Response
from pydantic import Field

from app.domain.users.roles import Role
from app.queue import Lane
from app.services.apps.app_options import AppOptions
from app.services.apps.apps import App
from app.services.paging import every_page
from app.services.users.sessions import Session, caller_of
from app.web.console.apps.app_forms import Senders
from app.web.console.frame.access import lead_to
from app.web.console.frame.downloads import csv_download
from app.web.console.frame.forms import Form, WithReason
from app.web.console.frame.lists import ListQuery, neighbours
from app.web.console.frame.pages import Pages, url_after
from app.web.console.frame.rendering import render
from app.web.http.context import current_gateway

console_apps = Pages("console_apps", __name__)

_COLUMNS: Final = (
    *("name", "senders", "default_lane", "default_stream", "on_unconfirmed"),
    *("emails_per_second", "emails_per_day", "created_at", "archived_at"),
)


class Status(StrEnum):
    """Which applications are listed."""

    ACTIVE = "active"
    ARCHIVED = "archived"


class AppsFilter(Form):
    """The filter of the list of applications."""

    status: Status | None = None

    @property
    def archived(self) -> bool | None:
        """The filter as the services take it."""
        return None if self.status is None else self.status is Status.ARCHIVED


class AppsQuery(AppsFilter, ListQuery):
    """Which applications, and which page of them."""


class NewApp(WithReason):
    """A new application. All else is set on its page."""

    name: Annotated[str, Field(max_length=63)]
    senders: Senders = ()
    default_lane: Lane = Lane.TRANSACTIONAL


@console_apps.page("/console/apps", role=Role.VIEWER, summary="List the applications.", query=AppsQuery)
def show_apps(session: Session, query: AppsQuery) -> Response:
    """Answer with one page of applications, and which of them are paused."""
    gateway, caller = current_gateway(), caller_of(session)
    found = gateway.apps.page(caller, query.page(), archived=query.archived)
    paused = {one.app for one in gateway.budgets.paused(caller)}
    pages = neighbours("console_apps.show_apps", query, found, lambda app: app.id)
    return render("apps/apps.html", apps=found.data, paused=paused, query=query, pages=pages, lanes=Lane)


@console_apps.page(
    "/console/apps.csv", role=Role.VIEWER, summary="Download the list of applications.", query=AppsFilter
)
def download_apps(session: Session, query: AppsFilter) -> Response:
    """Answer with the applications as CSV."""
    page = partial(current_gateway().apps.page, caller_of(session), archived=query.archived)
    pieces = every_page(page, lambda app: app.id)
    return csv_download("applications", _COLUMNS, (map(_cells, piece) for piece in pieces))


@console_apps.change(
    "/console/apps",
    role=Role.ADMIN,
    summary="Create an application.",
    form=NewApp,
    done="The application was created. Issue a key for it: with it the application sends email.",
)
def create_app(session: Session, form: NewApp) -> Response:
    """Lead to the page of the new application."""
    options = AppOptions(senders=form.senders, default_lane=form.default_lane)
    app = current_gateway().apps.create(caller_of(session), form.name.strip(), options, reason=form.reason)
    return lead_to(url_after("console_app.show_app", app=app.name))


def _cells(app: App) -> list[object]:
    return [" ".join(app.senders) if name == "senders" else getattr(app, name) for name in _COLUMNS]
