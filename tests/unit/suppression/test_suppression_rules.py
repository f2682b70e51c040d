"""Which feedback suppresses, in which scope, and for how long: the table of SES, one row each."""

from datetime import UTC, datetime, timedelta
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from app.domain.feedback import Bounce, BounceType, Complaint, Feedback, FeedbackKind
from app.domain.suppression import Origin, Pause, Ruling, Verdict, outlived_by, rule, scope_of, soft_bounce_pause

NOON = datetime(2026, 5, 1, 12, tzinfo=UTC)
P, T = BounceType.PERMANENT, BounceType.TRANSIENT
V = Verdict


def feedback(kind: FeedbackKind, **more: object) -> Feedback:
    values = {"ses_message_id": "m", "recipient": "kim@example.net", "occurred_at": NOON, "mail_sent_at": NOON}
    return Feedback(kind=kind, **values | more)  # type: ignore[arg-type]


def on_bounce(kind: BounceType, subtype: str, *, exempt: bool = False, **fields: Any) -> Ruling:
    bounce = Bounce(type=kind, subtype=subtype, **fields)
    return rule(feedback(FeedbackKind.BOUNCE, bounce=bounce), exempt=exempt)


def on_complaint(feedback_type: str | None = None, subtype: str | None = None, *, exempt: bool = False) -> Ruling:
    complaint = Complaint(feedback_type=feedback_type, subtype=subtype)
    return rule(feedback(FeedbackKind.COMPLAINT, complaint=complaint), exempt=exempt)


FAILED = {"action": "failed", "status": "5.1.1"}
SOFT = {"action": "failed", "status": "4.2.2"}


@pytest.mark.parametrize(
    "kind, subtype, fields, verdict, origin",
    [
        (P, "General", FAILED, V.SUPPRESS, Origin.BOUNCE),
        (P, "NoEmail", FAILED, V.SUPPRESS, Origin.BOUNCE),
        (P, "Suppressed", FAILED, V.SUPPRESS, Origin.BOUNCE),
        (P, "OnAccountSuppressionList", FAILED, V.SUPPRESS, Origin.SES_ACCOUNT),
        (P, "OnTenantSuppressionList", FAILED, V.SUPPRESS, Origin.SES_ACCOUNT),
        (P, "UnsubscribedRecipient", FAILED, V.SUPPRESS, Origin.UNSUBSCRIBE),
        (P, "EmailValidationSuppressed", FAILED, V.LEAVE, None),
        (P, "General", {"action": "delayed", "status": "4.0.0"}, V.LEAVE, None),
        (P, "General", {"action": "failed", "status": "4.4.7"}, V.COUNT, None),
        (P, "General", {"action": "failed", "status": "5.7.1"}, V.RAISE_INCIDENT, None),
        (T, "General", {"action": "failed", "status": "4.7.0"}, V.RAISE_INCIDENT, None),
        (T, "General", {}, V.LEAVE, None),
        (T, "General", SOFT, V.COUNT, None),
        (T, "MailboxFull", SOFT, V.COUNT, None),
        (T, "CustomTimeoutExceeded", SOFT, V.COUNT, None),
        (T, "MessageTooLarge", SOFT, V.LEAVE, None),
        (T, "ContentRejected", SOFT, V.LEAVE, None),
        (T, "AttachmentRejected", SOFT, V.LEAVE, None),
        (BounceType.UNDETERMINED, "Undetermined", {}, V.COUNT, None),
        (BounceType.UNKNOWN, "Unknown", {}, V.LEAVE, None),
    ],
)
def test_each_bounce_has_its_ruling(
    kind: BounceType, subtype: str, fields: dict[str, Any], verdict: Verdict, origin: Origin | None
) -> None:
    """Hard bounces suppress, soft ones count, those about the message or about us blame nobody; each says why."""
    ruling = on_bounce(kind, subtype, **fields)
    assert (ruling.verdict, ruling.origin) == (verdict, origin)
    assert ruling.why.endswith(".")
    assert "@" not in ruling.why


def test_an_opt_out_at_ses_is_kept_to_its_stream() -> None:
    """Who unsubscribed from one list still gets the others; every other suppression is for every mail."""
    assert on_bounce(P, "UnsubscribedRecipient").in_stream_only
    assert not on_bounce(P, "NoEmail").in_stream_only
    assert not on_complaint("abuse").in_stream_only


