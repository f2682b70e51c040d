"""A message that a client wrote as MIME is accepted, sent and looked up as every email is."""

import hashlib
from collections.abc import Iterator
from contextlib import closing
from dataclasses import replace
from email.message import EmailMessage
from pathlib import Path
from typing import Any

import pytest

from app.aws.clients import sesv2_client
from app.aws.ses.mailer import SesMailer
from app.domain.apps.limits import Limits
from app.domain.errors import InvalidIdempotentRequest, RateLimitExceeded, RestrictedApiKey, ValidationFailed
from app.domain.sending.call_outcome import Refused
from app.domain.sending.state_machine import State
from app.domain.suppression.unsubscribe_link import PLACEHOLDER
from app.domain.users.roles import Role
from app.queue import Lane
from app.services.submission.doors.submit_raw import RawReceipt, RawSubmission
from app.services.submission.idempotency import Idempotency, fingerprint_as_sent
from app.wiring.gateway import Gateway
from simulator import Options, Simulator
from tests.support.aws.aws_stub import surround
from tests.support.aws.simulator import control
from tests.support.console.people import signed_in
from tests.support.gateway.emails import ROOT, state_of
from tests.support.gateway.forgetting import forget, suppress, with_account
from tests.support.gateway.gateways import ScriptedMailer, caller, gateway_on
from tests.support.gateway.messages import read
from tests.support.gateway.raw import CORPUS, raw
from tests.support.gateway.rows import count, rows
from tests.support.gateway.unsubscribe import BASE, mark
from tests.support.gateway.web import AccountList, web_on

ANN, BEN, KIM = "ann@example.net", "ben@example.net", "kim@example.net"


@pytest.fixture
def migrated_url(migrated_sqlite_url: str) -> str:
    """One database is enough: a raw message is in the same columns as any email."""
    return migrated_sqlite_url


def written(**more: str) -> bytes:
    """Return a message as Python's email package writes it: with LF."""
    message = EmailMessage()
    message["From"] = "Invites <invites@example.com>"
    message["Subject"] = "Grüße"
    for name, value in {"To": f"Ann Lee <{ANN}>", **more}.items():
        message[name.replace("_", "-")] = value
    message.set_content("Come and see.\n")
    return message.as_bytes()


def submit_raw(gateway: Gateway, message: bytes, *, key: str | None = None, **more: Any) -> RawReceipt:
    idempotency = Idempotency(key, fingerprint_as_sent("raw", message)) if key else None
    return gateway.submit_raw(caller(gateway), RawSubmission(raw=message, **more), idempotency=idempotency)


def recipients_of(gateway: Gateway, receipt: RawReceipt) -> list[tuple[str, str | None, str]]:
    return [(one.kind, one.name, one.email) for one in gateway.look_up.email(ROOT, receipt.id).recipients]


def refusals(gateway: Gateway, message: bytes, **more: Any) -> list[tuple[str, str]]:
    with pytest.raises((ValidationFailed, RestrictedApiKey)) as refused:
        submit_raw(gateway, message, **more)
    assert count(gateway, "emails") == 0
    return [(fault.pointer, fault.code) for fault in refused.value.faults]


def test_it_is_sent_as_it_was_written(gateway: Gateway, mailer: ScriptedMailer) -> None:
    """But for the recipient's id, a Date and a Message-ID in front, and its line ends."""
    message = written()
    receipt = submit_raw(gateway, message)
    gateway.deliver.drain(Lane.TRANSACTIONAL)
    [envelope] = mailer.sent
    [recipient] = gateway.look_up.email(ROOT, receipt.id).recipients
    kept = message.replace(b"\n", b"\r\n")
    assert envelope.raw.endswith(kept)
    added = envelope.raw[: -len(kept)].decode().split("\r\n")
    assert [line.partition(":")[0] for line in added] == ["X-Postern-Recipient", "Date", "Message-ID", ""]
    assert added[0] == f"X-Postern-Recipient: {recipient.id}"
    assert (envelope.sender, envelope.recipient, recipient.name) == ("invites@example.com", ANN, "Ann Lee")
    assert message[:20] not in rows(gateway, "emails")[0]["sealed_body"]


