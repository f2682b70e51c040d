"""The content of a file as clients write it in JSON: base64 of every kind, and `data:` addresses (RFC 2397).

It decides which bytes a text stands for. It never guesses: a text that could stand for two different files is none.
"""

import base64
import binascii
import re
from dataclasses import dataclass
from urllib.parse import unquote_to_bytes

_SPACES = str.maketrans(dict.fromkeys(" \t\r\n"))
_URL_SAFE = str.maketrans("-_", "+/")
_HEAD_LIMIT = 2000


@dataclass(frozen=True, slots=True)
class FileContent:
    """The bytes of a file, and the content type that its `data:` address gave."""

    octets: bytes
    content_type: str | None = None


def read_file_content(text: str) -> FileContent | None:
    """The file that `text` is, or None: base64, with or without line breaks and padding, in either alphabet."""
    if text[:5].lower() == "data:":
        return _of_data_address(text)
    octets = _of_base64(text)
    return None if octets is None else FileContent(octets)


def _of_data_address(text: str) -> FileContent | None:
    comma = text.find(",", 5, _HEAD_LIMIT)
    if comma < 0:
        return None
    head, body = text[5:comma].strip(), text[comma + 1 :]
    kind, marked, _ = head.rpartition(";")
    if not marked or head.rpartition(";")[2].strip().lower() != "base64":
        return FileContent(unquote_to_bytes(body), head or "text/plain")
    octets = _of_base64(unquote_to_bytes(body).decode("ascii", "replace") if "%" in body else body)
    return None if octets is None else FileContent(octets, kind or "text/plain")


def _of_base64(text: str) -> bytes | None:
    try:
        return base64.b64decode(text, validate=True)
    except ValueError:  # binascii.Error is one
        pass
    packed = text.translate(_SPACES) if re.search(r"\s", text) else text
    if ("-" in packed or "_" in packed) and ("+" in packed or "/" in packed):
        return None
    bare = packed.translate(_URL_SAFE).rstrip("=")
    padding = len(packed) - len(bare)
    if len(bare) % 4 == 1 or padding not in {0, -len(bare) % 4}:
        return None
    try:
        return base64.b64decode(bare + "=" * (-len(bare) % 4), validate=True)
    except (binascii.Error, ValueError):
        return None
