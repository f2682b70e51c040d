"""The message as sent: its shape, what every reader finds in it, and the scanner that has the last look."""

import email
import email.policy
import re
from collections import Counter
from dataclasses import replace
from datetime import UTC, datetime
from email.header import decode_header, make_header
from email.message import EmailMessage

import pytest
from hypothesis import example, given
from hypothesis import strategies as st

from app.domain import encoding
from app.domain.address import Mailbox, parse_address, parse_mailbox
from app.domain.attachments import ATTACHMENT_COUNT_LIMIT
from app.domain.mime import MESSAGE_LIMIT, Attachment, Message, UnsafeMessage, check_message, render
from app.domain.rules import broken_text_rule
from app.domain.scan import require_exactly

RECIPIENT = "01920000-0000-7000-8000-00000000000a"
PNG = Attachment(filename="logo.png", content=bytes(range(256)), content_type=None, content_id="logo")
PDF = Attachment(filename="offer.pdf", content=b"%PDF" * 100, content_type=None, content_id=None)
INVITATION = Message(
    sender=parse_mailbox("Postern Invitations <invitations@example.com>"),
    to=(parse_mailbox('"Lee, Ann" <Ann.Lee@example.org>'), parse_mailbox("ben@bücher.example")),
    cc=(parse_mailbox("Zoë <zoe@example.org>"),),
    reply_to=(parse_mailbox("help@example.com"),),
    subject="You are invited",
    text="Hello",
    html="<p>Hello</p>",
    headers=(),
    attachments=(),
)


def rendered(message: Message, *, extra_headers: tuple[tuple[str, str], ...] = ()) -> bytes:
    """The bytes of `message` for one recipient at one moment."""
    return render(
        message,
        recipient_id=RECIPIENT,
        date=datetime(2026, 3, 7, 12, 30, tzinfo=UTC),
        message_id="01920000@mail.example.com",
        extra_headers=extra_headers,
    )


def read(raw: bytes) -> EmailMessage:
    """`raw` as the email package reads it."""
    mail = email.message_from_bytes(raw, policy=email.policy.default)
    assert isinstance(mail, EmailMessage)
    assert not any(part.defects for part in mail.walk())
    return mail


def shape(mail: EmailMessage) -> list[str]:
    """The content types of a mail and its parts, in reading order."""
    return [part.get_content_type() for part in mail.walk()]


def content(mail: EmailMessage, kind: str) -> str:
    """The text of a body as its reader sees it."""
    part = mail.get_body((kind,))
    assert part is not None
    text = part.get_content()
    assert isinstance(text, str)
    return text


def with_crlf(text: str) -> str:
    """`text` with the one change that a mail makes to it."""
    return "\r\n".join(re.split("\r\n|\r|\n", text))


def test_whole_message_octet_by_octet() -> None:
    """A mail with a text is exactly these octets: a change of any is a change of what goes out."""
    message = replace(INVITATION, html=None, text="Hëllo\nAnn", headers=(("X-App", "crm"),))
    assert rendered(message, extra_headers=(("List-Id", "<invitations.example.com>"),)).decode() == "\r\n".join(
        [
            'From: "Postern Invitations" <invitations@example.com>',
            'To: "Lee, Ann" <Ann.Lee@example.org>,',
            " ben@xn--bcher-kva.example",
            "Cc: =?utf-8?b?Wm/Dqw==?=",
            " <zoe@example.org>",
            "Reply-To: help@example.com",
            "Subject: You are invited",
            "Date: Sat, 07 Mar 2026 12:30:00 +0000",
            "Message-ID: <01920000@mail.example.com>",
            f"X-Postern-Recipient: {RECIPIENT}",
            "Auto-Submitted: auto-generated",
            "List-Id: <invitations.example.com>",
            "X-App: crm",
            "MIME-Version: 1.0",
            "Content-Type: text/plain; charset=utf-8",
            "Content-Transfer-Encoding: base64",
            "",
            "SMOrbGxvDQpBbm4=",
            "",
        ]
    )


