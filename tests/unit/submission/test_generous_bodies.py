"""Requests as real clients write them: what has one meaning is taken, whatever its spelling."""

import base64
from email.message import EmailMessage
from email.mime.text import MIMEText
from typing import Any

import pytest

from app.domain.errors import Fault
from app.domain.message.attachments import Attachment
from app.domain.message.mime import Message, check_message
from app.web.http.faults.validation import attempt, check
from app.web.submission.email_requests import EmailBody
from tests.support.gateway.emails import message_of

LEAST: dict[str, Any] = {"from": "Acme <news@acme.example>", "to": "ann@example.com", "subject": "Hello", "text": "Hi"}


def taken(**change: Any) -> Message:
    """Return the message of the least email with this change, which has to be taken."""
    return message_of(check(EmailBody, {**LEAST, **change}).submission())


def faults_of(**change: Any) -> list[Fault]:
    """Return the faults of the least email with this change, from its form or from the domain."""
    body = attempt(EmailBody, {**LEAST, **change})
    return list(body if isinstance(body, tuple) else check_message(message_of(body.submission())))


def file_of(**fields: Any) -> Attachment:
    """Return the only attachment of an email that has a file with these fields."""
    [attachment] = taken(attachments=[fields]).attachments
    return attachment


@pytest.mark.parametrize("field", ["to", "cc", "bcc", "reply_to"])
def test_each_list_of_addresses_reads_names_and_lists(field: str) -> None:
    """A list in one text, a list of lists and names without quotes are understood in every field alike."""
    for value in (
        'Events @ ACME <a@b.example>, ACME, Inc. <c@d.example>, "Lee, Ann" <e@f.example>',
        [" Events @ ACME <a@b.example> ", "ACME, Inc. <c@d.example>; Lee, Ann <e@f.example>"],
    ):
        submission = check(EmailBody, {**LEAST, field: value}).submission()
        found = submission.bcc if field == "bcc" else getattr(submission.message, field)
        assert [(one.name, one.address.email) for one in found] == [
            ("Events @ ACME", "a@b.example"),
            ("ACME, Inc.", "c@d.example"),
            ("Lee, Ann", "e@f.example"),
        ]


@pytest.mark.parametrize("empty", ["", " ", [], None])
def test_an_empty_list_of_addresses_is_none(empty: Any) -> None:
    """A form that leaves cc empty sends an empty text; an empty item of a list is still a mistake."""
    submission = check(EmailBody, {**LEAST, "cc": empty, "bcc": empty, "reply_to": empty}).submission()
    assert (submission.message.cc, submission.bcc, submission.message.reply_to) == ((), (), ())
    assert [fault.pointer for fault in faults_of(cc=["ann@example.com", ""])] == ["/cc/1"]


@pytest.mark.parametrize(
    "value, name",
    [
        ("Kim (via ACME) <news@acme.example>", "Kim (via ACME)"),
        ("ACME, Inc. <news@acme.example>", "ACME, Inc."),
        ("Events @ ACME <news@acme.example>", "Events @ ACME"),
        (" news@acme.example ", None),
        ("<news@acme.example>", None),
    ],
)
def test_a_sender_may_have_a_name_without_quotes(value: str, name: str | None) -> None:
    """The From is one mailbox, and its name is written in quotes for the caller."""
    sender = taken(**{"from": value}).sender
    assert (sender.name, sender.address.email) == (name, "news@acme.example")


def test_the_place_of_an_invisible_character_is_in_the_fault() -> None:
    """The pointer names the item of the list, and the sentence the character and its place."""
    [fault] = faults_of(to=["ann@example.com", "kim@exam\u200bple.com"])
    assert (fault.pointer, fault.code) == ("/to/1", "invisible_character")
    assert "U+200B (zero width space) at character 9" in fault.detail


