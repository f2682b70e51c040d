"""The headers that an application may set on its mail.

It decides by name, form and size. Names that say who a mail is from and to, how it is built or what SES does with it
are Postern's; whatever else is safe text may pass, `In-Reply-To` and `References` included. `List-Unsubscribe` may too,
and gives way where the stream's mail carries links of ours (`app.domain.unsubscribe`).
"""

import re

from app.domain.encoding import LINE_LIMIT
from app.domain.errors import Fault
from app.domain.rules import Rule, broken_text_rule

HEADER_COUNT_LIMIT = 15
"""As many as SES takes in its `Headers` parameter (API_Message of SES v2)."""

HEADER_LIMIT = LINE_LIMIT - len(": ")
"""Octets of name and value together: SES's bound, and what fits one line."""

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
# Resent-* name recipients and senders as their namesakes do (RFC 5322 section 3.6.6).
_RESERVED_PREFIXES = ("content-", "dkim-", "resent-", "x-ses-", "x-postern-")


class HeaderRule(Rule):
    """What a custom header has to be."""

    TOO_MANY = "too_many_headers", f"A mail has at most {HEADER_COUNT_LIMIT} custom headers."
    NAME = "header_name", "A header name is 1 to 60 ASCII letters, digits and hyphens."
    RESERVED = "header_reserved", "This header is set by the gateway and not by applications."
    DUPLICATE = "header_duplicate", "A header is given once, whatever the case of its name."
    EMPTY = "header_empty", "A header has a value."
    TOO_LONG = "header_too_long", f"A header's name and value have together at most {HEADER_LIMIT} octets."


def check_headers(headers: tuple[tuple[str, str], ...]) -> tuple[Fault, ...]:
    """Every rule that the custom headers break, at `/headers/<name>`; at `/headers` where the name itself is bad."""
    faults = []
    if len(headers) > HEADER_COUNT_LIMIT:
        faults.append(HeaderRule.TOO_MANY.fault("/headers"))
    seen: set[str] = set()
    for name, value in headers:
        if not _NAME.fullmatch(name):
            faults.append(HeaderRule.NAME.fault("/headers"))
            continue
        broken = _broken_name_rule(name.lower(), seen) or _broken_value_rule(name, value)
        if broken:
            faults.append(broken.fault(f"/headers/{name}"))
        seen.add(name.lower())
    return tuple(faults)


def _broken_name_rule(name: str, seen: set[str]) -> Rule | None:
    if name in _RESERVED or name.startswith(_RESERVED_PREFIXES):
        return HeaderRule.RESERVED
    return HeaderRule.DUPLICATE if name in seen else None


def _broken_value_rule(name: str, value: str) -> Rule | None:
    if broken := broken_text_rule(value):
        return broken
    if not value.strip():
        return HeaderRule.EMPTY
    return HeaderRule.TOO_LONG if len(name) + len(value.encode()) > HEADER_LIMIT else None
