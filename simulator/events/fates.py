"""The fate of an email after SES accepted it: its happenings, in the order in which SES would report them.

`simulator.events.event_json` decides the JSON of their events, `simulator.events.event_stream` decides when and to
which topics they are published.
https://docs.aws.amazon.com/ses/latest/dg/event-publishing-retrieving-sns-contents.html
"""

from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field
from enum import StrEnum
from typing import Any

from simulator.events.mailbox_behaviours import Behaviour
from simulator.ses.accepted_email import AcceptedEmail


class EventKind(StrEnum):
    """`eventType` as SES spells it, including the space in one of them."""

    SEND = "Send"
    REJECT = "Reject"
    BOUNCE = "Bounce"
    COMPLAINT = "Complaint"
    DELIVERY = "Delivery"
    OPEN = "Open"
    CLICK = "Click"
    RENDERING_FAILURE = "Rendering Failure"
    DELIVERY_DELAY = "DeliveryDelay"
    SUBSCRIPTION = "Subscription"

    @property
    def destination_type(self) -> str:
        """The name by which an event destination asks for this kind."""
        return {"DeliveryDelay": "DELIVERY_DELAY"}.get(self.value, self.value.upper().replace(" ", "_"))

    @property
    def object_key(self) -> str:
        """The key of the object that holds the fields of this kind."""
        return {"Rendering Failure": "failure", "DeliveryDelay": "deliveryDelay"}.get(self.value, self.value.lower())


@dataclass(frozen=True, slots=True, kw_only=True)
class Happening:
    """One thing that happened to some recipients of an email; `detail` is its object without ids and times.

    `suppresses` says that SES puts these recipients on the account's suppression list.
    """

    kind: EventKind
    recipients: tuple[str, ...]
    fate: str
    detail: Mapping[str, Any] = field(default_factory=dict)
    suppresses: bool = False


@dataclass(frozen=True, slots=True)
class Failure:
    """A bounce in SES's terms; an automatic reply, which is no delivery report (RFC 3464), has no `status`."""

    bounce_type: str
    bounce_subtype: str
    status: str
    diagnostic: str
    reporting_mta: str
    fate: str


HARD = Failure(
    "Permanent", "General", "5.1.1", "smtp; 550 5.1.1 user unknown", "dsn; a8-50.smtp-out.amazonses.com", "bounced"
)
SOFT = Failure(
    "Transient",
    "MailboxFull",
    "4.2.2",
    "smtp; 452 4.2.2 mailbox full",
    "dsn; a8-50.smtp-out.amazonses.com",
    "bounced softly",
)
OUT_OF_OFFICE = Failure(
    "Transient",
    "General",
    "",
    "",
    "",
    "delivered, out of office",
)
GLOBALLY_SUPPRESSED = Failure(
    "Permanent",
    "Suppressed",
    "5.1.1",
    "Amazon SES has suppressed sending to this address because it has a recent history of bouncing.",
    "dns; amazonses.com",
    "not attempted, on the global list",
)
ACCOUNT_SUPPRESSED = Failure(
    "Permanent",
    "OnAccountSuppressionList",
    "5.1.1",
    "Amazon SES did not send the message to this address because it is on the suppression list for your account.",
    "dns; amazonses.com",
    "not attempted, on the account list",
)


def happenings(
    email: AcceptedEmail, *, suppressed: Iterable[str], behaviours: Mapping[str, Behaviour]
) -> list[Happening]:
    """Return everything that happens to the email.

    `suppressed` are the recipients on the account's suppression list; `behaviours` has the behaviour of each other one.
    """
    if email.rendering_error is not None:
        failure = {"templateName": "inline", "errorMessage": email.rendering_error}
        return [
            Happening(
                kind=EventKind.RENDERING_FAILURE, recipients=email.recipients, fate="not rendered", detail=failure
            )
        ]
    story = [Happening(kind=EventKind.SEND, recipients=email.recipients, fate="accepted")]
    blocked = tuple(suppressed)
    if blocked:
        story.append(_bounce(blocked, ACCOUNT_SUPPRESSED))
    acting: dict[Behaviour, list[str]] = {}
    for address, behaviour in behaviours.items():
        acting.setdefault(behaviour, []).append(address)
    for behaviour, recipients in acting.items():
        story.extend(_acts(behaviour, tuple(recipients)))
    return story


