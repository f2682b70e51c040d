"""The message as sent: its shape, and what every reader finds in it."""

from dataclasses import replace
from datetime import UTC, datetime

import pytest

from app.domain.address import Mailbox, parse_address
from app.domain.attachments import ATTACHMENT_COUNT_LIMIT
from app.domain.encoding import text_body
from app.domain.mime import MESSAGE_LIMIT, UnsafeMessage, check_message, render
from tests.invitation import INVITATION, PDF, PNG, RECIPIENT, read, rendered, shape


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


@pytest.mark.parametrize(
    "text",
    [
        "",
        "Hello",
        "Hello\n",
        "a\n\n\nb",
        "x" * 78 + "\n" + "y" * 78,
        "\tindented = so",
        "\r\nold\rends\r\n",
        "?a=_b",
        "Fromage",
    ],
)
def test_a_plain_text_travels_as_it_is(text: str) -> None:
    """ASCII in short lines is sent as it was written: whoever looks at the source can read it."""
    assert text_body(text) == ("7bit", text.replace("\r\n", "\n").replace("\r", "\n").replace("\n", "\r\n").encode())


@pytest.mark.parametrize(
    "text",
    [
        "é" * 2,
        "x" * 79,
        "blank \nat the end",
        "tab\t",
        "From now on",
        "a\nFrom b",
        ".",
        "a\n.\nb",
        "--=_mixed_x",
        "\x0c",
        "\x7f",
    ],
)
def test_a_text_that_would_not_arrive_as_it_is_is_encoded(text: str) -> None:
    """What mail servers change, fold or take for an end on the way is encoded."""
    transfer_encoding, body = text_body(text)
    assert transfer_encoding != "7bit"
    part = read(f"Content-Transfer-Encoding: {transfer_encoding}\r\n\r\n".encode() + body)
    assert part.get_payload(decode=True) == text.replace("\n", "\r\n").encode()
