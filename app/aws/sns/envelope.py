r"""The SNS envelope: from bytes to checked fields, and from those to the bytes that AWS signed.

It decides whether a body has the exact shape of an SNS message. It never decides whether it is authentic (that is
`app.aws.sns.verifier`). The grammar is tight for a reason: AWS signs `name\nvalue\n` pairs without lengths, so a value
that may hold a line break can be cut elsewhere and still verify. Only `Message` may hold one, and `Message` comes
first.

https://docs.aws.amazon.com/sns/latest/dg/sns-verify-signature-of-message.html
"""

import base64
import binascii
import json
import re
from collections.abc import Mapping
from dataclasses import dataclass
from datetime import datetime
from enum import StrEnum
from typing import NoReturn

from app.aws.events.json_depth import holds_too_much, nests_too_deep
from app.domain.errors import MalformedNotification
from app.domain.feedback.rejections import Reason, rejected

MAX_BODY_BYTES = 1024 * 1024
"""SNS carries 256 KiB over HTTP; JSON inside JSON, escaped, may take a multiple of that."""

_MEMBERS = 200

MAX_MESSAGE_BYTES = 256 * 1024

_MESSAGE_ID = re.compile(r"[0-9a-f]{8}-[0-9a-f]{4}-[0-9a-f]{4}-[0-9a-f]{4}-[0-9a-f]{12}")
_TIMESTAMP = re.compile(r"[0-9]{4}-[0-9]{2}-[0-9]{2}T[0-9]{2}:[0-9]{2}:[0-9]{2}(?:\.[0-9]{1,6})?Z")
_TOKEN = re.compile(r"[A-Za-z0-9_-]{1,1024}")
_SUBSCRIBE_URL = re.compile(r"https?://[!-~]{1,2040}")
_TOPIC_ARN = re.compile(r"[!-~]{1,400}")
_CERTIFICATE_URL = re.compile(r"[!-~]{1,400}")
_SIGNATURE = re.compile(r"[A-Za-z0-9+/]{4,1400}={0,2}")
_SIGNATURE_VERSION = re.compile(r"[1-9][0-9]{0,2}")

_KINDS_OF_SES = frozenset({"eventType", "notificationType"})

_HEADER_OF_FIELD = {
    "Type": "x-amz-sns-message-type",
    "MessageId": "x-amz-sns-message-id",
    "TopicArn": "x-amz-sns-topic-arn",
}


class SnsType(StrEnum):
    """The three kinds of message that SNS posts to an HTTP endpoint."""

    NOTIFICATION = "Notification"
    SUBSCRIPTION_CONFIRMATION = "SubscriptionConfirmation"
    UNSUBSCRIBE_CONFIRMATION = "UnsubscribeConfirmation"


@dataclass(frozen=True, slots=True, kw_only=True)
class SnsEnvelope:
    """One SNS message. Every field has the right form, and none is verified yet.

    `signed_bytes` is the string to sign in UTF-8 (with the timestamp as written, not as parsed), `signature` the
    decoded signature.
    """

    type: SnsType
    message_id: str
    topic_arn: str
    message: str
    timestamp: datetime
    subject: str | None
    token: str | None
    signature_version: int
    signature: bytes
    signing_cert_url: str
    signed_bytes: bytes


def read_envelope(body: bytes, headers: Mapping[str, str]) -> SnsEnvelope:
    """Return the checked envelope, or raise the rejection of anything else, whatever the bytes are.

    Header names are lower case. SNS does not sign headers, so they decide nothing; where they repeat a field of the
    body they must agree with it.
    """
    fields = _parse(body)
    type_ = _type(fields)
    for field, header in _HEADER_OF_FIELD.items():
        if header in headers and headers[header] != fields.get(field):
            raise rejected(Reason.HEADERS_DISAGREE, f"the header {header} does not agree with the body")
    signed = {
        "Message": _message(fields),
        "MessageId": _matching(fields, "MessageId", _MESSAGE_ID),
        "Timestamp": _matching(fields, "Timestamp", _TIMESTAMP),
        "TopicArn": _matching(fields, "TopicArn", _TOPIC_ARN),
        "Type": type_.value,
    }
    if type_ is SnsType.NOTIFICATION:
        subject = _subject(fields)
        if subject is not None:
            signed["Subject"] = subject
    else:
        signed["SubscribeURL"] = _matching(fields, "SubscribeURL", _SUBSCRIBE_URL)
        signed["Token"] = _matching(fields, "Token", _TOKEN)
    return SnsEnvelope(
        type=type_,
        message_id=signed["MessageId"],
        topic_arn=signed["TopicArn"],
        message=signed["Message"],
        timestamp=_instant(signed["Timestamp"]),
        subject=signed.get("Subject"),
        token=signed.get("Token"),
        signature_version=int(_matching(fields, "SignatureVersion", _SIGNATURE_VERSION)),
        signature=_signature(fields),
        signing_cert_url=_matching(fields, "SigningCertURL", _CERTIFICATE_URL),
        signed_bytes=_string_to_sign(signed),
    )


