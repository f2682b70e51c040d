"""MIME entities: the text and file parts of a message, and the multiparts around them.

It decides their header fields and their layout. Their content has been checked before.
"""

from dataclasses import dataclass
from typing import Literal

from app.domain.message import encoding
from app.domain.message.attachments import Attachment
from app.domain.message.mime_scan import BOUNDARY_START, FieldNames

Field = tuple[str, str]
"""A header field: its name, and all of it as written, CRLF included."""


@dataclass(frozen=True, slots=True)
class Part:
    """One entity: its fields, its encoded body, and the field names of each entity inside that body, in order."""

    fields: tuple[Field, ...]
    body: bytes
    inner: tuple[FieldNames, ...] = ()

    @property
    def blocks(self) -> tuple[FieldNames, ...]:
        """The field names of this entity and of all inside, in the order in which a reader meets them."""
        return (tuple([name for name, _ in self.fields]), *self.inner)

    def serialise(self) -> bytes:
        """Fields, blank line and body; the last line of the body is left open."""
        return "".join([written for _, written in self.fields]).encode("ascii") + b"\r\n" + self.body


def plain_field(name: str, value: str) -> Field:
    """A field of unstructured text, or of a value that is ASCII by its grammar."""
    return name, encoding.field(name, value)


def text_part(subtype: str, text: str) -> Part:
    """A body as `text/<subtype>`."""
    transfer_encoding, body = encoding.text_body(text)
    return Part(
        (
            plain_field("Content-Type", f"text/{subtype}; charset=utf-8"),
            plain_field("Content-Transfer-Encoding", transfer_encoding),
        ),
        body,
    )


def file_part(attachment: Attachment, *, disposition: Literal["inline", "attachment"]) -> Part:
    """A file: `inline` where the HTML shows it by its content id, `attachment` for download."""
    filename = encoding.parameter("filename", attachment.filename)
    fields = [
        plain_field("Content-Type", attachment.label),
        ("Content-Disposition", f"Content-Disposition: {disposition}{filename}\r\n"),
        plain_field("Content-Transfer-Encoding", "base64"),
    ]
    if attachment.content_id is not None:
        fields.append(plain_field("Content-ID", f"<{attachment.content_id}>"))
    return Part(tuple(fields), encoding.base64_body(attachment.content))


def group(subtype: str, parts: list[Part], *, token: str) -> Part:
    """The parts as one `multipart/<subtype>`, or the part itself when it is alone.

    The boundary is made of `token` and is not random: no body can hold it (see `app.domain.message.mime_scan`), and an
    email that is rendered twice gets the same bytes.
    """
    if len(parts) == 1:
        return parts[0]
    boundary = f"{BOUNDARY_START}{subtype}_{token}"
    root_type = '; type="text/html"' if subtype == "related" else ""  # RFC 2387 section 3.1
    content_type = f'multipart/{subtype}{root_type};\r\n boundary="{boundary}"'
    delimiter = f"\r\n--{boundary}".encode("ascii")
    pieces = [delimiter + b"\r\n" + part.serialise() for part in parts]
    return Part(
        (("Content-Type", f"Content-Type: {content_type}\r\n"),),
        b"".join([*pieces, delimiter, b"--"]),
        tuple([names for part in parts for names in part.blocks]),
    )
