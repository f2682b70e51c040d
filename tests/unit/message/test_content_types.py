"""Content types as clients write them, and what the MIME part of the file keeps of each."""

from dataclasses import replace

import pytest
from hypothesis import given
from hypothesis import strategies as st

from app.domain.message.attachments import Attachment, check_attachments, file_name
from app.domain.message.content_types import broken_content_type_rule, read_content_type
from app.domain.message.mime import check_message
from tests.support.gateway.messages import INVITATION, read, rendered

# What clients write; what the header gets; the file name in it. Most are what mail software makes of a file.
WRITTEN = [
    ('text/plain; charset="utf-8"', "text/plain; charset=utf-8", None),  # Python's email package, so Django too
    ('text/plain; charset="us-ascii"', "text/plain; charset=us-ascii", None),
    ("text/plain;charset=UTF-8", "text/plain; charset=UTF-8", None),
    ("  text/plain ;  charset = utf-8 ; ", "text/plain; charset=utf-8", None),
    ("text/plain;", "text/plain", None),
    ("text/plain; ; charset=utf-8", "text/plain; charset=utf-8", None),
    ("text/plain;\r\n\tcharset=utf-8", "text/plain; charset=utf-8", None),
    ("text / plain", "text/plain", None),
    ("TEXT/Plain; CharSet=UTF-8", "TEXT/Plain; charset=UTF-8", None),
    (
        'text/plain; charset="utf-8"; format="flowed"; delsp=yes',
        "text/plain; charset=utf-8; format=flowed; delsp=yes",
        None,
    ),
    ("text/html; charset=utf-8; format=flowed", "text/html; charset=utf-8", None),
    ('text/calendar; method="REQUEST"; charset="UTF-8"', "text/calendar; method=REQUEST; charset=UTF-8", None),
    (
        "text/calendar; charset=utf-8; method=CANCEL; component=VEVENT",
        "text/calendar; charset=utf-8; method=CANCEL; component=VEVENT",
        None,
    ),
    ('text/calendar; name="invite.ics"; method=REQUEST', "text/calendar; method=REQUEST", "invite.ics"),
    ('application/pdf; name="Invoice 7.pdf"', "application/pdf", "Invoice 7.pdf"),
    ("application/pdf; name=Invoice 7.pdf", "application/pdf", "Invoice 7.pdf"),
    ('application/pdf; name="a \\"b\\".pdf"', "application/pdf", 'a "b".pdf'),
    ("application/pdf; name=a;x=b", "application/pdf", "a"),
    ("application/pdf; name*=utf-8''caf%C3%A9.pdf", "application/pdf", "caf\u00e9.pdf"),
    ("application/pdf; name*=iso-8859-1''caf%E9.pdf", "application/pdf", "caf\u00e9.pdf"),
    ("application/pdf; name=cafe.pdf; name*=utf-8''caf%C3%A9.pdf", "application/pdf", "caf\u00e9.pdf"),
    ('application/pdf; name*0="a long "; name*1="name.pdf"', "application/pdf", "a long name.pdf"),
    ("application/pdf; name*0*=utf-8''caf%C3%A9; name*1=s.pdf", "application/pdf", "caf\u00e9s.pdf"),
    ('application/pdf; name="=?utf-8?b?Y2Fmw6kucGRm?="', "application/pdf", "caf\u00e9.pdf"),  # Outlook
    ("application/pdf; filename=a.pdf", "application/pdf", "a.pdf"),
    ("application/pdf; charset=binary", "application/pdf", None),  # the command file --mime
    ("image/png; name=logo.png; x-unix-mode=0644", "image/png", "logo.png"),  # Apple Mail
    ("image/jpg", "image/jpeg", None),
    ("text/csv; header=present; charset=utf-8", "text/csv; header=present; charset=utf-8", None),
    ("text/vcard; version=4.0", "text/vcard; version=4.0", None),
    ('audio/ogg; codecs="opus, vorbis"', 'audio/ogg; codecs="opus, vorbis"', None),
    (
        "application/pkcs7-mime; smime-type=enveloped-data; name=smime.p7m",
        "application/pkcs7-mime; smime-type=enveloped-data",
        "smime.p7m",
    ),
    ("application/octet-stream; boundary=x; type=y", "application/octet-stream", None),
    ("text/plain; charset=", "text/plain", None),
    ("text/plain; charset=utf-8; charset=UTF-8", "text/plain; charset=utf-8", None),
]

NOT_ONE = [
    *(
        "pdf",
        "text",
        "text/",
        "/plain",
        "text/plain/x",
        "text plain",
        "text/plain, text/html",
        "text/plain charset=utf-8",
    ),
    *("text/plain; charset", "text/plain; =x", 'text/plain; charset="utf-8', 'text/plain; charset="utf-8"x'),
    *("text/plain; charset=utf-8; charset=latin1", "text/plain\r\nBcc: eve@x.example", "text/pl\u00e4in"),
    *(
        'text/plain; charset="utf\r\n-8"',
        'text/plain; charset="utf\u00e9"',
        "text/plain; charset=utf\x00",
        "text/plain\u200b",
    ),
    *(
        'text/calendar; method="RE\\"QUEST"',
        "text/plain; charset*=utf-8''%0D%0ABcc",
        'text/plain; profile="=?utf-8?q?x?="',
        "a/" + "b" * 3000,
    ),
]


