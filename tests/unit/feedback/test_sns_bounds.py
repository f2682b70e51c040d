"""The bounds of a notification, each at the last accepted and the first refused value."""

import datetime as dt
import json
from typing import Any

import pytest

from app.aws.sns.certificates import PinnedCertificate
from app.aws.sns.envelope import read_envelope
from app.aws.sns.verifier import SnsVerifier
from app.domain.errors import PosternError
from app.domain.feedback.rejections import Reason
from tests.support.aws import sns_signing

NOW = dt.datetime(2026, 3, 6, 20, 0, tzinfo=dt.UTC)
DAYS_15, MINUTES_5, MILLISECOND = dt.timedelta(days=15), dt.timedelta(minutes=5), dt.timedelta(milliseconds=1)
KIB = 1024


def clock() -> dt.datetime:
    return NOW


def why(posted: bytes) -> Reason | None:
    """Return why the envelope is refused, None if it is read."""
    try:
        read_envelope(posted, {})
    except PosternError as refusal:
        return Reason(refusal.reason or "")
    return None


def doubt(**options: Any) -> Reason | None:
    """Return why a genuine notification is refused, None if it is accepted."""
    at, version = options.pop("at", NOW), options.pop("version", 2)
    settings: dict[str, Any] = {
        "topic_arns": frozenset({sns_signing.TOPIC_ARN}),
        "certificates": PinnedCertificate(sns_signing.signer().certificate_pem, clock=clock),
        "minimum_version": 1,
        "clock": clock,
    }
    posted = sns_signing.signer().notification("x", at=at, version=version)
    try:
        SnsVerifier(**settings | options).verify(sns_signing.body(posted), {})
    except PosternError as refusal:
        return Reason(refusal.reason or "")
    return None


@pytest.mark.parametrize("length, reason", [(256 * KIB, None), (256 * KIB + 1, Reason.WRONG_FORM)])
def test_a_message_has_256_kib_at_most(length: int, reason: Reason | None) -> None:
    """That is the limit of SNS."""
    assert why(sns_signing.body(sns_signing.signer().notification("x" * length))) is reason


@pytest.mark.parametrize("length, reason", [(KIB * KIB, None), (KIB * KIB + 1, Reason.WRONG_FORM)])
def test_a_body_has_one_mib_at_most(length: int, reason: Reason | None) -> None:
    """Whatever its content."""
    posted = sns_signing.body(sns_signing.signer().notification("x"))
    assert why(posted + b" " * (length - len(posted))) is reason


@pytest.mark.parametrize("more, reason", [(0, None), (1, Reason.NOT_JSON)])
def test_a_body_holds_200_members_at_most(more: int, reason: Reason | None) -> None:
    """Keys, values and containers count; the limit leaves room for fields that AWS may add to today's dozen."""
    posted: dict[str, object] = dict(sns_signing.signer().notification("x"))
    marks = 2 * len(posted) + 1  # before the list: a brace, a colon for each key, a comma before each but the first
    posted["More"] = [0] * (200 - marks - 1 + more)
    assert why(json.dumps(posted).encode()) is reason


@pytest.mark.parametrize(
    "subject, reason",
    [
        ("", Reason.WRONG_FORM),
        ("x", None),
        ("x" * 100, None),
        ("x" * 101, Reason.WRONG_FORM),
        ("x\ny", Reason.WRONG_FORM),
        (None, None),
    ],
)
def test_a_subject_is_one_line_of_100_characters_at_most(subject: str | None, reason: Reason | None) -> None:
    """With a line break, the signed text could be split in another way."""
    assert why(sns_signing.body(sns_signing.signer().notification("x", subject=subject))) is reason


@pytest.mark.parametrize(
    "at, reason",
    [
        (NOW - DAYS_15 - MILLISECOND, Reason.TOO_OLD),
        (NOW - DAYS_15, None),
        (NOW + MINUTES_5, None),
        (NOW + MINUTES_5 + MILLISECOND, Reason.FROM_THE_FUTURE),
    ],
)
def test_a_notification_is_believed_for_15_days_and_five_minutes_ahead(at: dt.datetime, reason: Reason | None) -> None:
    """A queue may hold a notification for fourteen days; the fifteenth is a reserve."""
    assert doubt(at=at) is reason


@pytest.mark.parametrize("behind, reason", [(0, Reason.CLOCKS_DISAGREE), (-1, Reason.TOO_OLD)])
def test_a_notification_too_old_by_only_one_clock_is_not_refused_for_good(behind: int, reason: Reason) -> None:
    """The second clock has to agree."""
    at = NOW - DAYS_15 - 2 * MILLISECOND
    second = at + DAYS_15 - behind * MILLISECOND
    assert doubt(at=at, second_clock=lambda: second) is reason


@pytest.mark.parametrize(
    "version, minimum, reason", [(1, 1, None), (1, 2, Reason.SIGNATURE_TOO_WEAK), (2, 1, None), (2, 2, None)]
)
def test_a_signature_has_the_least_version_that_is_asked_for(version: int, minimum: int, reason: Reason | None) -> None:
    """SHA-1 only where a setting allows it."""
    assert doubt(version=version, minimum_version=minimum) is reason
