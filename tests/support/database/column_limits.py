"""The columns of limited length: which hold Postern's own words, which outside text, and its longest legal value."""

from collections.abc import Mapping
from typing import Final

from app.aws.sns.verifier import SnsType
from app.domain.apps.key_kinds import KeyKind
from app.domain.feedback.bounce_causes import BounceCause
from app.domain.feedback.events import BounceType, EventType
from app.domain.feedback.providers import DOMAINS, OTHER
from app.domain.feedback.rejections import Reason
from app.domain.operating.histograms import BOUNDS
from app.domain.reporting.counted import Counted
from app.domain.reporting.outcome_links import LinkKind
from app.domain.sending.state_machine import State
from app.domain.sending.trying import TEST_LANE
from app.domain.sending.unconfirmed_policy import OnUnconfirmed
from app.domain.suppression.rules import Change, Origin
from app.domain.users.roles import Role
from app.domain.webhooks.events import WebhookEvent
from app.domain.webhooks.formats import EndpointFormat
from app.domain.webhooks.post_result import PostOutcome
from app.domain.webhooks.retries import DeliveryState
from app.queue import Lane
from app.services.feedback.queues.verdicts import CRASHED
from app.services.operating.retention import EVENTS_CURSOR
from app.services.tally import BOUNCE, EVENTS, SMTP_MESSAGE, SMTP_MILLISECONDS, SMTP_RECIPIENT, SMTP_SESSION
from app.store.account.ses_list import CURSOR
from app.store.feedback.notifications import InboxState
from app.store.feedback.queue_positions import cursor_of
from app.store.operating.heartbeats import CANARY, SMTP, STAND_IN, SWEEPER, WORKER
from app.store.sending.attempts import AttemptOutcome, OutcomeSource
from app.store.suppression import reviews

LABEL: Final = "a" * 63
CERTIFICATE_URL: Final = f"https://sns.{'r' * 32}.amazonaws.com.cn/SimpleNotificationService-{'0' * 32}.pem"
"""In the only form that is fetched; a region has at most 32 characters here."""


def domain_of(length: int, begin: str = "") -> str:
    """Return a domain of exactly `length` octets, in labels of the maximum length."""
    text = begin + ".".join([LABEL] * 5)
    return text[: length - 4].rstrip(".").ljust(length - 4, "b") + ".org"


# RFC 5321 section 4.5.3.1: 254 octets of an address, 64 before its @.
DOMAIN: Final = domain_of(252)
ADDRESS: Final = "x" * 64 + "@" + domain_of(189)
SENDER: Final = "n@" + DOMAIN
APP: Final = "p" * 63
STREAM: Final = "s" * 64
SCOPE: Final = f"{APP}/{STREAM}"
# SES's message id is opaque; `app.aws.events.fields.identifier` accepts this length.
MESSAGE: Final = "m" * 256
MESSAGE_OF_EVENT: Final = "e" * 256
# 256 characters of a name, in the partition and the region with the longest names.
TOPIC: Final = f"arn:aws-us-gov:sns:us-gov-west-1:123456789012:{'t' * 256}"
QUEUE: Final = "q" * 80
SQS_MESSAGE: Final = "m" * 128  # SQS gives 36 characters, and allows 100
USER: Final = "u" * 256  # LOGIN_NAME_MAX of Linux
ACTOR: Final = f"cli:{USER}"[:200]
HOST: Final = "h" * 64  # HOST_NAME_MAX of Linux; other systems have 255
REPORTED: Final = "un spelt " + "y" * 150 + "@" + "z" * 160
IDEMPOTENCY: Final = "i" * 256
AT_SES: Final = "v" * 319 + "@"