@pytest.mark.parametrize(
    "feedback_type, subtype, verdict, origin",
    [
        (None, None, V.SUPPRESS, Origin.COMPLAINT),
        ("abuse", None, V.SUPPRESS, Origin.COMPLAINT),
        ("fraud", None, V.SUPPRESS, Origin.COMPLAINT),
        ("other", None, V.SUPPRESS, Origin.COMPLAINT),
        ("virus", None, V.SUPPRESS, Origin.COMPLAINT),
        ("of-some-later-year", None, V.SUPPRESS, Origin.COMPLAINT),
        ("not-spam", None, V.LEAVE, None),
        ("auth-failure", None, V.LEAVE, None),
        (None, "OnAccountSuppressionList", V.SUPPRESS, Origin.SES_ACCOUNT),
        (None, "OnTenantSuppressionList", V.SUPPRESS, Origin.SES_ACCOUNT),
    ],
)
def test_each_complaint_has_its_ruling(
    feedback_type: str | None, subtype: str | None, verdict: Verdict, origin: Origin | None
) -> None:
    """Every complaint suppresses but a report of the opposite and one about authentication."""
    ruling = on_complaint(feedback_type, subtype)
    assert (ruling.verdict, ruling.origin) == (verdict, origin)


@pytest.mark.parametrize("kind", sorted(set(FeedbackKind) - {FeedbackKind.BOUNCE, FeedbackKind.COMPLAINT}))
def test_no_other_event_is_held_against_an_address(kind: FeedbackKind) -> None:
    """Sends, deliveries, delays, opens, clicks and the unknown suppress nobody."""
    assert rule(feedback(kind), exempt=False).verdict is V.LEAVE


def test_the_mailbox_simulator_is_exempt_and_the_reason_says_so() -> None:
    """Its addresses bounce on demand; an entry would let each be tried only once. Incidents are told all the same."""
    for ruling in (on_bounce(P, "General", exempt=True), on_bounce(T, "MailboxFull", exempt=True)):
        assert ruling.verdict is V.LEAVE
        assert "simulator" in ruling.why
    assert on_complaint("abuse", exempt=True).verdict is V.LEAVE
    assert on_bounce(P, "General", exempt=True, status="5.7.1").verdict is V.RAISE_INCIDENT
    assert "simulator" not in on_complaint("not-spam", exempt=True).why


@pytest.mark.parametrize("sent, fresh", [(-1, False), (0, False), (1, True)])
def test_only_mail_that_left_after_a_removal_is_fresh_evidence(sent: int, fresh: bool) -> None:
    """When the mail left counts, not when its bounce came: late news never undoes a removal."""
    late = feedback(
        FeedbackKind.BOUNCE, mail_sent_at=NOON + timedelta(seconds=sent), occurred_at=NOON + timedelta(hours=1)
    )
    assert outlived_by(NOON, late) is fresh


def test_without_the_time_of_the_mail_the_time_of_the_event_counts() -> None:
    """SES did not say when the mail left: when it bounced is the nearest thing known."""
    event = feedback(FeedbackKind.BOUNCE, mail_sent_at=None, occurred_at=NOON + timedelta(seconds=1))
    assert outlived_by(NOON, event)
    assert not outlived_by(NOON + timedelta(seconds=2), event)


@given(st.integers(0, 50), st.integers(0, 50))
def test_a_pause_doubles_with_each_that_was_served(bounced: int, served: int) -> None:
    """Below three messages none; then 14 days, doubling with each earlier pause, 448 days at most."""
    pause = soft_bounce_pause([NOON] * bounced, earlier_pauses=served)
    if bounced < 3:
        assert pause is None
    else:
        length = timedelta(days=14 * 2 ** min(served, 5))
        assert pause == Pause(until=NOON + length, length=length, messages=bounced)


@given(st.lists(st.integers(0, 500), max_size=12), st.randoms(use_true_random=False))
def test_a_pause_begins_with_the_last_third_bounce_in_a_week(hours: list[int], order: Any) -> None:
    """Whatever order the times are told in; a lone bounce later on neither moves the pause nor ends it."""
    times = [NOON + timedelta(hours=hour) for hour in hours]
    week = timedelta(days=7)
    begins = [one for one in times if sum(one - week <= other <= one for other in times) >= 3]
    order.shuffle(times)
    pause = soft_bounce_pause(times, earlier_pauses=0)
    assert (pause.until if pause else None) == max((one + timedelta(days=14) for one in begins), default=None)


def test_the_scope_of_a_stream_names_its_application() -> None:
    """Two applications may call a stream the same."""
    assert scope_of("invites", "news") == "invites/news"
