"""The message as sent: its structure, and the contents that every parser finds in it."""

from base64 import b64encode
from collections.abc import Callable
from dataclasses import replace
from datetime import UTC, datetime

import pytest

from app.domain.message.address import Mailbox, parse_address
from app.domain.message.attachments import ATTACHMENT_COUNT_LIMIT
from app.domain.message.encoding import text_body
from app.domain.message.mime import TRAVEL_LIMIT, Message, UnsafeMessage, check_message, render
from app.domain.suppression.unsubscribe_link import PLACEHOLDER, with_link
from tests.support.gateway.messages import INVITATION, PDF, PNG, RECIPIENT, read, rendered, shape


def test_whole_message_octet_by_octet() -> None:
    """An email with a text is exactly these octets, so that a change of any octet is noticed."""
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
    """Every recipient sees all of To and Cc; no Bcc header exists or can be added."""
    email = read(rendered(INVITATION))
    assert [each.addr_spec for each in email["To"].addresses] == ["Ann.Lee@example.org", "ben@xn--bcher-kva.example"]
    assert [each.display_name for each in email["Cc"].addresses] == ["Zoë"]
    assert email["Bcc"] is None


def test_an_email_only_to_bcc_names_no_address() -> None:
    """An email with recipients only in Bcc still has the To that SES requires, without an address in it."""
    email = read(rendered(replace(INVITATION, to=(), cc=())))
    assert str(email["To"]) == "undisclosed-recipients:;"
    assert email["To"].addresses == ()
    assert email["Cc"] is None


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
    email = read(rendered(replace(INVITATION, **changes)))  # type: ignore[arg-type]
    assert shape(email) == expected


def test_files_arrive_octet_by_octet() -> None:
    """Attachments keep their octets, and images appear where the HTML refers to them."""
    email = read(rendered(replace(INVITATION, attachments=(PDF, PNG))))
    files = {part.get_filename(): part for part in email.walk() if part.get_filename()}
    assert files["offer.pdf"].get_content() == PDF.content
    assert files["offer.pdf"].get_content_disposition() == "attachment"
    assert files["logo.png"].get_content() == PNG.content
    assert files["logo.png"].get_content_disposition() == "inline"
    assert files["logo.png"]["Content-ID"] == "<logo>"


def test_same_input_gives_the_same_octets() -> None:
    """Nothing in a rendered email is random or depends on the clock."""
    message = replace(INVITATION, attachments=(PDF, PNG))
    assert rendered(message) == rendered(message)


def test_application_keeps_its_own_headers() -> None:
    """Where application and gateway both set a header, in any case, that of the application is sent."""
    own = (("auto-submitted", "auto-replied"), ("list-unsubscribe", "<https://app.example/u>"))
    email = read(
        rendered(replace(INVITATION, headers=own), extra_headers=(("List-Unsubscribe", "<https://gw.example/u>"),))
    )
    assert email.get_all("Auto-Submitted") == ["auto-replied"]
    assert email.get_all("List-Unsubscribe") == ["<https://app.example/u>"]


def test_half_an_encoded_word_is_never_left_standing() -> None:
    """A text that begins like an encoded-word is encoded as a whole, so that later text cannot complete the word."""
    half = "=?utf-8?q?a"
    message = replace(
        INVITATION, subject=half, to=(Mailbox(half, parse_address("ann@example.org")),), headers=(("X-App", half),)
    )
    raw = rendered(message)
    assert half.encode() not in raw
    assert read(raw)["Subject"] == read(raw)["X-App"] == read(raw)["To"].addresses[0].display_name == half


@pytest.mark.parametrize("name", ["To", "bcc:", "X Y", "Content-Type", "", "X-A\r\nBcc"])
def test_gateway_cannot_break_its_own_email(name: str) -> None:
    """Headers that the gateway adds are refused too when they duplicate one of the email or are not valid headers."""
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
    """Ids come from the gateway, but they must still match a grammar."""
    with pytest.raises(UnsafeMessage):
        render(INVITATION, recipient_id=recipient_id, date=datetime(2026, 3, 7, tzinfo=UTC), message_id=message_id)


MIB = 1024 * 1024


def travelling(message: Message) -> int:
    """Return how many octets SES receives for the message: all of it in base64."""
    raw = render(message, recipient_id="r" * 48, date=datetime(2026, 3, 7, tzinfo=UTC), message_id="m@example.com")
    return len(b64encode(raw))