@pytest.fixture
def simulator(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[Simulator]:
    surround(monkeypatch)
    with Simulator(Options(data=tmp_path)) as running:
        monkeypatch.setenv("AWS_ENDPOINT_URL_SESV2", running.url)
        yield running


def test_ses_gets_these_octets(migrated_url: str, redis_url: str, simulator: Simulator) -> None:
    """Those of signed, encrypted, 8-bit and binary messages too, as its own interface takes them."""
    names = ("smime_signed", "pgp_encrypted", "calendar_request", "eight_bit", "binary")
    with closing(sesv2_client("us-east-1", pool=4)) as client:
        mailer: Any = SesMailer(client, configuration_set=None)
        with gateway_on(migrated_url, redis_url, mailer=mailer) as gateway:
            receipts = [submit_raw(gateway, (CORPUS / f"{name}.eml").read_bytes()) for name in names]
            gateway.deliver.drain(Lane.TRANSACTIONAL)
            sources = [
                gateway.sources.message(ROOT, receipt.id, one.id)
                for receipt in receipts
                for one in gateway.look_up.email(ROOT, receipt.id).recipients
            ]
    taken = {entry["body_sha256"] for entry in control(simulator, "GET", "ledger")["entries"]}
    assert taken == {hashlib.sha256(source).hexdigest() for source in sources}
    assert len(taken) == len(names) + 1


def test_only_the_envelope_is_sent_to(gateway: Gateway, mailer: ScriptedMailer) -> None:
    """A recipient that To or Cc names is one of them, every other is hidden, and no Bcc leaves."""
    message = written(To=f"{ANN}, other@example.net", Cc=f"Ben <{BEN}>", Bcc="hidden@example.net")
    receipt = submit_raw(gateway, message, recipients=(ANN, BEN, f"Kim <{KIM}>"))
    assert recipients_of(gateway, receipt) == [("to", None, ANN), ("cc", "Ben", BEN), ("bcc", "Kim", KIM)]
    gateway.deliver.drain(Lane.TRANSACTIONAL)
    assert sorted(one.recipient for one in mailer.sent) == [ANN, BEN, KIM]
    assert all(b"hidden@example.net" not in one.raw and b"other@example.net" in one.raw for one in mailer.sent)


def test_without_an_envelope_the_headers_name_the_recipients(gateway: Gateway) -> None:
    """Those of To, Cc and Bcc."""
    receipt = submit_raw(gateway, written(Cc=BEN, Bcc=KIM))
    assert recipients_of(gateway, receipt) == [("to", "Ann Lee", ANN), ("cc", None, BEN), ("bcc", None, KIM)]


def test_groups_and_comments_name_recipients_as_any_mailbox(gateway: Gateway, mailer: ScriptedMailer) -> None:
    """As mail programs write them. With an envelope, its recipients alone get the message; the field stays as it is."""
    message = raw(To=f"Team: {ANN} (Ann Lee), Ben <{BEN}>;", Cc="undisclosed-recipients:;")
    everyone = [("to", "Ann Lee", ANN), ("to", "Ben", BEN)]
    assert recipients_of(gateway, submit_raw(gateway, message)) == everyone
    assert recipients_of(gateway, submit_raw(gateway, message, recipients=(BEN, KIM))) == [
        ("to", "Ben", BEN),
        ("bcc", None, KIM),
    ]
    gateway.deliver.drain(Lane.TRANSACTIONAL)
    assert sorted(one.recipient for one in mailer.sent) == [ANN, BEN, BEN, KIM]
    assert all(f"To: Team: {ANN} (Ann Lee), Ben <{BEN}>;\r\n".encode() in one.raw for one in mailer.sent)


def test_a_repetition_gets_the_stored_answer(gateway: Gateway) -> None:
    """With the same idempotency key and message; another message with this key is refused."""
    suppress(gateway, BEN)
    first = submit_raw(gateway, written(Cc=BEN), key="order-1")
    again = submit_raw(gateway, written(Cc=BEN), key="order-1")
    assert (again.id, again.suppressed, again.replayed) == (first.id, first.suppressed, True)
    assert not first.replayed
    assert count(gateway, "emails") == 1
    with pytest.raises(InvalidIdempotentRequest):
        submit_raw(gateway, written(), key="order-1")


def test_a_suppressed_recipient_is_not_sent_to(gateway: Gateway, mailer: ScriptedMailer) -> None:
    """The answer names it, also when only the envelope does; the others get theirs."""
    suppress(gateway, KIM)
    receipt = submit_raw(gateway, written(), recipients=(ANN, KIM))
    assert [(one.email, one.origin) for one in receipt.suppressed] == [(KIM, "manual")]
    gateway.deliver.drain(Lane.TRANSACTIONAL)
    assert [one.recipient for one in mailer.sent] == [ANN]
    assert state_of(gateway, receipt.id) is State.SENT


def test_the_message_says_how_it_is_to_be_sent(gateway: Gateway, mailer: ScriptedMailer) -> None:
    """By the controls of SES and Postern, which do not leave; what the door says beside it goes first."""
    older = submit_raw(gateway, written(X_Postern_Supersedes="cart-7", X_Postern_Lane="bulk"))
    message = written(
        X_SES_CONFIGURATION_SET="News-Weekly",
        X_SES_MESSAGE_TAGS="campaign=spring, kind=a",
        X_Postern_Actor="kim",
        X_Postern_Reference="order-7",
        X_Postern_Supersedes="cart-7",
    )
    email = gateway.look_up.email(ROOT, submit_raw(gateway, message, tags=(("kind", "b"),)).id)
    assert (email.stream, email.lane, email.actor, email.reference) == (
        "news-weekly",
        "transactional",
        "kim",
        "order-7",
    )
    assert sorted(email.tags) == [("campaign", "spring"), ("kind", "b")]
    assert state_of(gateway, older.id) is State.CANCELED
    assert gateway.look_up.email(ROOT, submit_raw(gateway, message, stream="Other").id).stream == "other"
    gateway.deliver.drain(Lane.TRANSACTIONAL)
    assert not any(word in mailer.sent[0].raw for word in (b"X-SES", b"X-Postern-A", b"X-Postern-S"))


REFUSED: tuple[tuple[dict[str, str], dict[str, Any], list[tuple[str, str]]], ...] = (
    ({"From": "boss@other.example"}, {}, [("/headers/From", "sender_not_allowed")]),
    ({"Sender": "boss@other.example"}, {}, [("/headers/Sender", "sender_not_allowed")]),
    ({"Resent_From": "boss@other.example"}, {}, [("/headers/Resent-From", "sender_not_allowed")]),
    ({}, {"sender": "boss@other.example"}, [("/sender", "sender_not_allowed")]),
    ({}, {"sender": "boss"}, [("/sender", "one_at_sign")]),
    ({}, {"recipients": ()}, [("/recipients", "required")]),
    ({}, {"recipients": (ANN, "ben", "@")}, [("/recipients/1", "one_at_sign"), ("/recipients/2", "local_part")]),
    ({}, {"recipients": tuple(f"r{n}@example.net" for n in range(51))}, [("/recipients", "too_many")]),
    ({}, {"tags": (("a", "b"), ("a b", ""))}, [("/tags/1", "tags")]),
    ({}, {"tags": tuple((f"t{n}", "") for n in range(76))}, [("/tags", "too_many_tags")]),
    ({}, {"stream": "a b"}, [("/stream", "grammar")]),
    ({"X_Postern_Stream": "a b"}, {}, [("/stream", "grammar")]),
    ({"Subject": "again"}, {}, [("/headers/Subject", "header_duplicate")]),
)


def test_what_is_refused_leaves_nothing(gateway: Gateway) -> None:
    """Each fault has a pointer to what broke the rule."""
    for more, submission, refused in REFUSED:
        lines = [f"{name.replace('_', '-')}: {value}" for name, value in more.items() if name != "From"]
        message = raw("Subject: x", *lines, From=more.get("From", "invites@example.com"))
        assert refusals(gateway, message, **submission) == refused


def test_a_limit_holds_here_too(gateway: Gateway) -> None:
    """An application has its limit whichever door it comes by."""
    who = replace(caller(gateway), limits=Limits(per_day=1))
    gateway.submit_raw(who, RawSubmission(raw=written()))
    with pytest.raises(RateLimitExceeded):
        gateway.submit_raw(who, RawSubmission(raw=written()))


def test_the_link_of_a_stream_is_in_the_header_and_the_body_stays(migrated_url: str, redis_url: str) -> None:
    """It takes the place of the client's own, and a placeholder in the body stays as it was written."""
    with web_on(migrated_url, redis_url, public_url=BASE) as web:
        who = caller(web.gateway)
        mark(web.gateway)
        message = raw("X-SES-CONFIGURATION-SET: news", "List-Unsubscribe: <mailto:stop@example.com>", body=PLACEHOLDER)
        web.gateway.submit_raw(who, RawSubmission(raw=message))
        web.gateway.deliver.drain(Lane.TRANSACTIONAL)
        [envelope] = web.mailer.sent
    [link] = read(envelope.raw).get_all("List-Unsubscribe")  # type: ignore[misc]
    assert link.startswith(f"<{BASE}/unsubscribe/")
    assert envelope.raw.endswith(b"\r\n\r\n" + PLACEHOLDER.encode())


def test_it_is_shown_as_every_email(gateway: Gateway) -> None:
    """With its texts, its files and its other fields; a list shows what is no content."""
    receipt = submit_raw(gateway, (CORPUS / "outlook.eml").read_bytes())
    email = gateway.look_up.email(ROOT, receipt.id)
    assert (email.subject, email.text, email.html) == (
        "Rückfrage zum Angebot",
        "Schönen Gruß\n",
        "<p>Schönen Gruß</p>\n",
    )
    assert [file.name for file in email.files] == ["image001.png"]
    assert dict(email.headers)["X-Mailer"] == "Microsoft Outlook 16.0"
    assert (email.sender, email.to) == ('"Keller, Ann" <ann@example.com>', ("Ben Lee <ben@example.org>",))


def test_the_api_and_the_console_show_it(migrated_url: str, redis_url: str) -> None:
    """Also one without any text, and the source of one that is not ASCII."""
    with web_on(migrated_url, redis_url) as web:
        who = caller(web.gateway)
        encrypted, german = (
            web.gateway.submit_raw(who, RawSubmission(raw=(CORPUS / name).read_bytes())).id
            for name in ("pgp_encrypted.eml", "eight_bit.eml")
        )
        answer: Any = web.client.get(f"/v1/emails/{german}", headers=web.key()).json
        assert (answer["text"], answer["html"], answer["subject"]) == ("Preis: 10 €, grüße\n", None, "8-Bit")
        person = signed_in(web, Role.SUPPORT)
        page = person.page(f"/console/emails/{encrypted}")
        assert "encrypted.asc" in page
        assert "cannot be opened" not in page
        of_ben = web.gateway.look_up.email(ROOT, german).recipients[0].id
        assert "Preis: 10" in person.page(f"/console/emails/{german}/recipients/{of_ben}/source")


def test_a_failed_one_is_sent_again_unchanged(gateway: Gateway, mailer: ScriptedMailer) -> None:
    """The same octets, once SES takes them."""
    mailer.answers[ANN] = Refused("MessageRejected: not today.")
    receipt = submit_raw(gateway, written())
    gateway.deliver.drain(Lane.TRANSACTIONAL)
    assert state_of(gateway, receipt.id) is State.FAILED
    mailer.answers.clear()
    gateway.resend_failed(ROOT, receipt.id, reason="The content was mended at SES.")
    gateway.deliver.drain(Lane.TRANSACTIONAL)
    first, second = mailer.sent
    assert first.raw == second.raw


def test_a_forgotten_person_is_named_in_no_copy(gateway: Gateway, mailer: ScriptedMailer) -> None:
    """The copies of the others that still wait are sent without the person in To and Cc."""
    receipt = submit_raw(gateway, written(Cc=f"Kim <{KIM}>, Ben <{BEN}>"))
    forget(with_account(gateway, AccountList()), KIM)
    gateway.deliver.drain(Lane.TRANSACTIONAL)
    assert sorted(one.recipient for one in mailer.sent) == [ANN, BEN]
    assert not any(b"kim" in one.raw.lower() for one in mailer.sent)
    assert all(b'Cc: "Ben" <ben@example.net>\r\n' in one.raw for one in mailer.sent)
    shown = gateway.look_up.email(ROOT, receipt.id)
    assert KIM not in repr(shown)
