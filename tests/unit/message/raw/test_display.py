"""What is shown of a raw message: its texts, files and other fields, whatever its form."""

import pytest

from app.domain.message.raw.display import Shown, ShownFile, shown
from app.domain.message.raw.reader import read_raw
from app.domain.message.raw.rules import DEPTH_LIMIT, PART_LIMIT
from tests.support.gateway.raw import CORPUS, corpus, raw, refusals, sent

TEXTS_AND_FILES: dict[str, tuple[str | None, str | None, list[str]]] = {
    "apple_mail.eml": ("Here it is:\n\n", None, ["plan.pdf", "attachment-3.txt"]),
    "binary.eml": ("See the file.", None, ["data.bin"]),
    "calendar_request.eml": (
        "Planning, Tuesday 10:00",
        "<p>Planning, <b>Tuesday</b> 10:00\u201311:00</p>",
        ["attachment-3.ics", "invite.ics"],
    ),
    "dkim_signed.eml": ("It is on its way.\n", None, []),
    "eight_bit.eml": ("Preis: 10 €, grüße\n", None, []),
    "nested.eml": ("No header at all.", "<img src=cid:logo>", ["logo.png", "attachment-4.eml", "Grüße.log"]),
    "nodemailer.eml": ("Danke!", "<p>Danke!</p>", []),
    "outlook.eml": ("Schönen Gruß\n", "<p>Schönen Gruß</p>\n", ["image001.png"]),
    "pgp_encrypted.eml": (None, None, ["attachment-1.bin", "encrypted.asc"]),
    "pgp_signed.eml": ("The release is ready. \n\nFrom here on, only fixes.\n", None, ["signature.asc"]),
    "python_lf.eml": ("Grüße,\nZoë\n", "<p>Grüße</p>\n", ["Übersicht.bin"]),
    "smime_signed.eml": ("The terms are agreed.  \n-- \nAnn\n", None, ["smime.p7s"]),
}


@pytest.mark.parametrize("name", corpus())
def test_messages_of_real_programs_leave_as_they_came(name: str) -> None:
    """Signed, encrypted, 8-bit and binary ones too: SES gets the same octets after the fields that are added."""
    written = (CORPUS / name).read_bytes()
    if b"\r" not in written:
        written = written.replace(b"\n", b"\r\n")
    assert sent(written).endswith(b"\r\n" + written)


@pytest.mark.parametrize("name", TEXTS_AND_FILES)
def test_what_is_shown_of_messages_of_real_programs(name: str) -> None:
    """The text and the HTML as their readers see them, and the names of the other parts."""
    found = shown(read_raw((CORPUS / name).read_bytes()).message.raw)
    assert (found.text, found.html, [file.name for file in found.files]) == TEXTS_AND_FILES[name]


def test_the_fields_that_say_more_are_shown() -> None:
    """Not those that are shown anyway, nor those that describe the structure."""
    message = raw(
        "Subject: x", "Content-Type: text/plain", "X-Campaign: =?utf-8?q?Fr=C3=BChling?=", "List-Id: <n.example>"
    )
    assert shown(message).headers == (("X-Campaign", "Frühling"), ("List-Id", "<n.example>"))


def part(kind: str, *, encoding: str = "7bit", body: str = "x") -> bytes:
    return raw(f"Content-Type: {kind}", f"Content-Transfer-Encoding: {encoding}", body=body)


