"""How much of a request has arrived, judged from its bytes alone, without a socket and without a clock.

It decides when a request gets a thread: when all of it is there, or as much as may be held without a thread. Whether
the request is valid is decided by gunicorn's own parser, which reads the same bytes again.
"""

import re
from enum import Enum, auto
from typing import Final

HEAD_LIMIT: Final = 64 * 1024
"""Bytes of request line and header fields: far more than a client or a proxy sends."""

HELD_LIMIT: Final = 1024 * 1024 + 64 * 1024
"""Bytes of a body that are collected without a thread: enough for SNS, and for email without large attachments."""

_CHUNKED_LIMIT: Final = 4 * HELD_LIMIT
_CHUNK_LINE_LIMIT: Final = 1024
_LENGTH: Final = re.compile(rb"\r\ncontent-length:[ \t]*(\d{1,18})[ \t]*\r\n", re.IGNORECASE)
_CHUNKED: Final = re.compile(rb"\r\ntransfer-encoding:[^\r\n]*chunked[ \t]*\r\n", re.IGNORECASE)
_EXPECTS: Final = re.compile(rb"\r\nexpect:[ \t]*100-continue[ \t]*\r\n", re.IGNORECASE)
_SIZE: Final = re.compile(rb"([0-9A-Fa-f]{1,16})[ \t]*(?:;[^\r\n]*)?")


class Standing(Enum):
    """How far a request has arrived, and so what to do with it."""

    HEAD = auto()
    """The head is incomplete."""

    BODY = auto()
    """The head is complete, the body is not, and it is short enough to be collected without a thread."""

    READY = auto()
    """A thread may take it: it is complete, or its body is a long one, or it is malformed and will be refused."""

    TOO_LARGE = auto()
    """The head is longer than the limit, or the body is cut into absurdly many chunks."""


class Arrival:
    """One request as it arrives. Pass it all bytes so far each time; it does not scan the same bytes twice."""

    def __init__(self) -> None:
        self._searched = 0
        self._body_at: int | None = None
        self._length: int | None = None
        self._chunk_at = 0
        self._content = 0
        self.expects_continue = False

    def standing(self, come: bytearray) -> Standing:
        """How the request stands after `come`, all of its bytes so far. Empty lines before it are removed."""
        if self._body_at is None:
            while come.startswith(b"\r\n"):  # RFC 9112, section 2.2
                del come[:2]
            end = come.find(b"\r\n\r\n", max(0, self._searched - 3))
            if end < 0 or end > HEAD_LIMIT:
                self._searched = len(come)
                return Standing.HEAD if len(come) <= HEAD_LIMIT else Standing.TOO_LARGE
            self._read_head(bytes(come[: end + 4]))
        if self._length is None:
            return self._chunks(come)
        whole = (self._body_at or 0) + self._length
        return Standing.BODY if self._length <= HELD_LIMIT and len(come) < whole else Standing.READY

    def _read_head(self, head: bytes) -> None:
        length = _LENGTH.search(head)
        self._body_at = self._chunk_at = len(head)
        self._length = int(length[1]) if length else 0
        self.expects_continue = _EXPECTS.search(head) is not None
        if _CHUNKED.search(head):
            self._length = None

    def _chunks(self, come: bytearray) -> Standing:
        """Walk from chunk to chunk (RFC 9112, section 7.1)."""
        while self._content <= HELD_LIMIT:
            end = come.find(b"\r\n", self._chunk_at, self._chunk_at + _CHUNK_LINE_LIMIT)
            if end < 0:
                return self._unfinished(come, malformed=len(come) - self._chunk_at >= _CHUNK_LINE_LIMIT)
            size = _SIZE.fullmatch(come[self._chunk_at : end])
            if size is None:
                return Standing.READY
            length = int(size[1], 16)
            if length == 0:
                return self._trailers(come, end)
            after = end + 2 + length + 2
            if len(come) < after:
                held = self._content + len(come) - end > HELD_LIMIT
                return Standing.READY if held else self._unfinished(come, malformed=False)
            self._content += length
            self._chunk_at = after
        return Standing.READY

    def _trailers(self, come: bytearray, end: int) -> Standing:
        if come.startswith(b"\r\n", end + 2) or come.find(b"\r\n\r\n", end + 2) >= 0:
            return Standing.READY
        return self._unfinished(come, malformed=False)

    def _unfinished(self, come: bytearray, *, malformed: bool) -> Standing:
        if malformed:
            return Standing.READY
        return Standing.BODY if len(come) <= _CHUNKED_LIMIT else Standing.TOO_LARGE
