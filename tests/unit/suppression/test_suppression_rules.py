"""Which events suppress, in which scope, and for how long: each row of SES's table."""

from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from itertools import pairwise
from typing import Any

import pytest

from app.domain.feedback.bounce_causes import BounceCause
from app.domain.feedback.events import Bounce, BounceType, Complaint, EventType, SesEvent
from app.domain.suppression.pauses import Weight
from app.domain.suppression.rules import (
    ListEffect,
    Origin,
    Ruling,
    complaint_in_words,
    decisive,
    effect_of,
    is_claim,
    is_scope,
    outlived_by,
    rule,
    scope_of,
    scopes_around,
)
from tests.support.aws.bounces import bounce_reader

NOON = datetime(2026, 5, 1, 12, tzinfo=UTC)
P, T = BounceType.PERMANENT, BounceType.TRANSIENT
V = ListEffect


def feedback(kind: EventType, **more: object) -> SesEvent:
    values = {"ses_message_id": "m", "recipient": "kim@example.net", "occurred_at": NOON, "mail_sent_at": NOON}
    return SesEvent(kind=kind, **values | more)  # type: ignore[arg-type]


def ruling_on(reported: SesEvent, *, exempt: bool = False) -> Ruling:
    return rule(reported, read.cause if (read := bounce_reader().read_event(reported)) else None, exempt=exempt)


def on_bounce(kind: BounceType, subtype: str, *, exempt: bool = False, **fields: Any) -> Ruling:
    bounce = Bounce(type=kind, subtype=subtype, **fields)
    return ruling_on(feedback(EventType.BOUNCE, bounce=bounce), exempt=exempt)


def on_complaint(feedback_type: str | None = None, subtype: str | None = None, *, exempt: bool = False) -> Ruling:
    complaint = Complaint(feedback_type=feedback_type, subtype=subtype)
    return ruling_on(feedback(EventType.COMPLAINT, complaint=complaint), exempt=exempt)


FAILED = {"action": "failed", "status": "5.1.1"}
SOFT = {"action": "failed", "status": "4.2.2"}


@pytest.mark.parametrize(
    "kind, subtype, fields, verdict, origin",
    [
        (P, "General", FAILED, V.SUPPRESS, Origin.BOUNCE),
        (P, "NoEmail", FAILED, V.SUPPRESS, Origin.BOUNCE),
        (P, "Suppressed", FAILED, V.PAUSE, None),
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
        (BounceType.UNDETERMINED, "Undetermined", {}, V.LEAVE, None),
        (BounceType.UNKNOWN, "Unknown", {}, V.LEAVE, None),
    ],
)
def test_each_bounce_has_its_ruling(
    kind: BounceType, subtype: str, fields: dict[str, Any], verdict: ListEffect, origin: Origin | None
) -> None:
    """Hard bounces suppress, soft ones count, those about the message or about us do neither; each has a reason."""
    ruling = on_bounce(kind, subtype, **fields)
    assert (ruling.verdict, ruling.origin) == (verdict, origin)
    assert ruling.why.endswith(".")
    assert "@" not in ruling.why


def test_one_refusal_that_is_unclear_only_pauses() -> None:
    """A living person comes back; a second refusal is for the pauses to weigh."""
    ruling = on_bounce(P, "General", action="failed", status="5.0.0", diagnostic="smtp; 550 Nein")
    assert (ruling.verdict, ruling.origin, ruling.weight) == (V.PAUSE, None, Weight.REFUSED)
    assert on_bounce(P, "Suppressed").weight is Weight.GLOBAL_LIST
    assert on_bounce(T, "MailboxFull").weight is Weight.SOFT
    assert on_bounce(P, "OnAccountSuppressionList").weight is None


def test_an_opt_out_at_ses_applies_to_its_stream() -> None:
    """A person who unsubscribed from one stream still gets the others; other suppressions are for every email."""
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
    feedback_type: str | None, subtype: str | None, verdict: ListEffect, origin: Origin | None
) -> None:
    """Every complaint suppresses, except a not-spam report and one about authentication."""
    ruling = on_complaint(feedback_type, subtype)
    assert (ruling.verdict, ruling.origin) == (verdict, origin)