def test_visible_recipients_stay_whole_and_bcc_is_nowhere() -> None:
    """Every reader sees all of To and Cc; there is no Bcc header and no place to put one."""
    mail = read(rendered(INVITATION))
    assert [each.addr_spec for each in mail["To"].addresses] == ["Ann.Lee@example.org", "ben@xn--bcher-kva.example"]
    assert [each.display_name for each in mail["Cc"].addresses] == ["Zoë"]
    assert mail["Bcc"] is None


def test_mail_to_bcc_alone_names_nobody() -> None:
    """A mail whose only recipients are in Bcc still has the To that SES requires, and it names nobody."""
    mail = read(rendered(replace(INVITATION, to=(), cc=())))
    assert str(mail["To"]) == "undisclosed-recipients:;"
    assert mail["To"].addresses == ()
    assert mail["Cc"] is None


@pytest.mark.parametrize(
    "changes, expected",
    [
        ({"html": None}, ["text/plain"]),
        ({"text": None}, ["text/html"]),
        ({"text": ""}, ["text/html"]),
        ({"text": "", "html": None}, ["text/plain"]),
        ({}, ["multipart/alternative", "text/plain", "text/html"]),
        (
            {"attachments": (PDF,)},
            ["multipart/mixed", "multipart/alternative", "text/plain", "text/html", "application/pdf"],
        ),
        (
            {"attachments": (PNG,)},
            ["multipart/alternative", "text/plain", "multipart/related", "text/html", "image/png"],
        ),
        ({"text": None, "attachments": (PNG,)}, ["multipart/related", "text/html", "image/png"]),
        ({"html": None, "attachments": (PNG,)}, ["multipart/mixed", "text/plain", "image/png"]),
        (
            {"text": None, "attachments": (PDF, PNG)},
            ["multipart/mixed", "multipart/related", "text/html", "image/png", "application/pdf"],
        ),
    ],
)
def test_shape(changes: dict[str, object], expected: list[str]) -> None:
    """Text and HTML are alternatives, images by content id are related to the HTML, other files are mixed in."""
    mail = read(rendered(replace(INVITATION, **changes)))  # type: ignore[arg-type]
    assert shape(mail) == expected


def test_files_arrive_octet_by_octet() -> None:
    """Attachments keep their content, whatever octets it has, and images show where the HTML asks for them."""
    mail = read(rendered(replace(INVITATION, attachments=(PDF, PNG))))
    files = {part.get_filename(): part for part in mail.walk() if part.get_filename()}
    assert files["offer.pdf"].get_content() == PDF.content
    assert files["offer.pdf"].get_content_disposition() == "attachment"
    assert files["logo.png"].get_content() == PNG.content
    assert files["logo.png"].get_content_disposition() == "inline"
    assert files["logo.png"]["Content-ID"] == "<logo>"


def test_same_input_gives_the_same_octets() -> None:
    """Nothing in a rendered mail comes from chance or from the clock."""
    message = replace(INVITATION, attachments=(PDF, PNG))
    assert rendered(message) == rendered(message)


def test_application_keeps_its_own_headers() -> None:
    """Where application and gateway both set a header, in any case, the application's is the one that is sent."""
    own = (("auto-submitted", "auto-replied"), ("list-unsubscribe", "<https://app.example/u>"))
    mail = read(
        rendered(replace(INVITATION, headers=own), extra_headers=(("List-Unsubscribe", "<https://gw.example/u>"),))
    )
    assert mail.get_all("Auto-Submitted") == ["auto-replied"]
    assert mail.get_all("List-Unsubscribe") == ["<https://app.example/u>"]


