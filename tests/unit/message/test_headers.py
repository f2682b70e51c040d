"""Header injection: every case of the corpus is refused with its rule, or arrives as written and nothing more."""

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

from app.domain.errors import Fault
from app.domain.message.address import InvalidAddress, Mailbox, parse_address
from app.domain.message.headers import check_headers
from app.domain.message.mime import Attachment, Message, UnsafeMessage, check_message, render

CORPUS = json.loads((Path(__file__).parents[2] / "corpus" / "headers.json").read_text())
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
    """Return the cases of one field as parameters whose ids hold no control characters."""
    return [
        pytest.param(case["value"], case["code"], id=f"{number} {ascii(case['value'])[:50]}")
        for number, case in enumerate(CORPUS[field])
    ]


def deliver(message: Message) -> EmailMessage:
    """Render `message` and parse it with the email package."""
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
    """Return `text` without spaces: CPython 3.11 adds one between encoded-words of a name, against RFC 2047."""
    return text.replace(" ", "")


def verdict(message: Message, *, pointer: str, code: str | None) -> EmailMessage | None:
    """Return the parsed email if it should be accepted; else check the reason of the refusal and return None."""
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
    """A subject is refused with its rule or arrives as written, without any extra header."""
    written = verdict(replace(PLAIN, subject=value), pointer="/subject", code=code)
    if written is not None:
        assert written["Subject"] == value
        assert Counter(written.keys()) == OUR_FIELDS


@pytest.mark.parametrize("value, code", cases("header_name"))
def test_header_name(value: str, code: str | None) -> None:
    """A header name in any case is refused with its rule, or the header arrives in addition to ours."""
    pointer = "/headers" if code == "header_name" else f"/headers/{value}"
    written = verdict(replace(PLAIN, headers=((value, "x"),)), pointer=pointer, code=code)
    if written is not None:
        assert written[value] == "x"
        assert Counter(written.keys()) == OUR_FIELDS | Counter([value])


@pytest.mark.parametrize("value, code", cases("header_value"))
def test_header_value(value: str, code: str | None) -> None:
    """A header value is refused with its rule or arrives as written."""
    written = verdict(replace(PLAIN, headers=(("X-Application", value),)), pointer="/headers/X-Application", code=code)
    if written is not None:
        assert written["X-Application"] == value
        assert Counter(written.keys()) == OUR_FIELDS + Counter(["X-Application"])


@pytest.mark.parametrize("value, code", cases("display_name"))
def test_display_name(value: str, code: str | None) -> None:
    """A name is refused when the mailbox is made, or arrives as written in From, To, Cc and Reply-To."""
    if code is not None:
        with pytest.raises(InvalidAddress) as refusal:
            Mailbox(value, parse_address("ann@example.org"))
        assert refusal.value.code == code
        return
    one = Mailbox(value, parse_address("ann@example.org"))
    two = Mailbox(value, parse_address("ben@example.org"))
    written = deliver(replace(PLAIN, sender=one, to=(one, two), cc=(two,), reply_to=(one, two)))
    assert Counter(written.keys()) == OUR_FIELDS + Counter(["Cc", "Reply-To"])
    for name, sent in (("From", [one]), ("To", [one, two]), ("Cc", [two]), ("Reply-To", [one, two])):
        read = [(spaceless(address.display_name), address.addr_spec) for address in written[name].addresses]
        assert read == [(spaceless(value), mailbox.address.envelope) for mailbox in sent]


@pytest.mark.parametrize("value, code", cases("filename"))
def test_filename(value: str, code: str | None) -> None:
    """A file name is refused with its rule or arrives as written, alone in the header of its part."""
    message = replace(PLAIN, attachments=(replace(PDF, filename=value),))
    written = verdict(message, pointer="/attachments/0/filename", code=code)
    if written is not None:
        [part] = written.iter_attachments()
        assert part.get_filename() == value.strip()  # the email package strips surrounding spaces
        assert part.keys() == ["Content-Type", "Content-Disposition", "Content-Transfer-Encoding"]


@pytest.mark.parametrize("value, code", cases("content_type"))
def test_content_type(value: str, code: str | None) -> None:
    """A content type is refused with its rule or arrives as the type of its file."""
    message = replace(PLAIN, attachments=(replace(PDF, content_type=value),))
    written = verdict(message, pointer="/attachments/0/content_type", code=code)
    if written is not None:
        [part] = written.iter_attachments()
        assert part.get_content_type() == value.partition(";")[0].lower()
        assert part.keys() == ["Content-Type", "Content-Disposition", "Content-Transfer-Encoding"]


@pytest.mark.parametrize("value, code", cases("content_id"))
def test_content_id(value: str, code: str | None) -> None:
    """A content id is refused with its rule or arrives in angle brackets, next to the HTML."""
    message = replace(PLAIN, attachments=(replace(PDF, content_id=value),))
    written = verdict(message, pointer="/attachments/0/content_id", code=code)
    if written is not None:
        [image] = [part for part in written.walk() if part.get_content_disposition() == "inline"]
        assert image["Content-ID"] == f"<{value}>"
        assert image.keys() == ["Content-Type", "Content-Disposition", "Content-Transfer-Encoding", "Content-ID"]