@pytest.mark.parametrize("kind", sorted(set(EventType) - {EventType.BOUNCE, EventType.COMPLAINT}))
def test_no_other_event_is_held_against_an_address(kind: EventType) -> None:
    """Sends, deliveries, delays, opens, clicks and unknown events suppress no address."""
    assert ruling_on(feedback(kind), exempt=False).verdict is V.LEAVE


def test_the_mailbox_simulator_is_exempt_and_the_reason_says_so() -> None:
    """Its addresses bounce on demand, and with an entry each could be used only once. Incidents still count them."""
    for ruling in (on_bounce(P, "General", exempt=True), on_bounce(T, "MailboxFull", exempt=True)):
        assert ruling.verdict is V.LEAVE
        assert "simulator" in ruling.why
    assert on_complaint("abuse", exempt=True).verdict is V.LEAVE
    assert on_bounce(P, "General", exempt=True, status="5.7.1").verdict is V.RAISE_INCIDENT
    assert "simulator" not in on_complaint("not-spam", exempt=True).why


def test_a_bounce_of_the_mailbox_simulator_that_is_laid_to_us_pauses_no_address() -> None:
    """It has no weight among later bounces, and one of a person's address has."""
    assert on_bounce(P, "General", exempt=True, status="5.7.1").weight is None
    assert on_bounce(P, "General", status="5.7.1").weight is Weight.LAID_TO_US


@pytest.mark.parametrize("cause", BounceCause)
def test_the_effect_of_a_cause_is_the_verdict_on_its_bounces(cause: BounceCause) -> None:
    """Reviews ask for the effect of a cause alone."""
    bounced = feedback(EventType.BOUNCE, bounce=Bounce(type=P, subtype="General"))
    assert effect_of(cause) is rule(bounced, cause, exempt=False).verdict


@pytest.mark.parametrize("sent, fresh", [(-1, False), (0, False), (1, True)])
def test_only_an_email_sent_after_a_removal_is_fresh_evidence(sent: int, fresh: bool) -> None:
    """The time of the email counts, not that of its bounce: a late event never undoes a removal."""
    late = feedback(
        EventType.BOUNCE, mail_sent_at=NOON + timedelta(seconds=sent), occurred_at=NOON + timedelta(hours=1)
    )
    assert outlived_by(NOON, late) is fresh


@pytest.mark.parametrize("minutes, fresh", [(-1, False), (0, False), (14, False), (15, False), (16, True)])
def test_a_refusal_by_ses_list_is_no_evidence_until_its_entry_is_deleted(minutes: int, fresh: bool) -> None:
    """Until a sweep has deleted SES's entry, SES still refuses emails because of an entry that was removed here."""
    refused = feedback(EventType.BOUNCE, mail_sent_at=NOON + timedelta(minutes=minutes), occurred_at=NOON)
    assert outlived_by(NOON, refused, origin=Origin.SES_ACCOUNT) is fresh
    assert outlived_by(NOON, refused, origin=Origin.BOUNCE) is (minutes > 0)


def test_without_the_time_of_the_email_the_time_of_the_event_counts() -> None:
    """If SES does not give the time of the email, the time of the bounce is the best estimate."""
    event = feedback(EventType.BOUNCE, mail_sent_at=None, occurred_at=NOON + timedelta(seconds=1))
    assert outlived_by(NOON, event)
    assert not outlived_by(NOON + timedelta(seconds=2), event)


def test_the_scope_of_a_stream_names_its_application() -> None:
    """Two applications may use the same name for a stream."""
    assert scope_of("invites", "news") == "invites/news"


