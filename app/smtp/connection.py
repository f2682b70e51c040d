"""One connection: it cuts octets into lines and messages for its session, and carries out the session's steps."""

import asyncio
import secrets
import time
from collections import Counter
from dataclasses import replace
from functools import partial
from typing import Final
from uuid import UUID

import structlog

from app.domain.apps.callers import Caller, Scope
from app.smtp.admission import is_loopback, network_of
from app.smtp.door import Door
from app.smtp.protocol import replies
from app.smtp.protocol.framing import BadLine, IncomingMessage, LongLine, take_line
from app.smtp.protocol.replies import Reply
from app.smtp.protocol.session import Session
from app.smtp.protocol.steps import CheckKey, Step, Submit, Turn, VetRecipient, Work
from app.smtp.threads import Busy
from app.smtp.tls import TlsFailed, TlsLayer
from app.smtp.wire import Wire, keep_alive

log = structlog.get_logger()

_READS_AHEAD: Final = 64 * 1024
_STEPS_AT_ONCE: Final = 100
_KEY_TRUSTED_FOR_S: Final = 1.0
"""With the four seconds of `Authenticate` a revoked key is refused within the five that are promised."""


class Connection(asyncio.Protocol):
    """One connection, from its greeting to its end."""

    def __init__(self, door: Door, *, tls_at_once: bool = False) -> None:
        self._door = door
        self._tls_at_once = tls_at_once
        self._buffer = bytearray()
        self._message: IncomingMessage | None = None
        self._is_busy = self._is_submitting = self._is_deaf = self._is_stopping = self._is_lost = False
        self._key: str | None = None
        self._key_checked = 0.0
        self._network: str | None = None
        self._said: Counter[int] = Counter()
        self.id = secrets.token_hex(6)
        self._began = self._heard = self._message_began = time.monotonic()

    def connection_made(self, transport: asyncio.BaseTransport) -> None:
        """Greet, begin TLS where that comes first, or turn the client away."""
        assert isinstance(transport, asyncio.Transport)
        keep_alive(transport)
        self._wire = Wire(transport)
        self._door.connections.add(self)
        address = self._wire.address
        clear_auth = self._door.clear_auth_on_loopback and is_loopback(address)
        rules = replace(self._door.rules, clear_auth=clear_auth)
        self._session = Session(rules, encrypted=self._tls_at_once)
        if self._tls_at_once and self._door.certificate is not None:
            self._wire.start_tls(TlsLayer(self._door.certificate.context()))
        network = network_of(address)
        if self._door.admission.is_full and self._door.strangers:
            next(iter(self._door.strangers)).give_way()
        if not self._door.admission.enter(network):
            self._door.counts.session("turned_away")
            self._say(Step(replies.TOO_MANY_CONNECTIONS, turn=Turn.END))
            return
        self._network = network
        self._door.strangers[self] = None
        if not self._tls_at_once:
            self._greet()

    def data_received(self, data: bytes) -> None:
        """Take octets of the client, and go as far as they allow."""
        self._heard = time.monotonic()
        was_open = self._wire.is_open
        try:
            self._buffer += self._wire.receive(data)
        except TlsFailed:
            self._door.counts.session("tls_failed")
            self._wire.abort()
            return
        if self._wire.is_open and not was_open and self._tls_at_once:
            self._greet()
        self._go_on()

    def eof_received(self) -> bool:
        """The client sends no more. What it has sent is still answered, unless it has broken off in a message."""
        self._wire.heard_end = True
        if self._wire.is_ending or (self._message is not None and not self._is_submitting):
            return False
        self._go_on()
        return True

    def pause_writing(self) -> None:
        """The client does not read its replies: it is not heard until it does."""
        self._is_deaf = True

    def resume_writing(self) -> None:
        """The client has read its replies."""
        self._is_deaf = False
        self._go_on()

    def connection_lost(self, error: Exception | None) -> None:
        """It is over. A message that is being submitted is submitted all the same."""
        self._is_lost = True
        self._door.connections.discard(self)
        self._leave("ended")
        if self._message is not None and not self._is_submitting:
            self._message.drop()
            self._door.counts.message("cut_off", None)
        log.info(
            "smtp_session_ended",
            session=self.id,
            key=self._key,
            seconds=round(time.monotonic() - self._began, 3),
            replies=sum(self._said.values()),
            errors=sum(number for code, number in self._said.items() if code >= 400),
            lost=error is not None,
        )

    def stop(self) -> None:
        """End as soon as no message is under way."""
        self._is_stopping = True
        self._go_on()

    def give_up(self) -> None:
        """End now."""
        if not self._wire.is_ending:
            self._say(Step(replies.STOPPING, turn=Turn.END))

    def give_way(self) -> None:
        """End now, since the door is full and this client has not signed in for longer than any other."""
        self._leave("gave_way")
        if self._wire.is_open:
            self._wire.send(replies.TOO_MANY_CONNECTIONS.encode())
            self._wire.flush()
        self._wire.abort()

    def look(self, now: float) -> None:
        """End the session if the client is too slow."""
        patience = self._door.patience
        if self._is_busy or self._wire.is_ending:
            return
        if self._message is not None:
            late = now - self._heard > patience.piece or now - self._message_began > patience.message
        else:
            late = now - self._heard > patience.command or now - self._began > patience.session
            late = late or (self._key is None and now - self._began > patience.sign_in)
        if late:
            self._say(Step(replies.TOO_SLOW, turn=Turn.END))

    def _leave(self, end: str) -> None:
        """Be counted no longer."""
        if self._network is not None:
            self._door.strangers.pop(self, None)
            self._door.admission.leave(self._network, self._key)
            self._door.counts.session(end)
            self._network = None

    def _greet(self) -> None:
        self._say(Step(self._session.greeting()))
        self._wire.flush()

    def _go_on(self) -> None:
        """Take steps until one has to wait: for octets, for work, for the client to read, or for other connections."""
        for _ in range(_STEPS_AT_ONCE):
            if self._is_busy or self._is_deaf or self._wire.is_ending:
                break
            step = self._next_step()
            if step is None:
                break
            self._take(step)
        else:
            asyncio.get_running_loop().call_soon(self._go_on)
            return
        if not self._wire.is_ending:
            self._wire.flush()
            self._wire.read(more=len(self._buffer) < _READS_AHEAD and not self._is_deaf)
            if self._wire.heard_end and not self._is_busy:
                self._wire.end()

    def _next_step(self) -> Step | None:
        if self._message is not None:
            return self._heard_of(self._message)
        if self._is_stopping:
            return Step(replies.STOPPING, turn=Turn.END)
        try:
            line = take_line(self._buffer)
        except BadLine:
            return Step(replies.BAD_LINE, turn=Turn.END)
        except LongLine:
            return Step(replies.LONG_LINE, turn=Turn.END)
        return None if line is None else self._session.hear(line)

    def _heard_of(self, message: IncomingMessage) -> Step | None:
        """The step that follows the end of the message, or None while it goes on."""
        message.feed(self._buffer)
        if message.is_endless and not message.is_whole:
            return replace(self._refused(message, replies.TOO_LARGE), turn=Turn.END)
        if not message.is_whole:
            return None
        if message.is_too_large:
            return self._refused(message, replies.TOO_LARGE)
        if message.found_no_room:
            return self._refused(message, replies.FULL)
        return self._session.received()

    def _refused(self, message: IncomingMessage, reply: Reply) -> Step:
        message.drop()
        self._message = None
        self._door.counts.message(_verdict(reply), None)
        return self._session.refuse_message(reply)

    def _take(self, step: Step) -> None:
        if isinstance(step.work, CheckKey) and step.work.anew and (caller := self._trusted_caller()):
            step = self._session.resume(caller)
        if step.work is not None:
            self._is_busy, self._is_submitting = True, isinstance(step.work, Submit)
            self._wire.flush()
            work = asyncio.get_running_loop().create_task(self._do(step.work))
            work.add_done_callback(self._work_is_over)
        elif step.slow_s:
            self._is_busy = True
            self._wire.flush()
            asyncio.get_running_loop().call_later(step.slow_s, self._say_late, replace(step, slow_s=0.0))
        else:
            self._say(step)

    def _say_late(self, step: Step) -> None:
        self._is_busy = False
        if not self._is_lost:
            self._say(step)
            self._go_on()

    def _say(self, step: Step) -> None:
        """Write the reply, and read what follows as the step says."""
        if step.turn in {Turn.TLS, Turn.NO_MESSAGE} and self._buffer:
            reply = replies.TOO_EARLY if step.turn is Turn.TLS else step.reply
            step = Step(reply, turn=Turn.END)
        if step.reply is not None:
            self._said[step.reply.code] += 1
            self._wire.send(step.reply.encode())
        if step.turn is Turn.END:
            self._buffer.clear()
            self._wire.end()
        elif step.turn is Turn.MESSAGE:
            self._message_began = time.monotonic()
            largest, budget = self._door.rules.largest, self._door.budget
            self._message = IncomingMessage(largest=largest, budget=budget, owner=self._app)
        elif step.turn is Turn.TLS and self._door.certificate is not None:
            self._wire.flush()
            self._wire.start_tls(TlsLayer(self._door.certificate.context()))
            self._session.encrypted()

    @property
    def _app(self) -> UUID | None:
        """Whose the work and the messages of this session are; None for all that have not signed in."""
        return self._session.caller.app_id if self._session.caller else None

    def _trusted_caller(self) -> Caller | None:
        """The caller, if its key was checked a moment ago: messages that follow each other need no thread for it."""
        caller, is_fresh = self._session.caller, time.monotonic() - self._key_checked < _KEY_TRUSTED_FOR_S
        return caller if is_fresh and caller and caller.may(Scope.EMAILS_SEND) else None

    async def _do(self, work: Work) -> None:
        """Have the work done, and go on with what comes of it."""
        result = await self._result(work)
        if isinstance(result, Caller):
            self._key_checked = time.monotonic()
        step = self._session.resume(result)
        self._is_busy = self._is_submitting = False
        if self._is_lost or self._wire.is_ending:
            return
        if isinstance(work, CheckKey) and not work.anew:
            step = self._signed_in(result, step)
        self._take(step)
        self._go_on()

    def _work_is_over(self, task: "asyncio.Task[None]") -> None:
        if not task.cancelled() and (error := task.exception()) is not None:
            log.error("smtp_session_failed", session=self.id, exc_info=error)
            self._wire.abort()

    async def _result(self, work: Work) -> Caller | Reply:
        message = self._message if isinstance(work, Submit) else None
        began = time.monotonic()
        try:
            call = partial(self._door.handler, work, message, session=self.id)
            is_large = message is not None and message.is_large
            result = await self._door.threads.run(call, owner=self._app, is_large=is_large)
        except Busy:
            result = replies.BUSY
        if message is not None:
            message.drop()
            self._message = None
            self._door.counts.message(_verdict(result), time.monotonic() - began)
        elif isinstance(work, VetRecipient):
            self._door.counts.recipient(_verdict(result))
        return result

    def _signed_in(self, result: Caller | Reply, step: Step) -> Step:
        """The step after a client has sent a key: a wrong one makes the next ones of this address slower."""
        if isinstance(result, Caller):
            if not self._door.admission.sign_in(result.actor):
                return Step(replies.TOO_MANY_CONNECTIONS, turn=Turn.END)
            self._key = result.actor
            self._door.strangers.pop(self, None)
        elif result.code == replies.NO_SUCH_KEY and self._network is not None:
            log.info("smtp_key_refused", session=self.id)
            return replace(step, slow_s=max(step.slow_s, self._door.admission.fail(self._network)))
        return step


def _verdict(result: Caller | Reply) -> str:
    code = result.code if isinstance(result, Reply) else 0
    return "accepted" if code < 400 else "deferred" if code < 500 else "refused"