@pytest.mark.parametrize(
    "change, pointer, character",
    [
        ({"headers": {"X-App\u200b": "1"}}, "/headers", "header 1 holds U+200B (zero width space) at character 6"),
        (
            {"headers": {"X-A": "1", "X\u00a0App": "1"}},
            "/headers",
            "header 2 holds U+00A0 (no-break space) at character 2",
        ),
        ({"headers": {"X-App": "a\nb"}}, "/headers/X-App", "U+000A (line feed) at character 2"),
        (
            {"headers": {"In-Reply-To": "<a@b.example>\u200b"}},
            "/headers/In-Reply-To",
            "U+200B (zero width space) at character 14",
        ),
        (
            {"headers": {"Errors-To": "kim\u00a0@b.example"}},
            "/headers/Errors-To",
            "U+00A0 (no-break space) at character 4",
        ),
        ({"subject": "a\tb"}, "/subject", "U+0009 (tab) at character 2"),
        (
            {"attachments": [{"filename": "a\x7f.pdf", "content": ""}]},
            "/attachments/0/filename",
            "U+007F (delete) at character 2",
        ),
        (
            {"attachments": [{"filename": "a\u202efdp.zip", "content": ""}]},
            "/attachments/0/filename",
            "U+202E (right-to-left override) at character 2",
        ),
        ({"reply_to": "Kim \u202e<kim@example.com>"}, "/reply_to", "U+202E (right-to-left override) at character 5"),
    ],
)
def test_an_invisible_character_is_named_in_every_field(change: dict[str, Any], pointer: str, character: str) -> None:
    """Headers, subject and file names say which character is refused and where, as addresses do."""
    [fault] = faults_of(**change)
    assert fault.pointer == pointer
    assert character in fault.detail


def test_numbers_and_truth_values_stand_for_themselves() -> None:
    """As values of headers and tags they are written as JSON writes them; null is the same as nothing."""
    body = check(
        EmailBody,
        {
            **LEAST,
            "headers": {"X-Id": 42, "X-Rate": 0.5, "X-Test": True, "X-Off": False, "X-Null": None},
            "tags": [{"name": "id", "value": 42}, {"name": "test", "value": True}, {"name": "none", "value": None}],
        },
    )
    assert message_of(body.submission()).headers == (
        ("X-Id", "42"),
        ("X-Rate", "0.5"),
        ("X-Test", "true"),
        ("X-Off", "false"),
    )
    assert body.submission().tags == (("id", "42"), ("test", "true"), ("none", ""))


def test_seventy_five_tags_are_taken_and_two_of_one_name() -> None:
    """As many tags as Resend takes, whether their names differ or not."""
    tags = [{"name": f"n{number % 40}", "value": str(number)} for number in range(75)]
    assert len(check(EmailBody, {**LEAST, "tags": tags}).submission().tags) == 75


@pytest.mark.parametrize("value", ["a b", "a.b", 1.5, "\u00fc", "a" * 257, "a:b"])
def test_a_tag_value_is_a_word_all_the_same(value: Any) -> None:
    """Whatever its type, a value has only the characters that filters can name."""
    assert [fault.pointer for fault in faults_of(tags=[{"name": "a", "value": value}])] == ["/tags/0/value"]


def test_a_django_text_attachment_is_taken() -> None:
    """What Python's email package makes of a text, which Django and anymail hand on."""
    file = file_of(
        filename="notes.txt",
        content=base64.encodebytes(b"x" * 100).decode(),
        content_type='text/plain; charset="utf-8"',
    )
    assert file == Attachment(
        filename="notes.txt", content=b"x" * 100, content_type="text/plain; charset=utf-8", content_id=None
    )


def test_the_parts_of_pythons_email_library_are_taken_as_they_are() -> None:
    """Each part's own Content-Type, payload and file name: what Django, anymail and scripts hand on."""
    invitation = EmailMessage()
    invitation.set_content("Hello")
    invitation.add_attachment("caf\u00e9\n", filename="notes.txt", cte="base64")
    invitation.add_attachment(b"%PDF", maintype="application", subtype="pdf", filename="r\u00e9sum\u00e9.pdf")
    old = MIMEText("BEGIN:VCALENDAR", "calendar", "utf-8")
    old.set_param("method", "REQUEST")
    old.set_param("name", "invite.ics")
    parts = [*invitation.iter_attachments(), old]
    files = taken(
        attachments=[{"content": part.get_payload(), "content_type": part["Content-Type"]} for part in parts]
    ).attachments
    assert [(file.filename, file.content_type) for file in files] == [
        ("attachment-1.txt", "text/plain; charset=utf-8"),
        ("attachment-2.pdf", "application/pdf"),
        ("invite.ics", "text/calendar; charset=utf-8; method=REQUEST"),
    ]
    assert [file.content for file in files] == ["caf\u00e9\n".encode(), b"%PDF", b"BEGIN:VCALENDAR"]


