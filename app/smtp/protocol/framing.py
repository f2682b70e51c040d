"""Where a line ends, and where a message ends: at CR LF, and at CR LF . CR LF, and nowhere else. Pure.

Servers that disagree about this let a sender smuggle a second message into the first one (SMTP smuggling, 2023): what
one of them takes for the text of a message ends it for the other. So a CR or an LF alone ends nothing here, and what
has one is refused whole.
"""

from collections.abc import Hashable
from typing import Final

from app.smtp.protocol.budget import Budget

LONGEST_LINE: Final = 4096
"""RFC 5321 asks for 512 octets, and RFC 4954 for more at AUTH, whose answers are short here."""
_LINE_END: Final = b"\r\n"
_END: Final = b"\r\n.\r\n"
_LARGE: Final = 2 * 1024 * 1024
_STOPS_READING: Final = 2
"""A message of this many times the allowed size is not read to its end."""


class BadLine(ValueError):
    """A line has a CR, an LF or a NUL where none may be: from there on it is unclear where lines begin."""


class LongLine(ValueError):
    """A line is longer than `LONGEST_LINE`."""


def take_line(buffer: bytearray) -> bytes | None:
    """Take the first line off the buffer, without its CR LF; None while it is not whole.

    Raises `BadLine` and `LongLine`; then nothing that follows may be read as a command.
    """
    end = buffer.find(b"\n", 0, LONGEST_LINE + 2)
    if end < 0:
        if len(buffer) > LONGEST_LINE + len(b"\r"):
            raise LongLine
        return None
    line = bytes(buffer[: end + 1])
    if not line.endswith(b"\r\n") or b"\r" in line[:-2] or b"\0" in line:
        raise BadLine
    del buffer[: end + 1]
    return line[:-2]


class IncomingMessage:
    """What follows DATA, until its end. What is kept of it counts in the budget of its owner."""

    def __init__(self, *, largest: int, budget: Budget, owner: Hashable) -> None:
        self._largest = largest
        self._budget, self._owner = budget, owner
        self._kept = bytearray(_LINE_END)  # that of DATA: a message may end at once, or begin with a dot
        self._last = bytes(_LINE_END)
        self.octets = 0
        self._held = 0
        self.is_whole = False
        self.is_too_large = False
        self.found_no_room = False

    @property
    def is_large(self) -> bool:
        """Whether a few of them, each in the copies that reading and sealing make, are much of the memory."""
        return self.octets > _LARGE

    @property
    def is_endless(self) -> bool:
        """Whether so much has come that the rest is not worth reading."""
        return self.octets > self._largest * _STOPS_READING

    def feed(self, buffer: bytearray) -> None:
        """Take what belongs to the message off the buffer."""
        found = (self._last + buffer).find(_END)
        taken = len(buffer) if found < 0 else found + len(_END) - len(self._last)
        piece = bytes(buffer[:taken])
        del buffer[:taken]
        self._last = (self._last + piece[-len(_END) :])[-len(_END) + 1 :]
        self.is_whole = found >= 0
        self._keep(piece)

    def take_content(self) -> bytes | None:
        """The message without its end and its stuffed dots (RFC 5321 section 4.5.2); None if a CR or an LF is alone.

        It is not kept here any longer, and counts in the budget until `drop`.
        """
        stuffed, self._kept = self._kept, bytearray()
        lines = stuffed.count(_LINE_END)
        if stuffed.count(b"\r") != lines or stuffed.count(b"\n") != lines:
            return None
        plain = stuffed.replace(b"\r\n.", _LINE_END)  # the end as well: it leaves an empty line behind
        stuffed.clear()
        return bytes(memoryview(plain)[len(_LINE_END) : -len(_LINE_END)])

    def drop(self) -> None:
        """Let go of what is kept."""
        self._kept.clear()
        self._budget.give_back(self._owner, self._held)
        self._held = 0

    def _keep(self, piece: bytes) -> None:
        self.octets += len(piece)
        if self.octets > self._largest + len(_END):
            self.is_too_large = True
        elif not self.found_no_room:
            self.found_no_room = not self._budget.take(self._owner, len(piece))
        if self.is_too_large or self.found_no_room:
            self.drop()
        else:
            self._held += len(piece)
            self._kept += piece
