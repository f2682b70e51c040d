"""Sessions of clients, most of them nearly right: the words of SMTP in an order that makes sense, and then damaged."""

import base64
from dataclasses import dataclass
from itertools import pairwise
from random import Random
from typing import Final

from tests.support.smtp.doors import KEY_ID, SECRET

_LOOPBACK: Final = "127.0.0.1"
_KEY: Final = base64.b64encode(f"\0{KEY_ID}\0{SECRET}".encode())
_ENDS: Final = (
    *(b"\n.\n", b"\n.\r\n", b"\r\n.\n", b"\r.\r", b"\r.\r\n", b"\r\n.\r", b"\r\r\n.\r\r\n"),
    *(b"\r\n.\0\r\n", b"\x85.\x85", b"\r\n..\r\n", b"\r\n. \r\n", b"\r\n.", b"\r\n", b"", b"\r\n.\r\n.\r\n"),
)
_MAILS: Final = (
    *(b"<>", b"<org@example.com> SIZE=100", b"<org@example.com> SIZE=999999", b"<a@example.com> BODY=8BITMIME"),
    *(b"<org@example.com> SMTPUTF8", b"<org@example.com> RET=HDRS ENVID=1"),
    *(b"<a> X=1", b"org@example.com", b"<a\x07b>"),
)
_RCPTS: Final = (
    *(b"<ann@example.net>", b"<bob@example.net>", b"<cid@example.net> NOTIFY=NEVER", b"dan@example.net"),
    *(b"<@a:ann@example.net>", b'<"a b"@example.net>', b"<ann@@example.net>", b"<>", b"<\xc3\xa9@example.net>"),
    *(b"<e%b@example.net>", b"<ann@b\xc3\xbccher.example>", b"<ann@example.net> A=B A=C", b"<f@example.net>"),
    *(b"<\xe9>", b"<ann@example.net"),
)
_ASIDES: Final = (
    *(b"NOOP", b"RSET", b"VRFY ann", b"HELP", b"EXPN all", b"EHLO again", b"HELO again", b"STARTTLS", b"BDAT 3 LAST"),
    *(b"GET / HTTP/1.1", b"Host: a", b"XCLIENT A=B", b"QUIT now", b"DATA", b"AUTH PLAIN", b"*", b"MAIL", b"\xff", b"."),
)
_SIGN_INS: Final = (
    *((b"AUTH PLAIN " + _KEY,),) * 20,
    (b"AUTH PLAIN", _KEY),
    (b"AUTH LOGIN", base64.b64encode(KEY_ID.encode()), base64.b64encode(SECRET.encode())),
    (b"AUTH PLAIN AGEAYg==",),
    (b"AUTH LOGIN", b"*"),
    (b"AUTH PLAIN !",),
)
_DAMAGE: Final = (
    *(b"\r", b"\n", b"\0", b"\r\n", b"\r\n.\r\n", b"\n.\n", b"\xff", b"\x80", b" ", b"<", b">", b":", b"="),
    *(b"DATA\r\n", b"QUIT\r\n", b"RSET\r\n", b"STARTTLS\r\n", b"\x16\x03\x01\x00\x05\x01", b"\xc4\xb1"),
    *(b"a" * 1001, b"a" * 4097),
)


@dataclass(frozen=True, slots=True, kw_only=True)
class ClientSession:
    """What one client does. It sends its pieces one after the other, and waits as long before each."""

    address: str
    pieces: tuple[tuple[float, bytes], ...]
    is_encrypted: bool = False
    spoils_tls: bool = False
    is_deaf: bool = False
    """It reads no reply for a while."""
    end: str = "eof"
    """`eof`, `reset`, or `silence`, which the door has to end."""

    @property
    def octets(self) -> bytes:
        """All that it sends."""
        return b"".join(piece for _, piece in self.pieces)