def test_half_an_encoded_word_is_never_left_standing() -> None:
    """A text that merely begins like an encoded-word is encoded whole, so that nothing after it can complete it."""
    half = "=?utf-8?q?a"
    message = replace(
        INVITATION, subject=half, to=(Mailbox(half, parse_address("ann@example.org")),), headers=(("X-App", half),)
    )
    raw = rendered(message)
    assert half.encode() not in raw
    assert read(raw)["Subject"] == read(raw)["X-App"] == read(raw)["To"].addresses[0].display_name == half


@pytest.mark.parametrize("name", ["To", "bcc:", "X Y", "Content-Type", "", "X-A\r\nBcc"])
def test_gateway_cannot_break_its_own_mail(name: str) -> None:
    """Even headers that the gateway adds are refused when they double one of the mail's or are no header."""
    with pytest.raises(UnsafeMessage):
        rendered(INVITATION, extra_headers=((name, "x"),))


@pytest.mark.parametrize(
    "recipient_id, message_id",
    [
        ("a\r\nBcc: x", "a@b"),
        ("", "a@b"),
        ("a--", "a@b"),
        ("x" * 49, "a@b"),
        ("a", "<a@b>"),
        ("a", "a@b\n"),
        ("a", "a"),
        ("a\n", "a@b"),
    ],
)
def test_ids_that_cannot_stand_in_a_header_are_refused(recipient_id: str, message_id: str) -> None:
    """Ids come from the gateway, and are held to a grammar all the same."""
    with pytest.raises(UnsafeMessage):
        render(INVITATION, recipient_id=recipient_id, date=datetime(2026, 3, 7, tzinfo=UTC), message_id=message_id)


def test_size_is_bounded_as_encoded() -> None:
    """What fits 40 MB only before base64 is refused at once, and what fits after it is not."""
    fits = MESSAGE_LIMIT // 78 * 57 - 1000
    small, large = (replace(PDF, content=bytes(size)) for size in (fits, fits + 2000))
    assert check_message(replace(INVITATION, attachments=(small,))) == ()
    assert [each.code for each in check_message(replace(INVITATION, attachments=(large,)))] == ["message_too_large"]


def test_attachments_are_counted_and_content_ids_are_unique() -> None:
    """More parts than SES takes, or two files under one content id, are refused."""
    many = (PDF,) * (ATTACHMENT_COUNT_LIMIT + 1)
    assert [each.code for each in check_message(replace(INVITATION, attachments=many))] == ["too_many_attachments"]
    twice = check_message(replace(INVITATION, attachments=(PNG, PNG)))
    assert [(each.pointer, each.code) for each in twice] == [("/attachments/1/content_id", "content_id_duplicate")]


# What tempts a parser in a header, and in a body besides.
TEMPTING = [
    "=?",
    "?=",
    "=?utf-8?q?",
    "Bcc: ",
    "<",
    ">",
    ",",
    ";",
    ":",
    '"',
    "\\",
    " ",
    "é",
    "山",
    "😀",
    "%0A",
    "utf-8''",
]
TEMPTING_BODY = [*TEMPTING, "\r\n", "\n", "\r", "--=_mixed_", "=", "=\n", "=?utf-8?q?=0A?=", "\u2028", "\x0c", "\t"]
characters = st.characters(exclude_categories=["Cc", "Cs", "Zl", "Zp"])


def without_encoded_words(text: str) -> str:
    """`text`, made to keep that rule by force, so that no example has to be thrown away."""
    return text if broken_text_rule(text) is None else text.replace("?", "!")


