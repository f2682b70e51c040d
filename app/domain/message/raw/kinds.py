"""Which header fields of a raw message leave Postern, which are read and taken out, and which stand once."""

from typing import Final

_RECIPIENTS_HIDDEN: Final = frozenset({"bcc", "resent-bcc"})
_TRACES: Final = frozenset(
    {
        "delivered-to",
        "envelope-to",
        "received",
        "received-spf",
        "return-path",
        "x-delivered-to",
        "x-envelope-from",
        "x-envelope-to",
        "x-original-to",
        "x-received",
    }
)
_CONTROLS: Final = ("x-ses-", "x-postern-")

_ONCE_BY_RFC_5322: Final = "bcc cc date from in-reply-to message-id references reply-to sender subject to"
# https://docs.aws.amazon.com/ses/latest/dg/header-fields.html
_ONCE_BY_SES: Final = """
    accept-language acceptlanguage archived-at auto-submitted bounces-to comments content-alternative content-base
    content-class content-description content-disposition content-duration content-id content-language content-length
    content-location content-md5 content-transfer-encoding content-type date disposition-notification-options
    disposition-notification-to dkim-signature domainkey-signature errors-to from importance in-reply-to keywords
    list-archive list-help list-id list-owner list-post list-subscribe list-unsubscribe list-unsubscribe-post
    message-context message-id mime-version organization original-from original-message-id original-recipient
    original-subject precedence priority references reply-to return-receipt-to sender solicitation sensitivity subject
    thread-index thread-topic user-agent vbr-info
"""
_ONCE_BY_POSTERN: Final = """
    x-postern-actor x-postern-lane x-postern-reference x-postern-stream x-postern-supersedes x-ses-configuration-set
"""
ONCE: Final = frozenset(f"{_ONCE_BY_RFC_5322} {_ONCE_BY_SES} {_ONCE_BY_POSTERN}".split())
"""Kinds of fields that a message has once at most."""


def is_taken_out(kind: str) -> bool:
    """Whether fields of this kind do not leave Postern: hidden recipients, traces, and controls of SES and Postern."""
    return kind in _RECIPIENTS_HIDDEN or kind in _TRACES or kind.startswith(_CONTROLS)
