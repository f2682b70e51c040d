"""`/console/emails/<id>`: everything about one email, and what a person may do with it."""

from collections.abc import Iterator
from dataclasses import dataclass
from typing import Final
from uuid import UUID

from flask import Response

from app.domain.errors import Conflict, NotFound
from app.domain.privacy.pseudonym import is_pseudonym
from app.domain.sending.state_machine import CLAIMABLE, State
from app.domain.users.roles import Role
from app.services.submission.look_up import EmailView, RecipientView
from app.services.users.sessions import Session, caller_of
from app.web.console.frame.access import lead_to
from app.web.console.frame.forms import WithReason
from app.web.console.frame.pages import Pages, url_after
from app.web.console.frame.rendering import render
from app.web.console.submission.steps import Step, steps_of
from app.web.http.context import current_gateway

console_email = Pages("console_email", __name__)

_PAGE: Final = "console_email.show_email"
_LONGEST_TEXT: Final = 100_000
"""The most characters of a text that the page shows: one of megabytes would stop a browser."""


@dataclass(frozen=True, slots=True)
class _Recipient:
    """One recipient as the page shows it; `token` leads to the page of the address, unless the person was forgotten."""

    view: RecipientView
    token: str | None
    steps: tuple[Step, ...]


@console_email.page("/console/emails/<uuid:email_id>", role=Role.VIEWER, summary="Show one email.")
def show_email(session: Session, email_id: UUID) -> Response:
    """Answer with the page of the email."""
    gateway, caller = current_gateway(), caller_of(session)
    view = gateway.look_up.email(caller, email_id)
    steps = steps_of(gateway.look_up.timeline(caller, email_id))
    states = {one.state for one in view.recipients}
    written = gateway.address_tokens.write
    return render(
        "submission/email.html",
        email=view,
        recipients=[
            _Recipient(one, None if is_pseudonym(one.email) else written(one.email), steps[one.id])
            for one in view.recipients
        ],
        same={name: written(text) for name in ("actor", "reference") if (text := getattr(view, name))},
        text=view.text and view.text[:_LONGEST_TEXT],
        body_hours=gateway.settings.body_retention_hours,
        is_cancelable=not CLAIMABLE.isdisjoint(states) and State.HELD not in states,
        is_held=State.HELD in states,
        has_failed=State.FAILED in states and not view.erased,
    )


@console_email.change(
    "/console/emails/<uuid:email_id>/cancel",
    role=Role.SUPPORT,
    summary="Cancel an email that has not left.",
    form=WithReason,
    done="The email is canceled for everybody to whom it had not left.",
)
def cancel_email(session: Session, email_id: UUID, form: WithReason) -> Response:
    """Cancel it, and show the email. Raises `Conflict` if a part of it is held: an operator decides about that."""
    gateway, caller = current_gateway(), caller_of(session)
    if any(one.state == State.HELD for one in gateway.look_up.email(caller, email_id).recipients):
        raise Conflict("The email is held for a recipient. An operator decides about it first.")
    gateway.revise.cancel(caller, email_id, reason=form.reason)
    return _to(email_id)


@console_email.change(
    "/console/emails/<uuid:email_id>/send-again",
    role=Role.SUPPORT,
    summary="Send a failed email again.",
    form=WithReason,
    done="The email is sent again to the recipients for whom it had failed, unless they are suppressed.",
)
def send_failed_again(session: Session, email_id: UUID, form: WithReason) -> Response:
    """Send it again, and show the email."""
    current_gateway().resend_failed(caller_of(session), email_id, reason=form.reason)
    return _to(email_id)


@console_email.change(
    "/console/emails/<uuid:email_id>/resend-held",
    role=Role.OPERATOR,
    summary="Send a held email again, as a possible duplicate.",
    form=WithReason,
    done="The email is sent again, marked as a possible duplicate.",
)
def resend_held(session: Session, email_id: UUID, form: WithReason) -> Response:
    """Send it again to all recipients for whom it is held, and show the email."""
    reconcile, caller = current_gateway().reconcile, caller_of(session)
    reconcile.resend_all(caller, reconcile.held_of(caller, email_id), reason=form.reason)
    return _to(email_id)


@console_email.change(
    "/console/emails/<uuid:email_id>/discard-held",
    role=Role.OPERATOR,
    summary="Discard a held email.",
    form=WithReason,
    done="The held email is discarded. It will not be sent.",
)
def discard_held(session: Session, email_id: UUID, form: WithReason) -> Response:
    """Discard it for all recipients for whom it is held, and show the email."""
    reconcile, caller = current_gateway().reconcile, caller_of(session)
    reconcile.discard_all(caller, reconcile.held_of(caller, email_id), reason=form.reason)
    return _to(email_id)


@console_email.change(
    "/console/emails/<uuid:email_id>/recipients/<uuid:recipient_id>/suppress",
    role=Role.SUPPORT,
    summary="Suppress a recipient of an email.",
    form=WithReason,
    done="The address is suppressed. No application sends to it any more.",
)
def suppress_recipient(session: Session, email_id: UUID, recipient_id: UUID, form: WithReason) -> Response:
    """Suppress the address for every email, and show the email."""
    gateway, caller = current_gateway(), caller_of(session)
    recipient = _recipient(gateway.look_up.email(caller, email_id), recipient_id)
    gateway.suppress.add(caller, recipient.email, reason=form.reason)
    return _to(email_id)


def _recipient(view: EmailView, recipient_id: UUID) -> RecipientView:
    found: Iterator[RecipientView] = (one for one in view.recipients if one.id == recipient_id)
    recipient = next(found, None)
    if recipient is None or is_pseudonym(recipient.email):
        raise NotFound("There is no such recipient. The person may have been forgotten.")
    return recipient


def _to(email_id: UUID) -> Response:
    return lead_to(url_after(_PAGE, email_id=email_id))
