"""The rules of one SMTP session (RFC 5321): lines of the client in, steps out. Pure: no socket, no clock, no service.

A step has a reply, or work that has to be done before the session can answer; `resume` takes what came of it. Whatever
makes it unclear where commands begin ends the session.
"""

import re
from collections.abc import Callable, Mapping
from dataclasses import replace
from typing import Final

from app.domain.apps.callers import Caller
from app.smtp.protocol import replies
from app.smtp.protocol.commands import BadParameters, BadPath, Path, in_capitals, parse_command, parse_path
from app.smtp.protocol.replies import Reply
from app.smtp.protocol.sasl import MECHANISMS, Credentials, Exchange, Malformed, exchange
from app.smtp.protocol.steps import CheckKey, Rules, Step, Submit, Turn, VetRecipient, Work

_MOST_ERRORS: Final = 10
_ERRORS_AT_ONCE: Final = 3
_MOST_FAILURES: Final = 3
_SLOWER_S: Final = 1.0
_LONGEST_NAME: Final = 255
_MOST_IDLE: Final = 100
"""Commands that lead to no message, between two messages."""
_IDLE: Final = frozenset({"EHLO", "HELO", "RSET", "NOOP", "VRFY", "HELP"})
_SIZE: Final = re.compile(r"[0-9]{1,20}")
"""RFC 1870 section 5."""
_OF_MAIL: Final = frozenset({"SIZE", "BODY", "SMTPUTF8", "AUTH", "RET", "ENVID"})
_OF_RCPT: Final = frozenset({"NOTIFY", "ORCPT"})
_BODIES: Final = frozenset({"7BIT", "8BITMIME"})
# The words of a browser that was led to this port (anything may follow them), and of a chunk, which is no command.
_ENDS_ALL: Final = {
    **dict.fromkeys(("CONNECT", "DELETE", "GET", "HEAD", "HOST:", "OPTIONS", "POST", "PUT"), replies.NOT_SMTP),
    "BDAT": replies.NOT_OFFERED,
}


