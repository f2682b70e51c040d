"""The stream of events: makes the happenings of an email occur one after another, and publishes them.

It decides whether, when and how often an event is published. `simulator.events.fates` decides what happens.
"""

import asyncio
import random
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from datetime import datetime
from typing import Any

from simulator.control.inbox import Inbox
from simulator.events.background_work import BackgroundWork
from simulator.events.event_json import event_json, notification_json
from simulator.events.fates import EventKind, Happening, happenings
from simulator.events.mailbox_behaviours import Behaviours
from simulator.iam.arns import ses_arn
from simulator.ses.accepted_email import AcceptedEmail, new_ses_id
from simulator.ses.account import Account
from simulator.ses.addresses import domain_of, is_mailbox_simulator
from simulator.ses.configuration_sets import ConfigurationSets
from simulator.ses.suppression import Entry, Reason, SuppressionList
from simulator.sns.errors import SnsError
from simulator.sns.publisher import Publisher

SUBJECT = "Amazon SES Email Event Notification"
IDENTITY_KINDS = frozenset({EventKind.BOUNCE, EventKind.COMPLAINT, EventKind.DELIVERY})


@dataclass(frozen=True, slots=True, kw_only=True)
class StreamFaults:
    """How the stream misbehaves; by default it does not.

    `duplicate_rate` is the share of events that are published twice (two SNS message ids), `redeliver_rate` of those
    that are delivered twice (one SNS message id), `drop_rate` of those that are not published. `reorder` shuffles the
    events of an email. `delay` replaces the usual seconds between events. `before_response` publishes all events of an
    email before the sender gets its message id.
    """

    duplicate_rate: float = 0.0
    redeliver_rate: float = 0.0
    drop_rate: float = 0.0
    reorder: bool = False
    before_response: bool = False
    delay: tuple[float, float] | None = None


def read_stream_faults(given: Mapping[str, Any]) -> StreamFaults:
    """Return the stream faults that an object of the control surface describes. Raises ValueError."""
    known = {"duplicate_rate", "redeliver_rate", "drop_rate", "reorder", "before_response", "delay_ms"}
    unknown = set(given) - known
    if unknown:
        raise ValueError(f"unknown member: {min(unknown)}")
    delay = given.get("delay_ms")
    return StreamFaults(
        duplicate_rate=float(given.get("duplicate_rate", 0.0)),
        redeliver_rate=float(given.get("redeliver_rate", 0.0)),
        drop_rate=float(given.get("drop_rate", 0.0)),
        reorder=bool(given.get("reorder", False)),
        before_response=bool(given.get("before_response", False)),
        delay=(float(delay[0]) / 1000, float(delay[1]) / 1000) if delay is not None else None,
    )


@dataclass(frozen=True, slots=True, kw_only=True)
class Surroundings:
    """What the stream reads and changes."""

    account: Account
    behaviours: Behaviours
    configuration_sets: ConfigurationSets
    suppression: SuppressionList
    inbox: Inbox
    publisher: Publisher
    background_work: BackgroundWork
    region: str
    account_id: str


@dataclass(frozen=True, slots=True, kw_only=True)
class Report:
    """What SES publishes to one topic, for the configuration set or identity with `source_arn`."""

    topic_arn: str
    message: str
    source_arn: str


