"""Signatures over header fields (RFC 6376), and whether one still holds once fields were changed."""

import re
from collections.abc import Collection
from typing import Final

from app.domain.message.raw.fields import HeaderField

_SIGNATURES: Final = frozenset({"dkim-signature", "domainkey-signature"})
_SIGNED: Final = re.compile(r"(?:^|;) *h *=([^;]*)")


def is_false(field: HeaderField, changed: Collection[str]) -> bool:
    """Whether the field is a signature over one of the kinds of fields that were changed (section 3.5, tag h)."""
    if field.kind not in _SIGNATURES:
        return False
    signed = _SIGNED.search(field.value)
    return bool(signed and {name.strip().lower() for name in signed[1].split(":")}.intersection(changed))