@pytest.mark.parametrize("value, code", cases("body"))
@pytest.mark.parametrize("field", ["text", "html"])
def test_body(field: str, value: str, code: str | None) -> None:
    """A body is refused with its rule or arrives with its line ends as the only change, whatever its content."""
    message = replace(PLAIN, text=value) if field == "text" else replace(PLAIN, html=value)
    written = verdict(message, pointer=f"/{field}", code=code)
    if written is not None and value:
        assert written.get_content_type() == "multipart/alternative"
        body = written.get_body(("plain",) if field == "text" else ("html",))
        assert body is not None
        assert body.get_content() == "\r\n".join(re.split("\r\n|\r|\n", value))
        assert Counter(written.keys()) == OUR_FIELDS


def test_every_broken_rule_is_named_at_once() -> None:
    """One check reports every fault of an email, each with its own field."""
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
        "/headers", "too_many_headers", "An email has at most 15 custom headers."
    )


def test_no_fault_repeats_a_value() -> None:
    """A fault has the rule and the field, never the value that broke the rule."""
    secret = "quite-secret\x00"
    attachment = Attachment(filename=secret, content=b"", content_type=secret, content_id=secret)
    message = replace(
        PLAIN, subject=secret, text=secret, headers=(("X-A", secret), (secret, "x")), attachments=(attachment,)
    )
    faults = check_message(message)
    assert len(faults) == 7
    assert "secret" not in repr(faults)


@pytest.mark.parametrize("octets, refused", [(998, False), (999, True), (1000, True)])
def test_a_header_is_one_line_of_at_most_998_octets(octets: int, refused: bool) -> None:
    """RFC 5322 section 2.1.1: name, colon, space and value, without the line's end."""
    value = "x" * (octets - len("X-Long: "))
    broken = [fault.code for fault in check_headers((("X-Long", value),))]
    assert broken == (["header_too_long"] if refused else [])


def test_every_header_is_checked_even_after_a_fault() -> None:
    """All faults are reported at once."""
    broken = check_headers((("no name", "x"), ("X-Fine", "x"), ("Bcc", "x"), ("X-Empty", " ")))
    assert [fault.code for fault in broken] == ["header_name", "header_reserved", "header_empty"]


@pytest.mark.parametrize("count", [1, 10, 12, 40, 200])
def test_a_long_list_of_message_ids_is_folded(count: int) -> None:
    """References of a long thread arrive whole, in lines that every server takes, and never in encoded-words."""
    ids = [f"<{number:03}.{'x' * 50}@mail.example.com>" for number in range(count)]
    message = replace(PLAIN, headers=(("References", " ".join(ids)), ("In-Reply-To", ids[-1])))
    assert check_message(message) == ()
    written = deliver(message)
    assert str(written["References"]).split() == ids
    raw = written.as_bytes(policy=email.policy.compat32)
    assert b"=?" not in raw
    assert max(map(len, raw.splitlines())) <= 998
    assert Counter(written.keys()) == OUR_FIELDS + Counter(["References", "In-Reply-To"])


def test_a_list_of_message_ids_has_a_bound() -> None:
    """Beyond what servers take, the refusal says which ids to keep; another long header is refused as before."""
    ids = " ".join(["<a@b.example>"] * 1500)
    assert [fault.code for fault in check_headers((("References", ids),))] == ["references_too_long"]
    assert [fault.code for fault in check_headers((("X-Ids", ids),))] == ["header_too_long"]
    assert [fault.code for fault in check_headers((("References", "a b " * 300),))] == ["header_too_long"]


@pytest.mark.parametrize("name", ["Disposition-Notification-To", "Return-Receipt-To", "Errors-To", "mail-followup-to"])
def test_a_header_of_addresses_is_read_as_addresses(name: str) -> None:
    """Its names are quoted, its letters beyond ASCII never take the address into an encoded-word."""
    message = replace(PLAIN, headers=((name, "Events @ ACME <a@b.example>, Zo\u00eb <zoe@b\u00fccher.example>"),))
    assert check_message(message) == ()
    written = str(deliver(message)[name])
    assert '"Events @ ACME" <a@b.example>' in written
    assert "<zoe@xn--bcher-kva.example>" in written
    [fault] = check_message(replace(PLAIN, headers=((name, "eve@x.example <a@b.example>"),)))
    assert (fault.pointer, fault.code) == (f"/headers/{name}", "name")


def test_what_was_accepted_under_older_rules_is_still_sent() -> None:
    """A value that is harmless, and that a newer rule refuses in a request, does not stop an email that waits."""
    for name, value in (
        ("Disposition-Notification-To", "no address"),
        ("In-Reply-To", "<caf\u00e9@b.example>"),
        ("References", "<a@b.example>\u200b"),
    ):
        message = replace(PLAIN, headers=((name, value),))
        assert check_message(message) != ()
        assert deliver(message)[name] is not None
    assert deliver(replace(PLAIN, subject="", text="", html=None))["Subject"] == ""
