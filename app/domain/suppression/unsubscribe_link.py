"""One-click unsubscribe (RFC 8058): how an email carries its link, and what a POST to it asks for.

The token in a link names one recipient of one email (`app.domain.signed_links`). Which recipients are subscribed is not
known here.
"""

from collections.abc import Iterable
from dataclasses import replace
from enum import StrEnum
from typing import Final

from app.domain.message.mime import Message

PURPOSE: Final = b"postern unsubscribe 1"

PLACEHOLDER: Final = "{{unsubscribe_url}}"
"""Where an application wants the link in its text or HTML."""

PLACES: Final = 10
"""How many placeholders of a body are filled in: a body of only placeholders would grow beyond every bound."""

_LINK, _POST = "List-Unsubscribe", "List-Unsubscribe-Post"
_OURS = frozenset({_LINK.lower(), _POST.lower()})
_ONE_CLICK: Final = (_LINK, "One-Click")
_BACK: Final = ("resubscribe", "yes")


class Wish(StrEnum):
    """What a POST to a link asks for."""

    UNSUBSCRIBE = "unsubscribe"
    RESUBSCRIBE = "resubscribe"


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
