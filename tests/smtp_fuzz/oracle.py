"""What must hold of a session, whatever the client sent: judged from its octets alone, by code that is not the door's.

Each message that was submitted is one that stands in the octets, between a line that is DATA and the first
CR LF . CR LF behind it; each of these at most once, in their order, and to recipients that were named before it.
"""

import re
from collections.abc import Iterable, Sequence
from typing import Final

_DATA: Final = re.compile(rb"(?:\A|(?<=\n))data *\r\n", re.IGNORECASE)
_REPLY: Final = re.compile(rb"[2-5][0-9][0-9][ -][ -~]*")
_QUEUED: Final = re.compile(rb"250[ -]2\.0\.0 Ok: queued as ")
_LONGEST: Final = 510

Submitted = Sequence[tuple[bytes, tuple[str, ...]]]


def faults_of(octets: bytes, replies: bytes, submitted: Submitted, *, answered: bool) -> list[str]:
    """What is wrong; `answered` if the client was there to get every reply."""
    return [
        *faults_of_replies(replies),
        *_faults_of_messages(octets, replies, submitted),
        *_faults_of_counts(replies, len(submitted), answered=answered),
    ]


def faults_of_replies(replies: bytes) -> Iterable[str]:
    """What is malformed in what the server has said."""
    lines = replies.split(b"\r\n")
    if lines.pop():
        yield "a reply is cut off"
    for line in lines:
        if not _REPLY.fullmatch(line) or len(line) > _LONGEST:
            yield f"a reply is malformed: {line[:80]!r}"


def _faults_of_counts(replies: bytes, submitted: int, *, answered: bool) -> Iterable[str]:
    promised = sum(bool(_QUEUED.match(line)) for line in replies.split(b"\r\n"))
    if promised > submitted or (answered and promised != submitted):
        yield f"{promised} messages were promised, and {submitted} submitted"


def _faults_of_messages(octets: bytes, replies: bytes, submitted: Submitted) -> Iterable[str]:
    if submitted and b"\r\n235 " not in replies:
        yield "a message was submitted without a key"
    at = 0
    for raw, recipients in submitted:
        if raw.replace(b"\r\n", b"").translate(None, b"\r\n") != raw.replace(b"\r\n", b""):
            yield "a message has a CR or an LF alone"
        ends = (
            end
            for begin, end, text in messages_in(octets, at)
            if text == raw and recipients and all(one.encode() in octets[at:begin] for one in recipients)
        )
        end = next(ends, None)
        if end is None:
            yield f"a message is not one of the client's to recipients that it named: {raw[:80]!r}"
            return
        at = end


def messages_in(octets: bytes, at: int = 0) -> Iterable[tuple[int, int, bytes]]:
    """Where messages may begin and end in these octets, and their text."""
    for data in _DATA.finditer(octets, at):
        begin = data.end()
        end = octets.find(b"\r\n.\r\n", begin - 2)
        if end >= 0:
            lines = octets[begin : max(end + 2, begin)].split(b"\r\n")
            yield begin, end + 5, b"\r\n".join(line.removeprefix(b".") for line in lines)
