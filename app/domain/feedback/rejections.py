"""Every reason for which a posted notification is not stored, and the answer that SNS gets for it.

SNS takes 4xx as final and drops the notification; after 5xx it tries again. So 4xx is only for a message that AWS
cannot have written to us. Whatever may be a fault of our own (a clock, a setting, a certificate, the network, the
database, a version of Postern that is too old) is 503, so that the notification waits at SNS or in the dead-letter
queue until the fault is fixed. `docs/security.md` has the same as a table, and a test compares the two.
"""

from collections.abc import Mapping
from dataclasses import dataclass
from enum import StrEnum
from typing import Final

from app.domain.errors import (
    MalformedNotification,
    NotAuthentic,
    PayloadTooLarge,
    PosternError,
    ServiceUnavailable,
)


class Reason(StrEnum):
    """Why a notification is not stored, in the words of the log and of the incidents."""

    NOT_JSON = "not_json"
    WRONG_FORM = "wrong_form"
    TOO_LONG = "payload_too_large"

    RAW_DELIVERY = "raw_delivery"
    FOREIGN_TOPIC = "foreign_topic"
    TOO_OLD = "too_old"
    CERTIFICATE_ELSEWHERE = "certificate_elsewhere"
    FORGED = "forged"

    HEADERS_DISAGREE = "headers_disagree"
    ENCODED = "unsupported_media_type"
    CUT_OFF = "cut_off"
    TOPIC_NOT_LISTED = "topic_not_listed"
    CLOCKS_DISAGREE = "clocks_disagree"
    FROM_THE_FUTURE = "from_the_future"
    SIGNATURE_TOO_WEAK = "signature_too_weak"
    SIGNATURE_UNKNOWN = "signature_unknown"
    CERTIFICATE_NAME_UNKNOWN = "certificate_name_unknown"
    TOO_MANY_CERTIFICATES = "too_many_certificates"
    CERTIFICATE_NOT_FETCHED = "certificate_not_fetched"
    CERTIFICATE_NOT_FIT = "certificate_not_fit"
    CERTIFICATE_OF_ANOTHER = "certificate_of_another"
    CERTIFICATE_OUT_OF_DATE = "certificate_out_of_date"
    PINNED_DOES_NOT_MATCH = "pinned_does_not_match"
    NO_TOPIC = "no_topic"
    NOT_CONFIRMED = "not_confirmed"
    NOT_STORED = "not_stored"


@dataclass(frozen=True, slots=True)
class Rejection:
    """The answer to SNS: `error` has the status, `says` is the usual sentence. It never quotes what was posted."""

    error: type[PosternError]
    says: str


REJECTIONS: Final[Mapping[Reason, Rejection]] = {
    Reason.NOT_JSON: Rejection(MalformedNotification, "the body is not strict JSON in UTF-8"),
    Reason.WRONG_FORM: Rejection(MalformedNotification, "a field does not have the form that SNS gives it"),
    Reason.TOO_LONG: Rejection(PayloadTooLarge, "the body is longer than an SNS message can be"),
    Reason.RAW_DELIVERY: Rejection(
        NotAuthentic, "raw message delivery carries no signature; turn it off for this subscription"
    ),
    Reason.FOREIGN_TOPIC: Rejection(NotAuthentic, "the topic is not one that this gateway listens to"),
    Reason.TOO_OLD: Rejection(NotAuthentic, "the timestamp is older than a notification can become on its way"),
    Reason.CERTIFICATE_ELSEWHERE: Rejection(
        NotAuthentic, "the signing certificate is not from the host of the topic's region"
    ),
    Reason.FORGED: Rejection(NotAuthentic, "the signature does not match"),
    Reason.HEADERS_DISAGREE: Rejection(ServiceUnavailable, "a header does not agree with the body"),
    Reason.ENCODED: Rejection(
        ServiceUnavailable, "the body has a Content-Encoding, which SNS never uses: a proxy has added it"
    ),
    Reason.CUT_OFF: Rejection(ServiceUnavailable, "the body ended before its end was reached"),
    Reason.TOPIC_NOT_LISTED: Rejection(
        ServiceUnavailable, "the topic is of an account of ours, but not in SNS_TOPIC_ARNS: add it, or unsubscribe"
    ),
    Reason.CLOCKS_DISAGREE: Rejection(
        ServiceUnavailable, "the timestamp is too old by the database's clock, but not by this host's: set them right"
    ),
    Reason.FROM_THE_FUTURE: Rejection(
        ServiceUnavailable, "the timestamp is in the future, so a clock is wrong: set the database's right"
    ),
    Reason.SIGNATURE_TOO_WEAK: Rejection(
        ServiceUnavailable,
        "the topic signs with SHA-1 and version 2 is required: set the topic's attribute SignatureVersion to 2",
    ),
    Reason.SIGNATURE_UNKNOWN: Rejection(
        ServiceUnavailable, "the signature is of a version that this version of Postern cannot check: upgrade it"
    ),
    Reason.CERTIFICATE_NAME_UNKNOWN: Rejection(
        ServiceUnavailable, "this version of Postern does not know such names of signing certificates: upgrade it"
    ),
    Reason.TOO_MANY_CERTIFICATES: Rejection(
        ServiceUnavailable, "too many unknown signing certificates were named within a minute"
    ),
    Reason.CERTIFICATE_NOT_FETCHED: Rejection(ServiceUnavailable, "the signing certificate could not be fetched"),
    Reason.CERTIFICATE_NOT_FIT: Rejection(ServiceUnavailable, "what was fetched is no signing certificate"),
    Reason.CERTIFICATE_OF_ANOTHER: Rejection(
        ServiceUnavailable, "the signing certificate carries another name than the topic's region signs with"
    ),
    Reason.CERTIFICATE_OUT_OF_DATE: Rejection(
        ServiceUnavailable, "the signing certificate is outside its validity dates"
    ),
    Reason.PINNED_DOES_NOT_MATCH: Rejection(
        ServiceUnavailable,
        "the signature does not match the pinned certificate: it is forged, or AWS signs with another by now",
    ),
    Reason.NO_TOPIC: Rejection(ServiceUnavailable, "this gateway listens to no topic: set SNS_TOPIC_ARNS"),
    Reason.NOT_CONFIRMED: Rejection(ServiceUnavailable, "SNS did not confirm the subscription"),
    Reason.NOT_STORED: Rejection(ServiceUnavailable, "the database could not store the notification"),
}


def rejected(
    reason: Reason, detail: str | None = None, *, expected: str | None = None, found: str | None = None
) -> PosternError:
    """The error to raise for `reason`. `detail` replaces the usual sentence; it must not quote what was posted.

    `expected` and `found` are for the operator, and may quote a name or a time whose form was checked.
    """
    rejection = REJECTIONS[reason]
    error = rejection.error(detail or rejection.says)
    error.reason, error.expected, error.found = reason, expected, found
    return error


def is_final(reason: Reason) -> bool:
    """Whether SNS drops a notification that is rejected for this reason."""
    return REJECTIONS[reason].error.status < 500
