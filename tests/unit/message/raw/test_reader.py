"""Which raw messages are accepted, what is taken out of them, and what is read of them."""

import pytest

from app.domain.message.mime import RAW_LIMIT, ROOM
from app.domain.message.raw.reader import read_raw
from app.domain.message.raw.rules import InvalidRaw
from tests.support.gateway.raw import raw, refusals

KEPT = raw()


@pytest.mark.parametrize(
    "message, refused",
    [
        (raw(body="a\0b"), ("/raw", "nul_octet")),
        (raw(body="a\nb\r\n"), ("/raw", "line_ends")),
        (raw(body="a\rb\r\n"), ("/raw", "line_ends")),
        (KEPT.replace(b"\r\n", b"\n") + b"\r", ("/raw", "line_ends")),
        (KEPT.replace(b"\r\n", b"\r"), ("/raw", "line_ends")),
        (raw(body="\n.\r\n"), ("/raw", "line_ends")),
        (raw(body="a" * 999 + "\r\n"), ("/raw", "line_too_long")),
        (raw(body="a" * 999), ("/raw", "line_too_long")),
        (raw(Subject="a" * 990), ("/raw", "line_too_long")),
        (b"From: a@example.com\r\nTo: b@example.net\r\n", ("/raw", "header_end")),
        (b"", ("/raw", "header_end")),
        (raw("X: " + "a" * 900, *["\ta" * 400] * 90), ("/raw", "header_too_large")),
        (raw(*["X: a"] * 499), ("/raw", "too_many_headers")),
        (b"\r\n" + KEPT, ("/headers", "header_line")),
        (b" " + KEPT, ("/headers", "header_line")),
        (b"From x@y Sat Mar  7 12:30:00 2026\r\n" + KEPT, ("/headers", "header_line")),
        (raw("Subject : x"), ("/headers", "header_line")),
        (raw("Sub ject: x"), ("/headers", "header_line")),
        (raw("no field"), ("/headers", "header_line")),
        (raw(": no name"), ("/headers", "header_line")),
        (raw(f"{'X' * 127}: x"), ("/headers", "header_line")),
        (raw("Süßes: x"), ("/headers", "header_line")),
        (raw("Subject: a\r\n \r\n b"), ("/headers", "header_line")),
        (raw("Subject: a\r\n\t"), ("/headers", "header_line")),
        (raw().replace(b"invites@", b"\xfc@"), ("/headers/From", "header_not_utf8")),
        (raw("X-A: \x01"), ("/headers/X-A", "control_character")),
        (raw("ann@example.net: \x01"), ("/headers", "control_character")),
        (raw("Subject: a\x85b"), ("/headers/Subject", "control_character")),
        (raw("Subject: =?utf-8?q?a=0D=0ABcc:_b@example.com?="), ("/headers/Subject", "control_character")),
        (raw(Subject="\r\n ".join(["a" * 500] * 2)), ("/headers/Subject", "subject_too_long")),
        (raw(From=None), ("/headers/From", "required")),
        (raw(From=""), ("/headers/From", "empty")),
        (raw(From="a@example.com, b@example.com"), ("/headers/From", "one_mailbox")),
        (raw(From="a@example.com <b@example.com>"), ("/headers/From", "name")),
        (raw(From="=?utf-8?q?a=40example=2Ecom?="), ("/headers/From", "one_at_sign")),
        (raw(From="=?utf-8?q?a?=@example.com"), ("/headers/From", "local_part_not_ascii")),
        (raw(From="=?utf-8?q?=0D=0ATo=3A?= <a@example.com>"), ("/headers/From", "control_character")),
        (raw("from: a@example.com"), ("/headers/From", "header_duplicate")),
        (raw("subject: a", "SUBJECT: b"), ("/headers/subject", "header_duplicate")),
        (raw("To: b@example.net"), ("/headers/To", "header_duplicate")),
        (raw(*["DKIM-Signature: v=1"] * 2), ("/headers/DKIM-Signature", "header_duplicate")),
        (raw(*["Content-Type: text/plain"] * 2), ("/headers/Content-Type", "header_duplicate")),
        (raw(Sender="a@example.com, b@example.com"), ("/headers/Sender", "one_mailbox")),
        (raw(To="b@example"), ("/headers/To", "domain_without_dot")),
        (raw(To="ann@bücher.example"), ("/headers/To", "domain_not_ascii")),
        (raw(To="Friends: b@example.net; c@example.net"), ("/headers/To", "name")),
        (raw(From="Team: a@example.com;"), ("/headers/From", "name")),
        (raw(Resent_From="Team: a@example.com;"), ("/headers/Resent-From", "name")),
        (raw(Bcc="x"), ("/headers/Bcc", "one_at_sign")),
        (raw(Reply_To="x"), ("/headers/Reply-To", "one_at_sign")),
        (raw(X_SES_MESSAGE_TAGS="a=b c"), ("/headers/X-SES-MESSAGE-TAGS", "tags")),
        (raw(X_Postern_Tags="=b"), ("/headers/X-Postern-Tags", "tags")),
        (raw(X_Postern_Lane="express"), ("/headers/X-Postern-Lane", "enum")),
        (raw(X_Postern_Actor="a" * 321), ("/headers/X-Postern-Actor", "string_too_long")),
        (raw(X_Postern_Reference="a" * 257), ("/headers/X-Postern-Reference", "string_too_long")),
        (raw("Content-Type: application/zip; name=a.exe"), ("/raw", "filename_refused")),
        (raw("Content-Disposition: attachment; filename*=utf-8''a%0D%0Ab"), ("/raw", "control_character")),
        (
            raw("Content-Disposition: attachment; filename*=utf-8''a%E2%80%AEfdp"),
            ("/raw", "filename_invisible_character"),
        ),
    ],
)
def test_what_is_refused(message: bytes, refused: tuple[str, str]) -> None:
    """By a word of its own, at the field that breaks the rule."""
    assert refusals(message) == [refused]


