"""Streams whose emails carry an unsubscribe link: which they are, how the link looks, and when there is none."""

from collections.abc import Iterator
from dataclasses import replace
from typing import Any

import pytest
from sqlalchemy import event, func, select

from app.domain.errors import NotFound, ValidationFailed
from app.queue import Lane
from app.services.paging import PageByName
from app.store.tables.core import audit
from app.wiring.gateway import Gateway, build
from tests.support.gateway.emails import ROOT, message_of, state_of, submission, submit
from tests.support.gateway.gateways import ScriptedMailer, caller, issue, settings_for
from tests.support.gateway.messages import content, read
from tests.support.gateway.unsubscribe import BASE, KIM, mailed, mark, path_of
from tests.support.gateway.web import Web, web_on


@pytest.fixture
def web(migrated_url: str, redis_url: str) -> Iterator[Web]:
    with web_on(migrated_url, redis_url, public_url=BASE) as web:
        yield web


def test_only_email_of_a_marked_stream_carries_a_link(web: Web) -> None:
    """Both header fields, once, with a separate link for each recipient; other streams and applications get none."""
    mailed(web, KIM, "Ann <ann@example.net>")
    submit(web.gateway, caller(web.gateway), KIM, stream="receipts")
    submit(web.gateway, caller(web.gateway, app="others"), KIM, stream="news")
    web.gateway.deliver.drain(Lane.TRANSACTIONAL)
    linked, plain = [read(one.raw) for one in web.mailer.sent[:2]], [read(one.raw) for one in web.mailer.sent[2:]]
    assert len({email["List-Unsubscribe"] for email in linked}) == len(linked) == len(plain) == 2
    for email in linked:
        assert email.get_all("List-Unsubscribe-Post") == ["List-Unsubscribe=One-Click"]
        assert [one.startswith(f"<{BASE}/unsubscribe/") for one in email.get_all("List-Unsubscribe", [])] == [True]
    for email in plain:
        assert email["List-Unsubscribe"] is None
        assert email["List-Unsubscribe-Post"] is None


def test_the_link_replaces_the_applications_own(web: Web) -> None:
    """On a marked stream, also where text and HTML have the placeholder."""
    who = caller(web.gateway)
    mark(web.gateway)
    email = submission(KIM, stream="news")
    own = (("List-Unsubscribe", "<mailto:stop@example.com>"),)
    asks = replace(message_of(email), headers=own, text="Stop: {{unsubscribe_url}}", html="<p>{{unsubscribe_url}}</p>")
    web.gateway.accept(who, [replace(email, message=asks)], idempotency=None, answer=lambda _: {})
    web.gateway.deliver.drain(Lane.TRANSACTIONAL)
    got = read(web.mailer.sent[0].raw)
    link = f"{BASE}{path_of(web)}"
    assert got.get_all("List-Unsubscribe") == [f"<{link}>"]
    assert content(got, "plain").strip() == f"Stop: {link}"
    assert content(got, "html").strip() == f"<p>{link}</p>"


def test_streams_are_listed_in_pages(web: Web) -> None:
    """By name, forward and back."""
    names = ["a", "b", "c", "d"]
    caller(web.gateway)
    for name in names:
        web.gateway.streams.set(ROOT, "invites", name)

    def page(page: PageByName) -> tuple[list[str], bool]:
        found = web.gateway.streams.page(ROOT, "invites", page)
        return [one.name for one in found.data], found.has_more

    assert page(PageByName(2)) == (names[:2], True)
    assert page(PageByName(2, after="b")) == (names[2:], False)
    assert page(PageByName(2, before="d")) == (names[1:3], True)
    assert page(PageByName(2, before="c")) == (names[:2], False)
    with pytest.raises(NotFound):
        web.gateway.streams.page(ROOT, "nothing", PageByName(2))


def test_a_batch_costs_one_query_for_streams(web: Web) -> None:
    """However many emails and streams are claimed at once."""
    who = caller(web.gateway)
    mark(web.gateway)
    for number in range(8):
        submit(web.gateway, who, f"p{number}@example.net", stream="news" if number % 2 else "receipts")
    asked: list[str] = []

    @event.listens_for(web.gateway.database.engine, "before_cursor_execute")
    def note(*call: Any) -> None:
        asked.append(str(call[2]))

    web.gateway.deliver.drain(Lane.TRANSACTIONAL)
    assert len(web.mailer.sent) == 8
    assert sum("streams" in statement for statement in asked) == 1


def test_without_a_public_url_no_stream_is_marked(gateway: Gateway) -> None:
    """The default URL would lead recipients to their own machine; a title alone needs no URL."""
    issue(gateway)
    with pytest.raises(ValidationFailed, match="PUBLIC_URL") as refused:
        gateway.streams.set(ROOT, "invites", "news", unsubscribe=True)
    assert refused.value.faults[0].pointer == "/unsubscribe"
    assert gateway.streams.set(ROOT, "invites", "news", title="News").unsubscribe is False


def test_email_that_cannot_carry_its_link_waits(web: Web) -> None:
    """A worker without PUBLIC_URL sends no marked email without its link, and the email shows what is missing."""
    who = caller(web.gateway)
    mark(web.gateway)
    linked, plain = (submit(web.gateway, who, KIM, stream=stream) for stream in ("news", "receipts"))
    mailer = ScriptedMailer()
    settings = web.gateway.settings
    astray = build(settings_for(settings.database_url, settings.redis_url), mailer=mailer)
    astray.deliver.drain(Lane.TRANSACTIONAL)
    astray.close()
    assert len(mailer.sent) == 1
    assert state_of(web.gateway, plain) == "sent"
    assert state_of(web.gateway, linked) == "retry_wait"
    assert "PUBLIC_URL" in (web.gateway.look_up.email(ROOT, linked).recipients[0].reason or "")


def test_a_stream_is_changed_field_by_field(web: Web) -> None:
    """A field that is not named stays; each change is in the audit; the list has all streams."""
    issue(web.gateway)
    streams = web.gateway.streams
    assert streams.set(ROOT, "invites", "news", unsubscribe=True).title == "news"
    assert streams.set(ROOT, "invites", "news", title=" News of ACME ").unsubscribe is True
    off = streams.set(ROOT, "invites", "news", unsubscribe=False)
    assert (off.title, off.unsubscribe) == ("News of ACME", False)
    streams.set(ROOT, "invites", "alpha", title="Alpha")
    assert [(one.app, one.name) for one in streams.all(ROOT)] == [("invites", "alpha"), ("invites", "news")]
    with web.gateway.database.reading() as connection:
        assert connection.scalar(select(func.count()).where(audit.c.action == "stream_set")) == 4


@pytest.mark.parametrize(
    "app, stream, title",
    [("invites", "No Stream", "x"), ("invites", "", "x"), ("invites", "news", ""), ("invites", "news", "x\ny"),
     ("invites", "news", "x" * 201)],
)  # fmt: skip
def test_an_invalid_stream_is_refused(web: Web, app: str, stream: str, title: str) -> None:
    """By the grammar of names and titles; and the application must exist."""
    issue(web.gateway)
    with pytest.raises(ValidationFailed):
        web.gateway.streams.set(ROOT, app, stream, title=title)
    with pytest.raises(NotFound):
        web.gateway.streams.set(ROOT, "nobody", "news", title="News")
