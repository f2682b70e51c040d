"""The message as SES gets it and the notifications about it, for people who look for a cause."""

from uuid import UUID

import pytest

from app.domain.apps.callers import Caller
from app.domain.errors import Conflict, NotFound, RestrictedApiKey
from app.queue import Lane
from app.wiring.gateway import Gateway
from tests.support.gateway.emails import ROOT, bounce, delivery, feed, submit
from tests.support.gateway.forgetting import forget, with_account
from tests.support.gateway.gateways import ScriptedMailer, caller
from tests.support.gateway.rows import change, recipient_of, rows
from tests.support.gateway.unsubscribe import BASE, mailed, path_of
from tests.support.gateway.web import NO_ID, AccountList, web_on

ANN = "ann@example.net"


@pytest.fixture
def who(gateway: Gateway) -> Caller:
    return caller(gateway)


def message(gateway: Gateway, email: UUID) -> bytes:
    return gateway.sources.message(ROOT, email, recipient_of(gateway, email).id)


def test_the_source_is_what_ses_gets(gateway: Gateway, mailer: ScriptedMailer, who: Caller) -> None:
    """Byte for byte, before and after it was sent."""
    email = submit(gateway, who, ANN)
    before = message(gateway, email)
    gateway.deliver.drain(Lane.TRANSACTIONAL)
    (envelope,) = mailer.sent
    assert before == envelope.raw == message(gateway, email)


def test_the_source_has_no_unsubscribe_link(migrated_url: str, redis_url: str) -> None:
    """The link of an email unsubscribes its recipient, so only the recipient may have it."""
    with web_on(migrated_url, redis_url, public_url=BASE) as web:
        email = mailed(web)
        shown = message(web.gateway, email)
        assert b"List-Unsubscribe: <https://hidden.invalid/unsubscribe/hidden>" in shown
        assert path_of(web).encode() not in shown


def test_an_erased_email_has_no_source(gateway: Gateway, who: Caller) -> None:
    """The refusal says so; so it does for a recipient who was forgotten, and for one that never existed."""
    email = submit(gateway, who, ANN)
    with pytest.raises(NotFound):
        gateway.sources.message(ROOT, email, UUID(NO_ID))
    change(gateway, "emails", {"sealed_body": None, "sealed_key": None})
    with pytest.raises(Conflict, match="The content was erased"):
        message(gateway, email)
    other = submit(gateway, who, "kim@example.net", "bob@example.net")
    forget(with_account(gateway, AccountList()), "kim@example.net")
    with pytest.raises(Conflict, match="The recipient was forgotten"):
        message(gateway, other)


def test_the_notifications_are_those_about_the_email(gateway: Gateway, who: Caller) -> None:
    """Each once, as it came and with the types of its events, as long as it is kept."""
    email, other = submit(gateway, who, ANN), submit(gateway, who, "bob@example.net")
    gateway.deliver.drain(Lane.TRANSACTIONAL)
    feed(gateway, delivery(gateway, email))
    feed(gateway, bounce(gateway, other))
    (found,) = gateway.sources.notifications(ROOT, email)
    assert found.types == ("delivery",)
    assert found.raw in {row["raw"] for row in rows(gateway, "notifications")}
    assert ANN in found.raw
    with pytest.raises(NotFound):
        gateway.sources.notifications(ROOT, UUID(NO_ID))


def test_sources_are_for_administrators(gateway: Gateway, who: Caller) -> None:
    """An application has neither by this way, not even of its own emails."""
    email = submit(gateway, who, ANN)
    with pytest.raises(RestrictedApiKey):
        gateway.sources.message(who, email, recipient_of(gateway, email).id)
    with pytest.raises(RestrictedApiKey):
        gateway.sources.notifications(who, email)