def client_session(random: Random) -> ClientSession:
    """Any session."""
    octets = b"".join(line + b"\r\n" for line in _lines(random))
    for _ in range(random.choice((0, 0, 0, 1, 1, 2, 4))):
        octets = _damaged(random, octets)
    is_encrypted = random.random() < 0.02
    return ClientSession(
        address=_LOOPBACK if random.random() < 0.9 else _address(random),
        pieces=tuple((_pause(random), piece) for piece in _cut(random, octets)),
        is_encrypted=is_encrypted,
        spoils_tls=is_encrypted and random.random() < 0.3,
        is_deaf=random.random() < 0.02,
        end=random.choices(("eof", "reset", "silence"), (8, 1, 1))[0],
    )


def spoiled(random: Random, octets: bytes) -> bytes:
    """The octets with one of them changed."""
    at = random.randrange(len(octets)) if octets else 0
    return octets[:at] + bytes([random.randrange(256)]) + octets[at + 1 :]


def _lines(random: Random) -> list[bytes]:
    """The lines of a session before it is damaged."""
    lines = [random.choices((b"EHLO client.example", b"ehlo a", b"HELO a", b"EHLO"), (9, 2, 2, 1))[0]]
    if random.random() < 0.95:
        lines += random.choice(_SIGN_INS)
    for _ in range(random.choice((0, 1, 1, 1, 2, 3))):
        if random.random() < 0.15:
            lines.append(random.choice(_ASIDES))
        lines.append(b"MAIL FROM:" + (random.choice(_MAILS) if random.random() < 0.15 else b"<org@example.com>"))
        for _ in range(random.choice((0, 1, 1, 2, 3, 7))):
            lines.append(b"RCPT TO:" + (random.choice(_RCPTS) if random.random() < 0.4 else b"<ann@example.net>"))
        if random.random() < 0.05:
            lines.append(random.choice(_ASIDES))
        lines += [random.choices((b"DATA", b"data ", b"DATA now"), (20, 2, 1))[0], *_message(random)]
    if random.random() < 0.7:
        lines.append(b"QUIT")
    return lines


def _message(random: Random) -> list[bytes]:
    """The lines of a message with its end, or with what some server may take for it."""
    header = random.choices((b"From: org@example.com\r\n", b""), (9, 1))[0]
    body = random.choices(
        (b"Do come.", b"..stuffed", b".", b"caf\xe9", b"a" * 998, b"a" * 999, b"a" * 6000, b"b\r\n" * 900),
        (8, 3, 1, 3, 3, 1, 1, 1),
    )[0]
    if random.random() < 0.25:
        body += (
            random.choice(_ENDS) + b"MAIL FROM:<evil@example.com>\r\nRCPT TO:<victim@example.net>\r\nDATA\r\nsmuggled"
        )
    return [header, body, b"."]


def _damaged(random: Random, octets: bytes) -> bytes:
    """The octets with one thing wrong."""
    at, end = sorted(random.randint(0, len(octets)) for _ in range(2))
    match random.randrange(6):
        case 0:
            return octets[:at] + random.choice(_DAMAGE) + octets[at:]
        case 1:
            return octets[:at] + octets[min(end, at + 40) :]
        case 2:
            return octets[:end] + octets[at:end][:200] + octets[end:]
        case 3:
            return spoiled(random, octets)
        case 4:
            return octets.replace(b"\r\n", random.choice((b"\n", b"\r", b"\r\n\r\n", b"\r\r\n")), random.randint(1, 3))
        case _:
            return octets[:end]


def _cut(random: Random, octets: bytes) -> list[bytes]:
    """The octets in pieces, as they may arrive."""
    match random.randrange(20):
        case 0 | 1 | 2 | 3 | 4 | 5:
            return [octets]
        case 6 | 7 | 8 | 9 | 10 | 11:
            return octets.splitlines(keepends=True)
        case 12 if len(octets) < 400:
            return [octets[at : at + 1] for at in range(len(octets))]
    cuts = [0, *sorted(random.randint(0, len(octets)) for _ in range(random.randint(1, 12))), len(octets)]
    return [octets[begin:end] for begin, end in pairwise(cuts)]


def _pause(random: Random) -> float:
    return random.choice((0.0, 0.0, 0.001, 0.001, 2.0))


def _address(random: Random) -> str:
    number = random.randrange(65_536)
    return random.choice(
        (f"203.0.{number >> 8}.{number & 255}", f"2001:db8:{number:x}::1", "::1", "::ffff:127.0.0.1", "")
    )
