"""The links that every page offers, in groups, to those who may open them."""

from dataclasses import dataclass
from typing import Final

from flask import url_for

from app.domain.users.roles import Role
from app.web.console.frame.access import current_session


@dataclass(frozen=True, slots=True)
class Link:
    """One page: where it is, and what it is called."""

    url: str
    name: str


@dataclass(frozen=True, slots=True)
class _Entry:
    endpoint: str
    name: str
    role: Role = Role.VIEWER


_GROUPS: Final = (
    (
        "Email",
        (
            _Entry("overview.show_overview", "Overview"),
            _Entry("console_emails.show_emails", "Emails"),
            _Entry("console_outcomes.show_outcomes", "Outcomes"),
        ),
    ),
    (
        "Suppressions",
        (
            _Entry("console_suppressions.show_suppressions", "Addresses"),
            _Entry("console_reviews.show_reviews", "Reviews"),
            _Entry("console_files.show_import", "Import and export", Role.SUPPORT),
        ),
    ),
    (
        "Waiting for a person",
        (
            _Entry("console_held.show_held", "Held emails"),
            _Entry("console_incidents.show_incidents", "Incidents"),
            _Entry("console_notifications.show_notifications", "Notifications", Role.OPERATOR),
            _Entry("console_failed_deliveries.show_failed_deliveries", "Failed webhooks"),
        ),
    ),
    (
        "Set-up",
        (
            _Entry("console_apps.show_apps", "Applications"),
            _Entry("console_account.show_account", "AWS account"),
            _Entry("console_audit.show_audit", "Audit", Role.OPERATOR),
            _Entry("console_users.show_users", "Users", Role.ADMIN),
        ),
    ),
)


def navigation() -> list[tuple[str, list[Link]]]:
    """The groups, each with the links that the person of this request may open."""
    session = current_session()
    if session is None:
        return []
    role = session.user.role
    groups = [
        (name, [Link(url_for(one.endpoint), one.name) for one in entries if role.includes(one.role)])
        for name, entries in _GROUPS
    ]
    return [(name, links) for name, links in groups if links]
