"""`/console/apps/<app>/streams`: the title of a stream, and whether its email has links to unsubscribe."""

from flask import Response

from app.domain.users.roles import Role
from app.services.users.sessions import Session, caller_of
from app.web.console.apps.app_forms import StreamSettings
from app.web.console.frame.access import lead_to
from app.web.console.frame.lists import ByNameQuery, neighbours
from app.web.console.frame.pages import Pages, url_after
from app.web.console.frame.rendering import render
from app.web.http.context import current_gateway

console_streams = Pages("console_streams", __name__)


@console_streams.page(
    "/console/apps/<app>/streams", role=Role.VIEWER, summary="List the streams of an app.", query=ByNameQuery
)
def show_streams(session: Session, app: str, query: ByNameQuery) -> Response:
    """Answer with one page of them, by name."""
    gateway, caller = current_gateway(), caller_of(session)
    owner = gateway.apps.find(caller, app)
    found = gateway.streams.page(caller, owner.name, query.page())
    pages = neighbours("console_streams.show_streams", query, found, lambda stream: stream.name, app=owner.name)
    return render("apps/streams.html", app=owner, streams=found.data, pages=pages)


@console_streams.change(
    "/console/apps/<app>/streams",
    role=Role.ADMIN,
    summary="Set a stream.",
    form=StreamSettings,
    done="The stream was saved.",
)
def set_stream(session: Session, app: str, form: StreamSettings) -> Response:
    """Lead back to the application."""
    stream = current_gateway().streams.set(
        caller_of(session),
        app,
        form.stream.strip(),
        title=form.title,
        unsubscribe=form.unsubscribe,
        reason=form.reason,
    )
    return lead_to(url_after("console_app.show_app", app=stream.app))
