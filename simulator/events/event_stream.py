"""The stream of events: it lets happenings happen, one after another, and tells whoever is to be told.

It decides when, how often and whether an event is published. What happens is decided by `simulator.fates`.
"""

import asyncio
import random
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from datetime import datetime
from typing import Any

from simulator.account import Account
from simulator.addresses import is_mailbox_simulator
from simulator.behaviours import Behaviours
from simulator.configuration_sets import ConfigurationSets
from simulator.errands import Errands
from simulator.event_json import event_json, notification_json
from simulator.fates import EventKind, Happening, happenings
from simulator.inbox import Inbox
from simulator.mail import Mail, new_ses_id
from simulator.sns_errors import SnsError
from simulator.sns_publisher import Publisher
from simulator.suppression import Entry, Reason, SuppressionList

SUBJECT = "Amazon SES Email Event Notification"
IDENTITY_KINDS = frozenset({EventKind.BOUNCE, EventKind.COMPLAINT, EventKind.DELIVERY})


@dataclass(frozen=True, slots=True, kw_only=True)
class StreamFaults:
    """How the stream misbehaves; all off is an orderly stream.

    `duplicate_rate` of the events are published twice (two SNS message ids), `redeliver_rate` are delivered twice (one
    SNS message id), `drop_rate` never. `reorder` shuffles the events of a mail. `delay` replaces the usual seconds
    between events. `before_response` publishes all events of a mail before the sender learns its message id.
    """

    duplicate_rate: float = 0.0
    redeliver_rate: float = 0.0
    drop_rate: float = 0.0
    reorder: bool = False
    before_response: bool = False
    delay: tuple[float, float] | None = None


def read_stream_faults(given: Mapping[str, Any]) -> StreamFaults:
    """Return the stream faults of an object of the control surface. Raises ValueError."""
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
    errands: Errands
    region: str
    account_id: str


class EventStream:
    """Tells the stories of accepted mails."""

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

    def begin(self, mail: Mail) -> list[asyncio.Task[None]]:
        """Let the mail meet its fate from now on; return the deliveries that the sender's answer has to wait for."""
        story = self._story(mail)
        if self.faults.before_response:
            return [task for happening in self._in_order(story) for task in self._tell(mail, happening)]
        if self._somebody_listens(mail) or any(happening.suppresses for happening in story):
            self._here.errands.spawn(self._unfold(mail, story))
        else:
            for happening in story:
                self._here.inbox.note(mail.ses_message_id, happening.recipients, happening.fate)
        return []

    def report(
        self, mail: Mail, happening: Happening, *, copies: int = 1, deliveries: int = 1
    ) -> list[asyncio.Task[None]]:
        """Let one thing happen now, publish it `copies` times, deliver each `deliveries` times; return the tasks."""
        moment = self._clock()
        feedback_id = new_ses_id(self._here.region, moment)
        self._here.inbox.note(mail.ses_message_id, happening.recipients, happening.fate)
        if happening.suppresses:
            self._suppress(mail, happening, moment=moment, feedback_id=feedback_id)
        tasks: list[asyncio.Task[None]] = []
        for topic_arn, message in self._messages(mail, happening, moment=moment, feedback_id=feedback_id):
            for _ in range(copies):
                tasks.extend(self._publish(topic_arn, message, deliveries))
        return tasks

    def _tell(self, mail: Mail, happening: Happening) -> list[asyncio.Task[None]]:
        copies = 2 if self._dice.random() < self.faults.duplicate_rate else 1
        deliveries = 2 if self._dice.random() < self.faults.redeliver_rate else 1
        if self._dice.random() < self.faults.drop_rate:
            self.dropped += 1
            copies = 0
        return self.report(mail, happening, copies=copies, deliveries=deliveries)

    def _story(self, mail: Mail) -> list[Happening]:
        reasons = self._reasons(mail)
        blocked = [address for address in mail.recipients if self._here.suppression.blocks(address, reasons)]
        behaviours = {
            address: self._here.behaviours.of(address) for address in mail.recipients if address not in blocked
        }
        return happenings(mail, suppressed=blocked, behaviours=behaviours)

    def _reasons(self, mail: Mail) -> frozenset[Reason]:
        used = self._here.configuration_sets.find(mail.configuration_set)
        if used is None or used.suppressed_reasons is None:
            return self._here.account.suppressed_reasons
        return used.suppressed_reasons

    def _somebody_listens(self, mail: Mail) -> bool:
        used = self._here.configuration_sets.find(mail.configuration_set)
        return bool(used and used.destinations) or self._here.account.feedback_of(mail.sender) is not None

    def _in_order(self, story: list[Happening]) -> list[Happening]:
        return self._dice.sample(story, len(story)) if self.faults.reorder else story

    async def _unfold(self, mail: Mail, story: list[Happening]) -> None:
        least, most = self.faults.delay or self._delay
        for happening in self._in_order(story):
            await asyncio.sleep(self._dice.uniform(least, most))
            self._tell(mail, happening)

    def _suppress(self, mail: Mail, happening: Happening, *, moment: datetime, feedback_id: str) -> None:
        reason = Reason.COMPLAINT if happening.kind is EventKind.COMPLAINT else Reason.BOUNCE
        if reason not in self._reasons(mail):
            return
        for address in happening.recipients:
            if not is_mailbox_simulator(address):
                self._here.suppression.put(
                    Entry(
                        address=address,
                        reason=reason,
                        updated_at=moment,
                        ses_message_id=mail.ses_message_id,
                        feedback_id=feedback_id,
                    )
                )

    def _messages(
        self, mail: Mail, happening: Happening, *, moment: datetime, feedback_id: str
    ) -> list[tuple[str, str]]:
        account = (self._here.region, self._here.account_id)
        messages = []
        used = self._here.configuration_sets.find(mail.configuration_set)
        for topic_arn in used.topics_for(happening.kind) if used else ():
            event = event_json(mail, happening, account=account, moment=moment, feedback_id=feedback_id)
            messages.append((topic_arn, event))
        identity = self._here.account.feedback_of(mail.sender)
        if identity is not None and happening.kind in IDENTITY_KINDS and happening.kind in identity.topics:
            notification = notification_json(
                mail, happening, account=account, moment=moment, feedback_id=feedback_id, headers=identity.headers
            )
            messages.append((identity.topics[happening.kind], notification))
        return messages

    def _publish(self, topic_arn: str, message: str, deliveries: int) -> list[asyncio.Task[None]]:
        try:
            return self._here.publisher.publish(topic_arn, message, subject=SUBJECT, deliveries=deliveries)[1]
        except SnsError:
            # A deleted topic swallows events, as at AWS.
            self.dropped += 1
            return []
