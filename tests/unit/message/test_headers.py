"""Header injection: every case of the corpus is refused under its rule, or arrives as what was written and no more."""

import email
import email.policy
import json
import re
from collections import Counter
from dataclasses import replace
from datetime import UTC, datetime
from email.message import EmailMessage
from pathlib import Path

import pytest

from app.domain.address import InvalidAddress, Mailbox, parse_address
from app.domain.errors import Fault
from app.domain.mime import Attachment, Message, UnsafeMessage, check_message, render

CORPUS = json.loads((Path(__file__).parents[1] / "corpus" / "headers.json").read_text())
OUR_FIELDS = Counter(
    [
        *("From", "To", "Subject", "Date", "Message-ID"),
        *("Auto-Submitted", "X-Postern-Recipient", "MIME-Version", "Content-Type"),
    ]
)
PDF = Attachment(filename="a.pdf", content=b"%PDF", content_type=None, content_id=None)
PLAIN = Message(
    sender=Mailbox("Sender", parse_address("invitations@example.com")),
    to=(Mailbox("Ann", parse_address("ann@example.org")),),
    cc=(),
    reply_to=(),
    subject="Hello",
    text="Hello",
    html="<p>Hello</p>",
    headers=(),
    attachments=(),
)


def cases(field: str) -> list[object]:
    """The cases of one field as parameters whose ids hold no control characters."""
    return [
        pytest.param(case["value"], case["code"], id=f"{number} {ascii(case['value'])[:50]}")
        for number, case in enumerate(CORPUS[field])
    ]


def deliver(message: Message) -> EmailMessage:
    """`message` rendered, and read back by the email package."""
    raw = render(
        message,
        recipient_id="01920000-0000-7000-8000-000000000001",
        date=datetime(2026, 3, 7, 12, tzinfo=UTC),
        message_id="01920000-0000-7000-8000-000000000001@example.com",
    )
    parsed = email.message_from_bytes(raw, policy=email.policy.default)
    assert isinstance(parsed, EmailMessage)
    return parsed


def spaceless(text: str) -> str:
    """`text` without spaces: CPython 3.11 shows one between adjacent encoded-words of a name, against RFC 2047."""
    return text.replace(" ", "")


def verdict(message: Message, *, pointer: str, code: str | None) -> EmailMessage | None:
    """The mail as read back when it is expected to be fit; else None, after checking what it is refused for."""
    faults = check_message(message)
    if code is None:
        assert faults == ()
        return deliver(message)
    assert [(fault.pointer, fault.code) for fault in faults] == [(pointer, code)]
    with pytest.raises(UnsafeMessage):
        deliver(message)
    return None


@pytest.mark.parametrize("value, code", cases("subject"))
def test_subject(value: str, code: str | None) -> None:
    """A subject is refused under its rule or arrives as written, with no header that is not ours."""
    mail = verdict(replace(PLAIN, subject=value), pointer="/subject", code=code)
    if mail is not None:
        assert mail["Subject"] == value
        assert Counter(mail.keys()) == OUR_FIELDS


@pytest.mark.parametrize("value, code", cases("header_name"))
def test_header_name(value: str, code: str | None) -> None:
    """A header name is refused under its rule, in any case, or the header arrives beside ours."""
    pointer = "/headers" if code == "header_name" else f"/headers/{value}"
    mail = verdict(replace(PLAIN, headers=((value, "x"),)), pointer=pointer, code=code)
    if mail is not None:
        assert mail[value] == "x"
        assert Counter(mail.keys()) == OUR_FIELDS | Counter([value])


@pytest.mark.parametrize("value, code", cases("header_value"))
def test_header_value(value: str, code: str | None) -> None:
    """A header value is refused under its rule or arrives as written."""
    mail = verdict(replace(PLAIN, headers=(("X-Application", value),)), pointer="/headers/X-Application", code=code)
    if mail is not None:
        assert mail["X-Application"] == value
        assert Counter(mail.keys()) == OUR_FIELDS + Counter(["X-Application"])


@pytest.mark.parametrize("value, code", cases("display_name"))
def test_display_name(value: str, code: str | None) -> None:
    """A name is refused before there is a mailbox, or arrives as written in From, To, Cc and Reply-To."""
    if code is not None:
        with pytest.raises(InvalidAddress) as refusal:
            Mailbox(value, parse_address("ann@example.org"))
        assert refusal.value.code == code
        return
    one = Mailbox(value, parse_address("ann@example.org"))
    two = Mailbox(value, parse_address("ben@example.org"))
    mail = deliver(replace(PLAIN, sender=one, to=(one, two), cc=(two,), reply_to=(one, two)))
    assert Counter(mail.keys()) == OUR_FIELDS + Counter(["Cc", "Reply-To"])
    for name, sent in (("From", [one]), ("To", [one, two]), ("Cc", [two]), ("Reply-To", [one, two])):
        read = [(spaceless(address.display_name), address.addr_spec) for address in mail[name].addresses]
        assert read == [(spaceless(value), mailbox.address.envelope) for mailbox in sent]