def on_demand(kind: EventKind, recipients: tuple[str, ...]) -> Happening:
    """Return one typical happening of the kind, for a request to the control surface."""
    if kind is EventKind.BOUNCE:
        return _bounce(recipients, HARD)
    if kind is EventKind.COMPLAINT:
        return _complaint(recipients)
    if kind is EventKind.DELIVERY:
        return _delivery(recipients)
    if kind is EventKind.DELIVERY_DELAY:
        return _delay(recipients)
    details: dict[EventKind, dict[str, Any]] = {
        EventKind.REJECT: {"reason": "Bad content"},
        EventKind.OPEN: {"ipAddress": "192.0.2.1", "userAgent": "Mozilla/5.0"},
        EventKind.CLICK: {
            "ipAddress": "192.0.2.1",
            "userAgent": "Mozilla/5.0",
            "link": "https://example.com/",
            "linkTags": None,
        },
        EventKind.RENDERING_FAILURE: {"templateName": "inline", "errorMessage": "Attribute 'name' is not present."},
        EventKind.SUBSCRIPTION: {"contactList": "ContactList", "source": "UnsubscribeHeader"},
    }
    return Happening(kind=kind, recipients=recipients, fate=kind.value.lower(), detail=details.get(kind, {}))


def _acts(behaviour: Behaviour, recipients: tuple[str, ...]) -> list[Happening]:
    match behaviour:
        case Behaviour.SUCCESS:
            story = [_delivery(recipients)]
        case Behaviour.BOUNCE:
            story = [_bounce(recipients, HARD, suppresses=True)]
        case Behaviour.COMPLAINT:
            story = [_delivery(recipients), _complaint(recipients, suppresses=True)]
        case Behaviour.OOTO:
            story = [_delivery(recipients), _bounce(recipients, OUT_OF_OFFICE)]
        case Behaviour.SUPPRESSIONLIST:
            story = [_bounce(recipients, GLOBALLY_SUPPRESSED)]
        case Behaviour.SOFTBOUNCE:
            story = [_bounce(recipients, SOFT)]
        case Behaviour.DELAY:
            story = [_delay(recipients), _delivery(recipients)]
        case Behaviour.REJECT:
            detail = {"reason": "Bad content"}
            story = [Happening(kind=EventKind.REJECT, recipients=recipients, fate="rejected", detail=detail)]
        case Behaviour.SILENT:
            story = []
    return story


def _bounce(recipients: tuple[str, ...], failure: Failure, *, suppresses: bool = False) -> Happening:
    report: dict[str, str] = {}
    if failure.status:
        report = {"action": "failed", "status": failure.status, "diagnosticCode": failure.diagnostic}
    detail: dict[str, Any] = {
        "bounceType": failure.bounce_type,
        "bounceSubType": failure.bounce_subtype,
        "bouncedRecipients": [{"emailAddress": address, **report} for address in recipients],
    }
    if report:
        detail["reportingMTA"] = failure.reporting_mta
    return Happening(
        kind=EventKind.BOUNCE, recipients=recipients, fate=failure.fate, detail=detail, suppresses=suppresses
    )


def _complaint(recipients: tuple[str, ...], *, suppresses: bool = False) -> Happening:
    detail = {
        "complainedRecipients": [{"emailAddress": address} for address in recipients],
        "complaintSubType": None,
        "userAgent": "Amazon SES Mailbox Simulator",
        "complaintFeedbackType": "abuse",
    }
    return Happening(
        kind=EventKind.COMPLAINT, recipients=recipients, fate="complained", detail=detail, suppresses=suppresses
    )


def _delivery(recipients: tuple[str, ...]) -> Happening:
    detail = {
        "processingTimeMillis": 540,
        "recipients": list(recipients),
        "smtpResponse": "250 2.6.0 Message received",
        "reportingMTA": "a8-50.smtp-out.amazonses.com",
    }
    return Happening(kind=EventKind.DELIVERY, recipients=recipients, fate="delivered", detail=detail)


def _delay(recipients: tuple[str, ...]) -> Happening:
    detail = {
        "delayType": "TransientCommunicationFailure",
        "delayedRecipients": [
            {
                "emailAddress": address,
                "status": "4.4.1",
                "diagnosticCode": "smtp; 421 4.4.1 Unable to connect to remote host",
            }
            for address in recipients
        ],
        "reportingMTA": "a8-50.smtp-out.amazonses.com",
    }
    return Happening(kind=EventKind.DELIVERY_DELAY, recipients=recipients, fate="delayed", detail=detail)