class EventStream:
    """Publishes the events of accepted emails."""

    def __init__(
        self,
        surroundings: Surroundings,
        *,
        delay: tuple[float, float],
        dice: random.Random,
        clock: Callable[[], datetime],
    ) -> None:
        self._here = surroundings
        self._delay = delay
        self._dice = dice
        self._clock = clock
        self.faults = StreamFaults()
        self.dropped = 0

    def begin(self, email: AcceptedEmail) -> list[asyncio.Task[None]]:
        """Start the events of an email; return the deliveries that must end before the sender is answered."""
        story = self._story(email)
        if self.faults.before_response:
            return [task for happening in self._in_order(story) for task in self._tell(email, happening)]
        if self._somebody_listens(email) or any(happening.suppresses for happening in story):
            self._here.background_work.spawn(self._unfold(email, story))
        else:
            for happening in story:
                self._here.inbox.note(email.ses_message_id, happening.recipients, happening.fate)
        return []

    def report(
        self, email: AcceptedEmail, happening: Happening, *, copies: int = 1, deliveries: int = 1
    ) -> list[asyncio.Task[None]]:
        """Publish one happening now, `copies` times, each delivered `deliveries` times; return the tasks."""
        moment = self._clock()
        feedback_id = new_ses_id(self._here.region, moment)
        self._here.inbox.note(email.ses_message_id, happening.recipients, happening.fate)
        if happening.suppresses:
            self._suppress(email, happening, moment=moment, feedback_id=feedback_id)
        tasks: list[asyncio.Task[None]] = []
        for report in self._reports(email, happening, moment=moment, feedback_id=feedback_id):
            for _ in range(copies):
                tasks.extend(self._publish(report, deliveries))
        return tasks

    def _tell(self, email: AcceptedEmail, happening: Happening) -> list[asyncio.Task[None]]:
        copies = 2 if self._dice.random() < self.faults.duplicate_rate else 1
        deliveries = 2 if self._dice.random() < self.faults.redeliver_rate else 1
        if self._dice.random() < self.faults.drop_rate:
            self.dropped += 1
            copies = 0
        return self.report(email, happening, copies=copies, deliveries=deliveries)

    def _story(self, email: AcceptedEmail) -> list[Happening]:
        reasons = self._reasons(email)
        blocked = [address for address in email.recipients if self._here.suppression.blocks(address, reasons)]
        behaviours = {
            address: self._here.behaviours.of(address) for address in email.recipients if address not in blocked
        }
        return happenings(email, suppressed=blocked, behaviours=behaviours)

    def _reasons(self, email: AcceptedEmail) -> frozenset[Reason]:
        used = self._here.configuration_sets.find(email.configuration_set)
        if used is None or used.suppressed_reasons is None:
            return self._here.account.suppressed_reasons
        return used.suppressed_reasons

    def _somebody_listens(self, email: AcceptedEmail) -> bool:
        used = self._here.configuration_sets.find(email.configuration_set)
        return bool(used and used.destinations) or self._here.account.feedback_of(email.sender) is not None

    def _in_order(self, story: list[Happening]) -> list[Happening]:
        return self._dice.sample(story, len(story)) if self.faults.reorder else story

    async def _unfold(self, email: AcceptedEmail, story: list[Happening]) -> None:
        least, most = self.faults.delay or self._delay
        for happening in self._in_order(story):
            await asyncio.sleep(self._dice.uniform(least, most))
            self._tell(email, happening)

    def _suppress(self, email: AcceptedEmail, happening: Happening, *, moment: datetime, feedback_id: str) -> None:
        reason = Reason.COMPLAINT if happening.kind is EventKind.COMPLAINT else Reason.BOUNCE
        if reason not in self._reasons(email):
            return
        for address in happening.recipients:
            if not is_mailbox_simulator(address):
                self._here.suppression.put(
                    Entry(
                        address=address,
                        reason=reason,
                        updated_at=moment,
                        ses_message_id=email.ses_message_id,
                        feedback_id=feedback_id,
                    )
                )

    def _reports(
        self, email: AcceptedEmail, happening: Happening, *, moment: datetime, feedback_id: str
    ) -> list[Report]:
        region, account_id = account = (self._here.region, self._here.account_id)
        reports = []
        used = self._here.configuration_sets.find(email.configuration_set)
        for topic_arn in used.topics_for(happening.kind) if used else ():
            event = event_json(email, happening, account=account, moment=moment, feedback_id=feedback_id)
            source_arn = ses_arn("configuration-set", str(email.configuration_set), region, account_id)
            reports.append(Report(topic_arn=topic_arn, message=event, source_arn=source_arn))
        identity = self._here.account.feedback_of(email.sender)
        if identity is not None and happening.kind in IDENTITY_KINDS and happening.kind in identity.topics:
            notification = notification_json(
                email, happening, account=account, moment=moment, feedback_id=feedback_id, headers=identity.headers
            )
            source_arn = ses_arn("identity", domain_of(email.sender), region, account_id)
            reports.append(
                Report(topic_arn=identity.topics[happening.kind], message=notification, source_arn=source_arn)
            )
        return reports

    def _publish(self, report: Report, deliveries: int) -> list[asyncio.Task[None]]:
        try:
            return self._here.publisher.publish_for_ses(
                report.topic_arn, report.message, source_arn=report.source_arn, subject=SUBJECT, deliveries=deliveries
            )
        except SnsError:
            # Events for a deleted topic, or one whose policy is against it, are lost, as at AWS.
            self.dropped += 1
            return []
