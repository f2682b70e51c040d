"""Streams whose mail carries a link: which they are, what the link looks like in a mail, and when there is none."""

from collections.abc import Iterator
from dataclasses import replace
from typing import Any

import pytest
from sqlalchemy import event, func, select

from app.domain.errors import NotFound, ValidationFailed
from app.queue import Lane
from app.store.models import audit
from app.wiring import Gateway, build
from tests.gateways import ScriptedMailer, caller, issue, settings_for
from tests.invitation import content, read
from tests.mails import ROOT, state_of, submission, submit
from tests.unsubscribing import BASE, KIM, mailed, mark, path_of
from tests.web import Web, web_on


@pytest.fixture
def web(migrated_url: str, redis_url: str) -> Iterator[Web]:
    with web_on(migrated_url, redis_url, public_url=BASE) as web:
        yield web


def test_only_mail_of_a_marked_stream_carries_a_link(web: Web) -> None:
    """Both header fields, once, for each recipient a link of its own; other streams and applications get none."""
    mailed(web, KIM, "Ann <ann@example.net>")
    submit(web.gateway, caller(web.gateway), KIM, stream="receipts")
    submit(web.gateway, caller(web.gateway, app="others"), KIM, stream="news")
    web.gateway.deliver.drain(Lane.TRANSACTIONAL)
    linked, plain = [read(one.raw) for one in web.mailer.sent[:2]], [read(one.raw) for one in web.mailer.sent[2:]]
    assert len({mail["List-Unsubscribe"] for mail in linked}) == len(linked) == len(plain) == 2
    for mail in linked:
        assert mail.get_all("List-Unsubscribe-Post") == ["List-Unsubscribe=One-Click"]
        assert [one.startswith(f"<{BASE}/unsubscribe/") for one in mail.get_all("List-Unsubscribe", [])] == [True]
    for mail in plain:
        assert mail["List-Unsubscribe"] is None
        assert mail["List-Unsubscribe-Post"] is None


def test_the_link_takes_the_place_of_the_applications_own(web: Web) -> None:
    """On a marked stream: and it stands where text and HTML ask for it."""
    who = caller(web.gateway)
    mark(web.gateway)
    mail = submission(KIM, stream="news")
    own = (("List-Unsubscribe", "<mailto:stop@example.com>"),)
    asks = replace(mail.message, headers=own, text="Stop: {{unsubscribe_url}}", html="<p>{{unsubscribe_url}}</p>")
    web.gateway.accept(who, [replace(mail, message=asks)], idempotency=None, answer=lambda _: {})
    web.gateway.deliver.drain(Lane.TRANSACTIONAL)
    got = read(web.mailer.sent[0].raw)
    link = f"{BASE}{path_of(web)}"
    assert got.get_all("List-Unsubscribe") == [f"<{link}>"]
    assert content(got, "plain").strip() == f"Stop: {link}"
    assert content(got, "html").strip() == f"<p>{link}</p>"


def test_a_batch_costs_one_question_about_streams(web: Web) -> None:
    """However many mails and streams are claimed at once."""
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
    """Nobody may get a link to a default that leads to their own machine; a title alone needs none."""
    issue(gateway)
    with pytest.raises(ValidationFailed, match="PUBLIC_URL") as refused:
        gateway.streams.set(ROOT, "invites", "news", unsubscribe=True)
    assert refused.value.faults[0].pointer == "/unsubscribe"
    assert gateway.streams.set(ROOT, "invites", "news", title="News").unsubscribe is False


def test_mail_that_cannot_carry_its_link_waits(web: Web) -> None:
    """A worker whose PUBLIC_URL got lost sends no marked mail without its link, and the mail says what is missing."""
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


def test_a_stream_is_set_bit_by_bit(web: Web) -> None:
    """What is not named stays; each change is in the audit; the list has all."""
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
def test_a_stream_that_cannot_be_is_refused(web: Web, app: str, stream: str, title: str) -> None:
    """By the grammar of names and titles; and there has to be such an application."""
    issue(web.gateway)
    with pytest.raises(ValidationFailed):
        web.gateway.streams.set(ROOT, app, stream, title=title)
    with pytest.raises(NotFound):
        web.gateway.streams.set(ROOT, "nobody", "news", title="News")
