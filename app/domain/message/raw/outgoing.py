"""A raw message as SES gets it for one recipient: what was accepted, and a few fields before it.

It decides which fields are added, and which a client's own field gives way to. A signature that would be false for a
field that was changed is taken out with it: SES signs the message itself. The body is never touched.
"""

import re
from collections.abc import Iterable
from dataclasses import dataclass
from datetime import datetime
from email.utils import format_datetime
from typing import Final

from app.domain.message import encoding
from app.domain.message.address import Mailbox
from app.domain.message.mime import UnsafeMessage
from app.domain.message.raw.fields import HeaderField, header_field, joined, split
from app.domain.message.raw.rules import InvalidRaw
from app.domain.message.raw.scan import require_exactly
from app.domain.message.raw.signatures import is_false

_RECIPIENT: Final = "X-Postern-Recipient"
_WORD: Final = re.compile(r"[A-Za-z0-9._@-]{1,400}")


@dataclass(frozen=True, slots=True)
class Addressees:
    """Those recipients that To and Cc may still name, once others were forgotten."""

    to: tuple[Mailbox, ...]
    cc: tuple[Mailbox, ...]


def outgoing(
    raw: bytes,
    *,
    recipient_id: str,
    date: datetime,
    message_id: str,
    own_headers: tuple[tuple[str, str], ...] = (),
    addressees: Addressees | None = None,
) -> bytes:
    """The accepted message `raw` for one recipient, the same bytes for the same input.

    It gets `X-Postern-Recipient`, and a Date, a Message-ID and a To where it has none. `own_headers` take the place of
    the client's fields of these names; with `addressees`, To and Cc are written anew. Raises `UnsafeMessage` when the
    result is not what it has to be.
    """
    fields, rest = _read(raw)
    added = [(_RECIPIENT, encoding.field(_RECIPIENT, _plain(recipient_id)))]
    added += [(name, encoding.field(name, value)) for name, value in own_headers]
    gone = {name.lower() for name, _ in own_headers}
    if addressees is not None:
        gone |= {"to", "cc"}
        added += _written(addressees)
    there = ({field.kind for field in fields} - gone) | {name.lower() for name, _ in added}
    added += [field for field in _missing(date, message_id) if field[0].lower() not in there]
    new = [header_field(name, written.encode("ascii")) for name, written in added]
    changed = (gone & {field.kind for field in fields}) | {field.kind for field in new}
    kept = [field for field in fields if field.kind not in gone and not is_false(field, changed)]
    whole = joined([*new, *kept], rest)
    require_exactly(whole, [field.name for field in (*new, *kept)], rest[len(b"\r\n") :], ours=len(new))
    return whole


def _missing(date: datetime, message_id: str) -> Iterable[tuple[str, str]]:
    yield "Date", encoding.field("Date", format_datetime(date))
    yield "Message-ID", encoding.field("Message-ID", f"<{_plain(message_id)}>")
    # SES refuses a message without a To.
    yield "To", encoding.field("To", "undisclosed-recipients:;")


def _written(addressees: Addressees) -> Iterable[tuple[str, str]]:
    for name, mailboxes in (("To", addressees.to), ("Cc", addressees.cc)):
        if mailboxes:
            yield name, encoding.address_field(name, [(one.name, one.address.envelope) for one in mailboxes])


def _plain(word: str) -> str:
    if not _WORD.fullmatch(word):
        raise UnsafeMessage("an id that cannot stand in a header")
    return word


def _read(raw: bytes) -> tuple[tuple[HeaderField, ...], bytes]:
    try:
        return split(raw)
    except InvalidRaw as error:
        raise UnsafeMessage(str(error)) from None
