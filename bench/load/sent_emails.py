"""Emails that go the whole way in this process, by the services of the gateway: only SES and the network are left out.

SES's ids, and its events about each email, are those of the simulator, so they are as long as real ones.
"""

from collections.abc import Iterator, Sequence
from datetime import UTC, datetime, timedelta
from typing import Final

from app.domain.sending.call_outcome import Accepted, Envelope, Outcome
from app.queue import Lane
from app.services.apps.authenticate import caller_of
from app.services.operating.retention import Retention
from app.services.operating.sweeps import Sweep
from app.wiring.gateway import Gateway
from bench.baselines.contestants import email, person
from simulator.events.event_json import event_json
from simulator.events.fates import EventKind, on_demand
from simulator.ses.accepted_email import AcceptedEmail, header, new_ses_id, read_headers
from tests.support.aws.notifications import put
from tests.support.gateway.gateways import issue

_BATCH: Final = 100
_REGION: Final = "eu-central-1"
_KEPT: Final = timedelta(days=90)


class AcceptingMailer:
    """Accepts each call, as SES does, and keeps what it accepted."""

    def __init__(self) -> None:
        self._accepted: list[AcceptedEmail] = []

    def send(self, envelope: Envelope) -> Outcome:
        """See `app.aws.ses.mailer.Mailer`."""
        now = datetime.now(UTC)
        headers = read_headers(envelope.raw)
        one = AcceptedEmail(
            ses_message_id=new_ses_id(_REGION, now),
            accepted_at=now,
            operation="SendEmail",
            sender=envelope.sender,
            recipients=(envelope.recipient,),
            subject=header(headers, "Subject") or "",
            headers=headers,
            tags=dict(envelope.tags),
            configuration_set="postern",
            source_ip="192.0.2.10",
            caller="postern",
        )
        self._accepted.append(one)
        return Accepted(one.ses_message_id)

    def take(self) -> Sequence[AcceptedEmail]:
        """Return what was accepted since the last time."""
        taken, self._accepted = self._accepted, []
        return taken


class Senders:
    """Takes emails through a gateway that was built with the mailer."""

    def __init__(self, gateway: Gateway, mailer: AcceptingMailer) -> None:
        self._gateway = gateway
        self._mailer = mailer
        self._who = caller_of(issue(gateway, app="bench").key)
        self._sent = 0

    def send(self, emails: int) -> None:
        """Accept emails, send them, and settle a `Send` and a `Delivery` of each."""
        for start in range(self._sent, self._sent + emails, _BATCH):
            batch = [email(person(number)) for number in range(start, start + _BATCH)]
            self._gateway.accept(self._who, batch, idempotency=None, answer=lambda _: {})
            accepted = self._deliver()
            if len(accepted) != len(batch):
                raise RuntimeError("not every email was sent: the machine is too busy to measure")
            for kind in (EventKind.SEND, EventKind.DELIVERY):
                self._settle(_events(accepted, kind))
        self._gateway.upkeep.run(Sweep.COUNTS)
        self._sent += emails

    def _deliver(self) -> Sequence[AcceptedEmail]:
        more = True
        while more:  # a drain ends after some seconds
            more = self._gateway.deliver.drain(Lane.TRANSACTIONAL).more
        return self._mailer.take()

    def _settle(self, events: Iterator[str]) -> None:
        put(self._gateway, *events)
        settled = 1
        while settled:
            settled = self._gateway.settle.drain()

    def erase_bodies(self) -> None:
        """Erase the bodies of all emails, as the sweep does once they are old."""
        Retention(database=self._gateway.database, body_lasts=timedelta(0), notifications_last=_KEPT).sweep()


def _events(accepted: Sequence[AcceptedEmail], kind: EventKind) -> Iterator[str]:
    for one in accepted:
        yield event_json(
            one,
            on_demand(kind, one.recipients),
            account=(_REGION, "123456789012"),
            moment=datetime.now(UTC),
            feedback_id="",
        )
