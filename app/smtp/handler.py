"""The work of sessions, done by the services: it blocks, and is called on a thread for it (`app.smtp.threads`)."""

from collections.abc import Callable
from dataclasses import dataclass
from typing import Final, Protocol
from uuid import UUID

import structlog
from structlog.contextvars import bound_contextvars
from uuid_utils.compat import uuid7

from app import tracing
from app.domain.apps.callers import Caller, Scope
from app.domain.errors import InvalidApiKey, PosternError, RestrictedApiKey
from app.services.submission.check import Obstacle
from app.services.submission.doors.submit_raw import RawReceipt
from app.smtp import verdicts
from app.smtp.protocol import replies
from app.smtp.protocol.framing import IncomingMessage
from app.smtp.protocol.replies import Reply
from app.smtp.protocol.steps import CheckKey, Submit, VetRecipient, Work
from app.smtp.repetition import content_of

log = structlog.get_logger()

_REPLAYED: Final = "It was accepted before: nothing is sent twice."


class Submitting(Protocol):
    """As `app.services.submission.doors.submit_once.SubmitOnce` is called."""

    def __call__(
        self, caller: Caller, raw: bytes, envelope: tuple[str, ...], *, content: bytes | None, request_id: UUID
    ) -> RawReceipt:
        """Commit the message, once for each recipient and `content`. Raises a `PosternError`."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Services:
    """What the door asks of the gateway. Each raises a `PosternError` for what it refuses or cannot do."""

    authenticate: Callable[[str, str], Caller]
    vet_recipient: Callable[[Caller, str, int], Obstacle | None]
    submit: Submitting


class Handler:
    """Does the work of all sessions; `knows_repeats`: a message that comes again within a day is not sent again."""

    def __init__(self, services: Services, *, knows_repeats: bool) -> None:
        self._services = services
        self._knows_repeats = knows_repeats

    def __call__(self, work: Work, message: IncomingMessage | None, *, session: str) -> Caller | Reply:
        """The caller of a valid key, else the reply. `message` is what `Submit` is about, `session` for the log."""
        request_id = uuid7()
        with bound_contextvars(request_id=request_id), tracing.request(f"SMTP {type(work).__name__}", request_id):
            return self._done(work, message, session, request_id)

    def _done(self, work: Work, message: IncomingMessage | None, session: str, request_id: UUID) -> Caller | Reply:
        try:
            match work:
                case CheckKey():
                    return self._check_key(work)
                case VetRecipient():
                    obstacle = self._services.vet_recipient(work.caller, work.address, work.others)
                    return verdicts.of_obstacle(obstacle) if obstacle else replies.RECIPIENT_OK
                case Submit():
                    return self._submit(work, message.take_content() if message else None, session, request_id)
        except PosternError as error:
            log.info("smtp_refused", session=session, work=type(work).__name__, error=error.name)
            return verdicts.of_error(error)
        except Exception:
            log.exception("smtp_work_failed", session=session, work=type(work).__name__)
            return replies.TROUBLE

    def _check_key(self, work: CheckKey) -> Caller | Reply:
        try:
            caller = self._services.authenticate(work.credentials.user, work.credentials.password)
        except PosternError as error:
            return verdicts.of_key(error)
        if work.anew:
            caller.require(Scope.EMAILS_SEND)
        return caller

    def _submit(self, work: Submit, raw: bytes | None, session: str, request_id: UUID) -> Reply:
        if raw is None:
            return replies.BAD_LINES_IN_MESSAGE
        try:
            # A message may be under way for a quarter of an hour, and its key was revoked meanwhile.
            caller = self._services.authenticate(work.credentials.user, work.credentials.password)
        except (InvalidApiKey, RestrictedApiKey) as error:
            return verdicts.of_key(error)
        content = content_of(caller, raw) if self._knows_repeats else None
        receipt = self._services.submit(caller, raw, work.recipients, content=content, request_id=request_id)
        log.info(
            "smtp_accepted",
            session=session,
            key=caller.actor,
            email=receipt.id,
            recipients=len(work.recipients),
            octets=len(raw),
            replayed=receipt.replayed,
        )
        said = [f"Ok: queued as {receipt.id}"]
        if receipt.suppressed:
            said.append(f"Suppressed, and not sent to: {len(receipt.suppressed)} of {len(work.recipients)}.")
        if receipt.replayed:
            said.append(_REPLAYED)
        return Reply(250, "2.0.0", "\n".join(said))