def is_bare_event(body: bytes) -> bool:
    """Whether the body is an event of SES without an envelope, as raw message delivery leaves it."""
    try:
        fields = _parse(body)
    except MalformedNotification:
        return False
    return "Type" not in fields and not _KINDS_OF_SES.isdisjoint(fields)


def _parse(body: bytes) -> dict[str, object]:
    if len(body) > MAX_BODY_BYTES:
        raise rejected(Reason.WRONG_FORM, "the body is longer than an SNS message can be")
    try:
        text = body.decode("utf-8")
        if nests_too_deep(text) or holds_too_much(text, at_most=_MEMBERS):
            raise rejected(Reason.NOT_JSON, "the body nests deeper or holds more than an SNS message does")
        fields = json.loads(text, object_pairs_hook=_unique, parse_constant=_refuse_constant)
    except (ValueError, RecursionError) as error:
        raise rejected(Reason.NOT_JSON) from error
    if not isinstance(fields, dict):
        raise rejected(Reason.NOT_JSON, "the body is not a JSON object")
    return fields


def _unique(pairs: list[tuple[str, object]]) -> dict[str, object]:
    fields = dict(pairs)
    if len(fields) != len(pairs):
        raise ValueError("a key occurs twice")
    return fields


def _refuse_constant(_name: str) -> NoReturn:
    raise ValueError("NaN and Infinity are not JSON")


def _type(fields: Mapping[str, object]) -> SnsType:
    text = fields.get("Type")
    # Exactly one of three: a Type that merely starts with one of them could come from a signed text cut elsewhere.
    for type_ in SnsType:
        if text == type_.value:
            return type_
    raise rejected(Reason.WRONG_FORM, "Type is not one of the three SNS message types")


def _text(fields: Mapping[str, object], name: str) -> str:
    value = fields.get(name)
    if not isinstance(value, str):
        raise rejected(Reason.WRONG_FORM, f"{name} is missing or not a string")
    return value


def _matching(fields: Mapping[str, object], name: str, grammar: re.Pattern[str]) -> str:
    value = _text(fields, name)
    if grammar.fullmatch(value) is None:
        raise rejected(Reason.WRONG_FORM, f"{name} does not have the form that SNS gives it")
    return value


def _message(fields: Mapping[str, object]) -> str:
    message = _text(fields, "Message")
    if "\0" in message:
        raise rejected(Reason.WRONG_FORM, "Message holds a NUL character")
    if len(message) > MAX_MESSAGE_BYTES:
        raise rejected(Reason.WRONG_FORM, "Message is longer than SNS carries")
    return message


def _subject(fields: Mapping[str, object]) -> str | None:
    if fields.get("Subject") is None:
        return None
    subject = _text(fields, "Subject")
    if not 1 <= len(subject) <= 100 or not subject.isprintable():
        raise rejected(Reason.WRONG_FORM, "Subject is not a single line of at most 100 printable characters")
    return subject


def _instant(text: str) -> datetime:
    try:
        return datetime.fromisoformat(text)
    except ValueError as error:
        raise rejected(Reason.WRONG_FORM, "Timestamp is not a date that exists") from error


def _signature(fields: Mapping[str, object]) -> bytes:
    text = _matching(fields, "Signature", _SIGNATURE)
    try:
        signature = base64.b64decode(text, validate=True)
    except binascii.Error as error:
        raise rejected(Reason.WRONG_FORM, "Signature is not base64") from error
    # Base64 can write the same bytes with other unused bits; only the one canonical text is taken.
    if base64.b64encode(signature).decode("ascii") != text:
        raise rejected(Reason.WRONG_FORM, "Signature is not canonical base64")
    return signature


def _string_to_sign(signed: Mapping[str, str]) -> bytes:
    """Join the fields in byte order of their names, each name and value closed by a line feed, nothing trimmed."""
    try:
        return "".join(f"{name}\n{signed[name]}\n" for name in sorted(signed)).encode("utf-8")
    except UnicodeEncodeError as error:
        raise rejected(Reason.WRONG_FORM, "Message holds half of a surrogate pair") from error
