"""A last look at a raw message before it is sent, by a reader that shares nothing with the code that put it together.

It decides whether the octets hold exactly the intended header fields and the accepted body, in lines that every mail
server reads alike. It never repairs, and never quotes what it found.
"""

import re
from collections.abc import Sequence

from app.domain.message.mime import RAW_LIMIT, UnsafeMessage
from app.domain.message.raw.kinds import ONCE, is_taken_out

# Possessive: nothing is remembered for backtracking, however long the message. The last line may be open.
_MESSAGE = re.compile(rb"(?:[^\r\n\0]{0,998}+\r\n)*+[^\r\n\0]{0,998}+")
_FIELD = re.compile(rb"([!-9;-~]+):[\t -~\x80-\xff]*")
_CONTINUATION = re.compile(rb"[ \t]+[!-~\x80-\xff][\t -~\x80-\xff]*")


def require_exactly(whole: bytes, names: Sequence[str], body: bytes, *, ours: int) -> None:
    """Raise `UnsafeMessage` unless `whole` has fields of these names, in order, and this body.

    The first `ours` fields are the gateway's own; all others must be ones that may leave.
    """
    if len(whole) > RAW_LIMIT:
        raise UnsafeMessage("a message that is larger than SES takes")
    if not _MESSAGE.fullmatch(whole):
        raise UnsafeMessage("a line that servers read differently")
    header, end, found_body = whole.partition(b"\r\n\r\n")
    found = _field_names(header)
    if not end or found != list(names) or found_body != body:
        raise UnsafeMessage("the header fields are not the intended ones")
    kinds = [name.lower() for name in found]
    if any(map(is_taken_out, kinds[ours:])) or kinds.count("from") != 1:
        raise UnsafeMessage("a header field that must not leave")
    if any(kinds.count(kind) > 1 for kind in ONCE.intersection(kinds)):
        raise UnsafeMessage("a header field is there twice")


def _field_names(header: bytes) -> list[str]:
    names: list[str] = []
    for line in header.split(b"\r\n"):
        if field := _FIELD.fullmatch(line):
            names.append(field[1].decode("ascii"))
        elif not names or not _CONTINUATION.fullmatch(line):
            raise UnsafeMessage("a line that is no header field")
    return names