@pytest.mark.parametrize("written, kept, name", WRITTEN, ids=[written for written, _, _ in WRITTEN])
def test_a_content_type_is_understood_as_clients_write_it(written: str, kept: str, name: str | None) -> None:
    """What changes how the file is read stays, a name is found, and the rest is dropped."""
    found = read_content_type(written)
    assert found is not None
    assert (found.value, found.name) == (kept, name)
    assert broken_content_type_rule(found.value) is None


@pytest.mark.parametrize("written", NOT_ONE, ids=ascii)
def test_what_has_no_single_meaning_is_no_content_type(written: str) -> None:
    """A text that is cut off, contradicts itself or holds what no header may is refused, not guessed."""
    assert read_content_type(written) is None


@given(
    st.text(max_size=60)
    | st.lists(st.sampled_from([*'"\\;=/* \r\n', "text", "/plain", "charset", "name", "'"]), max_size=12).map("".join)
)
def test_no_text_puts_anything_into_a_header_but_a_content_type(text: str) -> None:
    """Whatever comes in, what goes into the header is printable ASCII of the strict form."""
    for written in (text, f"text/plain;{text}", f'text/plain; charset="{text}"', f"text/plain; name={text}"):
        found = read_content_type(written)
        if found is not None:
            assert found.value.isascii()
            assert found.value.isprintable()
            assert broken_content_type_rule(found.value) in {None, broken_content_type_rule("multipart/x")}


@pytest.mark.parametrize("written, kept, _", WRITTEN, ids=[written for written, _, _ in WRITTEN])
def test_a_mail_reader_gets_the_parameters_that_were_kept(written: str, kept: str, _: str | None) -> None:
    """The part in the email has the type and its parameters, as Python's parser reads them, and the file's name."""
    found = read_content_type(written)
    assert found is not None
    file = Attachment(filename="a.bin", content=b"x", content_type=found.value, content_id=None)
    message = replace(INVITATION, attachments=(file,))
    assert check_message(message) == ()
    [part] = read(rendered(message)).iter_attachments()
    kind, *parameters = [piece.strip() for piece in kept.split(";")]
    assert part.get_content_type() == kind.lower()
    assert dict(part["Content-Type"].params) == {
        name: value.strip('"') for name, _, value in (one.partition("=") for one in parameters)
    }
    assert part.get_filename() == "a.bin"


@pytest.mark.parametrize(
    "given_name, named, content_type, expected",
    [
        ("report.pdf", (), None, "report.pdf"),
        (" report.pdf ", (), None, "report.pdf"),
        ("/tmp/reports/report.pdf", (), None, "report.pdf"),
        ("C:\\Users\\kim\\report.pdf", (), None, "report.pdf"),
        ("../../etc/passwd", (), None, "passwd"),
        ("report.pdf", ("other.pdf",), None, "report.pdf"),
        (None, ("from-type.pdf",), "application/pdf", "from-type.pdf"),
        ("", ("from-type.pdf",), "application/pdf", "from-type.pdf"),
        (None, (None,), "application/pdf", "attachment-3.pdf"),
        (None, (), "text/calendar; method=REQUEST", "attachment-3.ics"),
        (None, (), "image/jpeg", "attachment-3.jpg"),
        (None, (), "text/plain; charset=utf-8", "attachment-3.txt"),
        (None, (), "text/html", "attachment-3.html"),
        (None, (), "IMAGE/PNG", "attachment-3.png"),
        (None, (), "video/mp4", "attachment-3.mp4"),
        (None, (), "application/x-nothing-known", "attachment-3.bin"),
        (None, (), "application/x-msdos-program", "attachment-3.bin"),
        (None, (), "application/javascript", "attachment-3.bin"),
        (None, (), None, "attachment-3.bin"),
        ("..", (), None, ".."),
        ("/", (), None, "/"),
    ],
)
def test_a_file_without_a_name_gets_one(
    given_name: str | None, named: tuple[str | None, ...], content_type: str | None, expected: str
) -> None:
    """Folders are cut off; a missing name comes from the content type; what is no name at all stays for the refusal."""
    assert file_name(given_name, named=named, content_type=content_type, number=3) == expected


def test_a_made_up_name_is_one_that_amazon_ses_takes() -> None:
    """No content type leads to an extension that is refused afterwards."""
    for kind in ("application/x-msdownload", "text/javascript", "application/x-sh", "application/x-csh", "text/x-vbs"):
        name = file_name(None, content_type=kind, number=1)
        assert check_attachments((Attachment(filename=name, content=b"", content_type=kind, content_id=None),)) == ()
