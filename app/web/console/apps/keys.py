"""`/console/apps/<app>/keys`: list, issue, rotate and revoke keys. The token of a new key is only in the answer."""

from enum import StrEnum

from flask import Response, url_for

from app.domain.users.roles import Role
from app.services.apps.issue_keys import Issued
from app.services.users.sessions import Session, caller_of
from app.web.console.apps.app_forms import KeyRotation, NewKey
from app.web.console.frame.access import lead_to
from app.web.console.frame.forms import WithReason
from app.web.console.frame.lists import ListQuery, neighbours
from app.web.console.frame.pages import Pages, url_after
from app.web.console.frame.rendering import render
from app.web.http.context import current_gateway

console_keys = Pages("console_keys", __name__)


class Which(StrEnum):
    """Which keys are listed. Those that have ended were revoked, or have expired."""

    WORKING = "working"
    ENDED = "ended"


class KeysQuery(ListQuery):
    """Which keys, and which page of them."""

    which: Which = Which.WORKING


@console_keys.page("/console/apps/<app>/keys", role=Role.VIEWER, summary="List the keys of an app.", query=KeysQuery)
def show_keys(session: Session, app: str, query: KeysQuery) -> Response:
    """Answer with one page of them, the newest first."""
    gateway, caller = current_gateway(), caller_of(session)
    owner = gateway.apps.find(caller, app)
    found = gateway.issue_keys.page(caller, owner.name, query.page(), working=query.which is Which.WORKING)
    pages = neighbours("console_keys.show_keys", query, found, lambda key: key.id, app=owner.name)
    return render("apps/keys.html", app=owner, keys=found.data, query=query, pages=pages)


@console_keys.change("/console/apps/<app>/keys", role=Role.ADMIN, summary="Issue a key.", form=NewKey)
def issue_key(session: Session, app: str, form: NewKey) -> Response:
    """Answer with the token."""
    issued = current_gateway().issue_keys.add(
        caller_of(session),
        app,
        name=form.name.strip(),
        scopes=frozenset(form.scopes),
        kind=form.kind,
        expires_at=form.expires_at,
        reason=form.reason,
    )
    return _shown(issued, "The key works now.")


@console_keys.change(
    "/console/apps/<app>/keys/<key>/rotate", role=Role.ADMIN, summary="Replace a key.", form=KeyRotation
)
def rotate_key(session: Session, app: str, key: str, form: KeyRotation) -> Response:
    """Answer with the token of the new key."""
    issued = current_gateway().issue_keys.rotate(
        caller_of(session), key, overlap=form.overlap, app=app, reason=form.reason
    )
    return _shown(issued, "The key works now. The old one works until the overlap ends: give the new one out before.")


@console_keys.change(
    "/console/apps/<app>/keys/<key>/revoke",
    role=Role.ADMIN,
    summary="Revoke a key.",
    form=WithReason,
    done="The key was revoked. It is refused within five seconds.",
)
def revoke_key(session: Session, app: str, key: str, form: WithReason) -> Response:
    """Lead back to the application."""
    revoked = current_gateway().issue_keys.revoke(caller_of(session), key, app=app, reason=form.reason)
    return lead_to(url_after("console_app.show_app", app=revoked.app.name))


def _shown(issued: Issued, says: str) -> Response:
    return render(
        "apps/key.html",
        title=f"New key of {issued.key.app.name}",
        secret=issued.token,
        access=issued.access(current_gateway().doors),
        says=says,
        sent_as="Authorization: Bearer ptn_…",
        back=url_for("console_app.show_app", app=issued.key.app.name),
        back_to=issued.key.app.name,
    )