def test_a_message_is_at_most_what_ses_takes() -> None:
    """With room for what is added, also when its line ends grow; before anything is read."""
    room = RAW_LIMIT - ROOM - len(raw(body=""))
    assert refusals(raw(body=("a" * 998 + "\r\n") * (room // 1000))) == []
    assert refusals(raw(body=("a" * 998 + "\r\n") * (room // 1000 + 1))) == [("/raw", "message_too_large")]
    assert refusals(raw(body="").replace(b"\r\n", b"\n") + b"\n" * (room - 10)) == [("/raw", "message_too_large")]


@pytest.mark.parametrize(
    "message",
    [
        KEPT,
        KEPT.replace(b"\r\n", b"\n"),
        raw(body=""),
        raw(body="without an end"),
        raw(body="a" * 998 + "\r\n" + "b" * 998),
        raw(body="\r\n.\r\n..\r\nFrom here\r\n"),
        raw(Subject="Grüße"),
        raw(To=None),
        raw(To=""),
        raw(To="undisclosed-recipients:;"),
        raw(To='"Undisclosed": ;', Cc=""),
        raw(To="=?utf-8?q?Lee=2C_A?= <a@example.net>,\r\n =?latin1?q?J=F6?=\r\n =?utf-8?b?cmc=?= <j@example.net>"),
        raw(To='"=?utf-8?q?Lee=2C_Ann?=" <ann@example.net>'),
        raw("X-Odd!#$%&'*+: x", "X-Empty:", "X-Many: 1", "X-Many: 2"),
        raw("Subject:\r\n folded\r\n\tagain"),
        raw(Subject="\r\n ".join(["a" * 494] * 2)),
    ],
)
def test_what_is_accepted_unchanged(message: bytes) -> None:
    """But for line ends of LF alone, which become CRLF."""
    assert read_raw(message).message.raw == message.replace(b"\r\n", b"\n").replace(b"\n", b"\r\n")


TAKEN_OUT = (
    "Bcc: hidden@example.net",
    "Resent-Bcc: hidden@example.net",
    "Received: from [10.0.0.1] by mx; Sat, 7 Mar 2026 12:30:00 +0000",
    "RECEIVED: from desk\r\n\tby mx",
    "Return-Path: <bounce@example.com>",
    "Delivered-To: ann@example.net",
    "X-Original-To: ann@example.net",
    "X-SES-CONFIGURATION-SET: news",
    "X-SES-MESSAGE-TAGS: a=b",
    "X-SES-SOURCE-ARN: arn:aws:ses:eu-west-1:123456789012:identity/example.com",
    "x-ses-list-management-options: contactListName=a",
    "X-Postern-Recipient: 0192",
    "X-Postern-Stream: news",
    "X-Postern-Anything: x",
)


@pytest.mark.parametrize("field", TAKEN_OUT)
def test_what_is_taken_out(field: str) -> None:
    """Hidden recipients, traces, and what controls SES or Postern; the fields around it stay octet by octet."""
    around = "X-Before:  a\r\n\tb ", "X-After:c"
    assert read_raw(raw(around[0], field, around[1])).message.raw == raw(*around)


@pytest.mark.parametrize(
    "signed, stays",
    [("from:to:subject", True), ("from : Bcc:to", False), ("from:received", False), ("from:list-id", True)],
)
def test_a_signature_over_what_was_taken_out_goes_too(signed: str, stays: bool) -> None:
    """It would be false; one over other fields stays."""
    signature = f"DKIM-Signature: v=1; a=rsa-sha256;\r\n h={signed};\r\n bh=aa; b=bb"
    message = read_raw(raw(signature, "Bcc: b@example.net", "Received: x")).message
    assert message.raw == (raw(signature) if stays else raw())


def test_what_is_read() -> None:
    """Addresses with their names, the subject as people see it, and what the message says of itself."""
    message = raw(
        "Subject: =?utf-8?q?Gr=C3=BC?= =?utf-8?b?w58=?=\r\n =?utf-8?q?e?=",
        "Reply-To: help@example.com",
        "X-SES-CONFIGURATION-SET: News-Weekly",
        "X-SES-MESSAGE-TAGS: campaign=spring, kind = a",
        "X-Postern-Tags: more=",
        "X-Postern-Lane: Bulk",
        "X-Postern-Actor: kim",
        "X-Postern-Reference: order 7",
        "X-Postern-Supersedes: cart-7",
        From="=?utf-8?b?Wm/Dqw==?= Keller <zoe@example.com>",
        To="=?utf-8?q?Lee=2C_Ann_=3Cx=40y=2Eexample=3E?= <ann@example.net>, ben@example.net",
        Cc="cy@example.net",
        Bcc="dee@example.net",
    )
    read = read_raw(message)
    found = read.message
    assert (found.sender.name, found.sender.address.email) == ("Zoë Keller", "zoe@example.com")
    named = [(one.name, one.address.email) for one in (*found.to, *found.cc, *read.bcc, *found.reply_to)]
    assert named == [
        ("Lee, Ann <x@y.example>", "ann@example.net"),
        (None, "ben@example.net"),
        (None, "cy@example.net"),
        (None, "dee@example.net"),
        (None, "help@example.com"),
    ]
    assert found.subject == "Grüße"
    controls = read.controls
    assert (controls.stream, controls.lane, controls.actor) == ("news-weekly", "bulk", "kim")
    assert (controls.reference, controls.supersedes) == ("order 7", "cart-7")
    assert controls.tags == (("campaign", "spring"), ("kind", "a"), ("more", ""))


def test_every_address_that_it_claims_to_be_from_is_named() -> None:
    """Each with the field that has it, so that each can be held against the key."""
    lines = ("Sender: s@example.com", "Resent-From: r@example.com, q@example.com", "Resent-Sender: t@example.com")
    found = [(pointer, one.address.email) for pointer, one in read_raw(raw(*lines)).senders]
    assert found == [
        ("/headers/From", "invites@example.com"),
        ("/headers/Sender", "s@example.com"),
        ("/headers/Resent-From", "r@example.com"),
        ("/headers/Resent-From", "q@example.com"),
        ("/headers/Resent-Sender", "t@example.com"),
    ]


@pytest.mark.parametrize(
    "message, detail",
    [
        (raw("Subject: x", "no field"), "Field 4 is not of this form."),
        (raw(body="a\r\n" + "b" * 999 + "\r\n"), "Line 5 is longer."),
        (raw("X: \x01"), "Found U+0001 (control character) at character 1."),
    ],
)
def test_the_place_is_named_and_not_what_stands_there(message: bytes, detail: str) -> None:
    """So that it can be found in a message of many lines."""
    with pytest.raises(InvalidRaw) as refused:
        read_raw(message)
    assert refused.value.faults[0].detail.endswith(detail)


def test_all_broken_rules_of_the_header_are_named_at_once() -> None:
    """So that a client mends them in one turn."""
    message = raw("Subject: a", "Subject: b", "X-Postern-Lane: x", From="x", To="y")
    assert [code for _, code in refusals(message)] == ["one_at_sign", "one_at_sign", "header_duplicate", "enum"]