@pytest.mark.parametrize(
    "fields, expected",
    [
        ({"content": "aGk=", "content_type": 'application/pdf; name="a.pdf"'}, ("a.pdf", "application/pdf")),
        ({"content": "aGk=", "content_type": "application/pdf"}, ("attachment-1.pdf", "application/pdf")),
        ({"content": "aGk=", "filename": None}, ("attachment-1.bin", None)),
        ({"content": "aGk=", "filename": "a.pdf", "content_type": None, "content_id": None}, ("a.pdf", None)),
        ({"content": "aGk=", "filename": "a.pdf", "content_type": " "}, ("a.pdf", None)),
        ({"content": "data:image/png;base64,aGk="}, ("attachment-1.png", "image/png")),
        ({"content": "data:image/png;name=logo.png;base64,aGk="}, ("logo.png", "image/png")),
        ({"content": "data:image/png;base64,aGk=", "content_type": "image/gif"}, ("attachment-1.gif", "image/gif")),
        ({"content": "aGk=", "path": "https://example.com/files/an%20offer.pdf?x=1"}, ("an offer.pdf", None)),
        ({"content": "aGk=", "path": "/srv/files/offer.pdf", "filename": "b.pdf"}, ("b.pdf", None)),
        ({"content": {"type": "Buffer", "data": [104, 105]}, "filename": "a"}, ("a", None)),
        ({"content": "aGk=", "filename": "C:\\files\\offer.pdf"}, ("offer.pdf", None)),
    ],
)
def test_a_file_has_its_name_and_its_type(fields: dict[str, Any], expected: tuple[str, str | None]) -> None:
    """A missing name comes from the content type, the address or the path, and a missing type from the address."""
    file = file_of(**fields)
    assert (file.filename, file.content_type) == expected
    assert file.content == b"hi"


@pytest.mark.parametrize("content_id", ["logo", "<logo>", " <logo> "])
def test_a_content_id_may_have_the_brackets_of_its_header(content_id: str) -> None:
    """HTML names it without them, and so does the part."""
    assert file_of(filename="a.png", content="aGk=", content_id=content_id).content_id == "logo"


def test_a_text_is_made_of_the_html_unless_one_was_given() -> None:
    """Without a text the email gets that of its HTML; an empty text says that it shall have none."""
    html = "<p>Hello <b>Ann</b></p>"
    assert taken(html=html, text=None).text == "Hello Ann"
    assert taken(html=html, text="").text == ""
    assert taken(html=html, text="Own").text == "Own"
    assert taken(html="<img src='x'>", text=None).text is None


@pytest.mark.parametrize(
    "change",
    [
        {"subject": "", "text": ""},
        {"subject": " ", "text": " \n", "html": ""},
        {"subject": "", "text": None, "html": " "},
        {"subject": "\u00a0", "text": "\r\n"},
    ],
)
def test_an_empty_email_is_refused(change: dict[str, Any]) -> None:
    """With neither subject nor words nor a file, an email is a mistake of the caller."""
    assert [(fault.pointer, fault.code) for fault in faults_of(**change)] == [("/text", "email_empty")]


@pytest.mark.parametrize(
    "change",
    [
        {"subject": "", "text": "Hi"},
        {"subject": "Hi", "text": ""},
        {"subject": "", "text": None, "html": "<img src='x'>"},
        {"subject": "", "text": "", "attachments": [{"filename": "a.pdf", "content": "aGk="}]},
    ],
)
def test_an_email_with_anything_in_it_is_not_empty(change: dict[str, Any]) -> None:
    """A subject, a text, an HTML body or a file is enough."""
    assert faults_of(**change) == []


def test_a_folded_list_of_message_ids_becomes_one_line() -> None:
    """References as mail software folds them are one list of ids; another header with a line break is refused."""
    folded = "<a@b.example>\r\n\t<c@d.example>,<e@f.example>\n"
    assert taken(headers={"references": folded}).headers == (
        ("references", "<a@b.example> <c@d.example> <e@f.example>"),
    )
    assert [fault.code for fault in faults_of(headers={"X-Ids": folded})] == ["control_character"]
    assert [fault.code for fault in faults_of(headers={"References": folded + "Bcc: e@x.example"})] == [
        "control_character"
    ]


def test_a_message_id_is_refused_with_the_way_to_the_real_one() -> None:
    """SES gives each email its own, so the refusal says where that one is found; headers for replies pass."""
    assert (
        faults_of(headers={"In-Reply-To": "<t-1@app.example>", "References": "<t-1@app.example> <t-2@app.example>"})
        == []
    )
    for name in ("Message-ID", "message-id", "Message-Id"):
        [fault] = faults_of(headers={name: "<t-3@app.example>"})
        assert (fault.pointer, fault.code) == (f"/headers/{name}", "header_reserved")
        assert "GET /v1/emails/{id}" in fault.detail


@pytest.mark.parametrize("name", ["From", "To", "Cc", "Bcc", "Reply-To", "Subject"])
def test_a_header_that_is_a_field_of_the_email_names_that_field(name: str) -> None:
    """The refusal says which field of the request the header is."""
    [fault] = faults_of(headers={name: "x"})
    assert fault.detail.endswith(f"as the field {name.lower().replace('-', '_')}.")
