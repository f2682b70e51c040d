"""The search of every page: an address, a domain, or the id of an email or of a request leads to its page.

What was sought is in the body of the request and never in a URL.
"""

from typing import Annotated
from uuid import UUID

from flask import Response, url_for
from pydantic import Field

from app.domain.apps.callers import Caller
from app.domain.errors import NotFound
from app.domain.message.address import InvalidAddress
from app.domain.suppression.targets import parse_target
from app.domain.users.roles import Role
from app.services.paging import Page
from app.services.submission.look_up import EmailFilter
from app.services.users.sessions import Session, caller_of
from app.web.console.frame.access import lead_to
from app.web.console.frame.forms import Form
from app.web.console.frame.pages import Pages
from app.web.http.context import current_gateway

find = Pages("find", __name__)

_NOTHING = "Give an address, a domain such as example.org, or an id of 36 characters: of an email, or of a request."


class Sought(Form):
    """What the search field holds."""

    text: Annotated[str, Field(max_length=320)]


@find.change("/console/find", role=Role.VIEWER, summary="Find an address, a domain, or an email.", form=Sought)
def find_anything(session: Session, form: Sought) -> Response:
    """Lead to the page of what was sought."""
    text = form.text.strip()
    sought = _id(text)
    if sought is not None:
        return lead_to(_url_of(caller_of(session), sought))
    try:
        target = parse_target(text if "@" in text else f"@{text}")
    except InvalidAddress:
        raise NotFound(_NOTHING) from None
    token = current_gateway().address_tokens.write(target.email)
    return lead_to(url_for("console_address.show_address", token=token))


def _url_of(caller: Caller, sought: UUID) -> str:
    """The page of the email with this id, or of what came by the request with this id. Raises `NotFound`."""
    look_up = current_gateway().look_up
    of_request = look_up.emails(caller, EmailFilter(request_id=sought), Page(limit=1))
    if of_request.has_more:
        return url_for("console_emails.show_emails", request_id=sought)
    [email_id] = [one.id for one in of_request.data] or [look_up.email(caller, sought).id]
    return url_for("console_email.show_email", email_id=email_id)


def _id(text: str) -> UUID | None:
    try:
        return UUID(text)
    except ValueError:
        return None