safe_texts = (
    st.lists(st.sampled_from(TEMPTING) | st.text(characters, max_size=5), max_size=12)
    .map("".join)
    .map(without_encoded_words)
)
names = safe_texts.map(lambda text: text if text.strip() else "Ann")
texts = st.lists(st.sampled_from(TEMPTING_BODY) | st.text(characters, max_size=9), max_size=30).map("".join)
bodies = st.none() | texts
header_names = st.from_regex(r"X-[A-Za-z0-9]{1,20}", fullmatch=True)
mailboxes = st.builds(
    Mailbox, st.none() | names, st.sampled_from(["ann@example.com", "Ben+1@bücher.example"]).map(parse_address)
)
attachments = st.builds(
    Attachment,
    filename=names.map(lambda name: name.replace("/", "").replace("\\", "") + "x.pdf"),
    content=st.binary(max_size=200),
    content_type=st.none() | st.sampled_from(["text/plain", "application/x-y"]),
    content_id=st.none(),
)
messages = st.builds(
    Message,
    sender=mailboxes,
    to=st.lists(mailboxes, max_size=3).map(tuple),
    cc=st.lists(mailboxes, max_size=2).map(tuple),
    reply_to=st.lists(mailboxes, max_size=2).map(tuple),
    subject=safe_texts,
    text=bodies,
    html=bodies,
    headers=st.dictionaries(header_names, names, max_size=3).map(lambda headers: tuple(headers.items())),
    attachments=st.lists(attachments, max_size=2).map(tuple),
).map(lambda message: message if message.text or message.html else replace(message, text=""))


@given(messages)
def test_no_header_is_there_that_is_not_ours(message: Message) -> None:
    """Whatever passes the check has, read by the email package, exactly the headers that were meant, in every part."""
    mail = read(rendered(message))
    expected = Counter(["From", "To", "Subject", "Date", "Message-ID", "Auto-Submitted", "X-Postern-Recipient"])
    expected += Counter(["MIME-Version", "Content-Type", *(name for name, _ in message.headers)])
    expected += Counter(["Cc"] * bool(message.cc) + ["Reply-To"] * bool(message.reply_to))
    expected += Counter(["Content-Transfer-Encoding"] * (not mail.is_multipart()))
    assert Counter(mail.keys()) == expected
    for part in mail.walk():
        if part is not mail:
            assert set(part.keys()) <= {"Content-Type", "Content-Transfer-Encoding", "Content-Disposition"}


@given(messages)
@example(replace(INVITATION, subject="=?utf-8?q?", text="x" * 2000, html="é" * 2000))
def test_message_reads_back_as_it_was_put_in(message: Message) -> None:
    """Subject, addresses, headers, bodies and files come back from an independent parser as they were given."""
    mail = read(rendered(message))
    assert mail["Subject"] == message.subject
    assert mail["From"].addresses[0].addr_spec == message.sender.address.envelope
    for name, sent in (("To", message.to), ("Cc", message.cc), ("Reply-To", message.reply_to)):
        found = [each.addr_spec for each in mail[name].addresses] if mail[name] else []
        assert found == [each.address.envelope for each in sent]
    for name, value in message.headers:
        assert mail[name] == value
    for kind, body in (("plain", message.text), ("html", message.html)):
        if body:
            assert content(mail, kind).rstrip("\r\n") == with_crlf(body).rstrip("\r\n")
    files = [part for part in mail.walk() if part.get_content_disposition() == "attachment"]
    assert [part.get_filename() for part in files] == [each.filename.strip() for each in message.attachments]
    assert [part.get_payload(decode=True) for part in files] == [each.content for each in message.attachments]


@given(messages)
def test_every_line_is_short_ascii_ended_by_crlf(message: Message) -> None:
    """No mail has a bare CR or LF, an octet above 127, or a line longer than RFC 5322 allows."""
    raw = rendered(message)
    lines = raw.split(b"\r\n")
    assert raw.isascii()
    assert all(b"\r" not in line and b"\n" not in line and len(line) <= 998 for line in lines)
    assert lines[-1] == b""


@given(safe_texts, st.integers(min_value=1, max_value=60))
def test_encoded_words_keep_their_bounds_and_their_text(text: str, length: int) -> None:
    """A value in encoded-words decodes to itself, in lines of at most 76 octets, words of whole characters."""
    value = text + "é"
    written = encoding.field("X" * length, value).removesuffix("\r\n")
    assert all(len(line) <= 76 for line in written.split("\r\n"))
    unfolded = written.replace("\r\n", "").partition(":")[2]
    assert str(make_header(decode_header(unfolded.strip()))) == value
    for word in re.findall(r"=\?utf-8\?b\?[^?]*\?=", unfolded):
        assert "\ufffd" not in str(make_header(decode_header(word)))


