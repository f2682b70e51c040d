"""`/console/notifications`: notifications that wait for a person, one as it came, and having them read again."""

import json
from enum import StrEnum
from functools import partial
from typing import Any, Literal
from uuid import UUID

from flask import Response

from app.domain.users.roles import Role
from app.services.operating.triage import InboxState, RefusedMessage, Waiting
from app.services.paging import Paged, every_page
from app.services.users.sessions import Session, caller_of
from app.web.console.frame.access import lead_to
from app.web.console.frame.downloads import csv_download
from app.web.console.frame.forms import WithReason
from app.web.console.frame.lists import ListQuery, filters_of, neighbours
from app.web.console.frame.pages import Pages, url_after
from app.web.console.frame.rendering import render
from app.web.http.context import current_gateway

console_notifications = Pages("console_notifications", __name__)

COLUMNS = ("notification", "kind", "received", "tries", "next look", "why")
REFUSED_COLUMNS = ("message", "queue", "refused", "sent", "characters", "reason", "why")
_LIST = "console_notifications.show_notifications"
_MOST = 10_000


class Which(StrEnum):
    """Which notifications are listed. `new` is read next; a refused one was never believed to be from AWS."""

    NEW = InboxState.NEW.value
    QUARANTINED = InboxState.QUARANTINED.value
    PARKED = InboxState.PARKED.value
    REFUSED = "refused"


class NotificationsQuery(ListQuery):
    """Which notifications, and which page of them."""

    which: Which = Which.QUARANTINED


class RetryForm(WithReason):
    """The list of what is read again, and why."""

    which: Literal[Which.QUARANTINED, Which.PARKED, Which.REFUSED]


@console_notifications.page(
    "/console/notifications",
    role=Role.OPERATOR,
    summary="Show notifications that wait for a person.",
    query=NotificationsQuery,
)
def show_notifications(session: Session, query: NotificationsQuery) -> Response:
    """Answer with one page of them."""
    found = _found(session, query)
    return render(
        "feedback/notifications.html",
        found=found.data,
        query=query,
        filters=filters_of(query),
        pages=neighbours(_LIST, query, found, lambda one: one.id),
    )


@console_notifications.page(
    "/console/notifications.csv",
    role=Role.OPERATOR,
    summary="Download the list of notifications.",
    query=NotificationsQuery,
)
def download_notifications(session: Session, query: NotificationsQuery) -> Response:
    """Answer with the list, without the texts of the notifications."""
    triage, caller = current_gateway().triage, caller_of(session)
    if query.which is Which.REFUSED:
        refused = triage.refused(caller, limit=_MOST)
        return csv_download("refused", REFUSED_COLUMNS, [map(_refused_row, refused)])
    pieces = every_page(partial(triage.waiting, caller, InboxState(query.which)), lambda one: one.id)
    return csv_download(query.which, COLUMNS, (map(_row, piece) for piece in pieces))


@console_notifications.page(
    "/console/notifications/<uuid:notification_id>", role=Role.OPERATOR, summary="Show a notification as it came."
)
def show_notification(session: Session, notification_id: UUID) -> Response:
    """Answer with its text, which is authentic."""
    found, raw = current_gateway().triage.notification(caller_of(session), notification_id)
    may_be_read_again = found.state in {InboxState.QUARANTINED, InboxState.PARKED}
    return render("feedback/notification.html", one=found, raw=_indented(raw), may_be_read_again=may_be_read_again)


@console_notifications.page(
    "/console/notifications/refused/<uuid:refused_id>", role=Role.OPERATOR, summary="Show a refused message as it came."
)
def show_refused(session: Session, refused_id: UUID) -> Response:
    """Answer with its text as far as it is kept. It may be forged."""
    found, raw = current_gateway().triage.refused_message(caller_of(session), refused_id)
    return render("feedback/refused.html", one=found, raw=_indented(raw))


@console_notifications.change(
    "/console/notifications/<uuid:notification_id>/retry",
    role=Role.OPERATOR,
    summary="Have a notification read again.",
    form=RetryForm,
    done="It is read again within a second, where workers run.",
)
def retry_notification(session: Session, notification_id: UUID, form: RetryForm) -> Response:
    """Make it due, and show the list."""
    current_gateway().triage.retry(caller_of(session), notification_id, reason=form.reason)
    return lead_to(url_after(_LIST, which=form.which))


@console_notifications.change(
    "/console/notifications/refused/<uuid:refused_id>/retry",
    role=Role.OPERATOR,
    summary="Have a refused message judged again.",
    form=WithReason,
    done="It was judged again. If it is authentic now, it is read within a second; else it is listed here as before.",
)
def retry_refused(session: Session, refused_id: UUID, form: WithReason) -> Response:
    """Judge it again, and show the list."""
    current_gateway().retry_refused(caller_of(session), refused_id, reason=form.reason)
    return lead_to(url_after(_LIST, which=Which.REFUSED))


@console_notifications.change(
    "/console/notifications/retry",
    role=Role.OPERATOR,
    summary="Have all notifications of a list read again.",
    form=RetryForm,
    done="All of them are read again, 10,000 at most. What is still wrong comes back to its list.",
)
def retry_all(session: Session, form: RetryForm) -> Response:
    """Have them read or judged again, and show the list."""
    caller = caller_of(session)
    if form.which is Which.REFUSED:
        current_gateway().retry_refused(caller, reason=form.reason)
    else:
        current_gateway().triage.retry_all(caller, InboxState(form.which), reason=form.reason)
    return lead_to(url_after(_LIST, which=form.which))


def _found(session: Session, query: NotificationsQuery) -> Paged[Any]:
    triage, caller = current_gateway().triage, caller_of(session)
    if query.which is Which.REFUSED:
        return triage.refused_page(caller, query.page())
    return triage.waiting(caller, InboxState(query.which), query.page())


def _indented(raw: str) -> str:
    """JSON with a line for each member; any other text as it is."""
    try:
        return json.dumps(json.loads(raw), indent=2, ensure_ascii=False)
    except (ValueError, RecursionError):
        return raw


def _row(one: Waiting) -> tuple[object, ...]:
    next_look = one.due_at if one.state is InboxState.PARKED else None
    return one.id, one.kind, one.received_at, one.tries, next_look, one.note


def _refused_row(one: RefusedMessage) -> tuple[object, ...]:
    return one.id, one.queue, one.refused_at, one.sent_at, one.length, one.reason, one.detail
