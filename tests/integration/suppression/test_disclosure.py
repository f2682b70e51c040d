"""What an application may learn of an entry that another application's email has caused."""

from uuid import UUID

import pytest

from app.queue import Lane
from app.services.paging import Page
from app.services.suppression.entries import Entry
from app.wiring.gateway import Gateway
from tests.support.gateway.emails import ROOT, bounce, feed, submit
from tests.support.gateway.gateways import caller

KIM = "kim@example.net"


@pytest.fixture
def email(gateway: Gateway) -> UUID:
    """An email of the shop, which bounced."""
    email = submit(gateway, caller(gateway, app="shop"), KIM)
    gateway.deliver.drain(Lane.TRANSACTIONAL)
    feed(gateway, bounce(gateway, email))
    return email


def seen_by(gateway: Gateway, app: str) -> list[Entry]:
    """The entry, by every call that shows one."""
    who = caller(gateway, app=app)
    found = gateway.suppress.find(who, KIM).entries[0]
    [paged] = gateway.suppress.page(who, origin=None, q=None, scope=None, page=Page(limit=5)).data
    added = gateway.suppress.add(who, KIM).entry
    [unsuppressed] = gateway.unsuppress(who, KIM, reason="The mailbox is back.").entries
    [back] = gateway.undo(who, KIM, reason="It is not.")
    return [found, paged, added, unsuppressed, back]


def test_no_email_of_another_application_is_shown(gateway: Gateway, email: UUID) -> None:
    """The application sees that the address bounced, but neither the email nor the server's answer to it."""
    for entry in seen_by(gateway, "invites"):
        assert entry.origin == "bounce"
        assert entry.source == {}
        assert "smtp" not in entry.reason


def test_an_applications_own_email_is_shown(gateway: Gateway, email: UUID) -> None:
    """With the evidence."""
    for entry in seen_by(gateway, "shop"):
        assert entry.source["email_id"] == str(email)
        assert "smtp" in entry.reason


def test_an_operator_sees_everything(gateway: Gateway, email: UUID) -> None:
    """Whichever application sent the email."""
    assert gateway.suppress.find(ROOT, KIM).entries[0].source["email_id"] == str(email)
