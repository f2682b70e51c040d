"""The search of every page: an address, a domain, or the id of an email leads to its page.

What was sought is in the body of the request and never in a URL.
"""

from typing import Annotated
from uuid import UUID

from flask import Response, url_for
from pydantic import Field

from app.domain.errors import NotFound
from app.domain.message.address import InvalidAddress
from app.domain.suppression.targets import parse_target
from app.domain.users.roles import Role
from app.services.users.sessions import Session, caller_of
from app.web.console.frame.access import lead_to
from app.web.console.frame.forms import Form
from app.web.console.frame.pages import Pages
from app.web.http.context import current_gateway

find = Pages("find", __name__)

_NOTHING = "Give an address, a domain such as example.org, or the id of an email, which is 36 characters long."


class Sought(Form):
    """What the search field holds."""

    text: Annotated[str, Field(max_length=320)]


@find.change("/console/find", role=Role.VIEWER, summary="Find an address, a domain, or an email.", form=Sought)
def find_anything(session: Session, form: Sought) -> Response:
    """Lead to the page of what was sought."""
    text = form.text.strip()
    email_id = _id(text)
    if email_id is not None:
        current_gateway().look_up.email(caller_of(session), email_id)
        return lead_to(url_for("console_email.show_email", email_id=email_id))
    try:
        target = parse_target(text if "@" in text else f"@{text}")
    except InvalidAddress:
        raise NotFound(_NOTHING) from None
    token = current_gateway().address_tokens.write(target.email)
    return lead_to(url_for("console_address.show_address", token=token))


def _id(text: str) -> UUID | None:
    try:
        return UUID(text)
    except ValueError:
        return None
