"""The headers that an application may set on its email.

It decides by name, form and size. Only Postern sets the headers that name senders and recipients, describe the
structure, or control SES. Any other header with safe text is allowed, `In-Reply-To` and `References` included: those
two are lists of message ids (RFC 5322 section 3.6.4), which may be long. Headers that hold addresses, such as
`Disposition-Notification-To`, are read as the email's own address fields are.
`List-Unsubscribe` is allowed too, and is replaced where the stream's email carries links of ours
(`app.domain.suppression.unsubscribe_link`).
"""

import re
from collections.abc import Mapping

from app.domain.errors import Fault
from app.domain.message.address import InvalidAddress
from app.domain.message.encoding import LINE_LIMIT
from app.domain.message.mailboxes import parse_mailboxes
from app.domain.message.text_rules import Rule, broken_text_rule, detail_of
from app.domain.message.unseen import first_unseen

HEADER_COUNT_LIMIT = 15
"""As many as SES takes in its `Headers` parameter (API_Message of SES v2)."""

HEADER_LIMIT = LINE_LIMIT - len(": ")
"""Octets of name and value together: SES's bound, and what fits one line."""

REFERENCES_LIMIT = 16_000
"""Octets of a list of message ids: some two hundred, far below the 64 KiB of headers that common servers take."""

ID_LISTS = frozenset({"references", "in-reply-to"})
ADDRESS_LISTS = frozenset(
    {
        "disposition-notification-to",
        "return-receipt-to",
        "errors-to",
        "mail-followup-to",
        "mail-reply-to",
        "x-confirm-reading-to",
    }
)

_MESSAGE_IDS = re.compile(r"(?:<[!-;=?-~]{1,900}+>[ \t\r\n,]*+)++")
_BETWEEN_IDS = re.compile(r">[ \t\r\n,]*")
_NAME = re.compile(r"[A-Za-z0-9-]{1,60}")
_RESERVED = frozenset(
    {
        "from",
        "sender",
        "reply-to",
        "to",
        "cc",
        "bcc",
        "subject",
        "date",
        "message-id",
        "mime-version",
        "received",
        "return-path",
    }
)
_INSTEAD = {
    "from": "Give it as the field from.",
    "to": "Give them as the field to.",
    "cc": "Give them as the field cc.",
    "bcc": "Give them as the field bcc.",
    "reply-to": "Give it as the field reply_to.",
    "subject": "Give it as the field subject.",
    "message-id": "Amazon SES gives every email a Message-ID of its own, which recipients see. "
    "GET /v1/emails/{id} has it once SES took the email; use that one in In-Reply-To and References.",
}
# Resent-* name recipients and senders as their namesakes do (RFC 5322 section 3.6.6).
_RESERVED_PREFIXES = ("content-", "dkim-", "resent-", "x-ses-", "x-postern-")


_SHOWN = 200
Broken = tuple[Rule, str]
"""A rule that is broken, and the sentence about it."""


class HeaderRule(Rule):
    """What a custom header has to be."""

    TOO_MANY = "too_many_headers", f"An email has at most {HEADER_COUNT_LIMIT} custom headers."
    NAME = "header_name", "A header name is 1 to 60 ASCII letters, digits and hyphens."
    RESERVED = "header_reserved", "This header is set by the gateway and not by applications."
    DUPLICATE = "header_duplicate", "A header is given once, whatever the case of its name."
    EMPTY = "header_empty", "A header has a value."
    MESSAGE_IDS = "message_ids", "Message ids are ASCII, each between angle brackets."
    REFERENCES_TOO_LONG = (
        "references_too_long",
        (f"A list of message ids has at most {REFERENCES_LIMIT} octets. Keep the first id and the last ones."),
    )
    TOO_LONG = "header_too_long", f"A header's name and value have together at most {HEADER_LIMIT} octets."


def plain_headers(headers: Mapping[str, str]) -> tuple[tuple[str, str], ...]:
    """The headers of a request: a list of message ids that is folded, or has commas, becomes one line."""
    return tuple((name, _in_one_line(value) if name.lower() in ID_LISTS else value) for name, value in headers.items())


def check_headers(headers: tuple[tuple[str, str], ...]) -> tuple[Fault, ...]:
    """Every rule that the custom headers break, at `/headers/<name>`; at `/headers` where the name itself is bad."""
    faults = []
    if len(headers) > HEADER_COUNT_LIMIT:
        faults.append(HeaderRule.TOO_MANY.fault("/headers"))
    seen: set[str] = set()
    for number, (name, value) in enumerate(headers, 1):
        if not _NAME.fullmatch(name):
            faults.append(HeaderRule.NAME.fault("/headers", _name_detail(name, number)))
            continue
        broken = _broken_name_rule(name.lower(), seen) or _broken_value_rule(name, value)
        if broken:
            faults.append(Fault(f"/headers/{name}", broken[0].value, broken[1]))
        seen.add(name.lower())
    return tuple(faults)


def check_header_kinds(headers: tuple[tuple[str, str], ...]) -> tuple[Fault, ...]:
    """Every value that keeps `check_headers` and is not of its header's kind: no message ids, no addresses.

    Such a value does no harm, and an email that was accepted with one is sent.
    """
    return tuple(
        Fault(f"/headers/{name}", broken[0].value, broken[1])
        for name, value in headers
        if (broken := _broken_kind_rule(name.lower(), value))
    )


def _in_one_line(value: str) -> str:
    text = value.strip(" \t\r\n")
    return _BETWEEN_IDS.sub("> ", text).strip() if _MESSAGE_IDS.fullmatch(text) else value


def _name_detail(name: str, number: int) -> str | None:
    """More about the name of the header with this number, if a character in it cannot be seen."""
    unseen = first_unseen(name[:_SHOWN])
    return f"{HeaderRule.NAME.sentence} The name of header {number} holds {unseen}." if unseen else None


def _broken_name_rule(name: str, seen: set[str]) -> Broken | None:
    if name in _RESERVED or name.startswith(_RESERVED_PREFIXES):
        instead = _INSTEAD.get(name)
        return HeaderRule.RESERVED, f"{HeaderRule.RESERVED.sentence}{f' {instead}' if instead else ''}"
    return (HeaderRule.DUPLICATE, HeaderRule.DUPLICATE.sentence) if name in seen else None


def _broken_value_rule(name: str, value: str) -> Broken | None:
    if broken := broken_text_rule(value):
        return broken, detail_of(broken, value)
    if not value.strip():
        return HeaderRule.EMPTY, HeaderRule.EMPTY.sentence
    if name.lower() in ID_LISTS and _MESSAGE_IDS.fullmatch(value):
        rule, too_long = HeaderRule.REFERENCES_TOO_LONG, len(value) > REFERENCES_LIMIT
    else:
        rule, too_long = HeaderRule.TOO_LONG, len(name) + len(value.encode()) > HEADER_LIMIT
    return (rule, rule.sentence) if too_long else None


def _broken_kind_rule(kind: str, value: str) -> Broken | None:
    if kind in ID_LISTS and (unseen := first_unseen(value)):
        return HeaderRule.MESSAGE_IDS, f"{HeaderRule.MESSAGE_IDS.sentence} Found {unseen}."
    if kind in ID_LISTS and not value.isascii():
        return HeaderRule.MESSAGE_IDS, HeaderRule.MESSAGE_IDS.sentence
    if kind in ADDRESS_LISTS:
        try:
            parse_mailboxes(value)
        except InvalidAddress as broken:
            return broken.rule, str(broken)
    return None