@given(texts)
@example("=" * 1000)
@example(" \n\t\n" * 50)
@example("--=_mixed_x\r\n")
def test_no_body_can_hold_a_boundary(body: str) -> None:
    """However a body is written, it is encoded without the start of any boundary, and decodes to itself."""
    transfer_encoding, encoded = encoding.text_body(body)
    assert b"--=_" not in encoded
    part = read(
        f"Content-Type: text/plain; charset=utf-8\r\nContent-Transfer-Encoding: {transfer_encoding}\r\n\r\n".encode()
        + encoded
    )
    assert part.get_payload(decode=True) == with_crlf(body).encode()


@given(st.binary(max_size=500))
def test_base64_has_the_size_it_is_said_to_have(octets: bytes) -> None:
    """The size that a file is refused by is the size that it has when sent, or two octets more."""
    encoded = encoding.base64_body(octets)
    assert 0 <= encoding.base64_size(len(octets)) - len(encoded) <= 2
    assert all(len(line) <= 76 for line in encoded.split(b"\r\n"))


GOOD = b"To: a\r\nSubject: b\r\n c\r\n\r\n\r\n--=_m\r\nX-A: 1\r\n\r\nbody\r\n--=_m--\r\n"
MEANT = [("To", "Subject"), ("X-A",)]


def test_scanner_passes_what_was_meant() -> None:
    """The scanner takes a message whose header blocks are the expected ones."""
    require_exactly(GOOD, MEANT)


@pytest.mark.parametrize(
    "raw",
    [
        GOOD.replace(b"Subject: b", b"Subject: b\r\nBcc: e@example.org"),
        GOOD.replace(b"X-A: 1", b"X-A: 1\r\nX-B: 2"),
        GOOD.replace(b"To: a", b"Bcc: a"),
        GOOD.replace(b"To: a\r\n", b""),
        GOOD.replace(b"To: a\r\nSubject: b", b"Subject: b\r\nTo: a"),
        GOOD.replace(b"a\r\nS", b"a\nS"),
        GOOD.replace(b"a\r\nS", b"a\rS"),
        GOOD.replace(b"body", b"bo\ndy"),
        GOOD.replace(b"body", b"bo\rdy"),
        GOOD.replace(b"body", b"bo\r\r\ndy"),
        GOOD.replace(b"body", b"b\0dy"),
        GOOD.replace(b"body", b"b\x0cdy"),
        GOOD.replace(b"body", "b\u00f6dy".encode()),
        GOOD.replace(b"body", b"x" * 999),
        GOOD.replace(b" b", b" b\x0b"),
        GOOD.replace(b" b", b" b\x7f"),
        GOOD.replace(b" c", b"c"),
        GOOD.replace(b" c", b"\tc"),
        GOOD.replace(b" c", b"  "),
        GOOD.replace(b"To: a", b"To : a"),
        GOOD.replace(b"To: a", b"To:a"),
        GOOD.replace(b"To: a", b" To: a"),
        GOOD.replace(b"To: a", b"T_o: a"),
        GOOD.replace(b"body", b"body\r\n--=_m\r\nX-A: 2\r\n\r\n"),
        GOOD.replace(b"body", b"body\r\n--=_m--\r\nBcc: x\r\n"),
        GOOD + b"Bcc: x\r\n",
        GOOD.removesuffix(b"\r\n"),
        GOOD.replace(b"1\r\n\r\nbody", b"1"),
        b"",
        b"To: a\r\nSubject: b\r\n",
    ],
)
def test_scanner_refuses_whatever_differs(raw: bytes) -> None:
    """One header more, less or elsewhere, one line end or octet amiss, and the message is not sent."""
    with pytest.raises(UnsafeMessage):
        require_exactly(raw, MEANT)