@pytest.mark.parametrize("value, code", cases("filename"))
def test_filename(value: str, code: str | None) -> None:
    """A file name is refused under its rule or arrives as written, alone in its part's header."""
    message = replace(PLAIN, attachments=(replace(PDF, filename=value),))
    mail = verdict(message, pointer="/attachments/0/filename", code=code)
    if mail is not None:
        [part] = mail.iter_attachments()
        assert part.get_filename() == value.strip()  # the email package drops outer spaces itself
        assert part.keys() == ["Content-Type", "Content-Disposition", "Content-Transfer-Encoding"]


@pytest.mark.parametrize("value, code", cases("content_type"))
def test_content_type(value: str, code: str | None) -> None:
    """A content type is refused under its rule or labels its file as asked."""
    message = replace(PLAIN, attachments=(replace(PDF, content_type=value),))
    mail = verdict(message, pointer="/attachments/0/content_type", code=code)
    if mail is not None:
        [part] = mail.iter_attachments()
        assert part.get_content_type() == value.partition(";")[0].lower()
        assert part.keys() == ["Content-Type", "Content-Disposition", "Content-Transfer-Encoding"]


@pytest.mark.parametrize("value, code", cases("content_id"))
def test_content_id(value: str, code: str | None) -> None:
    """A content id is refused under its rule or stands in angle brackets beside the HTML."""
    message = replace(PLAIN, attachments=(replace(PDF, content_id=value),))
    mail = verdict(message, pointer="/attachments/0/content_id", code=code)
    if mail is not None:
        [image] = [part for part in mail.walk() if part.get_content_disposition() == "inline"]
        assert image["Content-ID"] == f"<{value}>"
        assert image.keys() == ["Content-Type", "Content-Disposition", "Content-Transfer-Encoding", "Content-ID"]


@pytest.mark.parametrize("value, code", cases("body"))
@pytest.mark.parametrize("field", ["text", "html"])
def test_body(field: str, value: str, code: str | None) -> None:
    """A body is refused under its rule or arrives with its line ends as the only change, whatever it looks like."""
    message = replace(PLAIN, text=value) if field == "text" else replace(PLAIN, html=value)
    mail = verdict(message, pointer=f"/{field}", code=code)
    if mail is not None and value:
        assert mail.get_content_type() == "multipart/alternative"
        body = mail.get_body(("plain",) if field == "text" else ("html",))
        assert body is not None
        assert body.get_content() == "\r\n".join(re.split("\r\n|\r|\n", value))
        assert Counter(mail.keys()) == OUR_FIELDS


def test_every_broken_rule_is_named_at_once() -> None:
    """One check names all that is wrong with a mail, each at its own field."""
    attachment = replace(PDF, filename="a.exe", content_type="x", content_id="<>")
    message = replace(PLAIN, subject="\n", text=None, html=None, headers=(("To", "x"),), attachments=(PDF, attachment))
    assert [fault.pointer for fault in check_message(message)] == [
        "/subject",
        "/text",
        "/headers/To",
        "/attachments/1/filename",
        "/attachments/1/content_type",
        "/attachments/1/content_id",
    ]


def test_headers_are_given_once_and_not_too_many() -> None:
    """A second header of the same name in any case is refused, and so is the sixteenth header."""
    assert check_message(replace(PLAIN, headers=(("X-A", "1"), ("x-a", "2"))))[0].code == "header_duplicate"
    fifteen = tuple((f"X-{n}", "x") for n in range(15))
    assert check_message(replace(PLAIN, headers=fifteen)) == ()
    assert check_message(replace(PLAIN, headers=(*fifteen, ("X-16", "x"))))[0] == Fault(
        "/headers", "too_many_headers", "A mail has at most 15 custom headers."
    )


def test_no_fault_repeats_a_value() -> None:
    """A fault holds the rule and the place, never the value that broke it."""
    secret = "quite-secret\x00"
    attachment = Attachment(filename=secret, content=b"", content_type=secret, content_id=secret)
    message = replace(
        PLAIN, subject=secret, text=secret, headers=(("X-A", secret), (secret, "x")), attachments=(attachment,)
    )
    faults = check_message(message)
    assert len(faults) == 7
    assert "secret" not in repr(faults)
