"""What SES gets of an accepted message: what was accepted, and the fields before it."""

from datetime import UTC, datetime

import pytest

from app.domain.message.mailboxes import parse_mailbox
from app.domain.message.mime import UnsafeMessage
from app.domain.message.raw.outgoing import Addressees, outgoing
from app.domain.message.raw.reader import read_raw
from app.domain.message.raw.rules import FIELD_LIMIT
from tests.support.gateway.raw import RECIPIENT, added, raw, refusals, sent

MARK = f"X-Postern-Recipient: {RECIPIENT}"
DATE = "Date: Sat, 07 Mar 2026 12:30:00 +0000"
ID = f"Message-ID: <{RECIPIENT}@example.com>"
LINK = (("List-Unsubscribe", "<https://p.example/u/1>"), ("List-Unsubscribe-Post", "List-Unsubscribe=One-Click"))


@pytest.mark.parametrize(
    "message, lines",
    [
        (raw(), [MARK, DATE, ID]),
        (raw("DATE: Sat, 7 Mar 2026 13:00:00 +0100"), [MARK, ID]),
        (raw("Message-Id: <a@b.example>"), [MARK, DATE]),
        (raw(To=None), [MARK, DATE, ID, "To: undisclosed-recipients:;"]),
        (raw(To=""), [MARK, DATE, ID]),
    ],
)
def test_what_is_missing_is_added_in_front(message: bytes, lines: list[str]) -> None:
    """All that was accepted follows, octet by octet."""
    assert added(message) == lines


def test_own_headers_take_the_place_of_the_clients() -> None:
    """And a signature over them goes with them; all else stays."""
    own = ("list-unsubscribe: <mailto:stop@example.com>", "List-Unsubscribe-Post: x", "List-Id: <news.example.com>")
    signature = "DKIM-Signature: v=1; h=From:To:List-Unsubscribe; b=aa"
    header, _, _ = sent(raw(signature, *own), own_headers=LINK).decode().partition("\r\n\r\n")
    assert header.split("\r\n") == [
        MARK,
        *(f"{name}: {value}" for name, value in LINK),
        DATE,
        ID,
        "From: invites@example.com",
        "To: ann@example.net",
        own[2],
    ]


def test_a_signature_over_other_fields_stays() -> None:
    """A link, a Date and a Message-ID change nothing that it covers."""
    signature = "DKIM-Signature: v=1; h=From:To:Subject; b=aa"
    assert signature.encode() in sent(raw(signature), own_headers=LINK)
    covers_date = "DKIM-Signature: v=1; h=From:Date; b=aa"
    assert covers_date.encode() not in sent(raw(covers_date))


def test_to_and_cc_are_written_anew_once_a_person_was_forgotten() -> None:
    """With those that remain; without any of To, the empty group stands there."""
    message = raw("List-Unsubscribe: <x:kim>", To="Kim <kim@example.net>, ann@example.net", Cc="kim@example.net")
    remaining = Addressees(to=(parse_mailbox('"Lee, Ann" <ann@example.net>'),), cc=())
    found = sent(message, addressees=remaining, own_headers=LINK)
    assert b"kim" not in found.lower()
    assert b'To: "Lee, Ann" <ann@example.net>\r\n' in found
    assert b"To: undisclosed-recipients:;\r\n" in sent(message, addressees=Addressees(to=(), cc=()))


@pytest.mark.parametrize(
    "stored",
    [
        raw(Bcc="b@example.net"),
        raw("X-SES-CONFIGURATION-SET: other"),
        raw("X-Postern-Recipient: forged"),
        raw("Subject: a", "Subject: b"),
        raw(From=None),
        raw(body="a\nb"),
        raw(body="a\0b"),
        raw(body="a" * 999),
        b"no message",
    ],
)
def test_nothing_else_ever_leaves(stored: bytes) -> None:
    """What is not as it has to be is not sent, whatever was stored."""
    with pytest.raises(UnsafeMessage):
        outgoing(stored, recipient_id="1", date=datetime(2026, 3, 7, tzinfo=UTC), message_id="1@example.com")


def test_the_largest_header_that_is_accepted_can_be_sent() -> None:
    """With all that is added: a link, and addresses that are written anew."""
    many = Addressees(to=tuple(parse_mailbox(f"{'n' * 250} <{'a' * 60}{n}@example.net>") for n in range(50)), cc=())
    for fields in (["X: a"] * (FIELD_LIMIT - 2), [*["X: " + "a" * 990] * 65, "X: " + "a" * 808]):
        assert sent(raw(*fields), own_headers=LINK, addressees=many)
        assert refusals(raw(*fields, "X:")) in ([("/raw", "too_many_headers")], [("/raw", "header_too_large")])


@pytest.mark.parametrize("word", ["a\r\nBcc: b@example.com", "", "a b", "a" * 401])
def test_an_id_that_cannot_stand_in_a_header_is_refused(word: str) -> None:
    """The id of the recipient and the Message-ID alike."""
    stored, date = read_raw(raw()).message.raw, datetime(2026, 3, 7, tzinfo=UTC)
    with pytest.raises(UnsafeMessage):
        outgoing(stored, recipient_id=word, date=date, message_id="1@example.com")
    with pytest.raises(UnsafeMessage):
        outgoing(stored, recipient_id="1", date=date, message_id=word)
