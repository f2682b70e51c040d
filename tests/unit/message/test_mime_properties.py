"""Whatever an application writes, the sent message has only our headers and reads back as intended."""

import re
from collections import Counter
from dataclasses import replace
from email.header import decode_header, make_header

from hypothesis import example, given
from hypothesis import strategies as st

from app.domain.message import encoding
from app.domain.message.address import Mailbox, parse_address
from app.domain.message.mime import Attachment, Message
from app.domain.message.text_rules import broken_text_rule
from tests.support.gateway.messages import INVITATION, content, read, rendered, with_crlf

# Pieces that confuse parsers, in headers and in bodies.
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
TEMPTING_BODY = [
    *TEMPTING,
    "\r\n",
    "\n",
    "\r",
    "--=_mixed_",
    "=",
    "=\n",
    "=?utf-8?q?=0A?=",
    "\u2028",
    "\x0c",
    "\t",
    " \n",
    "\nFrom ",
    "\n.\n",
]
characters = st.characters(exclude_categories=["Cc", "Cs", "Zl", "Zp"])


def without_encoded_words(text: str) -> str:
    """Return `text`, changed where it breaks that rule, so that no example is discarded."""
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
    """A message that passes the check has, as parsed by the email package, exactly the intended headers per part."""
    email = read(rendered(message))
    expected = Counter(["From", "To", "Subject", "Date", "Message-ID", "Auto-Submitted", "X-Postern-Recipient"])
    expected += Counter(["MIME-Version", "Content-Type", *(name for name, _ in message.headers)])
    expected += Counter(["Cc"] * bool(message.cc) + ["Reply-To"] * bool(message.reply_to))
    expected += Counter(["Content-Transfer-Encoding"] * (not email.is_multipart()))
    assert Counter(email.keys()) == expected
    for part in email.walk():
        if part is not email:
            assert set(part.keys()) <= {"Content-Type", "Content-Transfer-Encoding", "Content-Disposition"}


@given(messages)
@example(replace(INVITATION, subject="=?utf-8?q?", text="x" * 2000, html="é" * 2000))
def test_message_reads_back_as_it_was_put_in(message: Message) -> None:
    """An independent parser returns the subject, addresses, headers, bodies and files as given."""
    email = read(rendered(message))
    assert email["Subject"] == message.subject
    assert email["From"].addresses[0].addr_spec == message.sender.address.envelope
    for name, sent in (("To", message.to), ("Cc", message.cc), ("Reply-To", message.reply_to)):
        found = [each.addr_spec for each in email[name].addresses] if email[name] else []
        assert found == [each.address.envelope for each in sent]
    for name, value in message.headers:
        assert email[name] == value
    for kind, body in (("plain", message.text), ("html", message.html)):
        if body:
            assert content(email, kind).rstrip("\r\n") == with_crlf(body).rstrip("\r\n")
    files = [part for part in email.walk() if part.get_content_disposition() == "attachment"]
    assert [part.get_filename() for part in files] == [each.filename.strip() for each in message.attachments]
    assert [part.get_payload(decode=True) for part in files] == [each.content for each in message.attachments]


@given(messages)
def test_every_line_is_short_ascii_ended_by_crlf(message: Message) -> None:
    """No email has a bare CR or LF, an octet above 127, or a line longer than RFC 5322 allows."""
    raw = rendered(message)
    lines = raw.split(b"\r\n")
    assert raw.isascii()
    assert all(b"\r" not in line and b"\n" not in line and len(line) <= 998 for line in lines)
    assert lines[-1] == b""


@given(safe_texts, st.integers(min_value=1, max_value=60))
def test_encoded_words_keep_their_bounds_and_their_text(text: str, length: int) -> None:
    """A value in encoded-words decodes to itself; lines have at most 76 octets, and no word splits a character."""
    value = text + "é"
    written = encoding.field("X" * length, value).removesuffix("\r\n")
    assert all(len(line) <= 76 for line in written.split("\r\n"))
    unfolded = written.replace("\r\n", "").partition(":")[2]
    assert str(make_header(decode_header(unfolded.strip()))) == value
    words = re.findall(r"=\?utf-8\?b\?[^?]*\?=", unfolded)
    assert "".join(str(make_header(decode_header(word))) for word in words) == value


@given(texts)
@example("=" * 1000)
@example(" \n\t\n" * 50)
@example("--=_mixed_x\r\n")
def test_no_body_can_hold_a_boundary(body: str) -> None:
    """Any body is encoded without the start of a boundary, and decodes to itself."""
    transfer_encoding, encoded = encoding.text_body(body)
    assert b"--=_" not in encoded
    part = read(
        f"Content-Type: text/plain; charset=utf-8\r\nContent-Transfer-Encoding: {transfer_encoding}\r\n\r\n".encode()
        + encoded
    )
    assert part.get_payload(decode=True) == with_crlf(body).encode()


@given(st.binary(max_size=500))
def test_base64_has_the_size_that_counts_for_the_limit(octets: bytes) -> None:
    """The size that counts for the limit is the size when sent, or two octets more."""
    encoded = encoding.base64_body(octets)
    assert 0 <= encoding.base64_size(len(octets)) - len(encoded) <= 2
    assert all(len(line) <= 76 for line in encoded.split(b"\r\n"))


GOOD = b"To: a\r\nSubject: b\r\n c\r\n\r\n\r\n--=_m\r\nX-A: 1\r\n\r\nbody\r\n--=_m--\r\n"
