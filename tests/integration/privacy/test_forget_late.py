"""What comes late to somebody who was forgotten: news, and mail that waited or was on its way."""

import json
from dataclasses import replace
from datetime import timedelta

import pytest

from app.domain.address import Mailbox, parse_address, parse_mailbox
from app.domain.delivery import State
from app.domain.errors import Conflict
from app.queue import Lane
from app.services.accept import Submission
from app.wiring import Gateway
from tests.feedback import bounced
from tests.forgetting import KEY, KIM, NAMED, OpaqueMailer, forget, live, with_account
from tests.gateways import caller
from tests.mails import bounce, complaint, delivery, feed, state_of, submission, submit, take
from tests.rows import age, change, everything_stored, recipient_of, rows
from tests.web import AccountList


@pytest.fixture
def mailer() -> OpaqueMailer:
    return OpaqueMailer()


@pytest.fixture
def account() -> AccountList:
    return AccountList()


@pytest.fixture
def gateway(gateway: Gateway, account: AccountList) -> Gateway:
    return with_account(gateway, account)


@pytest.mark.parametrize("known", [True, False])
def test_late_news_does_not_bring_the_name_back(gateway: Gateway, known: bool) -> None:
    """A bounce, a complaint and a repetition of old news, with our tags or of a mail that we do not know."""
    who = caller(gateway)
    mail = submit(gateway, who, KIM)
    gateway.deliver.drain(Lane.TRANSACTIONAL)
    kinds = [bounce(gateway, mail), complaint(gateway, mail)]
    if not known:
        kinds = [bounced(KIM, message="not-ours", feedback_id="f1")]
    feed(gateway, kinds[0])
    name = gateway.pseudonyms(KEY)
    forget(gateway)
    events = len(rows(gateway, "events"))
    for late in (kinds[0], *kinds, json.loads(json.dumps(kinds[-1]).replace(KIM, KEY))):
        feed(gateway, late)
    assert KEY not in everything_stored(gateway).lower()
    assert len(rows(gateway, "events")) == events + (len(kinds) - 1)
    assert live(gateway) == {(name, "*", "complaint" if known else "bounce")}
    assert {row["state"] for row in rows(gateway, "feedback")} == {"processed"}
    if known:
        assert state_of(gateway, mail) is State.COMPLAINED


def test_late_news_of_somebody_else_in_the_same_mail_does_not_either(gateway: Gateway) -> None:
    """SES repeats the headers of the mail, which name everybody: that text goes, what it says of the other stays."""
    who = caller(gateway)
    shared = submit(gateway, who, "ann@example.net", NAMED)
    gateway.deliver.drain(Lane.TRANSACTIONAL)
    late = delivery(gateway, shared)
    late["mail"]["headers"] = [{"name": "To", "value": f"ann@example.net, {NAMED}"}]
    forget(gateway)
    feed(gateway, late)
    assert recipient_of(gateway, shared).state is State.DELIVERED
    assert [row["key"] for row in rows(gateway, "events", type="delivery")] == ["ann@example.net"]
    assert KEY not in everything_stored(gateway).lower()


def test_a_forward_to_somebody_forgotten_is_not_told(gateway: Gateway) -> None:
    """A bounce names whom a known person's mail was forwarded to: the known person answers, the other is not named."""
    forget(gateway)
    mail = submit(gateway, caller(gateway), "ann@example.net")
    gateway.deliver.drain(Lane.TRANSACTIONAL)
    news = bounce(gateway, mail)
    news["bounce"]["bouncedRecipients"][0] |= {"emailAddress": KIM, "diagnosticCode": f"550 5.1.1 {KIM} is unknown"}
    news["mail"]["timestamp"] = "2026-01-01T00:00:00Z"
    feed(gateway, news)
    assert live(gateway) == {("ann@example.net", "*", "bounce")}
    assert KEY not in everything_stored(gateway).lower()


def test_mail_that_waits_is_canceled(gateway: Gateway, mailer: OpaqueMailer) -> None:
    """Queued, scheduled, to be tried again or held: none is sent; others get theirs, and are named alone."""
    who = caller(gateway)
    waiting = submit(gateway, who, KIM)
    shared = submit(gateway, who, "ann@example.net", NAMED)
    held = submit(gateway, who, KIM)
    change(gateway, "recipients", {"state": State.HELD}, email_id=held)
    assert forget(gateway).canceled == 3
    assert {state_of(gateway, waiting), recipient_of(gateway, shared, 1).state, state_of(gateway, held)} == {
        State.CANCELED
    }
    gateway.deliver.drain(Lane.TRANSACTIONAL)
    [envelope] = mailer.sent
    assert envelope.recipient == "ann@example.net"
    assert b"To: ann@example.net\r\n" in envelope.raw


@pytest.mark.parametrize("state", [State.SENDING, State.UNCONFIRMED])
def test_nobody_is_forgotten_while_mail_is_on_its_way(gateway: Gateway, account: AccountList, state: State) -> None:
    """It is said which; what waited is canceled all the same, and nothing else has changed."""
    who = caller(gateway)
    account.addresses = {KIM}
    flying = submit(gateway, who, KIM)
    take(gateway)
    change(gateway, "recipients", {"state": state}, email_id=flying)
    waiting = submit(gateway, who, KIM)
    with pytest.raises(Conflict, match=str(flying)):
        forget(gateway)
    assert state_of(gateway, waiting) is State.CANCELED
    assert recipient_of(gateway, flying).address == KIM
    assert account.addresses == {KIM}
    assert rows(gateway, "audit", action="forget") == []


def test_news_that_is_older_than_the_promise_is_left_to_its_retention(gateway: Gateway) -> None:
    """Mail that was taken in for the address after it was forgotten is new, and so is its news."""
    who = caller(gateway)
    forget(gateway)
    age(gateway, "audit", "at", by=timedelta(hours=1))
    mail = submit(gateway, who, KIM)
    gateway.deliver.drain(Lane.TRANSACTIONAL)
    feed(gateway, bounce(gateway, mail))
    [event] = rows(gateway, "events", type="bounce")
    assert event["key"] == KEY


def test_a_mail_that_waits_for_somebody_else_no_longer_answers_to_the_person(
    gateway: Gateway, mailer: OpaqueMailer
) -> None:
    """Where the application had put the address into its headers or its Reply-To, it is taken out; the mail is sent."""
    kept = Mailbox("Help", parse_address("help@example.com"))
    written = replace(
        submission("ann@example.net").message,
        headers=(("X-From-Friend", f"{KIM} sent you this"),),
        reply_to=(parse_mailbox(NAMED), kept),
    )
    who = caller(gateway)
    gateway.accept(who, [Submission(message=written)], idempotency=None, answer=lambda _: {})
    name = gateway.pseudonyms(KEY)
    forget(gateway)
    gateway.deliver.drain(Lane.TRANSACTIONAL)
    [envelope] = mailer.sent
    assert b'Reply-To: "Help" <help@example.com>\r\n' in envelope.raw
    assert f"X-From-Friend: {name} sent you this".encode() in envelope.raw
