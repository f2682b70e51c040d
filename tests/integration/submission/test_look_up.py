"""What an application is told of its mails: all of its own, nothing of another's."""

from uuid import UUID

import pytest

from app.domain.callers import Scope
from app.domain.delivery import State
from app.domain.errors import NotFound, RestrictedApiKey, ValidationFailed
from app.queue import Lane
from app.services.look_up import EmailFilter
from app.services.pages import Page
from app.wiring import Gateway
from tests.gateways import caller
from tests.mails import ROOT, bounce, feed, submit
from tests.rows import change


def test_a_mail_is_shown_whole_to_its_owner(gateway: Gateway) -> None:
    """Content, recipients with their states, and the word for all of them."""
    who = caller(gateway)
    mail = submit(gateway, who, "Ann <ann@example.net>", "bob@example.net")
    view = gateway.look_up.email(who, mail)
    assert (view.text, view.html, view.subject) == ("Come and see.", "<p>Come and see.</p>", "You are invited")
    assert view.to == ("Ann <ann@example.net>", "bob@example.net")
    assert view.sender == "Invites <invites@example.com>"
    assert (view.last_event, [one.state for one in view.recipients]) == ("queued", ["queued", "queued"])


def test_another_application_is_told_nothing(gateway: Gateway) -> None:
    """The same answer for a mail of somebody else as for one that never was; an admin sees all."""
    mail = submit(gateway, caller(gateway), "ann@example.net")
    other = caller(gateway, app="other")
    for unseen in (mail, UUID(int=1)):
        with pytest.raises(NotFound, match=r"There is no such mail\."):
            gateway.look_up.email(other, unseen)
        with pytest.raises(NotFound, match=r"There is no such mail\."):
            gateway.look_up.timeline(other, unseen)
    assert gateway.look_up.emails(other, EmailFilter(), Page(10)).data == ()
    assert gateway.look_up.email(ROOT, mail).id == mail


def test_reading_needs_its_scope(gateway: Gateway) -> None:
    """A key that may only send reads nothing, not even its own."""
    who = caller(gateway, scopes=frozenset({Scope.EMAILS_SEND}))
    mail = submit(gateway, who, "ann@example.net")
    with pytest.raises(RestrictedApiKey):
        gateway.look_up.email(who, mail)
    with pytest.raises(RestrictedApiKey):
        gateway.look_up.emails(who, EmailFilter(), Page(10))


def test_mails_are_filtered(gateway: Gateway) -> None:
    """By recipient, last event, tag and stream, each alone and all together."""
    who = caller(gateway)
    wanted = submit(gateway, who, "kim@example.net", stream="news", tags=(("campaign", "spring"),))
    gateway.deliver.drain(Lane.TRANSACTIONAL)
    feed(gateway, bounce(gateway, wanted))
    submit(gateway, who, "ann@example.net", tags=(("campaign", "autumn"),))
    for one in (
        EmailFilter(to="KIM@example.net"),
        EmailFilter(last_event="bounced"),
        EmailFilter(tag=("campaign", "spring")),
        EmailFilter(stream="news"),
        EmailFilter(to="kim@example.net", last_event="bounced", tag=("campaign", "spring"), stream="news"),
    ):
        assert [mail.id for mail in gateway.look_up.emails(who, one, Page(10)).data] == [wanted], one
    assert gateway.look_up.emails(who, EmailFilter(to="kim@example.net", stream="other"), Page(10)).data == ()


@pytest.mark.parametrize("wanted", [EmailFilter(to="nobody"), EmailFilter(last_event="lost")])
def test_a_filter_that_means_nothing_is_refused(gateway: Gateway, wanted: EmailFilter) -> None:
    """An empty page would look like an answer."""
    with pytest.raises(ValidationFailed):
        gateway.look_up.emails(caller(gateway), wanted, Page(10))


def test_pages_go_forward_and_back(gateway: Gateway) -> None:
    """Newest first, without a repeat or a gap, and each says whether there is more that way."""
    who = caller(gateway)
    mails = [submit(gateway, who, f"r{number}@example.net") for number in range(5)]
    newest = mails[::-1]
    first = gateway.look_up.emails(who, EmailFilter(), Page(2))
    assert ([one.id for one in first.data], first.has_more) == (newest[:2], True)
    last = gateway.look_up.emails(who, EmailFilter(), Page(3, after=newest[1]))
    assert ([one.id for one in last.data], last.has_more) == (newest[2:], False)
    back = gateway.look_up.emails(who, EmailFilter(), Page(2, before=newest[3]))
    assert ([one.id for one in back.data], back.has_more) == (newest[1:3], True)
    assert all(one.text is None for one in first.data)


def test_a_body_that_cannot_be_opened_is_shown_as_none(gateway: Gateway) -> None:
    """A lost key loses the content and nothing else."""
    mail = submit(gateway, caller(gateway), "ann@example.net")
    change(gateway, "emails", {"sealed_key": b"x" * 64})
    view = gateway.look_up.email(ROOT, mail)
    assert (view.text, view.html) == (None, None)
    assert view.recipients[0].state == State.QUEUED