@pytest.mark.parametrize(
    "message, text, files",
    [
        (part("text/plain; charset=x-unknown"), None, [("attachment-1.txt", "text/plain (cannot be read)", 1)]),
        (part("text/plain", encoding="x-uuencode"), None, [("attachment-1.txt", "text/plain (cannot be read)", 1)]),
        (
            part("text/plain", encoding="base64", body="A"),
            None,
            [("attachment-1.txt", "text/plain (cannot be read)", 1)],
        ),
        (part("image/png", encoding="base64", body="AAAA"), None, [("attachment-1.png", "image/png", 3)]),
        (part("text/plain; charset=utf-8", encoding="8BIT", body="ä"), "ä", []),
        (part("multipart/mixed; boundary=b"), None, [("attachment-1.bin", "multipart/mixed", 1)]),
        (part("multipart/mixed"), None, [("attachment-1.bin", "multipart/mixed", 1)]),
        (part("multipart/mixed; boundary=b", body="--b\r\n\r\nx"), "x", []),
        (part("multipart/mixed; boundary=b", body="--b \t\r\n\r\nx\r\n--b--  \r\n--b\r\n\r\ny"), "x", []),
        (part("multipart/mixed; boundary=b", body="--b\r\nno header\r\n\r\nx\r\n--b--"), "no header\n\nx", []),
        (part("nonsense"), "x", []),
        (part("text/plain; boundary=b", body="x\r\n--b\r\n\r\ny"), "x\n--b\n\ny", []),
        (
            part(
                "multipart/mixed; boundary=b",
                body="--b\r\nContent-Type: multipart/mixed; boundary=bb\r\n\r\n--b\r\n\r\nx\r\n--bb\r\n\r\ny\r\n--b--",
            ),
            "x\n--bb\n\ny",
            [("attachment-1.bin", "multipart/mixed", 0)],
        ),
        (b"no message", None, []),
    ],
)
def test_a_part_that_cannot_be_read_is_named(
    message: bytes, text: str | None, files: list[tuple[str, str, int]]
) -> None:
    """And never hides the others."""
    found = shown(message)
    assert (found.text, [(file.name, file.media, file.size) for file in found.files]) == (text, files)


def test_a_message_has_as_many_parts_as_ses_takes() -> None:
    """And multiparts inside each other to a depth that can be shown."""
    mixed = "Content-Type: multipart/mixed; boundary=b"
    assert refusals(raw(mixed, body="--b\r\n\r\n\r\n" * (PART_LIMIT - 1))) == []
    assert refusals(raw(mixed, body="--b\r\n\r\n\r\n" * PART_LIMIT)) == [("/raw", "too_many_parts")]
    inner = [f"--b{n}\r\nContent-Type: multipart/mixed; boundary=b{n + 1}\r\n\r\n" for n in range(DEPTH_LIMIT)]
    outer = "Content-Type: multipart/mixed; boundary=b0"
    assert refusals(raw(outer, body="".join(inner[:-1]))) == []
    assert refusals(raw(outer, body="".join(inner[:-1]) + f"--b{DEPTH_LIMIT - 1}\r\n\r\nx")) == []
    others = "--b0\r\n\r\n\r\n" * (PART_LIMIT - DEPTH_LIMIT - 1)
    for before in ("", others):
        assert refusals(raw(outer, body=before + "".join(inner))) == [("/raw", "too_deep")]
    assert refusals(raw(mixed, body="--c\r\n" * 100_002)) == [("/raw", "too_many_parts")]


def test_a_file_is_refused_wherever_it_stands() -> None:
    """In a part of a part, by either of the two fields that may name it."""
    mixed = "Content-Type: multipart/mixed; boundary=b"
    for field in ("Content-Type: x/y; name=a.exe", "Content-Disposition: inline; filename*0=a.; filename*1=exe"):
        message = raw(mixed, body=f"--b\r\n{mixed}b\r\n\r\n--bb\r\n{field}\r\n\r\n\r\n--bb--\r\n--b--\r\n")
        assert refusals(message) == [("/raw", "filename_refused")]


def test_a_field_of_a_part_is_read_to_its_2000th_character() -> None:
    """What stands behind names no file: a longer field would be read in a time that grows faster than it does."""
    for length, refused in ((2000, [("/raw", "filename_refused")]), (2001, [])):
        lines = ["x/y; a=" + "b" * 900 + ";", " c=" + "d" * 900 + ";", "", " name=a.exe"]
        lines[2] = f" e={'f' * (length - len(''.join(lines)) - len(' e=;'))};"
        field = "Content-Type: " + "\r\n".join(lines)
        message = raw("Content-Type: multipart/mixed; boundary=b", body=f"--b\r\n{field}\r\n\r\n\r\n--b--")
        assert refusals(message) == refused, length


def test_nothing_is_shown_of_what_cannot_be_read() -> None:
    """A stored message that breaks today's rules does not break the page."""
    assert shown(b"") == Shown()
    assert shown(raw(body="")) == Shown(text="")
    assert shown(part("application/pdf", body="")).files == (ShownFile("attachment-1.pdf", "application/pdf", 0),)
