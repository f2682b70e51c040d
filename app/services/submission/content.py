"""The content of an email as callers see it: opened, and a raw message read out."""

from app.domain.message.raw.display import Shown, ShownFile, shown
from app.store.submission.body_packing import RawBody, unpack
from app.store.submission.emails import Email
from app.store.submission.sealing import KeyRing, UnknownSealingKey, Unsealable


def content_of(email: Email, key_ring: KeyRing) -> Shown:
    """The texts, files and headers of an email; of one whose body is erased or cannot be opened, the headers alone."""
    try:
        body = None if email.body is None else unpack(key_ring.open(email.body, row_id=email.id))
    except (UnknownSealingKey, Unsealable):
        body = None
    if body is None:
        return without_content(email)
    if isinstance(body, RawBody):
        return shown(body.raw)
    files = tuple(ShownFile(one.filename, one.content_type or "", len(one.content)) for one in body.attachments)
    return Shown(text=body.text, html=body.html, headers=email.headers, files=files)


def without_content(email: Email) -> Shown:
    """What lists show of an email."""
    return Shown(headers=email.headers)
