"""One-click unsubscribe (RFC 8058): the token in a link, where a link may lead, what a POST to it asks for.

It decides what makes a token genuine and how an email carries its link. A token names one recipient of one email and
holds no address. The keys are passed in. It does not know which recipients are subscribed.
"""

import hmac
import re
from base64 import urlsafe_b64decode, urlsafe_b64encode
from collections.abc import Iterable, Mapping
from dataclasses import replace
from enum import StrEnum
from ipaddress import IPv4Address, IPv6Address, ip_address
from typing import Final
from urllib.parse import urlsplit
from uuid import UUID

from app.domain.message.mime import Message

KEY_ID: Final = 4
"""Octets of the id of a key."""

PLACEHOLDER: Final = "{{unsubscribe_url}}"
"""Where an application wants the link in its text or HTML."""

PLACES: Final = 10
"""How many placeholders of a body are filled in: a body of only placeholders would grow beyond every bound."""

_TAG: Final = 16
_PURPOSE: Final = b"postern unsubscribe 1"
_TOKEN = re.compile(r"[A-Za-z0-9_-]{48}")  # 36 octets exactly, so that there is one way to write them
_NO_TOKEN, _NO_KEY = "A" * 48, bytes(32)

_LINK, _POST = "List-Unsubscribe", "List-Unsubscribe-Post"
_OURS = frozenset({_LINK.lower(), _POST.lower()})
_ONE_CLICK: Final = (_LINK, "One-Click")
_BACK: Final = ("resubscribe", "yes")

# Nothing that would have to be escaped in a header, in a text or in HTML.
_BASE = re.compile(r"https?://[A-Za-z0-9.:\[\]-]{1,255}(?:/[A-Za-z0-9._~/-]*)?")
_LONGEST_BASE: Final = 500


class Wish(StrEnum):
    """What a POST to a link asks for."""

    UNSUBSCRIBE = "unsubscribe"
    RESUBSCRIBE = "resubscribe"


def write_token(recipient_id: UUID, keys: Mapping[bytes, bytes]) -> str:
    """The token of a recipient: 48 characters, signed with the first of `keys` (id to key)."""
    key_id, key = next(iter(keys.items()))
    named = key_id + recipient_id.bytes
    return urlsafe_b64encode(named + _sign(key, named)).decode("ascii")


def read_token(token: str, keys: Mapping[bytes, bytes]) -> UUID | None:
    """The recipient that a token names, or None unless one of `keys` signed it.

    The work is the same for a genuine token, a forged one and a text that is no token.
    """
    is_one = _TOKEN.fullmatch(token) is not None
    raw = urlsafe_b64decode(token if is_one else _NO_TOKEN)
    named, tag = raw[:-_TAG], raw[-_TAG:]
    key_id, recipient_id = named[:KEY_ID], named[KEY_ID:]
    genuine = hmac.compare_digest(tag, _sign(keys.get(key_id, _NO_KEY), named))
    return UUID(bytes=recipient_id) if genuine and is_one and key_id in keys else None


def may_lead_to(base: str) -> bool:
    """Whether links below this URL are fit for one-click: https, as RFC 8058 requires, or http on loopback."""
    if len(base) > _LONGEST_BASE or not _BASE.fullmatch(base):
        return False
    try:
        parts = urlsplit(base)
        host, _ = parts.hostname, parts.port
    except ValueError:
        return False
    return bool(host) and (parts.scheme == "https" or _is_loopback(host or ""))


def link(base: str, token: str) -> str:
    """The link of a token below the public URL."""
    return f"{base.rstrip('/')}/unsubscribe/{token}"


def headers(url: str) -> tuple[tuple[str, str], ...]:
    """Both header fields of RFC 8058 for one link."""
    return ((_LINK, f"<{url}>"), (_POST, "=".join(_ONE_CLICK)))


def with_link(message: Message, url: str) -> Message:
    """The message with the link in place of its placeholders, and without the application's own unsubscribe fields.

    One of its fields beside one of ours would make a mail program post to a page that does not support one-click.
    """
    return replace(
        message,
        text=_filled(message.text, url),
        html=_filled(message.html, url),
        headers=tuple(field for field in message.headers if field[0].lower() not in _OURS),
    )


def wish_of(fields: Iterable[tuple[str, str]]) -> Wish | None:
    """What the fields of a form ask for; None when they ask for nothing, or for both."""
    given = set(fields)
    match _ONE_CLICK in given, _BACK in given:
        case True, False:
            return Wish.UNSUBSCRIBE
        case False, True:
            return Wish.RESUBSCRIBE
    return None


def _filled(body: str | None, url: str) -> str | None:
    return body and body.replace(PLACEHOLDER, url, PLACES)


def _sign(key: bytes, named: bytes) -> bytes:
    return hmac.digest(key, _PURPOSE + named, "sha256")[:_TAG]


def _is_loopback(host: str) -> bool:
    try:
        address: IPv4Address | IPv6Address = ip_address(host)
    except ValueError:
        return host == "localhost"
    return address.is_loopback