def test_mail_that_left_at_the_end_of_the_quarter_of_an_hour_is_no_evidence_and_a_moment_later_it_is() -> None:
    """To the second, after a removal that SES's own list had not followed."""
    for seconds, fresh in ((0, False), (1, True)):
        left = NOON + timedelta(minutes=15, seconds=seconds)
        refused = feedback(EventType.BOUNCE, mail_sent_at=left, occurred_at=NOON)
        assert outlived_by(NOON, refused, origin=Origin.SES_ACCOUNT) is fresh


def test_only_a_bounce_and_a_complaint_are_claims() -> None:
    """Nothing else can ask anything of the list."""
    bounce = feedback(EventType.BOUNCE, bounce=Bounce(type=P, subtype="General"))
    complaint = feedback(EventType.COMPLAINT, complaint=Complaint(feedback_type=None, subtype=None))
    claims = [is_claim(one) for one in (bounce, complaint, feedback(EventType.DELIVERY))]
    assert claims == [True, True, False]


@pytest.mark.parametrize(
    "feedback_type, subtype, words",
    [
        ("abuse", None, "The recipient reported the email as spam."),
        ("not-spam", None, "A report that is not a complaint of the recipient."),
        (
            None,
            "OnAccountSuppressionList",
            "SES holds an earlier complaint of this address; it did not try to deliver.",
        ),
    ],
)
def test_a_complaint_is_explained_in_words(feedback_type: str | None, subtype: str | None, words: str) -> None:
    """What its ruling says, too."""
    assert complaint_in_words(Complaint(feedback_type=feedback_type, subtype=subtype)) == words
    assert on_complaint(feedback_type, subtype).why == words


@pytest.mark.parametrize("among, is_certain", [(1, True), (2, False), (3, False)])
def test_a_complaint_of_one_among_several_recipients_says_so(among: int, is_certain: bool) -> None:
    """SES then gives all recipients of the email at that provider, and each is suppressed."""
    words = complaint_in_words(Complaint(feedback_type="abuse", subtype=None, among=among))
    assert words.startswith("The recipient " if is_certain else f"One of {among} recipients ")


def test_what_asks_nothing_says_nothing_and_names_no_origin() -> None:
    """The ruling of an event that is no claim."""
    ruling = ruling_on(feedback(EventType.DELIVERY), exempt=True)
    assert ruling == Ruling(verdict=V.LEAVE, why="", origin=None, in_stream_only=False)
    assert ruling.in_stream_only is False


@dataclass(frozen=True)
class Entry:
    """An entry of the list, as far as its strength goes."""

    origin: str
    name: str = ""


def test_the_strongest_entry_gives_the_reason_and_of_equals_the_first() -> None:
    """An erasure before a complaint, a bounce, SES's own list, a person's word and an unsubscription."""
    by_strength = ["unsubscribe", "manual", "ses_account", "bounce", "complaint", "erasure"]
    for weaker, stronger in pairwise(by_strength):
        pair = [Entry(weaker), Entry(stronger)]
        assert decisive(pair) == decisive(pair[::-1]) == Entry(stronger)
    assert decisive([Entry("manual", "first"), Entry("manual", "second")]) == Entry("manual", "first")
    assert decisive([]) is None


@pytest.mark.parametrize(
    "text, is_one",
    [
        ("*", True),
        ("invites", True),
        ("invites/news", True),
        ("invites/v1.2_b-3", True),
        ("a" * 63 + "/" + "b" * 64, True),
        ("a" * 64, False),
        ("a/" + "b" * 65, False),
        ("", False),
        ("invites/", False),
        ("/news", False),
        ("Invites", False),
        ("invites/news/x", False),
        ("invites\n", False),
        ("**", False),
    ],
)
def test_a_scope_is_every_mail_an_application_or_a_stream(text: str, is_one: bool) -> None:
    """And nothing else, to the last character."""
    assert is_scope(text) is is_one


def test_the_scopes_around_a_mail_begin_with_the_widest() -> None:
    """Every mail, its application's, its stream's."""
    assert scopes_around("invites/news") == ("*", "invites", "invites/news")