def test_size_is_bounded_as_it_travels() -> None:
    """SES counts the whole message in base64, so files are encoded twice: 30 MiB of MIME fit, 40 do not."""
    fits = TRAVEL_LIMIT // 4 * 3 // 78 * 57
    small, large = (replace(PDF, content=bytes(size)) for size in (fits - 40_000, fits))
    invitation = replace(INVITATION, attachments=(small,))
    assert check_message(invitation) == ()
    assert TRAVEL_LIMIT - 100_000 < travelling(invitation) <= TRAVEL_LIMIT
    [fault] = check_message(replace(INVITATION, attachments=(large,)))
    assert (fault.pointer, fault.code) == ("/attachments", "message_too_large")
    assert "40.0 MiB" in fault.detail


def test_a_file_that_makes_nearly_40_mib_of_mime_is_refused_at_once() -> None:
    """SES would count 53 MiB of base64, so the email is refused when it is submitted and not by the sender."""
    size = (399 * MIB // 10) // 78 * 57 - 10_000
    [fault] = check_message(replace(INVITATION, attachments=(replace(PDF, content=bytes(size)),)))
    assert (fault.pointer, fault.code) == ("/attachments", "message_too_large")


def test_an_email_that_is_too_large_says_its_size_and_the_limit() -> None:
    """So the application knows by how much it is too large."""
    [fault] = check_message(replace(INVITATION, attachments=(replace(PDF, content=bytes(25 * MIB)),)))
    assert fault.detail == (
        "The email has 45.7 MiB as it travels to SES, which counts it in base64; at most 40.0 MiB are taken. "
        "That is some 21 MiB of files."
    )
    [fault] = check_message(replace(INVITATION, attachments=(), html=None, text="x " * 15 * MIB))
    assert fault.pointer == "/text"


def dotted(size: int) -> str:
    return ".\n" * (size // 2)


@pytest.mark.parametrize(
    "text",
    [
        pytest.param(lambda size: "\n" * size, id="only line ends"),
        pytest.param(lambda size: " \n" * (size // 2), id="blanks before line ends"),
        pytest.param(dotted, id="lone dots"),
        pytest.param(lambda size: "a=" * (size // 2), id="equals signs"),
        pytest.param(lambda size: "abcdefghijk=" * (size // 12), id="few equals signs"),
        pytest.param(lambda size: "ü" * (size // 2), id="not ASCII"),
        pytest.param(lambda size: "From \n" * (size // 6), id="From lines"),
        pytest.param(lambda size: "x" * size, id="one long line"),
    ],
)
def test_an_accepted_email_fits_with_any_text(text: Callable[[int], str]) -> None:
    """However much a text grows in encoding, an accepted email is not larger than SES allows when rendered."""
    for size in (12 * MIB, 22 * MIB):
        message = replace(INVITATION, attachments=(), html=None, text=text(size))
        if not check_message(message):
            assert travelling(message) <= TRAVEL_LIMIT


def test_nothing_larger_than_ses_takes_is_rendered() -> None:
    """An email that was accepted under another limit is not sent to SES, which would refuse it."""
    large = replace(INVITATION, attachments=(replace(PDF, content=bytes(25 * MIB)),))
    with pytest.raises(UnsafeMessage, match="larger"):
        travelling(large)


def test_a_link_may_be_put_in_after_the_email_was_accepted() -> None:
    """An email that was accepted just below the limit is still rendered with its unsubscribe links."""
    size = TRAVEL_LIMIT // 4 * 3 // 78 * 57 - 40_000
    text = f"Bye: {PLACEHOLDER}" * 20
    message = replace(INVITATION, text=text, html=text, attachments=(replace(PDF, content=bytes(size)),))
    assert check_message(message) == ()
    assert travelling(with_link(message, "https://" + "x" * 300)) <= TRAVEL_LIMIT


def test_attachments_are_counted_and_content_ids_are_unique() -> None:
    """More parts than SES accepts, or two files with one content id, are refused."""
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
    """ASCII in short lines is sent as written, so that the source is readable."""
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
    """Text that mail servers would change, fold or take for the end of the message is encoded."""
    transfer_encoding, body = text_body(text)
    assert transfer_encoding != "7bit"
    part = read(f"Content-Transfer-Encoding: {transfer_encoding}\r\n\r\n".encode() + body)
    assert part.get_payload(decode=True) == text.replace("\n", "\r\n").encode()
