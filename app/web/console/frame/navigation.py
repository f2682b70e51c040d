"""The links that every page offers, in groups, to those who may open them."""

from dataclasses import dataclass
from typing import Final

from flask import current_app, url_for

from app.web.console.frame.access import current_session
from app.web.console.frame.operations import page_operation_of
from app.web.http.auth import PUBLIC


@dataclass(frozen=True, slots=True)
class Link:
    """One page: where it is, and what it is called."""

    url: str
    name: str


_GROUPS: Final = (
    (
        "Email",
        (
            ("Overview", "overview.show_overview"),
            ("Emails", "console_emails.show_emails"),
            ("Outcomes", "console_outcomes.show_outcomes"),
        ),
    ),
    (
        "Suppressions",
        (
            ("Addresses", "console_suppressions.show_suppressions"),
            ("Reviews", "console_reviews.show_reviews"),
            ("Import and export", "console_files.show_import"),
        ),
    ),
    (
        "Waiting for a person",
        (
            ("Held emails", "console_held.show_held"),
            ("Incidents", "console_incidents.show_incidents"),
            ("Notifications", "console_notifications.show_notifications"),
            ("Failed webhooks", "console_failed_deliveries.show_failed_deliveries"),
        ),
    ),
    (
        "Set-up",
        (
            ("Applications", "console_apps.show_apps"),
            ("AWS account", "console_account.show_account"),
            ("Audit", "console_audit.show_audit"),
            ("Users", "console_users.show_users"),
        ),
    ),
)


def navigation() -> list[tuple[str, list[Link]]]:
    """The groups, each with the links that the person of this request may open."""
    groups = [(name, [link for entry in entries if (link := link_to(*entry))]) for name, entries in _GROUPS]
    return [(name, links) for name, links in groups if links]


def link_to(name: str, endpoint: str) -> Link | None:
    """The link to a page, or None if the person of this request may not open it."""
    session, operation = current_session(), page_operation_of(current_app.view_functions[endpoint])
    if session is None or operation is None or operation.role is PUBLIC:
        return None
    return Link(url_for(endpoint), name) if session.user.role.includes(operation.role) else None