class Session:
    """One session. `hear` takes a line, `resume` the result of work; neither is called while work is being done."""

    def __init__(self, rules: Rules, *, encrypted: bool = False) -> None:
        self._rules = rules
        self._encrypted = encrypted
        self._greeted = False
        self._signed_in: tuple[Credentials, Caller] | None = None
        self._exchange: Exchange | None = None
        self._work: Work | None = None
        self._recipients: list[str] | None = None
        """Those of the message that MAIL has begun; None before it."""
        self._errors = self._failures = self._idle = 0
        self._commands: Mapping[str, Callable[[str], Step]] = {
            "EHLO": self._ehlo,
            "HELO": self._helo,
            "STARTTLS": self._starttls,
            "AUTH": self._auth,
            "MAIL": self._mail,
            "RCPT": self._rcpt,
            "DATA": self._data,
            "RSET": self._rset,
            "NOOP": lambda _: Step(replies.OK),
            "VRFY": lambda _: Step(replies.NOT_VERIFIED),
            "EXPN": lambda _: self._wrong(replies.NOT_OFFERED),
            "HELP": lambda _: Step(replies.HELP),
            "QUIT": lambda _: Step(replies.BYE, turn=Turn.END),
        }

    @property
    def caller(self) -> Caller | None:
        """The caller that has signed in."""
        return self._signed_in[1] if self._signed_in else None

    def greeting(self) -> Reply:
        """What the server says first."""
        return Reply(220, "", f"{self._rules.host} ESMTP Postern")

    def hear(self, line: bytes) -> Step:
        """The step that follows a line, given without its CR LF."""
        try:
            command = parse_command(line)
        except UnicodeDecodeError:
            return self._wrong(replies.NOT_TEXT)
        if self._exchange is not None:
            return self._go_on(self._exchange, line.decode())
        if command.verb in _ENDS_ALL:
            return Step(_ENDS_ALL[command.verb], turn=Turn.END)
        self._idle += command.verb in _IDLE
        if self._idle > _MOST_IDLE:
            return Step(replies.TOO_IDLE, turn=Turn.END)
        obey = self._commands.get(command.verb)
        return obey(command.argument) if obey else self._wrong(replies.UNKNOWN)

    def encrypted(self) -> None:
        """TLS has begun: what was said before does not count any longer (RFC 3207 section 4.2)."""
        self._encrypted = True
        self._greeted = False
        self._recipients = None

    def received(self) -> Step:
        """The message of DATA has come."""
        assert self._signed_in is not None
        assert self._recipients is not None
        return self._do(Submit(self._signed_in[0], tuple(self._recipients)))

    def refuse_message(self, reply: Reply) -> Step:
        """The message of DATA has come, and cannot be submitted."""
        self._recipients = None
        return Step(reply)

    def resume(self, result: Caller | Reply) -> Step:
        """The step that follows work: the caller of a valid key, else the reply that the services have for it."""
        work, self._work = self._work, None
        match work, result:
            case CheckKey(credentials=credentials, anew=anew), Caller():
                self._signed_in = credentials, result
                self._recipients = [] if anew else None
                return Step(replies.OK if anew else replies.SIGNED_IN)
            case CheckKey(anew=True), Reply(code=replies.NO_SUCH_KEY):
                return Step(replies.KEY_GONE, turn=Turn.END)
            case CheckKey(anew=False), Reply(code=replies.NO_SUCH_KEY):
                return self._failed(result)
            case VetRecipient(address=address), Reply(code=250) if self._recipients is not None:
                self._recipients.append(address)
            case Submit(), Reply(code=replies.NO_SUCH_KEY):
                return Step(replies.KEY_GONE, turn=Turn.END)
            case Submit(), _:
                self._recipients = None
                self._idle = 0
        assert isinstance(result, Reply)
        return Step(result)

    def _do(self, work: Work) -> Step:
        self._work = work
        return Step(work=work)

    def _wrong(self, reply: Reply) -> Step:
        """The client has broken a rule: each time after the first few it waits, and in the end the session is over."""
        self._errors += 1
        if self._errors > _MOST_ERRORS:
            return Step(replies.TOO_MANY_ERRORS, turn=Turn.END)
        return Step(reply, slow_s=_SLOWER_S if self._errors > _ERRORS_AT_ONCE else 0.0)

    def _failed(self, reply: Reply) -> Step:
        self._failures += 1
        if self._failures >= _MOST_FAILURES:
            return Step(replies.TOO_MANY_FAILURES, turn=Turn.END, slow_s=_SLOWER_S * self._failures)
        return Step(reply, slow_s=_SLOWER_S * self._failures)

    @property
    def _takes_keys(self) -> bool:
        return self._encrypted or self._rules.clear_auth

    def _greet(self, name: str) -> bool:
        if not name or len(name) > _LONGEST_NAME or not name.isprintable():
            return False
        self._greeted = True
        self._recipients = None
        return True

    def _ehlo(self, name: str) -> Step:
        if not self._greet(name):
            return self._wrong(replies.BAD_GREETING)
        offers = ["PIPELINING", f"SIZE {self._rules.largest}", "8BITMIME", "SMTPUTF8", "ENHANCEDSTATUSCODES", "HELP"]
        if self._rules.has_tls and not self._encrypted:
            offers.append("STARTTLS")
        if self._takes_keys:
            offers.append(f"AUTH {' '.join(MECHANISMS)}")
        return Step(Reply(250, "", "\n".join([self._rules.host, *offers])))

    def _helo(self, name: str) -> Step:
        return Step(Reply(250, "", self._rules.host)) if self._greet(name) else self._wrong(replies.BAD_GREETING)

    def _starttls(self, argument: str) -> Step:
        if argument:
            return self._wrong(replies.NO_ARGUMENT)
        if self._encrypted:
            return self._wrong(replies.TLS_ALREADY)
        if self._recipients is not None or self._signed_in:
            return self._wrong(replies.IN_A_MESSAGE)
        if not self._rules.has_tls:
            return self._wrong(replies.NO_TLS)
        return Step(replies.READY_FOR_TLS, turn=Turn.TLS)

    def _auth(self, argument: str) -> Step:
        if not self._greeted:
            return self._wrong(replies.GREET_FIRST)
        if self._signed_in:
            return self._wrong(replies.SIGNED_IN_ALREADY)
        if not self._takes_keys:
            return self._wrong(replies.ENCRYPT_FIRST)
        mechanism, space, initial = argument.partition(" ")
        mechanism = in_capitals(mechanism)
        if mechanism not in MECHANISMS:
            return self._wrong(replies.NO_MECHANISM)
        started = exchange(mechanism, initial.strip(" ") if space else None)
        return self._go_on(started, None)

    def _go_on(self, started: Exchange, answer: str | None) -> Step:
        """Pass the client's answer to the mechanism; None begins it. `*` cancels (RFC 4954 section 4)."""
        self._exchange = None
        if answer == "*":
            return self._wrong(replies.AUTH_CANCELED)
        try:
            challenge = next(started) if answer is None else started.send(answer)
        except StopIteration as done:
            return self._do(CheckKey(done.value))
        except Malformed:
            return self._wrong(replies.AUTH_MALFORMED)
        self._exchange = started
        return Step(Reply(334, "", challenge))

    def _mail(self, argument: str) -> Step:
        if not self._greeted:
            return self._wrong(replies.GREET_FIRST)
        if self._signed_in is None:
            return self._wrong(replies.KEY_FIRST if self._takes_keys else replies.TLS_FIRST)
        if self._recipients is not None:
            return self._wrong(replies.MAIL_ALREADY)
        path = _read_path(argument, "FROM", _OF_MAIL)
        if isinstance(path, Reply):
            return self._wrong(path)
        size, body = path.parameters.get("SIZE", "0"), path.parameters.get("BODY", "7BIT")
        if not _SIZE.fullmatch(size) or in_capitals(body) not in _BODIES or path.parameters.get("SMTPUTF8"):
            return self._wrong(replies.BAD_PARAMETERS)
        if int(size) > self._rules.largest:
            return Step(replies.TOO_LARGE)
        # A key that was revoked since then opens no new message.
        return self._do(CheckKey(self._signed_in[0], anew=True))

    def _rcpt(self, argument: str) -> Step:
        if self._signed_in is None or self._recipients is None:
            return self._wrong(replies.MAIL_FIRST)
        path = _read_path(argument, "TO", _OF_RCPT)
        if isinstance(path, Reply):
            return self._wrong(path)
        if path.address in self._recipients:
            return Step(replies.RECIPIENT_OK)
        if len(self._recipients) >= self._rules.most_recipients:
            return Step(replies.TOO_MANY_RECIPIENTS)
        return self._do(VetRecipient(self._signed_in[1], path.address, len(self._recipients)))

    def _data(self, argument: str) -> Step:
        if self._recipients and not argument:
            return Step(replies.GO_AHEAD, turn=Turn.MESSAGE)
        reply = replies.NO_RECIPIENTS if self._recipients is not None else replies.MAIL_FIRST
        return replace(self._wrong(replies.NO_ARGUMENT if argument else reply), turn=Turn.NO_MESSAGE)

    def _rset(self, argument: str) -> Step:
        if argument:
            return self._wrong(replies.NO_ARGUMENT)
        self._recipients = None
        return Step(replies.OK)


def _read_path(argument: str, keyword: str, known: frozenset[str]) -> Path | Reply:
    """The path of MAIL or RCPT, or what is wrong with it."""
    try:
        path = parse_path(argument, keyword)
    except BadPath:
        return replies.BAD_PATH
    except BadParameters:
        return replies.BAD_PARAMETERS
    return replies.UNKNOWN_PARAMETER if path.parameters.keys() - known else path
