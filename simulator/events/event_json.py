"""The JSON in which SES reports a happening: event publishing (configuration set) or identity notification.

https://docs.aws.amazon.com/ses/latest/dg/event-publishing-retrieving-sns-contents.html
https://docs.aws.amazon.com/ses/latest/dg/notification-contents.html
"""

import json
from datetime import datetime, timedelta
from email.utils import getaddresses
from typing import Any

from simulator.events.fates import EventKind, Happening
from simulator.iam.arns import ses_arn
from simulator.ses.accepted_email import AcceptedEmail, Headers, header, readable
from simulator.ses.addresses import domain_of
from simulator.timestamps import iso_millis

MAX_HEADER_BYTES = 10 * 1024
KINDS_WITHOUT_HEADERS = frozenset({EventKind.DELIVERY_DELAY, EventKind.RENDERING_FAILURE})
KINDS_WITH_FEEDBACK_ID = frozenset({EventKind.BOUNCE, EventKind.COMPLAINT})
KINDS_WITHOUT_TIMESTAMP = frozenset({EventKind.SEND, EventKind.REJECT, EventKind.RENDERING_FAILURE})

Account = tuple[str, str]
"""Region and account id, for the ARNs."""


def event_json(
    mail: AcceptedEmail, happening: Happening, *, account: Account, moment: datetime, feedback_id: str
) -> str:
    """Return the event as the destination of a configuration set receives it, with tags."""
    with_headers = happening.kind not in KINDS_WITHOUT_HEADERS
    about = _mail_object(mail, account=account, headers=with_headers) | {"tags": _tags(mail)}
    content = {
        "eventType": happening.kind.value,
        "mail": about,
        happening.kind.object_key: _detail(happening, moment=moment, feedback_id=feedback_id),
    }
    return json.dumps(content, ensure_ascii=False) + "\n"


def notification_json(
    mail: AcceptedEmail, happening: Happening, *, account: Account, moment: datetime, feedback_id: str, headers: bool
) -> str:
    """Return the event as the notification topic of an identity receives it: no tags, headers only when enabled."""
    about = _mail_object(mail, account=account, headers=headers) | {
        "sourceIp": mail.source_ip,
        "callerIdentity": mail.caller,
    }
    content = {
        "notificationType": happening.kind.value,
        happening.kind.object_key: _detail(happening, moment=moment, feedback_id=feedback_id),
        "mail": about,
    }
    return json.dumps(content, ensure_ascii=False)


def _detail(happening: Happening, *, moment: datetime, feedback_id: str) -> dict[str, Any]:
    detail = dict(happening.detail)
    if happening.kind not in KINDS_WITHOUT_TIMESTAMP:
        detail.setdefault("timestamp", iso_millis(moment))
    if happening.kind in KINDS_WITH_FEEDBACK_ID:
        detail.setdefault("feedbackId", feedback_id)
    if happening.kind is EventKind.COMPLAINT:
        detail.setdefault("arrivalDate", iso_millis(moment))
    if happening.kind is EventKind.DELIVERY_DELAY:
        detail.setdefault("expirationTime", iso_millis(moment + timedelta(hours=14)))
    return detail


def _mail_object(mail: AcceptedEmail, *, account: Account, headers: bool) -> dict[str, Any]:
    region, account_id = account
    about: dict[str, Any] = {
        "timestamp": iso_millis(mail.accepted_at),
        "source": mail.sender,
        "sourceArn": ses_arn("identity", domain_of(mail.sender), region, account_id),
        "sendingAccountId": account_id,
        "messageId": mail.ses_message_id,
        "destination": list(mail.recipients),
    }
    if headers:
        kept = _within_bound(mail.headers)
        about["headersTruncated"] = len(kept) < len(mail.headers)
        about["headers"] = [{"name": name, "value": value} for name, value in kept]
        about["commonHeaders"] = _common_headers(mail)
    return about


def _within_bound(headers: Headers) -> Headers:
    size = 0
    for position, (name, value) in enumerate(headers):
        size += len(name) + len(value)
        if size >= MAX_HEADER_BYTES:
            return headers[:position]
    return headers


def _common_headers(mail: AcceptedEmail) -> dict[str, Any]:
    common: dict[str, Any] = {}
    for key, name in (("from", "From"), ("replyTo", "Reply-To"), ("to", "To"), ("cc", "Cc")):
        value = header(mail.headers, name)
        if value is not None:
            pairs = getaddresses([value])
            common[key] = [f"{readable(display)} <{address}>" if display else address for display, address in pairs]
    date = header(mail.headers, "Date")
    if date is not None:
        common["date"] = date
    common["messageId"] = mail.ses_message_id
    common["subject"] = mail.subject
    return common


def _tags(mail: AcceptedEmail) -> dict[str, list[str]]:
    tags = {
        "ses:operation": [mail.operation],
        "ses:source-ip": [mail.source_ip],
        "ses:from-domain": [domain_of(mail.sender)],
        "ses:caller-identity": [mail.caller],
    }
    if mail.configuration_set is not None:
        tags["ses:configuration-set"] = [mail.configuration_set]
    return tags | {name: [value] for name, value in mail.tags.items()}
