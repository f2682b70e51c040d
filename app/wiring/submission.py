"""The area `submission`: taking an email in, looking it up, and changing it."""

from dataclasses import dataclass
from datetime import timedelta

from app.services.submission.accept import Accept
from app.services.submission.change import Revise
from app.services.submission.check import Check
from app.services.submission.doors.smtp_door import SmtpDoor
from app.services.submission.doors.submit_once import SubmitOnce
from app.services.submission.doors.submit_raw import SubmitRaw
from app.services.submission.doors.vet_recipient import VetRecipient
from app.services.submission.look_up import LookUp
from app.services.submission.mx_lookup import MailHosts, SystemDns
from app.services.submission.resend_failed import ResendFailed
from app.services.submission.sources import Sources
from app.services.suppression.gate import Gate
from app.wiring.foundation import Ground
from config import Settings


@dataclass(frozen=True, slots=True, kw_only=True)
class SubmissionServices:
    """What this area offers."""

    accept: Accept
    check: Check
    look_up: LookUp
    revise: Revise
    resend_failed: ResendFailed
    sources: Sources
    vet_recipient: VetRecipient
    smtp_door: SmtpDoor
    submit_raw: SubmitRaw
    submit_once: SubmitOnce


def build_submission(settings: Settings, ground: Ground, gate: Gate) -> SubmissionServices:
    """The services of submission; `gate` decides which recipients are suppressed."""
    accept = _accept(settings, ground, gate)
    submit_raw = SubmitRaw(accept=accept)
    return SubmissionServices(
        accept=accept,
        check=Check(
            database=ground.database, gate=gate, mail_hosts=MailHosts(SystemDns()) if settings.check_mx else None
        ),
        look_up=LookUp(database=ground.database, key_ring=ground.key_ring, region=settings.aws_region),
        revise=Revise(database=ground.database, bells=ground.bells),
        resend_failed=ResendFailed(database=ground.database, bells=ground.bells),
        sources=Sources(database=ground.database, key_ring=ground.key_ring),
        vet_recipient=VetRecipient(database=ground.database, gate=gate),
        smtp_door=SmtpDoor(database=ground.database),
        submit_raw=submit_raw,
        submit_once=SubmitOnce(submit=submit_raw, database=ground.database, pseudonyms=ground.pseudonyms),
    )


def _accept(settings: Settings, ground: Ground, gate: Gate) -> Accept:
    return Accept(
        database=ground.database,
        key_ring=ground.key_ring,
        gate=gate,
        pseudonyms=ground.pseudonyms,
        bells=ground.bells,
        clock=ground.clock,
        max_recipients=settings.max_recipients,
        idempotency_lasts=timedelta(hours=settings.idempotency_hours),
    )
