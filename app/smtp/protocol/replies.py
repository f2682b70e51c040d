"""Replies of SMTP: a code, an enhanced status code (RFC 2034, RFC 3463) and a text."""

import textwrap
from dataclasses import dataclass
from typing import Final

_COLUMNS: Final = 480
"""RFC 5321 section 4.5.3.1.5 allows 512 octets for a line with its codes and its end."""
_MOST_LINES: Final = 20


@dataclass(frozen=True, slots=True)
class Reply:
    """One reply. `status` is the enhanced code, empty where RFC 2034 has none. Lines of the text are lines of it."""

    code: int
    status: str
    text: str

    @property
    def is_good(self) -> bool:
        """Whether the command was done, or goes on."""
        return self.code < 400

    def encode(self) -> bytes:
        """The octets: ASCII, with no control character, each line short enough."""
        lines = [part for line in self.text.splitlines() for part in textwrap.wrap(_plain(line), _COLUMNS)]
        lines = lines[:_MOST_LINES] or [""]
        status = f"{self.status} " if self.status else ""
        marks = ["-"] * (len(lines) - 1) + [" "]
        return "".join(f"{self.code}{mark}{status}{line}\r\n" for mark, line in zip(marks, lines, strict=True)).encode(
            "ascii"
        )


def _plain(text: str) -> str:
    return "".join(one if " " <= one <= "~" else "?" for one in text)


OK: Final = Reply(250, "2.0.0", "Ok")
BYE: Final = Reply(221, "2.0.0", "Bye")
GO_AHEAD: Final = Reply(354, "", "Send the message, and end it with a line that is one dot")
READY_FOR_TLS: Final = Reply(220, "2.0.0", "Begin TLS")
NOT_VERIFIED: Final = Reply(252, "2.5.0", "An address is judged at RCPT")
HELP: Final = Reply(214, "2.0.0", "EHLO STARTTLS AUTH MAIL RCPT DATA RSET NOOP VRFY QUIT")
SIGNED_IN: Final = Reply(235, "2.7.0", "The key is valid")

NOT_SMTP: Final = Reply(500, "5.5.1", "This is no SMTP")
BAD_LINE: Final = Reply(500, "5.5.2", "A line ends with CR LF, and has no other CR, LF or NUL")
LONG_LINE: Final = Reply(500, "5.5.6", "The line is too long")
NOT_TEXT: Final = Reply(500, "5.5.2", "A command is ASCII or UTF-8")
UNKNOWN: Final = Reply(500, "5.5.1", "No such command")
NOT_OFFERED: Final = Reply(502, "5.5.1", "This server does not offer that")
NO_ARGUMENT: Final = Reply(501, "5.5.4", "This command takes no argument")
GREET_FIRST: Final = Reply(503, "5.5.1", "Say EHLO first")
BAD_GREETING: Final = Reply(501, "5.5.4", "EHLO and HELO take the name of the client")
TLS_FIRST: Final = Reply(530, "5.7.0", "Begin TLS with STARTTLS first")
KEY_FIRST: Final = Reply(530, "5.7.0", "Sign in with AUTH: the user is the id of an API key, the password its secret")
TLS_ALREADY: Final = Reply(503, "5.5.1", "TLS has begun already")
NO_TLS: Final = Reply(454, "4.7.0", "TLS is not available")
TOO_EARLY: Final = Reply(503, "5.5.0", "No command may follow STARTTLS before its reply")
ENCRYPT_FIRST: Final = Reply(538, "5.7.11", "A key is sent with TLS only: begin with STARTTLS")
SIGNED_IN_ALREADY: Final = Reply(503, "5.5.1", "The session is signed in already")
NO_MECHANISM: Final = Reply(504, "5.5.4", "AUTH takes PLAIN or LOGIN")
NO_KEYS_NOW: Final = Reply(454, "4.7.0", "No key can be checked now: try again")
AUTH_MALFORMED: Final = Reply(501, "5.5.2", "The answer is not what the mechanism asks for, in base64")
AUTH_CANCELED: Final = Reply(501, "5.7.0", "AUTH was canceled")
MAIL_ALREADY: Final = Reply(503, "5.5.1", "A message has been begun: RSET drops it")
IN_A_MESSAGE: Final = Reply(503, "5.5.1", "Not while a message is under way: RSET drops it")
MAIL_FIRST: Final = Reply(503, "5.5.1", "Say MAIL first")
NO_RECIPIENTS: Final = Reply(554, "5.5.1", "No recipient was accepted")
BAD_PATH: Final = Reply(501, "5.5.4", "The command takes an address as in <ann@example.com>, then its parameters")
BAD_PARAMETERS: Final = Reply(501, "5.5.4", "A parameter is malformed, or comes twice")
UNKNOWN_PARAMETER: Final = Reply(555, "5.5.4", "A parameter is not known")
RECIPIENT_OK: Final = Reply(250, "2.1.5", "Ok")
TOO_MANY_RECIPIENTS: Final = Reply(452, "4.5.3", "This message has as many recipients as it may: send the rest anew")
TOO_LARGE: Final = Reply(552, "5.3.4", "The message is larger than SIZE allows")
FULL: Final = Reply(452, "4.3.1", "Too many messages are under way: try again")
BUSY: Final = Reply(451, "4.3.2", "Too much is under way: try again")
TROUBLE: Final = Reply(451, "4.3.0", "The gateway cannot answer now, and nothing was accepted: try again")
BAD_LINES_IN_MESSAGE: Final = Reply(554, "5.6.0", "The message has a CR or an LF alone: lines end with CR LF")

TOO_MANY_ERRORS: Final = Reply(421, "4.7.0", "Too many errors")
TOO_IDLE: Final = Reply(421, "4.7.0", "Too many commands, and no message")
TOO_MANY_FAILURES: Final = Reply(421, "4.7.0", "Too many failures of AUTH")
KEY_GONE: Final = Reply(421, "4.7.0", "The key is not valid any more: sign in anew")
TOO_MANY_CONNECTIONS: Final = Reply(421, "4.7.0", "Too many connections")
TOO_SLOW: Final = Reply(421, "4.4.2", "Nothing came in time")
STOPPING: Final = Reply(421, "4.3.2", "The server stops: try again")

NO_SUCH_KEY: Final = 535
"""The code of a key that is not valid, or does not open this door."""
