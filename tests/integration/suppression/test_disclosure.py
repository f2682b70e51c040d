"""What an application may learn from an entry that another application's mail has caused."""

from uuid import UUID

import pytest

from app.queue import Lane
from app.services.entries import Entry
from app.services.pages import Page
from app.wiring import Gateway
from tests.gateways import caller
from tests.mails import ROOT, bounce, feed, submit

KIM = "kim@example.net"


@pytest.fixture
def mail(gateway: Gateway) -> UUID:
    """A mail of the shop, which bounced."""
    mail = submit(gateway, caller(gateway, app="shop"), KIM)
    gateway.deliver.drain(Lane.TRANSACTIONAL)
    feed(gateway, bounce(gateway, mail))
    return mail


def seen_by(gateway: Gateway, app: str) -> list[Entry]:
    """The entry, by every call that shows one."""
    who = caller(gateway, app=app)
    found = gateway.suppress.find(who, KIM).entries[0]
    [paged] = gateway.suppress.page(who, origin=None, q=None, scope=None, page=Page(limit=5)).data
    added = gateway.suppress.add(who, KIM).entry
    [lifted] = gateway.suppress.remove(who, KIM, reason="The mailbox is back.").entries
    [back] = gateway.undo(who, KIM, reason="It is not.")
    return [found, paged, added, lifted, back]


def test_no_mail_of_another_application_is_told(gateway: Gateway, mail: UUID) -> None:
    """That the address bounced, not by which mail, nor what the server said to that mail."""
    for entry in seen_by(gateway, "invites"):
        assert entry.origin == "bounce"
        assert entry.source == {}
        assert "smtp" not in entry.reason


def test_the_own_mail_is_told(gateway: Gateway, mail: UUID) -> None:
    """With the evidence."""
    for entry in seen_by(gateway, "shop"):
        assert entry.source["email_id"] == str(mail)
        assert "smtp" in entry.reason


def test_an_operator_is_told_everything(gateway: Gateway, mail: UUID) -> None:
    """Whosesoever it is."""
    assert gateway.suppress.find(ROOT, KIM).entries[0].source["email_id"] == str(mail)