OURS: Final[Mapping[str, frozenset[str]]] = {
    "api_keys.kind": frozenset(KeyKind),
    "api_keys.public_id": frozenset({"k" * 12}),
    "api_keys.replaced_by": frozenset({"k" * 12}),
    "alerts.kind": frozenset({"foreign_configuration_set", "circuit"}),
    "apps.default_lane": frozenset(Lane),
    "apps.on_unconfirmed": frozenset(OnUnconfirmed),
    "attempts.evidence": frozenset(OutcomeSource),
    "attempts.outcome": frozenset(AttemptOutcome),
    "audit.action": frozenset(
        {"undo_unsuppress", "review_confirm", "ses_list_sync", "recovery_begin", "webhook_rotate_secret"}
    ),
    "count_changes.mailbox_provider": frozenset({*DOMAINS, OTHER}),
    "count_changes.what": frozenset(Counted),
    "cursors.name": frozenset(
        {CURSOR, EVENTS_CURSOR, cursor_of("https://sqs.us-gov-west-1.amazonaws.com/123456789012/postern", 15)}
    ),
    "daily_counts.mailbox_provider": frozenset({*DOMAINS, OTHER}),
    "daily_counts.what": frozenset(Counted),
    "database_server.identity": frozenset({"1" * 20 + "/FFFFFFFF"}),
    "emails.lane": frozenset({*Lane, TEST_LANE}),
    "emails.on_unconfirmed": frozenset(OnUnconfirmed),
    "events.dedup": frozenset({"0" * 32}),
    "events.type": frozenset(EventType),
    "notifications.kind": frozenset(SnsType),
    "notifications.state": frozenset(InboxState),
    "heartbeats.kind": frozenset({WORKER, SWEEPER, STAND_IN, CANARY, SMTP}),
    "hourly_counts.mailbox_provider": frozenset({*DOMAINS, OTHER}),
    "hourly_counts.what": frozenset(Counted),
    "incidents.kind": frozenset({"foreign_configuration_set", "unreadable_notification", "unsubscribe_link_missing"}),
    "outcome_links.kind": frozenset(LinkKind),
    "peppers.purpose": frozenset({"pseudonyms"}),
    "recipients.cause": frozenset(BounceCause),
    "recipients.kind": frozenset({"to", "cc", "bcc"}),
    "recipients.lane": frozenset({*Lane, TEST_LANE}),
    "recipients.mailbox_provider": frozenset({*DOMAINS, OTHER}),
    "recipients.pseudonym": frozenset({"#" + "0" * 22}),
    "recipients.state": frozenset(State),
    "refused_messages.reason": frozenset({*Reason, CRASHED}),
    "reviews.decision": frozenset({reviews.UNDO, reviews.CONFIRM, reviews.WITHDRAWN}),
    "suppression_events.origin": frozenset(Origin),
    "suppression_events.type": frozenset(Change),
    "signing_certificates.url": frozenset({CERTIFICATE_URL}),
    "suppressions.origin": frozenset(Origin),
    "suppressions.ses_removal": frozenset({"pending", "done"}),
    "tallies.label": frozenset(f"{kind}/{cause}" for kind in BounceType for cause in BounceCause)
    | {f"transactional/{bound:g}" for bounds in BOUNDS.values() for bound in bounds},
    "tallies.what": frozenset(
        {BOUNCE, *EVENTS, SMTP_SESSION, SMTP_RECIPIENT, SMTP_MESSAGE, SMTP_MILLISECONDS, *BOUNDS}
    ),
    "users.role": frozenset(Role),
    "webhook_attempts.outcome": frozenset(PostOutcome),
    "webhook_deliveries.state": frozenset(DeliveryState),
    "webhook_endpoints.format": frozenset(EndpointFormat),
    "webhook_messages.type": frozenset(WebhookEvent),
}
"""Columns that hold only Postern's own words, and those words."""

LONGEST: Final[Mapping[str, str]] = {
    "api_keys.name": "k" * 100,
    "apps.default_stream": STREAM,
    "apps.name": APP,
    "attempts.ses_message_id": MESSAGE,
    "audit.actor": ACTOR,
    "audit.key": ADDRESS,
    "circuits.scope": f"sender:{DOMAIN}",
    "count_changes.stream": STREAM,
    "daily_counts.stream": STREAM,
    "emails.actor": "c" * 320,
    "emails.reference": "f" * 256,
    "emails.stream": STREAM,
    "emails.supersedes": "v" * 256,
    "events.address": REPORTED,
    "events.domain": DOMAIN,
    "events.key": ADDRESS,
    "events.ses_message_id": MESSAGE_OF_EVENT,
    "notifications.sns_message_id": "0" * 8 + "-0000-0000-0000-" + "0" * 12,
    "notifications.topic_arn": TOPIC,
    "heartbeats.name": f"{HOST}:4194304",
    "hourly_counts.stream": STREAM,
    "idempotency_keys.key": IDEMPOTENCY,
    "incidents.subject": TOPIC,
    "alerts.subject": TOPIC,
    "outcome_links.created_by": ACTOR,
    "outcome_links.title": "L" * 200,
    "outcome_links.value": f"{'n' * 256}:{'v' * 256}",
    "recipients.address": ADDRESS,
    "recipients.key": ADDRESS,
    "recipients.scope": SCOPE,
    "recipients.sender_domain": DOMAIN,
    "recipients.ses_message_id": MESSAGE,
    "refused_messages.message_id": SQS_MESSAGE,
    "refused_messages.queue": QUEUE,
    "reviews.decided_by": ACTOR,
    "reviews.domain": DOMAIN,
    "ses_suppressions.address": AT_SES,
    "ses_suppressions.key": ADDRESS,
    "ses_suppressions.reason": "COMPLAINT",
    "streams.name": STREAM,
    "streams.title": "T" * 200,
    "suppression_events.actor": ACTOR,
    "suppression_events.scope": SCOPE,
    "suppressions.address": ADDRESS,
    "suppressions.key": ADDRESS,
    "suppressions.removed_by": ACTOR,
    "suppressions.scope": SCOPE,
    "user_sessions.user_agent": "A" * 200,
    "users.name": "n" * 64,
    "users.oidc_issuer": "https://" + "o" * 247,
    "users.oidc_subject": "s" * 255,
}
"""Columns that hold outside text, and the longest legal value of each, as stored."""
