"""Any message that is accepted leaves octet by octet; any other is refused by name."""

import email.policy
from email.parser import BytesParser

from hypothesis import given
from hypothesis import strategies as st

from app.domain.message.raw.display import shown
from app.domain.message.raw.fields import split
from app.domain.message.raw.kinds import is_taken_out
from app.domain.message.raw.reader import ReadMessage, read_raw
from app.domain.message.raw.rules import InvalidRaw
from tests.support.gateway.raw import sent

NAMES = st.sampled_from(
    [
        "From",
        "To",
        "Cc",
        "Bcc",
        "Subject",
        "Received",
        "X-SES-A",
        "X-Postern-B",
        "DKIM-Signature",
        "Date",
        "X-C",
        "MIME-Version",
    ]
)
VALUES = st.one_of(
    st.sampled_from(
        ["a@example.com", "Ann <a@example.com>", "x:;", "=?utf-8?q?=C3=BC?=", "v=1; h=bcc:to", "multipart/mixed"]
    ),
    st.text(st.characters(blacklist_categories=("Cs", "Cc")), max_size=20),
)
FOLDS = st.sampled_from(["", "\r\n ", "\r\n\t"])
FIELDS = st.builds(lambda name, value, fold: f"{name}:{fold}{value}\r\n".encode(), NAMES, VALUES, FOLDS)
STRUCTURED = st.sampled_from(
    [b"Content-Type: multipart/mixed; boundary=b\r\n", b"Content-Type: text/plain; charset=utf-8\r\n", b""]
)
BODIES = st.one_of(
    st.binary(max_size=60),
    st.lists(
        st.sampled_from([b"--b\r\n", b"--b--\r\n", b"\r\n", b"Content-Type: text/html\r\n", b".\r\n", b"a\xff\r\n"])
    ).map(b"".join),
)
MESSAGES = st.builds(
    lambda fields, structure, body: b"From: a@example.com\r\n" + b"".join(fields) + structure + b"\r\n" + body,
    st.lists(FIELDS, max_size=6),
    STRUCTURED,
    BODIES,
)


def accepted(message: bytes) -> ReadMessage | None:
    try:
        return read_raw(message)
    except InvalidRaw:
        return None


@given(MESSAGES)
def test_what_is_accepted_leaves_octet_by_octet(message: bytes) -> None:
    """But for the fields that are taken out, signatures over them, and those that are added in front."""
    read = accepted(message)
    if read is None:
        return
    fields, rest = split(message)
    whole = sent(read)
    assert whole.endswith(rest)
    kept = [one.octets for one in fields if not is_taken_out(one.kind) and one.kind != "dkim-signature"]
    left = [one.octets for one in split(whole)[0] if one.kind != "dkim-signature"]
    added = len(left) - len(kept)
    assert left[added:] == kept
    assert all(one.split(b":")[0] in {b"X-Postern-Recipient", b"Date", b"Message-ID", b"To"} for one in left[:added])
    shown(read.message.raw)


@given(MESSAGES)
def test_another_reader_finds_the_same_fields(message: bytes) -> None:
    """Python's parser finds the fields that were meant, and no hidden recipient among them."""
    read = accepted(message)
    if read is None:
        return
    whole = sent(read)
    parsed = BytesParser(policy=email.policy.compat32).parsebytes(whole, headersonly=True)
    assert [name for name, _ in parsed.raw_items()] == [one.name for one in split(whole)[0]]
    assert parsed.get_all("Bcc") is None


@given(st.binary(max_size=200))
def test_any_octets_are_read_or_refused(octets: bytes) -> None:
    """Nothing else comes of them, also where they are shown."""
    shown(octets)
    accepted(octets)
