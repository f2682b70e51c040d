"""A raw message as it comes from a client: whether it is accepted, what is taken out, and which addresses it names.

It decides by the rules of the API where they apply to a message that is sent as it was written. It never writes a
field and never changes the body.
"""

from collections import Counter
from collections.abc import Iterable, Iterator
from dataclasses import dataclass
from typing import Final

from app.domain.errors import Fault
from app.domain.message.address import AddressRule, InvalidAddress, Mailbox
from app.domain.message.mime import SUBJECT_LIMIT, MessageRule
from app.domain.message.raw.addresses import header_mailboxes
from app.domain.message.raw.controls import Controls, control_faults, read_controls
from app.domain.message.raw.encoded_words import decoded
from app.domain.message.raw.fields import HeaderField, joined, split, with_crlf
from app.domain.message.raw.kinds import ONCE, is_taken_out
from app.domain.message.raw.parts import check_parts
from app.domain.message.raw.rules import FIELD_LIMIT, HEADER_LIMIT, InvalidRaw, RawRule, broken, pointer_to
from app.domain.message.raw.signatures import is_false
from app.domain.message.text_rules import TextRule, broken_text_rule, detail_of

_OF_ONE: Final = frozenset({"from", "sender", "resent-sender"})
_SENDERS: Final = ("from", "sender", "resent-from", "resent-sender")
_ADDRESSES: Final = frozenset({*_SENDERS, "reply-to", "to", "cc", "bcc", "resent-to", "resent-cc", "resent-bcc"})


@dataclass(frozen=True, slots=True, kw_only=True)
class RawMessage:
    """A message that is sent as it was written. `raw` is in lines that end in CRLF, without what is taken out.

    `to` and `cc` are those recipients that the fields of that name list.
    """

    sender: Mailbox
    to: tuple[Mailbox, ...]
    cc: tuple[Mailbox, ...]
    reply_to: tuple[Mailbox, ...]
    subject: str
    raw: bytes


@dataclass(frozen=True, slots=True, kw_only=True)
class ReadMessage:
    """A message that was read, what it says of itself, and the recipients that it hides.

    `senders` are all addresses that it claims to be from, each with the pointer to its field.
    """

    message: RawMessage
    bcc: tuple[Mailbox, ...]
    senders: tuple[tuple[str, Mailbox], ...]
    controls: Controls


def read_raw(raw: bytes) -> ReadMessage:
    """The message that a client wrote. Raises `InvalidRaw`, with every rule of the header that it breaks."""
    raw = with_crlf(raw)
    fields, rest = split(raw)
    _check_size(fields)
    if faults := tuple(_faults(fields)):
        raise InvalidRaw(*faults)
    check_parts(raw)
    [sender] = _named(fields, "from")
    return ReadMessage(
        message=RawMessage(
            sender=sender,
            to=_named(fields, "to"),
            cc=_named(fields, "cc"),
            reply_to=_named(fields, "reply-to"),
            subject=next((decoded(field.value) for field in fields if field.kind == "subject"), ""),
            raw=joined(_that_leave(fields), rest),
        ),
        bcc=_named(fields, "bcc"),
        senders=tuple(
            (pointer_to(field.name), mailbox)
            for field in fields
            if field.kind in _SENDERS
            for mailbox in header_mailboxes(field.value)
        ),
        controls=read_controls(fields),
    )


def _that_leave(fields: tuple[HeaderField, ...]) -> list[HeaderField]:
    taken_out = {field.kind for field in fields if is_taken_out(field.kind)}
    return [field for field in fields if field.kind not in taken_out and not is_false(field, taken_out)]


def _named(fields: Iterable[HeaderField], kind: str) -> tuple[Mailbox, ...]:
    return tuple(one for field in fields if field.kind == kind for one in header_mailboxes(field.value))


def _check_size(fields: tuple[HeaderField, ...]) -> None:
    """Raise `InvalidRaw` for a header that leaves no room for what is added."""
    if len(fields) > FIELD_LIMIT:
        raise broken(RawRule.TOO_MANY_HEADERS)
    if sum(len(field.octets) for field in fields) > HEADER_LIMIT:
        raise broken(RawRule.HEADER_TOO_LARGE)


def _faults(fields: tuple[HeaderField, ...]) -> Iterator[Fault]:
    count = Counter(field.kind for field in fields)
    if not count["from"]:
        yield RawRule.FROM_REQUIRED.fault("/headers/From")
    for field in fields:
        if count[field.kind] > 1 and field.kind in ONCE:
            count[field.kind] = 0
            yield RawRule.ONCE.fault(pointer_to(field.name))
        if field.kind in _ADDRESSES and (fault := _address_fault(field)):
            yield fault
        if field.kind == "subject" and (fault := _subject_fault(field)):
            yield fault
    yield from control_faults(fields)


def _address_fault(field: HeaderField) -> Fault | None:
    try:
        found = header_mailboxes(field.value, groups=field.kind not in _SENDERS)
    except InvalidAddress as error:
        return Fault(pointer_to(field.name), error.code, str(error))
    if field.kind in _OF_ONE and len(found) != 1:
        rule = AddressRule.ONE_MAILBOX if found else AddressRule.EMPTY
        return rule.fault(pointer_to(field.name))
    if not all(one.address.email.isascii() for one in found):
        return RawRule.DOMAIN_NOT_ASCII.fault(pointer_to(field.name))
    return None


def _subject_fault(field: HeaderField) -> Fault | None:
    subject = decoded(field.value)
    if broken_text_rule(subject) is TextRule.CONTROL_CHARACTER:
        return TextRule.CONTROL_CHARACTER.fault("/headers/Subject", detail_of(TextRule.CONTROL_CHARACTER, subject))
    return MessageRule.SUBJECT_TOO_LONG.fault("/headers/Subject") if len(subject) > SUBJECT_LIMIT else None
